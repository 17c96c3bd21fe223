/**
 * Random graphs over all ops, drawn from a tape of numbers like the kernels of `tests/core/kernel/arbitrary.ts`. What
 * jumps (rounding, comparisons, orders, casts to ints) is only done to exact values, and divisors stay away from 0, so
 * that two ways of computing a graph agree but for rounding.
 * @module
 */
import * as fc from "fast-check"
import * as b from "../../../core/graph/build.ts"
import { count, type Node, sizeOf } from "../../../core/graph/node.ts"
import { type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { type Tape, tapeOf, valuesOf } from "../kernel/tape.ts"
import {
  axisOf,
  type Draft,
  elementwise,
  fresh,
  type Grow,
  inside,
  isFloat,
  most,
  movement,
  partner,
  some,
  type Value,
  value,
} from "./grow.ts"
import { looping } from "./loops.ts"

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
  ...looping,
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
