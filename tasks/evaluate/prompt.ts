/**
 * A prompt of exactly so many tokens: what stands before the haystack, the haystack with things put into it, and what stands
 * after it. Each part is encoded by itself, as in chats (`tasks/language/chat.ts`), so every count is exact for every
 * tokenizer, and the haystack fills up what the others leave.
 * @module
 */
import { either as E } from "fp-ts"
import type { HostKey } from "../../core/random/host.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { endsSentence, endsWord, passage } from "./haystack.ts"
import { type PoseFault, poseFault, type Scene } from "./task.ts"

// ---- types -------------------------------------------------------------------

/** Something to hide. */
export interface Hidden {
  readonly text: string
  /** Percent of the haystack that should stand before it. */
  readonly depth: number
}

/** What a prompt is made of. */
export interface Parts {
  /** Length of the context; the prompt is shorter by the scene's buffer. */
  readonly length: number
  readonly bos: boolean
  readonly head: string
  /** Parts that are encoded each by itself. */
  readonly tail: ReadonlyArray<string>
  readonly hidden: ReadonlyArray<Hidden>
  /** Draws where the haystack begins. */
  readonly passage: HostKey
}

/** The prompt, and how many of its tokens stand before each hidden thing. */
export interface Prompt {
  readonly tokens: Int32Array
  readonly at: ReadonlyArray<number>
}

// ---- places --------------------------------------------------------------------

/**
 * How many tokens of the haystack stand before what is hidden at a depth: its share rounded down, moved back until a
 * sentence has just ended, or to the very beginning where none has (LWM). Depth 100 is the end. Where no sentence ends
 * within `reach` tokens, a word's end will do.
 */
const place = (scene: Scene, hay: Int32Array, depth: number): number => {
  if (depth === 100) return hay.length
  const { tokenizer, reach } = scene
  const exact = Math.trunc(hay.length * (depth / 100))
  const least = Math.max(0, exact - reach)
  for (let at = exact; at >= least; at--) if (at === 0 || endsSentence(tokenizer, hay[at - 1]!)) return at
  for (let at = exact; at > least; at--) if (endsWord(tokenizer, hay[at - 1]!, hay[at]!)) return at
  return exact
}

const tooShort = (parts: Parts, room: number, needed: number): PoseFault =>
  poseFault(
    `a context of ${parts.length} tokens is too short: ${room} are for the prompt, but its frame and what is hidden in it ` +
      `take ${needed}; ask for longer contexts, or hide less`,
  )

// ---- prompts -------------------------------------------------------------------

interface Encoded {
  readonly head: Int32Array
  readonly tail: Int32Array
  readonly pieces: ReadonlyArray<Int32Array>
  /** Tokens of the prompt. */
  readonly room: number
  /** Tokens of it that are left to the haystack. */
  readonly free: number
}

/**
 * Tokens of a text that stands inside of another. SentencePiece writes a space before every text that it encodes; behind a
 * newline it does not, and what stands there does not depend on what comes after it.
 */
export const continued = (tokenizer: Tokenizer, text: string): Int32Array => {
  const [line, whole] = [tokenizer.encode("\n"), tokenizer.encode(`\n${text}`)]
  return line.every((id, i) => id === whole[i]) ? whole.subarray(line.length) : tokenizer.encode(text)
}

const encoded = ({ tokenizer, buffer }: Scene, parts: Parts): Encoded => {
  const { bos } = tokenizer
  const head = Int32Array.from([...(parts.bos && bos !== undefined ? [bos] : []), ...tokenizer.encode(parts.head)])
  const tail = Int32Array.from(parts.tail.flatMap((part) => Array.from(tokenizer.encode(part))))
  const pieces = parts.hidden.map(({ text }) => continued(tokenizer, text))
  const room = parts.length - buffer
  const free = pieces.reduce((left, piece) => left - piece.length, room - head.length - tail.length)
  return { head, tail, pieces, room, free }
}

/** Tokens that are left to the haystack; fewer than none where the context is too short. */
export const freeTokens = (scene: Scene, parts: Parts): number => encoded(scene, parts).free

/** Puts a prompt together: exactly `length - buffer` tokens. */
export const assemble = (scene: Scene, parts: Parts): E.Either<PoseFault, Prompt> => {
  const { haystack } = scene
  const { head, tail, pieces, room, free } = encoded(scene, parts)
  if (free < 0) return E.left(tooShort(parts, room, room - free))
  if (haystack.tokens.length === 0 && free > 0) {
    return E.left(poseFault(`the haystack ${haystack.name} has no text; give one with some sentences`))
  }
  const hay = free === 0 ? new Int32Array(0) : passage(haystack, parts.passage, free)
  // what is hidden at the same place stands in the order of its depth
  const order = parts.hidden.map((h, i) => ({ i, depth: h.depth, cut: place(scene, hay, h.depth) }))
    .sort((a, b) => a.cut - b.cut || a.depth - b.depth || a.i - b.i)
  const tokens = new Int32Array(room)
  const at = new Array<number>(pieces.length)
  let written = 0
  const write = (ids: Int32Array): void => {
    tokens.set(ids, written)
    written += ids.length
  }
  write(head)
  let read = 0
  for (const { i, cut } of order) {
    write(hay.subarray(read, cut))
    read = cut
    at[i] = written
    write(pieces[i]!)
  }
  write(hay.subarray(read))
  write(tail)
  return E.right({ tokens, at })
}
