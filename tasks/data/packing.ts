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
import type { Example, Packed, Packing, Rows } from "./example.ts"

// ---- types -----------------------------------------------------------------

/** Examples of more than `time` + 1 tokens: all their parts, as examples of their own; only the first part; not at all. */
export type Long = "parts" | "cut" | "drop"

/** What fills rows up, and what is done with what is too long. */
export interface Filling {
  /** The token of empty places; it weighs nothing and is seen by nothing. */
  readonly pad: number
  /** `parts` without. */
  readonly long?: Long
}

/** What became of the examples of a batch. */
export interface Tally {
  /** In rows: examples, or parts of them. */
  readonly placed: number
  /** Examples of which only a part went into a row at once. */
  readonly cut: number
  /** Left out: too long. */
  readonly dropped: number
  /** Left out: examples or parts in which nothing counts, so that nothing would be learned. */
  readonly silent: number
  /** Places with a token that is not padding, of all. */
  readonly fill: number
}

/** A batch, and what became of its examples. */
export interface Tallied extends Packed {
  readonly tally: Tally
}

/** A packing that tells what became of the examples. */
export interface TallyPacking extends Packing {
  readonly pack: (...given: Parameters<Packing["pack"]>) => Tallied | undefined
}

type Shape = Parameters<Packing["pack"]>[2]

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

// ---- parts of examples -----------------------------------------------------

/** Places of a row's worth of an example, and where the examples stand after it. */
interface Part {
  readonly example: Example
  /** Its first token, and its places. */
  readonly from: number
  readonly length: number
  /** Targets that count. */
  readonly counted: number
  readonly used: number
  readonly skip: number
  readonly tally: Omit<Tally, "placed" | "fill">
}

/** Parts in order, with what was left out before each. */
function* partsOf(examples: ReadonlyArray<Example>, skip: number, time: number, long: Long): Generator<Part> {
  const tally = { cut: 0, dropped: 0, silent: 0 }
  for (const [index, example] of examples.entries()) {
    const all = example.tokens.length - 1
    const begin = index === 0 ? skip : 0
    if (all > time && long === "drop") {
      tally.dropped++
      continue
    }
    if (all < 1) tally.silent++
    for (let from = begin; from < all; from += time) {
      const length = Math.min(time, all - from)
      const done = from + length >= all || long === "cut"
      const counted = example.counted.subarray(from + 1, from + length + 1).reduce((n, c) => n + c, 0)
      if (all > time && from === 0) tally.cut++
      if (counted === 0) tally.silent++
      else {
        const [used, skip] = done ? [index + 1, 0] : [index, from + time]
        yield { example, from, length, counted, used, skip, tally: { ...tally } }
      }
      if (done) break
    }
  }
}

/** Rows of parts, one after the other from the beginning of each row. */
const rowsOf = (
  rows: ReadonlyArray<ReadonlyArray<Part>>,
  { batch, time }: Shape,
  pad: number,
  weigh: (part: Part) => number,
): Rows & Required<Pick<Rows, "segments" | "positions">> => {
  const [spec, reals] = [i32("batch time", { batch, time }), f32("batch time", { batch, time })]
  const many = batch * time
  const [tokens, targets] = [new Int32Array(many).fill(pad), new Int32Array(many).fill(pad)]
  const [segments, positions, weights] = [new Int32Array(many), new Int32Array(many), new Float32Array(many)]
  rows.forEach((parts, row) => {
    let at = row * time
    parts.forEach((part, segment) => {
      const { example, from, length } = part
      tokens.set(example.tokens.subarray(from, from + length), at)
      targets.set(example.tokens.subarray(from + 1, from + length + 1), at)
      const weight = weigh(part)
      for (let i = 0; i < length; i++, at++) {
        weights[at] = example.counted[from + i + 1]! * weight
        segments[at] = segment
        positions[at] = i
      }
    })
    // padding is an example of its own, above the others
    for (let i = 0; at < (row + 1) * time; i++, at++) {
      segments[at] = parts.length
      positions[at] = i
    }
  })
  return {
    tokens: { ...spec, data: tokens },
    targets: { ...spec, data: targets },
    weights: { ...reals, data: weights },
    segments: { ...spec, data: segments },
    positions: { ...spec, data: positions },
  }
}

const tallied = (rows: Rows, parts: ReadonlyArray<Part>, { batch, time }: Shape): Tallied => {
  const { used, skip, tally } = parts.at(-1)!
  const fill = parts.reduce((n, { length }) => n + length, 0) / (batch * time)
  return { rows, used, skip, tally: { ...tally, placed: parts.length, fill } }
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

/**
 * Examples share rows: the first that has room takes the next one, and where none has, all are put anew, the longest first;
 * the example that has no room even then begins the next batch. Weights are 1 / (targets that count in the example, times
 * examples in the batch), so that the weighted *sum* (`reduction: "given"`) is the mean over examples of their means.
 */
export const masked = ({ pad, long = "parts" }: Filling): TallyPacking => ({
  name: "masked",
  pack: (examples, skip, shape) => {
    const parts: Array<Part> = []
    const room = shape.batch * shape.time
    let bins = empty(shape)
    let taken = 0
    for (const part of partsOf(examples, skip, shape.time, long)) {
      taken += part.length
      if (taken > room) return sealed(parts, bins, shape, pad)
      const more = put(bins, parts.length, part.length) ? bins : anew([...parts, part], shape)
      if (more === undefined) return sealed(parts, bins, shape, pad)
      bins = more
      parts.push(part)
      if (taken === room) return sealed(parts, bins, shape, pad)
    }
    return undefined
  },
})

/** The rows of parts that are in their bins. */
const sealed = (parts: ReadonlyArray<Part>, bins: Bins, shape: Shape, pad: number): Tallied => {
  const rows = bins.rows.map((row) => row.toSorted((a, b) => a - b).map((i) => parts[i]!))
  const weigh = ({ counted }: Part): number => 1 / (counted * parts.length)
  return tallied(rowsOf(rows, shape, pad, weigh), parts, shape)
}
