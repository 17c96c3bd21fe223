/**
 * The value of one element of a node, as an expression of the kernel's loops.
 * @module
 */
import { addIndex, alwaysHolds, constantIndex, indexKey, scaleIndex, shiftIndex } from "../kernel/affine.ts"
import { constantExpr } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import type { Node } from "../graph/node.ts"
import type { DType } from "../tensor/dtype.ts"
import { type Attempt, bind, computeOf, nameOf, need, type Site } from "./attempt.ts"
import { contracted, folded } from "./fold.ts"
import { flatIndex } from "./layout.ts"
import { gathered, joined, padded, reshaped } from "./movement.ts"

const clipped = (to: DType, x: Expr): Expr =>
  to === "u8" && x.dtype === "f32" ? { tag: "binary", dtype: "f32", fn: "min", x, y: constantExpr("f32", 255) } : x

/** Value conversion to a dtype, rounded where it holds less than its compute type. */
const castTo = (to: DType, from: DType, x: Expr): Expr => {
  const target = computeOf(to)
  const cast: Expr = x.dtype === target ? x : { tag: "cast", dtype: target, x: clipped(to, x) }
  const narrow = (to === "f16" || to === "bf16" || to === "u8") && to !== from && from !== "bool"
  return narrow ? { tag: "round", dtype: target, to, x: cast } : cast
}

const wraps = new Set(["add", "sub", "mul", "shl", "neg", "not", "sum", "prod", "least", "dot"])

/** u8 arithmetic is done in u32 and wraps at 256. */
const wrapped = (n: Node, fn: string, x: Expr): Expr =>
  n.dtype === "u8" && wraps.has(fn) ? { tag: "round", dtype: "u32", to: "u8", x } : x

const lowerAll = (
  t: Attempt,
  n: Node,
  ix: ReadonlyArray<Index>,
  guards: ReadonlyArray<Guard>,
): ReadonlyArray<Expr> => n.args.map((a) => lowerAt(t, a, ix, guards))

const siteOf = (t: Attempt, n: Node): Site | undefined => t.inline.has(n) ? undefined : t.around.site(n)

const loadFrom = (t: Attempt, n: Node, site: Site, at: Index, guards: ReadonlyArray<Guard>): Expr => ({
  tag: "load",
  dtype: computeOf(n.dtype),
  buffer: bind(t, site.buffer),
  at,
  guards: guards.filter((g) => t.essential.has(g) || !alwaysHolds(g, t.ranges)),
})

/** The value of node `n` at the indices `ix` of its axes. */
export const lowerAt = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const name = (e: Expr): number => nameOf(t, e)
  const key = `${nameOf(t, n)}[${ix.map((i) => indexKey(i, name)).join()}]${
    guards.map((g) => `${indexKey(g.at, name)}:${g.low}:${g.high}`).join(";")
  }`
  const known = t.memo.get(key)
  if (known) return known
  const site = siteOf(t, n)
  if (!site) t.visited.add(n)
  const made = site ? loadFrom(t, n, site, site.at(ix), guards) : compute(t, n, ix, guards)
  t.memo.set(key, made)
  return made
}

const compute = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const op = n.op
  const dtype = computeOf(n.dtype)
  const arg = n.args[0]!
  switch (op.tag) {
    case "constant":
      return constantExpr(dtype, op.value)
    case "iota":
      return { tag: "index", dtype, at: ix[0]! }
    case "unary":
      return wrapped(n, op.fn, { tag: "unary", dtype, fn: op.fn, x: lowerAt(t, arg, ix, guards) })
    case "binary": {
      const [x, y] = lowerAll(t, n, ix, guards)
      return wrapped(n, op.fn, { tag: "binary", dtype, fn: op.fn, x: x!, y: y! })
    }
    case "select": {
      const [c, x, y] = lowerAll(t, n, ix, guards)
      return { tag: "select", dtype, c: c!, x: x!, y: y! }
    }
    case "cast":
      return castTo(n.dtype, arg.dtype, lowerAt(t, arg, ix, guards))
    case "bitcast": {
      const x = lowerAt(t, arg, ix, guards)
      return x.dtype === dtype ? x : { tag: "bitcast", dtype, x }
    }
    case "stop":
    case "custom":
    case "barrier":
      return lowerAt(t, arg, ix, guards)
    case "align":
      return lowerAt(
        t,
        arg,
        arg.axes.map((a, d) => arg.shape[d] === 1 ? constantIndex(0) : ix[n.axes.indexOf(a)]!),
        guards,
      )
    case "reshape": {
      const site = siteOf(t, arg)
      // the same elements in the same order: no index needs to be taken apart
      if (site?.flat) return loadFrom(t, arg, site, flatIndex(n.shape, ix), guards)
      return lowerAt(t, arg, reshaped(t, arg.shape, n.shape, ix), guards)
    }
    case "slice":
      return lowerAt(t, arg, ix.map((i, d) => shiftIndex(scaleIndex(i, op.step[d]!), op.start[d]!)), guards)
    case "pad":
      return padded(t, n, op, ix, guards)
    case "concat":
      return joined(t, n, op.axis, ix, guards)
    case "window": {
      const place = arg.axes.indexOf(op.axis)
      const tap = n.axes.indexOf(op.tap)
      const source = arg.axes.map((a, d) =>
        d === place
          ? addIndex(scaleIndex(ix[n.axes.indexOf(op.axis)]!, op.stride), scaleIndex(ix[tap]!, op.dilation))
          : ix[n.axes.indexOf(a)]!
      )
      return lowerAt(t, arg, source, guards)
    }
    case "gather":
      return gathered(t, n, op.axis, ix, guards)
    case "reduce":
      // the least of nothing is the greatest u32
      return wrapped(n, op.fn === "min" ? "least" : op.fn, folded(t, n, ix, guards))
    case "dot":
      return wrapped(n, "dot", contracted(t, n, ix, guards))
    case "input":
    case "data":
    case "scatter":
    case "cumulate":
    case "argsort":
    case "nearest":
    case "scan":
    case "attend":
    case "write":
    case "exchange":
    case "pick":
      return need(t, n)
  }
}
