/**
 * Attention of few queries, one or a few, to many keys: what a step of decoding asks. It is as fast as keys and values can
 * be read, once and in the order in which they lie, so keys stand in the lanes of what is done to scores: scores are
 * `[query][key]`, sums `[query][feature]`, and the greatest score and the sum of weights are found across lanes at the end
 * of a block.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import { branchIf, call, type Code, func, type Local, loop, when } from "./assembler.ts"
import type { Pass } from "./attend-pass.ts"
import type { AttendPlan, Operand } from "./attend-plan.ts"
import { type Products, type ProductSpot, rowsAt } from "./attend-product.ts"
import { type AttendScratch, fewPitch } from "./attend-scratch.ts"
import type { Stages } from "./attend-stage.ts"
import { type RowAccess, stepsOf, streaming, summing } from "./contract-row.ts"
import { forUp } from "./emit.ts"
import { f32x4, i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { ConstantPool } from "./kernel.ts"
import { log, power2, tanh } from "./math.ts"
import { type Writer, writer } from "./writer.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Queries. */
const lanesOf = (p: AttendPlan): number => p.laneBlock * (p.sharing ? p.shares : 1)

/** The products of a block of keys and all queries. */
export const fewProducts = (p: AttendPlan, at: AttendScratch, stages: Stages, s: ProductSpot): Products => {
  const { scratch } = s.args
  const lanes = lanesOf(p)
  const pitch = fewPitch(p)
  const source = s.scope.local("i32", "source"), k = s.scope.local("i32", "k"), whole = s.scope.local("i32", "whole")
  const access = (o: Operand, row: number, to: number): RowAccess => ({
    dtype: "f32",
    features: p.context.features,
    rows: lanes,
    right: o.plain?.dtype ?? "f32",
    aRow: row,
    aStep: 4,
    pitch: to,
  })
  return {
    scores: () => {
      const o = p.rows.first
      const a = access(o, 4 * pitch.head, 4 * pitch.strip)
      return call(
        summing(a, o.row, o.plain?.bytes ?? 4, o.features),
        i32.add(scratch, at.first),
        rowsAt(p, at, stages, "first", s),
        i32.add(scratch, at.strip),
        s.count,
      )
    },
    sum: ({ acc, features }) => {
      const o = p.rows.second
      const a = access(o, 4 * pitch.strip, 4 * pitch.value)
      const steps = stepsOf(lanes)
      const some = (n: number): Code =>
        call(
          streaming(a, n, o.row, o.plain?.bytes ?? 4),
          i32.add(i32.add(scratch, at.strip), i32.mul(k, 4)),
          i32.add(source, i32.mul(k, o.row)),
          i32.add(scratch, at.sums[acc]!),
          i32.const(features),
          i32.const(1),
        )
      return [
        source.set(rowsAt(p, at, stages, "second", s)),
        whole.set(i32.sub(s.count, i32.remU(s.count, steps))),
        forUp(k, 0, whole, steps, some(steps)),
        forUp(k, whole, s.count, 1, some(1)),
      ]
    },
  }
}

// -----------------------------------------------------------------------------
// what is done to scores
// -----------------------------------------------------------------------------

interface Few {
  readonly w: Writer
  readonly scratch: Local<"i32">
  /** The first key, in arrays of rows. */
  readonly rows: Local<"i32">
  readonly count: Local<"i32">
}

/** `(scratch, panel, first, skip, count, constants)`, as the passes of `attend-pass.ts`; `skip` is 0. */
const pass = (name: string, p: AttendPlan, pool: ConstantPool, write: (s: Few) => void): Pass =>
  func(name, Array.from({ length: 6 }, () => "i32" as const), [], (scope) => {
    const [scratch, , first, , count, constants] = scope.params as ReadonlyArray<Local<"i32">>
    const w = writer(scope, p.context.features, pool, constants!)
    write({ w, scratch: scratch!, rows: w.keep(i32.add(scratch!, i32.mul(first!, 4))), count: count! })
    return w.body()
  })

/** Does it for every four keys: `at` is their address in strips, `rows` in arrays of rows. */
const eachFour = ({ w, scratch, rows, count }: Few, body: (at: Local<"i32">, rows: Local<"i32">) => void): void => {
  const at = w.fresh("i32"), row = w.fresh("i32"), end = w.fresh("i32")
  w.put([at.set(scratch), row.set(rows), end.set(i32.add(scratch, i32.mul(count, 4)))])
  const code = w.capture(() => body(at, row))
  w.put(loop((again) => [
    code,
    row.set(i32.add(row, 16)),
    branchIf(again, i32.ltU(at.tee(i32.add(at, 16)), end)),
  ]))
}

/** Products to scores: cap, bias, and the lowest number where a pair does not see each other. */
export const fewScores = (p: AttendPlan, at: AttendScratch, pool: ConstantPool, masked: boolean): Pass =>
  pass(masked ? "maskedFew" : "scoresFew", p, pool, (s) => {
    const { w } = s
    const { k } = p
    const pitch = 4 * fewPitch(p).strip
    eachFour(s, (four, rows) => {
      const place = masked && p.ranged ? w.keep(v128.load(rows, at.rowPosition)) : undefined
      const segment = masked && p.segmented ? w.keep(v128.load(rows, at.rowSegment)) : undefined
      range(lanesOf(p)).forEach((r) => {
        const lane = (offset: number): V128 => v128.load32Splat(s.scratch, offset + 4 * r)
        const raw = v128.load(four, at.strip + r * pitch)
        const capped = k.cap > 0 ? f32x4.mul(tanh(w, raw), w.f32(k.cap * Math.LOG2E)) : raw
        const x = k.bias === undefined ? capped : f32x4.add(capped, v128.load(rows, at.bias + r * pitch))
        const sees = [
          ...(place === undefined ? [] : [i32x4.geS(place, lane(at.low)), i32x4.leS(place, lane(at.high))]),
          ...(segment === undefined ? [] : [i32x4.eq(segment, lane(at.laneSegment))]),
        ]
        const all = sees.slice(1).reduce<V128 | undefined>((a, b) => v128.and(a!, b), sees[0])
        w.put(
          v128.store(four, all === undefined ? x : v128.bitselect(x, w.f32(nothing), all), at.strip + r * pitch),
        )
      })
    })
  })

/** The same in all lanes. */
const across = (w: Writer, x: V128, join: (a: V128, b: V128) => V128): Local<"v128"> => {
  const a = w.keep(x)
  const b = w.keep(join(a, v128.shuffle32(a, a, 2, 3, 0, 1)))
  return w.keep(join(b, v128.shuffle32(b, b, 1, 0, 3, 2)))
}

const scaleSums = ({ w, scratch }: Few, p: AttendPlan, at: AttendScratch, r: number, by: V128): void => {
  const a = w.fresh("i32"), end = w.fresh("i32")
  for (const { acc } of p.sums) {
    const { value } = fewPitch(p)
    const offset = at.sums[acc]! + 4 * r * value
    w.put([
      a.set(scratch),
      end.set(i32.add(scratch, 4 * value)),
      loop((again) => [
        v128.store(a, f32x4.mul(v128.load(a, offset), by), offset),
        branchIf(again, i32.ltU(a.tee(i32.add(a, 16)), end)),
      ]),
    ])
  }
}

/** Scores to weights against the greatest so far; the sum of weights, and what was summed before, follow it. */
export const fewSoft = (p: AttendPlan, at: AttendScratch, pool: ConstantPool): Pass =>
  pass("softFew", p, pool, (s) => {
    const { w, scratch, count } = s
    const pitch = 4 * fewPitch(p).strip
    const over = w.keep(i32.and(count, 3))
    const last = w.keep(i32.add(scratch, i32.mul(i32.sub(count, over), 4)))
    const variable = (start: V128): Local<"v128"> => {
      const v = w.fresh("v128")
      w.put(v.set(start))
      return v
    }
    for (const r of range(lanesOf(p))) {
      const strip = at.strip + r * pitch
      // keys beyond the last one are not seen
      const there = i32x4.ltS(w.lanes([0, 1, 2, 3]), i32x4.splat(over))
      w.put(when(over, v128.store(last, v128.bitselect(v128.load(last, strip), w.f32(nothing), there), strip)))
      const before = w.keep(v128.load32Splat(scratch, at.top + 4 * r))
      const most = variable(before)
      eachFour(s, (four) => w.put(most.set(f32x4.pmax(most, v128.load(four, strip)))))
      const top = across(w, most, (a, b) => f32x4.pmax(a, b))
      const base = w.keep(v128.andnot(top, f32x4.le(top, w.f32(nothing))))
      const sum = variable(w.f32(0))
      eachFour(s, (four) => {
        const x = w.keep(power2(w, f32x4.sub(v128.load(four, strip), base)))
        w.put([v128.store(four, x, strip), sum.set(f32x4.add(sum, x))])
      })
      const shrink = w.keep(power2(w, f32x4.sub(before, base)))
      const total = w.madd(v128.load32Splat(scratch, at.total + 4 * r), shrink, across(w, sum, f32x4.add))
      w.put([
        v128.store32Lane(scratch, total, 0, at.total + 4 * r),
        v128.store32Lane(scratch, top, 0, at.top + 4 * r),
        when(v128.anyTrue(f32x4.ne(before, top)), w.capture(() => scaleSums(s, p, at, r, shrink))),
      ])
    }
  })

/** What was summed to means, maxima and sums of weights to log-sum-exps. */
export const fewFinish = (p: AttendPlan, at: AttendScratch, pool: ConstantPool): Pass =>
  pass("finishFew", p, pool, (s) => {
    const { w, scratch } = s
    for (const r of range(lanesOf(p))) {
      const total = w.keep(v128.load32Splat(scratch, at.total + 4 * r))
      const top = w.keep(v128.load32Splat(scratch, at.top + 4 * r))
      const empty = w.keep(f32x4.eq(total, w.f32(0)))
      const lse = v128.bitselect(w.f32(nothing), w.madd(top, w.f32(Math.LN2), log(w, total)), empty)
      w.put(v128.store32Lane(scratch, lse, 0, at.top + 4 * r))
      scaleSums(s, p, at, r, w.keep(v128.andnot(f32x4.div(w.f32(1), total), empty)))
    }
  })
