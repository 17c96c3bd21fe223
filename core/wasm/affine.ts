/**
 * Algebra of indices: what an index is worth between, how it steps from lane to lane when one variable takes four
 * values at once, which variables can be merged. Four lanes start where the vector variable is a multiple of 4; that
 * is what lets `(v / 2, v mod 2)` become a constant pattern of lanes instead of divisions.
 * @module
 */
import type { Atom, Expr, Guard, Index, Term } from "../kernel/kernel.ts"

/** Least and greatest value, both included. */
export type Range = readonly [number, number]

/** What an index is at lanes 1, 2, 3 above lane 0; lane 0 is 0. */
export type Lanes = readonly [number, number, number, number]

/** The index that is always `base`. */
export const constant = (base: number): Index => ({ base, terms: [] })

/** The index that is variable `id`. */
export const variable = (id: number): Index => ({ base: 0, terms: [{ coef: 1, atom: { tag: "var", id } }] })

const anything: Range = [-Infinity, Infinity]

const atomRange = (atom: Atom, sizes: ReadonlyArray<number>): Range => {
  if (atom.tag === "var") return [0, sizes[atom.id]! - 1]
  if (atom.tag === "turn") return [0, Infinity]
  if (atom.tag === "value") return anything
  const [low, high] = range(atom.of, sizes)
  if (atom.tag === "div") return [Math.floor(Math.max(low, 0) / atom.by), Math.floor(high / atom.by)]
  return low >= 0 && high < atom.by ? [low, high] : [0, atom.by - 1]
}

/** Between what an index lies for variables of those sizes. */
export const range = (index: Index, sizes: ReadonlyArray<number>): Range =>
  index.terms.reduce<Range>(([low, high], { coef, atom }) => {
    const [a, b] = atomRange(atom, sizes)
    return coef > 0 ? [low + coef * a, high + coef * b] : [low + coef * b, high + coef * a]
  }, [index.base, index.base])

const add = (x: Index, y: Index, times: number): Index => ({
  base: x.base + times * y.base,
  terms: [...x.terms, ...y.terms.map((t) => ({ coef: t.coef * times, atom: t.atom }))],
})

/** Names an index; equal names are equal indices. `value` names the expressions inside. */
export const indexKey = (index: Index, value: (e: Expr) => string): string =>
  `${index.base}${index.terms.map((t) => `+${t.coef}*${atomKey(t.atom, value)}`).sort().join("")}`

const atomKey = (atom: Atom, value: (e: Expr) => string): string => {
  if (atom.tag === "var") return `v${atom.id}`
  if (atom.tag === "turn") return `t${atom.depth}`
  if (atom.tag === "value") return `e${value(atom.of)}`
  return `${atom.tag}${atom.by}(${indexKey(atom.of, value)})`
}

/** How the parts of an index are replaced. */
export interface Replace {
  readonly variable: (id: number) => Index
  readonly value: (e: Expr) => Expr
  readonly sizes: ReadonlyArray<number>
  readonly name: (e: Expr) => string
}

const collect = (index: Index, name: (e: Expr) => string): Index => {
  const sums = new Map<string, Term>()
  index.terms.forEach(({ coef, atom }) => {
    const key = atomKey(atom, name)
    sums.set(key, { coef: coef + (sums.get(key)?.coef ?? 0), atom })
  })
  return { base: index.base, terms: [...sums.values()].filter((t) => t.coef !== 0) }
}

/** `of / by` or `of mod by`, with multiples of `by` taken out and what cannot carry left away. */
const divided = (tag: "div" | "mod", of: Index, by: number, sizes: ReadonlyArray<number>): Index => {
  const whole = of.terms.filter((t) => t.coef % by === 0)
  const low = ((of.base % by) + by) % by
  const rest: Index = { base: low, terms: of.terms.filter((t) => t.coef % by !== 0) }
  const [least, greatest] = range(rest, sizes)
  if (least < 0) return { base: 0, terms: [{ coef: 1, atom: { tag, of, by } }] }
  const inside = greatest < by
  if (tag === "mod") return inside ? rest : { base: 0, terms: [{ coef: 1, atom: { tag, of: rest, by } }] }
  const out: Index = {
    base: (of.base - low) / by,
    terms: whole.map((t) => ({ coef: t.coef / by, atom: t.atom })),
  }
  return inside ? out : add(out, { base: 0, terms: [{ coef: 1, atom: { tag, of: rest, by } }] }, 1)
}

/** The index with its variables and values replaced, in its simplest form. */
export const rewrite = (index: Index, how: Replace): Index => {
  const parts = index.terms.map(({ coef, atom }): readonly [number, Index] => {
    if (atom.tag === "var") return [coef, how.variable(atom.id)]
    if (atom.tag === "turn") return [coef, { base: 0, terms: [{ coef: 1, atom }] }]
    if (atom.tag === "value") {
      const of = how.value(atom.of)
      if (of.tag === "const") return [coef, constant(of.value)]
      if (of.tag === "index") return [coef, of.at]
      return [coef, { base: 0, terms: [{ coef: 1, atom: { tag: "value", of } }] }]
    }
    return [coef, divided(atom.tag, rewrite(atom.of, how), atom.by, how.sizes)]
  })
  return collect(parts.reduce((sum, [coef, part]) => add(sum, part, coef), constant(index.base)), how.name)
}

/** Guards that can fail, one-sided where one side cannot; undefined if they can never hold. */
export const narrow = (
  guards: ReadonlyArray<Guard>,
  sizes: ReadonlyArray<number>,
): ReadonlyArray<Guard> | undefined => {
  const open: Array<Guard> = []
  for (const { at, low, high } of guards) {
    const [least, greatest] = range(at, sizes)
    if (greatest < low || least >= high) return undefined
    if (least < low || greatest >= high) open.push({ at, low, high })
  }
  return open
}

const gcd = (a: number, b: number): number => b === 0 ? Math.abs(a) : gcd(b, a % b)

/** Does the index depend on the variable? `value` tells it of the expressions inside. */
export const dependsOn = (index: Index, id: number, value: (e: Expr) => boolean): boolean =>
  index.terms.some(({ atom }) =>
    atom.tag === "var"
      ? atom.id === id
      : atom.tag === "value"
      ? value(atom.of)
      : atom.tag !== "turn" && dependsOn(atom.of, id, value)
  )

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

/** The coefficient of a variable outside of divisions. */
export const coefficient = (index: Index, id: number): number =>
  index.terms.reduce((sum, t) => t.atom.tag === "var" && t.atom.id === id ? sum + t.coef : sum, 0)

/** The index and the indices within its divisions. */
export const layers = (index: Index): ReadonlyArray<Index> => [
  index,
  ...index.terms.flatMap(({ atom }) => atom.tag === "div" || atom.tag === "mod" ? layers(atom.of) : []),
]
