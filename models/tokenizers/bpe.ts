/**
 * Learns a byte-level vocabulary from texts by byte-pair encoding (Sennrich, Haddow & Birch, 2016; bytes as in GPT-2,
 * Radford et al., 2019), with merges that may cross spaces: "superwords" (SuperBPE, Liu et al., 2025). Texts are cut only
 * at numbers and newlines, so a frequent phrase becomes one token.
 *
 * What comes out is a `tokenizer.json` as Hugging Face's libraries read it, with the same ids there, and depends on nothing
 * but what is given.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { Tokenizers } from "@orrery/orrery"
 *
 * const file = E.chain((f: Tokenizers.TokenizerFile) => Tokenizers.fromFile(f, { name: "mine" }))(
 *   Tokenizers.learnBpe({ texts: ["Call me Ishmael."], vocab: 1400, added: ["New Bedford"] }),
 * )
 * ```
 * @module
 */
import * as library from "@huggingface/tokenizers"
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { counts } from "./counts.ts"
import type { AddedToken, TokenizerFile } from "./file.ts"
import { piecesOf } from "./huggingface.ts"
import { type Merge, merged, rules } from "./merges.ts"

/** What a vocabulary is learned from. */
export interface BpeRecipe {
  readonly texts: Iterable<string>
  /** Tokens in all: 256 bytes, numbers, what is learned, `added`, `special`. Fewer, where the texts have no more pairs. */
  readonly vocab: number
  /** What stands alone; texts are cut around it. As `tokenizer.json` writes it: `\d` is any script's digit there. */
  readonly pattern?: string
  /** All numbers of 1 to 3 digits are tokens, before anything is learned; the pattern must not cut them. */
  readonly digits?: boolean
  /** Strings that are one token wherever they are. */
  readonly added?: ReadonlyArray<string>
  /** Tokens that are in no text. */
  readonly special?: ReadonlyArray<string>
  /** How often a pair must be there to become a token. */
  readonly least?: number
}

/** Names of the tokens that begin a text, end it and fill up, found by `fromFile`. */
export const specials: ReadonlyArray<string> = ["<|bos|>", "<|eos|>", "<|pad|>"]

/** Groups of up to three digits, and newlines, stand alone. */
export const superwords = "[0-9]{1,3}|\\n"

const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
/** GPT-2's character of each byte: its own where it can be seen, else one of those from 256 up. */
const alphabet: ReadonlyArray<string> = Array.from(
  { length: 256 },
  (_, b) =>
    String.fromCharCode(
      printable(b) ? b : 256 + Array.from({ length: b }, (_, c) => c).filter((c) => !printable(c)).length,
    ),
)
const byteOf: ReadonlyMap<string, number> = new Map(alphabet.map((c, b) => [c, b]))

/** Two digits from one and one, in order; three from two and one, and from one and two, which are the same token. */
const numbers = (): ReadonlyArray<Merge> => {
  const ten = Array.from({ length: 10 }, (_, d) => d)
  const [one, two, three] = [48, 256, 356]
  return [
    ...ten.flatMap((a) => ten.map((b): Merge => [one + a, one + b, two + 10 * a + b])),
    ...ten.flatMap((a) =>
      ten.flatMap((b) =>
        ten.flatMap((c): ReadonlyArray<Merge> => {
          const made = three + 100 * a + 10 * b + c
          return [[two + 10 * a + b, one + c, made], [one + a, two + 10 * b + c, made]]
        })
      )
    ),
  ]
}

const file = (
  pattern: string,
  tokens: ReadonlyArray<string>,
  merges: ReadonlyArray<readonly [string, string]>,
  added: ReadonlyArray<string>,
  special: ReadonlyArray<string>,
): TokenizerFile => ({
  version: "1.0",
  ...{ truncation: null, padding: null },
  added_tokens: [...added, ...special].map((content, i): AddedToken => ({
    id: tokens.length + i,
    content,
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false, special: i >= added.length },
  })),
  normalizer: null,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    ...{ type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
    ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  },
})

/** The vocabulary of a recipe, or why there is none. Of pairs that are there equally often the lowest becomes a token first. */
export const learnBpe = (recipe: BpeRecipe): E.Either<ReadonlyArray<FileFault>, TokenizerFile> => {
  const { pattern = superwords, digits = true, added = [], special = specials, least = 2 } = recipe
  const fixed = digits ? numbers() : []
  const begun = 256 + (digits ? 1100 : 0)
  const size = recipe.vocab - added.length - special.length
  const wrong = (where: string, message: string) =>
    E.left([fileFault("value", where, `learnBpe: ${where}: ${message}`)])
  if (!Number.isSafeInteger(size) || size < begun) {
    const room = begun + added.length + special.length
    return wrong("vocab", `expected at least ${room} for bytes, numbers and what is added, got ${recipe.vocab}`)
  }
  const names = [...added, ...special]
  const twice = names.find((name, i) => name === "" || names.indexOf(name) !== i)
  if (twice !== undefined) return wrong("added", `${JSON.stringify(twice)} is empty or there twice`)

  const tokens = [...alphabet]
  const merges: Array<Merge> = []
  const ids = new Map(byteOf)
  const learn = (left: number, right: number): Merge => {
    const token = tokens[left]! + tokens[right]!
    const id = ids.get(token) ?? tokens.push(token) - 1
    ids.set(token, id)
    const merge: Merge = [left, right, id]
    merges.push(merge)
    return merge
  }
  for (const [left, right] of fixed) learn(left, right)

  const cut = E.tryCatch(
    () => {
      const empty = file(pattern, tokens, [], added, [])
      return piecesOf(empty, new library.Tokenizer(empty, {}))!
    },
    (e) => [fileFault("value", "pattern", `learnBpe: pattern: ${e instanceof Error ? e.message : e}; got ${pattern}`)],
  )
  if (E.isLeft(cut)) return cut
  const first = rules(begun, fixed)
  const pieces: Array<Int32Array> = []
  for (const text of recipe.texts) {
    for (const piece of cut.right(text)) {
      if (typeof piece === "string") pieces.push(merged(first, Array.from(piece, (c) => byteOf.get(c)!)))
    }
  }
  const counted = counts(pieces, fixed, size)
  while (tokens.length < size) {
    const pair = counted.most(least)
    if (pair === undefined) break
    counted.merge(learn(...pair))
  }
  const pairs = merges.map(([left, right]) => [tokens[left]!, tokens[right]!] as const)
  return E.right(file(pattern, tokens, pairs, added, special))
}
