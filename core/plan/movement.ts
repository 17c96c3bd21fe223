/**
 * Movement in a kernel: it computes nothing, it only says where an element comes from, and where it comes from nowhere.
 * @module
 */
import {
  addIndex,
  alwaysHolds,
  atomIndex,
  constantIndex,
  divIndex,
  modIndex,
  rangeOf,
  scaleIndex,
  shiftIndex,
} from "../kernel/affine.ts"
import { constantExpr } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import { count, type Node } from "../graph/node.ts"
import { type Attempt, computeOf, refine } from "./attempt.ts"
import { rowMajor } from "./layout.ts"

/** Indices of the argument of a reshape: groups of axes with equal products are flattened and cut anew. */
export const reshaped = (
  t: Attempt,
  from: ReadonlyArray<number>,
  to: ReadonlyArray<number>,
  ix: ReadonlyArray<Index>,
): ReadonlyArray<Index> => {
  const out: Array<Index> = []
  if (count(to) === 0) return from.map(() => constantIndex(0))
  let i = 0
  let j = 0
  while (i < from.length || j < to.length) {
    const [i0, j0] = [i, j]
    let a = i < from.length ? from[i++]! : 1
    let b = j < to.length ? to[j++]! : 1
    while (a !== b) a < b ? a *= from[i++]! : b *= to[j++]!
    const strides = rowMajor(to.slice(j0, j))
    const flat = ix.slice(j0, j).reduce((s, x, k) => addIndex(s, scaleIndex(x, strides[k]!)), constantIndex(0))
    const parts = from.slice(i0, i)
    rowMajor(parts).forEach((stride, k) => {
      const whole = divIndex(flat, stride, t.ranges)
      out.push(refine(t, k === 0 ? whole : modIndex(whole, parts[k]!, t.ranges)))
    })
  }
  return out
}

type PadOp = Extract<Node["op"], { tag: "pad" }>

export const padded = (
  t: Attempt,
  n: Node,
  op: PadOp,
  ix: ReadonlyArray<Index>,
  guards: ReadonlyArray<Guard>,
): Expr => {
  const arg = n.args[0]!
  const own: Array<Guard> = []
  const source = ix.map((i, d) => {
    const at = shiftIndex(i, -op.low[d]!)
    const pitch = op.interior[d]! + 1
    own.push({ at, low: 0, high: Math.max(0, (arg.shape[d]! - 1) * pitch + 1) })
    if (pitch === 1) return at
    own.push({ at: refine(t, modIndex(at, pitch, t.ranges)), low: 0, high: 1 })
    return refine(t, divIndex(at, pitch, t.ranges))
  })
  const needed = own.filter((g) => !alwaysHolds(g, t.ranges))
  const inside = t.element(t, arg, source, [...guards, ...needed])
  if (needed.length === 0) return inside
  if (op.value === 0 && inside.tag === "load") return inside
  return {
    tag: "select",
    dtype: inside.dtype,
    c: { tag: "within", dtype: "bool", guards: needed },
    x: inside,
    y: constantExpr(inside.dtype, op.value),
  }
}

export const joined = (
  t: Attempt,
  n: Node,
  axis: string,
  ix: ReadonlyArray<Index>,
  guards: ReadonlyArray<Guard>,
): Expr => {
  const d = n.axes.indexOf(axis)
  const ends: Array<number> = []
  for (const a of n.args) ends.push((ends.at(-1) ?? 0) + a.shape[d]!)
  return n.args.reduceRight((rest: Expr | undefined, a, k) => {
    const size = a.shape[d]!
    const low = ends[k]! - size
    const guard: Guard = { at: ix[d]!, low, high: ends[k]! }
    const [least, most] = rangeOf(ix[d]!, t.ranges)
    if (size === 0 || most < low || least >= ends[k]!) return rest
    const always = alwaysHolds(guard, t.ranges)
    const source = ix.map((i, e) => e === d ? shiftIndex(i, -low) : i)
    const piece = t.element(t, a, source, always ? guards : [...guards, guard])
    if (always || rest === undefined) return piece
    return {
      tag: "select",
      dtype: piece.dtype,
      c: { tag: "within", dtype: "bool", guards: [guard] },
      x: piece,
      y: rest,
    }
  }, undefined) ?? constantExpr(computeOf(n.dtype), 0)
}

export const gathered = (
  t: Attempt,
  n: Node,
  axis: string,
  ix: ReadonlyArray<Index>,
  guards: ReadonlyArray<Guard>,
): Expr => {
  const [x, index] = n.args as [Node, Node]
  const at = (a: string): Index => ix[n.axes.indexOf(a)]!
  const row = t.element(t, index, index.axes.map(at), guards)
  const size = x.shape[x.axes.indexOf(axis)]!
  t.bounds.set(row, [0, size - 1])
  const chosen = row.tag === "const" ? constantIndex(row.value) : atomIndex({ tag: "value", of: row })
  const guard: Guard = { at: chosen, low: 0, high: size }
  t.essential.add(guard)
  const value = t.element(t, x, x.axes.map((a) => a === axis ? chosen : at(a)), [...guards, guard])
  if (value.tag === "load" && value.guards.includes(guard)) return value
  return {
    tag: "select",
    dtype: value.dtype,
    c: { tag: "within", dtype: "bool", guards: [guard] },
    x: value,
    y: constantExpr(value.dtype, 0),
  }
}
