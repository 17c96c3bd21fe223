/**
 * Tensors that are known while tracing. A tensor is a spec of its own kind, so `zeros(x)` has the sizes of `x`.
 *
 * ```ts
 * import { f32, type F32, type I32, iota, zeros } from "@orrery/orrery"
 * const bias: F32<"model"> = zeros(f32("model", { model: 512 }))
 * const places: I32<"time"> = iota("time", 256)
 * ```
 * @module
 */
import { constant as same, data, iota as count } from "../core/graph/build.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import type { Host } from "../core/tensor/host.ts"
import type { Spec } from "../core/tensor/spec.ts"
import { type Tensor, typed } from "../core/tensor/tensor.ts"

/** A scalar. */
export const constant = <const D extends DType = "f32">(value: number, dtype?: D): Tensor<D, []> =>
  typed(same(dtype ?? "f32", value))

/** The same value everywhere. */
export const full = <D extends DType, A extends Axes>(spec: Spec<D, A>, value: number): Tensor<D, A> =>
  typed(same(spec.dtype, value, spec.axes, spec.shape))

/** 0 everywhere. */
export const zeros = <D extends DType, A extends Axes>(spec: Spec<D, A>): Tensor<D, A> => full(spec, 0)

/** 1 everywhere. */
export const ones = <D extends DType, A extends Axes>(spec: Spec<D, A>): Tensor<D, A> => full(spec, 1)

/** 0, 1, 2, ... along a new axis. */
export const iota = <const N extends string, const D extends "i32" | "u32" | "f32" = "i32">(
  axis: N,
  size: number,
  dtype?: D,
): Tensor<D, [N]> => typed(count(axis, size, dtype ?? "i32"))

/** Values of the host as a part of the program. */
export const literal = <D extends DType, A extends Axes>(host: Host<D, A>): Tensor<D, A> =>
  typed(data(host.dtype, host.axes, host.shape, host.data))
