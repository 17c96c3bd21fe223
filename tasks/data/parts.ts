/**
 * Examples as what fits into a row: whole, or in parts; and rows made of such parts, one after the other.
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

/** Rows, and places in each. */
export type Shape = Parameters<Packing["pack"]>[2]

// ---- parts of examples -----------------------------------------------------

/** Places of a row's worth of an example, and where the examples stand after it. */
export interface Part {
  readonly example: Example
  /** Its first token, and its places. */
  readonly from: number
  readonly length: number
  /** Targets that count. */
  readonly counted: number
  /** Parts before it. */
  readonly order: number
  readonly used: number
  readonly skip: number
  readonly tally: Omit<Tally, "placed" | "fill">
}

/** Parts in order, with what was left out before each. */
export function* partsOf(examples: ReadonlyArray<Example>, skip: number, time: number, long: Long): Generator<Part> {
  const tally = { cut: 0, dropped: 0, silent: 0 }
  let order = 0
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
        yield { example, from, length, counted, order: order++, used, skip, tally: { ...tally } }
      }
      if (done) break
    }
  }
}

/** Rows of parts, one after the other from the beginning of each row. */
export const rowsOf = (
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

export const tallied = (rows: Rows, parts: ReadonlyArray<Part>, { batch, time }: Shape): Tallied => {
  const { used, skip, tally } = parts.at(-1)!
  const fill = parts.reduce((n, { length }) => n + length, 0) / (batch * time)
  return { rows, used, skip, tally: { ...tally, placed: parts.length, fill } }
}
