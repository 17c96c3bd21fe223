/**
 * Between which steps collectives run. Done one after another where the schedule has them they would be right, and all
 * waiting; here each is started as early and finished as late as what it reads, fills and waits for allows.
 * @module
 */
import type { Node } from "../graph/node.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Move } from "./item.ts"
import { storedBy, touched } from "./lives.ts"
import type { Exchange, Step } from "./program.ts"

/** After which step of the top level each node that a kernel makes is there. */
const madeAt = (moves: ReadonlyArray<Move>): ReadonlyMap<Node, number> => {
  const made = new Map<Node, number>()
  const storing = (m: Move): ReadonlyArray<Node> =>
    m.tag === "kernel" ? m.lowered.stored : m.tag === "repeat" ? m.moves.flatMap(storing) : []
  let at = 0
  for (const m of moves) {
    if (m.tag === "start" || m.tag === "finish") continue
    at++
    for (const n of storing(m)) made.set(n, at)
  }
  return made
}

/** A collective while it is being placed. */
interface Placing extends Exchange {
  readonly node: Node
  readonly needs: ReadonlySet<Node>
}

/** Must `a`, which the schedule has before `b`, have ended when `b` begins? */
const precedes = (a: Placing, b: Placing): boolean =>
  a.to === b.from || a.from === b.to || a.to === b.to || b.needs.has(a.node)

/**
 * The collectives of the moves, in the order in which they are started. `numberOf` gives a node's buffer. The later end of
 * one goes before the earlier start of the next that waits for it: so a block that goes around a ring is on its way while
 * the one before it is worked on, and two buffers will do.
 */
export const exchangesOf = (
  moves: ReadonlyArray<Move>,
  steps: ReadonlyArray<Step>,
  numberOf: (n: Node) => number,
  kernels: ReadonlyArray<Kernel>,
): ReadonlyArray<Exchange> => {
  const uses = steps.map((s) => new Set(touched([s])))
  const writes = steps.map((s) => new Set(storedBy([s], kernels)))
  const made = madeAt(moves)
  const found: Array<Placing> = []
  let at = 0
  for (const m of moves) {
    if (m.tag === "start" && m.node.op.tag === "exchange") {
      const [from, to] = [numberOf(m.from), numberOf(m.node)]
      const meets = (step: number): boolean => uses[step]!.has(to) || writes[step]!.has(from)
      let [start, finish] = [at, at]
      const earliest = Math.max(0, ...[...m.needs].map((n) => made.get(n) ?? 0))
      while (start > earliest && !meets(start - 1)) start--
      while (finish < steps.length && !meets(finish)) finish++
      const e: Placing = { node: m.node, needs: m.needs, collective: m.node.op.collective, from, to, start, finish }
      const before = found.flatMap((f, i) => precedes(f, e) ? [i] : [])
      const free = Math.max(start, ...before.map((i) => Math.min(found[i]!.finish, at)))
      for (const i of before) found[i] = { ...found[i]!, finish: Math.min(found[i]!.finish, free) }
      found.push({ ...e, start: free })
    }
    at += m.tag === "start" || m.tag === "finish" ? 0 : 1
  }
  return found.sort((a, b) => a.start - b.start).map(({ node: _, needs: __, ...e }) => e)
}
