/**
 * One more node for a random graph: how it is picked from those there are, and the elementwise and moving ops.
 * @module
 */
import * as b from "../../../core/graph/build.ts"
import { type BinaryFn, type Node, sizeOf, type UnaryFn } from "../../../core/graph/node.ts"
import { type DType, dtypes } from "../../../core/tensor/dtype.ts"
import type { Tape } from "../kernel/tape.ts"

/** A node and whether all ways of computing it agree to the bit. */
export interface Value {
  readonly node: Node
  readonly exact: boolean
}

export interface Draft {
  readonly tape: Tape
  readonly values: Array<Value>
  /** Number of axis names made so far. */
  names: number
}

// -----------------------------------------------------------------------------
// picking
// -----------------------------------------------------------------------------

export const most = 3000

export const isFloat = (d: DType): boolean => dtypes[d].kind === "float"

export const fresh = (d: Draft): string => `n${d.names++}`

/** A value with a property, a late one rather than an early one. */
export const some = (d: Draft, test: (v: Value) => boolean): Value | undefined => {
  const fit = d.values.filter(test)
  if (fit.length === 0) return undefined
  return fit[fit.length - 1 - Math.min(d.tape.below(fit.length), d.tape.below(fit.length))]
}

export const floatOf = (d: Draft): Value | undefined => some(d, (v) => v.node.dtype === "f32")
export const exactOf = (d: Draft): Value | undefined => some(d, (v) => v.exact && dtypes[v.node.dtype].kind !== "bool")

export const inside = (x: Node, y: Node): boolean => y.axes.every((a, i) => sizeOf(x, a) === y.shape[i])

/** A value of the same dtype whose axes lie within x's, or the other way round. */
export const partner = (d: Draft, x: Node, test: (v: Value) => boolean): Value | undefined =>
  some(d, (v) => v.node.dtype === x.dtype && test(v) && (inside(x, v.node) || inside(v.node, x)))

export const axisOf = (d: Draft, x: Node): string | undefined => (x.axes.length === 0 ? undefined : d.tape.of(x.axes))

// -----------------------------------------------------------------------------
// ops
// -----------------------------------------------------------------------------

/** Draws one more value from those there are; undefined where what it needs is not there. */
export type Grow = (d: Draft) => Value | undefined

export const value = (node: Node, exact: boolean): Value => ({ node, exact })

const smooth: ReadonlyArray<UnaryFn> = ["neg", "tanh", "sigmoid", "erf", "sin", "cos", "abs"]
const stepped: ReadonlyArray<UnaryFn> = ["floor", "ceil", "round", "trunc", "sign", "neg", "abs"]
const simple: ReadonlyArray<BinaryFn> = ["add", "mul", "sub", "max", "min"]

/** At least a half, whatever x is. */
const away = (x: Node): Node => b.binary("add", b.unary("abs", x), 0.5)

export const elementwise: ReadonlyArray<Grow> = [
  (d) => {
    const x = floatOf(d)
    return x && value(b.unary(d.tape.of(smooth), x.node), false)
  },
  (d) => {
    const x = floatOf(d)
    return x && value(b.unary(d.tape.of(["log", "sqrt", "rsqrt", "recip"] as const), away(x.node)), false)
  },
  (d) => {
    const x = floatOf(d)
    return x && value(b.unary("exp", b.binary("min", x.node, 3)), false)
  },
  (d) => {
    const x = some(d, (v) => v.exact && v.node.dtype === "f32")
    return x && value(b.unary(d.tape.of(stepped), x.node), true)
  },
  (d) => {
    const x = some(d, (v) => dtypes[v.node.dtype].kind !== "bool")
    const y = x && partner(d, x.node, () => true)
    if (x === undefined || y === undefined) return undefined
    const fn = d.tape.of(simple)
    const held = x.exact && y.exact && (!isFloat(x.node.dtype) || fn === "max" || fn === "min")
    return value(b.binary(fn, x.node, y.node), held)
  },
  (d) => {
    const x = floatOf(d)
    const y = x && partner(d, x.node, () => true)
    return x && y && value(b.binary(d.tape.of(["div", "pow"] as const), away(x.node), away(y.node)), false)
  },
  (d) => {
    const x = some(d, (v) => dtypes[v.node.dtype].kind !== "bool")
    if (x === undefined) return undefined
    const list = isFloat(x.node.dtype) ? [1, 0, 2, 0.5, -1, -0.25] : [1, 0, 2, 3]
    return value(b.binary(d.tape.of(simple), x.node, d.tape.of(list)), x.exact && !isFloat(x.node.dtype))
  },
  (d) => {
    const x = some(d, (v) => dtypes[v.node.dtype].kind === "int")
    const y = x && partner(d, x.node, () => true)
    const fns = ["and", "or", "xor", "shl", "shr", "div", "rem"] as const
    return x && y && value(b.binary(d.tape.of(fns), x.node, y.node), true)
  },
  (d) => {
    const x = exactOf(d)
    const y = x && partner(d, x.node, (v) => v.exact)
    const fns = ["lt", "le", "gt", "ge", "eq", "ne"] as const
    return x && y && value(b.binary(d.tape.of(fns), x.node, y.node), true)
  },
  (d) => {
    const c = some(d, (v) => v.node.dtype === "bool")
    const x = c && some(d, (v) => v.node.dtype !== "bool" && (inside(c.node, v.node) || inside(v.node, c.node)))
    if (c === undefined || x === undefined) return undefined
    const y = partner(d, x.node, (v) => inside(x.node, v.node))
    if (y === undefined || d.tape.once(2)) return value(b.select(c.node, x.node, d.tape.of([0, 1])), x.exact)
    return value(b.select(c.node, x.node, y.node), x.exact && y.exact)
  },
  (d) => {
    const c = some(d, (v) => v.node.dtype === "bool")
    const e = c && partner(d, c.node, () => true)
    return c && e && value(b.binary(d.tape.of(["and", "or", "xor"] as const), c.node, b.unary("not", e.node)), true)
  },
  (d) => {
    const x = some(d, (v) => v.exact)
    const to = ["f32", "i32", "u32", "u8", "f16", "bf16", "bool"] as const
    return x && value(b.cast(x.node, d.tape.of(to)), true)
  },
  (d) => {
    const x = some(d, (v) => v.node.dtype === "f16" || v.node.dtype === "bf16")
    return x && value(b.cast(x.node, "f32"), x.exact)
  },
]

export const movement: ReadonlyArray<Grow> = [
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 1)
    return x && value(b.transpose(x.node, d.tape.shuffled(x.node.axes)), x.exact)
  },
  (d) => {
    const x = some(d, () => true)
    return x && value(b.broadcast(x.node, [fresh(d)], [1 + d.tape.below(4)]), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 1)
    if (x === undefined) return undefined
    const turned = b.transpose(x.node, d.tape.shuffled(x.node.axes))
    const parts = turned.axes.slice(0, 2 + d.tape.below(turned.axes.length - 1))
    return value(b.merge(turned, parts, fresh(d)), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.shape.some((n) => n > 3))
    if (x === undefined) return undefined
    const at = x.node.shape.findIndex((n) => n > 3)
    const n = x.node.shape[at]!
    const divisors = Array.from({ length: n }, (_, i) => i + 1).filter((k) => n % k === 0)
    const first = d.tape.of(divisors)
    const [p, q] = [fresh(d), fresh(d)]
    return value(b.split(x.node, x.node.axes[at]!, [p, q], { [p]: first, [q]: n / first }), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    return x && axis !== undefined ? value(b.rename(x.node, { [axis]: fresh(d) }), x.exact) : undefined
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const n = sizeOf(x.node, axis)!
    const start = d.tape.below(n)
    const step = d.tape.of([1, 1, 2, 3])
    const size = Math.min(n, 1 + d.tape.below(Math.max(1, Math.ceil((n - start) / step))))
    return n === 0
      ? undefined
      : value(b.sliceAxis(x.node, axis, start, Math.min(size, Math.ceil((n - start) / step)), step), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    return x && axis !== undefined ? value(b.flip(x.node, [axis]), x.exact) : undefined
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const [low, high, between] = [d.tape.below(3), d.tape.below(3), d.tape.once(4) ? d.tape.below(3) : 0]
    const with_ = d.tape.of([0, 1])
    return value(b.padAxis(x.node, axis, low, high, with_, between), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const y = some(d, ({ node }) =>
      node.dtype === x.node.dtype && node.axes.length === x.node.axes.length &&
      node.axes.every((a, i) => x.node.axes.includes(a) && (a === axis || sizeOf(x.node, a) === node.shape[i])))
    return y && value(b.concat(d.tape.once(2) ? [x.node, y.node] : [y.node, x.node], axis), x.exact && y.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.shape.some((n) => n > 2))
    if (x === undefined) return undefined
    const axis = x.node.axes[x.node.shape.findIndex((n) => n > 2)]!
    return value(b.window(x.node, axis, fresh(d), 2, 1 + d.tape.below(2), 1 + d.tape.below(2)), x.exact)
  },
]
