/**
 * Chat in LWM's form, token by token. Every part is encoded by itself, so lengths add up, and what a model is asked is
 * exactly what it was tuned on; only what the assistant says counts in the loss, its end included.
 *
 *     You are a helpful assistant. USER: {text} {question} ASSISTANT: {answer}</s> USER: {question} ASSISTANT: {answer}</s>
 *
 * ```ts
 * import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
 * import { chatExample, chatPrompt } from "./chat.ts"
 *
 * const learn = (t: Tokenizer) => chatExample(t, [{ user: "Who is it?", assistant: "Ishmael." }])
 * const ask = (t: Tokenizer) => chatPrompt(t, { question: "Who is it?", context: "Call me Ishmael." })
 * ```
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"
import type { Ask } from "./language.ts"

// ---- types -------------------------------------------------------------------

/** Tokens in order, which count or do not. */
export interface Part {
  readonly tokens: ArrayLike<number>
  readonly counts: boolean
}

/** What is asked, and what is to be said. */
export interface Turn {
  readonly user: string
  readonly assistant: string
}

/** How a dialogue begins. */
export interface Beginning {
  /** Who the assistant is; "You are a helpful assistant." */
  readonly system?: string
  /** A text, or its tokens, that stands before the first question. */
  readonly context?: string | ArrayLike<number>
}

// ---- parts -------------------------------------------------------------------

/** Who the assistant is, where a dialogue does not say it. */
export const system = "You are a helpful assistant."

const special = (id: number | undefined): ReadonlyArray<number> => id === undefined ? [] : [id]

/** Tokens that do not count. */
export const given = (tokens: ArrayLike<number>): Part => ({ tokens, counts: false })

/** The beginning, up to the first user's words. */
export const opening = (t: Tokenizer, who: string = system): ReadonlyArray<Part> => [
  given([...special(t.bos), ...t.encode(`${who} USER: `)]),
]

/** What is asked: the first question goes on in the turn of the text before it, the others begin a turn. */
export const question = (t: Tokenizer, text: string, where: "opening" | "text" | "turn"): Part =>
  given(t.encode({ opening: text, text: ` ${text}`, turn: ` USER: ${text}` }[where]))

/** Where the assistant begins to speak. */
export const cue = (t: Tokenizer): Part => given(t.encode(" ASSISTANT:"))

/** What the assistant says, and that it ends there: it is to learn both. */
export const reply = (t: Tokenizer, text: string): ReadonlyArray<Part> => [
  cue(t),
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

// ---- dialogues -----------------------------------------------------------------

/** The beginning with its text and the first question. */
const begun = (t: Tokenizer, { system: who, context }: Beginning, text: string): ReadonlyArray<Part> => {
  const tokens = typeof context === "string" ? t.encode(context) : context
  return tokens === undefined
    ? [...opening(t, who), question(t, text, "opening")]
    : [...opening(t, who), given(tokens), question(t, text, "text")]
}

/** A dialogue to learn from; only what the assistant says counts. */
export const chatExample = (t: Tokenizer, turns: ReadonlyArray<Turn>, beginning: Beginning = {}): Example =>
  joined(turns.flatMap(({ user, assistant }, i) => [
    ...(i === 0 ? begun(t, beginning, user) : [question(t, user, "turn")]),
    ...reply(t, assistant),
  ]))

/** What the assistant reads before its first answer. */
export const chatPrompt = (
  t: Tokenizer,
  { question: text, ...beginning }: Beginning & { readonly question: string },
): Int32Array => joined([...begun(t, beginning, text), cue(t)]).tokens

/** What it reads before its next answer, behind what it has said: the end of that first. */
export const chatTurn = (t: Tokenizer, text: string): Int32Array =>
  joined([given(special(t.eos)), question(t, text, "turn"), cue(t)]).tokens

/** What ends an answer: the end token, and the next user's turn, which a model of little training goes on to. */
export const chatEnds = (t: Tokenizer): Pick<Ask, "stop"> & { readonly until: ReadonlyArray<string> } => ({
  stop: special(t.eos),
  until: [" USER:"],
})
