/**
 * Sequences of examples to be tuned on: long ones about documents, and short dialogues.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"
import { digestOf, mapped, Place, placeOf, type Sequence, type Source } from "../data/source.ts"
import type { Json } from "../stage/stage.ts"
import { type Chunk, chunksOf, type Document, standardSize } from "./chunks.ts"
import { compose } from "./compose.ts"
import { dialogueByRule, dialogueOf, exampleOf } from "./dialogues.ts"
import { type Shown, standardShown } from "./rules.ts"
import { keyOf, type Pair } from "./writer.ts"

// ---- several for one -----------------------------------------------------------

/** Where the value stands that is being read, and how many of its parts are given. */
type Within = { readonly at: Place; readonly given: number }
const Within: t.Type<Within, unknown> = t.strict({ at: Place, given: natural })

/** Every value as several, or none, by a function that `meaning` names: the digest hangs on it. */
export const several = <A, B, R>(
  sequence: Sequence<A, R>,
  meaning: Effect.Effect<Json>,
  f: (value: A) => ReadonlyArray<B>,
): Sequence<B, R> => ({
  name: sequence.name,
  digest: Effect.flatMap(
    Effect.all([sequence.digest, meaning]),
    ([below, own]) => digestOf("several", below, own),
  ),
  read: (from) =>
    Stream.unwrap(Effect.gen(function* () {
      const begin: Within = from === undefined ? { at: null, given: 0 } : yield* placeOf(Within, sequence.name, from)
      return Stream.mapAccum(sequence.read(begin.at ?? undefined), () => begin, (now, { id, value, after }) => {
        const next: Within = { at: after, given: 0 }
        if (E.isLeft(value)) return [next, [{ id, value, after: next }]]
        const all = f(value.right)
        const readings = all.map((part, i) => ({
          id: `${id}.${i + 1}`,
          value: E.right(part) as E.Either<string, B>,
          after: i + 1 < all.length ? { at: now.at, given: i + 1 } : next,
        }))
        return [next, readings.slice(now.given)]
      })
    })),
})

// ---- documents -------------------------------------------------------------------

/** The texts of a source in tokens, without beginning and end. A document without text cannot be used. */
export const documentsOf = <R>(source: Source<R>, tokenizer: Tokenizer): Sequence<Document, R> =>
  mapped(source, Effect.succeed(["documents", tokenizer.digest]), ({ id, fields }) => {
    const { text } = fields
    return typeof text === "string"
      ? E.right({ name: id, tokens: tokenizer.encode(text) })
      : E.left("it has no text to ask about: expected the field text")
  })

/** All chunks of all documents; what cannot be used is passed over. */
export const chunksIn = <R>(
  documents: Sequence<Document, R>,
  tokenizer: Tokenizer,
  size: number = standardSize,
): Stream.Stream<Chunk, Stream.Error<ReturnType<Sequence<Document, R>["read"]>>, R> =>
  Stream.flatMap(
    documents.read(undefined),
    ({ value }) => Stream.fromArray(E.isRight(value) ? chunksOf(tokenizer, value.right, size) : []),
  )

/** Pairs that are written, and how their chunks were cut. */
export interface WrittenPairs {
  readonly pairs: ReadonlyMap<string, Pair>
  /** SHA-256 of their file. */
  readonly digest: string
  /** Tokens of a chunk. */
  readonly size: number
}

/** Long examples about documents: at most `target` tokens, ending with all questions about their text. */
export const composedOf = <R>(
  documents: Sequence<Document, R>,
  tokenizer: Tokenizer,
  { pairs, digest, size }: WrittenPairs,
  target: number,
): Sequence<Example, R> =>
  several(documents, Effect.succeed(["composed", tokenizer.digest, digest, size, target]), (document) => {
    const asked = chunksOf(tokenizer, document, size).map((chunk) => {
      const pair = pairs.get(chunk.digest)
      return { chunk, pairs: pair === undefined ? [] : [pair] }
    })
    return compose(tokenizer, asked, target)
  })

// ---- dialogues -----------------------------------------------------------------

/** Dialogues of records with `messages` or `data`, as UltraChat has them. */
export const dialoguesOf = <R>(source: Source<R>, tokenizer: Tokenizer): Sequence<Example, R> =>
  mapped(
    source,
    Effect.succeed(["dialogues", tokenizer.digest]),
    ({ fields }) =>
      E.map((dialogue: Parameters<typeof exampleOf>[1]) => exampleOf(tokenizer, dialogue))(dialogueOf(fields)),
  )

/** How dialogues are made by rule. */
export interface Invented {
  readonly seed: number
  /** Tokens of the passage that a dialogue is about. */
  readonly size: number
  /** Questions about it at most. */
  readonly turns: number
  readonly shown?: Shown
}

/** Short dialogues about passages, by rule, for those who have no records. */
export const inventedOf = <R>(
  documents: Sequence<Document, R>,
  tokenizer: Tokenizer,
  { seed, size, turns, shown = standardShown }: Invented,
): Sequence<Example, R> =>
  several(
    documents,
    Effect.succeed(["invented", tokenizer.digest, seed, size, turns, { ...shown }]),
    (document) =>
      chunksOf(tokenizer, document, size).flatMap((chunk) =>
        dialogueByRule(tokenizer, chunk, turns, keyOf(seed, chunk), shown) ?? []
      ),
  )
