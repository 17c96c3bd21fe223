/**
 * Making and walking scalar expressions. Expressions are DAGs: every walk here remembers what it has seen.
 * @module
 */
import type { Expr, Guard, Index, Kernel, Store } from "./kernel.ts"
import { innerIndices } from "./affine.ts"
import { operandsOf } from "./attend.ts"

/** A literal. */
export const constantExpr = (dtype: Expr["dtype"], value: number): Expr => ({ tag: "const", dtype, value })

/** The expressions directly inside, those of its indices included. */
export const children = (e: Expr): ReadonlyArray<Expr> => {
  switch (e.tag) {
    case "load":
      return [...indexValues(e.at), ...e.guards.flatMap((g) => indexValues(g.at))]
    case "index":
      return indexValues(e.at)
    case "within":
      return e.guards.flatMap((g) => indexValues(g.at))
    case "unary":
    case "cast":
    case "bitcast":
    case "round":
      return [e.x]
    case "binary":
      return [e.x, e.y]
    case "select":
      return [e.c, e.x, e.y]
    case "const":
    case "acc":
      return []
  }
}

/** Values computed at run time that an index uses. */
export const indexValues = (a: Index): ReadonlyArray<Expr> =>
  innerIndices(a).flatMap((i) => i.terms.flatMap((t) => t.atom.tag === "value" ? [t.atom.of] : []))

/** Everything in the expressions, arguments first, each once. */
export const walk = (roots: ReadonlyArray<Expr>): ReadonlyArray<Expr> => {
  const done = new Set<Expr>()
  const stack: Array<readonly [Expr, boolean]> = [...roots].reverse().map((e) => [e, false] as const)
  while (stack.length > 0) {
    const [e, ready] = stack.pop()!
    if (done.has(e)) continue
    if (ready) done.add(e)
    else {
      stack.push([e, true])
      for (const c of children(e)) if (!done.has(c)) stack.push([c, false])
    }
  }
  return [...done]
}

/** Rebuilds an expression with other indices and leaves; shared parts stay shared. */
export const rebuild = (
  index: (a: Index, again: (e: Expr) => Expr) => Index,
  leaf: (e: Expr) => Expr = (e) => e,
): (e: Expr) => Expr => {
  const seen = new Map<Expr, Expr>()
  const guards = (gs: ReadonlyArray<Guard>): ReadonlyArray<Guard> => gs.map((g) => ({ ...g, at: index(g.at, again) }))
  const again = (e: Expr): Expr => {
    const known = seen.get(e)
    if (known) return known
    const made = leaf(remake(e))
    seen.set(e, made)
    return made
  }
  const remake = (e: Expr): Expr => {
    switch (e.tag) {
      case "load":
        return { ...e, at: index(e.at, again), guards: guards(e.guards) }
      case "index":
        return { ...e, at: index(e.at, again) }
      case "within":
        return { ...e, guards: guards(e.guards) }
      case "unary":
      case "cast":
      case "bitcast":
      case "round":
        return { ...e, x: again(e.x) }
      case "binary":
        return { ...e, x: again(e.x), y: again(e.y) }
      case "select":
        return { ...e, c: again(e.c), x: again(e.x), y: again(e.y) }
      case "const":
      case "acc":
        return e
    }
  }
  return again
}

/** The stores of a kernel, those of all stages. */
export const storesOf = (k: Kernel): ReadonlyArray<Store> =>
  k.tag === "loop"
    ? k.stages.flatMap((s) => s.tag === "fold" ? [] : s.stores)
    : k.tag === "contract" || k.tag === "cumulate" || k.tag === "attend" || k.tag === "nearest"
    ? k.stores
    : []

/** The expressions that a kernel computes, roots only. */
export const valuesOf = (k: Kernel): ReadonlyArray<Expr> => {
  switch (k.tag) {
    case "loop":
      return k.stages.flatMap((s) => s.tag === "fold" ? s.folds.map((f) => f.value) : s.stores.map((t) => t.value))
    case "contract":
    case "nearest":
      return [k.a, k.b, ...k.stores.map((s) => s.value)]
    case "scatter":
      return [k.row, k.value]
    case "cumulate":
      return [k.value, ...k.stores.map((s) => s.value)]
    case "sort":
      return [k.key]
    case "attend":
      return [...operandsOf(k), ...k.stores.map((s) => s.value)]
  }
}

/** The sizes of a kernel's variables, in their order. */
export const sizesOf = (k: Kernel): ReadonlyArray<number> => {
  switch (k.tag) {
    case "loop":
      return [...k.dims, ...k.over]
    case "contract":
      return [...k.batch, ...k.rows, ...k.cols, ...k.depth]
    case "scatter":
      return [...k.dims, ...k.along]
    case "cumulate":
    case "sort":
      return [...k.dims, k.length]
    case "nearest":
      return [...k.batch, ...k.rows, k.codes, ...k.depth]
    case "attend":
      return [...k.batch, ...k.share, k.query, k.key, k.head, k.value]
  }
}

/** Numbers of the buffers that a kernel writes. */
export const written = (k: Kernel): ReadonlyArray<number> =>
  k.tag === "scatter" || k.tag === "sort" ? [k.buffer] : [...new Set(storesOf(k).map((s) => s.buffer))]

/** Where a kernel writes: the buffer, and the index of an element. */
export const placesOf = (k: Kernel): ReadonlyArray<Omit<Store, "value">> =>
  k.tag === "scatter" || k.tag === "sort" ? [{ buffer: k.buffer, at: k.at }] : storesOf(k)

/** Loads of a kernel, each once. */
export const loadsOf = (k: Kernel): ReadonlyArray<Extract<Expr, { tag: "load" }>> =>
  walk([
    ...valuesOf(k),
    ...storesOf(k).flatMap((s) => indexValues(s.at)),
  ]).filter((e): e is Extract<Expr, { tag: "load" }> => e.tag === "load")

/** Every index of a kernel, those inside of others too. */
export const indicesOf = (k: Kernel): ReadonlyArray<Index> => {
  const exprs = walk([...valuesOf(k), ...storesOf(k).flatMap((s) => indexValues(s.at))])
  const own = k.tag === "scatter" || k.tag === "sort" ? [k.at] : storesOf(k).map((s) => s.at)
  const read = exprs.flatMap((e) =>
    e.tag === "load"
      ? [e.at, ...e.guards.map((g) => g.at)]
      : e.tag === "index"
      ? [e.at]
      : e.tag === "within"
      ? e.guards.map((g) => g.at)
      : []
  )
  return [...own, ...read].flatMap(innerIndices)
}

/** Every expression of a kernel, those inside of indices too. */
export const exprsOf = (k: Kernel): ReadonlyArray<Expr> => walk([...valuesOf(k), ...indicesOf(k).flatMap(indexValues)])
