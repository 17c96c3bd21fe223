/**
 * What a program does, before its buffers have numbers: moves, the items that belong together, the nest that they lie in.
 * @module
 */
import { either as E } from "fp-ts"
import type { Node } from "../graph/node.ts"
import type { Group } from "./groups.ts"
import { flatIndex } from "./layout.ts"
import { freeEarly } from "./order.ts"
import type { Site, Surroundings } from "./attempt.ts"
import { type Lowered, lowerNodes } from "./lower.ts"
import { isSaid } from "./view.ts"

/** What happens, with buffers still named by nodes. */
export type Move =
  | { readonly tag: "kernel"; readonly lowered: Lowered }
  | { readonly tag: "repeat"; readonly times: number; readonly reverse: boolean; readonly moves: ReadonlyArray<Move> }
  /** The collective of that node: it reads the buffer of `from` from its start to its end, and comes after `needs`. */
  | { readonly tag: "start"; readonly node: Node; readonly from: Node; readonly needs: ReadonlySet<Node> }
  | { readonly tag: "finish"; readonly node: Node }

/** Moves that belong together: what they read, and what they make. */
export interface Item {
  readonly needs: ReadonlySet<Node>
  readonly makes: ReadonlyArray<Node>
  readonly moves: ReadonlyArray<Move>
  readonly group?: Group
  /** It takes no time by itself: it runs as soon as that takes no more room. */
  readonly eager?: boolean
  /** Results that a loop may store where it reads that input, part by part. */
  readonly over?: ReadonlyArray<{ readonly output: Node; readonly input: Node }>
  /** What is left to do where the result takes over the buffer of `of`. */
  readonly update?: { readonly of: Node; readonly moves: ReadonlyArray<Move> }
}

/** A node that only copies another, so that a value can lie in two places. */
export const copyOf = (n: Node): Node => ({ ...n, op: { tag: "stop" }, args: [n], faults: [] })

/** Where a node's elements lie if it has a buffer of its own. */
export const ownSite = (n: Node): Site => ({
  buffer: n,
  at: (ix) => flatIndex(n.shape, ix),
  flat: true,
})

/** One nest of the program: where what comes from outside lies, and the loops around. */
export interface Level {
  readonly sites: ReadonlyMap<Node, Site>
  /** What is to lie in the buffer of something else. */
  readonly owners: ReadonlyMap<Node, Node>
  readonly turns: ReadonlyArray<number>
  readonly maxBindings: number
}

/** What lowering knows of a nest, where these nodes have buffers. */
export const surroundings = (level: Level) => (stored: ReadonlySet<Node>): Surroundings => ({
  site: (n) =>
    level.sites.get(n) ?? (stored.has(n) || n.op.tag === "input" || n.op.tag === "data" ? ownSite(n) : undefined),
  owner: (n) => level.owners.get(n) ?? n,
  maxBindings: level.maxBindings,
  turns: level.turns,
})

/** Lowers a copy of a node; `from`, which is stored or can be said at once, is what it copies or moves. */
export const lowerCopy = (level: Level, n: Node, from: Node = n.args[0]!): Lowered => {
  const stored = isSaid(from) ? [n] : [n, from]
  const made = lowerNodes(surroundings(level)(new Set(stored)), [n], [])
  if (E.isLeft(made)) throw new Error("a copy of a stored node can always be lowered")
  return made.right
}

/** Items so that each comes after what it needs and what `after` names; nodes are taken in the graph's order. */
export const sortItems = (items: ReadonlyArray<Item>, after: (i: Item) => ReadonlyArray<Item>): ReadonlyArray<Item> => {
  const maker = new Map<Node, Item>()
  for (const i of items) for (const n of i.makes) maker.set(n, i)
  const before = (item: Item): ReadonlyArray<Item> =>
    [...[...item.needs].flatMap((n) => maker.get(n) ?? []), ...after(item)].filter((b) => b !== item)
  const done = new Set<Item>()
  const open = new Set<Item>()
  const stack: Array<readonly [Item, boolean]> = [...items].reverse().map((i) => [i, false] as const)
  while (stack.length > 0) {
    const [item, ready] = stack.pop()!
    if (done.has(item)) continue
    if (ready) {
      done.add(item)
      continue
    }
    if (open.has(item)) continue
    open.add(item)
    stack.push([item, true])
    for (const b of before(item)) if (!done.has(b)) stack.push([b, false])
  }
  const sorted = [...done]
  const rank = new Map(sorted.map((i, k) => [i, k]))
  const early = sorted.find((i) => before(i).some((b) => rank.get(b)! > rank.get(i)!))
  if (early) throw new Error("the schedule has a cycle: two kernels each wait for the other")
  return freeEarly(sorted, before)
}
