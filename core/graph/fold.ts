/**
 * The meaning of folds and orders over elements, in float64 and exact integers; see `scalar.ts` for single elements.
 * @module
 */
import { type DType, dtypes } from "../tensor/dtype.ts"
import type { BinaryFn, CumulateFn } from "./node.ts"
import { binary, type Scalar2 } from "./scalar.ts"

/** What a fold over nothing gives, and how it goes on. */
export interface FoldMeaning {
  readonly empty: number
  readonly step: Scalar2
}

const steps: { readonly [F in CumulateFn]: BinaryFn } = { sum: "add", prod: "mul", max: "max", min: "min" }

const least = (dtype: DType): number => (dtypes[dtype].kind === "float" ? -Infinity : dtypes[dtype].min)
const most = (dtype: DType): number => (dtypes[dtype].kind === "float" ? Infinity : dtypes[dtype].max)

/** The fold of elements of that dtype; the sum of bools is `or`, their product `and`. */
export const fold = (fn: CumulateFn, dtype: DType): FoldMeaning => ({
  empty: fn === "sum" ? 0 : fn === "prod" ? 1 : fn === "max" ? least(dtype) : most(dtype),
  step: dtype === "bool" ? (fn === "sum" || fn === "max" ? Math.max : Math.min) : binary(steps[fn], dtype),
})

/** Does x take the place of the best before it? Ties stay; NaN counts as the extreme, the first one wins. */
export const outdoes = (fn: "argmax" | "argmin"): (x: number, best: number) => boolean =>
  fn === "argmax"
    ? (x, best) => x > best || (Number.isNaN(x) && !Number.isNaN(best))
    : (x, best) => x < best || (Number.isNaN(x) && !Number.isNaN(best))

/** Order of two keys: negative if x goes before y. NaN goes last either way. */
export const order = (descending: boolean): Scalar2 => (x, y) => {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
  const side = x < y ? -1 : x > y ? 1 : 0
  return descending ? -side : side
}
