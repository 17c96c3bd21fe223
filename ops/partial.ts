/**
 * Partial attention: what queries know after seeing some of the keys. It is a monoid: `merge` is associative, `nothing` is
 * its identity, and the order of the keys does not matter but for rounding. So keys may be cut anyhow, over blocks, splits
 * of a cache or ranks, and the pieces give what the whole gives (Milakov and Gimelshein, 2018; Liu et al., 2023).
 *
 * Of scores s and values v it holds a scale `max`, the `sum` of exp(s - max), and exp(s - max) v summed as `weighted`, all
 * in f32. All is finite: having seen nothing is (lowest f32, 0, 0), so that no difference of two is ever NaN.
 *
 * ```ts
 * import { type F32, Partials } from "@orrery/orrery"
 * type X = F32<"batch time head">
 * const both = (q: X, near: X, far: X): X =>
 *   Partials.finish(Partials.merge(Partials.attend(q, near, near), Partials.attend(q, far, far))).out
 * ```
 * @module
 */
import { nothing as lowest } from "../core/graph/attention.ts"
import { binary, cast, constant, reduce, select, stop, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has, Same, Without } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import type { Spec } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"
import {
  type Attended,
  attentionWithLogSumExp,
  type DefaultKey,
  type Finished,
  type Rows,
  type ValueAxes,
} from "./attention.ts"
import type { AttentionOptions } from "./attention-settings.ts"

/** Attention over some of the keys. `A` are the axes of a result, `R` those without its features. */
export interface PartialAttention<A extends Axes, R extends Axes> {
  /** What the sums are scaled by: for exact arithmetic any number would do; the largest score keeps exp small. */
  readonly max: Tensor<"f32", R>
  readonly sum: Tensor<"f32", R>
  readonly weighted: Tensor<"f32", A>
}

interface Nodes {
  readonly max: Node
  readonly sum: Node
  readonly weighted: Node
}

const of = <A extends Axes, R extends Axes>({ max, sum, weighted }: Nodes): PartialAttention<A, R> => ({
  max: typed(max),
  sum: typed(sum),
  weighted: typed(weighted),
})

const nodesOf = (op: string, given: unknown): Nodes => {
  const p = (given ?? {}) as { readonly [key: string]: unknown }
  return { max: tensor(op, p["max"]), sum: tensor(op, p["sum"]), weighted: tensor(op, p["weighted"]) }
}

const mul = (x: Node, y: Node): Node => binary("mul", x, y)
const add = (x: Node, y: Node): Node => binary("add", x, y)

/** What a partial of scale `max` counts for under the scale `top`. */
const share = (max: Node, top: Node): Node => unary("exp", binary("sub", max, top))

/** The identity: no key was seen. The spec is of a result, `value` names its features. */
export const nothing = <A extends Axes, const V extends string = "head">(
  like: Spec<DType, A> & Has<A, NoInfer<V>>,
  value?: V,
): PartialAttention<A, Without<A, V>> => {
  const kept = like.axes.flatMap((a, i) => a === (value ?? "head") ? [] : [[a, like.shape[i]!] as const])
  const rows = (x: number): Node => constant("f32", x, kept.map(([a]) => a), kept.map(([, n]) => n))
  return of({ max: rows(lowest), sum: rows(0), weighted: constant("f32", 0, like.axes, like.shape) })
}

/** Both together: attention over the keys of both. The greater scale stays, so nothing overflows. */
export const merge = <A extends Axes, R extends Axes, B extends Axes, S extends Axes>(
  first: PartialAttention<A, R>,
  second: PartialAttention<B, S> & Same<A, B>,
): PartialAttention<A, R> => {
  const [x, y] = [nodesOf("merge", first), nodesOf("merge", second)]
  // the scale cancels, so it is constant for the gradient
  const top = stop(binary("max", x.max, y.max))
  const [a, b] = [share(x.max, top), share(y.max, top)]
  return of({
    max: top,
    sum: add(mul(x.sum, a), mul(y.sum, b)),
    weighted: add(mul(x.weighted, a), mul(y.weighted, b)),
  })
}

/** All along an axis together, in one fold: the axis of a split of the keys, or of ranks. */
export const mergeOver = <A extends Axes, R extends Axes, const N extends string>(
  partial: PartialAttention<A, R>,
  axis: N & Has<R, N>,
): PartialAttention<Without<A, N>, Without<R, N>> => {
  const p = nodesOf("mergeOver", partial)
  const all = (x: Node): Node => reduce("sum", x, [axis])
  const top = stop(binary("max", reduce("max", p.max, [axis]), lowest))
  const a = share(p.max, top)
  return of({ max: top, sum: all(mul(p.sum, a)), weighted: all(mul(p.weighted, a)) })
}

/** The mean of values and the log-sum-exp: 0 and the lowest f32 where nothing was seen. */
export const finish = <A extends Axes, R extends Axes>(partial: PartialAttention<A, R>): Finished<"f32", A, R> => {
  const p = nodesOf("finish", partial)
  const any = binary("gt", p.sum, 0)
  const sum = select(any, p.sum, 1)
  return {
    out: typed(binary("div", p.weighted, sum)),
    logSumExp: typed(select(any, add(p.max, unary("log", sum)), lowest)),
  }
}

/** A result as a partial, to be merged with others: (log-sum-exp, 1, result). */
export const ofFinished = <D extends Float, A extends Axes, R extends Axes>(
  { out, logSumExp }: Finished<D, A, R>,
): PartialAttention<A, R> => {
  const max = tensor("ofFinished", logSumExp)
  const sum = constant("f32", 1, max.axes, max.shape)
  return of({ max, sum, weighted: cast(tensor("ofFinished", out), "f32") })
}

/**
 * Attention over these keys, to be merged with attention over others. Options and faults are those of
 * `blockwiseAttention`. It is differentiable; a sum over many pieces costs two backward passes of each.
 */
export const attend = <
  A extends Axes,
  B extends Axes,
  C extends Axes,
  const Q extends string = "time",
  const K extends string = DefaultKey<B, Q>,
  const H extends string = "head",
  const V extends string = H,
>(
  q: Tensor<Float, A> & Has<A, Q | H>,
  k: Tensor<Float, B> & Has<B, K | H>,
  v: Tensor<Float, C> & ValueAxes<B, C, K, H, V>,
  options?: AttentionOptions<A, B, Q, K, H, V>,
): PartialAttention<Attended<A, B, NoInfer<K>, NoInfer<H>, NoInfer<V>>, Rows<A, B, NoInfer<K>, NoInfer<H>>> => {
  const wide = typed<Tensor<"f32", A> & Has<A, Q | H>>(cast(tensor("attend", q), "f32"))
  return ofFinished(attentionWithLogSumExp<"f32", A, B, C, Q, K, H, V>(wide, k, v, options))
}
