/**
 * Attention that folds over blocks of keys: scores are never held, forward keeps the result and the log-sum-exp of every
 * row, backward computes the weights again from that (Rabe and Staats, 2021; Dao et al., 2022). What is seen is said by
 * positions, segments and a window, so any layout of tokens can be masked right.
 *
 * ```ts
 * import { blockwiseAttention, type F32, type I32 } from "@orrery/orrery"
 * type Q = F32<"batch time group share head">
 * type K = F32<"batch time group head">
 * const packed = (q: Q, k: K, v: K, segments: I32<"batch time">): Q =>
 *   blockwiseAttention(q, k, v, { causal: true, segments })
 * ```
 *
 * Axes of the queries that keys lack are shares: heads that use the same keys. Axes of the keys that queries lack lead
 * the result. All others go side by side.
 * @module
 */
import type { Attention } from "../core/graph/attention.ts"
import {
  attend,
  type AttendMasks,
  binary,
  cast,
  constant,
  custom,
  pick,
  reduce,
  stop,
  unary,
} from "../core/graph/build.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has, Replace, Same, Without } from "../core/tensor/axes.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"
import { back } from "./attention-gradient.ts"
import { type AttentionOptions, guessed, type Settled, settled } from "./attention-settings.ts"

export type { AttentionOptions, Marks, Sides } from "./attention-settings.ts"

/** Axes of the result: those of the keys alone, then those of the queries with `V` for `H`. */
export type Attended<A extends Axes, B extends Axes, K extends string, H extends string, V extends string> = [
  ...Without<B, A[number] | K | H>,
  ...Replace<A, H, [V]>,
]

/** Axes of the log-sum-exp: one number a row of scores. */
export type Rows<A extends Axes, B extends Axes, K extends string, H extends string> = [
  ...Without<B, A[number] | K | H>,
  ...Without<A, H>,
]

/** The name of the keys' axis that is taken where none is given. */
export type DefaultKey<B extends Axes, Q extends string> = Q extends B[number] ? Q : "key"

/** Values have their own axes, and all others that the keys have. */
export type ValueAxes<B extends Axes, C extends Axes, K extends string, H extends string, V extends string> =
  [Exclude<K | V, C[number]>] extends [never] ? Same<Without<B, H>, Without<C, V>> : Has<C, K | V>

/** Gradients of the mean of values, from nothing but the rule's arguments: q, k, v, masks, log-sum-exp. */
const meanBack = (op: Attention) => (ct: Node, out: Node, inputs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const lse = inputs[3 + op.masks.length]!
  const delta = reduce("sum", binary("mul", cast(out, "f32"), cast(ct, "f32")), [op.value])
  const keys = back("keys", op, inputs, [lse, delta], ct)
  return [pick(back("query", op, inputs, [lse, delta], ct), 0), pick(keys, 0), pick(keys, 1)]
}

/** Gradients of the log-sum-exp: a change of it counts as the negative of delta. Values have none. */
const rowsBack =
  (op: Attention, out: Node) => (ct: Node, lse: Node, inputs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
    const delta = unary("neg", ct)
    const none = constant(out.dtype, 0, out.axes, out.shape)
    const part = (half: "query" | "keys"): Node => pick(back(half, op, inputs, [lse, delta], none), 0)
    return [part("query"), part("keys")]
  }

/** Mean of values and log-sum-exp, with their gradients. */
const both = (s: Settled): { readonly out: Node; readonly lse: Node } => {
  if (!s.fits) return { out: guessed(s, 0), lse: guessed(s, 1) }
  const { part: _, masks, ...options } = s.op
  const given: AttendMasks = Object.fromEntries(masks.map((m, i) => [m, s.masks[i]!]))
  const made = attend("forward", [s.q, s.k, s.v], given, options)
  const [out, lse] = [pick(made, 0), pick(made, 1)]
  const inputs = [s.q, s.k, s.v, ...s.masks]
  return {
    out: custom(out, [...inputs, stop(lse)], meanBack(s.op), [0, inputs.length + 1]),
    lse: custom(lse, inputs, rowsBack(s.op, out), [0]),
  }
}

/** A result and the log of the sum of exp of its scores, with which results over other keys can be merged. */
export interface Finished<D extends Float, A extends Axes, R extends Axes> {
  readonly out: Tensor<D, A>
  /** The lowest f32 where a row sees no key; never infinite. */
  readonly logSumExp: Tensor<"f32", R>
}

/**
 * For every query the mean of the values, weighted by softmax of scale * q.k over the keys that it sees; 0 where it sees
 * none. Sums are f32; the result has the dtype of the queries. It is differentiated once, for queries, keys and values.
 *
 * Faults: axes that lack or clash, sizes that differ, block sizes, windows and causal blocks that are no whole numbers
 * from 1, literal segments that fall along the sequence or positions below 0, a bias that gradients could go into. Values
 * that come at run time are looked at by `segmentFaults` and `positionFaults`.
 */
export const blockwiseAttention = <
  D extends Float,
  A extends Axes,
  B extends Axes,
  C extends Axes,
  const Q extends string = "time",
  const K extends string = DefaultKey<B, Q>,
  const H extends string = "head",
  const V extends string = H,
>(
  q: Tensor<D, A> & Has<A, Q | H>,
  k: Tensor<Float, B> & Has<B, K | H>,
  v: Tensor<Float, C> & ValueAxes<B, C, K, H, V>,
  options?: AttentionOptions<A, B, Q, K, H, V>,
): Tensor<D, Attended<A, B, NoInfer<K>, NoInfer<H>, NoInfer<V>>> =>
  typed(both(settled("blockwiseAttention", [q, k, v], options)).out)

/**
 * `blockwiseAttention` with the log-sum-exp of every row. Both have gradients; using both costs two backward passes.
 */
export const attentionWithLogSumExp = <
  D extends Float,
  A extends Axes,
  B extends Axes,
  C extends Axes,
  const Q extends string = "time",
  const K extends string = DefaultKey<B, Q>,
  const H extends string = "head",
  const V extends string = H,
>(
  q: Tensor<D, A> & Has<A, Q | H>,
  k: Tensor<Float, B> & Has<B, K | H>,
  v: Tensor<Float, C> & ValueAxes<B, C, K, H, V>,
  options?: AttentionOptions<A, B, Q, K, H, V>,
): Finished<D, Attended<A, B, NoInfer<K>, NoInfer<H>, NoInfer<V>>, Rows<A, B, NoInfer<K>, NoInfer<H>>> => {
  const { out, lse } = both(settled("attentionWithLogSumExp", [q, k, v], options))
  return { out: typed(out), logSumExp: typed(lse) }
}
