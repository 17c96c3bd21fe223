/**
 * The items of one graph: kernels of groups, and the steps of loops, updates and collectives.
 * @module
 */
import { count, type Node, topological } from "../graph/node.ts"
import { awaited, core, flat } from "./attempt.ts"
import { groupsOf } from "./groups.ts"
import { copyOf, type Item, type Level, lowerCopy, type Move, ownSite, surroundings } from "./item.ts"
import { lowerUpdate } from "./lower-attend.ts"
import { scanItem } from "./repeat.ts"
import { storedBelow } from "./view.ts"

/** A copy of what is written to, and the updates put into it. */
const writeItem = (level: Level, n: Node): Item => {
  const around = surroundings(level)(new Set([n, ...n.args.map(core)]))
  const put: Move = { tag: "kernel", lowered: lowerUpdate(around, n) }
  const x = copyOf(n.args[0]!)
  const copied = lowerCopy({ ...level, sites: new Map([...level.sites, [x, ownSite(n)]]) }, x, core(x))
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

/** The items of a graph, in the graph's order. */
export const itemsOf = (outputs: ReadonlyArray<Node>, level: Level): ReadonlyArray<Item> => {
  const order = topological(outputs)
  const picks = new Map<Node, Array<Node>>()
  for (const n of order) {
    if (n.op.tag === "pick") picks.set(n.args[0]!, [...(picks.get(n.args[0]!) ?? []), n])
  }
  const { groups, homes } = groupsOf(order, new Set(outputs), surroundings(level))
  const apart = order.filter((n) => (n.op.tag === "write" || n.op.tag === "exchange") && count(n.shape) > 0)
  const made = new Set([
    ...groups.flatMap((g) => g.stored),
    ...[...picks.values()].flat().map((p) => homes.get(p) ?? p),
    ...apart,
  ])
  const items: ReadonlyArray<Item> = [
    ...groups.map((g): Item => ({ needs: g.needs, makes: g.stored, moves: [{ tag: "kernel", lowered: g }], group: g })),
    ...[...picks].flatMap(([scan, of]) =>
      scan.op.tag === "scan" ? [scanItem(level, { scan, op: scan.op, picks: of, homes, made }, itemsOf)] : []
    ),
    ...apart.filter((n) => n.op.tag === "write").map((n) => writeItem(level, n)),
    ...apart.filter((n) => n.op.tag === "exchange").map((n) => exchangeItem(level, n, made)),
  ]
  const rank = new Map(order.map((n, i) => [n, i]))
  const first = (i: Item): number => Math.min(...i.makes.map((n) => rank.get(n) ?? Infinity))
  return [...items].sort((a, b) => first(a) - first(b))
}
