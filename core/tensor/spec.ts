/**
 * Specs: what is known of a tensor before there is one. `f32("batch time", { batch: 8, time: 256 })` is the input that
 * `compile` traces with.
 * @module
 */
import type { Axes, Words } from "./axes.ts"
import type { DType } from "./dtype.ts"
import type { Tensor } from "./tensor.ts"

/** dtype, names and sizes of a tensor. */
export interface Spec<out D extends DType, out A extends Axes> {
  readonly dtype: D
  readonly axes: A
  readonly shape: { readonly [K in keyof A]: number }
}

/** A spec of any dtype and axes. */
export type AnySpec = Spec<DType, Axes>

/** A size for every name. */
export type Sizes<A extends Axes> = { readonly [K in A[number]]: number }

/** The tensor that a spec is of. */
export type TensorOf<S extends AnySpec> = Tensor<S["dtype"], S["axes"]>

/** A constructor of specs of one dtype; a scalar has no sizes. */
export interface SpecOf<D extends DType> {
  (): Spec<D, []>
  <const S extends string>(axes: S, sizes: Sizes<Words<S>>): Spec<D, Words<S>>
}

/** `"batch time"` as `["batch", "time"]`. */
export const words = <const S extends string>(text: S): Words<S> =>
  String(text).split(" ").filter((w) => w !== "") as ReadonlyArray<string> as Words<S>

const of =
  <D extends DType>(dtype: D): SpecOf<D> => (text: string = "", sizes: Readonly<Record<string, number>> = {}) => {
    const axes = words(text)
    return { dtype, axes, shape: axes.map((a) => sizes[a] ?? NaN) } as never
  }

/**
 * An f32 of these axes and sizes.
 *
 * ```ts
 * import { f32, type Spec } from "@orrery/orrery"
 * const x: Spec<"f32", ["batch", "time"]> = f32("batch time", { batch: 8, time: 256 })
 * ```
 */
export const f32: SpecOf<"f32"> = of("f32")
/** An f16 of these axes and sizes. */
export const f16: SpecOf<"f16"> = of("f16")
/** A bf16 of these axes and sizes. */
export const bf16: SpecOf<"bf16"> = of("bf16")
/** An i32 of these axes and sizes. */
export const i32: SpecOf<"i32"> = of("i32")
/** A u32 of these axes and sizes. */
export const u32: SpecOf<"u32"> = of("u32")
/** A u8 of these axes and sizes. */
export const u8: SpecOf<"u8"> = of("u8")
/** A bool of these axes and sizes. */
export const bool: SpecOf<"bool"> = of("bool")
