/**
 * Chat as parts of tokens, given or said, each encoded by itself:
 *
 *     You are a helpful assistant. USER: {given} ASSISTANT: {said}</s> USER: {given} ASSISTANT: {said}</s>
 *
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"

/** Tokens in order, which count or do not. */
export interface Part {
  readonly tokens: ArrayLike<number>
  readonly counts: boolean
}

/** Who the assistant is, where a dialogue does not say it. */
export const system = "You are a helpful assistant."

const special = (id: number | undefined): ReadonlyArray<number> => id === undefined ? [] : [id]

/** Tokens that do not count. */
export const given = (tokens: ArrayLike<number>): Part => ({ tokens, counts: false })

/** The beginning, up to the first user's words. */
export const opening = (t: Tokenizer, who: string = system): ReadonlyArray<Part> => [
  given([...special(t.bos), ...t.encode(`${who} USER: `)]),
]

/** What the assistant says, and that it ends there: it is to learn both. */
export const reply = (t: Tokenizer, text: string): ReadonlyArray<Part> => [
  given(t.encode(" ASSISTANT:")),
  { tokens: [...t.encode(` ${text}`), ...special(t.eos)], counts: true },
]

/** Tokens of all parts. */
export const lengthOf = (parts: ReadonlyArray<Part>): number => parts.reduce((n, { tokens }) => n + tokens.length, 0)

/** Parts one after another, as an example. */
export const joined = (parts: ReadonlyArray<Part>): Example => {
  const tokens = new Int32Array(lengthOf(parts))
  const counted = new Uint8Array(tokens.length)
  parts.reduce((at, part) => {
    tokens.set(part.tokens, at)
    if (part.counts) counted.fill(1, at, at + part.tokens.length)
    return at + part.tokens.length
  }, 0)
  return { tokens, counted }
}
