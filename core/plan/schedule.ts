/**
 * The order of the kernels of one graph. Loops (scan) become a nested schedule: copies into the carries, then the body
 * with its slices read and its results written where the turn says.
 * @module
 */
import { either as E } from "fp-ts"
import { addIndex, constantIndex, scaleIndex } from "../kernel/affine.ts"
import type { Index } from "../kernel/kernel.ts"
import { count, type Node, type Op, topological } from "../graph/node.ts"
import { type Group, groupsOf, storedBelow } from "./groups.ts"
import { flatIndex } from "./layout.ts"
import { freeEarly } from "./order.ts"
import { awaited, core, flat, type Site, type Surroundings } from "./attempt.ts"
import { lowerUpdate } from "./lower-attend.ts"
import { type Lowered, lowerNodes } from "./lower.ts"

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
  /** What is left to do where the result takes over the buffer of `of`. */
  /** It takes no time by itself: it runs as soon as that takes no more room. */
  readonly eager?: boolean
  readonly update?: { readonly of: Node; readonly moves: ReadonlyArray<Move> }
}

type ScanOp = Extract<Op, { tag: "scan" }>

/** A node that only copies another, so that a value can lie in two places. */
export const copyOf = (n: Node): Node => ({ ...n, op: { tag: "stop" }, args: [n], faults: [] })

/** Where a node's elements lie if it has a buffer of its own. */
export const ownSite = (n: Node): Site => ({ buffer: n, at: (ix) => flatIndex(n.shape, ix) })

const deeper = (i: Index): Index => ({
  base: i.base,
  terms: i.terms.map(({ coef, atom }) => ({
    coef,
    atom: atom.tag === "turn"
      ? { tag: "turn", depth: atom.depth + 1 }
      : atom.tag === "div" || atom.tag === "mod"
      ? { ...atom, of: deeper(atom.of) }
      : atom,
  })),
})

const turnIndex: Index = { base: 0, terms: [{ coef: 1, atom: { tag: "turn", depth: 0 } }] }

/** An element of the slice that belongs to the turn; `d` is where the axis of the loop stands. */
const sliceAt = (from: Site, ix: ReadonlyArray<Index>, d: number): Index =>
  addIndex(
    deeper(from.at([...ix.slice(0, d), constantIndex(0), ...ix.slice(d)])),
    scaleIndex(turnIndex, strideOf(from, ix.length + 1, d)),
  )

/** Elements between two neighbours along axis `d`. */
const strideOf = (from: Site, axes: number, d: number): number => {
  const at = (k: number): number => from.at(Array.from({ length: axes }, (_, e) => constantIndex(e === d ? k : 0))).base
  return at(1) - at(0)
}

/** One nest of the program: where what comes from outside lies, and the loops around. */
export interface Level {
  readonly sites: ReadonlyMap<Node, Site>
  /** What is to lie in the buffer of something else. */
  readonly owners: ReadonlyMap<Node, Node>
  readonly turns: ReadonlyArray<number>
  readonly maxBindings: number
}

const surroundings = (level: Level) => (stored: ReadonlySet<Node>): Surroundings => ({
  site: (n) =>
    level.sites.get(n) ?? (stored.has(n) || n.op.tag === "input" || n.op.tag === "data" ? ownSite(n) : undefined),
  owner: (n) => level.owners.get(n) ?? n,
  maxBindings: level.maxBindings,
  turns: level.turns,
})

/** Lowers a copy of a stored node. */
export const lowerCopy = (level: Level, n: Node): Lowered => {
  const made = lowerNodes(surroundings(level)(new Set([n, ...n.args])), [n], [])
  if (E.isLeft(made)) throw new Error("a copy of a stored node can always be lowered")
  return made.right
}

/** The steps of one scan: what it reads are buffers of `level`, what it makes are its picks. */
const scanItem = (level: Level, scan: Node, op: ScanOp, picks: ReadonlyArray<Node>): Item => {
  const { body, length, reverse } = op
  const [carries, eaches] = [body.carry.length, body.each.length]
  const around = surroundings(level)(new Set(scan.args))
  const inits = scan.args.slice(0, carries)
  const sites = new Map<Node, Site>()
  for (const n of body.carry) sites.set(n, ownSite(n))
  const outer = (a: Node): Site => around.site(a) ?? ownSite(a)
  for (const [i, n] of body.each.entries()) {
    const sequence = scan.args[carries + i]!
    const from = outer(sequence)
    const d = sequence.axes.indexOf(op.axis)
    sites.set(n, { buffer: from.buffer, at: (ix) => sliceAt(from, ix, d) })
  }
  for (const [i, n] of body.constants.entries()) {
    const from = outer(scan.args[carries + eaches + i]!)
    sites.set(n, { buffer: from.buffer, at: (ix) => deeper(from.at(ix)) })
  }
  const pickAt = (k: number): Node | undefined => picks.find((p) => p.op.tag === "pick" && p.op.index === k)
  const next = body.next.map(copyOf)
  const back = next.map(copyOf)
  for (const [i, n] of back.entries()) sites.set(n, ownSite(body.carry[i]!))
  const outs = body.out.flatMap((o, k) => {
    const pick = pickAt(carries + k)
    if (!pick) return []
    const n = copyOf(o)
    sites.set(n, { buffer: pick, at: (ix) => flatIndex(o.shape, ix, scaleIndex(turnIndex, count(o.shape))) })
    return [n]
  })
  const inside: Level = { sites, owners: new Map(), turns: [...level.turns, length], maxBindings: level.maxBindings }
  const steps = sortItems(itemsOf([...next, ...outs], inside), () => [])
  const enter = inits.map((init, i) => {
    const n = copyOf(init)
    return lowerCopy({ ...level, sites: new Map([...level.sites, [n, ownSite(body.carry[i]!)]]) }, n)
  })
  const leave = picks.flatMap((p) => {
    if (p.op.tag !== "pick" || p.op.index >= carries) return []
    const n = copyOf(body.carry[p.op.index]!)
    return [lowerCopy({ ...level, sites: new Map([...sites, [n, ownSite(p)]]) }, n)]
  })
  const kernel = (lowered: Lowered): Move => ({ tag: "kernel", lowered })
  return {
    needs: new Set(scan.args.map((a) => outer(a).buffer)),
    makes: picks,
    moves: [
      ...enter.map(kernel),
      {
        tag: "repeat",
        times: length,
        reverse,
        moves: [...steps.flatMap((s) => s.moves), ...back.map((n) => kernel(lowerCopy(inside, n)))],
      },
      ...leave.map(kernel),
    ],
  }
}

/** A copy of what is written to, and the updates put into it. */
const writeItem = (level: Level, n: Node): Item => {
  const around = surroundings(level)(new Set([n, ...n.args.map(core)]))
  const put: Move = { tag: "kernel", lowered: lowerUpdate(around, n) }
  const x = copyOf(n.args[0]!)
  const copied = lowerCopy({ ...level, sites: new Map([...level.sites, [x, ownSite(n)]]) }, x)
  const sources = n.args.map((a) => around.site(core(a))).flatMap((s) => s === undefined ? [] : [s.buffer])
  return {
    needs: new Set(sources),
    makes: [n],
    moves: [{ tag: "kernel", lowered: copied }, put],
    update: { of: n.args[0]!, moves: [put] },
  }
}

/** A collective: started when its argument is there, finished before its result is read. */
const exchangeItem = (level: Level, n: Node, stored: ReadonlySet<Node>): Item => {
  const x = n.args[0]!
  const from = surroundings(level)(new Set([flat(x)])).site(flat(x))!.buffer
  const needs = new Set([from, ...storedBelow(awaited(x), stored)])
  return {
    needs,
    makes: [n],
    moves: [{ tag: "start", node: n, from, needs }, { tag: "finish", node: n }],
    eager: true,
  }
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

/** The items of a graph, in the graph's order. */
export const itemsOf = (outputs: ReadonlyArray<Node>, level: Level): ReadonlyArray<Item> => {
  const order = topological(outputs)
  const picks = new Map<Node, Array<Node>>()
  for (const n of order) {
    if (n.op.tag === "pick") picks.set(n.args[0]!, [...(picks.get(n.args[0]!) ?? []), n])
  }
  const groups = groupsOf(order, new Set(outputs), surroundings(level))
  const exchanges = order.filter((n) => n.op.tag === "exchange" && count(n.shape) > 0)
  const made = new Set([...groups.flatMap((g) => g.stored), ...exchanges, ...[...picks].flatMap(([, of]) => of)])
  const items: ReadonlyArray<Item> = [
    ...groups.map((g): Item => ({ needs: g.needs, makes: g.stored, moves: [{ tag: "kernel", lowered: g }], group: g })),
    ...[...picks].flatMap(([scan, of]) => scan.op.tag === "scan" ? [scanItem(level, scan, scan.op, of)] : []),
    ...order.filter((n) => n.op.tag === "write" && count(n.shape) > 0).map((n) => writeItem(level, n)),
    ...exchanges.map((n) => exchangeItem(level, n, made)),
  ]
  const rank = new Map(order.map((n, i) => [n, i]))
  const first = (i: Item): number => Math.min(...i.makes.map((n) => rank.get(n) ?? Infinity))
  return [...items].sort((a, b) => first(a) - first(b))
}
