/**
 * Element types. A dtype says how an element is *stored*; arithmetic on `f16` and `bf16` is done in `f32`, on `u8` in
 * `u32`, so a kernel knows four compute types only: `f32`, `i32`, `u32` and `bool`.
 * @module
 */

/** How one element is stored. `bf16` is a storage type on every device. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32" | "u8" | "bool"

/** What arithmetic is done in. */
export type Compute = "f32" | "i32" | "u32" | "bool"

/** The arrays that hold elements on the host: halves as their 16 bits, booleans as 0 and 1; the oracle gives `f64`. */
export type HostArray = Float64Array | Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

/** The facts about a dtype. */
export interface DTypeFacts {
  /** Bytes of one stored element. */
  readonly bytes: number
  /** What its arithmetic is done in. */
  readonly compute: Compute
  /** Its family. */
  readonly kind: "float" | "int" | "bool"
  /** Largest finite value. */
  readonly max: number
  /** Smallest value: the most negative finite one for floats. */
  readonly min: number
}

/** Every dtype and its facts. */
export const dtypes: { readonly [D in DType]: DTypeFacts } = {
  f32: { bytes: 4, compute: "f32", kind: "float", max: 3.4028234663852886e38, min: -3.4028234663852886e38 },
  f16: { bytes: 2, compute: "f32", kind: "float", max: 65504, min: -65504 },
  bf16: { bytes: 2, compute: "f32", kind: "float", max: 3.3895313892515355e38, min: -3.3895313892515355e38 },
  i32: { bytes: 4, compute: "i32", kind: "int", max: 2147483647, min: -2147483648 },
  u32: { bytes: 4, compute: "u32", kind: "int", max: 4294967295, min: 0 },
  u8: { bytes: 1, compute: "u32", kind: "int", max: 255, min: 0 },
  bool: { bytes: 1, compute: "bool", kind: "bool", max: 1, min: 0 },
}

/** Is `text` the name of a dtype? */
export const isDType = (text: unknown): text is DType => typeof text === "string" && Object.hasOwn(dtypes, text)
