/**
 * A tensor's values on the host: a spec with its elements, row-major, in stored form (`HostArray`). Numbers go in and
 * come out through `host` and `numbers`, whatever the dtype.
 * @module
 */
import { either as E } from "fp-ts"
import { fault, type Faults } from "../graph/fault.ts"
import { show } from "../graph/make.ts"
import { count } from "../graph/node.ts"
import { holds } from "../graph/rules.ts"
import type { Axes } from "./axes.ts"
import { type DType, dtypes, type HostArray } from "./dtype.ts"
import { decodeHalf, encodeHalf } from "./half.ts"
import type { Spec } from "./spec.ts"

/** A spec and its elements. */
export interface Host<out D extends DType, out A extends Axes> extends Spec<D, A> {
  readonly data: HostArray
}

/** Values of any dtype and axes. */
export type AnyHost = Host<DType, Axes>

/** The array type that stores each dtype. */
const stored: { readonly [D in DType]: { readonly name: string; readonly is: (a: HostArray) => boolean } } = {
  f32: { name: "Float32Array", is: (a) => a instanceof Float32Array },
  f16: { name: "Uint16Array", is: (a) => a instanceof Uint16Array },
  bf16: { name: "Uint16Array", is: (a) => a instanceof Uint16Array },
  i32: { name: "Int32Array", is: (a) => a instanceof Int32Array },
  u32: { name: "Uint32Array", is: (a) => a instanceof Uint32Array },
  u8: { name: "Uint8Array", is: (a) => a instanceof Uint8Array },
  bool: { name: "Uint8Array", is: (a) => a instanceof Uint8Array },
}

/** Elements in stored form; a number that the dtype cannot hold wraps as in a typed array. */
export const store = (dtype: DType, values: ArrayLike<number>): HostArray => {
  switch (dtype) {
    case "f32":
      return Float32Array.from(values)
    case "f16":
    case "bf16":
      return encodeHalf(dtype, values)
    case "i32":
      return Int32Array.from(values)
    case "u32":
      return Uint32Array.from(values)
    case "u8":
    case "bool":
      return Uint8Array.from(values)
  }
}

/** Elements in stored form as numbers; arrays of float32 or float64 are numbers already. */
export const load = (dtype: DType, data: HostArray): ArrayLike<number> =>
  (dtype === "f16" || dtype === "bf16") && data instanceof Uint16Array ? decodeHalf(dtype, data) : data

const sizeFaults = (spec: Spec<DType, Axes>, length: number): Faults => {
  const sizes = spec.shape as ReadonlyArray<number>
  const wrong = spec.axes.filter((_, i) => !(Number.isInteger(sizes[i]) && sizes[i]! >= 0))
  if (wrong.length > 0) {
    const message = `${show(spec)}: axis '${wrong.join("', '")}' has no whole size; give one in the spec`
    return [fault("SizeFault", "host", message)]
  }
  const need = count(sizes)
  return length === need ? [] : [
    fault("SizeFault", "host", `${show(spec)} has ${need} elements, got ${length}; change the sizes or the data`),
  ]
}

/** Values from numbers in row-major order. Faults: another count than the spec's, a number that the dtype cannot hold. */
export const host = <const D extends DType, const A extends Axes>(
  spec: Spec<D, A>,
  values: ArrayLike<number>,
): E.Either<Faults, Host<D, A>> => {
  const faults = sizeFaults(spec, values.length)
  if (faults.length > 0) return E.left(faults)
  if (dtypes[spec.dtype].kind !== "float") {
    for (let i = 0; i < values.length; i++) {
      if (holds(spec.dtype, values[i]!)) continue
      const message = `element ${i} of ${show(spec)} is ${values[i]}, which ${spec.dtype} cannot hold; ` +
        `round it, or use a float dtype`
      return E.left([fault("ValueFault", "host", message)])
    }
  }
  return E.right({ dtype: spec.dtype, axes: spec.axes, shape: spec.shape, data: store(spec.dtype, values) })
}

/** Values whose array is in stored form already; it is not copied. Faults: another count, another kind of array. */
export const fromStored = <const D extends DType, const A extends Axes>(
  spec: Spec<D, A>,
  data: HostArray,
): E.Either<Faults, Host<D, A>> => {
  const faults = sizeFaults(spec, data.length)
  if (faults.length > 0) return E.left(faults)
  const exact = data instanceof Float64Array && dtypes[spec.dtype].kind === "float"
  if (exact || stored[spec.dtype].is(data)) {
    return E.right({ dtype: spec.dtype, axes: spec.axes, shape: spec.shape, data })
  }
  const message = `${show(spec)} is stored in a ${stored[spec.dtype].name}, got a ${data.constructor.name}; ` +
    `use \`host\` to convert numbers`
  return E.left([fault("DTypeFault", "host", message)])
}

/** A scalar. */
export const scalar = <const D extends DType>(dtype: D, value: number): E.Either<Faults, Host<D, []>> =>
  host({ dtype, axes: [], shape: [] }, [value])

/** The elements as numbers, row-major. */
export const numbers = (h: AnyHost): ReadonlyArray<number> => Array.from(load(h.dtype, h.data))
