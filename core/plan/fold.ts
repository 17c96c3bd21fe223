/**
 * Folds and products inside a kernel: a fold whose place is one of the kernel's rows becomes a stage of it, a product
 * over all of its loops becomes its contraction. Anything else must be computed before.
 * @module
 */
import { covers } from "../kernel/affine.ts"
import { constantExpr, walk } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import type { Node } from "../graph/node.ts"
import { type Attempt, computeOf, core, distribute, need, newVariables, ownLoops } from "./attempt.ts"

const sameList = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])

/** Rows too long and too few to be worth sweeping by one worker each. */
const lonely = (t: Attempt, outer: ReadonlyArray<number>, inner: ReadonlyArray<number>): boolean => {
  const size = (ids: ReadonlyArray<number>): number => ids.reduce((p, v) => p * t.sizes[v]!, 1)
  return size(outer) < 8 && size(inner) > 4096
}

export const folded = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  if (n.op.tag !== "reduce" || !t.stages) return need(t, n)
  const { fn, axes } = n.op
  const arg = n.args[0]!
  const covered = ownLoops(t, ix, n.shape)
  if (covered === undefined || guards.length > 0 || t.contraction) return need(t, n)
  const outer = t.root.filter((v) => covered.includes(v))
  const rest = t.root.filter((v) => !covered.includes(v))
  if (t.outer && !sameList(t.outer, outer)) return need(t, n)
  const reduced = arg.axes.flatMap((a, d) => axes.includes(a) ? [[a, arg.shape[d]!] as const] : [])
  if (rest.length > 0) {
    if (lonely(t, outer, rest) || !rest.includes(t.root.at(-1)!)) return need(t, n)
    if (t.inner && !sameList(t.inner, rest)) return need(t, n)
  } else if (t.inner === undefined) {
    const before = t.sizes.length
    for (const [d, [, size]] of reduced.entries()) newVariables(t, `inner.${d}`, size)
    t.inner = t.sizes.slice(before).map((_, k) => before + k)
  }
  const inner = rest.length > 0 ? rest : t.inner!
  const places = distribute(t, inner, reduced.map(([, size]) => size))
  if (places === undefined) return need(t, n)
  // a place counts along one loop: where the argument asks for a finer cut of it, the argument gets a buffer
  if ((fn === "argmax" || fn === "argmin") && inner.length > 1) return need(t, t.inline.has(n) ? arg : n)
  t.outer = outer
  t.inner = inner
  const at = arg.axes.map((a) => {
    const k = reduced.findIndex(([b]) => a === b)
    return k >= 0 ? places[k]! : ix[n.axes.indexOf(a)]!
  })
  const value = t.element(t, arg, at, [])
  const level = 1 + Math.max(-1, ...accsIn(t, value))
  const id = t.folds.length
  t.folds.push({ id, fn, dtype: value.dtype, value, level })
  return { tag: "acc", dtype: computeOf(n.dtype), id }
}

/** Levels of the folds that an expression waits for. */
const accsIn = (t: Attempt, e: Expr): ReadonlyArray<number> =>
  walk([e]).flatMap((x) => x.tag === "acc" ? [t.folds.find((f) => f.id === x.id)!.level] : [])

const isOperand = (e: Expr): boolean =>
  e.tag === "const" || e.tag === "load" && plain(e.at) || (e.tag === "cast" || e.tag === "round") && isOperand(e.x)

const plain = (i: Index): boolean => i.terms.every((x) => x.atom.tag === "var" || x.atom.tag === "turn")

export const contracted = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  if (n.op.tag !== "dot" || !t.stages || guards.length > 0 || t.contraction || t.outer || t.folds.length > 0) {
    return need(t, n)
  }
  const on = n.op.on
  const [x, y] = n.args as [Node, Node]
  const covered = ownLoops(t, ix, n.shape)
  if (covered === undefined || covered.length !== t.root.length) return need(t, n)
  const loops = (a: string): ReadonlyArray<number> => {
    const d = n.axes.indexOf(a)
    return covers(ix[d]!, n.shape[d]!, t.ranges)!
  }
  const depthAt = new Map<string, Index>()
  const before = t.sizes.length
  for (const [d, a] of x.axes.entries()) if (on.includes(a)) depthAt.set(a, newVariables(t, `depth.${a}`, x.shape[d]!))
  const depth = t.sizes.slice(before).map((_, k) => before + k)
  const placed = (a: string): Index => depthAt.get(a) ?? ix[n.axes.indexOf(a)]!
  // set first: what the operands reach must not claim the contraction too
  t.contraction = {
    batch: [],
    rows: [],
    cols: [],
    depth: [],
    a: constantExpr("f32", 0),
    b: constantExpr("f32", 0),
    dtype: computeOf(n.dtype),
  }
  const operand = (o: Node): Expr => {
    const e = t.element(t, o, o.axes.map(placed), [])
    if (isOperand(e) || t.requests.length > 0) return e
    return need(t, e.tag === "load" || t.around.site(core(o)) !== undefined ? o : core(o))
  }
  const a = operand(x)
  const b = operand(y)
  const free = (o: Node, other: Node): ReadonlyArray<number> =>
    o.axes.filter((v) => !on.includes(v) && !other.axes.includes(v)).flatMap(loops)
  const shared = x.axes.filter((v) => !on.includes(v) && y.axes.includes(v)).flatMap(loops)
  t.contraction = { batch: shared, rows: free(x, y), cols: free(y, x), depth, a, b, dtype: computeOf(n.dtype) }
  return { tag: "acc", dtype: computeOf(n.dtype), id: 0 }
}
