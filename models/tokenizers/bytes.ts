/**
 * Bytes as tokens: every text has exactly one form, nothing is unknown, and a loss per token is a loss per byte.
 * @module
 */
import { sha256Text } from "../../core/graph/sha256.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** Tokens of texts; the special ones come after them. */
export const vocab = 256

/** UTF-8 bytes of a text. */
export const encode = (text: string): ReadonlyArray<number> => Array.from(new TextEncoder().encode(text))

/** Text of the bytes; what is no UTF-8 becomes U+FFFD. */
export const decode = (tokens: ReadonlyArray<number>): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(tokens))

/** Bytes 0 to 255, then `bos` 256, `eos` 257 and `pad` 258. */
export const bytes: Tokenizer = {
  name: "bytes",
  digest: sha256Text("UTF-8 bytes, bos 256, eos 257, pad 258"),
  vocab: vocab + 3,
  bos: vocab,
  eos: vocab + 1,
  pad: vocab + 2,
  encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
  decode: (ids) => decode(Array.from(ids).filter((id) => id >= 0 && id < vocab)),
}
