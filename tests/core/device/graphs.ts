/**
 * Random graphs over all ops, drawn from a tape of numbers like the kernels of `tests/core/kernel/arbitrary.ts`. What
 * jumps (rounding, comparisons, orders, casts to ints) is only done to exact values, and divisors stay away from 0, so
 * that two ways of computing a graph agree but for rounding.
 * @module
 */
import * as fc from "fast-check"
import * as b from "../../../core/graph/build.ts"
import { type BinaryFn, count, type Node, sizeOf, type UnaryFn } from "../../../core/graph/node.ts"
import { type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { type Tape, tapeOf, valuesOf } from "../kernel/arbitrary.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** An input: its spec and its values. */
export interface Given {
  readonly path: string
  readonly dtype: DType
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly values: ReadonlyArray<number>
}

/** Outputs by path. */
export type Roots = Readonly<Record<string, Node>>

/** A random function of its inputs. */
export interface RandomGraph {
  readonly inputs: ReadonlyArray<Given>
  /** The graph over these nodes, one for each input; the same each time. */
  readonly build: (inputs: ReadonlyArray<Node>) => Roots
  /** Inputs that outputs of the same path may take over. */
  readonly donate: ReadonlyArray<string>
  readonly maxBindings: number
}

/** A node and whether all ways of computing it agree to the bit. */
interface Value {
  readonly node: Node
  readonly exact: boolean
}

interface Draft {
  readonly tape: Tape
  readonly values: Array<Value>
  /** Number of axis names made so far. */
  names: number
}

// -----------------------------------------------------------------------------
// picking
// -----------------------------------------------------------------------------

const most = 3000

const isFloat = (d: DType): boolean => dtypes[d].kind === "float"

const fresh = (d: Draft): string => `n${d.names++}`

/** A value with a property, a late one rather than an early one. */
const some = (d: Draft, test: (v: Value) => boolean): Value | undefined => {
  const fit = d.values.filter(test)
  if (fit.length === 0) return undefined
  return fit[fit.length - 1 - Math.min(d.tape.below(fit.length), d.tape.below(fit.length))]
}

const floatOf = (d: Draft): Value | undefined => some(d, (v) => v.node.dtype === "f32")
const exactOf = (d: Draft): Value | undefined => some(d, (v) => v.exact && dtypes[v.node.dtype].kind !== "bool")

const inside = (x: Node, y: Node): boolean => y.axes.every((a, i) => sizeOf(x, a) === y.shape[i])

/** A value of the same dtype whose axes lie within x's, or the other way round. */
const partner = (d: Draft, x: Node, test: (v: Value) => boolean): Value | undefined =>
  some(d, (v) => v.node.dtype === x.dtype && test(v) && (inside(x, v.node) || inside(v.node, x)))

const axisOf = (d: Draft, x: Node): string | undefined => (x.axes.length === 0 ? undefined : d.tape.of(x.axes))

// -----------------------------------------------------------------------------
// ops
// -----------------------------------------------------------------------------

/** Draws one more value from those there are; undefined where what it needs is not there. */
type Grow = (d: Draft) => Value | undefined

const value = (node: Node, exact: boolean): Value => ({ node, exact })

const smooth: ReadonlyArray<UnaryFn> = ["neg", "tanh", "sigmoid", "erf", "sin", "cos", "abs"]
const stepped: ReadonlyArray<UnaryFn> = ["floor", "ceil", "round", "trunc", "sign", "neg", "abs"]
const simple: ReadonlyArray<BinaryFn> = ["add", "mul", "sub", "max", "min"]

/** At least a half, whatever x is. */
const away = (x: Node): Node => b.binary("add", b.unary("abs", x), 0.5)

const elementwise: ReadonlyArray<Grow> = [
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

const movement: ReadonlyArray<Grow> = [
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

/** Subtract the maximum, exponentiate, divide by the sum. */
const softmax = (x: Node, axis: string): Node => {
  const e = b.unary("exp", b.binary("sub", x, b.reduce("max", x, [axis])))
  return b.binary("div", e, b.reduce("sum", e, [axis]))
}

const filled = (v: Value): boolean => v.node.dtype === "f32" && v.node.axes.length > 0 && count(v.node.shape) > 0

const folding: ReadonlyArray<Grow> = [
  (d) => {
    const x = some(d, (v) => dtypes[v.node.dtype].kind !== "bool" && v.node.axes.length > 0)
    if (x === undefined) return undefined
    const axes = d.tape.shuffled(x.node.axes).slice(0, 1 + d.tape.below(2))
    const fn = d.tape.of(["sum", "max", "min", "sum"] as const)
    return value(b.reduce(fn, x.node, axes), x.exact && (!isFloat(x.node.dtype) || fn !== "sum"))
  },
  (d) => {
    const x = some(d, (v) => filled(v) && count(v.node.shape) < 50)
    const axis = x && axisOf(d, x.node)
    return x && axis !== undefined ? value(b.reduce("prod", b.unary("tanh", x.node), [axis]), false) : undefined
  },
  (d) => {
    const x = some(d, (v) => v.exact && dtypes[v.node.dtype].kind !== "bool" && v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    const fns = ["argmax", "argmin"] as const
    return x && axis !== undefined ? value(b.reduce(d.tape.of(fns), x.node, [axis]), true) : undefined
  },
  (d) => {
    const x = some(d, (v) => v.node.dtype === "f32" && v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    const y = x && axis !== undefined
      ? some(d, (v) =>
        v.node.dtype === "f32" && sizeOf(v.node, axis) === sizeOf(x.node, axis) &&
        v.node.axes.every((a) => sizeOf(x.node, a) === undefined || sizeOf(x.node, a) === sizeOf(v.node, a)))
      : undefined
    if (x === undefined || y === undefined) return undefined
    const shared = x.node.axes.filter((a) => y.node.axes.includes(a) && a !== axis)
    const on = [axis!, ...shared.filter(() => d.tape.once(3))]
    return value(b.dot(x.node, y.node, on), false)
  },
  (d) => {
    // queries over keys, and what they take
    const x = some(d, (v) => filled(v) && v.node.axes.length > 1)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const other = x.node.axes.find((a) => a !== axis)!
    const keys = b.rename(x.node, { [other]: fresh(d) })
    const key = keys.axes[x.node.axes.indexOf(other)]!
    return value(b.dot(softmax(b.dot(x.node, keys, [axis]), key), keys, [key]), false)
  },
  (d) => {
    const x = some(d, filled)
    const axis = x && axisOf(d, x.node)
    return x && axis !== undefined ? value(softmax(x.node, axis), false) : undefined
  },
  (d) => {
    // root mean square norm, and its scale by another tensor where there is one
    const x = some(d, filled)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const mean = b.binary("div", b.reduce("sum", b.binary("mul", x.node, x.node), [axis]), sizeOf(x.node, axis)!)
    const normed = b.binary("mul", x.node, b.unary("rsqrt", b.binary("add", mean, 0.125)))
    const scale = partner(d, normed, (v) => inside(normed, v.node))
    return value(scale === undefined ? normed : b.binary("mul", normed, scale.node), false)
  },
  (d) => {
    const x = some(d, (v) => v.node.dtype === "f32" && v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    const fns = ["sum", "max", "min"] as const
    return x && axis !== undefined ? value(b.cumulate(d.tape.of(fns), x.node, axis, d.tape.once(2)), false) : undefined
  },
  (d) => {
    const x = some(d, (v) => v.exact && dtypes[v.node.dtype].kind !== "bool" && v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    return x && axis !== undefined ? value(b.argsort(x.node, axis, d.tape.once(2)), true) : undefined
  },
]

const isIndex = (v: Value): boolean => v.exact && dtypes[v.node.dtype].kind === "int"

const indexing: ReadonlyArray<Grow> = [
  (d) => {
    const x = some(d, (v) => v.node.axes.length > 0 && v.node.dtype !== "bool")
    const axis = x && axisOf(d, x.node)
    const index = x && axis !== undefined
      ? some(
        d,
        (v) =>
          isIndex(v) &&
          v.node.axes.every((a) => a !== axis && (sizeOf(x.node, a) ?? sizeOf(v.node, a)) === sizeOf(v.node, a)),
      )
      : undefined
    return x && index && value(b.gather(x.node, index.node, axis!), x.exact)
  },
  (d) => {
    const x = some(d, (v) => v.node.dtype === "f32" && v.node.axes.length > 0)
    const index = x && some(d, (v) => isIndex(v) && v.node.axes.length > 0 && inside(x.node, v.node))
    if (x === undefined || index === undefined) return undefined
    const batch = index.node.axes.filter(() => d.tape.once(3))
    return value(b.scatter(x.node, index.node, fresh(d), 1 + d.tape.below(5), batch), false)
  },
  (d) => value(b.iota(fresh(d), 1 + d.tape.below(6), d.tape.of(["i32", "f32", "u32"] as const)), true),
  (d) => {
    const x = some(d, () => true)
    return x && value(b.stop(x.node), x.exact)
  },
  (d) => {
    const x = some(d, () => true)
    const y = some(d, () => true)
    return x && y && value(b.barrier(x.node, [y.node], d.tape.below(3)), x.exact)
  },
  (d) => {
    // a loop over one axis: the carry decays, takes in one slice, and is stacked
    const x = some(d, (v) => v.node.dtype === "f32" && v.node.axes.length > 0)
    const axis = x && axisOf(d, x.node)
    if (x === undefined || axis === undefined) return undefined
    const rest = x.node.axes.filter((a) => a !== axis)
    const shape = rest.map((a) => sizeOf(x.node, a)!)
    const like = (name: string): Node => b.input(name, "f32", rest, shape)
    const [carry, each, held] = [like("carry.0"), like("each.0"), like("const.0")]
    const next = b.binary("add", b.binary("mul", carry, 0.5), b.binary("mul", each, b.unary("tanh", held)))
    const loop = b.scan({
      body: { carry: [carry], each: [each], constants: [held], next: [next], out: [b.unary("sin", next)] },
      inits: [b.reduce("sum", x.node, [axis])],
      sequences: [x.node],
      constants: [b.reduce("max", b.binary("min", x.node, 4), [axis])],
      axis,
      length: sizeOf(x.node, axis)!,
      reverse: d.tape.once(2),
    })
    d.values.push(value(b.pick(loop, 0), false))
    return value(b.pick(loop, 1), false)
  },
]

const families: ReadonlyArray<ReadonlyArray<Grow>> = [elementwise, movement, elementwise, movement, folding, indexing]

// -----------------------------------------------------------------------------
// graphs
// -----------------------------------------------------------------------------

const sizes = [2, 3, 1, 4, 5, 7, 8, 12, 17]

const drawInput = (tape: Tape, i: number, wild: boolean): Given => {
  const pool = tape.shuffled(["a", "b", "c", "d"]).slice(0, tape.below(4))
  const axes = i === 0 && pool.length === 0 ? ["a"] : pool
  // an axis has the same size everywhere, so that tensors meet
  const shape = axes.map((a) => sizes[("abcd".indexOf(a) * 5 + 1) % sizes.length]!)
  const dtype = i === 0 ? "f32" : tape.of(["f32", "f32", "f32", "i32", "f16", "u8", "bool", "u32", "bf16"] as const)
  return { path: `in${i}`, dtype, axes, shape, values: valuesOf(tape, dtype, count(shape), wild) }
}

const grown = (numbers: ReadonlyArray<number>, steps: number, inputs: ReadonlyArray<Node>): Roots => {
  const tape = tapeOf(numbers)
  const d: Draft = { tape, values: inputs.map((node) => value(node, true)), names: 0 }
  for (let i = 0; i < steps && !tape.ended(); i++) {
    const made = tape.of(tape.of(families))(d)
    if (made === undefined || made.node.faults.length > 0) continue
    if (count(made.node.shape) > most || made.node.axes.length > 6) continue
    d.values.push(made)
  }
  const last = d.values.at(-1)!.node
  const outputs: Record<string, Node> = { last }
  for (let i = 0; i < tape.below(3); i++) outputs[`out${i}`] = tape.of(d.values).node
  inputs.forEach((x, i) => {
    const next = d.values.findLast(({ node }) =>
      node !== x && node.dtype === x.dtype && node.axes.join() === x.axes.join() && node.shape.join() === x.shape.join()
    )
    if (next !== undefined) outputs[`in${i}`] = next.node
  })
  return outputs
}

/** Random graphs. `wild` ones have NaN, infinities and extreme ints among their inputs. */
export const graphs = (wild: boolean): fc.Arbitrary<RandomGraph> =>
  fc.tuple(
    fc.noBias(fc.array(fc.nat(2 ** 30), { maxLength: 60, size: "max" })),
    fc.noBias(fc.array(fc.nat(2 ** 30), { maxLength: 400, size: "max" })),
    fc.noBias(fc.integer({ min: 1, max: 40 })),
  ).map(([head, numbers, steps]) => {
    const tape = tapeOf(head)
    const inputs = Array.from({ length: 1 + tape.below(4) }, (_, i) => drawInput(tape, i, wild))
    const donated = inputs.filter(() => tape.once(2)).map((i) => i.path)
    return {
      inputs,
      build: (nodes) => grown(numbers, steps, nodes),
      donate: donated,
      maxBindings: tape.of([8, 4, 5, 10]),
    }
  })
