/**
 * Long examples out of chunks and pairs, as in LWM: adjacent chunks joined again up to the length, then all their questions
 * and answers in chat form; only answers count.
 *
 *     You are a helpful assistant. USER: {text} {q1} ASSISTANT: {a1} USER: {q2} ASSISTANT: {a2} ...
 *
 * Every part is encoded by itself, so lengths add up and the text is the document's tokens.
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"
import type { Chunk } from "./chunks.ts"
import { given, joined, lengthOf, opening, type Part, question, reply } from "../language/chat.ts"
import type { Pair } from "./writer.ts"

// ---- types -------------------------------------------------------------------

/** A chunk and what was asked about it: one pair as a rule, none where there was nothing to ask. */
export interface Asked {
  readonly chunk: Chunk
  readonly pairs: ReadonlyArray<Pair>
}

/** An example, and what it was made of. */
export interface Composed extends Example {
  readonly document: string
  /** Chunks from the first on. */
  readonly first: number
  readonly chunks: number
  readonly pairs: ReadonlyArray<Pair>
}

// ---- parts -----------------------------------------------------------------------

/** A question and its answer; the first question goes on in the turn of the text. */
const turn = (t: Tokenizer, pair: Pair, first: boolean): ReadonlyArray<Part> => [
  question(t, pair.question, first ? "text" : "turn"),
  ...reply(t, pair.answer),
]

/** All turns of these chunks, in order. */
const turns = (t: Tokenizer, pairs: ReadonlyArray<Pair>, first: boolean): ReadonlyArray<Part> =>
  pairs.flatMap((pair, i) => turn(t, pair, first && i === 0))

/** How many of the chunks fit into `target` tokens together with their pairs. */
const fitting = (t: Tokenizer, asked: ReadonlyArray<Asked>, target: number): number => {
  let [length, first] = [lengthOf(opening(t)), true]
  const end = asked.findIndex(({ chunk, pairs }) => {
    length += chunk.tokens.length + lengthOf(turns(t, pairs, first))
    first = first && pairs.length === 0
    return length > target
  })
  return end < 0 ? asked.length : end
}

/** All of these chunks as one example. */
const composed = (t: Tokenizer, asked: ReadonlyArray<Asked>): Composed => {
  const pairs = asked.flatMap((a) => a.pairs)
  const text = asked.map(({ chunk }) => given(chunk.tokens))
  const { document, index } = asked[0]!.chunk
  return {
    ...joined([...opening(t), ...text, ...turns(t, pairs, true)]),
    document,
    first: index,
    chunks: asked.length,
    pairs,
  }
}

/**
 * Examples of at most `target` tokens out of one document's chunks in order, each with as many chunks as fit. Chunks that
 * do not fit even alone, and stretches that nothing was asked about, are left out.
 */
export const compose = (t: Tokenizer, asked: ReadonlyArray<Asked>, target: number): ReadonlyArray<Composed> => {
  const examples: Array<Composed> = []
  for (let at = 0; at < asked.length;) {
    const many = fitting(t, asked.slice(at), target)
    const part = asked.slice(at, at + many)
    if (part.some(({ pairs }) => pairs.length > 0)) examples.push(composed(t, part))
    at += Math.max(1, many)
  }
  return examples
}

/** The share of tokens that count: below a hundredth where chunks are LWM's. */
export const answerShare = (examples: ReadonlyArray<Example>): number => {
  const all = examples.reduce((n, { tokens }) => n + tokens.length, 0)
  const counted = examples.reduce((n, e) => n + e.counted.reduce((m, c) => m + c, 0), 0)
  return all === 0 ? 0 : counted / all
}
