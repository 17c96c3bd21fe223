/**
 * Arithmetic on each element. Arguments fit by name: the axes of one are within those of the other, which the result
 * has; a number stands for a tensor that is the same everywhere. dtypes never mix: `cast` first.
 *
 * ```ts
 * import { add, type F32, mul } from "@orrery/orrery"
 * const scale = (x: F32<"batch model">, w: F32<"model">): F32<"batch model"> => add(mul(x, w), 0.5)
 * ```
 * @module
 */
import { binary, bitcast as rebit, cast as convert, select as choose, stop, unary } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { branches, constantFaults, marked, operands, tensor } from "../core/graph/given.ts"
import type { BinaryFn, Node, UnaryFn } from "../core/graph/node.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import type { Binary, Both, Operand, Paired, Unary, UnaryTo } from "../core/tensor/operand.ts"
import { type AnyTensor, type Float, type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/** dtypes with a sign. */
export type Signed = Float | "i32"

const one = <K extends DType>(fn: UnaryFn): Unary<K> => (x) => typed(unary(fn, tensor(fn, x)))
const two = <K extends DType>(fn: BinaryFn): Binary<K> => (x, y) => pair(fn, x, y) as never

/** Two operands of a user. */
const pair = (fn: BinaryFn, ...given: readonly [unknown, unknown]): Node => {
  const [x, y] = operands(fn, ...given) as readonly [Operand, Operand]
  return binary(fn, x, y)
}

/** x + y. Ints wrap. */
export const add: Binary<Numeric> = two("add")
/** x - y. Ints wrap. */
export const sub: Binary<Numeric> = two("sub")
/** x * y. Ints wrap. */
export const mul: Binary<Numeric> = two("mul")
/** x / y; of ints, without the fraction. */
export const div: Binary<Numeric> = two("div")
/** What `div` without the fraction leaves, with the sign of x. */
export const rem: Binary<Numeric> = two("rem")
/** x to the power of y. */
export const pow: Binary<Float> = two("pow")
/** The smaller one; NaN if either is. */
export const minimum: Binary<Numeric> = two("min")
/** The larger one; NaN if either is. */
export const maximum: Binary<Numeric> = two("max")

/** -x. */
export const neg: Unary<Signed> = one("neg")
/** |x|. */
export const abs: Unary<Numeric> = one("abs")
/** -1, 0 or 1; NaN of NaN. */
export const sign: Unary<Signed> = one("sign")
/** e to the power of x. */
export const exp: Unary<Float> = one("exp")
/** Natural logarithm. */
export const log: Unary<Float> = one("log")
/** Square root. */
export const sqrt: Unary<Float> = one("sqrt")
/** 1 / square root. */
export const rsqrt: Unary<Float> = one("rsqrt")
/** 1 / x. */
export const reciprocal: Unary<Float> = one("recip")
/** Sine; radians. */
export const sin: Unary<Float> = one("sin")
/** Cosine; radians. */
export const cos: Unary<Float> = one("cos")
/** Hyperbolic tangent. */
export const tanh: Unary<Float> = one("tanh")
/** The error function. */
export const erf: Unary<Float> = one("erf")
/** 1 / (1 + exp(-x)). */
export const sigmoid: Unary<Float> = one("sigmoid")
/** Down to a whole number. */
export const floor: Unary<Float> = one("floor")
/** Up to a whole number. */
export const ceil: Unary<Float> = one("ceil")
/** To the nearest whole number, halves to the even one. */
export const round: Unary<Float> = one("round")
/** Towards 0 to a whole number. */
export const trunc: Unary<Float> = one("trunc")

/** x * x. */
export const square: Unary<Numeric> = (x) => {
  const node = tensor("square", x)
  return typed(binary("mul", node, node))
}

/** Is it not a number? */
export const isNaN: UnaryTo<Float, "bool"> = (x) => typed(unary("isnan", tensor("isNaN", x)))
/** Is it neither infinite nor NaN? */
export const isFinite: UnaryTo<Float, "bool"> = (x) => typed(unary("isfinite", tensor("isFinite", x)))

/** What is wrong with a range, as one node's faults. */
const rangeFaults = (dtype: DType, low: unknown, high: unknown): Faults => {
  const odd = [low, high].find((n) => typeof n !== "number")
  if (odd !== undefined) return [fault("ValueFault", "clamp", `takes two numbers, got ${typeof odd}; use min and max`)]
  const each = [low, high].flatMap((n) => constantFaults("clamp", dtype, n))
  return each.length > 0 || (low as number) <= (high as number)
    ? each
    : [fault("ValueFault", "clamp", `the range ${low} to ${high} is empty; give the smaller number first`)]
}

/** x within low ... high; NaN of NaN. An end may be infinite. Faults: low above high. */
export const clamp = <D extends Numeric, A extends Axes>(x: Tensor<D, A>, low: number, high: number): Tensor<D, A> => {
  const node = tensor("clamp", x)
  const faults = rangeFaults(node.dtype, low, high)
  return typed(faults.length > 0 ? marked(stop(node), faults) : binary("min", binary("max", node, low), high))
}

/**
 * `yes` where the condition holds, `no` where it does not. All fit by name; neither takes part where it is not chosen,
 * also as NaN. Masks may give an infinite number: `where(seen, scores, -Infinity)`.
 */
export const select = <A extends Axes, X extends Operand, Y extends Operand>(
  condition: Tensor<"bool", A>,
  yes: X & Paired<Tensor<Dtype<X, Y>, A>, X>,
  no: Y & Paired<X, Y> & Paired<Tensor<Dtype<X, Y>, A>, Y>,
): Both<Tensor<Dtype<X, Y>, A>, Both<X, Y>> => {
  const [x, y] = branches("select", yes, no) as readonly [Operand, Operand]
  return choose(tensor("select", condition, "bool"), x, y) as never
}

type Dtype<X, Y> = X extends AnyTensor ? X["dtype"] : Y extends AnyTensor ? Y["dtype"] : "f32"

/** `select`, by the name that other libraries have for it. */
export const where: typeof select = select

/** The value as another dtype. Float to int drops the fraction and saturates; NaN gives 0. */
export const cast = <A extends Axes, const D extends DType>(x: Tensor<DType, A>, dtype: D): Tensor<D, A> =>
  typed(convert(tensor("cast", x), dtype))

/** The same bits as another dtype of the same width. */
export const bitcast = <A extends Axes, const D extends DType>(x: Tensor<DType, A>, dtype: D): Tensor<D, A> =>
  typed(rebit(tensor("bitcast", x), dtype))
