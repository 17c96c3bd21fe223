/**
 * The arithmetic of ranks. A mesh has named axes; its ranks are numbered row-major, the last axis fastest. The ranks that
 * do something together over some axes are those that differ from each other along these only.
 * @module
 */
import { either as E } from "fp-ts"
import { shapeText } from "../device/engine.ts"

/** Sizes of a mesh's axes, in order: `{ data: 2, ring: 4 }`. */
export type Shape = { readonly [axis: string]: number }

/** Ranks that do something together, and which of them one is. */
export interface Group {
  /** In the order of their places: numbered along the axes that they differ in, in the order named, the last fastest. */
  readonly ranks: ReadonlyArray<number>
  readonly place: number
}

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

/** How many ranks a mesh has. */
export const sizeOf = (shape: Shape): number => product(Object.values(shape))

/** Where a rank stands along each axis. */
export const coordinates = (shape: Shape, rank: number): Shape => {
  const sizes = Object.values(shape)
  const places = sizes.map((size, d) => Math.floor(rank / product(sizes.slice(d + 1))) % size)
  return Object.fromEntries(Object.keys(shape).map((axis, d) => [axis, places[d]!]))
}

/** The rank that stands there. */
export const rankAt = (shape: Shape, at: Shape): number =>
  Object.entries(shape).reduce((rank, [axis, size]) => rank * size + at[axis]!, 0)

/** The ranks with which one does something over some axes. Faults: an axis that the mesh lacks, or that is named twice. */
export const groupOf = (shape: Shape, rank: number, over: ReadonlyArray<string>): E.Either<string, Group> => {
  const strange = over.find((a) => !Object.hasOwn(shape, a))
  if (strange !== undefined) return E.left(`the mesh ${shapeText(shape)} has no axis '${strange}'`)
  const twice = over.find((a, i) => over.indexOf(a) !== i)
  if (twice !== undefined) return E.left(`the axis '${twice}' is named twice`)
  const own = coordinates(shape, rank)
  const among = Object.fromEntries(over.map((a) => [a, shape[a]!]))
  const ranks = Array.from(
    { length: sizeOf(among) },
    (_, place) => rankAt(shape, { ...own, ...coordinates(among, place) }),
  )
  return E.right({ ranks, place: rankAt(among, own) })
}

const wrapped = (n: number, size: number): number => ((n % size) + size) % size

/** The rank that one sends to when all shift. */
export const after = ({ ranks, place }: Group, shift: number): number => ranks[wrapped(place + shift, ranks.length)]!

/** The rank that one receives from when all shift. */
export const before = (group: Group, shift: number): number => after(group, -shift)
