/**
 * The WGSL writer: statements in nested blocks, each value bound once by a `let` in the outermost block in which
 * everything that it needs is known, so that what does not change in a loop stands before it. A block may run over
 * several lanes at once: one variable then has a name for each lane, and whatever hangs on it is written lane by lane,
 * with vector loads and stores where the lanes lie side by side in memory.
 * @module
 */
import type { Expr, Index, Store } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import type { Capability } from "./capability.ts"

/** A buffer of a kernel: how it is stored and where it is bound. Buffers that are one and the same share a binding. */
export interface Slot {
  readonly dtype: DType
  readonly elements: number
  readonly binding: number
  /** The binding may be written, by this kernel or because it shares a GPU buffer with one that is. */
  readonly writable: boolean
}

/** Statements under one roof. */
export interface Block {
  readonly lines: Array<string>
  /** Text of a value -> its name. */
  readonly names: Map<string, string>
  /** Expressions written so far, by lane. */
  readonly values: ReadonlyArray<Map<Expr, string>>
  /** Loop variables known from here on: one name, or one for each lane. */
  readonly vars: Map<number, ReadonlyArray<string>>
  readonly accs: Map<number, ReadonlyArray<string>>
}

/** How a binding is declared: what the accesses of a first pass asked for. */
export interface View {
  vector: boolean
  atomic: boolean
  used: boolean
}

/** The state of one shader being written. */
export interface Emitter {
  readonly slots: ReadonlyArray<Slot>
  readonly capability: Capability
  readonly needs: Set<string>
  readonly views: Map<number, View>
  readonly blocks: Array<Block>
  /** The variable that has a name for each lane, and how many lanes. Its value in lane 0 is a multiple of `width`. */
  lane: { readonly id: number; readonly width: number; readonly varying: Map<Expr, boolean> } | undefined
  /** Counts stages that stored: what was loaded from a written buffer before is not the same after. */
  epoch: number
  /** Depth of each expression while the same blocks are open. */
  depths: Map<Expr, number>
  names: number
  turns: number
  readonly globals: Array<string>
}

/** Lanes that a value is written for. */
export const WIDTH = 4

const block = (): Block => ({
  lines: [],
  names: new Map(),
  values: Array.from({ length: WIDTH }, () => new Map<Expr, string>()),
  vars: new Map(),
  accs: new Map(),
})

/** A writer with one open block. Views found by an earlier pass may be given. */
export const emitter = (
  slots: ReadonlyArray<Slot>,
  capability: Capability,
  views: ReadonlyMap<number, View> = new Map(),
): Emitter => ({
  slots,
  capability,
  needs: new Set(),
  views: new Map(
    slots.map((s) => [s.binding, { vector: false, atomic: false, used: false, ...views.get(s.binding) }]),
  ),
  blocks: [block()],
  lane: undefined,
  epoch: 0,
  depths: new Map(),
  names: 0,
  turns: 0,
  globals: [],
})

/** The innermost open block. */
export const top = (e: Emitter): Block => e.blocks[e.blocks.length - 1]!

/** Adds statements to the innermost block. */
export const say = (e: Emitter, ...lines: ReadonlyArray<string>): void => {
  top(e).lines.push(...lines)
}

/** Writes an inner block and gives its lines. */
export const inside = (e: Emitter, body: () => void): ReadonlyArray<string> => {
  e.blocks.push(block())
  e.depths = new Map()
  body()
  e.depths = new Map()
  return e.blocks.pop()!.lines
}

/** Writes a function of its own: nothing that is open now is known in it. */
export const outside = (e: Emitter, body: () => void): ReadonlyArray<string> => {
  const open = e.blocks.splice(0, e.blocks.length)
  const lines = inside(e, body)
  e.blocks.push(...open)
  e.depths = new Map()
  return lines
}

/** A block with a head: `for (...)`, `if (...)`. */
export const nest = (e: Emitter, head: string, body: () => void): void => {
  const lines = inside(e, body)
  say(e, `${head} {`, ...lines.map((l) => "  " + l), "}")
}

/** Asks for a function of the library, by its name. */
export const need = (e: Emitter, name: string): string => {
  e.needs.add(name)
  return name
}

/** A new name. */
export const fresh = (e: Emitter, prefix: string): string => `${prefix}${e.names++}`

/** Binds a value in the block of that depth, once for one text. */
export const bind = (e: Emitter, depth: number, text: string, key: string = text): string => {
  if (/^[A-Za-z_0-9.]+$/.test(text)) return text
  for (let d = depth; d >= 0; d--) {
    const known = e.blocks[d]!.names.get(key)
    if (known !== undefined) return known
  }
  const name = fresh(e, "t")
  const into = e.blocks[depth]!
  into.lines.push(`let ${name} = ${text};`)
  into.names.set(key, name)
  return name
}

/** After a stage that stored: loads from written buffers are made anew. */
export const turnOver = (e: Emitter): void => {
  e.epoch++
  for (const b of e.blocks) for (const m of b.values) m.clear()
}

/** Depth and names of a loop variable. */
export const variableOf = (
  e: Emitter,
  id: number,
): { readonly depth: number; readonly names: ReadonlyArray<string> } => {
  for (let depth = e.blocks.length - 1; depth >= 0; depth--) {
    const names = e.blocks[depth]!.vars.get(id)
    if (names !== undefined) return { depth, names }
  }
  return { depth: 0, names: ["0"] }
}

/** Depth and names of an accumulator. */
export const accOf = (e: Emitter, id: number): { readonly depth: number; readonly names: ReadonlyArray<string> } => {
  for (let depth = e.blocks.length - 1; depth >= 0; depth--) {
    const names = e.blocks[depth]!.accs.get(id)
    if (names !== undefined) return { depth, names }
  }
  return { depth: 0, names: ["0"] }
}

/** How the lanes of an index lie: all the same, side by side from a multiple of the width, or otherwise. */
export interface Lie {
  readonly lanes: "same" | "unit" | "other"
  /** The value in lane 0 is a multiple of this (a power of two up to the width). */
  readonly multiple: number
}

const powerIn = (n: number, most: number): number => {
  if (n === 0) return most
  let p = 1
  while (p < most && n % (p * 2) === 0) p *= 2
  return p
}

/** How an index lies over the lanes of variable `id`. */
export const lie = (at: Index, id: number, width: number): Lie =>
  at.terms.reduce((sum: Lie, t): Lie => {
    const one = atomLie(t.atom, id, width)
    const lanes = one.lanes === "same"
      ? sum.lanes
      : sum.lanes === "same" && one.lanes === "unit" && t.coef === 1
      ? "unit"
      : "other"
    return { lanes, multiple: Math.min(sum.multiple, powerIn(t.coef * one.multiple, width)) }
  }, { lanes: "same", multiple: powerIn(at.base, width) })

const atomLie = (a: Index["terms"][number]["atom"], id: number, width: number): Lie => {
  switch (a.tag) {
    case "var":
      return a.id === id ? { lanes: "unit", multiple: width } : { lanes: "same", multiple: 1 }
    case "turn":
      return { lanes: "same", multiple: 1 }
    case "value":
      return { lanes: varies(a.of, id, width) ? "other" : "same", multiple: 1 }
    case "mod": {
      const of = lie(a.of, id, width)
      if (of.lanes === "same") return { lanes: "same", multiple: Math.min(of.multiple, powerIn(a.by, width)) }
      const whole = of.lanes === "unit" && of.multiple === width && a.by % width === 0
      return whole ? of : { lanes: "other", multiple: 1 }
    }
    case "div": {
      const of = lie(a.of, id, width)
      const same = of.lanes === "same" || (of.lanes === "unit" && of.multiple === width && a.by % width === 0)
      return { lanes: same ? "same" : "other", multiple: 1 }
    }
  }
}

/** Does the value differ from lane to lane? */
export const varies = (x: Expr, id: number, width: number, seen: Map<Expr, boolean> = new Map()): boolean => {
  const known = seen.get(x)
  if (known !== undefined) return known
  const index = (at: Index): boolean => lie(at, id, width).lanes !== "same"
  const find = (): boolean => {
    switch (x.tag) {
      case "load":
        return index(x.at) || x.guards.some((g) => index(g.at))
      case "index":
        return index(x.at)
      case "within":
        return x.guards.some((g) => index(g.at))
      case "const":
        return false
      case "acc":
        return true
      case "unary":
      case "cast":
      case "bitcast":
      case "round":
        return varies(x.x, id, width, seen)
      case "binary":
        return varies(x.x, id, width, seen) || varies(x.y, id, width, seen)
      case "select":
        return varies(x.c, id, width, seen) || varies(x.x, id, width, seen) || varies(x.y, id, width, seen)
    }
  }
  const found = find()
  seen.set(x, found)
  return found
}

/** Would this store write all lanes at once? */
export const sideBySide = (s: Store, id: number, width: number): boolean => {
  const l = lie(s.at, id, width)
  return l.lanes === "unit" && l.multiple === width
}
