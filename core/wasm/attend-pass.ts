/**
 * What is done to a strip of scores, `[row][lane]`, between its products: cap, bias and mask; the running softmax
 * (Milakov and Gimelshein, 2018); the cotangent of the scores. Scores are in units of log 2, so that a weight is a power
 * of 2 without a product. Every lane has its own maximum and sum: nothing goes across lanes.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import { branchIf, type Func, func, type Local, loop, when } from "./assembler.ts"
import type { AttendPlan } from "./attend-plan.ts"
import type { AttendScratch } from "./attend-scratch.ts"
import { f32x4, i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { ConstantPool } from "./kernel.ts"
import { log, power2, tanh } from "./math.ts"
import { type Writer, writer } from "./writer.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** What a pass is given, as addresses. */
interface Strip {
  readonly w: Writer
  readonly scratch: Local<"i32">
  readonly panel: Local<"i32">
  /** The panel's part of arrays of lanes. */
  readonly lanes: Local<"i32">
  /** The first row, in arrays of rows and in the strip. */
  readonly rows: Local<"i32">
  readonly strip: Local<"i32">
  readonly bias: Local<"i32">
  readonly count: Local<"i32">
  /** Vectors of a row. */
  readonly vectors: ReadonlyArray<number>
}

/**
 * `(scratch, panel, first, skip, count, constants)`: `count` rows of a strip that begins at row `first` of its block, but
 * for `skip` rows at its beginning.
 */
export type Pass = Func

const pass = (name: string, p: AttendPlan, pool: ConstantPool, write: (s: Strip) => void): Pass =>
  func(name, Array.from({ length: 6 }, () => "i32" as const), [], (scope) => {
    const [scratch, panel, first, skip, count, constants] = scope.params as ReadonlyArray<Local<"i32">>
    const w = writer(scope, p.context.features, pool, constants!)
    const bytes = 4 * p.width
    const row = w.keep(i32.add(first!, skip!))
    const lanes = w.keep(i32.add(scratch!, i32.mul(panel!, bytes)))
    write({
      ...{ w, scratch: scratch!, panel: panel!, lanes, count: count! },
      rows: w.keep(i32.add(scratch!, i32.mul(row, 4))),
      strip: w.keep(i32.add(scratch!, i32.mul(skip!, bytes))),
      bias: w.keep(p.k.bias === undefined ? lanes : i32.add(lanes, i32.mul(row, bytes * p.panels))),
      vectors: range(p.width / 4),
    })
    return w.body()
  })

/** Runs `body` for every row: `at` is its address in strips, `row` in arrays of rows, `bias` in the block of bias. */
const eachRow = (
  s: Strip,
  p: AttendPlan,
  body: (at: Local<"i32">, row: Local<"i32">, bias: Local<"i32">) => void,
): void => {
  const { w } = s
  const at = w.fresh("i32"), row = w.fresh("i32"), bias = w.fresh("i32"), end = w.fresh("i32")
  const bytes = 4 * p.width
  w.put([at.set(s.strip), row.set(s.rows), bias.set(s.bias), end.set(i32.add(s.strip, i32.mul(s.count, bytes)))])
  const code = w.capture(() => body(at, row, bias))
  w.put(when(
    i32.gtS(s.count, 0),
    loop((again) => [
      code,
      row.set(i32.add(row, 4)),
      p.k.bias === undefined ? [] : bias.set(i32.add(bias, bytes * p.panels)),
      branchIf(again, i32.ltU(at.tee(i32.add(at, bytes)), end)),
    ]),
  ))
}

/** Products to scores: cap, bias, and where a pair does not see each other the lowest number. */
export const scorePass = (p: AttendPlan, at: AttendScratch, pool: ConstantPool, masked: boolean): Pass =>
  pass(masked ? "maskedScores" : "scores", p, pool, (s) => {
    const { w } = s
    const { k } = p
    const low = w.f32(nothing)
    const lane = (offset: number, j: number): V128 => v128.load(s.lanes, offset + 16 * j)
    eachRow(s, p, (row, rows, bias) => {
      const place = masked && p.ranged ? w.keep(v128.load32Splat(rows, at.rowPosition)) : undefined
      const segment = masked && p.segmented ? w.keep(v128.load32Splat(rows, at.rowSegment)) : undefined
      const made = s.vectors.map((j): V128 => {
        const raw = v128.load(row, at.strip + 16 * j)
        let x: V128 = raw
        if (k.cap > 0) {
          const bent = w.keep(tanh(w, raw))
          if (k.part !== "forward") w.put(v128.store(row, w.nmadd(bent, bent, w.f32(1)), at.bends + 16 * j))
          x = f32x4.mul(bent, w.f32(k.cap * Math.LOG2E))
        }
        if (k.bias !== undefined) x = f32x4.add(x, v128.load(bias, at.bias + 16 * j))
        const sees = [
          ...(place === undefined ? [] : [
            i32x4.geS(place, lane(at.low, j)),
            i32x4.leS(place, lane(at.high, j)),
          ]),
          ...(segment === undefined ? [] : [i32x4.eq(segment, lane(at.laneSegment, j))]),
        ]
        const all = sees.slice(1).reduce<V128 | undefined>((a, b) => v128.and(a!, b), sees[0])
        return w.keep(all === undefined ? x : v128.bitselect(x, low, all))
      })
      made.forEach((x, j) => w.put(v128.store(row, x, at.strip + 16 * j)))
    })
  })

/** Multiplies what is summed. */
const scaleSums = (s: Strip, p: AttendPlan, at: AttendScratch, by: ReadonlyArray<V128>): void => {
  const { w } = s
  for (const { acc, features } of p.sums) {
    const a = w.fresh("i32"), end = w.fresh("i32")
    const bytes = 4 * p.width
    const offset = (j: number): number => at.sums[acc]! + 16 * j
    w.put([
      a.set(i32.add(s.scratch, i32.mul(s.panel, bytes * features))),
      end.set(i32.add(a, bytes * features)),
      loop((again) => [
        s.vectors.map((j) => v128.store(a, f32x4.mul(v128.load(a, offset(j)), by[j]!), offset(j))),
        branchIf(again, i32.ltU(a.tee(i32.add(a, bytes)), end)),
      ]),
    ])
  }
}

/** Scores to weights against the greatest so far; the sum of weights, and what was summed before, follow it. */
export const softPass = (p: AttendPlan, at: AttendScratch, pool: ConstantPool): Pass =>
  pass("soft", p, pool, (s) => {
    const { w } = s
    const before = s.vectors.map((j) => w.keep(v128.load(s.lanes, at.top + 16 * j)))
    const top = before.map((b) => {
      const t = w.fresh("v128")
      w.put(t.set(b))
      return t
    })
    eachRow(s, p, (row) => {
      s.vectors.forEach((j) => w.put(top[j]!.set(f32x4.pmax(top[j]!, v128.load(row, at.strip + 16 * j)))))
    })
    top.forEach((t, j) => w.put(v128.store(s.lanes, t, at.top + 16 * j)))
    // a lane that has seen nothing has no maximum to subtract: its scores are far below any
    const base = top.map((t) => w.keep(v128.andnot(t, f32x4.le(t, w.f32(nothing)))))
    const total = s.vectors.map(() => {
      const t = w.fresh("v128")
      w.put(t.set(w.f32(0)))
      return t
    })
    eachRow(s, p, (row) => {
      const weights = s.vectors.map((j) => w.keep(power2(w, f32x4.sub(v128.load(row, at.strip + 16 * j), base[j]!))))
      weights.forEach((x, j) => w.put(v128.store(row, x, at.strip + 16 * j)))
      weights.forEach((x, j) => w.put(total[j]!.set(f32x4.add(total[j]!, x))))
    })
    const shrink = s.vectors.map((j) => w.keep(power2(w, f32x4.sub(before[j]!, base[j]!))))
    s.vectors.forEach((j) => {
      const sum = w.madd(v128.load(s.lanes, at.total + 16 * j), shrink[j]!, total[j]!)
      w.put(v128.store(s.lanes, sum, at.total + 16 * j))
    })
    const grew = s.vectors.map((j): V128 => f32x4.ne(before[j]!, top[j]!)).reduce((a, b) => v128.or(a, b))
    w.put(when(v128.anyTrue(grew), w.capture(() => scaleSums(s, p, at, shrink))))
  })

/** Scores and cotangents of weights to weights and cotangents of scores, less the scale. */
export const slopePass = (p: AttendPlan, at: AttendScratch, pool: ConstantPool): Pass =>
  pass("slopes", p, pool, (s) => {
    const { w } = s
    const lanes = p.lane === "query"
    const own = (offset: number): ReadonlyArray<V128> | undefined =>
      lanes ? s.vectors.map((j) => w.keep(v128.load(s.lanes, offset + 16 * j))) : undefined
    const lse = own(at.lse), delta = own(at.delta)
    const both = p.sums.some((sum) => sum.of === "slopes")
    eachRow(s, p, (row, rows) => {
      const rowLse = lanes ? undefined : w.keep(v128.load32Splat(rows, at.lse))
      const rowDelta = lanes ? undefined : w.keep(v128.load32Splat(rows, at.delta))
      const weights = s.vectors.map((j) => {
        const x = f32x4.sub(v128.load(row, at.strip + 16 * j), lse?.[j] ?? rowLse!)
        return w.keep(power2(w, f32x4.pmin(x, w.f32(128))))
      })
      const slopes = !both ? [] : s.vectors.map((j) => {
        const change = f32x4.sub(v128.load(row, at.change + 16 * j), delta?.[j] ?? rowDelta!)
        const plain = f32x4.mul(weights[j]!, change)
        const bent = p.k.cap > 0 ? f32x4.mul(plain, v128.load(row, at.bends + 16 * j)) : plain
        // a pair that does not see each other gives 0 whatever its values are
        return w.keep(v128.and(bent, f32x4.ne(weights[j]!, w.f32(0))))
      })
      weights.forEach((x, j) => w.put(v128.store(row, x, at.strip + 16 * j)))
      slopes.forEach((x, j) => w.put(v128.store(row, x, at.change + 16 * j)))
    })
  })

/** What was summed to means, maxima and sums of weights to log-sum-exps. */
export const finishPass = (p: AttendPlan, at: AttendScratch, pool: ConstantPool): Pass =>
  pass("finish", p, pool, (s) => {
    const { w } = s
    const scales = s.vectors.map((j) => {
      const total = w.keep(v128.load(s.lanes, at.total + 16 * j))
      const top = w.keep(v128.load(s.lanes, at.top + 16 * j))
      const empty = w.keep(f32x4.eq(total, w.f32(0)))
      const lse = w.madd(top, w.f32(Math.LN2), log(w, total))
      w.put(v128.store(s.lanes, v128.bitselect(w.f32(nothing), lse, empty), at.top + 16 * j))
      return w.keep(v128.andnot(f32x4.div(w.f32(1), total), empty))
    })
    scaleSums(s, p, at, scales)
  })
