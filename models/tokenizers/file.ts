/**
 * `tokenizer.json`, Hugging Face's form of a tokenizer, as far as it is looked at here: what it is made of is for the
 * package `@huggingface/tokenizers` to know.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, natural } from "../../core/files/codec.ts"

/** A token that is a whole string. A special one is never found in texts. */
export interface AddedToken {
  readonly id: number
  readonly content: string
  readonly single_word?: boolean
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  readonly normalized?: boolean
  readonly special?: boolean
}
const AddedToken: t.Type<AddedToken, unknown> = t.intersection([
  t.type({ id: natural, content: t.string }),
  t.partial({
    single_word: t.boolean,
    lstrip: t.boolean,
    rstrip: t.boolean,
    normalized: t.boolean,
    special: t.boolean,
  }),
]) as never

/** A part that is a record with a type, or nothing. */
const part = t.union([t.null, t.UnknownRecord])
type Part = { readonly [key: string]: unknown } | null

/** The file. */
export interface TokenizerFile {
  readonly version?: string
  readonly added_tokens: ReadonlyArray<AddedToken>
  readonly normalizer: Part
  readonly pre_tokenizer: Part
  readonly post_processor: Part
  readonly decoder: Part
  readonly model: { readonly [key: string]: unknown }
}
const TokenizerFile: t.Type<TokenizerFile, unknown> = t.intersection([
  t.type({
    added_tokens: t.array(AddedToken),
    normalizer: part,
    pre_tokenizer: part,
    post_processor: part,
    decoder: part,
    model: t.UnknownRecord,
  }),
  t.partial({ version: t.string }),
]) as never

/** Names of special tokens in `tokenizer_config.json`. */
const Named = t.union([t.null, t.string, t.type({ content: t.string })])
export const TokenizerConfig: t.Type<TokenizerConfig, unknown> = t.partial({
  bos_token: Named,
  eos_token: Named,
  pad_token: Named,
}) as never
/** `tokenizer_config.json`: which tokens begin a text, end it and fill up. */
export interface TokenizerConfig {
  readonly bos_token?: string | { readonly content: string } | null
  readonly eos_token?: string | { readonly content: string } | null
  readonly pad_token?: string | { readonly content: string } | null
}

/** The model of byte-pair encoding. */
export interface BpeModel {
  readonly vocab: ReadonlyMap<string, number>
  readonly merges: ReadonlyArray<readonly [string, string]>
  readonly unk: number | undefined
  readonly fuse: boolean
  readonly fallback: boolean
  readonly whole: boolean
}

const Bpe = t.intersection([
  t.type({ vocab: t.UnknownRecord, merges: t.UnknownArray }),
  t.partial({
    unk_token: t.union([t.null, t.string]),
    fuse_unk: t.boolean,
    byte_fallback: t.boolean,
    ignore_merges: t.boolean,
    dropout: t.union([t.null, t.number]),
    continuing_subword_prefix: t.union([t.null, t.string]),
    end_of_word_suffix: t.union([t.null, t.string]),
  }),
])

const wrong = (where: string, message: string): E.Either<ReadonlyArray<FileFault>, never> =>
  E.left([fileFault("value", where, `${where}: ${message}`)])

const pairOf = (merge: unknown): readonly [string, string] | undefined => {
  const parts = typeof merge === "string" ? merge.split(" ") : merge
  return Array.isArray(parts) && parts.length === 2 && parts.every((p) => typeof p === "string")
    ? parts as unknown as readonly [string, string]
    : undefined
}

/**
 * The model as byte-pair encoding, or undefined where it is another, or has what is left to the package: marks of words'
 * ends, merges left out by chance.
 */
export const bpeModel = (file: TokenizerFile): E.Either<ReadonlyArray<FileFault>, BpeModel | undefined> => {
  if (file.model["type"] !== "BPE") return E.right(undefined)
  const read = decodeValue(Bpe, file.model)
  if (E.isLeft(read)) return read
  const m = read.right
  if (m.continuing_subword_prefix || m.end_of_word_suffix || m.dropout) return E.right(undefined)
  const vocab = new Map<string, number>()
  for (const [token, id] of Object.entries(m.vocab)) {
    if (!natural.is(id)) return wrong(`model.vocab.${token}`, `expected an id, got ${JSON.stringify(id)}`)
    vocab.set(token, id)
  }
  if (new Set(vocab.values()).size < vocab.size) return wrong("model.vocab", "two tokens have the same id")
  const merges: Array<readonly [string, string]> = []
  for (const [i, merge] of m.merges.entries()) {
    const pair = pairOf(merge)
    if (pair === undefined) return wrong(`model.merges.${i}`, `expected two tokens, got ${JSON.stringify(merge)}`)
    const unknown = [...pair, pair.join("")].find((token) => !vocab.has(token))
    if (unknown !== undefined) {
      return wrong(`model.merges.${i}`, `${JSON.stringify(unknown)} is no token of the vocabulary`)
    }
    merges.push(pair)
  }
  const unk = m.unk_token == null ? undefined : vocab.get(m.unk_token)
  const { fuse_unk: fuse = false, byte_fallback: fallback = false, ignore_merges: whole = false } = m
  return E.right({ vocab, merges, unk, fuse, fallback, whole })
}

/** A value as the file it should be. */
export const tokenizerFile = (value: unknown): E.Either<ReadonlyArray<FileFault>, TokenizerFile> => {
  const read = decodeValue(TokenizerFile, value)
  if (E.isLeft(read)) return read
  const words = read.right.added_tokens.find((a) => a.single_word && !a.special)
  return words === undefined ? read : wrong(
    `added_tokens.${words.id}`,
    `${JSON.stringify(words.content)} is wanted only as a whole word (single_word), which is not known here; ` +
      `give tokens that may stand anywhere`,
  )
}
