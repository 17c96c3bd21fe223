/**
 * A kernel's expressions in the form that loops are written from: variables of size 1 are gone, variables that always
 * step together are one, equal expressions are one object, guards that always hold are gone.
 * @module
 */
import {
  alwaysHolds,
  atomIndex,
  constantIndex,
  indexKey,
  innerIndices,
  rangeOf,
  type Ranges,
  substitute,
  variable,
} from "../kernel/affine.ts"
import { children, indexValues, rebuild, walk } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"

/** Variables that may be merged with one another, in order; `free` if their order does not matter. */
export interface Group {
  readonly ids: ReadonlyArray<number>
  readonly free: boolean
}

/** Loops and the expressions in them. `exprs` and `indices` keep their positions. */
export interface Form {
  readonly sizes: ReadonlyArray<number>
  readonly groups: ReadonlyArray<Group>
  readonly exprs: ReadonlyArray<Expr>
  readonly indices: ReadonlyArray<Index>
}

/** Ranges for variables of those sizes; nothing is known of values. */
export const rangesOf = (sizes: ReadonlyArray<number>): Ranges => ({
  size: (id) => sizes[id]!,
  value: () => [-Infinity, Infinity],
  turn: () => 2 ** 31,
})

const guardsOf = (e: Expr): ReadonlyArray<Guard> => e.tag === "load" || e.tag === "within" ? e.guards : []

/** All indices in a form, those inside of divisions too. */
const allIndices = (f: Form): ReadonlyArray<Index> =>
  [
    ...f.indices,
    ...walk([...f.exprs, ...f.indices.flatMap(indexValues)]).flatMap((e) => [
      ...(e.tag === "load" || e.tag === "index" ? [e.at] : []),
      ...guardsOf(e).map((g) => g.at),
    ]),
  ].flatMap(innerIndices)

/** Replaces variables everywhere. */
export const replaced = (
  f: Form,
  sizes: ReadonlyArray<number>,
  groups: ReadonlyArray<Group>,
  into: (id: number) => Index,
): Form => {
  const ranges = rangesOf(sizes)
  const again = rebuild((i, e) => substitute(i, into, e, ranges))
  return {
    sizes,
    groups,
    exprs: f.exprs.map(again),
    indices: f.indices.map((i) => substitute(i, into, again, ranges)),
  }
}

const without = (groups: ReadonlyArray<Group>, gone: (id: number) => boolean): ReadonlyArray<Group> =>
  groups.map((g) => ({ ...g, ids: g.ids.filter((id) => !gone(id)) }))

const dropOnes = (f: Form): Form => {
  const one = (id: number): boolean => f.sizes[id] === 1
  return replaced(f, f.sizes, without(f.groups, one), (id) => one(id) ? constantIndex(0) : variable(id))
}

const coefficientOf = (i: Index, id: number): number =>
  i.terms.reduce((sum, t) => t.atom.tag === "var" && t.atom.id === id ? sum + t.coef : sum, 0)

/** Pairs (outer, inner) of one group. */
const pairs = (g: Group): ReadonlyArray<readonly [number, number]> =>
  g.ids.flatMap((a, i) => g.ids.flatMap((b, j) => (g.free ? i !== j : j === i + 1) ? [[a, b] as const] : []))

/** Makes the pair one variable, called by the inner one's number. */
const joined = (f: Form, outer: number, inner: number): readonly [ReadonlyArray<number>, ReadonlyArray<Group>] => [
  f.sizes.map((n, id) => id === inner ? n * f.sizes[outer]! : n),
  without(f.groups, (id) => id === outer),
]

const mergeAll = (f: Form): Form => {
  const all = allIndices(f)
  const pair = f.groups.flatMap(pairs).find(([a, b]) =>
    all.every((i) => coefficientOf(i, a) === coefficientOf(i, b) * f.sizes[b]!)
  )
  if (pair === undefined) return f
  const [sizes, groups] = joined(f, ...pair)
  return mergeAll(replaced(f, sizes, groups, (id) => id === pair[0] ? constantIndex(0) : variable(id)))
}

/** Makes two variables one by force: they become quotient and remainder of it. */
export const collapsed = (f: Form, outer: number, inner: number): Form => {
  const [sizes, groups] = joined(f, outer, inner)
  const by = f.sizes[inner]!
  const of = variable(inner)
  return replaced(
    f,
    sizes,
    groups,
    (id) =>
      id === outer
        ? atomIndex({ tag: "div", of, by })
        : id === inner
        ? atomIndex({ tag: "mod", of, by })
        : variable(id),
  )
}

const neverHolds = (g: Guard, ranges: Ranges): boolean => {
  const [low, high] = rangeOf(g.at, ranges)
  return high < g.low || low >= g.high
}

/** Expressions with numbers. */
export interface Names {
  readonly name: (e: Expr) => number
  /** The one object of all that are equal to this. */
  readonly intern: (e: Expr) => Expr
}

/** Makes equal expressions one object, and drops guards that always hold. */
const interning = (ranges: Ranges): Names => {
  const byKey = new Map<string, Expr>()
  const numbers = new Map<Expr, number>()
  const name = (e: Expr): number => {
    const known = numbers.get(e)
    if (known !== undefined) return known
    numbers.set(e, numbers.size)
    return numbers.size - 1
  }
  const indexName = (i: Index): string => indexKey(i, name)
  const guardNames = (e: Expr): string => guardsOf(e).map((g) => `${g.low}<${indexName(g.at)}<${g.high}`).sort().join()
  const keyOf = (e: Expr): string => {
    switch (e.tag) {
      case "load":
        return `load ${e.dtype} ${e.buffer} ${indexName(e.at)} ${guardNames(e)}`
      case "const":
        return `const ${e.dtype} ${Object.is(e.value, -0) ? "-0" : e.value}`
      case "index":
        return `index ${e.dtype} ${indexName(e.at)}`
      case "within":
        return `within ${guardNames(e)}`
      case "acc":
        return `acc ${e.dtype} ${e.id}`
      case "unary":
      case "binary":
        return `${e.fn} ${e.dtype} ${children(e).map(name)}`
      case "round":
        return `round ${e.to} ${name(e.x)}`
      default:
        return `${e.tag} ${e.dtype} ${children(e).map(name)}`
    }
  }
  const trimmed = (e: Expr): Expr => {
    if (e.tag !== "load" && e.tag !== "within") return e
    if (e.guards.some((g) => neverHolds(g, ranges))) return { tag: "const", dtype: e.dtype, value: 0 }
    const guards = e.guards.filter((g) => !alwaysHolds(g, ranges))
    if (e.tag === "within" && guards.length === 0) return { tag: "const", dtype: "bool", value: 1 }
    return { ...e, guards }
  }
  const one = (given: Expr): Expr => {
    const e = trimmed(given)
    const key = keyOf(e)
    const known = byKey.get(key)
    if (known !== undefined) return known
    byKey.set(key, e)
    return e
  }
  const stay = (i: Index, again: (e: Expr) => Expr): Index => substitute(i, variable, again, ranges)
  return { name, intern: rebuild(stay, one) }
}

/** A form whose expressions are interned, and how often each is used. */
export interface Interned {
  readonly form: Form
  readonly names: Names
  readonly uses: (e: Expr) => number
  readonly ranges: Ranges
}

/** Drops and merges variables. */
export const merged = (f: Form): Form => mergeAll(dropOnes(f))

/** Makes equal expressions one. */
export const interned = (f: Form): Interned => {
  const ranges = rangesOf(f.sizes)
  const names = interning(ranges)
  const exprs = f.exprs.map(names.intern)
  const indices = f.indices.map((i) => substitute(i, variable, names.intern, ranges))
  const counts = new Map<Expr, number>()
  const count = (e: Expr): void => {
    counts.set(e, (counts.get(e) ?? 0) + 1)
  }
  exprs.forEach(count)
  indices.flatMap(indexValues).forEach(count)
  walk([...exprs, ...indices.flatMap(indexValues)]).forEach((e) => children(e).forEach(count))
  return { form: { ...f, exprs, indices }, names, uses: (e) => counts.get(e) ?? 0, ranges }
}
