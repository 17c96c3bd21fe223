/**
 * Laws of the graph as a table of rules: each takes a node whose arguments are already rewritten and gives an equal
 * node that is cheaper, or nothing. Equal means for every input, NaN and infinities included; the one liberty taken is
 * the sign of zero in `x + 0`.
 * @module
 */
import { count, type Node, type Op, topological } from "../graph/node.ts"
import type { DType } from "../tensor/dtype.ts"
import { dtypes } from "../tensor/dtype.ts"

/** One law. */
export interface Rule {
  readonly name: string
  /** The law, as one reads it. */
  readonly law: string
  readonly apply: (n: Node) => Node | undefined
}

const make = (like: Node, op: Op, args: ReadonlyArray<Node>): Node => ({
  op,
  args,
  dtype: like.dtype,
  axes: like.axes,
  shape: like.shape,
  faults: [],
})

const fill = (like: Node, value: number): Node => make(like, { tag: "constant", value }, [])

const sameKind = (a: Node, b: Node): boolean => a.dtype === b.dtype && sameAxes(a, b)

const sameAxes = (a: Node, b: Node): boolean =>
  a.axes.length === b.axes.length && a.axes.every((x, d) => x === b.axes[d] && a.shape[d] === b.shape[d])

const constantOf = (n: Node | undefined): number | undefined => n?.op.tag === "constant" ? n.op.value : undefined

const rule = (name: string, law: string, apply: (n: Node) => Node | undefined): Rule => ({ name, law, apply })

/** A rule for one tag; `op` has its type. */
const on = <T extends Op["tag"]>(
  tag: T,
  name: string,
  law: string,
  apply: (n: Node, op: Extract<Op, { tag: T }>) => Node | undefined,
): Rule => rule(name, law, (n) => n.op.tag === tag ? apply(n, n.op as Extract<Op, { tag: T }>) : undefined)

const moves = new Set<Op["tag"]>(["align", "reshape", "slice", "window"])

/** Movement: moving twice is moving once, not moving is nothing. */
export const movement: ReadonlyArray<Rule> = [
  on("align", "align-nothing", "align(x) = x, same axes", (n) => sameAxes(n, n.args[0]!) ? n.args[0] : undefined),
  on("align", "align-align", "align(align(x)) = align(x)", (n) => {
    const x = n.args[0]!
    return x.op.tag === "align" ? make(n, n.op, x.args) : undefined
  }),
  on("align", "align-order", "align(x) = reshape(x), elements in the same order", (n) => {
    const x = n.args[0]!
    const long = (m: Node): ReadonlyArray<string> => m.axes.filter((_, d) => m.shape[d] !== 1)
    const [to, from] = [long(n), long(x)]
    return to.length === from.length && to.every((a, i) => a === from[i]) ? make(n, { tag: "reshape" }, [x]) : undefined
  }),
  on("reshape", "reshape-nothing", "reshape(x) = x, same axes", (n) => sameAxes(n, n.args[0]!) ? n.args[0] : undefined),
  on("reshape", "reshape-reshape", "reshape(reshape(x)) = reshape(x)", (n) => {
    const x = n.args[0]!
    return x.op.tag === "reshape" ? make(n, n.op, x.args) : undefined
  }),
  on("slice", "slice-nothing", "slice(x, all) = x", (n, op) => {
    const whole = op.start.every((s) => s === 0) && op.step.every((s) => s === 1)
    return whole && sameAxes(n, n.args[0]!) ? n.args[0] : undefined
  }),
  on("slice", "slice-slice", "slice(slice(x)) = slice(x)", (n, op) => {
    const x = n.args[0]!
    if (x.op.tag !== "slice") return undefined
    const inner = x.op
    const start = op.start.map((s, d) => inner.start[d]! + s * inner.step[d]!)
    const step = op.step.map((s, d) => s * inner.step[d]!)
    return make(n, { tag: "slice", start, step }, x.args)
  }),
  on("pad", "pad-nothing", "pad(x, none) = x", (n) => sameAxes(n, n.args[0]!) ? n.args[0] : undefined),
  on("concat", "concat-one", "concat(x) = x", (n) => n.args.length === 1 ? n.args[0] : undefined),
  rule("move-constant", "move(c) = c", (n) => {
    const c = constantOf(n.args[0])
    return moves.has(n.op.tag) && c !== undefined ? fill(n, c) : undefined
  }),
  on("stop", "stop", "stop(x) = x once gradients are taken", (n) => n.args[0]),
  on("custom", "custom", "custom(x, ..) = x once gradients are taken", (n) => n.args[0]),
]

const isInt = (d: DType): boolean => dtypes[d].kind === "int"

type Fold = (x: number, y: number) => number | undefined

/** Constants are combined in float64 only where the result needs no rounding to be told apart later. */
const floatFolds: { readonly [fn: string]: Fold } = {
  add: (x, y) => Math.fround(x + y),
  sub: (x, y) => Math.fround(x - y),
  mul: (x, y) => Math.fround(x * y),
  div: (x, y) => Math.fround(x / y),
}

/** Algebra of elements. */
export const algebra: ReadonlyArray<Rule> = [
  on("cast", "cast-nothing", "cast(x) = x, same dtype", (n) => n.dtype === n.args[0]!.dtype ? n.args[0] : undefined),
  on("binary", "fold", "f(c, d) is a constant", (n, op) => {
    const [x, y] = n.args.map(constantOf)
    const f = floatFolds[op.fn]
    if (x === undefined || y === undefined || f === undefined || n.dtype !== "f32") return undefined
    const value = f(x, y)
    return value === undefined ? undefined : fill(n, value)
  }),
  on("binary", "right-unit", "x + 0 = x - 0 = x * 1 = x / 1 = x", (n, op) => {
    const c = constantOf(n.args[1])
    const unit = c === 0 && (op.fn === "add" || op.fn === "sub") || c === 1 && (op.fn === "mul" || op.fn === "div")
    return unit && sameKind(n, n.args[0]!) ? n.args[0] : undefined
  }),
  on("binary", "left-unit", "0 + x = 1 * x = x", (n, op) => {
    const c = constantOf(n.args[0])
    const unit = c === 0 && op.fn === "add" || c === 1 && op.fn === "mul"
    return unit && sameKind(n, n.args[1]!) ? n.args[1] : undefined
  }),
  on("binary", "add-neg", "x + -y = x - y", (n, op) => {
    const y = n.args[1]!
    return op.fn === "add" && y.op.tag === "unary" && y.op.fn === "neg"
      ? make(n, { tag: "binary", fn: "sub" }, [n.args[0]!, y.args[0]!])
      : undefined
  }),
  on("binary", "int-zero", "x * 0 = x & 0 = 0 for whole numbers", (n, op) => {
    const zero = constantOf(n.args[1]) === 0 || constantOf(n.args[0]) === 0
    return zero && isInt(n.dtype) && (op.fn === "mul" || op.fn === "and") ? fill(n, 0) : undefined
  }),
  on("binary", "divide-by-power", "x / 2^k = x * 2^-k", (n, op) => {
    const c = constantOf(n.args[1])
    if (op.fn !== "div" || c === undefined || n.dtype !== "f32" || !isPowerOfTwo(c)) return undefined
    return make(n, { tag: "binary", fn: "mul" }, [n.args[0]!, fill(n.args[1]!, 1 / c)])
  }),
  on("unary", "neg-neg", "--x = x, not not x = x", (n, op) => {
    const x = n.args[0]!
    const twice = x.op.tag === "unary" && x.op.fn === op.fn && (op.fn === "neg" || op.fn === "not")
    return twice ? x.args[0] : undefined
  }),
  on("select", "select-constant", "select(true, x, y) = x", (n) => {
    const c = constantOf(n.args[0])
    const chosen = c === undefined ? undefined : n.args[c === 0 ? 2 : 1]
    return chosen && sameKind(n, chosen) ? chosen : undefined
  }),
  on("select", "select-same", "select(c, x, x) = x", (n) => n.args[1] === n.args[2] ? n.args[1] : undefined),
]

const isPowerOfTwo = (c: number): boolean =>
  c !== 0 && Math.abs(Math.log2(Math.abs(c))) <= 60 && Number.isInteger(Math.log2(Math.abs(c)))

const identities: { readonly [fn: string]: (d: DType) => number } = {
  sum: () => 0,
  prod: () => 1,
  max: (d) => dtypes[d].kind === "float" ? -Infinity : dtypes[d].min,
  min: (d) => dtypes[d].kind === "float" ? Infinity : dtypes[d].max,
  argmax: () => 0,
  argmin: () => 0,
}

/** Rows that are few and long are folded in two steps, so that there is work for every lane; the order stays fixed. */
const twoSteps = { fewest: 256, longest: 8192 } as const

const part = (size: number): number => {
  for (let p = Math.min(size, 4096); p > 1; p--) if (size % p === 0 && size / p >= 8) return p
  return 1
}

/** Folds and products. */
export const folds: ReadonlyArray<Rule> = [
  on(
    "reduce",
    "fold-nothing",
    "a fold over no elements is its identity",
    (n, op) =>
      count(n.args[0]!.shape) === 0 && count(n.shape) > 0 ? fill(n, identities[op.fn]!(n.args[0]!.dtype)) : undefined,
  ),
  on("reduce", "fold-units", "a fold over axes of size 1 is a reshape", (n, op) => {
    const x = n.args[0]!
    const units = op.axes.every((a) => x.shape[x.axes.indexOf(a)] === 1)
    if (!units) return undefined
    return op.fn === "argmax" || op.fn === "argmin" ? fill(n, 0) : make(n, { tag: "reshape" }, [x])
  }),
  on("reduce", "two-steps", "sum of all = sum of the sums of parts", (n, op) => {
    const x = n.args[0]!
    const inner = count(x.shape) / Math.max(1, count(n.shape))
    if (count(n.shape) * 8 > twoSteps.fewest || inner < twoSteps.longest || op.fn.startsWith("arg")) return undefined
    const sizes = op.axes.map((a) => x.shape[x.axes.indexOf(a)]!)
    const first = op.axes[0]!
    const lead = sizes[0]!
    if (op.axes.length > 1 && lead >= 8) {
      const kept = x.axes.filter((a) => a === first || !op.axes.includes(a))
      const shape = kept.map((a) => x.shape[x.axes.indexOf(a)]!)
      const inside: Node = { ...n, axes: kept, shape, op: { ...op, axes: op.axes.slice(1) }, args: [x] }
      return make(n, { ...op, axes: [first] }, [inside])
    }
    const at = x.axes.indexOf(op.axes.at(-1)!)
    const size = part(x.shape[at]!)
    if (size === 1) return undefined
    const axis = x.axes[at]!
    const names = [`${axis}/parts`, `${axis}/part`]
    const cut: Node = {
      ...x,
      op: { tag: "reshape" },
      args: [x],
      axes: x.axes.flatMap((a) => a === axis ? names : [a]),
      shape: x.shape.flatMap((s, d) => d === at ? [s / size, size] : [s]),
      faults: [],
    }
    const outer = op.axes.slice(0, -1)
    const kept = cut.axes.filter((a) => a !== names[1])
    const inside: Node = {
      ...n,
      axes: kept,
      shape: kept.map((a) => cut.shape[cut.axes.indexOf(a)]!),
      op: { ...op, axes: [names[1]!] },
      args: [cut],
    }
    return make(n, { ...op, axes: [...outer, names[0]!] }, [inside])
  }),
  on(
    "dot",
    "dot-nothing",
    "a product over no elements is 0",
    (n) => count(n.shape) > 0 && n.args.some((a) => count(a.shape) === 0) ? fill(n, 0) : undefined,
  ),
  on("dot", "dot-outer", "a product that sums over nothing is elementwise", (n, op) => {
    const [x, y] = n.args as [Node, Node]
    const units = op.on.every((a) => x.shape[x.axes.indexOf(a)] === 1)
    if (!units) return undefined
    const lift = (o: Node): Node => {
      const kept = o.axes.filter((a) => !op.on.includes(a))
      const less: Node = {
        ...o,
        op: { tag: "reshape" },
        args: [o],
        axes: kept,
        shape: kept.map((a) => o.shape[o.axes.indexOf(a)]!),
        faults: [],
      }
      return { ...n, dtype: o.dtype, op: { tag: "align" }, args: [less] }
    }
    return make(n, { tag: "binary", fn: "mul" }, [lift(x), lift(y)])
  }),
  on(
    "dot",
    "dot-zero",
    "a product with the constant 0 of whole numbers is 0",
    (n) => isInt(n.dtype) && n.args.some((a) => constantOf(a) === 0) ? fill(n, 0) : undefined,
  ),
]

/** Loops. */
export const loops: ReadonlyArray<Rule> = [
  on("scan", "loop-idle", "a loop over x and y is one over x where its body does not read y", (n, op) => {
    const { body } = op
    const read = new Set(topological([...body.next, ...body.out]))
    const given = [...body.carry, ...body.each, ...body.constants]
    const kept = given.map((x, i) => i < body.carry.length || read.has(x))
    if (kept.every((k) => k)) return undefined
    const used = (x: Node): boolean => read.has(x)
    const less = { ...body, each: body.each.filter(used), constants: body.constants.filter(used) }
    return make(n, { ...op, body: less }, n.args.filter((_, i) => kept[i]))
  }),
]

/** All rules, in the order in which they are tried. */
export const rules: ReadonlyArray<Rule> = [...movement, ...algebra, ...folds, ...loops]
