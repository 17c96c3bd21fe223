/**
 * Values on a device: what a handle is, and the trees of values that go into a program and come out of it.
 * @module
 */
import type { Axes } from "../tensor/axes.ts"
import type { DType } from "../tensor/dtype.ts"
import type { AnyHost, Host } from "../tensor/host.ts"
import type { Spec } from "../tensor/spec.ts"
import type { AnyTensor } from "../tensor/tensor.ts"

/**
 * A tensor's values on the device that gave this handle; other devices refuse it. A run that takes over its array gives
 * a new handle, and this one is consumed. It lives as long as the scope that it, or its forerunner, was placed in.
 */
export interface Resident<out D extends DType = DType, out A extends Axes = Axes> extends Spec<D, A> {
  readonly _tag: "Resident"
}

/** Values at home or on the device. */
export type Value<D extends DType = DType, A extends Axes = Axes> = Host<D, A> | Resident<D, A>

/** Values of any dtype and axes. */
export type AnyValue = AnyHost | Resident

/** The tree of tensors `T` with values in their places. */
export type Values<T> = T extends AnyTensor ? Value<T["dtype"], T["axes"]>
  : T extends object ? { readonly [K in keyof T]: Values<T[K]> }
  : T

/** A tree of values with all of them on the device. */
export type Placed<T> = T extends { readonly dtype: infer D extends DType; readonly axes: infer A extends Axes }
  ? Resident<D, A>
  : T extends object ? { readonly [K in keyof T]: Placed<T[K]> }
  : T

/** A tree of values with all of them at home. */
export type Fetched<T> = T extends { readonly dtype: infer D extends DType; readonly axes: infer A extends Axes }
  ? Host<D, A>
  : T extends object ? { readonly [K in keyof T]: Fetched<T[K]> }
  : T

/** Is the value on a device? */
export const isResident = (x: unknown): x is Resident =>
  typeof x === "object" && x !== null && (x as { readonly _tag?: unknown })._tag === "Resident"
