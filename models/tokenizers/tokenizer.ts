/**
 * A tokenizer as a value: text to ids and back. It never adds a token by itself; who wants `bos` puts it there.
 * @module
 */

/** Tokens of texts. Ids are 0 up to `vocab` - 1. */
export interface Tokenizer {
  /** For people: `bytes`, `llama2`, the path of a file. */
  readonly name: string
  /** SHA-256 of what defines it; equal digests, equal ids. */
  readonly digest: string
  readonly vocab: number
  /** Begins a text, ends it, fills rows up; undefined where the vocabulary has none. */
  readonly bos: number | undefined
  readonly eos: number | undefined
  readonly pad: number | undefined
  /** Ids of a text. Special tokens' names in the text are text. */
  readonly encode: (text: string) => Int32Array
  /** Text of ids; special tokens are left out, what is no UTF-8 becomes U+FFFD. */
  readonly decode: (ids: ArrayLike<number>) => string
}
