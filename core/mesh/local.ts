/**
 * All ranks in one graph: a program that is written for one rank becomes a program of all of them on one device. A
 * permute is the neighbour's node (no copy, no exchange), an all-reduce is a sum that every rank shares, and what does not
 * depend on the rank (weights, the optimiser) is computed once. Each rank has slices of its own, so a sequence may be
 * longer than one buffer can hold.
 * @module
 */
import { binary, stack } from "../graph/build.ts"
import type { Collective } from "../graph/collective.ts"
import { type Node, topological } from "../graph/node.ts"
import { placeOf } from "./cut.ts"
import { wrapped } from "./group.ts"
import { coordinatesOf, groupOf, ranksOf, type Shape } from "./shape.ts"

/** A value of every rank; one for all where they are the same. */
type Ranked = Node | ReadonlyArray<Node>

const isUniform = (v: Ranked): v is Node => !Array.isArray(v)

const at = (v: Ranked, rank: number): Node => isUniform(v) ? v : v[rank]!

/** One node where all are one. */
const gathered = (list: ReadonlyArray<Node>): Ranked => list.every((n) => n === list[0]) ? list[0]! : list

/** The sum of trees of nodes, from the first to the last: gradients run into one accumulator. */
const summed = (fn: "add" | "max", list: ReadonlyArray<Node>): Node => list.reduce((sum, x) => binary(fn, sum, x))

/** What one collective gives to the ranks of one group, in their order. */
const exchanged = (c: Collective, xs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const all = (x: Node): ReadonlyArray<Node> => xs.map(() => x)
  switch (c.kind) {
    case "permute":
      return xs.map((_, r) => xs[wrapped(r - c.shift, xs.length)]!)
    case "allReduce":
      return all(summed(c.fn === "sum" ? "add" : "max", xs))
    case "allGather":
      return all(stack(xs, c.axis))
    case "reduceScatter":
      return xs.map((_, r) => summed("add", xs.map((x) => placeOf(x, r))))
    case "broadcast":
      return all(xs[c.root]!)
  }
}

const exchangeAll = (c: Collective, x: Ranked, shape: Shape): Ranked => {
  const ranks = ranksOf(shape)
  const out = new Array<Node>(ranks)
  const done = new Set<number>()
  for (let r = 0; r < ranks; r++) {
    if (done.has(r)) continue
    const group = groupOf(shape, r, c.over)
    exchanged(c, group.map((g) => at(x, g))).forEach((node, i) => {
      out[group[i]!] = node
      done.add(group[i]!)
    })
  }
  return gathered(out)
}

/**
 * The roots of every rank: `given` says what stands for each input on each rank. Faults of the graph are told once.
 */
export const unroll = (
  roots: ReadonlyArray<Node>,
  given: ReadonlyMap<Node, Ranked>,
  shape: Shape,
): ReadonlyArray<Ranked> => {
  const ranks = ranksOf(shape)
  const values = new Map<Node, Ranked>(given)
  for (const node of topological(roots)) {
    if (values.has(node)) continue
    const args = node.args.map((a) => values.get(a)!)
    const uniform = args.every(isUniform)
    if (node.op.tag === "exchange") values.set(node, exchangeAll(node.op.collective, args[0]!, shape))
    else if (uniform) {
      const same = args.every((a, i) => a === node.args[i])
      const own = same ? node : { ...node, args: args as ReadonlyArray<Node> }
      values.set(node, own)
    } else {
      const copies = Array.from({ length: ranks }, (_, r): Node => ({
        ...node,
        args: args.map((a) => at(a, r)),
        faults: r === 0 ? node.faults : [],
      }))
      values.set(node, copies)
    }
  }
  return roots.map((r) => values.get(r)!)
}

/** The ranks' values, one for each. */
export const ofRanks = (v: Ranked, shape: Shape): ReadonlyArray<Node> =>
  Array.from({ length: ranksOf(shape) }, (_, r) => at(v, r))

/** Does every rank have the same value? */
export const isShared: (v: Ranked) => v is Node = isUniform

/** Are the parts of a value told apart by these mesh axes only? */
export const variesOnlyAlong = (v: Ranked, shape: Shape, over: ReadonlyArray<string>): boolean => {
  if (isUniform(v)) return true
  const key = (r: number): string => over.map((a) => coordinatesOf(shape, r)[a] ?? 0).join()
  const first = new Map<string, Node>()
  return v.every((n, r) => {
    const known = first.get(key(r))
    if (known === undefined) first.set(key(r), n)
    return known === undefined || known === n
  })
}
