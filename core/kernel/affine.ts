/**
 * The arithmetic of indices: sums of multiples of loop variables, with division and remainder by constants kept only
 * where the ranges of the variables do not dissolve them. Everything here is exact integer algebra.
 * @module
 */
import type { Atom, Expr, Guard, Index, Term } from "./kernel.ts"

/** What is known of the variables: how many values each takes, and the range of values that loads bring. */
export interface Ranges {
  readonly size: (id: number) => number
  readonly value: (of: Expr) => readonly [low: number, high: number]
  readonly turn: (depth: number) => number
}

const noTerms: ReadonlyArray<Term> = []

/** A constant. */
export const constantIndex = (base: number): Index => ({ base, terms: noTerms })

/** One atom. */
export const atomIndex = (atom: Atom): Index => ({ base: 0, terms: [{ coef: 1, atom }] })

/** A loop variable. */
export const variable = (id: number): Index => atomIndex({ tag: "var", id })

const sameAtom = (a: Atom, b: Atom): boolean => {
  if (a === b) return true
  if (a.tag === "var") return b.tag === "var" && a.id === b.id
  if (a.tag === "turn") return b.tag === "turn" && a.depth === b.depth
  if (a.tag === "value") return b.tag === "value" && a.of === b.of
  return a.tag === b.tag && a.by === (b as typeof a).by && sameIndex(a.of, (b as typeof a).of)
}

/** Are they equal, term by term? Terms are kept in a fixed order, so that equal sums are equal lists. */
export const sameIndex = (a: Index, b: Index): boolean =>
  a === b ||
  (a.base === b.base && a.terms.length === b.terms.length &&
    a.terms.every((t) => b.terms.some((u) => u.coef === t.coef && sameAtom(t.atom, u.atom))))

/** a + b */
export const addIndex = (a: Index, b: Index): Index => {
  if (b.terms.length === 0) return b.base === 0 ? a : { base: a.base + b.base, terms: a.terms }
  if (a.terms.length === 0) return a.base === 0 ? b : { base: a.base + b.base, terms: b.terms }
  const terms = [...a.terms]
  for (const t of b.terms) {
    const at = terms.findIndex((u) => sameAtom(u.atom, t.atom))
    if (at < 0) terms.push(t)
    else terms[at] = { coef: terms[at]!.coef + t.coef, atom: t.atom }
  }
  return { base: a.base + b.base, terms: terms.filter((t) => t.coef !== 0) }
}

/** a * k */
export const scaleIndex = (a: Index, k: number): Index =>
  k === 1 ? a : k === 0 ? constantIndex(0) : {
    base: a.base * k,
    terms: a.terms.map((t) => ({ coef: t.coef * k, atom: t.atom })),
  }

/** a + k */
export const shiftIndex = (a: Index, k: number): Index => k === 0 ? a : { base: a.base + k, terms: a.terms }

const atomRange = (a: Atom, r: Ranges): readonly [number, number] => {
  if (a.tag === "var") return [0, r.size(a.id) - 1]
  if (a.tag === "turn") return [0, r.turn(a.depth) - 1]
  if (a.tag === "value") return r.value(a.of)
  const [low, high] = rangeOf(a.of, r)
  if (a.tag === "mod") return low >= 0 ? [0, Math.min(high, a.by - 1)] : [1 - a.by, a.by - 1]
  return [Math.floor(low / a.by), Math.floor(high / a.by)]
}

/** The least and the greatest value. */
export const rangeOf = (a: Index, r: Ranges): readonly [number, number] => {
  let low = a.base
  let high = a.base
  for (const t of a.terms) {
    const [l, h] = atomRange(t.atom, r)
    low += t.coef > 0 ? t.coef * l : t.coef * h
    high += t.coef > 0 ? t.coef * h : t.coef * l
  }
  return [low, high]
}

/** a = by * whole + rest, as far as the coefficients tell; the rest is not below 0, as divisions ask. */
const splitBy = (a: Index, by: number, r: Ranges): { readonly whole: Index; readonly rest: Index } => {
  const terms = a.terms.filter((t) => t.coef % by !== 0)
  const base = ((a.base % by) + by) % by
  const [low] = rangeOf({ base, terms }, r)
  const lift = low < 0 && low > -(2 ** 31) ? -Math.floor(low / by) * by : 0
  return {
    whole: {
      base: (a.base - base - lift) / by,
      terms: a.terms.filter((t) => t.coef % by === 0).map((t) => ({ coef: t.coef / by, atom: t.atom })),
    },
    rest: { base: base + lift, terms },
  }
}

const fits = (rest: Index, by: number, r: Ranges): boolean => {
  const [low, high] = rangeOf(rest, r)
  return low >= 0 && high < by
}

/** floor(a / by): a sum again where the remainder provably stays below `by`. */
export const divIndex = (a: Index, by: number, r: Ranges): Index => {
  if (by === 1) return a
  const { whole, rest } = splitBy(a, by, r)
  if (fits(rest, by, r)) return whole
  return addIndex(whole, atomIndex({ tag: "div", of: rest, by }))
}

/** a mod by */
export const modIndex = (a: Index, by: number, r: Ranges): Index => {
  if (by === 1) return constantIndex(0)
  const { rest } = splitBy(a, by, r)
  return fits(rest, by, r) ? rest : atomIndex({ tag: "mod", of: rest, by })
}

/** Replaces variables; divisions are simplified anew with the ranges of the new variables. */
export const substitute = (
  a: Index,
  into: (id: number) => Index,
  values: (e: Expr) => Expr,
  r: Ranges,
): Index =>
  a.terms.reduce((sum: Index, t): Index => {
    const of = t.atom
    const next: Index = of.tag === "var"
      ? into(of.id)
      : of.tag === "turn"
      ? atomIndex(of)
      : of.tag === "value"
      ? atomIndex({ tag: "value", of: values(of.of) })
      : of.tag === "div"
      ? divIndex(substitute(of.of, into, values, r), of.by, r)
      : modIndex(substitute(of.of, into, values, r), of.by, r)
    return addIndex(sum, scaleIndex(next, t.coef))
  }, constantIndex(a.base))

/** Every index inside: itself and what it divides, not those inside of values. */
export const innerIndices = (a: Index): ReadonlyArray<Index> => [
  a,
  ...a.terms.flatMap((t) => t.atom.tag === "div" || t.atom.tag === "mod" ? innerIndices(t.atom.of) : []),
]

/** A text that equal indices share; `name` tells values apart. */
export const indexKey = (a: Index, name: (e: Expr) => number): string =>
  `${a.base}${
    a.terms.map((t) => {
      const of = t.atom
      const atom = of.tag === "var"
        ? `v${of.id}`
        : of.tag === "turn"
        ? `t${of.depth}`
        : of.tag === "value"
        ? `x${name(of.of)}`
        : `${of.tag === "div" ? "d" : "m"}${of.by}(${indexKey(of.of, name)})`
      return `+${t.coef}${atom}`
    }).sort().join("")
  }`

/**
 * Does this index run through 0 .. size - 1, each once, as its variables run? Then the variables, slowest first.
 * This is how a kernel sees that an axis is one of its own loops.
 */
export const covers = (a: Index, size: number, r: Ranges): ReadonlyArray<number> | undefined => {
  if (a.base !== 0) return undefined
  const terms = [...a.terms].sort((s, t) => s.coef - t.coef)
  const ids: Array<number> = []
  let next = 1
  for (const t of terms) {
    if (t.atom.tag !== "var" || t.coef !== next) return undefined
    next *= r.size(t.atom.id)
    ids.push(t.atom.id)
  }
  return next === size ? ids.reverse() : undefined
}

/** Does the guard always hold? */
export const alwaysHolds = (g: Guard, r: Ranges): boolean => {
  const [low, high] = rangeOf(g.at, r)
  return low >= g.low && high < g.high
}
