/**
 * Arrays that are computed in the place of one that they are computed from: an activation in the place of its argument, a
 * sum in the place of its first summand, so that gradients of many parts run into one accumulator. A kernel may do so if
 * it reads no element but the one it writes, and is the last to read it.
 * @module
 */
import { count, type Node } from "../graph/node.ts"
import { written } from "../kernel/expression.ts"
import { readsOnlyItself } from "./donate.ts"
import type { Move } from "./item.ts"

/** What the moves are made among. */
export interface Ground {
  /** The node in whose buffer a node lies. */
  readonly owner: (n: Node) => Node
  /** Does it lie in the arena? */
  readonly temporary: (n: Node) => boolean
  /** Do two nodes take the same room? */
  readonly alike: (a: Node, b: Node) => boolean
}

/** Nodes whose buffers a move touches. */
const touched = (m: Move, owner: Ground["owner"]): ReadonlyArray<Node> =>
  m.tag === "kernel"
    ? m.lowered.buffers.map(owner)
    : m.tag === "repeat"
    ? m.moves.flatMap((n) => touched(n, owner))
    : m.tag === "start"
    ? [owner(m.from), owner(m.node)]
    : [owner(m.node)]

/** For each node that takes over the buffer of another: that other. Chains lead to the first. */
export const reuse = (moves: ReadonlyArray<Move>, { owner, temporary, alike }: Ground): ReadonlyMap<Node, Node> => {
  const first = new Map<Node, number>()
  const last = new Map<Node, number>()
  const moved = new Set<Node>()
  moves.forEach((m, i) => {
    for (const n of touched(m, owner)) {
      if (!first.has(n)) first.set(n, i)
      last.set(n, i)
      if (m.tag === "start" || m.tag === "finish") moved.add(n)
    }
  })
  const taken = new Map<Node, Node>()
  const given = new Set<Node>()
  const free = (n: Node): boolean => temporary(n) && !moved.has(n) && count(n.shape) > 0
  moves.forEach((m, i) => {
    // what a loop alone touches begins and ends within each of its turns
    const within = (n: Node): boolean => temporary(n) && first.get(n) === i && last.get(n) === i
    if (m.tag === "repeat") {
      for (const [b, a] of reuse(m.moves, { owner, temporary: within, alike })) taken.set(b, a)
    }
    if (m.tag !== "kernel") return
    const { kernel, buffers } = m.lowered
    const keys = buffers.map(owner)
    const out = new Set(written(kernel))
    for (const w of out) {
      const b = keys[w]!
      if (!free(b) || first.get(b) !== i || taken.has(b)) continue
      const from = keys.findIndex((a, p) =>
        !out.has(p) && free(a) && last.get(a) === i && !given.has(a) && alike(a, b) &&
        keys.indexOf(a) === keys.lastIndexOf(a) && readsOnlyItself(kernel, p, w)
      )
      if (from < 0) continue
      taken.set(b, keys[from]!)
      given.add(keys[from]!)
    }
  })
  return taken
}
