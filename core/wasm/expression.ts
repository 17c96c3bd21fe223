/**
 * Kernel expressions on lanes. One variable, the vector variable, takes four values at once (or one, at the tail: the
 * same code with only lane 0 meant), in several copies side by side; all others are plain numbers. Every value and every
 * part of an address has a level, that of the innermost loop it depends on, and is computed there, once: `hoist` does it
 * when a loop is entered, and what it kept is found by name from inside.
 * @module
 */
import { indexKey, rangeOf, type Ranges } from "../kernel/affine.ts"
import { children, indexValues } from "../kernel/expression.ts"
import type { Atom, Expr, Guard, Index, Store } from "../kernel/kernel.ts"
import { type DType, dtypes } from "../tensor/dtype.ts"
import { branchIf, type Code, type Local, loop, type Value, when } from "./assembler.ts"
import { binaryOn, castOn, constantOn, unaryOn } from "./function.ts"
import { f32x4, type I32, i32, i32x4, type V128, v128 } from "./instructions.ts"
import { type Lanes, lanesOf } from "./lanes.ts"
import { decode, encode, widths } from "./stored.ts"
import { asValue, plus, type Writer } from "./writer.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** One buffer: where it lies and how its elements are stored. */
export interface Bound {
  readonly address: Value<"i32">
  readonly dtype: DType
}

/** What is fixed while a kernel's code is written. */
export interface Setting {
  readonly ranges: Ranges
  /** Level of a variable: 0 is outside of all loops. */
  readonly level: (id: number) => number
  /** The variable that takes four values at once. */
  readonly vector: number | undefined
  readonly buffers: ReadonlyArray<Bound>
  readonly turns: ReadonlyArray<Value<"i32">>
  /** Level of accs, and whether they differ from lane to lane. */
  readonly acc: { readonly level: number; readonly varies: boolean }
  /** How many times an expression is used. */
  readonly uses: (e: Expr) => number
  /** A number that tells expressions apart. */
  readonly name: (e: Expr) => number
}

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
  readonly store: (s: Pick<Store, "buffer" | "at">, value: V128, copy: number) => void
  /** Reads an element as `load` does. */
  readonly load: (buffer: number, at: Index, copy: number) => V128
  /** All guards hold at lane 0. */
  readonly holds: (guards: ReadonlyArray<Guard>) => Value<"i32"> | undefined
  /** Computes here what deeper loops need and what does not change in them. */
  readonly hoist: (roots: ReadonlyArray<Expr>, stores: ReadonlyArray<Pick<Store, "buffer" | "at">>) => void
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

/** A variable that is bound, and multiples of it that its loop counts along. */
interface Binding {
  readonly value: Value<"i32">
  readonly multiples: Map<number, Local<"i32">> | undefined
}

/** An address or index: a value and a constant on top. */
interface Sum {
  readonly value: Value<"i32">
  readonly more: number
}

// -----------------------------------------------------------------------------
// arithmetic of i32
// -----------------------------------------------------------------------------

const isPower = (n: number): boolean => n > 0 && (n & (n - 1)) === 0

const times = (x: Value<"i32">, by: number): Value<"i32"> =>
  by === 1 ? x : isPower(by) ? i32.shl(x, Math.log2(by)) : i32.mul(x, by)

/**
 * x / by or x mod by, rounded down; `low` is the least x can be. What a load brings may be anything: where it is below
 * 0 a guard keeps the load away, so that any number will do.
 */
const quotient = (tag: "div" | "mod", x: Value<"i32">, by: number, low: number): Value<"i32"> => {
  if (isPower(by)) return tag === "div" ? i32.shrS(x, Math.log2(by)) : i32.and(x, by - 1)
  if (low >= 0 || !Number.isFinite(low)) return tag === "div" ? i32.divU(x, by) : i32.remU(x, by)
  const up = Math.ceil(-low / by)
  const raised = i32.add(x, up * by)
  return tag === "div" ? i32.sub(i32.divU(raised, by), up) : i32.remU(raised, by)
}

const both = (x: Value<"i32"> | undefined, y: Value<"i32"> | undefined): Value<"i32"> | undefined =>
  x === undefined ? y : y === undefined ? x : i32.and(x, y)

// -----------------------------------------------------------------------------
// the emitter
// -----------------------------------------------------------------------------

/** Begins writing expressions. */
export const emitter = (w: Writer, s: Setting): Emitter => {
  const levels = new Map<Expr, number>()
  const variance = new Map<Expr, boolean>()
  const bindings = new Map<number, Binding>()
  const scopes: Array<Map<string, Local<"i32" | "v128">>> = [new Map()]
  const accs = new Map<number, ReadonlyArray<V128>>()
  const stashes = new Map<Expr, Stash>()
  let depth = 0
  let width = 1
  let copies = 1

  const found = (key: string): Local<"i32" | "v128"> | undefined => {
    for (let i = scopes.length - 1; i >= 0; i--) {
      const local = scopes[i]!.get(key)
      if (local !== undefined) return local
    }
    return undefined
  }
  const remember = <T extends "i32" | "v128">(key: string, value: Value<T>): Local<T> => {
    const local = w.keep(value)
    scopes.at(-1)!.set(key, local as unknown as Local<"i32" | "v128">)
    return local
  }
  const scoped = (write: () => void): void => {
    scopes.push(new Map())
    write()
    scopes.pop()
  }

  // --- levels and variance

  const atomLevel = (a: Atom): number =>
    a.tag === "var" ? s.level(a.id) : a.tag === "turn" ? 0 : a.tag === "value" ? level(a.of) : indexLevel(a.of)
  const indexLevel = (i: Index): number => i.terms.reduce((l, t) => Math.max(l, atomLevel(t.atom)), 0)
  const guardsOf = (e: Expr): ReadonlyArray<Guard> => e.tag === "load" || e.tag === "within" ? e.guards : []
  const indicesOf = (e: Expr): ReadonlyArray<Index> => [
    ...(e.tag === "load" || e.tag === "index" ? [e.at] : []),
    ...guardsOf(e).map((g) => g.at),
  ]
  const level = (e: Expr): number => {
    const known = levels.get(e)
    if (known !== undefined) return known
    const own = e.tag === "acc" ? s.acc.level : indicesOf(e).reduce((l, i) => Math.max(l, indexLevel(i)), 0)
    const made = children(e).reduce((l, c) => Math.max(l, level(c)), own)
    levels.set(e, made)
    return made
  }
  const atomVaries = (a: Atom): boolean =>
    a.tag === "var"
      ? a.id === s.vector
      : a.tag === "turn"
      ? false
      : a.tag === "value"
      ? varies(a.of)
      : indexVaries(a.of)
  const indexVaries = (i: Index): boolean => i.terms.some((t) => atomVaries(t.atom))
  const varies = (e: Expr): boolean => {
    const known = variance.get(e)
    if (known !== undefined) return known
    const made = e.tag === "acc" ? s.acc.varies : children(e).some(varies) || indicesOf(e).some(indexVaries)
    variance.set(e, made)
    return made
  }
  const lanesAt = (i: Index): Lanes | undefined =>
    s.vector === undefined || !indexVaries(i) ? [0, 0, 0, 0] : width === 1 ? [0, 0, 0, 0] : lanesOf(i, s.vector, varies)

  // --- indices

  const multiple = (id: number, by: number): Value<"i32"> => {
    const { value, multiples } = bindings.get(id)!
    if (by === 1) return value
    if (multiples === undefined) return times(value, by)
    const known = multiples.get(by)
    if (known !== undefined) return known
    const local = w.fresh("i32")
    multiples.set(by, local)
    return local
  }
  const atomAt = (a: Atom, by: number, copy: number, lane: number): Value<"i32"> => {
    if (a.tag === "var") return multiple(a.id, by)
    if (a.tag === "turn") return times(s.turns[a.depth]!, by)
    if (a.tag === "value") return times(i32x4.extract(keep(a.of, copy), varies(a.of) ? lane : 0), by)
    return times(quotient(a.tag, whole(a.of, copy, lane), a.by, rangeOf(a.of, s.ranges)[0]), by)
  }
  /** `by * index` on top of an origin, level by level; what is above the current level is kept. */
  const sum = (
    i: Index,
    by: number,
    origin: { readonly key: string; readonly value: Value<"i32"> } | undefined,
    copy: number,
    lane: number,
    upTo = Infinity,
  ): Sum => {
    const groups = new Map<number, Array<{ readonly coef: number; readonly atom: Atom }>>()
    const last: Array<{ readonly coef: number; readonly atom: Atom }> = []
    let more = 0
    for (const t of i.terms) {
      if (atomVaries(t.atom)) {
        if (t.atom.tag === "var") more += t.coef * by * (4 * copy + lane)
        last.push(t)
      } else {
        const l = atomLevel(t.atom)
        groups.set(l, [...(groups.get(l) ?? []), t])
      }
    }
    let key = `${origin?.key ?? ""}*${by}:${i.base}`
    let value: I32 = i.base * by
    if (origin !== undefined) {
      const known = found(key)
      value = known as Local<"i32"> ?? plus(origin.value, value)
      if (known === undefined && i.base !== 0 && upTo !== Infinity) value = remember(key, asValue(value))
    }
    for (const l of [...groups.keys()].sort((a, b) => a - b)) {
      if (l > upTo) return { value: asValue(value), more }
      const terms = groups.get(l)!
      key += `|${indexKey({ base: 0, terms }, s.name)}`
      const known = found(key)
      if (known !== undefined) {
        value = known as Local<"i32">
        continue
      }
      for (const t of terms) value = plus(value, atomAt(t.atom, t.coef * by, copy, lane))
      if (l < depth || upTo !== Infinity) value = remember(key, asValue(value))
    }
    const linear = last.filter((t) => t.atom.tag === "var")
    const bent = last.filter((t) => t.atom.tag !== "var")
    const deepest = last.reduce((l, t) => Math.max(l, atomLevel(t.atom)), 0)
    if (deepest > upTo) return { value: asValue(value), more }
    for (const t of linear) value = plus(value, atomAt(t.atom, t.coef * by, copy, lane))
    if (linear.length > 0) {
      key += `|w${width}|${indexKey({ base: 0, terms: linear }, s.name)}`
      const known = found(key)
      value = known === undefined ? remember(key, asValue(value)) : known as Local<"i32">
    }
    for (const t of bent) value = plus(value, atomAt(t.atom, t.coef * by, copy, lane))
    return { value: asValue(value), more }
  }
  const whole = (i: Index, copy: number, lane: number): Value<"i32"> => {
    const { value, more } = sum(i, 1, undefined, copy, lane)
    return asValue(plus(value, more))
  }
  const originOf = (buffer: number): { readonly key: string; readonly value: Value<"i32"> } => ({
    key: `b${buffer}`,
    value: s.buffers[buffer]!.address,
  })
  /** Address of an element at a lane; `far` bytes on top. A constant is added apart unless it may stand in the offset. */
  const place = (buffer: number, i: Index, copy: number, lane: number, far: number, folded: boolean) => {
    const { value, more } = sum(i, dtypes[s.buffers[buffer]!.dtype].bytes, originOf(buffer), copy, lane)
    const total = more + far
    return folded && total >= 0
      ? { address: value, offset: total }
      : { address: asValue(plus(value, total)), offset: 0 }
  }
  const indexLanes = (i: Index, copy: number): V128 => {
    const lanes = lanesAt(i)
    if (lanes !== undefined) {
      const first = i32x4.splat(whole(i, copy, 0))
      return lanes.every((d) => d === 0) ? first : i32x4.add(first, w.lanes(lanes))
    }
    const first = w.keep(i32x4.splat(whole(i, copy, 0)))
    return [1, 2, 3].reduce<V128>((v, l) => i32x4.replace(v, l, whole(i, copy, l)), first)
  }

  // --- guards

  /** low <= x + least and x + most < high, as one unsigned comparison. */
  const between = (x: Value<"i32">, low: number, high: number): Value<"i32"> =>
    high <= low ? i32.const(0) : i32.ltU(plus(x, -low) as Value<"i32">, high - low)
  const uniformGuards = (guards: ReadonlyArray<Guard>): Value<"i32"> | undefined =>
    guards.filter((g) => !indexVaries(g.at)).reduce<Value<"i32"> | undefined>((all, g) => {
      const key = `g${g.low}:${g.high}:${indexKey(g.at, s.name)}`
      const known = found(key) as Local<"i32"> | undefined
      return both(all, known ?? remember(key, between(whole(g.at, 0, 0), g.low, g.high)))
    }, undefined)
  const laneGuards = (guards: ReadonlyArray<Guard>, copy: number, lane: number): Value<"i32"> | undefined =>
    guards.filter((g) => indexVaries(g.at)).reduce<Value<"i32"> | undefined>(
      (all, g) => both(all, between(whole(g.at, copy, lane), g.low, g.high)),
      undefined,
    )
  /** Do all lanes hold, and may any? Undefined if the steps between lanes are not known. */
  const blockGuards = (guards: ReadonlyArray<Guard>, copy: number) => {
    let all: Value<"i32"> | undefined
    let any: Value<"i32"> | undefined
    for (const g of guards.filter((g) => indexVaries(g.at))) {
      const lanes = lanesAt(g.at)
      if (lanes === undefined) return undefined
      const [least, most] = [Math.min(...lanes), Math.max(...lanes)]
      const at = w.keep(whole(g.at, copy, 0))
      all = both(all, between(at, g.low - least, g.high - most))
      any = both(any, between(at, g.low - most, g.high - least))
    }
    return { all, any }
  }
  const withinLanes = (guards: ReadonlyArray<Guard>, copy: number): V128 => {
    const uniform = uniformGuards(guards)
    const masks = guards.filter((g) => indexVaries(g.at)).flatMap((g) => {
      const [least, most] = rangeOf(g.at, s.ranges)
      const at = w.keep(indexLanes(g.at, copy))
      return [
        ...(least < g.low ? [i32x4.geS(at, w.i32(g.low))] : []),
        ...(most >= g.high ? [i32x4.ltS(at, w.i32(g.high))] : []),
      ]
    })
    const all = uniform === undefined ? masks : [i32x4.splat(i32.sub(0, uniform)), ...masks]
    return all.length === 0 ? w.i32(-1) : all.reduce((x, y) => v128.and(x, y))
  }

  // --- loads

  const shuffled = (load: (more: number) => V128, lanes: Lanes): V128 | undefined => {
    const [least, most] = [Math.min(...lanes), Math.max(...lanes)]
    const [a, b, c, d] = lanes.map((l) => l - least) as [number, number, number, number]
    if (most - least > 7) return undefined
    const first = load(least)
    if (a === 0 && b === 1 && c === 2 && d === 3) return first
    const kept = w.keep(first)
    return v128.shuffle32(kept, most - least > 3 ? load(least + 4) : kept, a, b, c, d)
  }
  /** Raw lanes of an element and its neighbours; all of them must be there. */
  const raw = (buffer: number, i: Index, copy: number, folded: boolean): V128 => {
    const { bytes } = dtypes[s.buffers[buffer]!.dtype]
    const how = widths[bytes]!
    if (!indexVaries(i)) {
      const { address, offset } = place(buffer, i, 0, 0, 0, folded)
      return how.splat(address, offset)
    }
    if (width === 1) {
      const { address, offset } = place(buffer, i, copy, 0, 0, folded)
      return how.one(address, offset)
    }
    const lanes = lanesAt(i)
    const near = lanes === undefined ? undefined : shuffled((more) => {
      const { address, offset } = place(buffer, i, copy, 0, more * bytes, folded)
      return how.four(address, offset)
    }, lanes)
    if (near !== undefined) return near
    const at = (lane: number) =>
      lanes === undefined
        ? place(buffer, i, copy, lane, 0, folded)
        : place(buffer, i, copy, 0, lanes[lane]! * bytes, folded)
    const first = at(0)
    return [1, 2, 3].reduce<V128>((v, l) => {
      const { address, offset } = at(l)
      return how.lane(address, v, l, offset)
    }, how.one(first.address, first.offset))
  }
  const guardedRaw = (e: Extract<Expr, { readonly tag: "load" }>, copy: number): V128 => {
    const how = widths[dtypes[s.buffers[e.buffer]!.dtype].bytes]!
    for (const v of [e.at, ...e.guards.map((g) => g.at)].flatMap(indexValues)) keep(v, varies(v) ? copy : 0)
    const uniform = uniformGuards(e.guards)
    const varying = e.guards.filter((g) => indexVaries(g.at))
    const r = w.fresh("v128")
    const aside = (write: () => void): Code => w.capture(() => scoped(write))
    const full = (): Code => aside(() => w.put(r.set(raw(e.buffer, e.at, copy, false))))
    const one = (lane: number): Code =>
      aside(() => {
        const { address } = place(e.buffer, e.at, copy, lane, 0, false)
        const set = r.set(how.lane(address, r, lane, 0))
        const holds = laneGuards(varying, copy, lane)
        w.put(holds === undefined ? set : when(holds, set))
      })
    const each = (): Code => width === 1 ? one(0) : [0, 1, 2, 3].map(one)
    const vary = (): Code =>
      aside(() => {
        if (varying.length === 0) return w.put(full())
        const block = width === 1 ? undefined : blockGuards(varying, copy)
        if (block?.all === undefined) return w.put(each())
        const any = w.keep(block.any!)
        w.put(when(block.all, full(), when(any, each())))
      })
    w.put(r.set(w.i32(0)))
    w.put(uniform === undefined ? vary() : when(uniform, vary()))
    return r
  }
  const load = (buffer: number, at: Index, copy: number): V128 =>
    decode[s.buffers[buffer]!.dtype](w, raw(buffer, at, copy, true))

  // --- values

  const product = (e: Expr): Extract<Expr, { readonly tag: "binary" }> | undefined =>
    e.tag === "binary" && e.fn === "mul" && e.dtype === "f32" && s.uses(e) === 1 && !hoisted(e) ? e : undefined
  const hoisted = (e: Expr): boolean => found(nameOf(e, 0)) !== undefined || stashes.has(e)
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
      const [a, c] = x.tag === "const" ? [y, x] : [x, y]
      const prefer = fn === "max" ? f32x4.pmax : f32x4.pmin
      if (c.tag === "const" && !Number.isNaN(c.value)) return prefer(value(a, copy), value(c, copy))
    }
    if ((fn === "shl" || fn === "shr") && y.tag === "const") {
      const shift = fn === "shl" ? i32x4.shl : of === "i32" ? i32x4.shrS : i32x4.shrU
      return shift(value(x, copy), y.value & 31)
    }
    return binaryOn(fn, of)(w, value(x, copy), value(y, copy))
  }
  const make = (e: Expr, copy: number): V128 => {
    switch (e.tag) {
      case "const":
        return constantOn(w, e.dtype, e.value)
      case "load":
        return e.guards.length === 0
          ? load(e.buffer, e.at, copy)
          : decode[s.buffers[e.buffer]!.dtype](w, guardedRaw(e, copy))
      case "index":
        return castOn("i32", e.dtype)(w, indexLanes(e.at, copy))
      case "within":
        return withinLanes(e.guards, copy)
      case "unary":
        return unaryOn(e.fn, e.x.dtype)(w, value(e.x, copy))
      case "binary":
        return binary(e, copy)
      case "select":
        return v128.bitselect(value(e.x, copy), value(e.y, copy), value(e.c, copy))
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
  const nameOf = (e: Expr, copy: number): string => varies(e) ? `x${s.name(e)}:${copy}w${width}` : `x${s.name(e)}`
  const plainLeaf = (e: Expr): boolean => e.tag === "const" || e.tag === "acc"
  const value = (e: Expr, copy: number): V128 => {
    if (plainLeaf(e)) return make(e, copy)
    const known = found(nameOf(e, copy)) as Local<"v128"> | undefined
    if (known !== undefined) return known
    return s.uses(e) > 1 ? keep(e, copy) : stashed(e, copy) ?? make(e, copy)
  }
  const stashed = (e: Expr, copy: number): V128 | undefined => {
    const at = stashes.get(e)
    return at === undefined ? undefined : v128.load(...stashPlace(at, copy))
  }
  const stashPlace = (at: Stash, copy: number): readonly [Value<"i32">, number] => {
    const { value } = sum(at.at, 4, { key: at.name, value: at.address }, 0, 0)
    return [value, at.copy * copy * 4]
  }
  const keep = (e: Expr, copy: number): Local<"v128"> => {
    const name = nameOf(e, copy)
    const known = found(name) as Local<"v128"> | undefined
    return known ?? remember(name, plainLeaf(e) ? make(e, copy) : stashed(e, copy) ?? make(e, copy))
  }

  // --- hoisting

  const needs = new Map<Expr, ReadonlySet<number>>()
  const accsOf = (e: Expr): ReadonlySet<number> => {
    const known = needs.get(e)
    if (known !== undefined) return known
    const made = new Set(e.tag === "acc" ? [e.id] : children(e).flatMap((c) => [...accsOf(c)]))
    needs.set(e, made)
    return made
  }
  const ready = (e: Expr): boolean => [...accsOf(e)].every((id) => accs.has(id))
  const hoistIndex = (i: Index, by: number, buffer: number | undefined): void => {
    indexValues(i).forEach(hoistExpr)
    if (!indexValues(i).every((v) => level(v) > depth || ready(v))) return
    for (const inner of i.terms.flatMap((t) => t.atom.tag === "div" || t.atom.tag === "mod" ? [t.atom.of] : [])) {
      hoistIndex(inner, 1, undefined)
    }
    const used = i.terms.some((t) => atomLevel(t.atom) > depth)
    if (used || buffer !== undefined) {
      sum(i, by, buffer === undefined ? undefined : originOf(buffer), 0, 0, depth)
    }
  }
  let seen = new Set<Expr>()
  const hoistExpr = (e: Expr): void => {
    if (seen.has(e) || plainLeaf(e) || stashes.has(e)) return
    seen.add(e)
    if (level(e) <= depth && ready(e)) {
      for (let copy = 0; copy < (varies(e) ? copies : 1); copy++) keep(e, copy)
      return
    }
    children(e).forEach(hoistExpr)
    if (e.tag === "load") hoistIndex(e.at, dtypes[s.buffers[e.buffer]!.dtype].bytes, e.buffer)
    if (e.tag === "index") hoistIndex(e.at, 1, undefined)
    for (const g of guardsOf(e)) {
      if (indexLevel(g.at) <= depth && !indexVaries(g.at)) {
        if (indexValues(g.at).every(ready)) uniformGuards([g])
      } else hoistIndex(g.at, 1, undefined)
    }
  }

  // --- loops

  const within: Emitter["within"] = (ids, at, write) => {
    const before = depth
    depth = at
    for (const [id, value] of ids) bindings.set(id, { value, multiples: undefined })
    scoped(write)
    depth = before
  }
  const loops: Emitter["loop"] = (id, from, to, step, sure, write) => {
    const v = w.fresh("i32")
    const multiples = new Map<number, Local<"i32">>()
    const before = depth
    depth = s.level(id)
    bindings.set(id, { value: v, multiples })
    const body = w.capture(() => scoped(write))
    depth = before
    bindings.delete(id)
    const once = typeof from === "number" && typeof to === "number" && from + step >= to
    w.put(v.set(asValue(from)))
    for (const [by, local] of multiples) {
      w.put(local.set(typeof from === "number" ? i32.const(from * by) : times(asValue(v), by)))
    }
    const turns: Code = loop((again) => [
      body,
      [...multiples].map(([by, local]) => local.set(i32.add(local, by * step))),
      branchIf(again, i32.ltS(v.tee(i32.add(v, step)), to)),
    ])
    w.put(once ? body : sure ? turns : when(i32.ltS(v, to), turns))
  }

  return {
    w,
    value,
    keep,
    integer: (e) => i32x4.extract(keep(e, 0), 0),
    index: (i) => whole(i, 0, 0),
    indexLanes,
    store: ({ buffer, at }, given, copy) => {
      const { dtype } = s.buffers[buffer]!
      const how = widths[dtypes[dtype].bytes]!
      const { bytes } = dtypes[dtype]
      const held = w.keep(encode[dtype](w, given))
      if (width === 1 || !indexVaries(at)) {
        const { address, offset } = place(buffer, at, copy, 0, 0, true)
        w.put(how.storeLane(address, held, 0, offset))
        return
      }
      const lanes = lanesAt(at)
      if (lanes !== undefined && lanes.every((d, l) => d === l)) {
        const { address, offset } = place(buffer, at, copy, 0, 0, true)
        w.put(how.storeFour(address, held, offset))
        return
      }
      for (let l = 0; l < 4; l++) {
        const { address, offset } = lanes === undefined
          ? place(buffer, at, copy, l, 0, true)
          : place(buffer, at, copy, 0, lanes[l]! * bytes, true)
        w.put(how.storeLane(address, held, l, offset))
      }
    },
    load,
    holds: (guards) => both(uniformGuards(guards), laneGuards(guards, 0, 0)),
    hoist: (roots, stores) => {
      seen = new Set()
      roots.forEach(hoistExpr)
      stores.forEach((t) => hoistIndex(t.at, dtypes[s.buffers[t.buffer]!.dtype].bytes, t.buffer))
    },
    loop: loops,
    within,
    lanes: (lanes, many, write) => {
      const before = [width, copies] as const
      width = lanes
      copies = many
      write()
      width = before[0]
      copies = before[1]
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
    copies: () => copies,
    width: () => width,
  }
}
