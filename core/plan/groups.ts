/**
 * From stored nodes to kernels: each is lowered, what lowering asks for gets a buffer too, and kernels over the same
 * loops that read the same things are made one (an optimiser's three results, a norm and its reciprocal, a product and
 * its activation).
 * @module
 */
import { either as E } from "fp-ts"
import { count, type Node, topological } from "../graph/node.ts"
import { choose, costs, standsAlone } from "./fuse.ts"
import { core, type Surroundings } from "./attempt.ts"
import { lowerAttend } from "./lower-attend.ts"
import { lowerAlone, type Lowered, lowerNodes } from "./lower.ts"
import { placeIn, storedBelow, takenBy } from "./view.ts"

/** A kernel that stores `stored`. */
export interface Group extends Lowered {
  readonly roots: ReadonlyArray<Node>
  readonly produce: ReadonlyArray<Node>
  /** Stored nodes that must be there before. */
  readonly needs: ReadonlySet<Node>
  /** All nodes that were to be stored and are computed here; those that nothing else reads need no buffer any more. */
  readonly members: ReadonlySet<Node>
  /** Places in the graph's order of the first and last of them. */
  readonly first: number
  readonly last: number
}

/** What a union of groups must know. */
interface Scene {
  readonly around: Surroundings
  readonly stored: ReadonlySet<Node>
  readonly maker: ReadonlyMap<Node, Group>
  /** Groups that were several. */
  readonly unions: ReadonlySet<Group>
  /** The results of loops that lie in another order. */
  readonly moved: ReadonlyMap<Node, Node>
  /** Which stored nodes read each stored node. */
  readonly readers: ReadonlyMap<Node, ReadonlySet<Node>>
  /** Must this node have its buffer although only these read it? */
  readonly kept: (n: Node, members: ReadonlySet<Node>) => boolean
}

/** What a group must come after though it does not read it. */
const afterOf = (g: Lowered, stored: ReadonlySet<Node>): ReadonlySet<Node> =>
  storedBelow([...g.inside].flatMap((n) => n.op.tag === "barrier" ? n.args.slice(1) : []), stored)

/** The stored nodes that a group reads or must come after. */
const needsOf = (g: Lowered, stored: ReadonlySet<Node>): ReadonlySet<Node> => {
  const found = new Set<Node>([...g.buffers, ...afterOf(g, stored)])
  for (const n of g.stored) found.delete(n)
  return found
}

/** Do they wait for the same? One kernel for two that do not would make one of them wait for what it does not need. */
const waitAlike = (a: Group, b: Group, stored: ReadonlySet<Node>): boolean => {
  const [x, y] = [afterOf(a, stored), afterOf(b, stored)]
  return x.size === y.size && [...x].every((n) => y.has(n))
}

const lowerOne = (
  around: Surroundings,
  n: Node,
  picks: ReadonlyArray<Node>,
): E.Either<ReadonlyArray<Node>, Lowered> =>
  isAttended(n)
    ? lowerAttend(around, n.args[0]!, picks)
    : standsAlone(n)
    ? lowerAlone(around, n)
    : lowerNodes(around, [n], [])

/** Parts of a kernel that binds too many buffers which, given buffers of their own, leave no part with too many. */
const relief = (n: Node, l: Lowered, around: Surroundings): ReadonlyArray<Node> => {
  const most = around.maxBindings - 1
  const chosen: Array<Node> = []
  const leaves = new Map<Node, ReadonlySet<Node>>()
  const leavesOf = (a: Node): ReadonlySet<Node> => leaves.get(a) ?? new Set(around.site(a) ? [a] : [])
  for (const m of topological([n]).filter((m) => l.inside.has(m))) {
    const parts = [...new Set(m.args.map(core))].filter((a) => leavesOf(a).size > 1)
      .sort((a, b) => leavesOf(b).size - leavesOf(a).size)
    const union = (): ReadonlySet<Node> => new Set(m.args.flatMap((a) => [...leavesOf(a)]))
    for (const a of parts) {
      if (union().size <= most) break
      chosen.push(a)
      leaves.set(a, new Set([a]))
      for (const b of m.args) if (core(b) === a) leaves.set(b, new Set([a]))
    }
    leaves.set(m, union())
  }
  return chosen
}

/** Steps of their own make these. */
const isLoop = (n: Node): boolean =>
  n.op.tag === "scan" || n.op.tag === "attend" || n.op.tag === "write" || n.op.tag === "exchange" ||
  (n.op.tag === "pick" && n.args[0]!.op.tag === "scan")

/** The picks of an attention are made by one kernel. */
const isAttended = (n: Node): boolean => n.op.tag === "pick" && n.args[0]!.op.tag === "attend"

/** The stored results of the attention that the node is one of; the node itself where it is of none. */
const picksBeside = (n: Node, stored: ReadonlyArray<Node>): ReadonlyArray<Node> =>
  isAttended(n) ? stored.filter((m) => isAttended(m) && m.args[0] === n.args[0] && count(m.shape) > 0) : [n]

/** Lowers every stored node alone; `wanted` grows until all can be. */
const lowerEach = (
  order: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
  around: (stored: ReadonlySet<Node>) => Surroundings,
): { readonly stored: ReadonlyArray<Node>; readonly lowered: ReadonlyMap<Node, Lowered> } => {
  const known = new Map<Node, Lowered>()
  const cost = costs(order)
  const needed = new Set(wanted)
  for (;;) {
    const stored = choose(order, needed, cost)
    const set = new Set(stored)
    const env = around(set)
    const before = needed.size
    for (const n of stored) {
      const old = known.get(n)
      if (isLoop(n) || count(n.shape) === 0) continue
      const picks = picksBeside(n, stored)
      if (picks[0] !== n) continue
      const same = old !== undefined && old.stored.length >= picks.length
      if (same && ![...old.inside].some((m) => m !== n && set.has(m))) continue
      const made = lowerOne(env, n, picks)
      if (E.isLeft(made)) { for (const m of made.left) needed.add(m) }
      else {
        known.set(n, made.right)
        if (bindings(made.right, env) > env.maxBindings) { for (const m of relief(n, made.right, env)) needed.add(m) }
      }
    }
    if (needed.size > before) continue
    const left = stored.find((n) => !isLoop(n) && !isAttended(n) && count(n.shape) > 0 && !known.has(n))
    if (left !== undefined) throw new Error(`no kernel computes ${left.op.tag} [${left.axes.join(" ")}]`)
    return { stored, lowered: known }
  }
}

const sameShape = (a: Node, b: Node): boolean =>
  a.shape.length === b.shape.length && a.shape.every((s, d) => s === b.shape[d])

/** What the steps need that make a node which no group makes: those of loops, updates and collectives. */
const apart = (n: Node, stored: ReadonlySet<Node>): ReadonlyArray<Node> => {
  const { reads, after } = takenBy(n)
  return [...reads, ...storedBelow(after, stored)]
}

/** What a loop stacks that is read through one change of order alone, and that: it is stored in that order. */
const homesOf = (
  order: ReadonlyArray<Node>,
  stored: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
): ReadonlyMap<Node, Node> => {
  const users = new Map<Node, number>()
  for (const n of order) for (const a of n.args) users.set(a, (users.get(a) ?? 0) + 1)
  const known = new Set(stored)
  const own = (n: Node): boolean => users.get(n) === 1 && !wanted.has(n)
  const below = (n: Node): Node | undefined => {
    const x = n.args[0]
    if ((n.op.tag !== "align" && n.op.tag !== "reshape") || x === undefined || !own(x)) return undefined
    const loop = x.args[0]?.op
    const stacked = x.op.tag === "pick" && loop?.tag === "scan" && x.op.index >= loop.body.carry.length
    return stacked ? x : known.has(x) ? undefined : below(x)
  }
  return new Map(stored.flatMap((n) => {
    const pick = below(n)
    return pick !== undefined && placeIn(n, pick) !== undefined ? [[pick, n] as const] : []
  }))
}

/**
 * What lies before this place in the graph cannot need what lies at or behind `at`: there, or before all the unions that
 * reach over it, whose early parts need what their late ones do.
 */
const horizon = (at: number, unions: Iterable<Group>): number => {
  let place = at
  for (const g of unions) if (g.first < place && g.last >= place) place = g.first
  return place === at ? at : horizon(place, unions)
}

/** Would one kernel for both have to run before itself? */
const wouldCycle = (a: Group, b: Group, { maker, stored, unions, moved }: Scene): boolean => {
  const own = new Set([a, b])
  const earliest = horizon(Math.min(a.first, b.first), unions)
  const seen = new Set<Group | Node>()
  const stack = [...a.needs, ...b.needs].filter((n) => !own.has(maker.get(n)!))
  while (stack.length > 0) {
    const n = stack.pop()!
    const g = maker.get(n)
    if (g !== undefined && own.has(g)) return true
    if (seen.has(g ?? n) || (g !== undefined && g.last < earliest)) continue
    seen.add(g ?? n)
    if (g === undefined) stack.push(...apart(moved.get(n) ?? n, stored))
    else for (const m of g.needs) if (maker.get(m) !== g) stack.push(m)
  }
  return false
}

const bytesOf = (ns: ReadonlyArray<Node>): number => ns.reduce((s, n) => s + count(n.shape), 0)

/** Buffers that a kernel binds: an output and the input that it replaces are one. */
const bindings = (l: Lowered, around: Surroundings): number => new Set(l.buffers.map(around.owner)).size

/** One kernel for two, if it can be and reads or writes less. */
const unite = (a: Group, b: Group, scene: Scene): Group | undefined => {
  const { around, stored, kept } = scene
  if (!waitAlike(a, b, stored) || wouldCycle(a, b, scene)) return undefined
  const [large, small] = count(a.roots[0]!.shape) >= count(b.roots[0]!.shape) ? [a, b] : [b, a]
  const equal = sameShape(large.roots[0]!, small.roots[0]!)
  if (!equal && (small.produce.length > 0 || small.roots.some((r) => !rowOf(large.roots[0]!, r)))) return undefined
  const members = new Set([...a.members, ...b.members])
  const needed = (ns: ReadonlyArray<Node>): ReadonlyArray<Node> => ns.filter((n) => kept(n, members))
  const roots = needed(equal ? [...a.roots, ...b.roots] : large.roots)
  const produce = needed(equal ? [...a.produce, ...b.produce] : [...large.produce, ...small.roots])
  if (roots.length === 0) return undefined
  const made = lowerNodes(around, roots, produce, members)
  if (E.isLeft(made) || bindings(made.right, around) > around.maxBindings) return undefined
  const l = made.right
  if (a.kernel.tag !== l.kernel.tag && b.kernel.tag !== l.kernel.tag) return undefined
  if (a.kernel.tag === "contract" && b.kernel.tag === "contract") return undefined
  if (small.roots.concat(large.roots).some((r) => isHeavy(r) && !l.inside.has(r))) return undefined
  const [first, last] = [Math.min(a.first, b.first), Math.max(a.last, b.last)]
  return { ...l, roots, produce, members, first, last, needs: needsOf(l, stored) }
}

const isHeavy = (n: Node): boolean => n.op.tag === "dot" || n.op.tag === "reduce"

/** Could `r` be one value a row of `n`? Its sizes lead those of `n`. */
const rowOf = (n: Node, r: Node): boolean =>
  r.shape.length < n.shape.length && r.shape.every((s, d) => s === n.shape[d]) && count(r.shape) > 1

/** Groups worth a try beside `g`: makers of what it reads first, then readers of the same large buffers. */
const partners = (g: Group, { maker, readers }: Scene): ReadonlyArray<Group> => {
  const makers = g.buffers.map((n) => maker.get(n)).filter((m): m is Group => m !== undefined && m !== g)
  const reads = new Set(g.buffers)
  const beside = g.buffers.flatMap((n) => [...readers.get(n) ?? []].flatMap((r) => maker.get(r) ?? []))
  const siblings = [...new Set(beside)]
    .filter((o) => o !== g && !makers.includes(o))
    .map((o) => [o, bytesOf(o.buffers.filter((n) => reads.has(n)))] as const)
    .filter(([o, shared]) => shared * 2 >= count(o.roots[0]!.shape))
    .sort((x, y) => y[1] - x[1])
    .slice(0, 4)
    .map(([o]) => o)
  return [...new Set([...makers, ...siblings])]
}

const mergeable = (g: Group): boolean => g.roots.length > 0 && (g.kernel.tag === "loop" || g.kernel.tag === "contract")

/** Which stored nodes read each stored node. */
const readersOf = (
  lowered: ReadonlyMap<Node, Lowered>,
  stored: ReadonlySet<Node>,
): ReadonlyMap<Node, ReadonlySet<Node>> => {
  const readers = new Map<Node, Set<Node>>()
  for (const [n, l] of lowered) {
    for (const m of needsOf(l, stored)) readers.set(m, (readers.get(m) ?? new Set()).add(n))
  }
  return readers
}

/** The kernels of a graph, in no particular order; and in which order results of loops are stored, where not their own. */
export interface Grouped {
  readonly groups: ReadonlyArray<Group>
  readonly homes: ReadonlyMap<Node, Node>
}

/** Makes the kernels of a graph. */
export const groupsOf = (
  order: ReadonlyArray<Node>,
  wanted: ReadonlySet<Node>,
  around: (stored: ReadonlySet<Node>) => Surroundings,
): Grouped => {
  const each = lowerEach(order, wanted, around)
  const list = each.stored
  const homes = homesOf(order, list, wanted)
  const moved = new Map([...homes].map(([pick, n]) => [n, pick] as const))
  const lowered = new Map([...each.lowered].filter(([n]) => !moved.has(n)))
  const stored = new Set(list)
  const fixed = new Set([...wanted, ...order.flatMap((n) => apart(n, stored))])
  const readers = readersOf(lowered, stored)
  const maker = new Map<Node, Group>()
  const groups = new Set<Group>()
  const unions = new Set<Group>()
  const scene: Scene = {
    around: around(stored),
    stored,
    maker,
    unions,
    moved,
    readers,
    kept: (n, members) => fixed.has(n) || [...readers.get(n) ?? []].some((r) => !members.has(r)),
  }
  for (const [at, n] of list.entries()) {
    const l = lowered.get(n)
    if (l === undefined) continue
    const members = new Set([n])
    let g: Group = { ...l, roots: [n], produce: [], members, first: at, last: at, needs: needsOf(l, stored) }
    groups.add(g)
    for (const m of l.stored) maker.set(m, g)
    if (!mergeable(g)) continue
    for (const o of partners(g, scene)) {
      if (!mergeable(o) || !groups.has(o)) continue
      const both = unite(o, g, scene)
      if (both === undefined) continue
      for (const old of [o, g]) {
        groups.delete(old)
        unions.delete(old)
      }
      groups.add(both)
      unions.add(both)
      for (const m of both.members) maker.set(m, both)
      g = both
    }
  }
  return { groups: [...groups], homes }
}
