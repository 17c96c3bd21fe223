/**
 * Which nodes get a buffer. Walking from the outputs to the inputs, a node is computed inside the one kernel that uses
 * it; a node that several kernels use is repeated in each if it is cheap, else it gets a buffer. Products, scatters,
 * running folds, sorts, searches and loops always have one when something other than their own epilogue reads them.
 * @module
 */
import { count, type Node } from "../graph/node.ts"
import type { DType } from "../tensor/dtype.ts"
import { core, isMovement, operand } from "./attempt.ts"
import { isSaid, takenBy } from "./view.ts"

/** Work of an element in units of an addition; what is not listed costs 1. */
const prices: { readonly [fn: string]: number } = {
  exp: 10,
  log: 10,
  sin: 16,
  cos: 16,
  tanh: 14,
  erf: 14,
  sigmoid: 12,
  pow: 24,
  sqrt: 4,
  rsqrt: 4,
  div: 3,
  recip: 3,
  rem: 8,
}

/** What it costs to compute an element again: additions, and loads from different buffers. */
export interface Cost {
  readonly work: number
  readonly leaves: ReadonlySet<Node>
}

const anchors = new Set<Node["op"]["tag"]>([
  ...[
    "dot",
    "reduce",
    "scatter",
    "cumulate",
    "argsort",
    "nearest",
    "scan",
    "attend",
    "write",
    "exchange",
    "pick",
  ] as const,
  ...["input", "data"] as const,
])

const leaf = (n: Node): Cost => ({ work: 0, leaves: new Set([n]) })

const joinCosts = (own: number, parts: ReadonlyArray<Cost>): Cost => {
  const leaves = new Set<Node>()
  for (const p of parts) for (const l of p.leaves) if (leaves.size < 8) leaves.add(l)
  return { work: parts.reduce((sum, p) => sum + p.work, own), leaves }
}

const costOf = (n: Node, known: ReadonlyMap<Node, Cost>): Cost => {
  // what stands in a barrier has a buffer
  if (anchors.has(n.op.tag) || n.op.tag === "barrier") return leaf(n)
  const own = n.op.tag === "unary" || n.op.tag === "binary" ? prices[n.op.fn] ?? 1 : isMovement(n) ? 0 : 1
  return joinCosts(own, n.args.map((a) => known.get(a)!))
}

const isCheap = (c: Cost): boolean => c.leaves.size === 0 ? c.work <= 24 : c.leaves.size <= 1 && c.work <= 2

/** Nodes whose kernels stand alone. */
export const standsAlone = (n: Node): boolean =>
  n.op.tag === "scatter" || n.op.tag === "cumulate" || n.op.tag === "argsort" || n.op.tag === "nearest"

const isSource = (n: Node): boolean => n.op.tag === "input" || n.op.tag === "data"

/** Is the node a movement of something, or a constant or a source, that needs no decision of its own? */
const isTransparent = (n: Node): boolean => isMovement(n) || n.op.tag === "constant" || isSource(n)

/** Is it the only use of a product, and the same elements in another order? Then the product is best stored in that. */
const turnsOne = (n: Node, users: ReadonlyMap<Node, number>, stored: ReadonlySet<Node>): boolean => {
  const x = n.args[0]
  if (x === undefined || n.op.tag !== "align" && n.op.tag !== "reshape" || count(n.shape) !== count(x.shape)) {
    return false
  }
  return users.get(x) === 1 && !stored.has(x) && (x.op.tag === "dot" || turnsOne(x, users, stored))
}

/** Is there anything to store? */
const isMade = (n: Node): boolean => !isSaid(n)

const narrow: ReadonlySet<DType> = new Set(["u8", "f16", "bf16"])

const scaling: ReadonlySet<string> = new Set(["add", "sub", "mul"])

/** Nodes that are computed where they are read, and what they are computed from. */
interface Widening {
  readonly inside: ReadonlyArray<Node>
  readonly sources: ReadonlyArray<Node>
}

/** Elements of what a movement spreads, at the narrowest. */
const fewest = (n: Node): number => isMovement(n) ? Math.min(count(n.shape), fewest(n.args[0]!)) : count(n.shape)

/**
 * A cast of something narrow, which may be moved and scaled by something that is the same for many elements; or other
 * bits of the same. It is cheaper to widen where it is read than to store it wide. Undefined where it is no such thing.
 */
const widening = (n: Node): Widening | undefined => {
  if (n.op.tag === "bitcast" || n.op.tag === "cast" && narrow.has(n.args[0]!.dtype)) {
    return { inside: [n], sources: [core(n.args[0]!)] }
  }
  if (n.op.tag !== "binary" || !scaling.has(n.op.fn)) return undefined
  const known = n.args.map((a) => widening(core(a)))
  const both = n.args.map((a, i) =>
    known[i] ??
      (core(a).op.tag === "constant" || fewest(a) * 4 <= count(n.shape)
        ? { inside: [], sources: [core(a)] }
        : undefined)
  )
  if (!known.some((w) => w) || !both.every((w) => w !== undefined)) return undefined
  return { inside: [n, ...both.flatMap((w) => w.inside)], sources: both.flatMap((w) => w.sources) }
}

/** What an attention reads. */
const readBy = (attend: Node): ReadonlyArray<Widening> =>
  attend.args.map(core).map((a) => widening(a) ?? { inside: [], sources: [a] })

/** Nodes that need a buffer whatever reads them. */
const forcedBy = (n: Node): ReadonlyArray<Node> => {
  const op = n.op
  if (op.tag === "nearest") return [n, ...n.args.map(core).filter(isMade)]
  if (standsAlone(n) || op.tag === "pick") return [n]
  if (op.tag === "write" || op.tag === "exchange") return [n, ...takenBy(n).reads]
  if (op.tag === "attend") return readBy(n).flatMap((w) => w.sources).filter(isMade)
  if (op.tag === "dot") return n.args.map((a) => operand(a)).filter((a) => a.op.tag !== "constant")
  if (op.tag === "barrier") return [core(n.args[0]!)].filter(isMade)
  if (op.tag === "scan") return takenBy(n).reads
  return []
}

/** What every node of a graph costs to compute again. */
export const costs = (order: ReadonlyArray<Node>): ReadonlyMap<Node, Cost> => {
  const cost = new Map<Node, Cost>()
  for (const n of order) cost.set(n, costOf(n, cost))
  return cost
}

/**
 * The nodes to be stored, in the order of the graph. `wanted` are those that must be; `order` is the graph, arguments
 * first.
 */
export const choose = (
  order: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
  cost: ReadonlyMap<Node, Cost>,
): ReadonlyArray<Node> => {
  const stored = new Set(wanted)
  for (const n of order) {
    for (const f of forcedBy(n)) stored.add(f)
    // a scatter computes its updates where it meets them: what is dear to compute is better computed in rows before
    if (n.op.tag === "scatter" && !isCheap(cost.get(n.args[0]!)!)) stored.add(core(n.args[0]!))
  }
  const owners = new Map<Node, Set<Node>>()
  const users = new Map<Node, number>()
  for (const n of order) for (const a of n.args) users.set(a, (users.get(a) ?? 0) + 1)
  const dots = new Map<Node, Array<Node>>()
  const folds = new Set<Node>()
  const read = new Set(order.flatMap((n) => n.op.tag === "attend" ? readBy(n).flatMap((w) => w.inside) : []))
  for (const n of [...order].reverse()) {
    // the picks of an attention are made by one kernel
    const own = n.op.tag === "pick" && n.args[0]!.op.tag === "attend" ? n.args[0]! : n
    const mine = stored.has(n) ? new Set([own]) : owners.get(n) ?? new Set<Node>()
    if (mine.size > 1 && isTransparent(n) && turnsOne(n, users, stored)) stored.add(n)
    const shared = stored.has(n)
      ? mine.size > 1
      : mine.size > 1 && !isTransparent(n) && !isCheap(cost.get(n)!) && !read.has(n) ||
        mine.size > 1 && anchors.has(n.op.tag)
    const all = shared && !isSource(n) ? new Set([n]) : mine
    if (shared && !isSource(n)) stored.add(n)
    for (const o of all) {
      if (n.op.tag === "dot") dots.set(o, [...(dots.get(o) ?? []), n])
      if (n.op.tag === "reduce") folds.add(o)
    }
    for (const a of n.args) {
      const of = owners.get(a) ?? new Set<Node>()
      for (const o of all) of.add(o)
      owners.set(a, of)
    }
  }
  // a kernel has one contraction, and none beside folds: the largest stays, the others get buffers
  for (const [owner, inside] of dots) {
    const ranked = [...inside].sort((a, b) => work(b) - work(a))
    const keep = folds.has(owner) ? undefined : ranked[0]
    for (const d of inside) if (d !== keep && d !== owner) stored.add(d)
    if (keep !== undefined && inside.includes(owner) && keep !== owner) stored.add(keep)
  }
  return order.filter((n) => stored.has(n) && !isSource(n))
}

/** Multiplications of a product. */
const work = (n: Node): number =>
  n.op.tag === "dot" ? n.op.on.reduce((p, a) => p * n.args[0]!.shape[n.args[0]!.axes.indexOf(a)]!, count(n.shape)) : 0
