/**
 * One rank among those that do something together, and the ranks that it sends to and receives from.
 * @module
 */
import { either as E } from "fp-ts"
import { shapeText } from "../device/engine.ts"
import { groupOf, type Shape } from "./shape.ts"

/** Ranks that do something together, and which of them one is. */
export interface Group {
  /** In the order of their places: numbered along the axes that they differ in, in the order named, the last fastest. */
  readonly ranks: ReadonlyArray<number>
  readonly place: number
}

/** The ranks with which one does something over some axes. Faults: an axis that the mesh lacks, or that is named twice. */
export const memberOf = (shape: Shape, rank: number, over: ReadonlyArray<string>): E.Either<string, Group> => {
  const strange = over.find((a) => !Object.hasOwn(shape, a))
  if (strange !== undefined) return E.left(`the mesh ${shapeText(shape)} has no axis '${strange}'`)
  const twice = over.find((a, i) => over.indexOf(a) !== i)
  if (twice !== undefined) return E.left(`the axis '${twice}' is named twice`)
  const ranks = groupOf(shape, rank, over)
  return E.right({ ranks, place: ranks.indexOf(rank) })
}

/** A place counted around a ring of so many. */
export const wrapped = (n: number, size: number): number => ((n % size) + size) % size

/** The rank that one sends to when all shift. */
export const after = ({ ranks, place }: Group, shift: number): number => ranks[wrapped(place + shift, ranks.length)]!

/** The rank that one receives from when all shift. */
export const before = (group: Group, shift: number): number => after(group, -shift)
