/**
 * Kernel expressions on lanes. One variable, the vector variable, takes four values at once (or one, at the tail: the
 * same code with only lane 0 meant), in several copies side by side; all others are plain numbers. Every value and every
 * part of an address has a level, that of the innermost loop it depends on, and is computed there, once: `hoist` does it
 * when a loop is entered, and what it kept is found by name from inside.
 * @module
 */
import { indexKey } from "../kernel/affine.ts"
import { children, indexValues } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import { access } from "./access.ts"
import { addresses } from "./address.ts"
import { type Local, type Value, when } from "./assembler.ts"
import { dependence, guardsOf } from "./dependence.ts"
import { binaryOn, castOn, constantOn, unaryOn } from "./function.ts"
import { guarding } from "./guard.ts"
import { f32x4, type I32, i32x4, type V128, v128 } from "./instructions.ts"
import { noneKept, type Place, type Setting, type Spot } from "./setting.ts"
import { decode, encode } from "./stored.ts"
import type { Writer } from "./writer.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** A value in memory for each inner point, computed by an earlier stage. */
export interface Stash {
  readonly name: string
  readonly address: Value<"i32">
  /** Place of the point, in elements. */
  readonly at: Index
  /** Elements from copy to copy. */
  readonly copy: number
}

/** Writes expressions where the loops stand. */
export interface Emitter {
  readonly w: Writer
  /** The value on the lanes of that copy. */
  readonly value: (e: Expr, copy: number) => V128
  /** The same, in a variable. */
  readonly keep: (e: Expr, copy: number) => Local<"v128">
  /** Lane 0 of an integer. */
  readonly integer: (e: Expr) => Value<"i32">
  /** An index at lane 0 of copy 0. */
  readonly index: (i: Index) => Value<"i32">
  /** Four lanes of an index. */
  readonly indexLanes: (i: Index, copy: number) => V128
  /** Stores a value that is in a variable. */
  readonly store: (s: Place, value: V128, copy: number) => void
  /** Reads an element as `load` does. */
  readonly load: (at: Place, copy: number) => V128
  /** Computes here what deeper loops need and what does not change in them. */
  readonly hoist: (roots: ReadonlyArray<Expr>, stores: ReadonlyArray<Place>) => void
  /** Runs `write` for a variable from `from` to below `to` in steps; `sure` if there is at least one. */
  readonly loop: (id: number, from: I32, to: I32, step: number, sure: boolean, write: () => void) => void
  /** Binds a variable to what holds it, one level deeper, while `write` writes. */
  readonly within: (ids: ReadonlyArray<readonly [number, Value<"i32">]>, level: number, write: () => void) => void
  /** Writes with so many lanes (4 or 1) and copies. */
  readonly lanes: (width: number, copies: number, write: () => void) => void
  readonly setAcc: (id: number, values: ReadonlyArray<V128>) => void
  /** From now on the value is read from there. */
  readonly setStash: (e: Expr, stash: Stash) => void
  /** Accs and stashes are unknown again. */
  readonly forget: () => void
  /** Writes a value to its stash. */
  readonly stash: (stash: Stash, value: V128, copy: number) => void
  readonly copies: () => number
  readonly width: () => number
}

// -----------------------------------------------------------------------------
// the emitter
// -----------------------------------------------------------------------------

/** Begins writing expressions. */
export const emitter = (w: Writer, s: Setting): Emitter => {
  const spot: Spot = { depth: 0, width: 1, copies: 1 }
  const accs = new Map<number, ReadonlyArray<V128>>()
  const stashes = new Map<Expr, Stash>()
  const kept = noneKept(w)
  const d = dependence(s, spot)
  const keep = (e: Expr, copy: number): Local<"v128"> => {
    const name = nameOf(e, copy)
    return kept.found<"v128">(name) ?? kept.remember(name, stashed(e, copy) ?? make(e, copy))
  }
  const a = addresses(w, s, spot, d, kept, keep)
  const g = guarding(w, s, d, kept, a)
  const memory = access(w, s, spot, d, kept, a, g, keep)

  // --- values

  const product = (e: Expr): Extract<Expr, { readonly tag: "binary" }> | undefined =>
    e.tag === "binary" && e.fn === "mul" && e.dtype === "f32" && s.uses(e) === 1 && !hoisted(e) ? e : undefined
  const hoisted = (e: Expr): boolean => kept.found(nameOf(e, 0)) !== undefined || stashes.has(e)
  const binary = (e: Extract<Expr, { readonly tag: "binary" }>, copy: number): V128 => {
    const { fn, x, y } = e
    const of = x.dtype
    if (of === "f32" && (fn === "add" || fn === "sub") && w.features.relaxed) {
      const [p, q] = [product(x), product(y)]
      if (q !== undefined) {
        return (fn === "add" ? w.madd : w.nmadd)(value(q.x, copy), value(q.y, copy), value(x, copy))
      }
      if (p !== undefined && fn === "add") return w.madd(value(p.x, copy), value(p.y, copy), value(y, copy))
    }
    if (of === "f32" && (fn === "max" || fn === "min")) {
      const [other, c] = x.tag === "const" ? [y, x] : [x, y]
      const prefer = fn === "max" ? f32x4.pmax : f32x4.pmin
      if (c.tag === "const" && !Number.isNaN(c.value)) return prefer(value(other, copy), value(c, copy))
    }
    if ((fn === "shl" || fn === "shr") && y.tag === "const") {
      const shift = fn === "shl" ? i32x4.shl : of === "i32" ? i32x4.shrS : i32x4.shrU
      return shift(value(x, copy), y.value & 31)
    }
    return binaryOn(fn, of)(w, value(x, copy), value(y, copy))
  }
  const guardName = (x: Guard): string => `${x.low}:${x.high}:${indexKey(x.at, s.name)}`
  let assumed: ReadonlySet<string> = new Set()
  /**
   * What is chosen by guards that are the same for all lanes is computed only where they hold, and its loads need not ask
   * again: a row of an image with zeros around it is looked at once a vector, not once a load.
   */
  const inside = (
    e: Extract<Expr, { readonly tag: "select" }>,
    guards: ReadonlyArray<Guard>,
    copy: number,
  ): V128 | undefined => {
    if (guards.some((x) => d.indexVaries(x.at) || indexValues(x.at).length > 0)) return undefined
    const uniform = g.uniform(guards)
    if (uniform === undefined) return undefined
    const r = w.fresh("v128")
    const otherwise = value(e.y, copy)
    const chosen = w.capture(() =>
      kept.scoped(() => {
        assumed = new Set(guards.map(guardName))
        w.put(r.set(value(e.x, copy)))
        assumed = new Set()
      })
    )
    w.put(when(uniform, chosen, r.set(otherwise)))
    return r
  }
  const make = (e: Expr, copy: number): V128 => {
    switch (e.tag) {
      case "const":
        return constantOn(w, e.dtype, e.value)
      case "load": {
        const open = assumed.size === 0 ? e.guards : e.guards.filter((x) => !assumed.has(guardName(x)))
        return memory.load(e, open, copy, open.length < e.guards.length)
      }
      case "index":
        return castOn("i32", e.dtype)(w, a.lanes(e.at, copy))
      case "within":
        return g.mask(e.guards, copy)
      case "unary":
        return unaryOn(e.fn, e.x.dtype)(w, value(e.x, copy))
      case "binary":
        return binary(e, copy)
      case "select": {
        if (e.c.tag === "within" && assumed.size === 0) {
          const r = inside(e, e.c.guards, copy)
          if (r !== undefined) return r
        }
        return v128.bitselect(value(e.x, copy), value(e.y, copy), value(e.c, copy))
      }
      case "cast":
        return castOn(e.x.dtype, e.dtype)(w, value(e.x, copy))
      case "bitcast":
        return value(e.x, copy)
      case "round":
        return decode[e.to](w, encode[e.to](w, value(e.x, copy)))
      case "acc": {
        const known = accs.get(e.id)
        if (known === undefined) throw new Error(`wasm: acc ${e.id} is used before it is folded`)
        return known[s.acc.varies ? copy : 0]!
      }
    }
  }
  const nameOf = (e: Expr, copy: number): string =>
    d.varies(e) ? `x${s.name(e)}:${copy}w${spot.width}` : `x${s.name(e)}`
  const plainLeaf = (e: Expr): boolean => e.tag === "const" || e.tag === "acc"
  const value = (e: Expr, copy: number): V128 => {
    if (plainLeaf(e)) return make(e, copy)
    const known = kept.found<"v128">(nameOf(e, copy))
    if (known !== undefined) return known
    return s.uses(e) > 1 ? keep(e, copy) : stashed(e, copy) ?? make(e, copy)
  }
  const stashed = (e: Expr, copy: number): V128 | undefined => {
    const at = stashes.get(e)
    return at === undefined ? undefined : v128.load(...stashPlace(at, copy))
  }
  const stashPlace = (at: Stash, copy: number): readonly [Value<"i32">, number] => {
    const { value } = a.sum(at.at, 4, { key: at.name, value: at.address }, 0, 0)
    return [value, at.copy * copy * 4]
  }

  // --- hoisting

  const ready = (e: Expr): boolean => [...d.accs(e)].every((id) => accs.has(id))
  const hoistIndex = (i: Index, by: number, buffer: number | undefined): void => {
    indexValues(i).forEach(hoistExpr)
    if (!indexValues(i).every((v) => d.level(v) > spot.depth || ready(v))) return
    for (const inner of i.terms.flatMap((t) => t.atom.tag === "div" || t.atom.tag === "mod" ? [t.atom.of] : [])) {
      hoistIndex(inner, 1, undefined)
    }
    const used = i.terms.some((t) => d.atomLevel(t.atom) > spot.depth)
    if (used || buffer !== undefined) {
      a.sum(i, by, buffer === undefined ? undefined : a.origin(buffer), 0, 0, spot.depth)
    }
  }
  let seen = new Set<Expr>()
  const hoistExpr = (e: Expr): void => {
    if (seen.has(e) || plainLeaf(e) || stashes.has(e)) return
    seen.add(e)
    if (d.level(e) <= spot.depth && ready(e)) {
      for (let copy = 0; copy < (d.varies(e) ? spot.copies : 1); copy++) keep(e, copy)
      return
    }
    children(e).forEach(hoistExpr)
    if (e.tag === "load") hoistIndex(e.at, dtypes[s.buffers[e.buffer]!.dtype].bytes, e.buffer)
    if (e.tag === "index") hoistIndex(e.at, 1, undefined)
    for (const x of guardsOf(e)) {
      if (d.indexLevel(x.at) <= spot.depth && !d.indexVaries(x.at)) {
        if (indexValues(x.at).every(ready)) g.uniform([x])
      } else hoistIndex(x.at, 1, undefined)
    }
  }

  return {
    w,
    value,
    keep,
    integer: (e) => i32x4.extract(keep(e, 0), 0),
    index: (i) => a.whole(i, 0, 0),
    indexLanes: a.lanes,
    store: memory.store,
    load: (at, copy) => memory.load(at, [], copy, false),
    hoist: (roots, stores) => {
      seen = new Set()
      roots.forEach(hoistExpr)
      stores.forEach((t) => hoistIndex(t.at, dtypes[s.buffers[t.buffer]!.dtype].bytes, t.buffer))
    },
    loop: a.loop,
    within: a.within,
    lanes: (width, copies, write) => {
      const before = { ...spot }
      Object.assign(spot, { width, copies })
      write()
      Object.assign(spot, { width: before.width, copies: before.copies })
    },
    setAcc: (id, values) => {
      accs.set(id, values)
    },
    setStash: (e, stash) => {
      stashes.set(e, stash)
    },
    forget: () => {
      accs.clear()
      stashes.clear()
    },
    stash: (at, given, copy) => {
      const [address, offset] = stashPlace(at, copy)
      w.put(v128.store(address, given, offset))
    },
    copies: () => spot.copies,
    width: () => spot.width,
  }
}
