/**
 * The numbers of LWM's text model (Liu et al., 2024, section 3 and appendix): stages, chat, documents, meshes.
 *
 * The paper writes a batch of "4M" tokens. Here that is 4 * 2^20: rows of 32K to 1M then fill it exactly, and from 128K on
 * there is exactly one row for each rank of the mesh's data axis. The paper's totals are these steps times 4M, with M = 2^20:
 * 1200 steps are 4800 M, its "4.8B". In units of ten they are 4.9 % more.
 * @module
 */
import { paper } from "../../data/documents.ts"
import type { Extension, Reach } from "../extend.ts"

/** A row of a table of the paper. */
export interface Row extends Extension {
  /** LWM's mesh, `dp,fsdp,tp,sp`. */
  readonly mesh: string
}

const K = 1024
const M = K * K

/** Tokens of a step. */
export const batchTokens: number = 4 * M

/** Chips of the v4-512 that the text stages ran on: two cores are one device. */
export const devices = 256

/** Llama-2, where all begins. */
export const reach: Reach = { context: 4 * K, theta: 10_000 }

/** Billions of tokens as the paper counts them: thousands of its M, each 2^20. */
export const paperBillions = ({ steps, tokens }: Pick<Extension, "steps" | "tokens">): number =>
  (steps * tokens) / (1000 * M)

/** A row, with the documents that are kept for it, if there are any. */
const row = (
  [name, context, theta, steps, warmup]: readonly [string, number, number, number, number],
  mesh: string,
): Row => {
  const bin = paper.find((p) => p.name === name)
  const documents = bin === undefined ? {} : { bin: { from: bin.from, below: bin.below } }
  return { name, context, theta, steps, warmup, tokens: batchTokens, rate: 4e-5, mesh, ...documents }
}

/** Table 11: each stage begins from the one before it, the first from Llama-2 7B. Documents as in the paper's data table. */
export const textStages: ReadonlyArray<Row> = [
  row(["32K", 32 * K, 1e6, 1200, 100], "1,-1,4,1"),
  row(["128K", 128 * K, 1e7, 3000, 200], "1,-1,8,1"),
  row(["256K", 256 * K, 1e7, 3000, 200], "1,-1,16,1"),
  row(["512K", 512 * K, 2.5e7, 720, 50], "1,-1,16,2"),
  row(["1M", M, 5e7, 450, 25], "1,-1,16,4"),
]

/** Chat: one model of each length from the text model of that length; 1.2B tokens each. */
export const chatStages: ReadonlyArray<Row> = textStages.slice(1).map((text) =>
  row([`chat-${text.name}`, text.context, text.theta, 300, 25], text.mesh)
)
