/**
 * How a loop is written: which variable runs along the lanes, the order of the others, what is kept between stages.
 * @module
 */
import { children, indexValues, walk } from "../kernel/expression.ts"
import type { Expr, Index, Stage, Store } from "../kernel/kernel.ts"
import type { Prepared } from "./loop-form.ts"
import { copiesFor, costOf, ordered, ownCost, stride, variesWith, vectorCost } from "./nest.ts"

/** What was chosen. */
export interface Plan {
  readonly vector: number | undefined
  /** Is the vector variable one that is folded over? */
  readonly along: boolean
  readonly rows: ReadonlyArray<number>
  readonly inner: ReadonlyArray<number>
  readonly copies: number
  /** Expressions kept from one stage for later ones. */
  readonly stashes: ReadonlyMap<Expr, number>
}

/** The expressions of a stage. */
export const ofStage = (s: Stage): ReadonlyArray<Expr> =>
  s.tag === "fold" ? s.folds.map((f) => f.value) : s.stores.flatMap((t) => [t.value, ...indexValues(t.at)])

/** The stores of stages. */
export const storesOf = (stages: ReadonlyArray<Stage>): ReadonlyArray<Store> =>
  stages.flatMap((s) => s.tag === "fold" ? [] : s.stores)

/** How many points variables have. */
export const count = (sizes: ReadonlyArray<number>, ids: ReadonlyArray<number>): number =>
  ids.reduce((n, id) => n * sizes[id]!, 1)

/** Vector instructions that make a value worth a store and a load. */
const worthKeeping = 12

/** The largest costly values of the innermost loop that two stages compute, by the first stage that does. */
const shared = (p: Prepared, deepest: number): ReadonlyMap<Expr, number> => {
  const inner = (s: Stage): boolean => s.tag !== "point"
  const written = new Set(storesOf(p.stages).map((t) => t.buffer))
  const varies = variesWith(deepest)
  const costs = new Map<Expr, number>()
  const cost = (e: Expr): number => {
    const known = costs.get(e)
    if (known !== undefined) return known
    const made = varies(e) ? ownCost(e) + children(e).reduce((sum, c) => sum + cost(c), 0) : 0
    costs.set(e, made)
    return made
  }
  const frozen = (e: Expr): boolean => !walk([e]).some((x) => x.tag === "load" && written.has(x.buffer))
  const first = new Map<Expr, number>()
  const kept = new Map<Expr, number>()
  p.stages.forEach((s, n) => {
    if (!inner(s)) return
    const visited = new Set<Expr>()
    const visit = (e: Expr): void => {
      if (visited.has(e) || !varies(e)) return
      visited.add(e)
      const before = first.get(e)
      if (before !== undefined && before < n && e.dtype !== "bool" && cost(e) >= worthKeeping && frozen(e)) {
        kept.set(e, before)
        return
      }
      children(e).forEach(visit)
    }
    ofStage(s).forEach(visit)
    walk(ofStage(s)).forEach((e) => first.has(e) || first.set(e, n))
  })
  return kept
}

/** A variable along which something is read element by element while lanes lie far apart: then it runs innermost. */
const crossed = (
  dims: ReadonlyArray<number>,
  vector: number,
  places: ReadonlyArray<Index>,
  sizes: ReadonlyArray<number>,
): number | undefined =>
  dims.find((id) =>
    id !== vector && sizes[id]! >= 8 && places.some((i) => stride(i, id) === 1 && stride(i, vector) >= 16)
  )

/** Chooses how a loop is written. */
export const choose = (p: Prepared): Plan => {
  const { sizes } = p.of.form
  const deep = p.over.length > 0
  const innerStages = deep ? p.stages.filter((s) => s.tag !== "point") : p.stages
  const exprs = innerStages.flatMap(ofStage)
  const places = storesOf(innerStages).map((t) => t.at)
  const folds = p.stages.reduce((n, s) => n + (s.tag === "fold" ? s.folds.length : 0), 0)
  const overCount = count(sizes, p.over)
  const candidates = [
    ...p.dims.map((id) => ({ id, cost: vectorCost(id, sizes[id]!, exprs, places) })),
    ...p.over.map((id) => ({ id, cost: vectorCost(id, sizes[id]!, exprs, places) + 12 * folds / overCount })),
  ].sort((a, b) => a.cost - b.cost)
  const vector = candidates[0]?.id
  const along = vector !== undefined && p.over.includes(vector)
  const every = [...places, ...walk(exprs).flatMap((e) => e.tag === "load" ? [e.at] : [])]
  const others = (ids: ReadonlyArray<number>): ReadonlyArray<number> =>
    ordered(ids.filter((id) => id !== vector), [...places, ...places, ...every])
  const cost = Math.max(0, ...innerStages.map((s) => costOf(ofStage(s))))
  const inner = along ? [...others(p.over), vector] : others(p.over)
  const crossing = deep || vector === undefined ? undefined : crossed(p.dims, vector, every, sizes)
  return {
    vector,
    along,
    rows: along || vector === undefined
      ? others(p.dims)
      : [...others(p.dims).filter((id) => id !== crossing), vector, ...(crossing === undefined ? [] : [crossing])],
    inner,
    copies: vector === undefined ? 1 : copiesFor(sizes[vector]!, cost, crossing === undefined ? 4 : 2),
    stashes: inner.length === 0 ? new Map() : shared(p, inner.at(-1)!),
  }
}
