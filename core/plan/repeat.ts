/**
 * A loop (scan) as steps: first values into the carries, then the body, its slices read and its results written where
 * the turn says. A carry lies where its last value is wanted, and its new value is written over the old one where every
 * other reader of that can run before, as for donated outputs; so what a loop sums (gradients of weights) is read and
 * written once a turn. What of a body no one asks for is not computed.
 * @module
 */
import { addIndex, constantIndex, sameIndex, scaleIndex, variable } from "../kernel/affine.ts"
import type { Index } from "../kernel/kernel.ts"
import { type Body, type Node, type Op, topological } from "../graph/node.ts"
import { substitute } from "../graph/substitute.ts"
import { core, type Site } from "./attempt.ts"
import { arrange, type Donation, readsOnlyItself } from "./donate.ts"
import { copyOf, type Item, type Level, lowerCopy, type Move, ownSite, surroundings } from "./item.ts"
import { isSaid, placeIn, storedBelow, takenBy, viewOf } from "./view.ts"

type ScanOp = Extract<Op, { tag: "scan" }>

/** The items of a graph; it is handed in, for a body may hold loops in turn. */
type ItemsOf = (outputs: ReadonlyArray<Node>, level: Level) => ReadonlyArray<Item>

/** A loop, and which nodes around it have buffers. */
export interface Scanned {
  readonly scan: Node
  readonly op: ScanOp
  readonly picks: ReadonlyArray<Node>
  /** Where results lie that are not stored in their own order. */
  readonly homes: ReadonlyMap<Node, Node>
  readonly made: ReadonlySet<Node>
}

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

/** Numbers of the carries that something asks for: a result that is picked, or a carry that one needs. */
const asked = (body: Body, results: ReadonlySet<number>): ReadonlySet<number> => {
  const carries = body.carry.length
  const found = new Set([...results].filter((k) => k < carries))
  const outs = body.out.filter((_, k) => results.has(carries + k))
  for (;;) {
    const reached = new Set(topological([...outs, ...[...found].map((i) => body.next[i]!)]))
    const before = found.size
    body.carry.forEach((c, i) => reached.has(c) && found.add(i))
    if (found.size === before) return found
  }
}

/** The nodes that hold the carries' new values: of their own, and not results of loops, which lie elsewhere. */
const fresh = (values: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const taken = new Set<Node>()
  return values.map((value) => {
    const apart = value.op.tag === "input" || value.op.tag === "data" || value.op.tag === "pick" || taken.has(value)
    const node = apart ? copyOf(value) : value
    taken.add(node)
    return node
  })
}

const renamed = (m: Move, to: ReadonlyMap<Node, Node>): Move =>
  m.tag === "repeat"
    ? { ...m, moves: m.moves.map((inner) => renamed(inner, to)) }
    : m.tag === "kernel"
    ? { ...m, lowered: { ...m.lowered, buffers: m.lowered.buffers.map((b) => to.get(b) ?? b) } }
    : m

/** The body with nodes of its own: two loops with one body (a loop, and its second computation) share no buffers. */
const own = ({ carry, each, constants, next, out }: Body): Body => {
  const given = [...carry, ...each, ...constants]
  const copies = new Map(given.map((n) => [n, { ...n }] as const))
  const made = substitute([...next, ...out], copies)
  const copy = (n: Node): Node => copies.get(n)!
  return {
    carry: carry.map(copy),
    each: each.map(copy),
    constants: constants.map(copy),
    next: made.slice(0, next.length),
    out: made.slice(next.length),
  }
}

/** Are the slices that a turn reads and those that it stores at the same places? */
const sameSlices = (each: Node, from: Site, out: Node, to: Site): boolean => {
  if (each.shape.length !== out.shape.length || each.shape.some((s, d) => s !== out.shape[d])) return false
  const ix = out.shape.map((size, d) => size === 1 ? constantIndex(0) : variable(d))
  return each.dtype === out.dtype && sameIndex(from.at(ix), to.at(ix))
}

const binds = (m: Move, buffer: Node): boolean =>
  m.tag === "kernel"
    ? m.lowered.buffers.includes(buffer)
    : m.tag === "repeat" && m.moves.some((inner) => binds(inner, buffer))

/** Does a turn read nothing of one buffer after it stored to the other, nor elsewhere than where the same point stores? */
const storesOver = (moves: ReadonlyArray<Move>, from: Node, to: Node): boolean => {
  const [last, ...before] = moves.filter((m) => binds(m, from) || binds(m, to)).reverse()
  if (last?.tag !== "kernel" || before.some((m) => m.tag !== "kernel" || binds(m, to))) return false
  const { kernel, buffers } = last.lowered
  const [read, stored] = [buffers.indexOf(from), buffers.indexOf(to)]
  return stored >= 0 && (read < 0 || readsOnlyItself(kernel, read, stored))
}

/** The steps of one loop: what it reads are buffers of `level`, what it makes are its picks. */
export const scanItem = (level: Level, { scan, op, picks, homes, made }: Scanned, itemsOf: ItemsOf): Item => {
  const { length, reverse } = op
  const body = own(op.body)
  const [carries, eaches] = [body.carry.length, body.each.length]
  const around = surroundings(level)(made)
  const siteOf = (n: Node): Site => around.site(n) ?? ownSite(n)
  const viewed = scan.args.map((a, i) => i < carries ? core(a) : viewOf(a, (n) => around.site(n) !== undefined).base)
  const outer = (a: Node): Site => {
    const { base, site } = viewOf(a, (n) => around.site(n) !== undefined)
    return site(siteOf(base))
  }
  const pickAt = new Map(picks.flatMap((p) => p.op.tag === "pick" ? [[p.op.index, p] as const] : []))
  const sites = new Map<Node, Site>()
  for (const n of body.carry) sites.set(n, ownSite(n))
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
  const outs = body.out.flatMap((o, k) => {
    const pick = pickAt.get(carries + k)
    if (!pick) return []
    const n = copyOf(o)
    const buffer = homes.get(pick) ?? pick
    const place = placeIn(buffer, pick)!
    sites.set(n, { buffer, at: (ix) => place([turnIndex, ...ix]) })
    return [n]
  })
  const live = [...asked(body, new Set(pickAt.keys()))].sort((a, b) => a - b)
  const moving = live.filter((i) => body.next[i] !== body.carry[i])
  const next = fresh(moving.map((i) => body.next[i]!))
  const donations = moving.map((i, k): Donation => ({ output: next[k]!, input: body.carry[i]! }))
  const inside: Level = {
    sites,
    owners: new Map(donations.map((d) => [d.output, d.input])),
    turns: [...level.turns, length],
    maxBindings: level.maxBindings,
  }
  const { items, holder } = arrange(itemsOf([...next, ...outs], inside), donations, inside)
  // where each carry lies: in its pick's buffer if there is one, and its new values with it
  const home = (i: number): Node => pickAt.get(i) ?? body.carry[i]!
  const places = new Map([
    ...live.map((i) => [body.carry[i]!, home(i)] as const),
    ...moving.map((i, k) => [holder.get(next[k]!) ?? next[k]!, home(i)] as const),
  ])
  const enter = live.map((i): Move => {
    const n = copyOf(scan.args[i]!)
    const sited = { ...level, sites: new Map([...level.sites, [n, ownSite(home(i))]]) }
    return { tag: "kernel", lowered: lowerCopy(sited, n, core(n)) }
  })
  const taken = takenBy(scan)
  const reads = viewed.filter((n, i) => i >= carries || !isSaid(n)).map((n) => siteOf(n).buffer)
  const moves = items.flatMap((item) => item.moves)
  const over = outs.flatMap((n) =>
    body.each.flatMap((each, i) => {
      const [from, to] = [sites.get(each)!, sites.get(n)!]
      const once = viewed.filter((n) => n === viewed[carries + i]).length === 1
      return once && sameSlices(each, from, n, to) && storesOver(moves, from.buffer, to.buffer)
        ? [{ output: to.buffer, input: from.buffer }]
        : []
    })
  )
  return {
    needs: new Set([...reads, ...storedBelow(taken.after, made)]),
    makes: picks.map((p) => homes.get(p) ?? p),
    over,
    moves: [...enter, { tag: "repeat", times: length, reverse, moves: moves.map((m) => renamed(m, places)) }],
  }
}
