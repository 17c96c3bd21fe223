/**
 * Reading and summing at places that are known only when the program runs.
 *
 * ```ts
 * import { type F32, type I32, take } from "@orrery/orrery"
 * const embed = (table: F32<"vocab model">, tokens: I32<"batch time">): F32<"batch time model"> =>
 *   take(table, tokens, "vocab")
 * ```
 * @module
 */
import { align, binary, cast, gather, iota, scatter } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Axes, Gather, Has, Lacks, Same, Sub, Without, Word } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import { words } from "../core/tensor/spec.ts"
import { type Int, type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/**
 * `x` along `axis` at the index: the axes of the index stand in the place of `axis`. Other axes that both have go side
 * by side. A place outside of the axis gives 0.
 */
export const take = <D extends DType, A extends Axes, I extends Axes, const N extends string>(
  x: Tensor<D, A>,
  index: Tensor<Int, I>,
  axis: N & Has<A, N>,
): Tensor<D, Gather<A, N, I>> => typed(gather(tensor("take", x), tensor("take", index, "i32"), axis))

/** As `take`, at an index for every element along `axis`: index and result have the axes of `x`. */
export const takeAlong = <D extends DType, A extends Axes, I extends Axes, const N extends string>(
  x: Tensor<D, A>,
  index: Tensor<Int, I> & Same<A, I>,
  axis: N & Has<A, N>,
): Tensor<D, A> => typed(gather(tensor("take", x), tensor("take", index, "i32"), axis))

/**
 * Sums updates into places of a new axis in front, of `size`, at the index; places outside are dropped. The axes of the
 * index are summed over, but for those named in `batch`, which go side by side.
 */
export const scatterAdd = <
  D extends Numeric,
  U extends Axes,
  I extends Axes,
  const N extends string,
  const B extends string = "",
>(
  updates: Tensor<D, U>,
  index: Tensor<Int, I> & Sub<U, I>,
  axis: N,
  size: number,
  batch?: B & Has<I, Word<B>>,
): Tensor<D, [N, ...Without<U, Exclude<I[number], Word<B>>>]> =>
  typed(
    scatter(tensor("scatterAdd", updates), tensor("scatterAdd", index, "i32"), axis, size, words<string>(batch ?? "")),
  )

/** 1 at the index along a new last axis of `size`, 0 elsewhere; an index outside gives 0 everywhere. */
export const oneHot = <A extends Axes, const N extends string, const D extends DType = "f32">(
  index: Tensor<Int, A>,
  axis: N & Lacks<A, N>,
  size: number,
  dtype?: D,
): Tensor<D, [...A, N]> => {
  const node = tensor("oneHot", index, "i32")
  const places = cast(align(node, [...node.axes, axis], [...node.shape, size], "oneHot"), "i32")
  return typed(cast(binary("eq", places, iota(axis, size)), dtype ?? "f32"))
}
