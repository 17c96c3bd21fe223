/**
 * The loops around an attention: what writes blocks of its operands to scratch, and what stores its results.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import type { Expr, Store } from "../kernel/kernel.ts"
import { blockOf, featureSide, laneSide, rowSide, type Side, storesOf } from "./attend-block.ts"
import { interval } from "./attend-mask.ts"
import type { AttendPlan, Operand } from "./attend-plan.ts"
import { type AttendScratch, fewPitch } from "./attend-scratch.ts"
import type { Inner, LowerLoop } from "./contract-loop.ts"
import type { Placed } from "./contract.ts"
import { mostInBlock } from "./attend-plan.ts"

/** Loops over blocks, by the number of places in the block: the usual one and the last. */
export type Sized = ReadonlyMap<number, Placed>

/** What blocks are written of; names as in `AttendScratch`. */
export interface AttendLoops {
  readonly first: Sized | undefined
  readonly second: Sized | undefined
  readonly low: Sized | undefined
  readonly high: Sized | undefined
  readonly laneSegment: Sized | undefined
  readonly lse: Sized | undefined
  readonly delta: Sized | undefined
  readonly rowPosition: Sized | undefined
  readonly rowSegment: Sized | undefined
  readonly rowFirst: Sized | undefined
  readonly rowSecond: Sized | undefined
  /** By `biasSize`. */
  readonly bias: Sized | undefined
  /** What is stored, from where in scratch. */
  readonly stores: ReadonlyArray<readonly [at: number, Sized]>
}

/** The number of a size of blocks of bias. */
export const biasSize = (lanes: number, rows: number): number => 2 * mostInBlock * lanes + rows

const times = (x: Expr, by: number): Expr =>
  by === 1 ? x : { tag: "binary", dtype: "f32", fn: "mul", x, y: { tag: "const", dtype: "f32", value: by } }

/** The log-sum-exp in units of log 2; of a query that sees nothing some number, as its weights are 0. */
const lseOf = (e: Expr): Expr => ({
  tag: "select",
  dtype: "f32",
  c: { tag: "binary", dtype: "bool", fn: "gt", x: e, y: { tag: "const", dtype: "f32", value: nothing / 2 } },
  x: times(e, Math.LOG2E),
  y: { tag: "const", dtype: "f32", value: 0 },
})

const sizesAlong = (count: number, block: number): ReadonlyArray<number> =>
  [...new Set([Math.min(block, count), count % block === 0 ? block : count % block])].filter((n) => n > 0)

/** What products are multiplied by to be scores in units of log 2, or arguments of the cap. */
export const scoreScale = ({ k }: AttendPlan): number => k.cap > 0 ? k.scale / k.cap : k.scale * Math.LOG2E

/** Writes the loops; `place` finds room for the constants and scratch of each. */
export const attendLoops = (
  p: AttendPlan,
  at: AttendScratch,
  place: (i: Inner) => Placed,
  lowerLoop: LowerLoop,
): AttendLoops => {
  const { k } = p
  const laneSizes = sizesAlong(p.laneCount, p.laneBlock), rowSizes = sizesAlong(p.rowCount, p.rowBlock)
  const each = (sizes: ReadonlyArray<number>, of: (n: number) => Inner): Sized =>
    new Map(sizes.map((n) => [n, place(of(n))]))
  const block = (value: Expr, ...sides: ReadonlyArray<Side>): Inner => blockOf(p, value, sides, lowerLoop)
  const laneArray = (e: Expr | undefined): Sized | undefined =>
    e === undefined ? undefined : each(laneSizes, (n) => block(e, laneSide(p, n)))
  const rowArray = (e: Expr | undefined): Sized | undefined =>
    e === undefined ? undefined : each(rowSizes, (n) => block(e, rowSide(p, n, 1)))
  const pitch = fewPitch(p)
  /** Features of lanes as they stand in scratch. */
  const featured = (id: number, features: number, few: number, n: number): ReadonlyArray<Side> =>
    p.few
      ? [laneSide(p, n, { pitch: few }), featureSide(id, features, 1)]
      : [featureSide(id, features, p.width), laneSide(p, n, { features })]
  const laneFeatures = (o: Operand, scale: number): Sized | undefined =>
    o.plain !== undefined
      ? undefined
      : each(laneSizes, (n) => block(times(o.value, scale), ...featured(o.feature, o.features, pitch.head, n)))
  const rowFeatures = (o: Operand): Sized | undefined =>
    o.plain !== undefined
      ? undefined
      : each(rowSizes, (n) => block(o.value, rowSide(p, n, o.features), featureSide(o.feature, o.features, 1)))
  const stores = (
    from: number,
    list: ReadonlyArray<Store>,
    sides: (n: number) => ReadonlyArray<Side>,
    scale: number,
  ): AttendLoops["stores"] =>
    list.length === 0
      ? []
      : [[from, each(laneSizes, (n) => storesOf(p, list, sides(n), (e) => times(e, scale), lowerLoop))]]
  const atLanes = p.lane === "query"
  const sees = p.ranged ? interval(p) : undefined
  const [laneSegment, rowSegment] = atLanes ? [k.querySegment, k.keySegment] : [k.keySegment, k.querySegment]
  const ofQueries = atLanes ? laneArray : rowArray
  const { second } = p.lanes
  const { bias } = k
  return {
    first: laneFeatures(p.lanes.first, scoreScale(p)),
    second: second && laneFeatures(second, 1),
    low: laneArray(sees?.low),
    high: laneArray(sees?.high),
    laneSegment: p.segmented ? laneArray(laneSegment) : undefined,
    lse: ofQueries(k.lse && lseOf(k.lse)),
    delta: ofQueries(k.delta),
    rowPosition: p.ranged ? rowArray(atLanes ? k.keyPosition : k.queryPosition) : undefined,
    rowSegment: p.segmented ? rowArray(rowSegment) : undefined,
    rowFirst: rowFeatures(p.rows.first),
    rowSecond: rowFeatures(p.rows.second),
    bias: bias && new Map(
      laneSizes.flatMap((l) =>
        rowSizes.map((r) => [
          biasSize(l, r),
          place(block(
            times(bias, Math.LOG2E),
            rowSide(p, r, p.few ? 1 : p.panels * p.width),
            laneSide(p, l, { pitch: p.few ? pitch.strip : 1 }),
          )),
        ])
      ),
    ),
    stores: [
      ...p.sums.filter((s) => s.plain === undefined).flatMap((s) =>
        stores(
          at.sums[s.acc]!,
          s.stores,
          (n) => featured(s.feature, s.features, pitch.value, n),
          s.of === "slopes" ? k.scale : 1,
        )
      ),
      ...stores(at.top, p.lse, (n) => [laneSide(p, n)], 1),
    ],
  }
}
