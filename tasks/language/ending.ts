/**
 * Where an answer ends: at an id, at a text, or at its limit. A text that ends an answer may begin and end inside of
 * tokens; what stands before it stays.
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Ask } from "./language.ts"

/** An answer so far. */
export interface Answer {
  readonly tokens: ReadonlyArray<number>
  readonly done: boolean
}

/** Before the first token. */
export const begun = ({ limit }: Pick<Ask, "limit">): Answer => ({ tokens: [], done: limit <= 0 })

/** Where the earliest of the texts begins. */
const found = (text: string, until: ReadonlyArray<string>): number =>
  until.reduce((least, end) => {
    const at = end === "" ? -1 : text.indexOf(end)
    return at >= 0 && (least < 0 || at < least) ? at : least
  }, -1)

/** The tokens of the first characters: as many as they are made of whole, and the rest encoded anew. */
const cut = (tokenizer: Tokenizer, tokens: ReadonlyArray<number>, text: string): ReadonlyArray<number> => {
  let n = tokens.length
  while (n > 0 && !text.startsWith(tokenizer.decode(tokens.slice(0, n)))) n--
  const whole = tokens.slice(0, n)
  const rest = text.slice(tokenizer.decode(whole).length)
  const all = rest === "" ? whole : [...whole, ...tokenizer.encode(rest)]
  return tokenizer.decode(all) === text ? all : whole
}

/** Tokens that an end lies in: each of its characters has 4 bytes at most, and each byte may be a token. */
const near = (until: ReadonlyArray<string>): number => 1 + 4 * until.reduce((n, end) => Math.max(n, end.length), 0)

/** The answer with one token more. */
export const grown = (
  tokenizer: Tokenizer,
  { stop, until = [], limit }: Pick<Ask, "stop" | "until" | "limit">,
  { tokens, done }: Answer,
  token: number,
): Answer => {
  if (done) return { tokens, done }
  if (stop.includes(token)) return { tokens, done: true }
  const all = [...tokens, token]
  if (found(tokenizer.decode(all.slice(-near(until))), until) >= 0) {
    const text = tokenizer.decode(all)
    const at = found(text, until)
    if (at >= 0) return { tokens: cut(tokenizer, all, text.slice(0, at)), done: true }
  }
  return { tokens: all, done: all.length >= limit }
}
