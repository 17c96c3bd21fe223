/**
 * What expressions and indices depend on: the loops, the lanes, the folds of earlier stages. Each is asked once.
 * @module
 */
import { children } from "../kernel/expression.ts"
import type { Atom, Expr, Guard, Index } from "../kernel/kernel.ts"
import { type Lanes, lanesOf, type Smooth, smoothOf } from "./lanes.ts"
import type { Setting, Spot } from "./setting.ts"

/** Answers for one setting. */
export interface Dependence {
  /** Level of the innermost loop that it depends on. */
  readonly level: (e: Expr) => number
  readonly indexLevel: (i: Index) => number
  readonly atomLevel: (a: Atom) => number
  /** Does it differ from lane to lane? */
  readonly varies: (e: Expr) => boolean
  readonly indexVaries: (i: Index) => boolean
  readonly atomVaries: (a: Atom) => boolean
  /** The steps from lane to lane; undefined if they are not the same everywhere. */
  readonly lanes: (i: Index) => Lanes | undefined
  /** The same in the common case, where no remainder wraps. */
  readonly smooth: (i: Index) => Smooth | undefined
  /** The accs that it is made of. */
  readonly accs: (e: Expr) => ReadonlySet<number>
}

/** The guards of an expression. */
export const guardsOf = (e: Expr): ReadonlyArray<Guard> => e.tag === "load" || e.tag === "within" ? e.guards : []

/** The indices of an expression. */
export const indicesOf = (e: Expr): ReadonlyArray<Index> => [
  ...(e.tag === "load" || e.tag === "index" ? [e.at] : []),
  ...guardsOf(e).map((g) => g.at),
]

const once = <A>(f: (e: Expr) => A): (e: Expr) => A => {
  const known = new Map<Expr, A>()
  return (e) => {
    const before = known.get(e)
    if (before !== undefined) return before
    const made = f(e)
    known.set(e, made)
    return made
  }
}

const still: Lanes = [0, 0, 0, 0]

/** Begins to answer. */
export const dependence = (s: Setting, spot: Spot): Dependence => {
  const atomLevel = (a: Atom): number =>
    a.tag === "var" ? s.level(a.id) : a.tag === "turn" ? 0 : a.tag === "value" ? level(a.of) : indexLevel(a.of)
  const indexLevel = (i: Index): number => i.terms.reduce((l, t) => Math.max(l, atomLevel(t.atom)), 0)
  const level = once((e): number => {
    const own = e.tag === "acc" ? s.acc.level : indicesOf(e).reduce((l, i) => Math.max(l, indexLevel(i)), 0)
    return children(e).reduce((l, c) => Math.max(l, level(c)), own)
  })
  const atomVaries = (a: Atom): boolean => {
    if (a.tag === "var") return a.id === s.vector
    if (a.tag === "turn") return false
    return a.tag === "value" ? varies(a.of) : indexVaries(a.of)
  }
  const indexVaries = (i: Index): boolean => i.terms.some((t) => atomVaries(t.atom))
  const varies = once((e): boolean =>
    e.tag === "acc" ? s.acc.varies : children(e).some(varies) || indicesOf(e).some(indexVaries)
  )
  const accs = once((e): ReadonlySet<number> =>
    new Set(e.tag === "acc" ? [e.id] : children(e).flatMap((c) => [...accs(c)]))
  )
  return {
    level,
    indexLevel,
    atomLevel,
    varies,
    indexVaries,
    atomVaries,
    lanes: (i) => s.vector === undefined || spot.width === 1 || !indexVaries(i) ? still : lanesOf(i, s.vector, varies),
    smooth: (i) => s.vector === undefined ? undefined : smoothOf(i, s.vector, varies),
    accs,
  }
}
