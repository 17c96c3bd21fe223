/**
 * Text out of tokens as they come. A character whose bytes lie in several tokens appears when it is whole, and what may be
 * the beginning of a text that ends the answer waits until it is known. Each token is decoded a few times, however long the
 * answer is.
 *
 * ```ts
 * import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
 * import { begin, spell } from "./spelling.ts"
 *
 * const shown = (t: Tokenizer, tokens: ReadonlyArray<number>): string =>
 *   tokens.reduce((state, token) => spell(t, state, token), begin([])).shown
 * ```
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"

/** How far an answer is spelt. */
export interface Spelling {
  readonly until: ReadonlyArray<string>
  /** The last tokens: one, or a few, that are spelt, as those after depend on what is before; and those that wait. */
  readonly spelt: ReadonlyArray<number>
  readonly waiting: ReadonlyArray<number>
  /** All of it that is certain. */
  readonly shown: string
  /** What is an end, or may yet become the beginning of one. */
  readonly held: string
}

/** Before the first token. */
export const begin = (until: ReadonlyArray<string>): Spelling => ({
  until,
  spelt: [],
  waiting: [],
  shown: "",
  held: "",
})

/** What stands for bytes that are no character, or not yet. */
const broken = "\ufffd"

/** Bytes of a character are no more than 4, so more tokens than that do not wait. */
const longest = 4

/** Where one of these begins in a text, or may begin at its end. */
const certain = (text: string, until: ReadonlyArray<string>): number =>
  until.reduce((least, end) => {
    const whole = text.indexOf(end)
    if (whole >= 0) return Math.min(least, whole)
    for (let at = Math.max(0, text.length - end.length + 1); at < least; at++) {
      if (end.startsWith(text.slice(at))) return at
    }
    return least
  }, text.length)

/** With one token more. */
export const spell = (tokenizer: Tokenizer, s: Spelling, token: number): Spelling => {
  const waiting = [...s.waiting, token]
  const before = tokenizer.decode(s.spelt)
  const whole = tokenizer.decode([...s.spelt, ...waiting])
  if (!whole.startsWith(before) || whole.endsWith(broken) && waiting.length < longest) return { ...s, waiting }
  const text = s.held + whole.slice(before.length)
  const cut = certain(text, s.until)
  return { ...s, spelt: waiting, waiting: [], shown: s.shown + text.slice(0, cut), held: text.slice(cut) }
}

/** What comes after all that is shown, when the answer is known whole; nothing where it ended before that. */
export const rest = (s: Spelling, answer: string): string =>
  answer.startsWith(s.shown) ? answer.slice(s.shown.length) : ""
