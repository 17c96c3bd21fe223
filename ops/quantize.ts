/**
 * Vector quantisation: each vector becomes the number of the code of a codebook that is nearest to it (van den Oord,
 * Vinyals and Kavukcuoglu, Neural discrete representation learning, 2017).
 *
 * ```ts
 * import { add, codebookLoss, commitmentLoss, type F32, mul, vectorQuantize } from "@orrery/orrery"
 * const bottleneck = (z: F32<"batch row col embed">, codebook: F32<"code embed">): { z: F32<"batch row col embed">; loss: F32 } => {
 *   const { ids, quantized } = vectorQuantize(z, codebook, "embed", "code")
 *   const loss = add(codebookLoss(z, codebook, ids, "code"), mul(commitmentLoss(z, quantized), 0.25))
 *   return { z: quantized, loss }
 * }
 * ```
 * @module
 */
import { align, cast, custom, gather, nearest, stop } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has, Lacks, Sub, Without } from "../core/tensor/axes.ts"
import { type Float, type Int, type Tensor, typed } from "../core/tensor/tensor.ts"
import { meanSquaredError } from "./loss.ts"

/** Numbers of codes, and the codes themselves in the place of what was quantised. */
export interface Quantized<D extends Float, A extends Axes, N extends string> {
  /** Of the nearest code; the axes of `z` without the features. */
  readonly ids: Tensor<"i32", Without<A, N>>
  /** The code, with dtype and axes of `z`; its gradient is that of `z`. */
  readonly quantized: Tensor<D, A>
}

/**
 * The number of the code nearest to each vector of `z`: the least |e|^2 - 2 z e along `code`, which is the squared
 * distance up to |z|^2; the lowest number of equals. `on` is the axis of features, which both have. Numbers carry no
 * gradient. Always a number of the codebook: only a score below infinity is the least, so a code whose score is NaN is
 * never taken, and where no code has such a score, it is 0. The scores of all pairs are never held in memory.
 */
export const nearestCode = <A extends Axes, B extends Axes, const N extends string, const C extends string>(
  z: Tensor<Float, A>,
  codebook: Tensor<Float, B> & Sub<[...A, C], B>,
  on: N & Has<A, N> & Has<B, N>,
  code: C & Has<B, C> & Lacks<A, C>,
): Tensor<"i32", Without<A, N>> => typed(nearest(tensor("nearestCode", z), tensor("nearestCode", codebook), on, code))

/** The codes of these numbers, in the order of `like`. */
const codesAt = (codebook: Node, ids: Node, code: string, like: Node): Node =>
  align(gather(codebook, ids, code), like.axes, like.shape)

/**
 * The nearest code in the place of each vector, and its number (see `nearestCode`). The gradient goes straight through
 * to `z` as if it had not been quantised (van den Oord et al., 2017); the codebook gets none: it learns by
 * `codebookLoss` or by the means of what it stands for (`emaUpdate`).
 */
export const vectorQuantize = <
  D extends Float,
  A extends Axes,
  B extends Axes,
  const N extends string,
  const C extends string,
>(
  z: Tensor<D, A>,
  codebook: Tensor<Float, B> & Sub<[...A, C], B>,
  on: N & Has<A, N> & Has<B, N>,
  code: C & Has<B, C> & Lacks<A, C>,
): Quantized<D, A, N> => {
  const [x, e] = [tensor("vectorQuantize", z), tensor("vectorQuantize", codebook)]
  const ids = nearest(x, e, on, code)
  const codes = cast(stop(codesAt(e, ids, code, x)), x.dtype)
  return { ids: typed(ids), quantized: typed(custom(codes, [x], (cotangent) => [cotangent])) }
}

/**
 * How far vectors are from their codes, for the vectors to come nearer: the mean of (z - stop(e))^2 over all elements, in
 * f32. `quantized` is what `vectorQuantize` gave.
 */
export const commitmentLoss = <D extends Float, A extends Axes, B extends Axes>(
  z: Tensor<D, A>,
  quantized: Tensor<NoInfer<D>, B> & Sub<A, B>,
): Tensor<"f32", []> => meanSquaredError<D, A, B>(z, stop(tensor("commitmentLoss", quantized)) as typeof quantized)

/**
 * How far codes are from their vectors, for the codes to come nearer: the mean of (stop(z) - e)^2 over all elements, in
 * f32. `ids` are the numbers that `vectorQuantize` gave.
 */
export const codebookLoss = <D extends Float, A extends Axes, B extends Axes, I extends Axes, const C extends string>(
  z: Tensor<D, A>,
  codebook: Tensor<Float, B> & Sub<[...A, C], B>,
  ids: Tensor<Int, I> & Sub<A, I>,
  code: C & Has<B, C>,
): Tensor<"f32", []> => {
  const x = cast(stop(tensor("codebookLoss", z)), "f32")
  const e = cast(tensor("codebookLoss", codebook), "f32")
  const codes = codesAt(e, tensor("codebookLoss", ids, "i32"), code, x)
  return meanSquaredError<"f32", A, A>(typed<Tensor<"f32", A>>(x), typed<Tensor<"f32", A>>(codes))
}
