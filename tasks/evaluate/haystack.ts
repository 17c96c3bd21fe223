/**
 * Text to hide things in: any text that was held out from training, without what looks like an answer, in tokens. It is
 * read from the beginning of a sentence, and from its beginning again where it ends.
 * @module
 */
import type { HostKey } from "../../core/random/host.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { below } from "./draws.ts"

// ---- types -------------------------------------------------------------------

/** A haystack. */
export interface Haystack {
  /** For people. */
  readonly name: string
  /** All of it, cleaned. */
  readonly tokens: Int32Array
  /** Tokens after which a sentence ends: places, rising; the last is the end. */
  readonly ends: Int32Array
  /** What was taken out because it looked like an answer. */
  readonly removed: number
}

// ---- cleaning ------------------------------------------------------------------

/** What looks like an answer or a needle: four digits and more in a row, assignments, the words of the needle. */
const foreign = /\d{4,}|\bVAR [A-Z]+ = \w+|special magic/g

/** A text without what looks like an answer, and how often that was found. */
export const cleaned = (text: string): { readonly text: string; readonly removed: number } => {
  let removed = 0
  let before = text
  // taking something out can bring two halves together
  for (;;) {
    const after = before.replace(foreign, () => (removed++, ""))
    if (after === before) return { text: after, removed }
    before = after
  }
}

// ---- sentences -----------------------------------------------------------------

/** Does a sentence end with this token? Its text ends with a full stop, maybe closed by quotes or white space. */
export const endsSentence = (tokenizer: Tokenizer, id: number): boolean =>
  /\.["'\u2019\u201d)]?\s*$/.test(tokenizer.decode([id]))

/** May one stop between these two tokens without cutting a word? */
export const endsWord = (tokenizer: Tokenizer, left: number, right: number): boolean =>
  /\W$/.test(tokenizer.decode([left])) || /^\W/.test(tokenizer.decode([right]))

// ---- constructors --------------------------------------------------------------

/** A haystack of a text, up to the end of its last sentence. */
export const haystack = (name: string, tokenizer: Tokenizer, text: string): Haystack => {
  const clean = cleaned(text)
  const all = tokenizer.encode(clean.text)
  const known = new Map<number, boolean>()
  const ends = all.reduce<Array<number>>((found, id, i) => {
    if (!known.has(id)) known.set(id, endsSentence(tokenizer, id))
    if (known.get(id)) found.push(i + 1)
    return found
  }, [])
  const end = ends.at(-1) ?? all.length
  return {
    name,
    tokens: all.slice(0, end),
    ends: Int32Array.from(ends.length === 0 ? [end] : ends),
    removed: clean.removed,
  }
}

/** What RULER hides things in: sentences that say nothing. */
export const noise: string =
  "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "

// ---- reading -------------------------------------------------------------------

/** `count` tokens from the beginning of a sentence that the key draws. It must not be empty. */
export const passage = (hay: Haystack, key: HostKey, count: number): Int32Array => {
  const start = hay.ends[below(key, hay.ends.length)]!
  const { tokens } = hay
  return Int32Array.from({ length: count }, (_, i) => tokens[(start + i) % tokens.length]!)
}

/** Must a passage of so many tokens repeat the haystack? */
export const repeats = (hay: Haystack, count: number): boolean => count > hay.tokens.length
