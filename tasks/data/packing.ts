/**
 * Examples in rows, in three ways. `stream` is LWM's released way: one stream of tokens, cut anywhere. `pad` gives each
 * example a row. `masked` is the paper's (LWM, 2024, 3.3 and table 10): examples share rows, each attends to itself only,
 * its positions begin at 0, and it counts in the loss as if it stood alone and padded.
 *
 * An example of n tokens takes n - 1 places: the last token is only a target. No target crosses from one example to the
 * next but in `stream`.
 * @module
 */
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { Example, Packing, Rows } from "./example.ts"
import { type Filling, type Part, partsOf, rowsOf, type Shape, tallied, type TallyPacking } from "./parts.ts"

export type { Filling, Long, Tallied, Tally, TallyPacking } from "./parts.ts"

// ---- one stream ------------------------------------------------------------

/**
 * All examples as one stream of tokens, cut every `time` tokens: the target of a row's last token is the first of the next
 * row, and examples attend to those before them. For comparison, and for training on texts without end.
 */
export const stream: Packing = {
  name: "stream",
  pack: (examples, skip, { batch, time }) => {
    const many = batch * time
    const last = lastOf(examples, skip + many)
    if (last === undefined) return undefined
    const tokens = new Int32Array(many + 1)
    const counted = new Uint8Array(many + 1)
    let at = -skip
    for (const e of examples.slice(0, last.index + 1)) {
      const from = Math.max(0, -at)
      const to = Math.min(e.tokens.length, many + 1 - at)
      if (to > from) {
        tokens.set(e.tokens.subarray(from, to), at + from)
        counted.set(e.counted.subarray(from, to), at + from)
      }
      at += e.tokens.length
    }
    const spec = i32("batch time", { batch, time })
    const rows: Rows = {
      tokens: { ...spec, data: tokens.slice(0, many) },
      targets: { ...spec, data: tokens.slice(1) },
      weights: { ...f32("batch time", { batch, time }), data: Float32Array.from(counted.subarray(1)) },
    }
    return { rows, used: last.index, skip: last.at }
  },
}

/** The token so many places into the examples: of which example, and where in it. */
const lastOf = (examples: ReadonlyArray<Example>, place: number): { index: number; at: number } | undefined => {
  let at = place
  const index = examples.findIndex(({ tokens }) => {
    if (at < tokens.length) return true
    at -= tokens.length
    return false
  })
  return index < 0 ? undefined : { index, at }
}

// ---- one example a row -----------------------------------------------------

/** One example a row, filled up with `pad`; a weight is 1 where the target counts. The loss of LWM is its mean over `rows`. */
export const pad = ({ pad, long = "parts" }: Filling): TallyPacking => ({
  name: "pad",
  pack: (examples, skip, shape) => {
    const parts: Array<Part> = []
    for (const part of partsOf(examples, skip, shape.time, long)) {
      if (parts.push(part) === shape.batch) break
    }
    if (parts.length < shape.batch) return undefined
    const { tokens, targets, weights } = rowsOf(parts.map((part) => [part]), shape, pad, () => 1)
    return tallied({ tokens, targets, weights }, parts, shape)
  },
})

// ---- masked ----------------------------------------------------------------

/** Which parts are in which row, by their place in the order. */
type Bins = { readonly free: Array<number>; readonly rows: ReadonlyArray<Array<number>> }

const empty = ({ batch, time }: Shape): Bins => ({
  free: Array.from({ length: batch }, () => time),
  rows: Array.from({ length: batch }, () => []),
})

/** Puts a part into the first row that has room. */
const put = ({ free, rows }: Bins, index: number, length: number): boolean => {
  const row = free.findIndex((room) => room >= length)
  if (row < 0) return false
  free[row]! -= length
  rows[row]!.push(index)
  return true
}

/** All parts anew, the longest first, which wastes less; undefined where one has no room. */
const anew = (parts: ReadonlyArray<Part>, shape: Shape): Bins | undefined => {
  const bins = empty(shape)
  const order = parts.map((_, i) => i).sort((a, b) => parts[b]!.length - parts[a]!.length || a - b)
  return order.every((i) => put(bins, i, parts[i]!.length)) ? bins : undefined
}

/** As many parts in order as rows of that shape hold; undefined where there are not enough to know. No row is empty. */
const filled = (given: Iterable<Part>, shape: Shape): ReadonlyArray<ReadonlyArray<Part>> | undefined => {
  const parts: Array<Part> = []
  const room = shape.batch * shape.time
  let bins = empty(shape)
  let taken = 0
  const rows = () => {
    const sorted = bins.rows.map((row) => row.toSorted((a, b) => a - b)).sort(([a], [b]) => a! - b!)
    return sorted.map((row) => row.map((i) => parts[i]!))
  }
  for (const part of given) {
    taken += part.length
    if (taken > room) return rows()
    const more = put(bins, parts.length, part.length) ? bins : anew([...parts, part], shape)
    if (more === undefined) return rows()
    bins = more
    parts.push(part)
    if (taken === room) return rows()
  }
  return undefined
}

/**
 * Examples share rows: the first row that has room takes the next one, and where none has, all are put anew, the longest
 * first; the example that has no room even then begins what comes next. Where a batch has few rows, the rows of several
 * batches are filled at once, `together` batches: less is wasted, the more rows there are to choose from.
 *
 * Weights are 1 / (targets that count in the example, times examples in the batch), so that the weighted *sum*
 * (`reduction: "given"`) is the mean over examples of their means. `skip` counts batches out of those filled together, and
 * that many times the tokens.
 */
export const masked = (
  { pad, long = "parts", together }: Filling & {
    /** Without, so many that 16 rows at least are filled at once. */
    readonly together?: number
  },
): TallyPacking => ({
  name: "masked",
  pack: (examples, place, { batch, time }) => {
    const turns = together ?? Math.ceil(16 / batch)
    const [skip, turn] = [Math.floor(place / turns), place % turns]
    const rows = filled(partsOf(examples, skip, time, long), { batch: batch * turns, time })
    if (rows === undefined) return undefined
    const own = rows.slice(turn * batch, (turn + 1) * batch)
    const parts = own.flat()
    const weigh = ({ counted }: Part): number => 1 / (counted * parts.length)
    const made = tallied(rowsOf(own, { batch, time }, pad, weigh), parts, { batch, time })
    // what is left out is told with the last of the batches
    if (turn + 1 < turns) {
      return { ...made, used: 0, skip: place + 1, tally: { ...made.tally, cut: 0, dropped: 0, silent: 0 } }
    }
    const last = rows.flat().reduce((a, b) => b.order > a.order ? b : a)
    return { ...made, used: last.used, skip: last.skip * turns, tally: { ...made.tally, ...last.tally } }
  },
})
