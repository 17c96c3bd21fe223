/**
 * Order along an axis, and running folds.
 *
 * ```ts
 * import { type F32, type Sorted, topK } from "@orrery/orrery"
 * const best = (x: F32<"batch vocab">): Sorted<"f32", ["batch", "vocab"]> => topK(x, "vocab", 40)
 * ```
 * @module
 */
import * as build from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { CumulateFn } from "../core/graph/node.ts"
import type { Axes, Has } from "../core/tensor/axes.ts"
import { type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/** Values in order and where they came from. */
export interface Sorted<D extends Numeric, A extends Axes> {
  readonly values: Tensor<D, A>
  readonly indices: Tensor<"i32", A>
}

/** Which end comes first. */
export interface Order {
  /** Largest first; false. */
  readonly descending?: boolean
}

/** Where a running fold begins. */
export interface Direction {
  /** From the end; false. */
  readonly reverse?: boolean
}

/** A running fold along an axis. */
export interface Running {
  <D extends Numeric, A extends Axes, const N extends string>(
    x: Tensor<D, A>,
    axis: N & Has<A, N>,
    direction?: Direction,
  ): Tensor<D, A>
}

/** Indices that sort along the axis; equals keep their order, NaN comes last. */
export const argsort = <A extends Axes, const N extends string>(
  x: Tensor<Numeric, A>,
  axis: N & Has<A, N>,
  { descending = false }: Order = {},
): Tensor<"i32", A> => typed(build.argsort(tensor("argsort", x), axis, descending))

/** In order along the axis, with the indices. */
export const sort = <D extends Numeric, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  { descending = false }: Order = {},
): Sorted<D, A> => {
  const indices = build.argsort(tensor("argsort", x), axis, descending)
  return { values: typed(build.gather(tensor("argsort", x), indices, axis)), indices: typed(indices) }
}

/** The `k` largest along the axis, largest first, and where they are; the axis is `k` long. */
export const topK = <D extends Numeric, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  k: number,
): Sorted<D, A> => {
  const indices = build.sliceAxis(build.argsort(tensor("argsort", x), axis, true), axis, 0, k, 1, "topK")
  return { values: typed(build.gather(tensor("argsort", x), indices, axis)), indices: typed(indices) }
}

const running = (fn: CumulateFn): Running => (x, axis, { reverse = false } = {}) =>
  typed(build.cumulate(fn, tensor(`cumulative ${fn}`, x), axis, reverse))

/** Sum of the elements up to each place, with it. */
export const cumsum: Running = running("sum")
/** Product of the elements up to each place, with it. */
export const cumprod: Running = running("prod")
/** Largest of the elements up to each place, with it. */
export const cummax: Running = running("max")
/** Smallest of the elements up to each place, with it. */
export const cummin: Running = running("min")
