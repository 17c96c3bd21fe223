/**
 * Folds over one or several axes, or over all where none is named.
 *
 * ```ts
 * import { argmax, type F32, type I32, sum } from "@orrery/orrery"
 * const total = (x: F32<"batch time vocab">): F32<"vocab"> => sum(x, "batch time")
 * const best = (x: F32<"batch time vocab">): I32<"batch time"> => argmax(x, "vocab")
 * ```
 * @module
 */
import { binary, cast, reduce, select, stop, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import { count, type Node, type ReduceFn, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Without, Word } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/** An op that folds axes away. */
export interface Fold<K extends DType> {
  <D extends K>(x: Tensor<D, Axes>): Tensor<D, []>
  <D extends K, A extends Axes, const N extends string>(
    x: Tensor<D, A>,
    over: N & Has<A, Word<N>>,
  ): Tensor<D, Without<A, Word<N>>>
}

/** An op that folds one axis to a place along it. */
export interface PlaceFold {
  <A extends Axes, const N extends string>(x: Tensor<Numeric, A>, over: N & Has<A, N>): Tensor<"i32", Without<A, N>>
}

const names = (x: Node, over: string | undefined): ReadonlyArray<string> => over === undefined ? x.axes : words(over)

const fold =
  <K extends DType>(f: (x: Node, axes: ReadonlyArray<string>) => Node): Fold<K> => (given: Node, over?: string) => {
    const x = tensor("a reduction", given)
    return f(x, names(x, over)) as never
  }

const plain = <K extends DType>(fn: ReduceFn): Fold<K> => fold((x, axes) => reduce(fn, x, axes))

const meanOf = (x: Node, axes: ReadonlyArray<string>): Node =>
  cast(binary("mul", reduce("sum", cast(x, "f32"), axes), 1 / count(axes.map((a) => sizeOf(x, a) ?? 1))), x.dtype)

/** Subtracting the maximum keeps exp from overflowing; it is constant for the gradient, as it cancels. */
const logSumExp = (x: Node, axes: ReadonlyArray<string>): Node => {
  const wide = cast(x, "f32")
  const top = stop(reduce("max", wide, axes))
  const shift = select(unary("isfinite", top), top, 0)
  const total = reduce("sum", unary("exp", binary("sub", wide, shift)), axes)
  return cast(binary("add", unary("log", total), shift), x.dtype)
}

/** Of nothing, the extremes of i32 are below 0 for `max` and above for `min`. */
const counted = (fn: "max" | "min") => (x: Node, axes: ReadonlyArray<string>): Node =>
  axes.length === 0 ? x : binary("gt", reduce(fn, cast(x, "i32"), axes), 0)

/** Sum. Of nothing, 0. */
export const sum: Fold<Numeric> = plain("sum")
/** Product. Of nothing, 1. */
export const prod: Fold<Numeric> = plain("prod")
/** Largest; NaN if any is. Of nothing, the smallest value or -Infinity. */
export const max: Fold<Numeric> = plain("max")
/** Smallest; NaN if any is. Of nothing, the largest value or Infinity. */
export const min: Fold<Numeric> = plain("min")
/** Arithmetic mean. Halves are summed in f32. Of nothing, NaN. */
export const mean: Fold<Float> = fold(meanOf)
/** log of the sum of exp, without overflow. Halves are computed in f32. */
export const logsumexp: Fold<Float> = fold(logSumExp)
/** Is any true? Of nothing, false. */
export const any: Fold<"bool"> = fold(counted("max"))
/** Are all true? Of nothing, true. */
export const all: Fold<"bool"> = fold(counted("min"))

/** Place of the largest along one axis, the first of equals; a NaN counts as the largest. */
export const argmax: PlaceFold = (x, over) => typed(reduce("argmax", tensor("argmax", x), words(over)))
/** Place of the smallest along one axis, the first of equals; a NaN counts as the smallest. */
export const argmin: PlaceFold = (x, over) => typed(reduce("argmin", tensor("argmin", x), words(over)))
