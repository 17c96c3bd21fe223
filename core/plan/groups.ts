/**
 * From stored nodes to kernels: each is lowered, what lowering asks for gets a buffer too, and kernels over the same
 * loops that read the same things are made one (an optimiser's three results, a norm and its reciprocal, a product and
 * its activation).
 * @module
 */
import { either as E } from "fp-ts"
import { count, type Node } from "../graph/node.ts"
import { choose, standsAlone } from "./fuse.ts"
import type { Surroundings } from "./attempt.ts"
import { lowerAlone, type Lowered, lowerNodes } from "./lower.ts"

/** A kernel that stores `stored`. */
export interface Group extends Lowered {
  readonly roots: ReadonlyArray<Node>
  readonly produce: ReadonlyArray<Node>
  /** Stored nodes that must be there before. */
  readonly needs: ReadonlySet<Node>
}

/** The stored nodes that a group reads or must come after. */
const needsOf = (g: Lowered, stored: ReadonlySet<Node>): ReadonlySet<Node> => {
  const found = new Set<Node>(g.buffers)
  const stack = [...g.inside].flatMap((n) => n.op.tag === "barrier" ? n.args.slice(1) : [])
  const seen = new Set<Node>()
  while (stack.length > 0) {
    const n = stack.pop()!
    if (seen.has(n)) continue
    seen.add(n)
    if (stored.has(n)) found.add(n)
    else stack.push(...n.args)
  }
  for (const n of g.stored) found.delete(n)
  return found
}

const lowerOne = (around: Surroundings, n: Node): E.Either<ReadonlyArray<Node>, Lowered> =>
  standsAlone(n) ? lowerAlone(around, n) : lowerNodes(around, [n], [])

/** Of a kernel that binds too many buffers: the largest part that binds fewer and is worth one of its own. */
const relief = (n: Node, l: Lowered, around: Surroundings): Node | undefined => {
  const leaves = new Map<Node, ReadonlySet<Node>>()
  const leavesOf = (m: Node): ReadonlySet<Node> => {
    const known = leaves.get(m)
    if (known) return known
    const all = new Set<Node>(m !== n && around.site(m) ? [m] : m.args.flatMap((a) => [...leavesOf(a)]))
    leaves.set(m, all)
    return all
  }
  return [...l.inside]
    .filter((m) => m !== n && !around.site(m) && m.op.tag !== "reduce" && leavesOf(m).size > 1)
    .filter((m) => leavesOf(m).size < around.maxBindings)
    .sort((a, b) => leavesOf(b).size - leavesOf(a).size || count(a.shape) - count(b.shape))[0]
}

/** Lowers every stored node alone; `wanted` grows until all can be. */
const lowerEach = (
  order: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
  around: (stored: ReadonlySet<Node>) => Surroundings,
): { readonly stored: ReadonlyArray<Node>; readonly lowered: ReadonlyMap<Node, Lowered> } => {
  const known = new Map<Node, Lowered>()
  const needed = new Set(wanted)
  for (;;) {
    const stored = choose(order, needed)
    const set = new Set(stored)
    const env = around(set)
    const before = needed.size
    for (const n of stored) {
      const old = known.get(n)
      if (n.op.tag === "pick" || count(n.shape) === 0) continue
      if (old && ![...old.inside].some((m) => m !== n && set.has(m))) continue
      const made = lowerOne(env, n)
      if (E.isLeft(made)) { for (const m of made.left) needed.add(m) }
      else {
        known.set(n, made.right)
        const extra = made.right.buffers.length > env.maxBindings ? relief(n, made.right, env) : undefined
        if (extra) needed.add(extra)
      }
    }
    if (needed.size === before) return { stored, lowered: known }
  }
}

const sameShape = (a: Node, b: Node): boolean =>
  a.shape.length === b.shape.length && a.shape.every((s, d) => s === b.shape[d])

/** Would one kernel for both have to run before itself? */
const wouldCycle = (a: Group, b: Group, maker: ReadonlyMap<Node, Group>): boolean => {
  const own = new Set([a, b])
  const seen = new Set<Group>()
  const stack = [a, b].flatMap((g) => [...g.needs].flatMap((n) => maker.get(n) ?? [])).filter((m) => !own.has(m))
  while (stack.length > 0) {
    const g = stack.pop()!
    if (seen.has(g)) continue
    seen.add(g)
    for (const n of g.needs) {
      const m = maker.get(n)
      if (m === undefined || m === g) continue
      if (own.has(m)) return true
      stack.push(m)
    }
  }
  return false
}

const bytesOf = (ns: ReadonlyArray<Node>): number => ns.reduce((s, n) => s + count(n.shape), 0)

/** One kernel for two, if it can be and reads or writes less. */
const unite = (
  a: Group,
  b: Group,
  around: Surroundings,
  maker: ReadonlyMap<Node, Group>,
  stored: ReadonlySet<Node>,
): Group | undefined => {
  if (wouldCycle(a, b, maker)) return undefined
  const [large, small] = count(a.roots[0]!.shape) >= count(b.roots[0]!.shape) ? [a, b] : [b, a]
  const equal = sameShape(large.roots[0]!, small.roots[0]!)
  if (!equal && (small.produce.length > 0 || small.roots.some((r) => !rowOf(large.roots[0]!, r)))) return undefined
  const all = [...a.roots, ...b.roots]
  const roots = equal ? all : large.roots
  const produce = equal ? [...a.produce, ...b.produce] : [...large.produce, ...small.roots]
  const made = lowerNodes(around, roots, produce)
  if (E.isLeft(made) || made.right.buffers.length > around.maxBindings) return undefined
  const l = made.right
  if (a.kernel.tag !== l.kernel.tag && b.kernel.tag !== l.kernel.tag) return undefined
  if (a.kernel.tag === "contract" && b.kernel.tag === "contract") return undefined
  return { ...l, roots, produce, needs: needsOf(l, stored) }
}

/** Could `r` be one value a row of `n`? Its sizes lead those of `n`. */
const rowOf = (n: Node, r: Node): boolean =>
  r.shape.length < n.shape.length && r.shape.every((s, d) => s === n.shape[d]) && count(r.shape) > 1

/** Groups worth a try beside `g`: makers of what it reads first, then readers of the same large buffers. */
const partners = (g: Group, groups: ReadonlyArray<Group>, maker: ReadonlyMap<Node, Group>): ReadonlyArray<Group> => {
  const makers = g.buffers.map((n) => maker.get(n)).filter((m): m is Group => m !== undefined && m !== g)
  const reads = new Set(g.buffers)
  const siblings = groups
    .filter((o) => o !== g && !makers.includes(o) && o.buffers.some((n) => reads.has(n)))
    .map((o) => [o, bytesOf(o.buffers.filter((n) => reads.has(n)))] as const)
    .filter(([o, shared]) => shared * 2 >= count(o.roots[0]!.shape))
    .sort((x, y) => y[1] - x[1])
    .slice(0, 4)
    .map(([o]) => o)
  return [...new Set([...makers, ...siblings])]
}

const mergeable = (g: Group): boolean => g.roots.length > 0 && (g.kernel.tag === "loop" || g.kernel.tag === "contract")

/** The kernels of a graph, in no particular order. */
export const groupsOf = (
  order: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
  around: (stored: ReadonlySet<Node>) => Surroundings,
): { readonly groups: ReadonlyArray<Group>; readonly stored: ReadonlyArray<Node> } => {
  const { stored, lowered } = lowerEach(order, wanted, around)
  const set = new Set(stored)
  const env = around(set)
  const maker = new Map<Node, Group>()
  const groups: Array<Group> = []
  for (const n of stored) {
    const l = lowered.get(n)
    if (l === undefined) continue
    let g: Group = { ...l, roots: [n], produce: [], needs: needsOf(l, set) }
    groups.push(g)
    maker.set(n, g)
    if (!mergeable(g)) continue
    for (const o of partners(g, groups, maker)) {
      if (!mergeable(o) || !groups.includes(o)) continue
      const both = unite(o, g, env, maker, set)
      if (both === undefined) continue
      groups.splice(groups.indexOf(o), 1)
      groups.splice(groups.indexOf(g), 1)
      groups.push(both)
      for (const m of both.stored) maker.set(m, both)
      g = both
    }
  }
  return { groups, stored }
}
