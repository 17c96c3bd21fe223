/**
 * The rows that the desk model learns from. Text teaches it the book; random segments that come again teach it to look back
 * (induction: Olsson et al., 2022), long before a needle could; bare pairs of name and number teach it to look up (dense
 * associative recall: Arora et al., 2023); needles in the book, with several questions a row, teach it what it is asked.
 * Every row is a function of a key and its length alone.
 * @module
 */
import { hostFold, type HostKey } from "../../../core/random/host.ts"
import type { Example } from "../../data/example.ts"
import { type Dice, dice } from "./dice.ts"

// ---- types -------------------------------------------------------------------

/** How much of each kind, as shares of the rows. */
export interface Mixture {
  readonly text: number
  readonly repeats: number
  readonly pairs: number
  readonly needles: number
}

/** Raised when the row of a key comes to mean something else: it is a part of the keys of trainings. */
export const version = 5

/** The fixed parts of needles and questions in tokens, as any text that holds them is encoded. */
export interface Phrases {
  readonly opening: ReadonlyArray<number>
  /** Begins a needle and an answer. */
  readonly needle: ReadonlyArray<number>
  readonly is: ReadonlyArray<number>
  readonly line: ReadonlyArray<number>
  readonly question: ReadonlyArray<number>
  readonly questions: ReadonlyArray<number>
  readonly comma: ReadonlyArray<number>
  readonly and: ReadonlyArray<number>
  readonly ask: ReadonlyArray<number>
  readonly asks: ReadonlyArray<number>
  /** LWM's call to be short, in half of the questions. */
  readonly brief: ReadonlyArray<number>
  /** What it says in its place where several are asked for. */
  readonly outside: ReadonlyArray<number>
  readonly assistant: ReadonlyArray<number>
  /** Ends LWM's prompt; where there is none, the answer begins with a space itself. */
  readonly space: ReadonlyArray<number>
  readonly reply: ReadonlyArray<number>
  readonly user: ReadonlyArray<number>
}

/** What rows are made of. */
export interface Ground {
  readonly book: Int32Array
  readonly phrases: Phrases
  /** Names that needles of training may have, each in tokens. */
  readonly names: ReadonlyArray<ReadonlyArray<number>>
  /** Words that are names half of the time, so that any word can be looked up. */
  readonly words: ReadonlyArray<ReadonlyArray<number>>
  /** Tokens that the book lacks: they are learned from repeats alone, which have more of them. */
  readonly rare: ReadonlyArray<number>
  readonly vocab: number
  readonly bos: number
  readonly eos: number
  readonly encode: (text: string) => Int32Array
}

/** A row that grows. */
interface Growing {
  readonly tokens: Array<number>
  readonly counted: Array<number>
}

const put = (row: Growing, tokens: ArrayLike<number>, counted: 0 | 1): void => {
  for (let i = 0; i < tokens.length; i++) {
    row.tokens.push(tokens[i]!)
    row.counted.push(counted)
  }
}

/** Exactly `length` tokens: cut at the end, or filled up with tokens that do not count. */
const example = (row: Growing, length: number, fill: number): Example => {
  const tokens = new Int32Array(length).fill(fill)
  const counted = new Uint8Array(length)
  tokens.set(row.tokens.slice(0, length))
  counted.set(row.counted.slice(0, length))
  return { tokens, counted }
}

/** Tokens of the book from a random place. */
const passage = (d: Dice, book: Int32Array, length: number): Int32Array => {
  const from = d.below(Math.max(1, book.length - length + 1))
  return book.subarray(from, from + length)
}

// ---- rows --------------------------------------------------------------------

/**
 * A passage of the book; all of it counts. Half of them follow the token that begins a text, and of those one in three the
 * opening of a chat: what the model is asked begins so.
 */
export const textRow = (g: Ground, key: HostKey, length: number): Example => {
  const d = dice(key)
  const row: Growing = { tokens: [], counted: [] }
  const drawn = d.unit()
  put(row, drawn < 0.5 ? [g.bos, ...(drawn < 0.17 ? g.phrases.opening : [])] : [], 0)
  put(row, passage(d, g.book, length), 1)
  return example(row, length, g.eos)
}

/**
 * Random tokens, then parts of them again and again with some text between: what comes again counts, but for the first
 * token of a part, which nobody can know.
 */
export const repeatRow = (g: Ground, key: HostKey, length: number): Example => {
  const d = dice(key)
  const row: Growing = { tokens: [], counted: [] }
  const size = 4 + d.below(Math.max(1, Math.min(60, Math.floor(length / 2) - 4)))
  const segment = Array.from({ length: size }, () => d.unit() < 0.3 ? d.one(g.rare) : d.below(g.vocab))
  put(row, segment, 0)
  while (row.tokens.length < length) {
    if (d.unit() < 0.5) put(row, passage(d, g.book, d.below(16)), 0)
    const from = d.below(size - 1)
    const part = segment.slice(from, from + 2 + d.below(size - from - 1))
    put(row, part.slice(0, 1), 0)
    put(row, part.slice(1), 1)
  }
  return example(row, length, 0)
}

/** Seven digits, the first of them not 0. */
const number = (d: Dice): string => String(1_000_000 + d.below(9_000_000))

interface Needle {
  readonly name: ReadonlyArray<number>
  /** `{name} number is: {number}`. */
  readonly said: ReadonlyArray<number>
}

const needleOf = (g: Ground, d: Dice, name: ReadonlyArray<number>): Needle => ({
  name,
  said: [...name, ...g.phrases.is, ...g.encode(number(d))],
})

/** A line of its own: `The special magic {name} number is: {number}`. */
const lineOf = ({ phrases: p }: Ground, { said }: Needle): ReadonlyArray<number> => [
  ...p.line,
  ...p.needle,
  ...said,
  ...p.line,
]

/** A question about some needles, and what is to be said. */
interface Turn {
  readonly question: ReadonlyArray<number>
  readonly answer: ReadonlyArray<number>
}

/** In LWM's words with its call to be short, or in those of a chat. */
const turnOf = (g: Ground, asked: ReadonlyArray<Needle>, lwm: boolean): Turn => {
  const { phrases: p } = g
  const call = asked.length === 1 ? p.brief : p.outside
  const end = lwm ? [...call, ...p.assistant, ...p.space] : p.assistant
  const begin = lwm ? p.needle : p.reply
  const answer = [...asked.flatMap((n, i) => [...(i === 0 ? begin : [...p.line, ...p.needle]), ...n.said]), g.eos]
  if (asked.length === 1) return { question: [...p.question, ...asked[0]!.name, ...p.ask, ...end], answer }
  const named = asked.flatMap(({ name }, i) => [
    ...(i === 0 ? [] : i < asked.length - 1 ? p.comma : p.and),
    ...name,
  ])
  return { question: [...p.questions, ...named, ...p.asks, ...end], answer }
}

/** Needles in groups that are asked for together: one in two questions of three, else two or three. */
const turnsOf = (g: Ground, d: Dice, needles: ReadonlyArray<Needle>): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = []
  for (let i = 0; i < needles.length;) {
    const many = d.unit() < 0.35 ? 2 + d.below(2) : 1
    turns.push(turnOf(g, needles.slice(i, i + many), d.unit() < 0.5))
    i += many
  }
  return turns
}

/** One to three words. */
const wordsFor = (g: Ground, d: Dice): ReadonlyArray<number> =>
  Array.from({ length: 1 + (d.unit() < 0.5 ? 0 : 1 + d.below(2)) }, () => d.one(g.words)).flat()

/** Names of which each ends differently, half of them words; not more than there are of the one kind or of the other. */
const distinct = (g: Ground, d: Dice, count: number): ReadonlyArray<ReadonlyArray<number>> => {
  const most = Math.min(count, Math.max(g.names.length, g.words.length))
  const found = new Map<number, ReadonlyArray<number>>()
  while (found.size < most) {
    const name = d.unit() < 0.5 ? d.one(g.names) : wordsFor(g, d)
    found.set(name.at(-1)!, name)
  }
  return [...found.values()]
}

/**
 * Needles in a passage of the book, then questions about all of them, in another order; the answers count. `most` needles,
 * or as many as fit where the row is short.
 */
export const needleRow = (
  g: Ground,
  key: HostKey,
  length: number,
  most: number = Math.max(8, Math.floor(length / 64)),
): Example => {
  const d = dice(key)
  const count = Math.min(1 + d.below(most), Math.max(1, Math.floor(length / 32)))
  const needles = distinct(g, d, count).map((name) => needleOf(g, d, name))
  const lines = needles.map((n) => lineOf(g, n))
  const turns = turnsOf(g, d, d.shuffled(needles))
  const { phrases: p } = g
  const asked = turns.map((t, i) => [[...(i === 0 ? [] : p.user), ...t.question], t.answer] as const)
  const used = 1 + p.opening.length + lines.reduce((n, x) => n + x.length, 0) +
    asked.reduce((n, [q, a]) => n + q.length + a.length, 0)
  const hay = passage(d, g.book, Math.max(0, length - used))
  const places = needles.map(() => d.below(hay.length + 1)).sort((a, b) => a - b)
  const row: Growing = { tokens: [], counted: [] }
  put(row, [g.bos, ...p.opening], 0)
  lines.forEach((line, i) => {
    put(row, hay.subarray(i === 0 ? 0 : places[i - 1], places[i]), 0)
    put(row, line, 0)
  })
  put(row, hay.subarray(places.at(-1)), 0)
  for (const [question, answer] of asked) {
    put(row, question, 0)
    put(row, answer, 1)
  }
  return example(row, length, g.eos)
}

/**
 * Names with numbers of two digits, `{name} number is: {digits}`, and then the same in another order, where the digits
 * count: a third of the second half is to be looked up. A few tokens of the book stand between some.
 */
export const pairRow = (g: Ground, key: HostKey, length: number): Example => {
  const d = dice(key)
  const { phrases: p } = g
  const size = 3 + p.is.length
  const count = Math.max(1, Math.floor(length / (2 * size + 2)) - d.below(Math.max(1, Math.floor(length / 64))))
  const pairs = distinct(g, d, count).map((name) => [[...name, ...p.is], g.encode(String(10 + d.below(90)))] as const)
  const row: Growing = { tokens: [], counted: [] }
  for (const [name, digits] of pairs) {
    if (d.unit() < 0.3) put(row, passage(d, g.book, d.below(6)), 0)
    put(row, name, 0)
    put(row, digits, 0)
  }
  while (row.tokens.length < length) {
    for (const [name, digits] of d.shuffled(pairs)) {
      put(row, name, 0)
      put(row, digits, 1)
    }
  }
  return example(row, length, g.eos)
}

/** Into how many rows a long one is divided: what was learned on short ones is not to be forgotten on long ones. */
const divisions: ReadonlyArray<number> = [1, 1, 2, 4, 8]

/** Tokens of the shortest row that a long one is divided into. */
const shortest = 128

/** Rows one after another, as one; what nobody can know, the first token of each, does not count. */
const chained = (rows: ReadonlyArray<Example>): Example => {
  const [tokens, counted] = [rows.flatMap((r) => [...r.tokens]), rows.flatMap((r) => [0, ...r.counted.subarray(1)])]
  return { tokens: Int32Array.from(tokens), counted: Uint8Array.from(counted) }
}

/** The row of a key: its kind is drawn by the mixture, and whether it is one or several short ones of that kind. */
export const rowOf = (g: Ground, mixture: Mixture, key: HostKey, length: number): Example => {
  const kinds = [["text", textRow], ["repeats", repeatRow], ["pairs", pairRow], ["needles", needleRow]] as const
  const total = kinds.reduce((sum, [kind]) => sum + mixture[kind], 0)
  const d = dice(hostFold(key, 0))
  let drawn = d.unit() * total
  const [, make] = kinds.find(([kind]) => (drawn -= mixture[kind]) < 0) ?? kinds[0]
  const parts = d.one(divisions.filter((n) => n === 1 || length >= n * shortest))
  const own = hostFold(key, 1)
  if (parts === 1) return make(g, own, length)
  const size = Math.floor(length / parts)
  const sizes = Array.from({ length: parts }, (_, i) => i === 0 ? length - (parts - 1) * size : size)
  return chained(sizes.map((n, i) => make(g, hostFold(own, i), n)))
}
