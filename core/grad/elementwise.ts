/**
 * Gradient rules of elementwise ops. They lean on the result `y` where that saves work: d tanh = 1 - y^2, d exp = y.
 *
 * Where a function has a corner, the rule is: `abs` has slope 0 at 0; `min` and `max` give each of two equal arguments
 * half; rounding, comparisons, bits and integers have no slope. `pow` has no slope in its exponent where the base is
 * not positive.
 * @module
 */
import { binary, cast, constant, select, unary } from "../graph/build.ts"
import type { BinaryFn, Node, UnaryFn } from "../graph/node.ts"
import type { Rule } from "./rule.ts"
import { div, isFloat, mul, sub, zeros } from "./rule.ts"

/** ct times the derivative at x, where y = f(x). */
type Slope1 = (ct: Node, x: Node, y: Node) => Node

const neg = (x: Node): Node => unary("neg", x)

const unaries: { readonly [F in UnaryFn]: Slope1 | null } = {
  neg,
  abs: (ct, x) => mul(ct, unary("sign", x)),
  sign: null,
  exp: (ct, _x, y) => mul(ct, y),
  log: (ct, x) => div(ct, x),
  sqrt: (ct, _x, y) => div(mul(ct, 0.5), y),
  rsqrt: (ct, _x, y) => mul(mul(ct, -0.5), mul(y, mul(y, y))),
  recip: (ct, _x, y) => mul(neg(ct), mul(y, y)),
  sin: (ct, x) => mul(ct, unary("cos", x)),
  cos: (ct, x) => neg(mul(ct, unary("sin", x))),
  tanh: (ct, _x, y) => mul(ct, sub(1, mul(y, y))),
  erf: (ct, x) => mul(mul(ct, 2 / Math.sqrt(Math.PI)), unary("exp", neg(mul(x, x)))),
  sigmoid: (ct, _x, y) => mul(ct, mul(y, sub(1, y))),
  floor: null,
  ceil: null,
  round: null,
  trunc: null,
  not: null,
  isnan: null,
  isfinite: null,
}

/** ct times the derivative for one of the arguments, where z = f(x, y). */
type Slope2 = (ct: Node, x: Node, y: Node, z: Node) => Node

const constantOf = (x: Node): number | null =>
  x.op.tag === "constant" ? x.op.value : x.op.tag === "align" ? constantOf(x.args[0]!) : null

/** y x^(y - 1), and 0 where y is 0 even if x is 0 too. */
const powBase: Slope2 = (ct, x, y) => {
  const known = constantOf(y)
  if (known === 2) return mul(ct, mul(x, 2))
  if (known !== null) return known === 0 ? zeros(ct) : mul(mul(ct, known), binary("pow", x, known - 1))
  const less = select(binary("eq", y, 0), constant(y.dtype, 1, y.axes, y.shape), sub(y, 1))
  return mul(mul(ct, y), binary("pow", x, less))
}

const powExponent: Slope2 = (ct, x, _y, z) => mul(mul(ct, z), select(binary("gt", x, 0), unary("log", x), 0))

/** All of ct to the greater (or lesser), half to each of two equals. */
const extreme = (fn: "gt" | "lt"): Slope2 => (ct, x, y) =>
  select(binary(fn, x, y), ct, select(binary("eq", x, y), mul(ct, 0.5), 0))

const same: Slope2 = (ct) => ct

const flipped = (f: Slope2): Slope2 => (ct, x, y, z) => f(ct, y, x, z)

const binaries: { readonly [F in BinaryFn]: readonly [Slope2 | null, Slope2 | null] } = {
  add: [same, same],
  sub: [same, neg],
  mul: [(ct, _x, y) => mul(ct, y), (ct, x) => mul(ct, x)],
  div: [(ct, _x, y) => div(ct, y), (ct, _x, y, z) => neg(div(mul(ct, z), y))],
  rem: [same, (ct, x, y) => neg(mul(ct, unary("trunc", div(x, y))))],
  pow: [powBase, powExponent],
  min: [extreme("lt"), flipped(extreme("lt"))],
  max: [extreme("gt"), flipped(extreme("gt"))],
  and: [null, null],
  or: [null, null],
  xor: [null, null],
  shl: [null, null],
  shr: [null, null],
  eq: [null, null],
  ne: [null, null],
  lt: [null, null],
  le: [null, null],
  gt: [null, null],
  ge: [null, null],
}

/** Rules of the ops that compute each element from elements at the same place. */
export const elementwise: {
  readonly unary: Rule<"unary">
  readonly binary: Rule<"binary">
  readonly select: Rule<"select">
  readonly cast: Rule<"cast">
} = {
  unary: ({ fn }, node, ct) => {
    const slope = unaries[fn]
    return [slope && (() => slope(ct, node.args[0]!, node))]
  },
  binary: ({ fn }, node, ct) => {
    const [x, y] = node.args as readonly [Node, Node]
    return binaries[fn].map((slope) => slope && (() => slope(ct, x, y, node)))
  },
  select: (_op, node, ct) => {
    const condition = node.args[0]!
    return [null, () => select(condition, ct, 0), () => select(condition, 0, ct)]
  },
  cast: (_op, node, ct) => [isFloat(node) ? () => cast(ct, node.args[0]!.dtype) : null],
}
