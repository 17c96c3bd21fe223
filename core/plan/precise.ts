/**
 * What is never kept in halves, whatever the policy says: logs of sums, which weights are computed again from, as an error
 * of a log is one of a factor; what loops carry and ranks sum, as sums of many small parts would stop growing.
 * @module
 */
import { type Node, topological } from "../graph/node.ts"
import { core } from "./attempt.ts"
import type { Move } from "./item.ts"

/** Is it a log, or a log and something more; or one that an attention gives, or that a loop stacks? */
const isLog = (n: Node): boolean => {
  const { op, args } = n
  const bare = (x: Node): boolean => x.op.tag === "unary" && x.op.fn === "log"
  if (op.tag !== "pick") return bare(n) || (op.tag === "binary" && op.fn === "add" && args.map(core).some(bare))
  const made = args[0]!.op
  if (made.tag === "attend") return op.index === 1 && made.part === "forward"
  const out = made.tag === "scan" ? made.body.out[op.index - made.body.carry.length] : undefined
  return out !== undefined && isLog(out)
}

/** Does a loop carry it? Its buffer is that of the last value's pick, or of the body's own input. */
const isCarry = (n: Node): boolean => {
  const loop = n.args[0]?.op
  return n.op.tag === "input" || (n.op.tag === "pick" && loop?.tag === "scan" && n.op.index < loop.body.carry.length)
}

/** Do ranks sum? */
const isSum = ({ op }: Node): boolean =>
  op.tag === "exchange" && (op.collective.kind === "allReduce" || op.collective.kind === "reduceScatter")

/** The nodes whose buffers the moves bind, those inside of loops too. */
const nodesOf = (moves: ReadonlyArray<Move>): ReadonlyArray<Node> =>
  moves.flatMap((m) => m.tag === "kernel" ? m.lowered.buffers : m.tag === "repeat" ? nodesOf(m.moves) : [m.node])

/**
 * The nodes of the moves that are stored as they are; `isWhole` says of which that is known already. The two ends of a
 * collective are stored alike: if one of them is whole, so is the other.
 */
export const preciseOf = (moves: ReadonlyArray<Move>, isWhole: (n: Node) => boolean): ReadonlySet<Node> => {
  const nodes = topological(nodesOf(moves))
  const rows = nodes.flatMap((n) =>
    n.op.tag === "attend" && n.op.part !== "forward" ? n.args.slice(-3, -1).map(core) : []
  )
  const all = new Set([...rows, ...nodes.filter((n) => isLog(n) || isCarry(n))])
  const exchanges = moves.flatMap((m) => m.tag === "start" ? [[m.from, m.node] as const] : [])
  for (let before = -1; before < all.size;) {
    before = all.size
    for (const ends of exchanges) {
      if (isSum(ends[1]) || ends.some((n) => all.has(n) || isWhole(n))) { for (const n of ends) all.add(n) }
    }
  }
  return all
}
