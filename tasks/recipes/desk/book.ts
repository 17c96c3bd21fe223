/**
 * What the desk recipe stands on: Moby-Dick in two parts, a tokenizer learned from the first, and both parts in its tokens.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type { FileFault } from "../../../core/files/codec.ts"
import { natural, positive } from "../../../core/files/codec.ts"
import { learnBpe, specials } from "../../../models/tokenizers/bpe.ts"
import { huggingface } from "../../../models/tokenizers/huggingface.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { chapters } from "../../data/books.ts"
import type { DataFault } from "../../data/fault.ts"
import { cities, divideCities, heldByDefault } from "../../evaluate/cities.ts"
import { orFirst } from "../../known.ts"
import { FileRef, getBytes, putBytes } from "../../objects.ts"
import { type Stage, stage } from "../../stage/stage.ts"
import { type Store, type StoreFault, utf8 } from "../../store.ts"
import type { Ground } from "./curriculum.ts"
import { marks, pairsOfDigits, pattern, phrasesOf, phraseTexts, sights } from "./phrases.ts"

// ---- types -------------------------------------------------------------------

/** A text in two parts: what is learned and what is asked. */
export interface Book {
  readonly train: FileRef
  readonly heldOut: FileRef
}

const Book: t.Type<Book, unknown> = t.strict({ train: FileRef, heldOut: FileRef })

/** A vocabulary as `tokenizer.json`. */
export interface Vocabulary {
  readonly file: FileRef
  readonly vocab: number
}

const Vocabulary: t.Type<Vocabulary, unknown> = t.strict({ file: FileRef, vocab: positive })

/** Both parts as tokens, and how many bytes the second has. */
export interface Tokens {
  readonly train: FileRef
  readonly heldOut: FileRef
  readonly heldOutBytes: number
}

const Tokens: t.Type<Tokens, unknown> = t.strict({ train: FileRef, heldOut: FileRef, heldOutBytes: natural })

/** The first stages, which all others stand on. */
export interface Footing {
  readonly book: Stage<Book, DataFault | StoreFault, Store>
  readonly vocabulary: Stage<Vocabulary, DataFault | StoreFault | FileFault, Store>
  readonly tokens: Stage<Tokens, DataFault | StoreFault | FileFault, Store>
}

// ---- the text ------------------------------------------------------------------

/** The last tenth, at a character's border, is held out. */
const divided = (text: string): readonly [Uint8Array, Uint8Array] => {
  const bytes = utf8(text)
  let cut = bytes.length - Math.floor(bytes.length / 10)
  while ((bytes[cut]! & 0xc0) === 0x80) cut++
  return [bytes.subarray(0, cut), bytes.subarray(cut)]
}

/** Moby-Dick: chapters in order, a blank line between; the last tenth is held out from everything that learns. */
const bookOf = (first: number | null): Footing["book"] =>
  stage({
    name: "book",
    version: "1",
    about: "Moby-Dick, its last tenth held out",
    codec: t.union([t.null, positive]),
    settings: first,
    needs: {},
    output: Book,
    make: (_, first) =>
      Effect.gen(function* () {
        const [train, heldOut] = divided((yield* chapters).slice(0, first ?? undefined).join("\n\n"))
        return { train: yield* putBytes(train), heldOut: yield* putBytes(heldOut) }
      }),
  })

// ---- the tokenizer ---------------------------------------------------------------

/** A part of the book as text. */
export const textOf = (ref: FileRef): Effect.Effect<string, StoreFault | FileFault, Store> =>
  Effect.map(getBytes(ref), (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes))

const strings = t.readonlyArray(t.string)

/** Byte pairs across words, numbers in twos, and the names of cities as single tokens: needles are short. */
const vocabularyOf = (book: Footing["book"]): Footing["vocabulary"] =>
  stage({
    name: "tokenizer",
    version: "1",
    about: "byte pairs of the book that cross words; needles take ten tokens",
    codec: t.strict({ vocab: positive, pattern: t.string, times: positive, phrases: strings, added: strings }),
    settings: { vocab: 1056, pattern, times: 300, phrases: phraseTexts, added: [...marks, ...sights, ...cities] },
    needs: { book },
    output: Vocabulary,
    make: ({ book }, { vocab, pattern, times, phrases, added }) =>
      Effect.gen(function* () {
        const said = Array.from({ length: times }, () => phrases).flat()
        const texts = [yield* textOf(book.train), ...said, pairsOfDigits(times)]
        const file = yield* orFirst(learnBpe({ texts, vocab, pattern, digits: false, added, special: specials }))
        return { file: yield* putBytes(utf8(JSON.stringify(file))), vocab }
      }),
  })

/** The tokenizer out of its file. */
export const tokenizerOf = ({ file }: Vocabulary): Effect.Effect<Tokenizer, StoreFault | FileFault, Store> =>
  Effect.flatMap(textOf(file), (json) => orFirst(huggingface(json, { name: "desk" })))

// ---- tokens --------------------------------------------------------------------

const blobOf = (ids: Int32Array): Uint8Array => new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength)

/** Tokens out of a file. */
export const idsOf = (ref: FileRef): Effect.Effect<Int32Array, StoreFault | FileFault, Store> =>
  Effect.map(getBytes(ref), (bytes) => new Int32Array(bytes.slice().buffer))

/** The book in tokens. */
const tokensOf = (needs: Pick<Footing, "book" | "vocabulary">): Footing["tokens"] =>
  stage({
    name: "tokens",
    version: "1",
    about: "the book in tokens",
    codec: t.null,
    settings: null,
    needs,
    output: Tokens,
    make: ({ book, vocabulary }) =>
      Effect.gen(function* () {
        const { encode } = yield* tokenizerOf(vocabulary)
        const heldOut = yield* textOf(book.heldOut)
        return {
          train: yield* putBytes(blobOf(encode(yield* textOf(book.train)))),
          heldOut: yield* putBytes(blobOf(encode(heldOut))),
          heldOutBytes: book.heldOut.bytes,
        }
      }),
  })

/** The first stages, over the first chapters of the book, or all. */
export const footing = (chapters: number | null): Footing => {
  const book = bookOf(chapters)
  const vocabulary = vocabularyOf(book)
  return { book, vocabulary, tokens: tokensOf({ book, vocabulary }) }
}

// ---- the ground ------------------------------------------------------------------

/** Words of the book that are one token of two characters or more; no digits, and no cities, some of which are held out. */
const wordsOf = (tokenizer: Tokenizer, ids: Int32Array): ReadonlyArray<ReadonlyArray<number>> =>
  [...new Set(ids)].sort((a, b) => a - b).filter((id) => {
    const text = tokenizer.decode([id])
    return text.length > 1 && !/[\d\n\ufffd]/.test(text) && !cities.includes(text)
  }).map((id) => [id])

/** What rows are made of. The cities that are held out are never a needle's name in training. */
export const groundOf = (
  vocabulary: Vocabulary,
  { train }: Tokens,
): Effect.Effect<Ground, StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    const tokenizer = yield* tokenizerOf(vocabulary)
    const ids = yield* idsOf(train)
    const known = new Set([...ids, tokenizer.bos, tokenizer.eos, tokenizer.pad])
    return {
      book: ids,
      phrases: phrasesOf(tokenizer),
      names: divideCities(heldByDefault).trained.map((city) => Array.from(tokenizer.encode(city))),
      words: wordsOf(tokenizer, ids),
      rare: Array.from({ length: tokenizer.vocab }, (_, id) => id).filter((id) => !known.has(id)),
      vocab: tokenizer.vocab,
      bos: tokenizer.bos ?? 0,
      eos: tokenizer.eos ?? 0,
      encode: tokenizer.encode,
    }
  })
