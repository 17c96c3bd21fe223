/**
 * Trees of tensors with one axis less, as a loop or a map sees them, and with one more, as it gives them.
 * @module
 */
import type { Axes, Has, Without } from "./axes.ts"
import type { DType } from "./dtype.ts"
import type { Tensor } from "./tensor.ts"

/** The tree with one place along the axis `N` of every leaf that has it. */
export type Sliced<T, N extends string> = T extends Tensor<infer D extends DType, infer A extends Axes>
  ? Tensor<D, Without<A, N>>
  : T extends object ? { readonly [K in keyof T]: Sliced<T[K], N> }
  : T

/** The tree with the axis `N` in front of every leaf. */
export type Stacked<T, N extends string> = T extends Tensor<infer D extends DType, infer A extends Axes>
  ? Tensor<D, [N, ...A]>
  : T extends object ? { readonly [K in keyof T]: Stacked<T[K], N> }
  : T

/** `unknown` where every leaf has the axis `N`; at a leaf that lacks it, what it lacks. */
export type Along<T, N extends string> = T extends Tensor<DType, infer A extends Axes> ? Has<A, N>
  : T extends object ? { readonly [K in keyof T]: Along<T[K], N> }
  : unknown
