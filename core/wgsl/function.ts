/**
 * The functions of expressions as WGSL text: one table row for each function of one or two elements, and conversions.
 * @module
 */
import type { BinaryFn, UnaryFn } from "../graph/node.ts"
import type { Compute, DType } from "../tensor/dtype.ts"
import { type Emitter, need } from "./emitter.ts"

/** Zero of each type. */
export const zeroOf: { readonly [C in Compute]: string } = { f32: "0.0", i32: "0i", u32: "0u", bool: "false" }

/** A literal. What WGSL has no literal for comes from variables that are not folded. */
export const literal = (e: Emitter, dtype: Compute, value: number): string => {
  if (dtype === "bool") return value === 0 ? "false" : "true"
  if (dtype === "i32") return value < 0 ? `i32(${value})` : `${value}i`
  if (dtype === "u32") return `${value >>> 0}u`
  const x = Math.fround(value)
  if (Number.isNaN(x)) return `${need(e, "o_nan")}()`
  if (!Number.isFinite(x)) return `${x < 0 ? "-" : ""}${need(e, "o_inf")}()`
  if (Object.is(x, -0)) return "bitcast<f32>(0x80000000u)"
  return x < 0 ? `(${x}f)` : `${x}f`
}

type Unary = (e: Emitter, x: string, from: Compute) => string

const call = (name: string): Unary => (e, x) => `${need(e, name)}(${x})`
const onFloats = (f: Unary): Unary => (e, x, d) => d === "f32" ? f(e, x, d) : x

/** Functions of one element. */
export const UNARY: { readonly [F in UnaryFn]: Unary } = {
  neg: (_e, x, d) => d === "u32" ? `(0u - ${x})` : d === "bool" ? x : `(-${x})`,
  abs: (_e, x, d) => d === "bool" ? x : `abs(${x})`,
  sign: (e, x, d) =>
    d === "f32" ? `${need(e, "o_sign")}(${x})` : d === "u32" ? `min(${x}, 1u)` : d === "bool" ? x : `sign(${x})`,
  exp: call("o_exp"),
  log: call("o_log"),
  sqrt: (_e, x) => `sqrt(${x})`,
  rsqrt: (_e, x) => `inverseSqrt(${x})`,
  recip: (_e, x) => `(1.0 / ${x})`,
  sin: call("o_sin"),
  cos: call("o_cos"),
  tanh: call("o_tanh"),
  erf: call("o_erf"),
  sigmoid: call("o_sigmoid"),
  floor: onFloats((_e, x) => `floor(${x})`),
  ceil: onFloats((_e, x) => `ceil(${x})`),
  round: onFloats((_e, x) => `round(${x})`),
  trunc: onFloats((_e, x) => `trunc(${x})`),
  not: (_e, x, d) => d === "bool" ? `(!${x})` : `(~${x})`,
  isnan: (e, x, d) => d === "f32" ? `${need(e, "o_isnan")}(${x})` : "false",
  isfinite: (e, x, d) => d === "f32" ? `${need(e, "o_isfinite")}(${x})` : "true",
}

type Binary = (e: Emitter, x: string, y: string, from: Compute) => string

const infix = (sign: string, onBool: string): Binary => (_e, x, y, d) => `(${x} ${d === "bool" ? onBool : sign} ${y})`
const calls = (f32: string, i32: string, u32: string, onBool: string): Binary => (e, x, y, d) =>
  d === "bool" ? `(${x} ${onBool} ${y})` : `${need(e, { f32, i32, u32 }[d])}(${x}, ${y})`
const order = (sign: string): Binary => (_e, x, y, d) =>
  d === "bool" ? `(u32(${x}) ${sign} u32(${y}))` : `(${x} ${sign} ${y})`
const shift = (sign: string): Binary => (_e, x, y) => `(${x} ${sign} (u32(${y}) & 31u))`
const extreme = (name: string, onBool: string): Binary => (e, x, y, d) =>
  d === "f32" ? `${need(e, `o_${name}`)}(${x}, ${y})` : d === "bool" ? `(${x} ${onBool} ${y})` : `${name}(${x}, ${y})`

const guarded = (name: string, otherwise: Binary): Binary => (e, x, y, d) =>
  d === "f32" ? `${need(e, name)}(${x}, ${y})` : otherwise(e, x, y, d)

const isZero = (text: string): boolean => text === "0f" || text === "0.0"

const times: Binary = (e, x, y, d) =>
  d === "f32" && (isZero(x) || isZero(y))
    ? `${need(e, "o_times_zero")}(${isZero(x) ? y : x})`
    : infix("*", "&")(e, x, y, d)

/** Functions of two elements; `from` is the type of both. */
export const BINARY: { readonly [F in BinaryFn]: Binary } = {
  add: guarded("o_add", infix("+", "|")),
  sub: guarded("o_sub", infix("-", "!=")),
  mul: times,
  div: guarded("o_div", calls("", "o_idiv", "o_udiv", "&")),
  rem: calls("o_rem", "o_irem", "o_urem", "!="),
  pow: calls("o_pow", "o_ipow", "o_upow", "|"),
  min: extreme("min", "&"),
  max: extreme("max", "|"),
  and: infix("&", "&"),
  or: infix("|", "|"),
  xor: infix("^", "!="),
  shl: shift("<<"),
  shr: shift(">>"),
  eq: (_e, x, y) => `(${x} == ${y})`,
  // "not equal" is "not (equal)": NaN differs from everything, itself included
  ne: (_e, x, y, d) => d === "f32" ? `(!(${x} == ${y}))` : `(${x} != ${y})`,
  lt: order("<"),
  le: order("<="),
  gt: order(">"),
  ge: order(">="),
}

/** Conversion between compute types: floats truncate and saturate, integers keep their bits, `bool` is "is not 0". */
export const castText = (e: Emitter, from: Compute, to: Compute, x: string): string => {
  if (from === to) return x
  if (to === "bool") return from === "f32" ? `(!(${x} == 0.0))` : `(${x} != ${zeroOf[from]})`
  if (from === "f32" && to !== "f32") return `${need(e, to === "i32" ? "o_to_i32" : "o_to_u32")}(${x})`
  const bits = (from === "i32" && to === "u32") || (from === "u32" && to === "i32")
  return bits ? `bitcast<${to}>(${x})` : `${to}(${x})`
}

/** What remains of a value that was stored in that dtype. */
export const ROUND: { readonly [D in DType]: (e: Emitter, x: string) => string } = {
  f32: (_e, x) => x,
  i32: (_e, x) => x,
  u32: (_e, x) => x,
  bool: (_e, x) => x,
  u8: (_e, x) => `(${x} & 0xffu)`,
  f16: (e, x) => `${need(e, "o_half")}(${need(e, "o_half_bits")}(${x}))`,
  bf16: (e, x) => `bitcast<f32>(${need(e, "o_brain_bits")}(${x}) << 16u)`,
}
