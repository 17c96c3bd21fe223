/**
 * The meaning of every function of one or two elements, in float64 and exact integers: what graph interpreter and
 * oracle compute, and what each device is held to. Integers wrap around; booleans are 0 and 1.
 *
 * Where IEEE 754 is silent: an integer divided by 0 is 0, and so is its remainder; the least i32 divided by -1 wraps to
 * itself; a shift takes its amount modulo 32; an integer to a negative power is the truncated quotient (0, or 1 and -1
 * for those bases).
 * @module
 */
import type { DType } from "../tensor/dtype.ts"
import { dtypes } from "../tensor/dtype.ts"
import { cos, exp, log, sin, tanh } from "../tensor/elementary.ts"
import type { Half } from "../tensor/half.ts"
import { decodeHalf, encodeHalf } from "../tensor/half.ts"
import type { BinaryFn, UnaryFn } from "./node.ts"

/** A function of one element. */
export type Scalar1 = (x: number) => number
/** A function of two elements. */
export type Scalar2 = (x: number, y: number) => number

/** Brings the exact result of integer arithmetic back into the dtype; floats stay as they are. */
export const wrap: { readonly [D in DType]: Scalar1 } = {
  f32: (x) => x,
  f16: (x) => x,
  bf16: (x) => x,
  i32: (x) => x | 0,
  u32: (x) => x >>> 0,
  u8: (x) => x & 255,
  bool: (x) => x === 0 ? 0 : 1,
}

/**
 * The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x. Up to 3 by the series
 * 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!! whose terms all have one sign, beyond it by the continued fraction
 * of erfc (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
export const erf = (x: number): number => {
  const a = Math.abs(x)
  if (!(a > 0)) return x
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = a
    let sum = a
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * a * a) / (2 * n + 1)
      sum += term
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * exp(-a * a) * sum
  }
  let tail = a
  for (let k = 60; k >= 1; k--) tail = a + k / 2 / tail
  return Math.sign(x) * (1 - exp(-a * a) / Math.sqrt(Math.PI) / tail)
}

/** The integer nearest to x, the even one of two. */
export const roundEven = (x: number): number => {
  const low = Math.floor(x)
  const over = x - low
  const odd = Math.abs(low % 2) === 1
  const away = over > 0.5 || (over === 0.5 && odd)
  return away ? low + 1 : low
}

const toHalf = (half: Half, x: number): number => encodeHalf(half, [x])[0]!

const fromHalf = (half: Half, bits: number): number => decodeHalf(half, [bits])[0]!

const truth = (x: boolean): number => x ? 1 : 0

/** Functions of one element whose meaning does not hang on the dtype (its result is wrapped). */
const unaries: { readonly [F in Exclude<UnaryFn, "not">]: Scalar1 } = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  exp,
  log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  recip: (x) => 1 / x,
  sin,
  cos,
  tanh,
  erf,
  sigmoid: (x) => 1 / (1 + exp(-x)),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundEven,
  trunc: Math.trunc,
  isnan: (x) => truth(Number.isNaN(x)),
  isfinite: (x) => truth(Number.isFinite(x)),
}

/** The function of one element of that dtype. */
export const unary = (fn: UnaryFn, dtype: DType): Scalar1 => {
  if (fn === "not") return dtype === "bool" ? (x) => 1 - x : (x) => wrap[dtype](~x)
  const f = unaries[fn]
  return fn === "isnan" || fn === "isfinite" ? f : (x) => wrap[dtype](f(x))
}

const wholePower: Scalar2 = (x, y) => {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0
  let [power, square, rest] = [1, x, y]
  for (; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = Math.imul(power, square)
    square = Math.imul(square, square)
  }
  return power
}

const comparisons: { readonly [fn: string]: Scalar2 } = {
  eq: (x, y) => truth(x === y),
  ne: (x, y) => truth(x !== y),
  lt: (x, y) => truth(x < y),
  le: (x, y) => truth(x <= y),
  gt: (x, y) => truth(x > y),
  ge: (x, y) => truth(x >= y),
}

const floats: { readonly [fn: string]: Scalar2 } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  rem: (x, y) => x % y,
  pow: (x, y) => x === 1 || y === 0 ? 1 : x === -1 && Math.abs(y) === Infinity ? 1 : x ** y,
  min: Math.min,
  max: Math.max,
}

const whole: { readonly [fn: string]: Scalar2 } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: Math.imul,
  div: (x, y) => y === 0 ? 0 : Math.trunc(x / y),
  rem: (x, y) => y === 0 ? 0 : x % y,
  pow: wholePower,
  min: Math.min,
  max: Math.max,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => x << (y & 31),
  shr: (x, y) => x >> (y & 31),
}

const unsigned: { readonly [fn: string]: Scalar2 } = { ...whole, shr: (x, y) => x >>> (y & 31) }

/** The function of two elements of that dtype; comparisons give 0 or 1. A function that the dtype lacks gives NaN. */
export const binary = (fn: BinaryFn, dtype: DType): Scalar2 => {
  const compare = comparisons[fn]
  if (compare !== undefined) return compare
  const table = dtypes[dtype].kind === "float" ? floats : dtype === "i32" ? whole : unsigned
  const f = table[fn] ?? (() => NaN)
  return (x, y) => wrap[dtype](f(x, y))
}

/** Value conversion: float to integer truncates and saturates, NaN gives 0; integers wrap; to `bool` is "is not 0". */
export const cast = (from: DType, to: DType): Scalar1 => {
  const { kind, min, max } = dtypes[to]
  if (to === "f16" || to === "bf16") return (x) => fromHalf(to, toHalf(to, x))
  if (kind === "float") return (x) => x
  if (to === "bool" || dtypes[from].kind !== "float") return wrap[to]
  return (x) => Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), min), max) + 0
}

/** Writes an element's stored form. */
const write: { readonly [D in DType]: (view: DataView, x: number) => void } = {
  f32: (v, x) => v.setFloat32(0, x),
  f16: (v, x) => v.setUint16(0, toHalf("f16", x)),
  bf16: (v, x) => v.setUint16(0, toHalf("bf16", x)),
  i32: (v, x) => v.setInt32(0, x),
  u32: (v, x) => v.setUint32(0, x),
  u8: (v, x) => v.setUint8(0, x),
  bool: (v, x) => v.setUint8(0, x),
}

/** Reads an element's stored form. */
const read: { readonly [D in DType]: (view: DataView) => number } = {
  f32: (v) => v.getFloat32(0),
  f16: (v) => fromHalf("f16", v.getUint16(0)),
  bf16: (v) => fromHalf("bf16", v.getUint16(0)),
  i32: (v) => v.getInt32(0),
  u32: (v) => v.getUint32(0),
  u8: (v) => v.getUint8(0),
  bool: (v) => v.getUint8(0),
}

/** The same bits as another dtype of the same width. */
export const bitcast = (from: DType, to: DType): Scalar1 => (x) => {
  const view = new DataView(new ArrayBuffer(4))
  write[from](view, x)
  return read[to](view)
}
