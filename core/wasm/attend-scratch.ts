/**
 * Where the parts of a task's scratch lie, in bytes.
 * @module
 */
import type { AttendPlan } from "./attend-plan.ts"
import type { Stages } from "./attend-stage.ts"

/** Byte offsets. Arrays of lanes hold one number for each lane of a block, arrays of rows one for each row of a block. */
export interface AttendScratch {
  /** `[panel][feature][lane]`, or `[lane][feature]` where they are few: the operands in the lanes. */
  readonly first: number
  readonly second: number
  /** Arrays of lanes. */
  readonly low: number
  readonly high: number
  readonly laneSegment: number
  readonly top: number
  readonly total: number
  /** Arrays of queries: of lanes or of rows. */
  readonly lse: number
  readonly delta: number
  /** Arrays of rows. */
  readonly rowPosition: number
  readonly rowSegment: number
  /** `[row][lane of a panel]`, or `[lane][row]`: scores or weights, cotangents of them, slopes of the cap. */
  readonly strip: number
  readonly change: number
  readonly bends: number
  /** `[row][lane]`, or `[lane][row]`. */
  readonly bias: number
  /** `[panel][feature][lane]`, or `[lane][feature]`, by acc. */
  readonly sums: ReadonlyArray<number>
  /** `[row][feature]`: operands of the rows that are not read where they lie. */
  readonly rowFirst: number
  readonly rowSecond: number
  /** Least and greatest of what the lanes see: of each panel, then of all lanes. */
  readonly extents: number
  /** Of all of it. */
  readonly bytes: number
}

/** Bytes of the extents of some lanes. */
export const extentBytes = 24

/** Elements from query to query where they are few: of their operand, of sums, of scores and bias. */
export const fewPitch = ({ k, rowBlock }: AttendPlan): {
  readonly head: number
  readonly value: number
  readonly strip: number
} => {
  const fours = (n: number): number => Math.ceil(n / 4) * 4
  return { head: fours(k.head), value: fours(k.value), strip: fours(rowBlock) + 4 }
}

/** Lays out. */
export const attendScratch = (p: AttendPlan, stages: Stages): AttendScratch => {
  let end = 0
  const take = (elements: number): number => {
    const at = end
    end += Math.ceil(4 * elements / 64) * 64 + (elements > 0 ? 64 : 0)
    return at
  }
  const lanes = p.panels * p.width, rows = p.rowBlock
  const backward = p.k.part !== "forward"
  const masks = p.ranged || p.segmented ? 1 : 0
  const queries = backward ? (p.lane === "query" ? lanes : rows) : 0
  const { k } = p
  const pitch = fewPitch(p)
  const own = (which: "first" | "second"): number =>
    p.rows[which].plain === undefined && stages[which] === undefined ? rows * p.rows[which].features : 0
  const strip = p.width * (p.few ? pitch.strip : rows)
  return {
    first: take((p.few ? pitch.head : k.head) * lanes),
    second: take(backward ? k.value * lanes : 0),
    low: take(masks * lanes),
    high: take(masks * lanes),
    laneSegment: take(masks * lanes),
    top: take(backward ? 0 : lanes),
    total: take(backward ? 0 : lanes),
    lse: take(queries),
    delta: take(queries),
    rowPosition: take(masks * rows),
    rowSegment: take(masks * rows),
    strip: take(strip),
    change: take(backward ? strip : 0),
    bends: take(backward && k.cap > 0 ? strip : 0),
    bias: take(k.bias === undefined ? 0 : p.few ? strip : lanes * rows),
    sums: [0, 1].map((acc) => {
      const features = p.sums.find((s) => s.acc === acc)?.features ?? 0
      return take((p.few && features > 0 ? pitch.value : features) * lanes)
    }),
    rowFirst: take(own("first")),
    rowSecond: take(own("second")),
    extents: take(masks * (p.panels + 1) * extentBytes / 4),
    bytes: end,
  }
}
