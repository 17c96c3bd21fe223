/**
 * Folds in registers: several copies of four lanes run side by side and are joined at the end in a fixed order, lanes
 * last. A long sum of floats is flushed into a second sum now and then, so that its error grows with the root of its
 * length at worst. `max` and `min` of floats remember a NaN apart, since the one instruction that is fast forgets it.
 * @module
 */
import type { ReduceFn } from "../graph/node.ts"
import type { Compute } from "../tensor/dtype.ts"
import type { Local } from "./assembler.ts"
import { constantOn, emptyFold, foldOn } from "./function.ts"
import { f32x4, i32x4, type V128, v128 } from "./instructions.ts"
import type { Writer } from "./writer.ts"

/** A fold that is being written. */
export interface Accumulator {
  /** Nothing folded yet. */
  readonly start: () => void
  /** Takes the lanes of one copy (only lane 0 if `width` is 1); `at` is the position, for argmax and argmin. */
  readonly step: (x: V128, copy: number, width: number, at?: V128) => void
  /** Empties the running sums into the long ones. */
  readonly flush: (() => void) | undefined
  /** The result: one for all lanes, or one per copy. */
  readonly finish: () => ReadonlyArray<V128>
}

/** How the lanes are used. */
export interface Shape {
  readonly copies: number
  /** Lanes are folded together; else every lane is a fold of its own. */
  readonly along: boolean
  /** Single elements come after the lanes. */
  readonly tail: boolean
  /** So many elements that a sum of floats must be flushed. */
  readonly long: boolean
}

type Locals = ReadonlyArray<Local<"v128">>

const locals = (w: Writer, n: number): Locals => Array.from({ length: n }, () => w.fresh("v128"))

/** Joins a list pairwise: (0, 1), (2, 3), ... again and again. */
const tree = <A>(items: ReadonlyArray<A>, join: (a: A, b: A) => A): A => {
  if (items.length === 1) return items[0]!
  const half = Array.from(
    { length: Math.ceil(items.length / 2) },
    (_, i) => 2 * i + 1 < items.length ? join(items[2 * i]!, items[2 * i + 1]!) : items[2 * i]!,
  )
  return tree(half, join)
}

/** Folds the four lanes into all lanes. */
const across = (w: Writer, x: V128, join: (a: V128, b: V128) => V128): V128 => {
  const a = w.keep(x)
  const b = w.keep(join(a, v128.shuffle32(a, a, 2, 3, 0, 1)))
  return join(b, v128.shuffle32(b, b, 1, 0, 3, 2))
}

const lane0 = (x: V128): V128 => v128.shuffle32(x, x, 0, 0, 0, 0)

const simple = (
  w: Writer,
  start: V128,
  join: (a: V128, b: V128) => V128,
  shape: Shape,
  flushed: boolean,
): Accumulator => {
  const slots = shape.copies + (shape.tail ? 1 : 0)
  const running = locals(w, slots)
  const totals = flushed ? locals(w, slots) : running
  return {
    start: () => [...running, ...(flushed ? totals : [])].forEach((l) => w.put(l.set(start))),
    step: (x, copy, width) => {
      const l = shape.along && width === 1 ? running[shape.copies]! : running[copy]!
      w.put(l.set(join(l, x)))
    },
    flush: flushed
      ? () =>
        running.forEach((l, i) => {
          w.put(totals[i]!.set(join(totals[i]!, l)))
          w.put(l.set(start))
        })
      : undefined,
    finish: () => {
      if (!shape.along) return totals.slice(0, shape.copies)
      const lanes = across(w, tree<V128>(totals.slice(0, shape.copies), join), join)
      return [w.keep(shape.tail ? join(lanes, lane0(totals[shape.copies]!)) : lanes)]
    },
  }
}

/** max or min of f32 with NaN: `pmax(acc, x)` keeps acc where x is NaN, so NaNs are gathered in a mask. */
const extreme = (w: Writer, fn: "max" | "min", shape: Shape): Accumulator => {
  const prefer = fn === "max" ? f32x4.pmax : f32x4.pmin
  const best = simple(w, w.f32(fn === "max" ? -Infinity : Infinity), prefer, shape, false)
  const nan = simple(w, w.i32(0), v128.or, shape, false)
  return {
    start: () => {
      best.start()
      nan.start()
    },
    step: (given, copy, width) => {
      const x = w.keep(given)
      best.step(x, copy, width)
      nan.step(f32x4.ne(x, x), copy, width)
    },
    flush: undefined,
    finish: () => {
      const masks = nan.finish()
      return best.finish().map((b, i) => w.keep(v128.or(b, masks[i]!)))
    },
  }
}

interface Best {
  readonly value: V128
  readonly at: V128
}

/** Positions of the greatest or least: of equals the first, and NaN before all. */
const position = (w: Writer, fn: "argmax" | "argmin", of: Compute, shape: Shape): Accumulator => {
  const slots = shape.copies + (shape.tail ? 1 : 0)
  const values = locals(w, slots)
  const places = locals(w, slots)
  const float = of === "f32"
  const empty = constantOn(w, of, emptyFold(fn === "argmax" ? "max" : "min", of))
  const within = of === "f32"
    ? (fn === "argmax" ? f32x4.le : f32x4.ge)
    : of === "i32"
    ? (fn === "argmax" ? i32x4.leS : i32x4.geS)
    : (fn === "argmax" ? i32x4.leU : i32x4.geU)
  const equal = float ? f32x4.eq : i32x4.eq
  const isNaN = (x: V128): V128 => float ? f32x4.ne(x, x) : w.i32(0)
  /** Does x beat best? Not if x <= best, nor if best is NaN already. */
  const beats = (x: V128, best: V128): V128 => v128.not(v128.or(within(x, best), isNaN(best)))
  const join = (a: Best, b: Best): Best => {
    const [x, y, i, j] = [w.keep(a.value), w.keep(b.value), w.keep(a.at), w.keep(b.at)]
    const tie = v128.or(equal(x, y), v128.and(isNaN(x), isNaN(y)))
    const take = w.keep(v128.or(beats(y, x), v128.and(tie, i32x4.ltS(j, i))))
    return { value: w.keep(v128.bitselect(y, x, take)), at: w.keep(v128.bitselect(j, i, take)) }
  }
  const turned = (b: Best, ...lanes: readonly [number, number, number, number]): Best => ({
    value: v128.shuffle32(b.value, b.value, ...lanes),
    at: v128.shuffle32(b.at, b.at, ...lanes),
  })
  return {
    start: () => {
      values.forEach((l) => w.put(l.set(empty)))
      places.forEach((l) => w.put(l.set(w.i32(0))))
    },
    step: (given, copy, width, at) => {
      const slot = shape.along && width === 1 ? shape.copies : copy
      const [best, place] = [values[slot]!, places[slot]!]
      const x = w.keep(given)
      const take = w.keep(beats(x, best))
      w.put(place.set(v128.bitselect(at!, place, take)))
      w.put(best.set(v128.bitselect(x, best, take)))
    },
    flush: undefined,
    finish: () => {
      const all = values.map((value, i): Best => ({ value, at: places[i]! }))
      if (!shape.along) return all.slice(0, shape.copies).map((b) => b.at)
      const one = tree(all.slice(0, shape.copies), join)
      const two = join(one, turned(one, 2, 3, 0, 1))
      const four = join(two, turned(two, 1, 0, 3, 2))
      return [w.keep(shape.tail ? join(four, turned(all[shape.copies]!, 0, 0, 0, 0)).at : four.at)]
    },
  }
}

/** Begins a fold of values of that dtype. */
export const accumulator = (w: Writer, fn: ReduceFn, of: Compute, shape: Shape): Accumulator => {
  if (fn === "argmax" || fn === "argmin") return position(w, fn, of, shape)
  if (of === "f32" && (fn === "max" || fn === "min")) return extreme(w, fn, shape)
  const join = (a: V128, b: V128): V128 => foldOn(fn, of)(w, a, b)
  return simple(w, constantOn(w, of, emptyFold(fn, of)), join, shape, shape.long && fn === "sum" && of === "f32")
}
