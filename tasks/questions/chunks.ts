/**
 * Documents cut into chunks that a short-context writer can read (LWM: 1000 tokens). Chunks of a document, put together
 * again, are its tokens exactly.
 * @module
 */
import { sha256Text } from "../../core/graph/sha256.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"

/** A document in tokens, without `bos` and `eos`. */
export interface Document {
  /** Where it comes from, for people. */
  readonly name: string
  readonly tokens: Int32Array
}

/** A stretch of a document. */
export interface Chunk {
  readonly document: string
  /** Its number in the document, from 0. */
  readonly index: number
  readonly tokens: Int32Array
  readonly text: string
  /** SHA-256 of the text: what is asked about it is known by this. */
  readonly digest: string
}

/** LWM's chunk, in tokens. */
export const standardSize = 1000

/** Chunks of exactly `size` tokens, in order; the last is what is left. */
export const chunksOf = (
  tokenizer: Pick<Tokenizer, "decode">,
  { name, tokens }: Document,
  size: number = standardSize,
): ReadonlyArray<Chunk> =>
  Array.from({ length: Math.ceil(tokens.length / size) }, (_, index) => {
    const part = tokens.slice(index * size, (index + 1) * size)
    const text = tokenizer.decode(part)
    return { document: name, index, tokens: part, text, digest: sha256Text(text) }
  })
