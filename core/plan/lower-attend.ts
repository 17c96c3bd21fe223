/**
 * Lowering of the ops whose kernels are made around stored arguments: attention, and updates of a part of a buffer.
 * @module
 */
import { either as E } from "fp-ts"
import { givenOf, rolesOf } from "../graph/attention.ts"
import type { Node } from "../graph/node.ts"
import { withOperands } from "../kernel/attend.ts"
import { addIndex } from "../kernel/affine.ts"
import type { Attend, Expr, Index, Store } from "../kernel/kernel.ts"
import { begin, type Surroundings } from "./attempt.ts"
import { lowerAt } from "./element.ts"
import { finish, type Lowered, type Missing, renumber, settle, storeOf } from "./lower.ts"

/** Lowers an attention: its picks are what is stored. What its operands are computed from has buffers already. */
export const lowerAttend = (
  around: Surroundings,
  attend: Node,
  picks: ReadonlyArray<Node>,
): E.Either<Missing, Lowered> => {
  const { tag: _, masks, ...op } = attend.op as Extract<Node["op"], { readonly tag: "attend" }>
  const { batch, share } = rolesOf({ ...op, masks }, attend.args[0]!, attend.args[1]!)
  const given = givenOf({ ...op, masks }, attend.args)
  const sizeIn = (a: string, n: Node): number => n.shape[n.axes.indexOf(a)]!
  const sizes = [
    ...batch.map((a) => sizeIn(a, given.k)),
    ...share.map((a) => sizeIn(a, given.q)),
    sizeIn(op.query, given.q),
    sizeIn(op.key, given.k),
    sizeIn(op.head, given.q),
    sizeIn(op.value, given.v),
  ]
  const first = batch.length + share.length
  const [t, ix] = begin(around, lowerAt, false, sizes, [], new Map())
  const stray = new Set<Node>()
  /** The index along an axis; q and k have `head`, v, the cotangent and the mean of values `value`. */
  const along = (a: string, features: number): Index =>
    a === op.query
      ? ix[first]!
      : a === op.key
      ? ix[first + 1]!
      : features === 2 && a === op.head
      ? ix[first + 2]!
      : features === 3 && a === op.value
      ? ix[first + 3]!
      : ix[[...batch, ...share].indexOf(a)]!
  const at = (n: Node, features: number): ReadonlyArray<Index> => n.axes.map((a) => along(a, features))
  const operand = (n: Node, features: number): Expr => {
    const before = t.requests.length
    const value = lowerAt(t, n, at(n, features), [])
    // a cut of a loop would dissolve a division here, but these loops are what they are
    if (t.requests.length > before) stray.add(n)
    return value
  }
  const widths: { readonly [name: string]: number } = { q: 2, k: 2, v: 3, cotangent: 3 }
  const exprs = Object.fromEntries(
    Object.entries(given).map(([name, n]) => [name, operand(n as Node, widths[name] ?? 0)]),
  )
  const place = (name: "queryPosition" | "keyPosition", i: number): Expr =>
    exprs[name] ?? { tag: "index", dtype: "i32", at: ix[first + i]! }
  const missing = new Set([...t.missing, ...stray])
  if (missing.size > 0) return E.left([...missing])
  // the loops are one variable an axis, in order, but for those of one place, which have none
  let next = 0
  const ids = sizes.map((s) => s === 1 ? -1 : next++)
  const outer = (from: number, to: number): ReadonlyArray<number> => sizes.slice(from, to).filter((s) => s !== 1)
  const kept = [...ids.slice(0, first).filter((v) => v >= 0), ...ids.slice(first)]
  const moved = renumber(kept)
  const features = (n: Node): number => op.part === "forward" || n.op.tag === "pick" && n.op.index === 1 ? 3 : 2
  const stores = picks.map((n): Store => {
    const s = storeOf(t, n, at(n, features(n)), {
      tag: "acc",
      dtype: "f32",
      id: n.op.tag === "pick" ? n.op.index : 0,
    })
    return { ...s, at: moved.index(s.at) }
  })
  const kernel: Attend = {
    tag: "attend",
    part: op.part,
    batch: outer(0, batch.length),
    share: outer(batch.length, first),
    query: sizes[first]!,
    key: sizes[first + 1]!,
    head: sizes[first + 2]!,
    value: sizes[first + 3]!,
    q: exprs.q!,
    k: exprs.k!,
    v: exprs.v!,
    ...exprs,
    queryPosition: place("queryPosition", 0),
    keyPosition: place("keyPosition", 1),
    scale: op.scale,
    cap: op.cap,
    causal: op.causal,
    window: op.window,
    queryBlock: op.queryBlock,
    keyBlock: op.keyBlock,
    stores: [],
  }
  return finish(t, { ...withOperands(kernel, moved.expr), stores }, picks)
}

/** Lowers the copy of updates into a buffer that holds the rest already. */
export const lowerUpdate = (around: Surroundings, n: Node): Lowered => {
  const { axis } = n.op as Extract<Node["op"], { readonly tag: "write" }>
  const [x, updates, start] = n.args as readonly [Node, Node, Node]
  const d = n.axes.indexOf(axis)
  const made = settle(around, updates.shape, [], false, (t, ix) => {
    const value = lowerAt(t, updates, ix, [])
    const at = lowerAt(t, start, start.axes.map((a) => ix[n.axes.indexOf(a)]!), [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const limit = x.shape[d]! - updates.shape[d]!
    const i32: Expr = at.dtype === "i32" ? at : { tag: "cast", dtype: "i32", x: at }
    const bounded = (fn: "min" | "max", e: Expr, by: number): Expr => ({
      tag: "binary",
      dtype: "i32",
      fn,
      x: e,
      y: { tag: "const", dtype: "i32", value: by },
    })
    const held = bounded("min", bounded("max", i32, 0), limit)
    const moved = addIndex(ix[d]!, { base: 0, terms: [{ coef: 1, atom: { tag: "value", of: held } }] })
    const store = storeOf(t, n, ix.map((i, k) => k === d ? moved : i), value)
    const to = renumber(t.root)
    return finish(t, {
      tag: "loop",
      dims: t.root.map((v) => t.sizes[v]!),
      over: [],
      stages: [{ tag: "point", stores: [{ ...store, at: to.index(store.at), value: to.expr(store.value) }] }],
    }, [n])
  })
  if (E.isLeft(made)) throw new Error("an update of stored nodes can always be lowered")
  return made.right
}
