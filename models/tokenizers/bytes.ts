/**
 * Bytes as tokens: every text has exactly one form, nothing is unknown, and a loss per token is a loss per byte.
 * @module
 */

/** Tokens there are. */
export const vocab = 256

/** UTF-8 bytes of a text. */
export const encode = (text: string): ReadonlyArray<number> => Array.from(new TextEncoder().encode(text))

/** Text of the bytes; what is no UTF-8 becomes U+FFFD. */
export const decode = (tokens: ReadonlyArray<number>): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(tokens))
