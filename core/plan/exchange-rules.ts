/**
 * The rules that a program's collectives keep: buffers that hold what is sent and comes, steps that leave them alone while
 * they are under way, an order that is the same on all ranks.
 * @module
 */
import { written } from "../kernel/expression.ts"
import type { Collective } from "../graph/collective.ts"
import { bound, type Found, type Rule, when } from "./breach.ts"
import type { Buffer, Exchange, Program } from "./program.ts"

/** Elements that a collective gives of so many. */
const given = (c: Collective, elements: number): number =>
  c.kind === "allGather" ? elements * c.ranks : c.kind === "reduceScatter" ? elements / c.ranks : elements

/** What is wrong with a collective by itself. */
const illFormed = (c: Collective, { dtype }: Buffer): string | undefined => {
  const sums = c.kind === "allReduce" || c.kind === "reduceScatter"
  if (!Number.isSafeInteger(c.ranks) || c.ranks < 1 || c.over.length === 0) return `is among ${c.ranks} ranks`
  if (new Set(c.over).size < c.over.length) return `names an axis of the mesh twice: ${c.over.join(", ")}`
  if (c.kind === "permute" && !Number.isSafeInteger(c.shift)) return `shifts by ${c.shift}`
  const isRank = c.kind !== "broadcast" || (Number.isSafeInteger(c.root) && c.root >= 0 && c.root < c.ranks)
  if (!isRank) return `comes from rank ${c.kind === "broadcast" ? c.root : ""} of ${c.ranks}`
  return sums && dtype === "bool" ? "sums booleans" : undefined
}

/** Collectives lie between steps that there are, and their buffers hold what they bring and take. */
export const exchanges: Rule = {
  name: "exchanges",
  breaches: (p) => {
    const taken = new Set(p.outputs.flatMap((o) => o.donated ?? []))
    return p.exchanges.flatMap(({ collective: c, from, to, start, finish }, i) => {
      const where = `exchanges.${i}`
      const [a, b] = [p.buffers[from], p.buffers[to]]
      if (a === undefined || b === undefined) {
        return when(true, where, `names buffers ${from} and ${to} of ${p.buffers.length}`)
      }
      const wrong = illFormed(c, a)
      const fixed = b.place.tag === "constant" || (b.place.tag === "input" && !taken.has(b.place.index))
      return [
        ...when(wrong !== undefined, where, String(wrong)),
        ...when(start > finish || finish > p.steps.length, where, `runs from step ${start} to ${finish}`),
        ...when(start < (p.exchanges[i - 1]?.start ?? 0), where, `is started before the one that it follows`),
        ...when(
          b.elements !== given(c, a.elements) || a.dtype !== b.dtype,
          where,
          `takes ${a.elements} ${a.dtype}, gives ${b.elements} ${b.dtype}`,
        ),
        ...when(from === to || fixed, where, `cannot fill buffer ${to}`),
      ]
    })
  },
}

/** Do two that are both under way at some time harm each other? The first is started first. */
const clash = (a: Exchange, b: Exchange): boolean =>
  a.finish > b.start && (a.to === b.from || a.to === b.to || a.from === b.to)

/** While a collective is under way, nothing stores to what it sends, and nothing reads or stores to what it fills. */
export const flights: Rule = {
  name: "flights",
  breaches: (p) => {
    const steps = bound(p).flatMap(({ where, kernel, buffers }): ReadonlyArray<Found> => {
      const step = Number(where.split(".")[1])
      const stored = new Set(written(kernel).map((w) => buffers[w]))
      const busy = p.exchanges.findIndex((e) =>
        e.start <= step && step < e.finish && (buffers.includes(e.to) || stored.has(e.from))
      )
      return when(busy >= 0, where, `uses a buffer of collective ${busy}, which is under way`)
    })
    const pairs = p.exchanges.flatMap((e, i) => {
      const other = p.exchanges.findIndex((f, k) => k < i && clash(f, e))
      return when(other >= 0, `exchanges.${i}`, `uses a buffer of collective ${other}, which is under way`)
    })
    return [...steps, ...pairs]
  },
}

/** What collectives right before a step send and bring: what has come is whole from then on. */
export const brought = (p: Program, step: number, whole: Set<number>): ReadonlyArray<Found> =>
  p.exchanges.flatMap((e, i) => {
    const lacking = e.start === step && !whole.has(e.from)
    if (e.finish === step) whole.add(e.to)
    return when(lacking, `exchanges.${i}`, `sends buffer ${e.from}, which nothing has stored before`)
  })
