/**
 * Updates in place. An output that takes over an input is written where the input lies if every other reader of the old
 * value can run before, and its own kernel reads no element but the one it writes; else it is made apart and copied
 * over at the end.
 * @module
 */
import type { Node } from "../graph/node.ts"
import { sameIndex } from "../kernel/affine.ts"
import { loadsOf, storesOf, walk } from "../kernel/expression.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { copyOf, type Item, type Level, lowerCopy, ownSite, sortItems } from "./item.ts"

/** An output and the input whose place it is to take. */
export interface Donation {
  readonly output: Node
  readonly input: Node
}

/** Does the kernel read buffer `from` only at the element that the same point writes to `to`? */
export const readsOnlyItself = (k: Kernel, from: number, to: number): boolean => {
  const loads = loadsOf(k).filter((l) => l.buffer === from)
  if (loads.length === 0) return true
  const store = storesOf(k).find((s) => s.buffer === to)
  if (store === undefined || !loads.every((l) => sameIndex(l.at, store.at))) return false
  if (k.tag === "contract") {
    const operands = walk([k.a, k.b])
    return !loads.some((l) => operands.includes(l))
  }
  if (k.tag !== "loop") return false
  const folded = walk(k.stages.flatMap((s) => s.tag === "fold" ? s.folds.map((f) => f.value) : []))
  return !loads.some((l) => folded.includes(l))
}

const inPlace = (item: Item, d: Donation): boolean => {
  const g = item.group
  if (item.update !== undefined) return item.update.of === d.input
  if (g === undefined) {
    return !item.needs.has(d.input) || (item.over ?? []).some((o) => o.output === d.output && o.input === d.input)
  }
  const from = g.buffers.indexOf(d.input)
  const to = g.buffers.indexOf(d.output)
  return from < 0 || readsOnlyItself(g.kernel, from, to)
}

/** Can `to` be reached from `from` by going to what must run before? */
const reaches = (from: Item, to: Item, before: (i: Item) => ReadonlyArray<Item>): boolean => {
  const seen = new Set<Item>()
  const stack = [from]
  while (stack.length > 0) {
    const i = stack.pop()!
    if (i === to) return true
    if (seen.has(i)) continue
    seen.add(i)
    stack.push(...before(i))
  }
  return false
}

/** The items in order, with copies where an update in place is not possible; and which node holds each output. */
export const arrange = (
  items: ReadonlyArray<Item>,
  donations: ReadonlyArray<Donation>,
  level: Level,
): { readonly items: ReadonlyArray<Item>; readonly holder: ReadonlyMap<Node, Node> } => {
  const maker = new Map<Node, Item>()
  for (const i of items) for (const n of i.makes) maker.set(n, i)
  const extra = new Map<Item, Array<Item>>()
  const before = (i: Item): ReadonlyArray<Item> => [
    ...[...i.needs].flatMap((n) => maker.get(n) ?? []).filter((m) => m !== i),
    ...(extra.get(i) ?? []),
  ]
  const readers = (n: Node): ReadonlyArray<Item> => items.filter((i) => i.needs.has(n))
  const holder = new Map<Node, Node>()
  const copies: Array<Item> = []
  const updated = new Set<Item>()
  for (const d of donations) {
    const item = maker.get(d.output)
    if (item === undefined) continue
    const others = readers(d.input).filter((r) => r !== item)
    if (inPlace(item, d) && others.every((r) => !reaches(r, item, before))) {
      extra.set(item, [...(extra.get(item) ?? []), ...others])
      holder.set(d.output, d.output)
      if (item.update !== undefined) updated.add(item)
      continue
    }
    const copy = copyOf(d.output)
    const lowered = lowerCopy({ ...level, sites: new Map([...level.sites, [copy, ownSite(copy)]]) }, copy)
    copies.push({ needs: new Set([d.output]), makes: [copy], moves: [{ tag: "kernel", lowered }] })
    holder.set(d.output, copy)
  }
  const sorted = sortItems(items, (i) => extra.get(i) ?? [])
  const settled = sorted.map((i) => updated.has(i) ? { ...i, moves: i.update!.moves } : i)
  return { items: [...settled, ...copies], holder }
}
