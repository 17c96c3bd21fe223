/**
 * What a test of long contexts is: it says which trials a grid has, poses each of them as a prompt of an exact number of
 * tokens, and scores what is said. Needles, key-value pairs and chains of variables are such records; the grid, its journal
 * and its pictures know nothing else of them.
 * @module
 */
import type { either as E } from "fp-ts"
import * as t from "io-ts"
import { finite, natural, positive } from "../../core/files/codec.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"
import type { Haystack } from "./haystack.ts"

// ---- types -------------------------------------------------------------------

/** Which lengths, which depths (percent of the haystack), and how often each. */
export interface Grid {
  readonly lengths: ReadonlyArray<number>
  readonly depths: ReadonlyArray<number>
  readonly rounds: number
}

/** The codec of grids. */
export const Grid: t.Type<Grid, unknown> = t.strict({
  lengths: t.readonlyArray(positive),
  depths: t.readonlyArray(finite),
  rounds: positive,
})

/** One prompt of a grid. Where a task puts several things at depths of its own drawing, there is no depth. */
export interface Trial {
  readonly length: number
  readonly depth: number | null
  readonly round: number
}

/** The codec of trials. */
export const Trial: t.Type<Trial, unknown> = t.strict({
  length: positive,
  depth: t.union([finite, t.null]),
  round: natural,
})

/** What all prompts of an evaluation are made of. */
export interface Scene {
  readonly tokenizer: Tokenizer
  readonly haystack: Haystack
  /** All that is drawn depends on it, the trial, and nothing else; also not on which other trials there are. */
  readonly seed: number
  /** The depths of the grid, for tasks that draw from them. */
  readonly depths: ReadonlyArray<number>
  /** Tokens of a length that are left free for the answer. */
  readonly buffer: number
  /** Tokens that a place may be moved back to follow a sentence's end; then a word's end will do. */
  readonly reach: number
}

/** Something that the answer must say. */
export interface Wanted {
  readonly key: string
  readonly value: string
  /** Percent of the haystack that should stand before it. */
  readonly depth: number
  /** Tokens of the prompt that do stand before it. */
  readonly at: number
  /** Its key was held out from training. */
  readonly heldOut: boolean
}

/** A prompt. */
export interface Posed {
  readonly tokens: Int32Array
  /** In the order in which it should be said, where the task has an order. */
  readonly wanted: ReadonlyArray<Wanted>
  /** What a model that was trained on the wording says. */
  readonly reply: string
}

/** A prompt that cannot be made: too short for what must be in it, names run out. */
export interface PoseFault {
  readonly _tag: "PoseFault"
  readonly message: string
}

/** How one wanted thing was answered. */
export interface Score {
  /** The value is somewhere in the answer: LWM's score. */
  readonly right: boolean
  /** It is what is said in its place: the first number for the first wanted, and so on. */
  readonly strict: boolean
}

/** A test. */
export interface Task {
  readonly name: string
  readonly trials: (grid: Grid) => ReadonlyArray<Trial>
  readonly pose: (scene: Scene, trial: Trial) => E.Either<PoseFault, Posed>
  /** For each wanted thing. */
  readonly score: (wanted: ReadonlyArray<Wanted>, answer: string) => ReadonlyArray<Score>
  /** What a reader says who sees this text and nothing else; undefined where the text does not hold it. It guards the task. */
  readonly solve: (prompt: string) => string | undefined
}

// ---- constructors --------------------------------------------------------------

/** Makes a fault. */
export const poseFault = (message: string): PoseFault => ({ _tag: "PoseFault", message })

/** The whole number nearest to `x`, the even one of two: as NumPy rounds. */
export const roundEven = (x: number): number => {
  const down = Math.floor(x)
  const over = x - down
  return over < 0.5 ? down : over > 0.5 ? down + 1 : down + (down & 1)
}

/** `count` whole numbers at equal distances, both ends included: NumPy's `round(linspace(from, to, count))`. */
export const linear = (from: number, to: number, count: number): ReadonlyArray<number> =>
  Array.from(
    { length: count },
    (_, i) => roundEven(i > 0 && i === count - 1 ? to : i * ((to - from) / (count - 1 || 1)) + from),
  )

/** Depths from 0 to 100 in percent. */
export const depths = (count: number): ReadonlyArray<number> => linear(0, 100, count)

/** Depths that stand closer at both ends: 100 / (1 + exp(-(x - 50) / 10)) to three places, 0 and 100 themselves. */
export const sigmoidDepths = (count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => {
    const x = (100 * i) / (count - 1 || 1)
    return x === 0 || x === 100 ? x : roundEven(100_000 / (1 + Math.exp(-(x - 50) / 10))) / 1000
  })

/** One trial at each length, depth and round. */
export const atEachDepth = (grid: Grid): ReadonlyArray<Trial> =>
  grid.lengths.flatMap((length) => grid.depths.flatMap((depth) => rounds(grid, length, depth)))

/** One trial at each length and round. */
export const atDrawnDepths = (grid: Grid): ReadonlyArray<Trial> =>
  grid.lengths.flatMap((length) => rounds(grid, length, null))

const rounds = (grid: Grid, length: number, depth: number | null): ReadonlyArray<Trial> =>
  Array.from({ length: grid.rounds }, (_, round) => ({ length, depth, round }))

/** The prompt and what is to be said, as an example to learn from: only what is said counts, its end included. */
export const lesson = (tokenizer: Tokenizer, { tokens, reply }: Posed): Example => {
  const { eos } = tokenizer
  const said = [...tokenizer.encode(reply), ...(eos === undefined ? [] : [eos])]
  return {
    tokens: Int32Array.from([...tokens, ...said]),
    counted: new Uint8Array(tokens.length + said.length).fill(1, tokens.length),
  }
}

// ---- scores --------------------------------------------------------------------

/** Scores an answer. Said in order, each value has its place; else the first values said must be the wanted ones. */
export const scoreBy =
  (pattern: RegExp, ordered: boolean) => (wanted: ReadonlyArray<Wanted>, answer: string): ReadonlyArray<Score> => {
    const said = answer.match(pattern) ?? []
    const first = said.slice(0, wanted.length)
    return wanted.map(({ value }, i) => ({
      right: answer.includes(value),
      strict: ordered ? said[i] === value : first.includes(value),
    }))
  }
