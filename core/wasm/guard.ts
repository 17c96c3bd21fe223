/**
 * Guards as conditions: of numbers that are the same for all lanes, of one lane, of four lanes together.
 * @module
 */
import { indexKey, rangeOf } from "../kernel/affine.ts"
import type { Guard } from "../kernel/kernel.ts"
import type { Addresses } from "./address.ts"
import type { Value } from "./assembler.ts"
import type { Dependence } from "./dependence.ts"
import { i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { Smooth } from "./lanes.ts"
import type { Kept, Setting } from "./setting.ts"
import { plus, type Writer } from "./writer.ts"

type Condition = Value<"i32"> | undefined

/** Writes guards; undefined is a condition that always holds. */
export interface Guards {
  /** Those that are the same for all lanes. */
  readonly uniform: (guards: ReadonlyArray<Guard>) => Condition
  /** Those that are not, at one lane. */
  readonly lane: (guards: ReadonlyArray<Guard>, copy: number, lane: number) => Condition
  /** Those that are not: do all lanes hold, may any? Undefined if the steps between lanes are not known. */
  readonly block: (
    guards: ReadonlyArray<Guard>,
    copy: number,
  ) => { readonly all: Condition; readonly any: Condition } | undefined
  /** No remainder wraps within the lanes. */
  readonly unbroken: (where: Smooth["where"], copy: number) => Condition
  /** All guards, as a mask of four lanes. */
  readonly mask: (guards: ReadonlyArray<Guard>, copy: number) => V128
}

/** Both conditions. */
export const both = (x: Condition, y: Condition): Condition => x === undefined ? y : y === undefined ? x : i32.and(x, y)

/** low <= x < high, as one unsigned comparison. */
const between = (x: Value<"i32">, low: number, high: number): Value<"i32"> =>
  high <= low ? i32.const(0) : i32.ltU(plus(x, -low), high - low)

/** Begins to write guards. */
export const guarding = (w: Writer, s: Setting, d: Dependence, kept: Kept, a: Addresses): Guards => {
  const uniform: Guards["uniform"] = (guards) =>
    guards.filter((g) => !d.indexVaries(g.at)).reduce<Value<"i32"> | undefined>((all, g) => {
      const key = `g${g.low}:${g.high}:${indexKey(g.at, s.name)}`
      const known = kept.found<"i32">(key)
      return both(all, known ?? kept.remember(key, between(a.whole(g.at, 0, 0), g.low, g.high)))
    }, undefined)
  const lane: Guards["lane"] = (guards, copy, lane) =>
    guards.filter((g) => d.indexVaries(g.at)).reduce<Value<"i32"> | undefined>(
      (all, g) => both(all, between(a.whole(g.at, copy, lane), g.low, g.high)),
      undefined,
    )
  const block: Guards["block"] = (guards, copy) => {
    let all: Value<"i32"> | undefined
    let any: Value<"i32"> | undefined
    for (const g of guards.filter((g) => d.indexVaries(g.at))) {
      const lanes = d.lanes(g.at)
      if (lanes === undefined) return undefined
      const [least, most] = [Math.min(...lanes), Math.max(...lanes)]
      const at = w.keep(a.whole(g.at, copy, 0))
      all = both(all, between(at, g.low - least, g.high - most))
      any = both(any, between(at, g.low - most, g.high - least))
    }
    return { all, any }
  }
  const mask: Guards["mask"] = (guards, copy) => {
    const same = uniform(guards)
    const masks = guards.filter((g) => d.indexVaries(g.at)).flatMap((g) => {
      const [least, most] = rangeOf(g.at, s.ranges)
      const at = w.keep(a.lanes(g.at, copy))
      return [
        ...(least < g.low ? [i32x4.geS(at, w.i32(g.low))] : []),
        ...(most >= g.high ? [i32x4.ltS(at, w.i32(g.high))] : []),
      ]
    })
    const all = same === undefined ? masks : [i32x4.splat(i32.sub(0, same)), ...masks]
    return all.length === 0 ? w.i32(-1) : all.reduce((x, y) => v128.and(x, y))
  }
  const unbroken: Guards["unbroken"] = (where, copy) => {
    const asked = new Map(where.map((x) => [`${x.by} ${x.least} ${x.most} ${indexKey(x.of, s.name)}`, x]))
    return [...asked.values()].reduce<Condition>((all, { of, by, least, most }) => {
      const rest = a.rest(of, by, copy)
      return both(all, between(rest, least, by - most))
    }, undefined)
  }
  return { uniform, lane, block, unbroken, mask }
}
