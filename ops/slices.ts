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

/** Tensors cut in two: the whole slices, and what is left, if anything is. */
export interface Parts {
  readonly main: Nodes
  readonly rest: Nodes
}

/** The parts of each. */
export const partsOf = (given: Nodes, { axis, turns, places, rest }: Cut): Parts => {
  const cut = (from: number, size: number): Nodes => given.map((x) => sliceAxis(x, axis, from, size))
  return { main: cut(0, turns * places), rest: rest === 0 ? [] : cut(turns * places, rest) }
}

/** All slices in their order; what they give is left in two parts too. */
export const foldParts = (
  each: Each,
  cut: Cut,
  { main, rest }: Parts,
  init: Nodes,
): Parts & { readonly carry: Nodes } => {
  const whole = cut.turns === 1 ? each(init, main, constant("i32", 0)) : looped(each, cut, main, init)
  if (cut.rest === 0) return { carry: whole.carry, main: whole.out, rest: [] }
  const last = each(whole.carry, rest, constant("i32", cut.turns * cut.places))
  return { carry: last.carry, main: whole.out, rest: last.out }
}

/** Two parts as one again. */
export const whole = ({ main, rest }: Parts, { axis }: Cut): Nodes =>
  main.map((x, i) => rest[i] === undefined ? x : concat([x, rest[i]], axis))

/** All slices of `size` places, in their order; the last one has what is left. */
export const foldSlices = (each: Each, axis: string, size: number, given: Nodes, init: Nodes): Part => {
  const cut = cutOf(axis, sizeOf(given[0]!, axis) ?? 0, size)
  const { carry, ...out } = foldParts(each, cut, partsOf(given, cut), init)
  return { carry, out: whole(out, cut) }
}
