/**
 * The desk recipe's table: context doubles from row to row, each time with a larger rotary base, as in LWM's table 11.
 * @module
 */
import { extend, type Extension } from "../extend.ts"
import type { Mixture } from "./curriculum.ts"
import { type Common, type Learned, lesson } from "./training.ts"

/** Mostly needles over the new length; enough of the book, and of tokens of all kinds that come again, to forget neither. */
export const mixture: Mixture = { text: 0.4, repeats: 0.15, pairs: 0, needles: 0.45 }

/** Context, rotary base and steps of every stage. */
export const table: ReadonlyArray<Extension> = [
  { name: "text-512", context: 512, theta: 40_000, steps: 200, tokens: 8192, warmup: 20, rate: 1e-3 },
  { name: "text-1k", context: 1024, theta: 160_000, steps: 200, tokens: 8192, warmup: 20, rate: 1e-3 },
  { name: "text-2k", context: 2048, theta: 640_000, steps: 250, tokens: 8192, warmup: 20, rate: 1e-3 },
]

/** How a context grows. */
export interface Growing {
  readonly table: ReadonlyArray<Extension>
  readonly mixture: Mixture
}

/** The chain of stages. */
export const grown = (common: Common, base: Learned, { table, mixture }: Growing): ReadonlyArray<Learned> =>
  extend(table, common.model, base, (row, before) =>
    lesson(common, {
      name: row.name,
      about: `context ${row.context}, theta ${row.theta}`,
      reach: row,
      rows: row.tokens / row.context,
      steps: row.steps,
      rate: { kind: "constant", peak: row.rate, warmup: row.warmup },
      mixture,
      seed: row.context,
    }, before))
