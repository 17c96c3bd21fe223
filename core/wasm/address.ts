/**
 * Indices and addresses as code. An index is a sum by levels: what belongs to outer loops is computed there and kept,
 * what grows with the loop that is open is counted along by that loop, the distance of copies and lanes is a constant.
 * @module
 */
import { indexKey, rangeOf } from "../kernel/affine.ts"
import type { Atom, Expr, Index } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import { branchIf, type Code, type Local, loop, type Value, when } from "./assembler.ts"
import type { Dependence } from "./dependence.ts"
import { type I32, i32, i32x4, type V128 } from "./instructions.ts"
import type { Kept, Setting, Spot } from "./setting.ts"
import { asValue, plus, type Writer } from "./writer.ts"

/** An address or index: a value and a constant on top. */
export interface Sum {
  readonly value: Value<"i32">
  readonly more: number
}

/** Where an element is. */
export interface Address {
  readonly address: Value<"i32">
  readonly offset: number
}

/** What an address counts from. */
export interface Origin {
  readonly key: string
  readonly value: Value<"i32">
}

/** Writes indices. */
export interface Addresses {
  /** `by * index` on top of an origin; with `upTo` only what is known at that level, to be kept. */
  readonly sum: (i: Index, by: number, origin: Origin | undefined, copy: number, lane: number, upTo?: number) => Sum
  /** An index at a lane of a copy. */
  readonly whole: (i: Index, copy: number, lane: number) => Value<"i32">
  /** Four lanes of an index. */
  readonly lanes: (i: Index, copy: number) => V128
  /** An index at lane 0, modulo `by`. */
  readonly rest: (i: Index, by: number, copy: number) => Value<"i32">
  readonly origin: (buffer: number) => Origin
  /** An element at a lane, `far` bytes on; `folded` if the constant may stand in the instruction. */
  readonly place: (buffer: number, i: Index, copy: number, lane: number, far: number, folded: boolean) => Address
  /** See `Emitter`. */
  readonly loop: (id: number, from: I32, to: I32, step: number, sure: boolean, write: () => void) => void
  /** See `Emitter`. */
  readonly within: (ids: ReadonlyArray<readonly [number, Value<"i32">]>, level: number, write: () => void) => void
}

/** A variable that is bound, and multiples of it that its loop counts along. */
interface Binding {
  readonly value: Value<"i32">
  readonly multiples: Map<number, Local<"i32">> | undefined
}

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

/** Begins to write indices; `keep` holds the value of an expression. */
export const addresses = (
  w: Writer,
  s: Setting,
  spot: Spot,
  d: Dependence,
  kept: Kept,
  keep: (e: Expr, copy: number) => Local<"v128">,
): Addresses => {
  const bindings = new Map<number, Binding>()
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
    if (a.tag === "value") return times(i32x4.extract(keep(a.of, copy), d.varies(a.of) ? lane : 0), by)
    return times(quotient(a.tag, whole(a.of, copy, lane), a.by, rangeOf(a.of, s.ranges)[0]), by)
  }
  const sum: Addresses["sum"] = (i, by, origin, copy, lane, upTo = Infinity) => {
    const fixed = i.terms.filter((t) => !d.atomVaries(t.atom))
    const varying = i.terms.filter((t) => d.atomVaries(t.atom))
    const linear = varying.filter((t) => t.atom.tag === "var")
    const more = linear.reduce((sum, t) => sum + t.coef * by * (4 * copy + lane), 0)
    const levels = [...new Set(fixed.map((t) => d.atomLevel(t.atom)))].sort((a, b) => a - b)
    const plain = i.base * by
    let key = `${origin?.key ?? ""}*${by}:${i.base}`
    let value: I32 = plain
    if (origin !== undefined) {
      const known = kept.found<"i32">(key)
      value = known ?? plus(origin.value, plain)
      if (known === undefined && plain !== 0 && upTo !== Infinity) value = kept.remember(key, asValue(value))
    }
    const add = (terms: typeof i.terms): void => {
      for (const t of terms) value = plus(value, atomAt(t.atom, t.coef * by, copy, lane))
    }
    for (const level of levels) {
      if (level > upTo) return { value: asValue(value), more }
      const terms = fixed.filter((t) => d.atomLevel(t.atom) === level)
      key += `|${indexKey({ base: 0, terms }, s.name)}`
      const known = kept.found<"i32">(key)
      if (known !== undefined) value = known
      else {
        add(terms)
        if (level < spot.depth || upTo !== Infinity) value = kept.remember(key, asValue(value))
      }
    }
    if (varying.some((t) => d.atomLevel(t.atom) > upTo)) return { value: asValue(value), more }
    if (linear.length > 0) {
      key += `|w${spot.width}|${indexKey({ base: 0, terms: linear }, s.name)}`
      const known = kept.found<"i32">(key)
      if (known === undefined) add(linear)
      value = known ?? kept.remember(key, asValue(value))
    }
    add(varying.filter((t) => t.atom.tag !== "var"))
    return { value: asValue(value), more }
  }
  const whole: Addresses["whole"] = (i, copy, lane) => {
    const { value, more } = sum(i, 1, undefined, copy, lane)
    return asValue(plus(value, more))
  }
  const origin: Addresses["origin"] = (buffer) => ({ key: `b${buffer}`, value: s.buffers[buffer]!.address })
  const open = (level: number, write: () => void): void => {
    const before = spot.depth
    spot.depth = level
    kept.scoped(write)
    spot.depth = before
  }
  return {
    sum,
    whole,
    rest: (i, by, copy) => quotient("mod", whole(i, copy, 0), by, rangeOf(i, s.ranges)[0]),
    origin,
    place: (buffer, i, copy, lane, far, folded) => {
      const { value, more } = sum(i, dtypes[s.buffers[buffer]!.dtype].bytes, origin(buffer), copy, lane)
      const total = more + far
      return folded && total >= 0
        ? { address: value, offset: total }
        : { address: asValue(plus(value, total)), offset: 0 }
    },
    lanes: (i, copy) => {
      const lanes = d.lanes(i)
      const first = i32x4.splat(whole(i, copy, 0))
      if (lanes !== undefined) return lanes.every((l) => l === 0) ? first : i32x4.add(first, w.lanes(lanes))
      return [1, 2, 3].reduce<V128>((v, l) => i32x4.replace(v, l, whole(i, copy, l)), w.keep(first))
    },
    loop: (id, from, to, step, sure, write) => {
      const v = w.fresh("i32")
      const multiples = new Map<number, Local<"i32">>()
      bindings.set(id, { value: v, multiples })
      const body = w.capture(() => open(s.level(id), write))
      bindings.delete(id)
      w.put(v.set(asValue(from)))
      for (const [by, local] of multiples) {
        w.put(local.set(typeof from === "number" ? i32.const(from * by) : times(asValue(v), by)))
      }
      const turns: Code = loop((again) => [
        body,
        [...multiples].map(([by, local]) => local.set(i32.add(local, by * step))),
        branchIf(again, i32.ltS(v.tee(i32.add(v, step)), to)),
      ])
      const once = typeof from === "number" && typeof to === "number" && from + step >= to
      w.put(once ? body : sure ? turns : when(i32.ltS(v, to), turns))
    },
    within: (ids, level, write) => {
      for (const [id, value] of ids) bindings.set(id, { value, multiples: undefined })
      open(level, write)
    },
  }
}
