/**
 * Lowering: one or more nodes of the graph become one kernel. The expression of an element is built on demand, from
 * the stores backwards: movement (align, reshape, slice, pad, concat, window, gather) only rewrites indices, a fold whose
 * place is one of the kernel's own rows becomes a stage of it, a product over all of the kernel's loops becomes its
 * contraction and the rest its epilogue. What cannot be inlined is named, and the planner gives it a buffer first.
 * @module
 */
import { either as E } from "fp-ts"
import { constantIndex, covers } from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Expr, Index, Kernel, Stage, Store } from "../kernel/kernel.ts"
import { count, type Node } from "../graph/node.ts"
import { type Attempt, begin, bind, computeOf, distribute, type Factors, finer, type Surroundings } from "./attempt.ts"
import { lowerAt } from "./element.ts"
import { rowMajor } from "./layout.ts"
import { simplify } from "./simplify.ts"

/** A kernel, the buffers it binds (by key) in order, and the nodes it stores. */
export interface Lowered {
  readonly kernel: Kernel
  readonly buffers: ReadonlyArray<Node>
  readonly stored: ReadonlyArray<Node>
  /** Nodes computed inside, without a buffer of their own. */
  readonly inside: ReadonlySet<Node>
}

/** What must have a buffer before this can be lowered. */
export type Missing = ReadonlyArray<Node>

/** Runs attempts with ever finer loops until no division asks for more. */
export const settle = (
  around: Surroundings,
  shape: ReadonlyArray<number>,
  inline: ReadonlyArray<Node>,
  stages: boolean,
  body: (t: Attempt, ix: ReadonlyArray<Index>) => E.Either<Missing, Lowered>,
): E.Either<Missing, Lowered> => {
  let factors: Factors = new Map()
  for (let round = 0;; round++) {
    const [t, ix] = begin(around, lowerAt, stages, shape, inline, factors)
    const result = body(t, ix)
    if (t.requests.length > 0 && round < 24) factors = finer(factors, t)
    else return t.missing.size > 0 ? E.left([...t.missing]) : result
  }
}

export const storeOf = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, value: Expr): Store => {
  const site = t.around.site(n)!
  return { buffer: bind(t, site.buffer), at: site.at(ix), value }
}

export const finish = (t: Attempt, kernel: Kernel, stored: ReadonlyArray<Node>): E.Either<Missing, Lowered> =>
  E.right({ kernel: simplify(kernel), buffers: t.buffers, stored, inside: t.visited })

/** Gives the variables the positions that the kernel record wants; -1 stands where a loop has no variable. */
export const renumber = (ids: ReadonlyArray<number>): { index: (i: Index) => Index; expr: (e: Expr) => Expr } => {
  const place = new Map(ids.map((id, k) => [id, k]))
  const moved = new Map<Index, Index>()
  const index = (i: Index, again: (e: Expr) => Expr): Index => {
    const known = moved.get(i)
    if (known) return known
    const made: Index = {
      base: i.base,
      terms: i.terms.map(({ coef, atom }) => ({
        coef,
        atom: atom.tag === "var"
          ? { tag: "var", id: place.get(atom.id)! }
          : atom.tag === "turn"
          ? atom
          : atom.tag === "value"
          ? { tag: "value", of: again(atom.of) }
          : { ...atom, of: index(atom.of, again) },
      })),
    }
    moved.set(i, made)
    return made
  }
  const expr = rebuild(index)
  return { index: (i) => index(i, expr), expr }
}

const stagesOf = (
  t: Attempt,
  roots: ReadonlyArray<Store>,
  side: ReadonlyArray<Store>,
  sweeps: boolean,
): ReadonlyArray<Stage> => {
  const stages: Array<Stage> = []
  const levels = Math.max(-1, ...t.folds.map((f) => f.level))
  for (let level = 0; level <= levels; level++) {
    stages.push({
      tag: "fold",
      folds: t.folds.filter((f) => f.level === level).map(({ id, fn, dtype, value }) => ({ id, fn, dtype, value })),
    })
  }
  if (side.length > 0) stages.push({ tag: "point", stores: side })
  stages.push(sweeps ? { tag: "sweep", stores: roots } : { tag: "point", stores: roots })
  return stages
}

/**
 * Lowers nodes of one shape to one loop or contraction that stores them all; `produce` are nodes with one value a row of
 * it (a norm's reciprocal, a row's log-sum) that the same kernel stores on the way; `members` are
 * computed in it without a buffer, though elsewhere they have one.
 */
export const lowerNodes = (
  around: Surroundings,
  roots: ReadonlyArray<Node>,
  produce: ReadonlyArray<Node>,
  members: Iterable<Node> = [],
): E.Either<Missing, Lowered> =>
  settle(around, roots[0]!.shape, [...members, ...roots, ...produce], true, (t, ix) => {
    const values = roots.map((n) => lowerAt(t, n, ix, []))
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const stores = roots.map((n, k) => storeOf(t, n, ix, values[k]!))
    if (t.contraction) {
      if (produce.length > 0) return E.left(produce)
      const c = t.contraction
      const to = renumber([...c.batch, ...c.rows, ...c.cols, ...c.depth])
      const size = (ids: ReadonlyArray<number>): ReadonlyArray<number> => ids.map((v) => t.sizes[v]!)
      return finish(t, {
        tag: "contract",
        dtype: c.dtype,
        batch: size(c.batch),
        rows: size(c.rows),
        cols: size(c.cols),
        depth: size(c.depth),
        a: to.expr(c.a),
        b: to.expr(c.b),
        stores: stores.map((s) => ({ buffer: s.buffer, at: to.index(s.at), value: to.expr(s.value) })),
      }, roots)
    }
    const outer = t.outer ?? t.root
    const inner = t.inner ?? []
    const side = produce.flatMap((n): ReadonlyArray<Store> => {
      const at = distribute(t, outer, n.shape)
      if (at === undefined) t.missing.add(n)
      return at === undefined ? [] : [storeOf(t, n, at, lowerAt(t, n, at, []))]
    })
    const sweeps = t.root.some((v) => inner.includes(v))
    if (t.missing.size > 0 || t.requests.length > 0 || !sweeps && produce.length > 0) return E.left(produce)
    const to = renumber([...outer, ...inner])
    const move = (s: Store): Store => ({ buffer: s.buffer, at: to.index(s.at), value: to.expr(s.value) })
    const stages = stagesOf(t, stores, side, sweeps)
    return finish(t, {
      tag: "loop",
      dims: outer.map((v) => t.sizes[v]!),
      over: inner.map((v) => t.sizes[v]!),
      stages: stages.map((s): Stage =>
        s.tag === "fold"
          ? { tag: "fold", folds: s.folds.map((f) => ({ ...f, value: to.expr(f.value) })) }
          : { tag: s.tag, stores: s.stores.map(move) }
      ),
    }, [...roots, ...produce])
  })

/** Lowers a scatter, a running fold, a sort or a search: kernels of their own, with whatever computes their arguments inlined. */
export const lowerAlone = (around: Surroundings, n: Node): E.Either<Missing, Lowered> => {
  const op = n.op
  if (op.tag === "scatter") return lowerScatter(around, n, op.axis, op.size)
  if (op.tag === "nearest") return lowerNearest(around, n, op.on, op.code)
  const axis = op.tag === "cumulate" || op.tag === "argsort" ? op.axis : ""
  const d = n.axes.indexOf(axis)
  return settle(around, n.shape, [n], false, (t, ix) => {
    const key = lowerAt(t, n.args[0]!, ix, [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const last = covers(ix[d]!, n.shape[d]!, t.ranges) ?? []
    // a running fold needs its axis whole: a size-1 axis still has one (empty) turn of it
    if (last.length > 1) return E.left([n.args[0]!])
    const outer = t.root.filter((v) => !last.includes(v))
    if (last.length === 0) {
      t.sizes.push(1)
      t.slots.push({ key: "unit", position: 0 })
    }
    const along = last[0] ?? t.sizes.length - 1
    const to = renumber([...outer, along])
    const dims = outer.map((v) => t.sizes[v]!)
    const store = storeOf(t, n, ix, { tag: "acc", dtype: computeOf(n.dtype), id: 0 })
    return finish(
      t,
      op.tag === "cumulate"
        ? {
          tag: "cumulate",
          dtype: key.dtype,
          dims,
          length: n.shape[d]!,
          fn: op.fn,
          reverse: op.reverse,
          value: to.expr(key),
          stores: [{ buffer: store.buffer, at: to.index(store.at), value: store.value }],
        }
        : {
          tag: "sort",
          dims,
          length: n.shape[d]!,
          descending: op.tag === "argsort" && op.descending,
          key: to.expr(key),
          buffer: store.buffer,
          at: to.index(store.at),
        },
      [n],
    )
  })
}

const lowerScatter = (around: Surroundings, n: Node, axis: string, size: number): E.Either<Missing, Lowered> => {
  const [updates, index] = n.args as [Node, Node]
  const summed = updates.axes.filter((a) => index.axes.includes(a) && (a === axis || !n.axes.includes(a)))
  return settle(around, updates.shape, [], false, (t, ix) => {
    const at = (a: string): Index => ix[updates.axes.indexOf(a)]!
    const value = lowerAt(t, updates, ix, [])
    const row = lowerAt(t, index, index.axes.map(at), [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const loops = (a: string): ReadonlyArray<number> => {
      const d = updates.axes.indexOf(a)
      return covers(ix[d]!, updates.shape[d]!, t.ranges) ?? []
    }
    const along = summed.flatMap(loops)
    const outer = n.axes.filter((a) => a !== axis).flatMap(loops)
    const site = t.around.site(n)!
    const place = site.at(n.axes.map((a) => a === axis ? constantIndex(0) : at(a)))
    const to = renumber([...outer, ...along])
    const stride = rowMajor(n.shape)[n.axes.indexOf(axis)]!
    return finish(t, {
      tag: "scatter",
      dtype: value.dtype,
      dims: outer.map((v) => t.sizes[v]!),
      along: along.map((v) => t.sizes[v]!),
      row: to.expr(row),
      size,
      stride,
      value: to.expr(value),
      buffer: bind(t, site.buffer),
      at: to.index(place),
      elements: count(n.shape),
    }, [n])
  })
}

/** Batch axes, rows and features may be cut; the codes are counted, so their loop is one. */
const lowerNearest = (around: Surroundings, n: Node, on: string, code: string): E.Either<Missing, Lowered> => {
  const [z, codebook] = n.args as [Node, Node]
  const sizeIn = (x: Node, a: string): number => x.shape[x.axes.indexOf(a)]!
  const axes = [...n.axes, code, on]
  const shape = [...n.shape, sizeIn(codebook, code), sizeIn(codebook, on)]
  return settle(around, shape, [], false, (t, ix) => {
    const at = (a: string): Index => ix[axes.indexOf(a)]!
    const a = lowerAt(t, z, z.axes.map(at), [])
    const b = lowerAt(t, codebook, codebook.axes.map(at), [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const loops = (x: string): ReadonlyArray<number> => covers(at(x), shape[axes.indexOf(x)]!, t.ranges) ?? []
    const codes = loops(code)
    if (codes.length > 1) return E.left([codebook])
    if (codes.length === 0) {
      t.sizes.push(1)
      t.slots.push({ key: "unit", position: 0 })
    }
    const batch = n.axes.filter((x) => codebook.axes.includes(x)).flatMap(loops)
    const rows = n.axes.filter((x) => !codebook.axes.includes(x)).flatMap(loops)
    const depth = loops(on)
    const to = renumber([...batch, ...rows, codes[0] ?? t.sizes.length - 1, ...depth])
    const size = (ids: ReadonlyArray<number>): ReadonlyArray<number> => ids.map((v) => t.sizes[v]!)
    const store = storeOf(t, n, n.axes.map(at), { tag: "acc", dtype: "i32", id: 0 })
    return finish(t, {
      tag: "nearest",
      batch: size(batch),
      rows: size(rows),
      codes: shape[axes.indexOf(code)]!,
      depth: size(depth),
      a: to.expr(a),
      b: to.expr(b),
      stores: [{ ...store, at: to.index(store.at) }],
    }, [n])
  })
}
