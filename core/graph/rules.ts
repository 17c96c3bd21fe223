/**
 * Which dtypes each function takes and what it gives, as tables. `build` asks them for every node, `validity` again
 * for every graph that a compiler pass has made.
 * @module
 */
import { type DType, dtypes } from "../tensor/dtype.ts"
import type { BinaryFn, CumulateFn, ReduceFn, UnaryFn } from "./node.ts"

/** What a function takes, and gives: a dtype, or that of its arguments. */
export interface Rule {
  readonly takes: ReadonlyArray<DType>
  readonly gives: DType | "same"
}

const floats: ReadonlyArray<DType> = ["f32", "f16", "bf16"]
const ints: ReadonlyArray<DType> = ["i32", "u32", "u8"]
const numeric: ReadonlyArray<DType> = [...floats, ...ints]
const signed: ReadonlyArray<DType> = [...floats, "i32"]
const bits: ReadonlyArray<DType> = [...ints, "bool"]
const all: ReadonlyArray<DType> = [...numeric, "bool"]

const of = (takes: ReadonlyArray<DType>, gives: Rule["gives"] = "same"): Rule => ({ takes, gives })

/** Functions of one element. */
export const unaryRules: { readonly [F in UnaryFn]: Rule } = {
  neg: of(signed),
  abs: of(numeric),
  sign: of(signed),
  exp: of(floats),
  log: of(floats),
  sqrt: of(floats),
  rsqrt: of(floats),
  recip: of(floats),
  sin: of(floats),
  cos: of(floats),
  tanh: of(floats),
  erf: of(floats),
  sigmoid: of(floats),
  floor: of(floats),
  ceil: of(floats),
  round: of(floats),
  trunc: of(floats),
  not: of(bits),
  isnan: of(floats, "bool"),
  isfinite: of(floats, "bool"),
}

/** Functions of two elements. */
export const binaryRules: { readonly [F in BinaryFn]: Rule } = {
  add: of(numeric),
  sub: of(numeric),
  mul: of(numeric),
  div: of(numeric),
  rem: of(numeric),
  pow: of(floats),
  min: of(numeric),
  max: of(numeric),
  and: of(bits),
  or: of(bits),
  xor: of(bits),
  shl: of(ints),
  shr: of(ints),
  eq: of(all, "bool"),
  ne: of(all, "bool"),
  lt: of(numeric, "bool"),
  le: of(numeric, "bool"),
  gt: of(numeric, "bool"),
  ge: of(numeric, "bool"),
}

/** Folds over axes. */
export const reduceRules: { readonly [F in ReduceFn]: Rule } = {
  sum: of(numeric),
  prod: of(numeric),
  max: of(numeric),
  min: of(numeric),
  argmax: of(numeric, "i32"),
  argmin: of(numeric, "i32"),
}

/** Running folds. */
export const cumulateRules: { readonly [F in CumulateFn]: Rule } = {
  sum: of(numeric),
  prod: of(numeric),
  max: of(numeric),
  min: of(numeric),
}

/** Ops without a function of their own. */
export const dotRule: Rule = of(numeric)
/** The indices of gather and scatter. */
export const indexRule: Rule = of(ints)
/** What scatter sums. */
export const scatterRule: Rule = of(numeric)
/** What can be sorted. */
export const argsortRule: Rule = of(numeric, "i32")
/** What codes are found by, and their numbers. */
export const nearestRule: Rule = of(floats, "i32")
/** What counts along an axis. */
export const iotaRule: Rule = of(["i32", "u32", "f32"])

/** The dtype of the result. */
export const gives = (rule: Rule, dtype: DType): DType => rule.gives === "same" ? dtype : rule.gives

/** Can the dtype hold this number? Floats hold every number, with rounding. */
export const holds = (dtype: DType, value: number): boolean => {
  const { kind, min, max } = dtypes[dtype]
  return kind === "float" || (Number.isInteger(value) && value >= min && value <= max)
}
