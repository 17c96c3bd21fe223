/**
 * The gradient of a loop is a loop the other way. The forward loop stacks the carries that each turn began with (only
 * those that the backward body asks for); the backward body computes the turn again from them and pulls the cotangents
 * back: cotangents of the carries are its carries, those of the constants are summed in further carries, those of the
 * sequences are stacked.
 * @module
 */
import { align, cast, input, pick, scan } from "../graph/build.ts"
import type { Body, Node, Op } from "../graph/node.ts"
import { topological } from "../graph/node.ts"
import { activeNodes } from "./activity.ts"
import type { Linear } from "./linearise.ts"
import { add, isFloat, zeros } from "./rule.ts"
import { substitute } from "../graph/substitute.ts"

type Scan = Extract<Op, { readonly tag: "scan" }>

/** How to differentiate nodes; it is handed in, for a body may hold loops in turn. */
type Linearise = (outputs: ReadonlyArray<Node>, wanted: ReadonlyArray<Node>) => Linear

/** Which carries, sequences, constants and stacked results of a loop carry a gradient. */
export interface Active {
  readonly carry: ReadonlyArray<boolean>
  readonly each: ReadonlyArray<boolean>
  readonly constants: ReadonlyArray<boolean>
  readonly out: ReadonlyArray<boolean>
}

/** A loop that saves carries: result `from + i` stacks carry number `saved[i]`. */
export interface Loop {
  readonly node: Node
  readonly active: Active
  readonly saved: ReadonlyArray<number>
  readonly from: number
}

const kept = <T>(items: ReadonlyArray<T>, flags: ReadonlyArray<boolean>): ReadonlyArray<T> =>
  items.filter((_, i) => flags[i])

const numbersOf = (flags: ReadonlyArray<boolean>): ReadonlyArray<number> => flags.flatMap((flag, i) => flag ? [i] : [])

const placeholder = (name: string, like: Node): Node => input(name, like.dtype, like.axes, like.shape)

/** What sums cotangents of a constant over the turns: of halves it is in f32, or small parts would be lost in large sums. */
const summing = (like: Node): Node => isFloat(like) && like.dtype !== "f32" ? cast(like, "f32") : like

/** `needs` says which arguments of the loop carry a gradient; a carry does too when a turn makes it depend on one. */
export const activeResults = ({ body }: Scan, needs: ReadonlyArray<boolean>): Active => {
  const flags = (nodes: ReadonlyArray<Node>, from: number): Array<boolean> =>
    nodes.map((node, i) => needs[from + i]! && isFloat(node))
  const carry = flags(body.carry, 0)
  const each = flags(body.each, carry.length)
  const constants = flags(body.constants, carry.length + each.length)
  const order = topological([...body.next, ...body.out])
  for (;;) {
    const sources = new Set([...kept(body.carry, carry), ...kept(body.each, each), ...kept(body.constants, constants)])
    const active = activeNodes(order, sources)
    const grown = body.next.map((node, i) => carry[i]! || active.has(node))
    if (grown.every((flag, i) => flag === carry[i])) {
      return { carry, each, constants, out: body.out.map((node) => active.has(node)) }
    }
    carry.splice(0, carry.length, ...grown)
  }
}

/** The backward body and the numbers of what it takes from the forward loop. */
interface Transposed {
  readonly body: Body
  readonly carries: ReadonlyArray<number>
  readonly sequences: ReadonlyArray<number>
  readonly constants: ReadonlyArray<number>
}

/** `present` says which stacked results have a cotangent. */
const transpose = (
  body: Body,
  active: Active,
  present: ReadonlyArray<boolean>,
  linearise: Linearise,
): Transposed => {
  const own = [kept(body.carry, active.carry), kept(body.each, active.each), kept(body.constants, active.constants)]
  const [carries, sequences, constants] = own as [ReadonlyArray<Node>, ReadonlyArray<Node>, ReadonlyArray<Node>]
  const carried = [...carries, ...constants.map(summing)].map((like, i) => placeholder(`carry.${i}`, like))
  const stacked = new Map(numbersOf(present).map((i) => [i, placeholder(`out.${i}`, body.out[i]!)]))
  const { pullback } = linearise([...body.next, ...body.out], own.flat())
  const order = numbersOf(active.carry)
  const pulled = pullback([
    ...body.next.map((_, i) => active.carry[i] ? carried[order.indexOf(i)]! : null),
    ...body.out.map((_, i) => stacked.get(i) ?? null),
  ])
  const [toConstants, sums] = [pulled.slice(carries.length + sequences.length), carried.slice(carries.length)]
  const next = [...pulled.slice(0, carries.length), ...sums.map((sum, i) => add(sum, cast(toConstants[i]!, sum.dtype)))]
  const out = pulled.slice(carries.length, carries.length + sequences.length)

  const reached = new Set(topological([...next, ...out]))
  const asked = (nodes: ReadonlyArray<Node>): ReadonlyArray<number> => numbersOf(nodes.map((n) => reached.has(n)))
  const used = { carries: asked(body.carry), sequences: asked(body.each), constants: asked(body.constants) }
  const given = [
    ...used.carries.map((i) => body.carry[i]!),
    ...used.sequences.map((i) => body.each[i]!),
    ...stacked.values(),
  ]
  const each = given.map((like, i) => placeholder(`each.${i}`, like))
  const fixed = used.constants.map((i, k) => placeholder(`const.${k}`, body.constants[i]!))
  const renamed = new Map([
    ...given.map((node, i) => [node, each[i]!] as const),
    ...used.constants.map((i, k) => [body.constants[i]!, fixed[k]!] as const),
  ])
  const results = substitute([...next, ...out], renamed)
  return {
    body: {
      carry: carried,
      each,
      constants: fixed,
      next: results.slice(0, next.length),
      out: results.slice(next.length),
    },
    ...used,
  }
}

/** The loop that stacks, behind its own results, the carries that its backward body will ask for. */
export const withSaved = (node: Node, op: Scan, needs: ReadonlyArray<boolean>, linearise: Linearise): Loop => {
  const { body } = op
  const active = activeResults(op, needs)
  const { carries: saved } = transpose(body, active, active.out, linearise)
  const out = [...body.out, ...saved.map((i) => body.carry[i]!)]
  return {
    node: saved.length === 0 ? node : { ...node, op: { ...op, body: { ...body, out } } },
    active,
    saved,
    from: body.carry.length + body.out.length,
  }
}

/** Cotangents of the loop's arguments, null for none, from those of its results. */
export const loopBack = (
  { node, active, saved, from }: Loop,
  cotangents: ReadonlyArray<Node | undefined>,
  linearise: Linearise,
): ReadonlyArray<Node | null> => {
  const { body, axis, length, reverse } = node.op as Scan
  const carryCount = body.carry.length
  const present = active.out.map((flag, i) => flag && cotangents[carryCount + i] !== undefined)
  const original = { ...body, out: body.out.slice(0, active.out.length) }
  const back = transpose(original, active, present, linearise)
  const order = [numbersOf(active.carry), numbersOf(active.each), numbersOf(active.constants)] as const
  const loop = scan({
    body: back.body,
    inits: [
      ...order[0].map((i) => cotangents[i] ?? zeros(body.carry[i]!)),
      ...order[2].map((i) => zeros(summing(body.constants[i]!))),
    ],
    sequences: [
      ...back.carries.map((i) => pick(node, from + saved.indexOf(i))),
      ...back.sequences.map((i) => node.args[carryCount + i]!),
      ...numbersOf(present).map((i) => cotangents[carryCount + i]!),
    ],
    constants: back.constants.map((i) => node.args[carryCount + body.each.length + i]!),
    axis,
    length,
    reverse: !reverse,
  })
  const results = new Map([
    ...order[0].map((i, k) => [i, pick(loop, k)] as const),
    ...order[1].map((i, k) => {
      const sequence = node.args[carryCount + i]!
      const stacked = pick(loop, order[0].length + order[2].length + k)
      return [carryCount + i, align(stacked, sequence.axes, sequence.shape)] as const
    }),
    ...order[2].map((i, k) => {
      const sum = pick(loop, order[0].length + k)
      return [carryCount + body.each.length + i, cast(sum, body.constants[i]!.dtype)] as const
    }),
  ])
  return node.args.map((_, i) => results.get(i) ?? null)
}
