/**
 * Movement: names, order and sizes change, values do not. Wrong names are errors of the type checker, wrong sizes are
 * faults that `compile` gathers.
 *
 * ```ts
 * import { type F32, split, transpose } from "@orrery/orrery"
 * const heads = (x: F32<"batch time inner">): F32<"batch heads time head"> =>
 *   transpose(split(x, "inner", "heads head", { heads: 4 }), "batch heads time head")
 * ```
 * @module
 */
import * as build from "../core/graph/build.ts"
import { fault } from "../core/graph/fault.ts"
import { constantFaults, marked, tensor } from "../core/graph/given.ts"
import { sizeOf } from "../core/graph/node.ts"
import type {
  Axes,
  Beside,
  Has,
  Lacks,
  Merge,
  Rename,
  Replace,
  Same,
  Without,
  Word,
  Words,
} from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import { type Sizes, words } from "../core/tensor/spec.ts"
import { type Tensor, typed } from "../core/tensor/tensor.ts"

/** Other names: `rename(x, { time: "key" })`. */
export const rename = <D extends DType, A extends Axes, const M extends Readonly<Record<string, string>>>(
  x: Tensor<D, A>,
  names: M & Has<A, keyof M & string> & Lacks<Without<A, keyof M & string>, M[keyof M]>,
): Tensor<D, Rename<A, M>> => typed(build.rename(tensor("rename", x), names))

/** One axis as several, outermost first; one size may be left out: `split(x, "inner", "heads head", { heads: 4 })`. */
export const split = <D extends DType, A extends Axes, const N extends string, const P extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  parts: P & Lacks<Without<A, N>, Word<P>>,
  sizes?: { readonly [K in Word<P>]?: number },
): Tensor<D, Replace<A, N, Words<P>>> => typed(build.split(tensor("split", x), axis, words<string>(parts), sizes))

/** Axes that stand side by side, in that order, as one: `merge(x, "heads head", "inner")`. */
export const merge = <D extends DType, A extends Axes, const P extends string, const N extends string>(
  x: Tensor<D, A>,
  parts: P & Beside<A, Words<P>>,
  axis: N & Lacks<Without<A, Word<P>>, N>,
): Tensor<D, Merge<A, Words<P>, N>> => build.merge(tensor("merge", x), words<string>(parts), axis) as never

/** Another order of the axes: `transpose(x, "time batch")`. */
export const transpose = <D extends DType, A extends Axes, const S extends string>(
  x: Tensor<D, A>,
  order: S & Same<A, Words<S>>,
): Tensor<D, Words<S>> => typed(build.transpose(tensor("transpose", x), words<string>(order)))

/** Repeats along new axes in front: `broadcast(x, "batch", { batch: 8 })`. */
export const broadcast = <D extends DType, A extends Axes, const S extends string>(
  x: Tensor<D, A>,
  axes: S & Lacks<A, Word<S>>,
  sizes: Sizes<Words<S>>,
): Tensor<D, [...Words<S>, ...A]> => {
  const names = words<string>(axes)
  const given: Readonly<Record<string, number>> = sizes
  return typed(build.broadcast(tensor("broadcast", x), names, names.map((n) => given[n] ?? NaN)))
}

/** Places `from` up to `to` (not with it) of an axis; below 0 they count from its end. `to` left out is the end. */
export const slice = <D extends DType, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  from: number,
  to?: number,
): Tensor<D, A> => {
  const node = tensor("slice", x)
  const size = sizeOf(node, axis) ?? 1
  const [first, last] = [from < 0 ? size + from : from, to === undefined ? size : to < 0 ? size + to : to]
  return typed(build.sliceAxis(node, axis, first, last - first))
}

/** Every `step`-th place of an axis, from `from`. Faults: a step that is no whole number above 0. */
export const stride = <D extends DType, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  step: number,
  from: number = 0,
): Tensor<D, A> => {
  const node = tensor("stride", x)
  if (!(Number.isSafeInteger(step) && step > 0)) {
    const message = `the step along '${axis}' is ${step}; expected a whole number from 1 (flip turns an axis round)`
    return marked(build.stop(node), [fault("ValueFault", "stride", message)]) as Tensor<D, A>
  }
  const size = Math.max(0, Math.ceil(((sizeOf(node, axis) ?? 1) - from) / step))
  return typed(build.sliceAxis(node, axis, from, size, step, "stride"))
}

/** Backwards along each of the axes. */
export const flip = <D extends DType, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axes: N & Has<A, Word<N>>,
): Tensor<D, A> => typed(build.flip(tensor("flip", x), words<string>(axes)))

/** `low` more places before an axis and `high` after it, all with `value`, which may be infinite. Faults: NaN. */
export const pad = <D extends DType, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  [low, high]: readonly [low: number, high: number],
  value: number = 0,
): Tensor<D, A> => {
  const node = tensor("pad", x)
  return typed(marked(build.padAxis(node, axis, low, high, value), constantFaults("pad", node.dtype, value)))
}

/** One after another along an axis. */
export const concat = <D extends DType, A extends Axes, const N extends string>(
  xs: ReadonlyArray<Tensor<D, A>>,
  axis: N & Has<A, N>,
): Tensor<D, A> => typed(build.concat(xs.map((x) => tensor("concat", x)), axis))

/** Side by side along a new axis in front. */
export const stack = <D extends DType, A extends Axes, const N extends string>(
  xs: ReadonlyArray<Tensor<D, A>>,
  axis: N & Lacks<A, N>,
): Tensor<D, [N, ...A]> => typed(build.stack(xs.map((x) => tensor("stack", x)), axis))

/** Steps of a window. */
export interface Steps {
  /** From one window to the next; 1. */
  readonly stride?: number
  /** From one place of a window to the next; 1. */
  readonly dilation?: number
}

/** Windows of `size` places along an axis: behind it stands `tap`, the place in the window. */
export const window = <D extends DType, A extends Axes, const N extends string, const T extends string>(
  x: Tensor<D, A>,
  axis: N & Has<A, N>,
  tap: T & Lacks<A, T>,
  size: number,
  { stride = 1, dilation = 1 }: Steps = {},
): Tensor<D, Replace<A, N, [N, T]>> => typed(build.window(tensor("window", x), axis, tap, size, stride, dilation))
