/**
 * A fold over slices of an axis, of nodes: the whole slices in a loop, what is left in one more call. What each slice gives
 * is put together along the axis again.
 * @module
 */
import { binary, concat, constant, iota, merge, sliceAxis, split, transpose } from "../core/graph/build.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import { scan } from "./scan.ts"

/** Nodes, as a function of a graph takes and gives them. */
export type Nodes = ReadonlyArray<Node>

/** What one slice gives: the carry for the next, and what is put together. */
export interface Part {
  readonly carry: Nodes
  readonly out: Nodes
}

/** From the carry, a slice of each input and the number of its first place (i32) to what it gives. */
export type Each = (carry: Nodes, slices: Nodes, from: Node) => Part

/** How the axis is cut: so many whole slices of so many places, and what is left. */
export interface Cut {
  readonly axis: string
  readonly turns: number
  readonly places: number
  readonly rest: number
}

/** `size` is 1 or more. */
export const cutOf = (axis: string, all: number, size: number): Cut => {
  const places = Math.min(size, all)
  const turns = places === 0 ? 1 : Math.floor(all / places)
  return { axis, turns, places, rest: all - turns * places }
}

/** What was stacked over the slices, with the slices' axis one again. */
const joined = (stacked: Node, slices: string, axis: string): Node => {
  const order = stacked.axes.filter((a) => a !== slices).flatMap((a) => a === axis ? [slices, axis] : [a])
  return merge(transpose(stacked, order), [slices, axis], axis)
}

/** The whole slices, in a loop. */
export const looped = (each: Each, { axis, turns, places }: Cut, given: Nodes, init: Nodes): Part => {
  const slices = `${axis}.slices`
  const cut = given.map((x) =>
    split(sliceAxis(x, axis, 0, turns * places), axis, [slices, axis], { [slices]: turns, [axis]: places })
  )
  const from = binary("mul", iota(slices, turns), places)
  const { carry, out } = scan<string, Nodes, Nodes, Nodes>(slices, [from, ...cut], init, (held, [first, ...own]) => {
    const part = each(held, own as Nodes, first as Node)
    return { carry: part.carry, out: part.out }
  })
  return { carry, out: (out as Nodes).map((stacked) => joined(stacked, slices, axis)) }
}

/** All slices of `size` places, in their order; the last one has what is left. */
export const foldSlices = (each: Each, axis: string, size: number, given: Nodes, init: Nodes): Part => {
  const cut = cutOf(axis, sizeOf(given[0]!, axis) ?? 0, size)
  const { turns, places, rest } = cut
  const from = (first: number, count: number): Nodes => given.map((x) => sliceAxis(x, axis, first, count))
  const whole = turns === 1 ? each(init, from(0, places), constant("i32", 0)) : looped(each, cut, given, init)
  if (rest === 0) return whole
  const end = turns * places
  const last = each(whole.carry, from(end, rest), constant("i32", end))
  return { carry: last.carry, out: whole.out.map((x, i) => concat([x, last.out[i]!], axis)) }
}
