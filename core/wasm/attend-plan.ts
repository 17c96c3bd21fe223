/**
 * How an attention is cut. One side of the scores, queries or keys, stands in the lanes: a task owns a block of them, and
 * the other side runs past in blocks of rows. Scores, weights and results are held as `[row][lane]` or `[feature][lane]`,
 * so nothing is ever summed across lanes:
 *
 * | part | lanes | rows | products of a block |
 * | --- | --- | --- | --- |
 * | forward | queries | keys | S = K Q', out' += V' P |
 * | query | queries | keys | S, dP = V dO', dq' += K' dS |
 * | keys | keys | queries | S = Q K', dP = dO V', dv' += dO' P, dk' += Q' dS |
 *
 * The operand in the lanes is packed once a task, in panels `[feature][lane]` (the scale goes in there); that of the rows
 * is read where it lies, if it lies well, as the left operand of tiles (`contract-tile.ts`): nothing else is packed.
 * @module
 */
import { type Variables, variablesOf } from "../kernel/attend.ts"
import type { Attend, Expr, Index, Store, Term } from "../kernel/kernel.ts"
import { type Group, type Plain, plainOf, single } from "./contract-operand.ts"
import type { KernelContext } from "./kernel.ts"

/** One of the two operands of a side: of the scores, or of the other product. */
export interface Operand {
  readonly value: Expr
  /** The variable and number of its features. */
  readonly feature: number
  readonly features: number
  /** A plain load of f32, if it is one that can be read as it lies: features side by side. */
  readonly plain: Plain | undefined
  /** Bytes from place to place and from feature to feature, where it is read: there, or in scratch as it was written. */
  readonly row: number
  readonly step: number
}

/** What is summed over rows, and what becomes of it. */
export interface Sum {
  /** Number of the acc. */
  readonly acc: number
  /** The weights: P, or the cotangent of the scores. */
  readonly of: "weights" | "slopes"
  /** Which operand of the rows they weigh. */
  readonly by: "first" | "second"
  readonly feature: number
  readonly features: number
  readonly stores: ReadonlyArray<Store>
  /** Where it goes, if that is a plain store of f32, features side by side. */
  readonly plain: Plain | undefined
}

/** Everything that is decided before code is written. */
export interface AttendPlan {
  readonly k: Attend
  readonly context: KernelContext
  readonly ids: Variables
  readonly lane: "query" | "key"
  readonly row: "query" | "key"
  readonly laneCount: number
  readonly rowCount: number
  /** Places of the lane variable, and of the row variable, in a block. */
  readonly laneBlock: number
  readonly rowBlock: number
  /** Query heads that share keys stand side by side in the lanes. */
  readonly sharing: boolean
  /** Query heads that share keys. */
  readonly shares: number
  /** Lanes of a panel, panels of a block at most, rows of a tile. */
  readonly width: number
  readonly panels: number
  readonly tileRows: number
  /** Operands of the lanes; there is no second one in the forward part. */
  readonly lanes: { readonly first: Operand; readonly second: Operand | undefined }
  /** Operands of the rows; written to scratch block by block where they are not plain. */
  readonly rows: { readonly first: Operand; readonly second: Operand }
  readonly sums: ReadonlyArray<Sum>
  /** Stores of the log-sum-exp. */
  readonly lse: ReadonlyArray<Store>
  /** Masked by positions; by segments. */
  readonly ranged: boolean
  readonly segmented: boolean
  /** Where the positions of rows begin, if they are places counted from there. */
  readonly placed: Index | undefined
  /** Few queries: see `attend-few.ts`. */
  readonly few: boolean
}

/** Blocks that are wished for are no larger. */
export const mostInBlock = 1024
/** Query heads that share keys are joined in the lanes where all their queries are no more than this. */
const mostShared = 64
/** Bytes of a block of rows that stay in the first cache. */
const rowBytes = 30 << 10
const enoughTasks = 48
/** Queries that are few, and keys from which that matters; keys of a block then. */
const mostFew = 4
const fewRows = 16
const fewBlock = 128

const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(n, high))
const gcd = (a: number, b: number): number => b === 0 ? a : gcd(b, a % b)
const product = (sizes: ReadonlyArray<number>): number => sizes.reduce((a, b) => a * b, 1)

/** Where positions begin, if they are places counted from there. */
const placesFrom = (e: Expr, id: number, size: number, batch: ReadonlyArray<number>): Index | undefined => {
  if (e.tag !== "index") return undefined
  const of = (t: Term): number => t.atom.tag === "var" ? t.atom.id : -1
  const own = e.at.terms.filter((t) => of(t) === id), rest = e.at.terms.filter((t) => of(t) !== id)
  const counts = own.length === 0 ? size === 1 : own.length === 1 && own[0]!.coef === 1
  return counts && rest.every((t) => batch.includes(of(t))) ? { base: e.at.base, terms: rest } : undefined
}

/** The acc of a store. */
const accOf = (e: Expr): number => e.tag === "acc" ? e.id : e.tag === "round" || e.tag === "cast" ? accOf(e.x) : 0

const group = (first: number, count: number): Group => ({ first, sizes: [count], count })

/** Do rows lie so that a block of them fills the first cache evenly? */
const liesWell = (plain: Plain, features: number): boolean => {
  const row = 4 * Math.abs(single(plain.lane) ?? 0)
  return gcd(row, 4096) <= Math.max(64, 2 ** Math.ceil(Math.log2(4 * features)))
}

/** A block of lanes: so many that rows are read seldom, and that there are tasks for all threads. */
const lanesFor = (count: number, others: number, width: number): number =>
  [128, 64, 32].find((n) => n <= count && n % width === 0 && others * Math.ceil(count / n) >= enoughTasks) ??
    Math.min(count, 2 * width)

/** Decides. */
export const attendPlan = (k: Attend, context: KernelContext): AttendPlan => {
  const ids = variablesOf(k)
  const lane = k.part === "keys" ? "key" : "query", row = k.part === "keys" ? "query" : "key"
  const laneCount = k[lane], rowCount = k[row]
  const shares = product(k.share)
  const sharing = k.part !== "keys" && shares > 1 && shares * laneCount <= mostShared
  const wide = context.features.revectorize
  const alone = k.part === "forward" && laneCount * shares === 1
  const few = k.part === "forward" && laneCount * shares <= mostFew && rowCount >= fewRows
  const operand = (side: "query" | "key", which: "head" | "value", value: Expr): Operand => {
    const feature = ids[which], features = k[which]
    const found = plainOf(value, group(ids[side], k[side]), group(feature, features), context.buffers)
    const moves = found !== undefined && [...found.lane, ...found.depth].every((s) => s.stride !== 0)
    const along = features === 1 || (found !== undefined && single(found.depth) === 1)
    const fits = found?.dtype === "f32" || (few && side === row && found?.dtype === "bf16")
    const well = side === lane ? !sharing && !few : found !== undefined && (alone || liesWell(found, features))
    const plain = fits && moves && along && well ? found : undefined
    return {
      ...{ value, feature, features, plain },
      row: plain === undefined ? 4 * features : plain.bytes * single(plain.lane)!,
      step: plain === undefined ? 4 : plain.bytes * single(plain.depth)!,
    }
  }
  const sum = (acc: number, of: Sum["of"], by: Sum["by"], which: "head" | "value"): ReadonlyArray<Sum> => {
    const stores = k.stores.filter((s) => accOf(s.value) === acc)
    const feature = ids[which], features = k[which]
    return stores.length === 0 ? [] : [{ acc, of, by, feature, features, stores, plain: result(stores, which) }]
  }
  const result = ([store, ...more]: ReadonlyArray<Store>, which: "head" | "value"): Plain | undefined => {
    if (store?.value.tag !== "acc" || more.length > 0 || sharing || few) return undefined
    const as: Expr = { tag: "load", dtype: "f32", buffer: store.buffer, at: store.at, guards: [] }
    const plain = plainOf(as, group(ids[lane], laneCount), group(ids[which], k[which]), context.buffers)
    return plain?.dtype === "f32" && (k[which] === 1 || single(plain.depth) === 1) ? plain : undefined
  }
  const q = operand("query", "head", k.q), keys = operand("key", "head", k.k), values = operand("key", "value", k.v)
  const cotangent = k.cotangent === undefined ? undefined : operand("query", "value", k.cotangent)
  const wish = { query: k.queryBlock, key: k.keyBlock }
  const block = (which: "query" | "key", own: number): number =>
    clamp(wish[which] > 0 ? Math.min(wish[which], mostInBlock) : own, 1, Math.max(1, k[which]))
  const others = product(k.batch) * (k.part === "keys" || sharing ? 1 : shares)
  const laneBlock = sharing ? laneCount : block(lane, lanesFor(laneCount, others, wide ? 16 : 8))
  const lanes = laneBlock * (sharing ? shares : 1)
  const width = lanes <= 4 ? 4 : lanes <= 8 || !wide ? 8 : 16
  const tileRows = width === 4 ? 8 : wide ? 5 : 6
  const fitting = Math.floor(rowBytes / (4 * Math.max(1, k.head, k.value)))
  return {
    ...{ k, context, ids, lane, row, laneCount, rowCount, laneBlock, sharing, shares, width, tileRows },
    rowBlock: block(row, few ? fewBlock : clamp(fitting - fitting % 30, 30, 120)),
    few,
    panels: Math.max(1, Math.ceil(lanes / width)),
    lanes: k.part === "keys" ? { first: keys, second: values } : { first: q, second: cotangent },
    rows: k.part === "keys" ? { first: q, second: cotangent! } : { first: keys, second: values },
    sums: k.part === "forward"
      ? sum(0, "weights", "second", "value")
      : k.part === "query"
      ? sum(0, "slopes", "first", "head")
      : [...sum(1, "weights", "second", "value"), ...sum(0, "slopes", "first", "head")],
    lse: k.part === "forward" ? k.stores.filter((s) => accOf(s.value) === 1) : [],
    ranged: k.causal > 0 || k.window > 0,
    segmented: k.querySegment !== undefined && k.keySegment !== undefined,
    placed: placesFrom(row === "query" ? k.queryPosition : k.keyPosition, ids[row], rowCount, ids.batch),
  }
}
