/**
 * What ranks do together, as messages between two and sums at home: pure data, the same for every transport. A sum is
 * formed where its elements belong, from the first rank to the last, and then told to others: so all ranks have the same
 * bits, and they are those of the same program on `local`.
 *
 * Places are numbers within the group of ranks that take part, in its order. Counts are in elements.
 *
 * An all-reduce is a reduce-scatter and an all-gather, each by direct messages: 2 (n - 1) / n of the block leaves each
 * rank, the least there can be (Thakur, Rabenseifner and Gropp, 2005). A small one is told to all and summed by all.
 * @module
 */
import type { Collective } from "../graph/collective.ts"

/** A run of elements of what is sent, of what is filled, or of memory that is needed meanwhile. */
export interface Part {
  readonly of: "from" | "to" | "scratch"
  readonly start: number
  readonly count: number
}

/** A part, and who gets it or sends it. */
export interface Message {
  readonly place: number
  readonly part: Part
}

/** What one rank does, one after another. */
export type Deed =
  | { readonly tag: "copy"; readonly from: Part; readonly to: Part }
  /** All of these at once. */
  | { readonly tag: "talk"; readonly sends: ReadonlyArray<Message>; readonly receives: ReadonlyArray<Message> }
  /** Element by element, from the first part to the last. */
  | { readonly tag: "fold"; readonly fn: "sum" | "max"; readonly parts: ReadonlyArray<Part>; readonly to: Part }

/** Elements up to which an all-reduce is told to all at once: there the number of turns counts, not that of bytes. */
export const small = 1024

const part = (of: Part["of"], start: number, count: number): Part => ({ of, start, count })

const others = (n: number, place: number): ReadonlyArray<number> =>
  Array.from({ length: n - 1 }, (_, i) => (place + 1 + i) % n) // each begins with another, so that none is asked by all

const talk = (sends: ReadonlyArray<Message>, receives: ReadonlyArray<Message>): ReadonlyArray<Deed> => {
  const full = (list: ReadonlyArray<Message>): ReadonlyArray<Message> => list.filter((m) => m.part.count > 0)
  const [s, r] = [full(sends), full(receives)]
  return s.length + r.length === 0 ? [] : [{ tag: "talk", sends: s, receives: r }]
}

/** Everyone's part of `from` that belongs at this place comes here, and is folded into `to`. */
const gatherFold = (
  n: number,
  place: number,
  fn: "sum" | "max",
  belongs: (place: number) => Part,
  to: Part,
): ReadonlyArray<Deed> => {
  const slot = (p: number): Part => part("scratch", (p < place ? p : p - 1) * to.count, to.count)
  const rest = others(n, place)
  const parts = Array.from({ length: n }, (_, p) => p === place ? belongs(place) : slot(p))
  return [
    ...talk(
      rest.map((p) => ({ place: p, part: belongs(p) })),
      rest.map((p) => ({ place: p, part: slot(p) })),
    ),
    { tag: "fold", fn, parts, to },
  ]
}

/** Everyone's own part, to all. */
const tell = (n: number, place: number, own: Part, of: (place: number) => Part): ReadonlyArray<Deed> => {
  const rest = others(n, place)
  return talk(rest.map((p) => ({ place: p, part: own })), rest.map((p) => ({ place: p, part: of(p) })))
}

/** The elements of a block that a place sums: the first ones get one more where it does not divide. */
const share = (elements: number, n: number, place: number): readonly [start: number, count: number] => {
  const start = Math.floor(elements * place / n)
  return [start, Math.floor(elements * (place + 1) / n) - start]
}

const allReduce = (fn: "sum" | "max", n: number, place: number, elements: number): ReadonlyArray<Deed> => {
  if (elements <= small) {
    return gatherFold(n, place, fn, () => part("from", 0, elements), part("to", 0, elements))
  }
  const of = (where: "from" | "to") => (p: number): Part => part(where, ...share(elements, n, p))
  return [
    ...gatherFold(n, place, fn, of("from"), of("to")(place)),
    ...tell(n, place, of("to")(place), of("to")),
  ]
}

/** Along a binomial tree: every place knows it after at most log2 n turns. */
const broadcast = (root: number, n: number, place: number, elements: number): ReadonlyArray<Deed> => {
  const own = (place - root + n) % n
  const real = (p: number): number => (p + root) % n
  const to = part("to", 0, elements)
  const low = own === 0 ? 2 ** Math.ceil(Math.log2(n)) : own & -own
  const children = Array.from({ length: Math.log2(low) }, (_, i) => own + low / 2 ** (i + 1)).filter((p) => p < n)
  return [
    ...(own === 0
      ? [{ tag: "copy", from: part("from", 0, elements), to } as const]
      : talk([], [{ place: real(own & (own - 1)), part: to }])),
    ...talk(children.map((p) => ({ place: real(p), part: to })), []),
  ]
}

/** What the rank at this place does for a collective whose `from` has that many elements. */
export const deeds = (c: Collective, place: number, elements: number): ReadonlyArray<Deed> => {
  const n = c.ranks
  const [from, to] = [part("from", 0, elements), part("to", 0, elements)]
  const modulo = (p: number): number => ((p % n) + n) % n
  switch (c.kind) {
    case "permute":
      return modulo(c.shift) === 0
        ? [{ tag: "copy", from, to }]
        : talk([{ place: modulo(place + c.shift), part: from }], [{ place: modulo(place - c.shift), part: to }])
    case "allReduce":
      return n === 1 ? [{ tag: "copy", from, to }] : allReduce(c.fn, n, place, elements)
    case "allGather": {
      const slot = (p: number): Part => part("to", p * elements, elements)
      return [...tell(n, place, from, slot), { tag: "copy", from, to: slot(place) }]
    }
    case "reduceScatter": {
      const each = elements / n
      return gatherFold(n, place, "sum", (p) => part("from", p * each, each), part("to", 0, each))
    }
    case "broadcast":
      return broadcast(c.root, n, place, elements)
  }
}

/** Elements of `to`. */
export const filled = (c: Collective, elements: number): number =>
  c.kind === "allGather" ? elements * c.ranks : c.kind === "reduceScatter" ? elements / c.ranks : elements

/** Elements of memory that deeds need beside `from` and `to`. */
export const scratch = (list: ReadonlyArray<Deed>): number =>
  list.reduce((most, deed) =>
    deed.tag !== "talk" ? most : deed.receives.reduce(
      (m, { part }) => part.of === "scratch" ? Math.max(m, part.start + part.count) : m,
      most,
    ), 0)

/** Elements that leave this rank. */
export const sent = (list: ReadonlyArray<Deed>): number =>
  list.reduce((sum, deed) => deed.tag !== "talk" ? sum : deed.sends.reduce((s, m) => s + m.part.count, sum), 0)
