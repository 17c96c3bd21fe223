/**
 * How an attention is cut. One side of the scores, queries or keys, stands in the lanes: a task owns a block of them, and
 * the other side runs past in blocks of rows. So that what is summed over rows needs no sums across lanes, scores, weights
 * and results are all held as `[row][lane]` or `[feature][lane]`:
 *
 * | part | lanes | rows | products of a block |
 * | --- | --- | --- | --- |
 * | forward | queries | keys | S = K Q', out' += V' P |
 * | query | queries | keys | S, dP = V dO', dq' += K' dS |
 * | keys | keys | queries | S = Q K', dP = dO V', dv' += dO' P, dk' += Q' dS |
 *
 * The operand in the lanes is packed once a task (the scale goes in there); that of the rows is read where it lies, if it
 * is plain, element by element as the left operand of a tile (`contract-tile.ts`), so nothing else is packed.
 * @module
 */
import { type Variables, variablesOf } from "../kernel/attend.ts"
import type { Attend, Expr, Store } from "../kernel/kernel.ts"
import { type Plain, plainOf, single } from "./contract-operand.ts"
import type { KernelContext } from "./kernel.ts"

/** An operand of the rows. */
export interface RowOperand {
  readonly value: Expr
  /** The variable and number of its features. */
  readonly feature: number
  readonly features: number
  /** Read where it lies; undefined: written to scratch first. */
  readonly plain: Plain | undefined
  /** Bytes from row to row and from feature to feature. */
  readonly row: number
  readonly step: number
}

/** What is summed over rows, and what becomes of it. */
export interface Sum {
  /** Number of the acc. */
  readonly acc: number
  /** The weights: P, or the cotangent of the scores. */
  readonly of: "weights" | "slopes"
  readonly by: "first" | "second"
  readonly features: number
  readonly feature: number
  readonly stores: ReadonlyArray<Store>
}

/** Everything that is decided before code is written. */
export interface AttendPlan {
  readonly k: Attend
  readonly context: KernelContext
  readonly ids: Variables
  readonly lane: "query" | "key"
  readonly row: "query" | "key"
  readonly laneId: number
  readonly rowId: number
  readonly laneCount: number
  readonly rowCount: number
  /** Places of the lane variable, and of the row variable, in a block. */
  readonly laneBlock: number
  readonly rowBlock: number
  /** Query heads that share keys stand side by side in the lanes. */
  readonly sharing: boolean
  /** Lanes of a block at most, rounded up to whole panels. */
  readonly pitch: number
  /** Lanes of a panel, rows of a tile. */
  readonly width: number
  readonly tileRows: number
  readonly first: RowOperand
  readonly second: RowOperand
  readonly sums: ReadonlyArray<Sum>
  readonly ranged: boolean
  readonly segmented: boolean
  /** Positions of the rows are their places. */
  readonly placed: boolean
}

const most = 1024

const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(n, high))

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

/** Is it that variable itself? */
const isPlace = (e: Expr, id: number, size: number): boolean =>
  e.tag === "index" && e.at.base === 0 &&
  (size === 1
    ? e.at.terms.length === 0
    : e.at.terms.length === 1 && e.at.terms[0]!.coef === 1 && e.at.terms[0]!.atom.tag === "var" &&
      e.at.terms[0]!.atom.id === id)

const accOf = (e: Expr): number => e.tag === "acc" ? e.id : e.tag === "round" || e.tag === "cast" ? accOf(e.x) : 0

/** Decides. */
export const attendPlan = (k: Attend, context: KernelContext): AttendPlan => {
  const ids = variablesOf(k)
  const lane = k.part === "keys" ? "key" : "query", row = k.part === "keys" ? "query" : "key"
  const laneCount = k[lane], rowCount = k[row]
  const shares = k.share.reduce((a, b) => a * b, 1)
  const sharing = k.part !== "keys" && shares > 1 && shares * laneCount <= 64
  const wish = { query: k.queryBlock, key: k.keyBlock }
  const laneBlock = sharing
    ? laneCount
    : clamp(wish[lane] > 0 ? wish[lane] : 64, 1, Math.min(most, Math.max(1, laneCount)))
  const rowBlock = clamp(wish[row] > 0 ? wish[row] : 120, 1, Math.min(most, Math.max(1, rowCount)))
  const lanes = laneBlock * (sharing ? shares : 1)
  const wide = context.features.revectorize
  const width = lanes <= 4 ? 4 : lanes <= 8 || !wide ? 8 : 16
  const operand = (value: Expr, which: "head" | "value"): RowOperand => {
    const feature = ids[which], features = k[which]
    const group = (first: number, count: number): { first: number; sizes: ReadonlyArray<number>; count: number } => ({
      first,
      sizes: [count],
      count,
    })
    const found = plainOf(value, group(ids[row], rowCount), group(feature, features), context.buffers)
    const moves = found !== undefined && [...found.lane, ...found.depth].every((s) => s.stride !== 0)
    const plain = found?.dtype === "f32" && moves ? found : undefined
    return {
      ...{ value, feature, features, plain },
      row: plain === undefined ? 4 * features : 4 * single(plain.lane)!,
      step: plain === undefined ? 4 : 4 * single(plain.depth)!,
    }
  }
  const storesOf = (acc: number): ReadonlyArray<Store> => k.stores.filter((s) => accOf(s.value) === acc)
  const sum = (acc: number, of: Sum["of"], by: Sum["by"], which: "head" | "value"): ReadonlyArray<Sum> => {
    const stores = storesOf(acc)
    return stores.length === 0 ? [] : [{ acc, of, by, feature: ids[which], features: k[which], stores }]
  }
  return {
    ...{ k, context, ids, lane, row, laneCount, rowCount, laneBlock, rowBlock, sharing, width },
    laneId: ids[lane],
    rowId: ids[row],
    pitch: roundUp(lanes, width),
    tileRows: width === 4 ? 8 : wide ? 5 : 6,
    first: operand(k.part === "keys" ? k.q : k.k, "head"),
    second: operand(k.part === "keys" ? k.cotangent! : k.v, "value"),
    sums: k.part === "forward"
      ? sum(0, "weights", "second", "value")
      : k.part === "query"
      ? sum(0, "slopes", "first", "head")
      : [...sum(1, "weights", "second", "value"), ...sum(0, "slopes", "first", "head")],
    ranged: k.causal > 0 || k.window > 0,
    segmented: k.querySegment !== undefined && k.keySegment !== undefined,
    placed: isPlace(row === "query" ? k.queryPosition : k.keyPosition, ids[row], rowCount),
  }
}

/** Stores of the log-sum-exp. */
export const lseStores = ({ k }: AttendPlan): ReadonlyArray<Store> =>
  k.part === "forward" ? k.stores.filter((s) => accOf(s.value) === 1) : []
