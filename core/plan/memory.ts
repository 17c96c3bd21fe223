/**
 * What a program's memory is for, before it runs: inputs by what they are, and the arena by when its arrays live. On a
 * mesh of processes these are the bytes of one rank; on a local one, those of all ranks together.
 * @module
 */
import { written } from "../kernel/expression.ts"
import { beginsOf, flightsOf, livesOf } from "./lives.ts"
import { bufferBytes, type Program, type Step } from "./program.ts"

/** Bytes by purpose; inputs, outputs, constants and the arena are the forecast's peak. */
export interface Memory {
  /** Inputs by the first of the given paths that they lie under; the rest as `others`. */
  readonly inputs: { readonly [name: string]: number }
  readonly outputs: number
  readonly constants: number
  /** Bytes of the arena that hold what the backward pass reads of the forward pass: alive where the loss is known. */
  readonly residuals: number
  /** The most that blocks under way between ranks take, sent and arriving. */
  readonly exchanged: number
  /** The most that everything else in the arena takes: values of the moment. */
  readonly workspace: number
  /** All of the arena. The three above are the most of each, at different times, so their sum may be more. */
  readonly arena: number
}

/** Names of groups of inputs, and the path that each lies under. */
export type Groups = { readonly [name: string]: string }

/** A training state as `models/llama/train.ts` keeps it. */
export const trainingGroups: Groups = { parameters: "state.parameters", optimiser: "state.optimiser" }

const under = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}.`)

/** Where the step that stores a buffer ends, in the count of lives; of what ranks give each other, what this one gives. */
const storedAt = (p: Program, buffer: number): number => {
  const arriving = p.exchanges.find((e) => e.to === buffer)
  if (arriving !== undefined) return storedAt(p, arriving.from)
  const stores = (s: Step): boolean =>
    s.tag === "dispatch" ? written(p.kernels[s.kernel]!).some((w) => s.buffers[w] === buffer) : s.steps.some(stores)
  const begins = beginsOf(p.steps)
  const step = p.steps.findIndex(stores)
  return begins[step + 1 || begins.length - 1]!
}

/** The most bytes alive at once, of arrays with the first and last moment of each. */
const most = (lives: ReadonlyArray<readonly [bytes: number, first: number, last: number]>): number => {
  const changes = lives.flatMap(([bytes, first, last]) => [[first, bytes], [last, -bytes]] as const)
  // what ends at a moment is there still for what begins
  const sorted = [...changes].sort(([a, x], [b, y]) => a - b || y - x)
  let now = 0
  return sorted.reduce((top, [, by]) => Math.max(top, now += by), 0)
}

/**
 * The memory of a program by purpose. `turn` is the path of the output that is known where forward ends and backward
 * begins: `metrics.loss`.
 */
export const memoryOf = (p: Program, groups: Groups = trainingGroups, turn = "metrics.loss"): Memory => {
  const lives = livesOf(p.steps, p.kernels, p.exchanges)
  const loss = p.outputs.find((o) => o.path === turn)
  const border = loss === undefined ? -1 : storedAt(p, loss.buffer)
  const moments = flightsOf(p.steps, p.exchanges)
  const flights = p.exchanges.flatMap((e, i) => [e.from, e.to].map((b) => [b, ...moments[i]!] as const))
  const kept = (b: number): boolean => {
    const [first, last] = lives.get(b) ?? [0, 0]
    return first < border && last >= border
  }
  const arrays = p.buffers.flatMap((b, i) => b.place.tag === "arena" ? [i] : [])
  const bytes = (b: number): number => bufferBytes(p.buffers[b]!.dtype, p.buffers[b]!.elements)
  const residuals = arrays.filter(kept).reduce((sum, b) => sum + bytes(b), 0)
  const exchanged = most(flights.map(([b, first, last]) => [bytes(b), first, last]))
  const away = new Set(flights.map(([b]) => b))
  const moment = arrays.filter((b) => !kept(b) && !away.has(b))
  const workspace = most(moment.map((b) => [bytes(b), ...(lives.get(b) ?? [0, 0])] as const))
  const names = [...Object.keys(groups), "others"]
  const inputs = Object.fromEntries(names.map((name) => [name, 0]))
  for (const s of p.inputs) {
    const name = Object.keys(groups).find((g) => under(s.path, groups[g]!)) ?? "others"
    inputs[name]! += bufferBytes(s.dtype, p.buffers[s.buffer]!.elements)
  }
  const { outputs, constants, arena } = p.forecast
  return { inputs, outputs, constants, residuals, exchanged, workspace, arena }
}
