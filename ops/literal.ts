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
import { fault } from "../core/graph/fault.ts"
import { constantFaults, marked } from "../core/graph/given.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import type { Host } from "../core/tensor/host.ts"
import type { Spec } from "../core/tensor/spec.ts"
import { type Tensor, typed } from "../core/tensor/tensor.ts"

/**
 * A scalar. Infinity is a value of the float dtypes, for masks. Faults: NaN, and a finite number that the dtype would
 * round to infinity or, of ints, cannot hold.
 */
export const constant = <const D extends DType = "f32">(value: number, dtype?: D): Tensor<D, []> =>
  typed(marked(same(dtype ?? "f32", value), constantFaults("constant", dtype ?? "f32", value)))

/** The same value everywhere. Faults: as `constant`. */
export const full = <D extends DType, A extends Axes>(spec: Spec<D, A>, value: number): Tensor<D, A> => {
  if (Array.isArray(spec?.axes) && Array.isArray(spec.shape)) {
    return typed(marked(same(spec.dtype, value, spec.axes, spec.shape), constantFaults("full", spec.dtype, value)))
  }
  const message = `takes a spec such as f32("batch", { batch: 8 }) or a tensor, got ${
    spec === null ? null : typeof spec
  }`
  return typed(marked(same("f32", 0), [fault("ValueFault", "full", message)]))
}

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
