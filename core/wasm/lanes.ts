/**
 * How an index steps from lane to lane when one variable takes four values at once. Four lanes start where the vector
 * variable is a multiple of 4; that is what lets `(v / 2, v mod 2)` become a constant pattern of lanes instead of
 * divisions.
 * @module
 */
import type { Atom, Expr, Index } from "../kernel/kernel.ts"

/** What an index is at lanes 1, 2, 3 above lane 0; lane 0 is 0. */
export type Lanes = readonly [number, number, number, number]

const gcd = (a: number, b: number): number => b === 0 ? Math.abs(a) : gcd(b, a % b)

const still: Lanes = [0, 0, 0, 0]

const atomLanes = (atom: Atom, id: number, varies: (e: Expr) => boolean): Lanes | undefined => {
  if (atom.tag === "var") return atom.id === id ? [0, 1, 2, 3] : still
  if (atom.tag === "turn") return still
  if (atom.tag === "value") return varies(atom.of) ? undefined : still
  const inner = lanesOf(atom.of, id, varies)
  if (inner === undefined || inner.every((d) => d === 0)) return inner
  const step = atom.of.terms.reduce(
    (g, t) => gcd(g, t.coef * (t.atom.tag === "var" && t.atom.id === id ? 4 : 1)),
    atom.by,
  )
  const first = ((atom.of.base % step) + step) % step
  const at = inner.map((d) => first + d)
  if (at.every((a) => a >= 0 && a < step)) return atom.tag === "mod" ? inner : still
  if (step !== atom.by) return undefined
  const turns = at.map((a) => Math.floor(a / step))
  return (atom.tag === "div" ? turns : at.map((a, l) => a - turns[l]! * step - first)) as unknown as Lanes
}

/** The steps of an index from lane to lane along variable `id`; undefined if they are not the same everywhere. */
export const lanesOf = (index: Index, id: number, varies: (e: Expr) => boolean): Lanes | undefined => {
  const sum = [0, 0, 0, 0]
  for (const { coef, atom } of index.terms) {
    const lanes = atomLanes(atom, id, varies)
    if (lanes === undefined) return undefined
    lanes.forEach((d, l) => sum[l]! += coef * d)
  }
  return sum as unknown as Lanes
}

/** A remainder that must not wrap within the four lanes: `least <= of mod by` and `of mod by + most < by`. */
export interface Unbroken {
  readonly of: Index
  readonly by: number
  readonly least: number
  readonly most: number
}

/** The steps from lane to lane where nothing wraps, and what has to be asked before. */
export interface Smooth {
  readonly lanes: Lanes
  readonly where: ReadonlyArray<Unbroken>
}

/** The steps of an index from lane to lane in the common case; undefined if it depends on values of each lane. */
export const smoothOf = (index: Index, id: number, varies: (e: Expr) => boolean): Smooth | undefined => {
  const where: Array<Unbroken> = []
  const lanesIn = (i: Index): Lanes | undefined => {
    const sum = [0, 0, 0, 0]
    for (const { coef, atom } of i.terms) {
      const lanes = atomLanes(atom, id, varies) ?? broken(atom)
      if (lanes === undefined) return undefined
      lanes.forEach((d, l) => sum[l]! += coef * d)
    }
    return sum as unknown as Lanes
  }
  const broken = (atom: Atom): Lanes | undefined => {
    if (atom.tag !== "div" && atom.tag !== "mod") return undefined
    const inner = lanesIn(atom.of)
    if (inner === undefined) return undefined
    where.push({ of: atom.of, by: atom.by, least: -Math.min(...inner), most: Math.max(...inner) })
    return atom.tag === "mod" ? inner : still
  }
  const lanes = lanesIn(index)
  return lanes === undefined ? undefined : { lanes, where }
}
