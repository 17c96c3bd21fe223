/**
 * Loads and stores of four lanes: neighbours at once, a short pattern by shuffles, one for all lanes by a splat, else
 * lane by lane. A guarded load touches memory only where its guards hold; where all lanes hold it is a plain one.
 * @module
 */
import { indexValues } from "../kernel/expression.ts"
import type { Expr, Guard, Index } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import type { Address, Addresses } from "./address.ts"
import { type Code, type Local, when } from "./assembler.ts"
import type { Dependence } from "./dependence.ts"
import type { Guards } from "./guard.ts"
import { type V128, v128 } from "./instructions.ts"
import type { Lanes } from "./lanes.ts"
import type { Kept, Place, Setting, Spot } from "./setting.ts"
import { decode, encode, type Width, widths } from "./stored.ts"
import type { Writer } from "./writer.ts"

/** Writes loads and stores. */
export interface Access {
  /** `asked`: other guards of it are known to hold; without them its address may begin before the memory does. */
  readonly load: (at: Place, guards: ReadonlyArray<Guard>, copy: number, asked: boolean) => V128
  readonly store: (at: Place, value: V128, copy: number) => void
}

/** Lanes within eight neighbours, from one load or two; undefined if they are farther apart. */
const near = (w: Writer, load: (more: number) => V128, lanes: Lanes): V128 | undefined => {
  const [least, most] = [Math.min(...lanes), Math.max(...lanes)]
  const [a, b, c, d] = lanes.map((l) => l - least) as [number, number, number, number]
  if (most - least > 7) return undefined
  const first = load(least)
  if (a === 0 && b === 1 && c === 2 && d === 3) return first
  const kept = w.keep(first)
  return v128.shuffle32(kept, most - least > 3 ? load(least + 4) : kept, a, b, c, d)
}

/** Begins to write loads and stores; `keep` holds the value of an expression. */
export const access = (
  w: Writer,
  s: Setting,
  spot: Spot,
  d: Dependence,
  kept: Kept,
  a: Addresses,
  g: Guards,
  keep: (e: Expr, copy: number) => Local<"v128">,
): Access => {
  const widthOf = (buffer: number): Width => widths[dtypes[s.buffers[buffer]!.dtype].bytes]!
  /** The element of a lane, when it is not one of four neighbours. */
  const lanePlace = (
    { buffer, at }: Place,
    lanes: Lanes | undefined,
    copy: number,
    lane: number,
    folded: boolean,
  ): Address => {
    const { bytes } = dtypes[s.buffers[buffer]!.dtype]
    return lanes === undefined
      ? a.place(buffer, at, copy, lane, 0, folded)
      : a.place(buffer, at, copy, 0, lanes[lane]! * bytes, folded)
  }
  const lanewise = (at: Place, lanes: Lanes | undefined, copy: number, folded: boolean): V128 => {
    const how = widthOf(at.buffer)
    const first = lanePlace(at, lanes, copy, 0, folded)
    return [1, 2, 3].reduce<V128>((v, l) => {
      const { address, offset } = lanePlace(at, lanes, copy, l, folded)
      return how.lane(address, v, l, offset)
    }, how.one(first.address, first.offset))
  }
  const together = (at: Place, lanes: Lanes, copy: number, folded: boolean): V128 => {
    const how = widthOf(at.buffer)
    const { bytes } = dtypes[s.buffers[at.buffer]!.dtype]
    const four = (more: number): V128 => {
      const { address, offset } = a.place(at.buffer, at.at, copy, 0, more * bytes, folded)
      return how.four(address, offset)
    }
    return near(w, four, lanes) ?? lanewise(at, lanes, copy, folded)
  }
  const aside = (write: () => void): Code => w.capture(() => kept.scoped(write))
  /** Where a remainder may wrap within the lanes: asks, and does the one or the other. */
  const either = (at: Index, copy: number, common: (lanes: Lanes) => void, rare: () => void): boolean => {
    const smooth = d.smooth(at)
    const unbroken = smooth === undefined ? undefined : g.unbroken(smooth.where, copy)
    if (unbroken === undefined) return false
    w.put(when(unbroken, aside(() => common(smooth!.lanes)), aside(rare)))
    return true
  }
  const usual = (at: Index, copy: number, common: (lanes: Lanes) => V128, rare: () => V128): V128 | undefined => {
    const r = w.fresh("v128")
    return either(at, copy, (lanes) => w.put(r.set(common(lanes))), () => w.put(r.set(rare()))) ? r : undefined
  }
  /** Raw lanes; all of them must be there. */
  const raw = (at: Place, copy: number, folded: boolean): V128 => {
    const how = widthOf(at.buffer)
    if (!d.indexVaries(at.at) || spot.width === 1) {
      const { address, offset } = a.place(at.buffer, at.at, copy, 0, 0, folded)
      return (d.indexVaries(at.at) ? how.one : how.splat)(address, offset)
    }
    const lanes = d.lanes(at.at)
    if (lanes !== undefined) return together(at, lanes, copy, folded)
    const slow = (): V128 => lanewise(at, undefined, copy, folded)
    return usual(at.at, copy, (common) => together(at, common, copy, false), slow) ?? slow()
  }
  const guarded = (at: Place, guards: ReadonlyArray<Guard>, copy: number): V128 => {
    const how = widthOf(at.buffer)
    // what is computed inside of a condition is not known after it
    const indices: ReadonlyArray<Index> = [at.at, ...guards.map((x) => x.at)]
    for (const v of indices.flatMap(indexValues)) keep(v, d.varies(v) ? copy : 0)
    const uniform = g.uniform(guards)
    const varying = guards.filter((x) => d.indexVaries(x.at))
    const r = w.fresh("v128")
    const full = (): Code => aside(() => w.put(r.set(raw(at, copy, false))))
    const one = (lane: number): Code =>
      aside(() => {
        const { address } = a.place(at.buffer, at.at, copy, lane, 0, false)
        const set = r.set(how.lane(address, r, lane, 0))
        const holds = g.lane(varying, copy, lane)
        w.put(holds === undefined ? set : when(holds, set))
      })
    const each = (): Code => spot.width === 1 ? one(0) : [0, 1, 2, 3].map(one)
    const vary = (): Code =>
      aside(() => {
        if (varying.length === 0) return w.put(full())
        const block = spot.width === 1 ? undefined : g.block(varying, copy)
        if (block?.all === undefined) return w.put(each())
        const any = w.keep(block.any!)
        w.put(when(block.all, full(), when(any, each())))
      })
    w.put(r.set(w.i32(0)))
    w.put(uniform === undefined ? vary() : when(uniform, vary()))
    return r
  }
  return {
    load: (at, guards, copy, asked) =>
      decode[s.buffers[at.buffer]!.dtype](w, guards.length === 0 ? raw(at, copy, !asked) : guarded(at, guards, copy)),
    store: (at, given, copy) => {
      const how = widthOf(at.buffer)
      const held = w.keep(encode[s.buffers[at.buffer]!.dtype](w, given))
      const alone = spot.width === 1 || !d.indexVaries(at.at)
      const lanes = d.lanes(at.at)
      if (alone || lanes?.every((l, i) => l === i)) {
        const { address, offset } = a.place(at.buffer, at.at, copy, 0, 0, true)
        w.put(alone ? how.storeLane(address, held, 0, offset) : how.storeFour(address, held, offset))
        return
      }
      const each = (known: Lanes | undefined): void => {
        for (let l = 0; l < 4; l++) {
          const { address, offset } = lanePlace(at, known, copy, l, known !== undefined && known === lanes)
          w.put(how.storeLane(address, held, l, offset))
        }
      }
      const common = (known: Lanes): void => {
        if (!known.every((l, i) => l === i)) return each(known)
        const { address, offset } = a.place(at.buffer, at.at, copy, 0, 0, false)
        w.put(how.storeFour(address, held, offset))
      }
      if (lanes !== undefined || !either(at.at, copy, common, () => each(undefined))) each(lanes)
    },
  }
}
