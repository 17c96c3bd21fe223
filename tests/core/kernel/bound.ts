/**
 * Values with a bound on what a device may add to them: the oracle's number `v`, and `e` such that a device's f32 result
 * lies within `v - e` and `v + e`; an infinite `e` is "anything": the result hangs on rounding (a comparison of two
 * inexact numbers that are nearly equal, an overflow). The bounds of single functions stand in one table, `errors`.
 *
 * Devices may flush f32 and f16 numbers below their least normal one to 0, and lose the sign of 0.
 * @module
 */
import { fold as foldOf } from "../../../core/graph/fold.ts"
import type { BinaryFn, CumulateFn, UnaryFn } from "../../../core/graph/node.ts"
import {
  binary as binaryOf,
  bitcast as bitcastOf,
  cast as castOf,
  unary as unaryOf,
} from "../../../core/graph/scalar.ts"
import type { Algebra } from "../../../core/kernel/meaning.ts"
import type { Compute, DType } from "../../../core/tensor/dtype.ts"

/** A number and how far a device may be from it. */
export interface Bounded {
  readonly v: number
  readonly e: number
}

/** One operation in f32 of a device, with a little room for contraction and division. */
const unit = 4e-7

/** What each function may add: absolute error of a device's result for an exact argument x, with the exact result v. */
export const errors: { readonly [F in UnaryFn]?: (x: number, v: number) => number } = {
  exp: (x, v) => Math.abs(v) * (1e-6 + 2.5e-7 * Math.abs(x)),
  log: (_, v) => 5e-7 + 1e-6 * Math.abs(v),
  sqrt: (_, v) => 1e-6 * Math.abs(v),
  rsqrt: (_, v) => 1e-6 * Math.abs(v),
  recip: (_, v) => 1e-6 * Math.abs(v),
  sin: (x) => (Math.abs(x) < 1e4 ? 2e-6 + 2.5e-7 * Math.abs(x) : 2),
  cos: (x) => (Math.abs(x) < 1e4 ? 2e-6 + 2.5e-7 * Math.abs(x) : 2),
  tanh: () => 1e-6,
  erf: () => 1e-6,
  sigmoid: (x, v) => Math.abs(v) * (1e-6 + 2.5e-7 * Math.abs(x)),
}

/** What a power may add. */
const powerError = (x: number, y: number, v: number): number =>
  Math.abs(v) * (1e-6 + 5e-7 * Math.abs(y * Math.log(Math.abs(x))))

/** What each term adds to a sum, times its magnitude. */
const sumError = 1e-5

/** Eight times the least normal f32: a function that scales by powers of two may flush what is nearly too small. */
const least = 2 ** -123
const largest = 3.4028234663852886e38

/** Storage: relative error of one rounding, least normal number, the first number that becomes infinite. */
const halves = {
  f16: { error: 2 ** -10, least: 2 ** -14, over: 65504 },
  bf16: { error: 2 ** -7, least: 2 ** -126, over: 3.3895e38 },
} as const

const known = (v: number): Bounded => ({ v, e: 0 })
const unknown: Bounded = { v: 0, e: Infinity }

/** Is the number fixed, up to what f32 arithmetic adds? */
const isKnown = (x: Bounded): boolean => x.e < 1e33

/** An f32 result: what overflows or is below the least normal number is not held to. */
const f32 = (v: number, e: number): Bounded => {
  if (!Number.isFinite(v)) return e === 0 ? { v, e } : unknown
  if (!(Math.abs(v) + e < largest * 0.999999)) return unknown
  return Math.abs(v) < least && v !== 0 ? { v, e: e + Math.abs(v) } : { v, e }
}

/** A number as an exact f32 of memory. */
export const fromMemory = (v: number, dtype: DType): Bounded => {
  if (dtype === "f16" && v !== 0 && Math.abs(v) < halves.f16.least) return { v, e: Math.abs(v) }
  return dtype === "f32" || dtype === "bf16" ? f32(v, 0) : known(v)
}

/** A value rounded to what a dtype holds; `f32` and whole numbers stay. */
export const intoMemory = (x: Bounded, dtype: DType): Bounded => {
  if ((dtype !== "f16" && dtype !== "bf16") || !isKnown(x) || !Number.isFinite(x.v)) return x
  const { error, least, over } = halves[dtype]
  const size = Math.abs(x.v) + x.e
  if (size >= over * (1 - error)) return unknown
  return { v: x.v, e: x.e + Math.max(size * error, size < least ? size : 0) }
}

/** A function that is monotone or flat between its steps: known where both ends agree. */
const stepwise = (f: (x: number) => number) => (x: Bounded): Bounded => {
  if (x.e === 0) return known(f(x.v))
  if (!isKnown(x)) return unknown
  const [low, high] = [f(x.v - x.e), f(x.v + x.e)]
  return low === high ? known(f(x.v)) : unknown
}

/** How much the result moves with the argument, around it. */
const slopes: { readonly [F in UnaryFn]?: (x: Bounded, v: number) => number } = {
  exp: (x, v) => Math.abs(v) * Math.expm1(x.e) / x.e,
  log: (x) => (x.v > x.e ? 1 / (x.v - x.e) : Infinity),
  sqrt: (x) => (x.v > x.e ? 0.5 / Math.sqrt(x.v - x.e) : Infinity),
  rsqrt: (x) => (x.v > x.e ? 0.5 * (x.v - x.e) ** -1.5 : Infinity),
  recip: (x) => (Math.abs(x.v) > x.e ? (Math.abs(x.v) - x.e) ** -2 : Infinity),
  sin: () => 1,
  cos: () => 1,
  tanh: () => 1,
  erf: () => 1.13,
  sigmoid: (x, v) => Math.min(0.25, v * Math.exp(x.e)),
  neg: () => 1,
  abs: () => 1,
}

const unary = (fn: UnaryFn, of: Compute): (x: Bounded) => Bounded => {
  const f = unaryOf(fn, of)
  if (of !== "f32") return (x) => (x.e === 0 ? known(f(x.v)) : unknown)
  const slope = slopes[fn]
  if (slope === undefined) return stepwise(f)
  return (x) => {
    if (!isKnown(x)) return unknown
    const v = f(x.v)
    // the sign of an infinite result is that of a zero, or the argument was flushed to it
    if (fn === "recip" && x.v === 0) return unknown
    const moved = x.e === 0 ? 0 : slope(x, v) * x.e
    const added = !Number.isFinite(v) ? 0 : !Number.isFinite(x.v) ? 1e-6 * Math.abs(v) : errors[fn]?.(x.v, v) ?? 0
    return f32(v, Number.isNaN(moved) ? Infinity : moved + added)
  }
}

type Two = (x: Bounded, y: Bounded) => Bounded

const comparison = (f: (x: number, y: number) => number): Two => (x, y) =>
  isKnown(x) && isKnown(y) && !(x.e + y.e > 0 && Math.abs(x.v - y.v) <= x.e + y.e) ? known(f(x.v, y.v)) : unknown

/** Error of a result, given those of the arguments; infinite where the result may jump. */
const spread: { readonly [fn: string]: (x: Bounded, y: Bounded, v: number) => number } = {
  add: (x, y, v) => x.e + y.e + unit * Math.abs(v),
  sub: (x, y, v) => x.e + y.e + unit * Math.abs(v),
  mul: (x, y, v) => Math.abs(x.v) * y.e + Math.abs(y.v) * x.e + x.e * y.e + unit * Math.abs(v),
  div: (x, y, v) =>
    Math.abs(y.v) > y.e && Math.abs(y.v) < 8e37
      ? (x.e + Math.abs(v) * y.e) / (Math.abs(y.v) - y.e) + unit * Math.abs(v)
      : Infinity,
  rem: (x, y, v) => {
    const e = x.e + Math.abs(x.v / y.v) * y.e + unit * Math.abs(x.v)
    const jumps = Math.abs(v) <= e || Math.abs(y.v) - Math.abs(v) <= e
    return Math.abs(x.v) < Math.abs(y.v) && x.e + y.e === 0 ? 0 : jumps ? Infinity : e
  },
  pow: (x, y, v) =>
    Math.abs(x.v) <= x.e || (x.v < 0 && y.e > 0) ? Infinity : x.v === 0 ? 0 : powerError(x.v, y.v, v) +
      Math.abs(v) * (Math.abs(y.v) * x.e / (Math.abs(x.v) - x.e) + Math.abs(Math.log(Math.abs(x.v))) * y.e) * 2,
  min: (x, y) => Math.max(x.e, y.e),
  max: (x, y) => Math.max(x.e, y.e),
}

const comparisons: ReadonlyArray<BinaryFn> = ["eq", "ne", "lt", "le", "gt", "ge"]

const binary = (fn: BinaryFn, of: Compute): Two => {
  const f = binaryOf(fn, of)
  if (of !== "f32") return (x, y) => (x.e === 0 && y.e === 0 ? known(f(x.v, y.v)) : unknown)
  if (comparisons.includes(fn)) return comparison(f)
  const error = spread[fn]!
  return (x, y) => {
    if (!isKnown(x) || !isKnown(y)) return unknown
    const v = f(x.v, y.v)
    if (Number.isNaN(v) && x.e + y.e === 0) return known(v)
    if ((fn === "div" || fn === "pow") && (y.v === 0 || x.v === 0) && !Number.isFinite(v)) return unknown
    if (fn === "rem" && !Number.isFinite(x.v / y.v)) return x.e + y.e === 0 ? known(v) : unknown
    const e = Number.isFinite(v) && Number.isFinite(x.v) && Number.isFinite(y.v) ? error(x, y, v) : x.e + y.e
    return f32(v, Number.isNaN(e) ? Infinity : e)
  }
}

const cast = (from: Compute, to: Compute): (x: Bounded) => Bounded => {
  const f = castOf(from, to)
  if (from === "f32") return from === to ? (x) => x : stepwise(f)
  if (to !== "f32") return (x) => (x.e === 0 ? known(f(x.v)) : unknown)
  return (x) => (x.e === 0 ? { v: x.v, e: Math.abs(x.v) > 2 ** 24 ? unit * Math.abs(x.v) : 0 } : unknown)
}

const bitcast = (from: Compute, to: Compute): (x: Bounded) => Bounded => {
  const f = bitcastOf(from, to)
  return (x) => {
    const bits = x.e === 0 && (from !== "f32" || (Math.fround(x.v) === x.v && x.v !== 0))
    return !bits ? unknown : to === "f32" ? f32(f(x.v), 0) : known(f(x.v))
  }
}

const fold = (fn: CumulateFn, of: Compute): { readonly empty: Bounded; readonly step: Two } => {
  const { empty, step } = foldOf(fn, of)
  if (of !== "f32") {
    return { empty: known(empty), step: (x, y) => (x.e === 0 && y.e === 0 ? known(step(x.v, y.v)) : unknown) }
  }
  if (fn !== "sum") return { empty: known(empty), step: binary(fn === "prod" ? "mul" : fn, "f32") }
  return {
    empty: known(empty),
    step: (sum, x) => {
      if (!isKnown(sum) || !isKnown(x)) return unknown
      const v = sum.v + x.v
      return Number.isFinite(v) ? f32(v, sum.e + x.e + sumError * Math.abs(x.v)) : { v, e: 0 }
    },
  }
}

/** The number of something that must be exact, or the test's kernel is at fault. */
const number = (x: Bounded): number => {
  if (x.e > least) throw new Error(`a place, a row or a key of a generated kernel is not exact: ${x.v} +- ${x.e}`)
  return x.v
}

/** float64 with bounds. */
export const bounded: Algebra<Bounded> = {
  constant: known,
  unary,
  binary,
  select: (c, x, y) => (!isKnown(c) ? unknown : c.v === 0 ? y : x),
  cast,
  bitcast,
  round: (to) =>
    to === "f16" || to === "bf16" ? (x) => intoMemory(x, to) : to === "f32" ? (x) => x : stepwise(castOf("u32", to)),
  fold,
  number,
}

/** Does a device's number agree? NaN and infinities are where they should be. */
export const agrees = (want: Bounded, got: number): boolean => {
  if (!isKnown(want)) return true
  if (Number.isNaN(want.v)) return Number.isNaN(got)
  if (!Number.isFinite(want.v)) return got === want.v
  return Math.abs(got - want.v) <= want.e
}
