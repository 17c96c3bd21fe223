/**
 * Examples of text and pictures in rows, by the packings of text. A packing looks at lengths and at what counts, never at
 * ids; so the mask of vision tokens, packed as if it were ids, comes to lie where the tokens do.
 *
 * Weights are for a loss that is a weighted sum for each of the two vocabularies (`reduction: "given"`). Each example then
 * counts as if it stood alone and padded in LWM's loss: a mean over examples of the mean over its vision targets, and one
 * of that over its text targets; where an example has none of one kind, it takes part there with 0 (Liu et al., 2024, 3.3
 * and table 10). For `stream` the same is so of rows.
 * @module
 */
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { Example, Packed, Packing, Rows } from "./example.ts"
import { masked, pad, stream } from "./packing.ts"
import type { Filling, Tallied } from "./parts.ts"
import type { Balance, VisionExample, VisionRows } from "./vision-example.ts"

// ---- types -------------------------------------------------------------------

/** How much examples of a task count, beside others; 1 where nothing is said. */
export type TaskWeights = Balance["tasks"]

/** Vision rows, and what became of the examples where the packing tells it. */
export type VisionPacked = Packed<VisionRows> & Partial<Pick<Tallied, "tally">>

/** A packing of examples of two vocabularies. */
export interface VisionPacking extends Packing<VisionExample, VisionRows> {
  readonly pack: (...given: Parameters<Packing<VisionExample>["pack"]>) => VisionPacked | undefined
}

/** What a mean is taken of: rows, or the examples in them. */
type Each = "row" | "segment"

// ---- weights -------------------------------------------------------------------

/** What was summed up of a row or an example: for both vocabularies the weights of targets, and how many there are. */
interface Sum {
  readonly of: [text: number, vision: number]
  counted: number
  weight: number
}

/** The group that a place belongs to. */
const groupOf = ({ tokens, segments }: Rows, each: Each): (at: number) => number => {
  const time = tokens.shape[1]!
  return (at) =>
    each === "row" || segments === undefined
      ? Math.floor(at / time)
      : Math.floor(at / time) * (time + 1) + segments.data[at]!
}

/**
 * Of a group g with the weight t: a target's share of its vocabulary's targets in g, times t / (the t of all groups). An
 * example has the weight of its task; a row of several has their mean.
 */
const weigh = (
  rows: Rows,
  each: Each,
  taskWeight: (at: number) => number,
  visionTargets: ArrayLike<number>,
): Float32Array => {
  const group = groupOf(rows, each)
  const { data, shape } = rows.weights
  const sums = new Map<number, Sum>()
  const sumOf = (g: number): Sum => {
    const found = sums.get(g)
    if (found !== undefined) return found
    const made: Sum = { of: [0, 0], counted: 0, weight: 0 }
    sums.set(g, made)
    return made
  }
  for (let at = 0; at < data.length; at++) {
    if (data[at] === 0) continue
    const sum = sumOf(group(at))
    const weight = taskWeight(at)
    sum.of[visionTargets[at]! as 0 | 1] += weight
    sum.counted++
    sum.weight += weight
  }
  const mean = ({ weight, counted }: Sum): number => weight / counted
  const silent = each === "row" ? shape[0]! - sums.size : 0
  const all = [...sums.values()].reduce((n, sum) => n + mean(sum), silent)
  return Float32Array.from<number>(data, (counts, at) => {
    if (counts === 0) return 0
    const sum = sumOf(group(at))
    const whole = sum.of[visionTargets[at]! as 0 | 1] * all
    return whole === 0 ? 0 : (mean(sum) * taskWeight(at)) / whole
  })
}

// ---- packings ------------------------------------------------------------------

/** Twice a task's number, and 1 where the token is of the vision vocabulary, in the place of each token. */
const marks = (examples: ReadonlyArray<VisionExample>, names: ReadonlyArray<string | undefined>) =>
  examples.map(({ counted, vision, task }): Example => {
    const number = 2 * names.indexOf(task)
    return { counted, tokens: Int32Array.from(vision, (v) => number + v) }
  })

/** A packing of text for examples of two vocabularies; `packing` makes it for a token that fills rows up. */
const across = (
  packing: (pad: number) => Packing,
  each: Each,
  { pad, tasks }: { readonly pad: number; readonly tasks: TaskWeights },
): VisionPacking => {
  const [tokens, marking] = [packing(pad), packing(0)]
  return {
    name: tokens.name,
    pack: (examples, skip, shape) => {
      const packed = tokens.pack(examples, skip, shape)
      if (packed === undefined) return undefined
      const names = [...new Set(examples.map(({ task }) => task))]
      // what fills rows up has the number 0 there: text, of weight 0
      const marked = marking.pack(marks(examples, names), skip, shape)
      if (marked === undefined) return undefined
      const [here, next] = [marked.rows.tokens.data, marked.rows.targets.data]
      const weights = names.map((name) => (name === undefined ? undefined : tasks[name]) ?? 1)
      const visionTargets = next.map((mark) => mark & 1)
      const ids = i32("batch time", shape)
      const rows: VisionRows = {
        ...packed.rows,
        weights: {
          ...f32("batch time", shape),
          data: weigh(packed.rows, each, (at) => weights[next[at]! >> 1]!, visionTargets),
        },
        vision: { ...ids, data: here.map((mark) => mark & 1) },
        visionTargets: { ...ids, data: visionTargets },
      }
      return { ...packed, rows }
    },
  }
}

/** All examples as one stream, cut anywhere: see `stream`. */
export const visionStream = (tasks: TaskWeights = {}): VisionPacking => across(() => stream, "row", { pad: 0, tasks })

/** One example a row, filled up with a token of text: see `pad`. */
export const visionPad = (filling: Filling, tasks: TaskWeights = {}): VisionPacking =>
  across((token) => pad({ ...filling, pad: token }), "row", { pad: filling.pad, tasks })

/** Examples of any kind share rows, each sees itself only: see `masked`. */
export const visionMasked = (
  filling: Filling & { readonly together?: number },
  tasks: TaskWeights = {},
): VisionPacking => across((token) => masked({ ...filling, pad: token }), "segment", { pad: filling.pad, tasks })
