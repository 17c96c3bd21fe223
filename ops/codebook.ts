/**
 * Codebooks that learn without gradients: each code is the running mean of the vectors that it stood for (van den Oord,
 * Vinyals and Kavukcuoglu, 2017, appendix A.1); codes that stand for nothing begin anew at vectors of the batch
 * (Dhariwal et al., Jukebox, 2020). All are pure functions of the graph. What a batch says is a sum, so ranks and parts
 * of a batch add theirs before the update.
 *
 * ```ts
 * import { batchCodes, type CodeSums, emaCodebook, emaUpdate, type F32, type I32, type Key, reviveCodes } from "@orrery/orrery"
 * type Codes = CodeSums<"code", "embed">
 * const update = (state: Codes, z: F32<"batch embed">, ids: I32<"batch">, key: Key): [Codes, F32<"code embed">] => {
 *   const next = emaUpdate(state, batchCodes(z, ids, "embed", "code", 512))
 *   const alive = reviveCodes(next, z, key, "embed")
 *   return [alive, emaCodebook(alive)]
 * }
 * ```
 * @module
 */
import {
  align,
  binary,
  cast,
  constant,
  gather,
  reduce,
  reshape,
  scatter,
  select,
  stop,
  unary,
} from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import { type Key, randomInt } from "../core/random/random.ts"
import type { Axes, Has, Sub } from "../core/tensor/axes.ts"
import type { F32, Float, Int, Numeric, Tensor } from "../core/tensor/tensor.ts"
import { typed } from "../core/tensor/tensor.ts"

/** How many vectors each code stood for, and their sums: of a batch, or remembered. */
export interface CodeSums<C extends string, N extends string> {
  readonly counts: Tensor<"f32", [C]>
  readonly sums: Tensor<"f32", [C, N]>
}

/** How a codebook remembers. */
export interface EmaSettings {
  /** What is kept of the past at each update; 0.99. */
  readonly decay?: number
}

/** How counts are smoothed. */
export interface SmoothSettings {
  /** Added to each count (Laplace); 1e-5. */
  readonly epsilon?: number
}

/** Which codes begin anew, and how. */
export interface ReviveSettings {
  /** Codes that stood for fewer vectors than this, as remembered, begin anew; 1. */
  readonly threshold?: number
  /** The count that they begin with; as the threshold. */
  readonly count?: number
}

const outside = (op: string, name: string, value: number, low: number, high: number): Faults =>
  value >= low && value <= high
    ? []
    : [fault("ValueFault", op, `'${name}' is ${value}; expected a number from ${low} to ${high}`)]

const flagged = <C extends string, N extends string>(s: CodeSums<C, N>, faults: Faults): CodeSums<C, N> =>
  faults.length === 0 ? s : { ...s, counts: typed(marked(s.counts, faults)) }

/** How many of the ids name each code, in f32; `size` is the number of codes. Ids outside count for none. */
export const codeCounts = <const C extends string>(
  ids: Tensor<Int, Axes>,
  code: C,
  size: number,
): Tensor<"f32", [C]> => typed(scatter(constant("f32", 1), tensor("codeCounts", ids, "i32"), code, size))

/**
 * What a batch says of each code: how many vectors of `z` it stood for, and their sum, in f32. `ids` are the numbers of
 * their codes, `on` the axis of features, `size` the number of codes. Nothing of it carries a gradient.
 */
export const batchCodes = <A extends Axes, I extends Axes, const N extends string, const C extends string>(
  z: Tensor<Float, A>,
  ids: Tensor<Int, I> & Sub<A, I>,
  on: N & Has<A, N>,
  code: C,
  size: number,
): CodeSums<C, N> => {
  const x = cast(stop(tensor("batchCodes", z)), "f32")
  return {
    counts: codeCounts(ids, code, size),
    sums: typed(scatter(x, tensor("batchCodes", ids, "i32"), code, size, [], [code, on])),
  }
}

/** A memory of which `emaCodebook` makes this codebook: each code stood for `count` vectors like itself. */
export const emaStart = <const C extends string, const N extends string>(
  codebook: Tensor<"f32", [C, N]>,
  count: number = 1,
): CodeSums<C, N> => {
  const e = tensor("emaStart", codebook)
  const ones = align(constant("f32", count), e.axes.slice(0, 1), e.shape.slice(0, 1))
  return { counts: typed(ones), sums: typed(binary("mul", e, count)) }
}

/** The memory after a batch: decay * memory + (1 - decay) * batch, of counts and sums. Faults: a decay outside 0..1. */
export const emaUpdate = <C extends string, N extends string>(
  state: CodeSums<C, N>,
  batch: CodeSums<NoInfer<C>, NoInfer<N>>,
  { decay = 0.99 }: EmaSettings = {},
): CodeSums<C, N> => {
  const mix = (old: Node, now: Node): Node => binary("add", binary("mul", old, decay), binary("mul", now, 1 - decay))
  const next: CodeSums<C, N> = {
    counts: typed(mix(state.counts, batch.counts)),
    sums: typed(mix(state.sums, batch.sums)),
  }
  return flagged(next, outside("emaUpdate", "decay", decay, 0, 1))
}

/**
 * The codes of a memory: sums / smoothed counts, where Laplace's smoothing gives a code of no vectors a count that can
 * be divided by: n' = (n + epsilon) / (total + codes * epsilon) * total. Where all counts are 0, so are the codes.
 */
export const emaCodebook = <C extends string, N extends string>(
  { counts, sums }: CodeSums<C, N>,
  { epsilon = 1e-5 }: SmoothSettings = {},
): Tensor<"f32", [C, N]> => {
  const total = reduce("sum", counts, counts.axes)
  const whole = binary("add", total, epsilon * count(counts.shape))
  const smoothed = binary("mul", binary("add", counts, epsilon), binary("div", total, whole))
  const some = binary("gt", smoothed, 0)
  const scale = select(some, unary("recip", select(some, smoothed, 1)), 0)
  const codes = binary("mul", sums, align(scale, sums.axes, sums.shape))
  return typed(marked(codes, outside("emaCodebook", "epsilon", epsilon, 0, 1)))
}

/**
 * Codes whose remembered count is below the threshold begin anew at vectors of the batch, drawn by the key with
 * replacement: code i at vector `randomInt(key)[i]` of `z`, its vectors in row-major order, so all devices draw the same.
 * Others stay as they are, to the bit. Faults: a batch without vectors.
 */
export const reviveCodes = <A extends Axes, C extends string, const N extends string>(
  state: CodeSums<C, N>,
  z: Tensor<Float, A>,
  key: Key,
  on: N & Has<A, N>,
  { threshold = 1, count: begins = threshold }: ReviveSettings = {},
): CodeSums<C, N> => {
  const { counts, sums } = state
  const x = cast(stop(tensor("reviveCodes", z)), "f32")
  const batch = x.axes.filter((a) => a !== on)
  const sizes = batch.map((a) => sizeOf(x, a)!)
  const [code, rows] = [counts.axes[0], count(sizes)]
  const width = sizeOf(x, on) ?? 1
  const vectors = reshape(align(x, [...batch, on], [...sizes, width]), [row, on], [rows, width])
  const drawn = randomInt(key, { dtype: "i32", axes: [code], shape: counts.shape } as never, 0, Math.max(1, rows))
  const dead = binary("lt", counts, threshold)
  const fresh = binary("mul", align(gather(vectors, drawn, row), sums.axes, sums.shape), begins)
  const next: CodeSums<C, N> = {
    counts: typed(select(dead, begins, counts)),
    sums: typed(select(align(dead, sums.axes, sums.shape), fresh, sums)),
  }
  const none = rows > 0 ? [] : [fault("SizeFault", "reviveCodes", "the batch has no vectors to begin at; give one")]
  return flagged(next, none)
}

/** A name that no axis of a user has, as names are single words without it. */
const row = "quantize.row"

/** How a codebook is used. */
export interface CodeUsage {
  /** exp of the entropy of the codes: as many codes, used alike, would tell as much. 1 where nothing was counted. */
  readonly perplexity: F32
  /** The share of the codes that were used at all, 0 to 1. */
  readonly share: F32
}

/** How the codes are used, of their counts; those above `least` are used, 0 if not given. */
export const codeUsage = <C extends string>(counts: Tensor<Numeric, [C]>, least: number = 0): CodeUsage => {
  const n = cast(tensor("codeUsage", counts), "f32")
  const total = reduce("sum", n, n.axes)
  const p = binary("div", n, select(binary("gt", total, 0), total, 1))
  const used = binary("gt", p, 0)
  const each = select(used, binary("mul", p, unary("log", select(used, p, 1))), 0)
  const share = binary(
    "mul",
    reduce("sum", cast(binary("gt", n, least), "f32"), n.axes),
    1 / Math.max(1, count(n.shape)),
  )
  return { perplexity: typed(unary("exp", unary("neg", reduce("sum", each, n.axes)))), share: typed(share) }
}
