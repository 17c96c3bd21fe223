/**
 * Pairs of a text and of frames, in either order: which comes first is drawn for each pair anew in each turn, by its number,
 * and so is whether the text is left out, which is what guidance without a classifier needs (Ho and Salimans, 2022).
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Delimiters } from "../../models/world/layout.ts"
import { delimitersOf } from "../../models/world/layout.ts"
import { hostFold, hostKey } from "../../core/random/host.ts"
import { uniformAt } from "./draws.ts"
import { type Examples, type Indexed, shuffledAs } from "./order.ts"
import type { VisionExample } from "./vision-example.ts"

// ---- types -------------------------------------------------------------------

/** How pairs come. */
export interface Pairing {
  /** How often frames come before their text, of 1. */
  readonly swap: number
  /** How often the text is left out, of those that would begin with it. */
  readonly drop: number
  /** What counts: what counted before it was turned, or all of what comes second and nothing of the first. */
  readonly learn: "as it is" | "second"
}

/** LWM swaps half of all pairs. */
export const lwmPairing: Pairing = { swap: 0.5, drop: 0.1, learn: "as it is" }

/** What a pair comes as. */
export type Turned = "text first" | "frames first" | "frames alone"

/** Tokens that stand around: a text's beginning and end, and what is around frames. */
export interface Marks extends Delimiters {
  readonly bos: number | undefined
  readonly eos: number | undefined
}

/** Those of a tokenizer. */
export const marksOf = (tokenizer: Tokenizer): Marks => ({
  ...delimitersOf(tokenizer),
  bos: tokenizer.bos,
  eos: tokenizer.eos,
})

// ---- one pair --------------------------------------------------------------------

interface Span {
  readonly from: number
  readonly to: number
}

interface Pair {
  readonly head: Span
  readonly text: Span
  readonly frames: Span
  readonly tail: Span
}

/** The parts of a pair; undefined where there are no frames, several blocks, or text on both sides or on none. */
const partsOf = ({ tokens, vision }: VisionExample, marks: Marks): Pair | undefined => {
  const [first, last, n] = [vision.indexOf(1), vision.lastIndexOf(1), tokens.length]
  if (first < 0 || vision.subarray(first, last).includes(0)) return undefined
  const frames = { from: first - marks.open.length, to: last + 1 + marks.close.length }
  if (frames.from < 0 || frames.to > n) return undefined
  const head = frames.from > 0 && tokens[0] === marks.bos ? 1 : 0
  const tail = frames.to < n && tokens[n - 1] === marks.eos ? n - 1 : n
  const [before, after] = [{ from: head, to: frames.from }, { from: frames.to, to: tail }]
  const [some, more] = [before, after].map(({ from, to }) => to > from)
  if (some === more) return undefined
  return { head: { from: 0, to: head }, text: some ? before : after, frames, tail: { from: tail, to: n } }
}

/** A pair in this order. What is no pair of one text and one block stays as it is. */
export const turnedAs = (
  example: VisionExample,
  turned: Turned,
  marks: Marks,
  learn: Pairing["learn"] = "as it is",
): VisionExample => {
  const pair = partsOf(example, marks)
  if (pair === undefined) return example
  const { head, text, frames, tail } = pair
  const inside = turned === "text first" ? [text, frames] : turned === "frames first" ? [frames, text] : [frames]
  const spans = [head, ...inside, tail]
  const length = spans.reduce((n, { from, to }) => n + to - from, 0)
  const [tokens, vision, counted] = [new Int32Array(length), new Uint8Array(length), new Uint8Array(length)]
  spans.reduce((at, span) => {
    const { from, to } = span
    tokens.set(example.tokens.subarray(from, to), at)
    vision.set(example.vision.subarray(from, to), at)
    counted.set(example.counted.subarray(from, to), at)
    if (learn === "second" && inside.includes(span)) counted.fill(span === inside.at(-1) ? 1 : 0, at, at + to - from)
    return at + to - from
  }, 0)
  return { ...example, tokens, vision, counted }
}

// ---- many ------------------------------------------------------------------------

/** What example `number` comes as in turn `turn`. */
export const drawTurned = ({ swap, drop }: Pairing, seed: number): (number: number, turn: number) => Turned => {
  const key = hostFold(hostKey(seed), 0x70616972)
  return (number, turn) => {
    const own = hostFold(hostFold(key, turn), number)
    if (uniformAt(own, 0) < swap) return "frames first"
    return uniformAt(own, 1) < drop ? "frames alone" : "text first"
  }
}

/** Pairs in a new permutation every turn, each in an order of its own: see `shuffled`. */
export const shuffledPairs = <X, R>(
  indexed: Indexed<X, R, VisionExample>,
  tokenizer: Tokenizer,
  pairing: Pairing,
  seed: number,
): Examples<X, R, VisionExample> => {
  const [marks, drawn] = [marksOf(tokenizer), drawTurned(pairing, seed)]
  return shuffledAs(
    indexed,
    seed,
    (example, number, turn) => turnedAs(example, drawn(number, turn), marks, pairing.learn),
    ["pairs", pairing.swap, pairing.drop, pairing.learn, tokenizer.digest],
  )
}
