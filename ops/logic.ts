/**
 * Comparisons, logic and bits. Comparisons with NaN are false, but for `ne`.
 *
 * ```ts
 * import { type Bool, type I32, le } from "@orrery/orrery"
 * const causal = (query: I32<"time">, key: I32<"time key">): Bool<"time key"> => le(key, query)
 * ```
 * @module
 */
import { binary, unary } from "../core/graph/build.ts"
import { operands, tensor } from "../core/graph/given.ts"
import type { BinaryFn, Node } from "../core/graph/node.ts"
import type { DType } from "../core/tensor/dtype.ts"
import type { Binary, BinaryTo, Operand, Unary } from "../core/tensor/operand.ts"
import { type Int, type Numeric, typed } from "../core/tensor/tensor.ts"

const compare = <K extends DType>(fn: BinaryFn): BinaryTo<K, "bool"> => (x, y) => pair(fn, x, y) as never
const two = <K extends DType>(fn: BinaryFn): Binary<K> => (x, y) => pair(fn, x, y) as never

/** Two operands of a user. */
const pair = (fn: BinaryFn, ...given: readonly [unknown, unknown]): Node => {
  const [x, y] = operands(fn, ...given) as readonly [Operand, Operand]
  return binary(fn, x, y)
}

/** x = y */
export const eq: BinaryTo<DType, "bool"> = compare("eq")
/** x ≠ y */
export const ne: BinaryTo<DType, "bool"> = compare("ne")
/** x < y */
export const lt: BinaryTo<Numeric, "bool"> = compare("lt")
/** x ≤ y */
export const le: BinaryTo<Numeric, "bool"> = compare("le")
/** x > y */
export const gt: BinaryTo<Numeric, "bool"> = compare("gt")
/** x ≥ y */
export const ge: BinaryTo<Numeric, "bool"> = compare("ge")

/** Both; of ints, bit by bit. */
export const and: Binary<Int | "bool"> = two("and")
/** Either or both; of ints, bit by bit. */
export const or: Binary<Int | "bool"> = two("or")
/** Either and not both; of ints, bit by bit. */
export const xor: Binary<Int | "bool"> = two("xor")
/** Not; of ints, bit by bit. */
export const not: Unary<Int | "bool"> = (x) => typed(unary("not", tensor("not", x, "i32")))
/** Bits of x up by y places; y below 32. */
export const shiftLeft: Binary<Int> = two("shl")
/** Bits of x down by y places; i32 keeps its sign. y below 32. */
export const shiftRight: Binary<Int> = two("shr")
