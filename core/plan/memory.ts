/**
 * What a program's memory is for, before it runs: inputs by what they are, and the arena by when its arrays live. On a
 * mesh of processes these are the bytes of one rank; on a local one, those of all ranks together.
 * @module
 */
import { written } from "../kernel/expression.ts"
import { livesOf } from "./lives.ts"
import { bufferBytes, type Program, type Step } from "./program.ts"

/** Bytes by purpose; together they are the forecast's peak. */
export interface Memory {
  /** Inputs by the first of the given paths that they lie under; the rest as `others`. */
  readonly inputs: { readonly [name: string]: number }
  readonly outputs: number
  readonly constants: number
  /** Bytes of the arena that hold what the backward pass reads of the forward pass: alive where the loss is known. */
  readonly residuals: number
  /** The most that blocks under way between ranks take, sent and arriving. */
  readonly exchanged: number
  /** What is left of the arena: values of the moment. */
  readonly workspace: number
  /** All of the arena: residuals, blocks between ranks and workspace may share bytes over time. */
  readonly arena: number
}

/** Names of groups of inputs, and the path that each lies under. */
export type Groups = { readonly [name: string]: string }

/** A training state as `models/llama/train.ts` keeps it. */
export const trainingGroups: Groups = { parameters: "state.parameters", optimiser: "state.optimiser" }

const under = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}.`)

/** Steps in the count of lives: those inside of a repeat count once, and its end counts one. */
const lengthOf = (s: Step): number => s.tag === "dispatch" ? 1 : 1 + s.steps.reduce((n, t) => n + lengthOf(t), 0)

/** Where the step that stores a buffer ends, in the count of lives. */
const storedAt = (p: Program, buffer: number): number => {
  const stores = (s: Step): boolean =>
    s.tag === "dispatch" ? written(p.kernels[s.kernel]!).some((w) => s.buffers[w] === buffer) : s.steps.some(stores)
  let at = 0
  for (const s of p.steps) {
    const next = at + lengthOf(s)
    if (stores(s)) return next
    at = next
  }
  return at
}

/**
 * The memory of a program by purpose. `turn` is the path of the output that is known where forward ends and backward
 * begins: `metrics.loss`.
 */
export const memoryOf = (p: Program, groups: Groups = trainingGroups, turn = "metrics.loss"): Memory => {
  const lives = livesOf(p.steps, p.kernels, p.exchanges)
  const inArena = p.buffers.flatMap((b, i) =>
    b.place.tag === "arena" ? [[bufferBytes(b.dtype, b.elements), lives.get(i) ?? [0, 0]] as const] : []
  )
  const loss = p.outputs.find((o) => o.path === turn)
  const border = loss === undefined ? -1 : storedAt(p, loss.buffer)
  const residuals = inArena.reduce(
    (sum, [bytes, [first, last]]) => first < border && last >= border ? sum + bytes : sum,
    0,
  )
  const edges = [...new Set(p.exchanges.flatMap((e) => [e.start, e.finish]))]
  const flying = edges.map((at) => {
    const there = p.exchanges.filter((e) => e.start <= at && at <= e.finish)
    const buffers = new Set(there.flatMap((e) => [e.from, e.to]))
    return [...buffers].reduce((n, b) => n + bufferBytes(p.buffers[b]!.dtype, p.buffers[b]!.elements), 0)
  })
  const exchanged = Math.max(0, ...flying)
  const names = [...Object.keys(groups), "others"]
  const inputs = Object.fromEntries(names.map((name) => [name, 0]))
  for (const s of p.inputs) {
    const name = Object.keys(groups).find((g) => under(s.path, groups[g]!)) ?? "others"
    inputs[name]! += bufferBytes(s.dtype, p.buffers[s.buffer]!.elements)
  }
  const { outputs, constants, arena } = p.forecast
  const workspace = Math.max(0, arena - residuals - exchanged)
  return { inputs, outputs, constants, residuals, exchanged, workspace, arena }
}
