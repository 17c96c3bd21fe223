/**
 * Questions as a stage, and the rows that a model is tuned on with them.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { bytes } from "../../models/tokenizers/bytes.ts"
 * import { mobyDick } from "../data/books.ts"
 * import { standardAsking } from "./pairs.ts"
 * import { rules } from "./rules.ts"
 * import { documentsOf } from "./sequences.ts"
 * import { questionsStage } from "./stage.ts"
 *
 * const questions = questionsStage({
 *   name: "questions",
 *   material: {
 *     of: ["moby-dick", "bytes"],
 *     open: Effect.succeed({ documents: documentsOf(mobyDick, bytes), tokenizer: bytes }),
 *   },
 *   size: 1000,
 *   asking: standardAsking,
 *   writer: { as: "rules", about: "rules", layer: () => rules() },
 *   needs: {},
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type FileFault, finite, natural, positive } from "../../core/files/codec.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Batches, Example } from "../data/example.ts"
import type { DataFault } from "../data/fault.ts"
import { batches } from "../data/loader.ts"
import { windowed } from "../data/order.ts"
import { masked } from "../data/packing.ts"
import { Place, type Sequence } from "../data/source.ts"
import type { Events } from "../events.ts"
import {
  type FaultsOf,
  type Json,
  type Needs,
  type Outputs,
  type ServicesOf,
  type Stage,
  stage,
} from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import type { Document } from "./chunks.ts"
import { mixedRows } from "./mix.ts"
import { askAll, type Asking, Pairs, readPairs } from "./pairs.ts"
import { chunksIn, type WrittenPairs } from "./sequences.ts"
import type { Writer, WriterFault } from "./writer.ts"

// ---- the stage -------------------------------------------------------------------

/** Documents to ask about, and what they depend on. */
export interface Material<X, R> {
  /** Names of source and tokenizer. It is a part of the key. */
  readonly of: Json
  readonly open: Effect.Effect<{ readonly documents: Sequence<Document, R>; readonly tokenizer: Tokenizer }, X, R>
}

/** Questions, declared. */
export interface QuestionsDeclaration<X, R, X2, R2, N extends Needs> {
  readonly name: string
  readonly material: Material<X, R>
  /** Tokens of a chunk; LWM's are 1000. */
  readonly size: number
  readonly asking: Asking
  readonly writer: {
    /** Which writer. It is a part of the key. */
    readonly as: Json
    /** For people. */
    readonly about: string
    readonly layer: (outputs: Outputs<N>) => Layer.Layer<Writer, X2, R2>
  }
  /** What the writer needs: a model of one's own. */
  readonly needs: N
}

const Settings = t.strict({
  of: Place,
  size: positive,
  seed: natural,
  limit: finite,
  writer: Place,
})

/** A stage that asks about all chunks of documents. Nothing is asked twice, whatever stops it. */
export const questionsStage = <X, R, X2, R2, const N extends Needs>(
  d: QuestionsDeclaration<X, R, X2, R2, N>,
): Stage<
  Pairs,
  X | X2 | DataFault | WriterFault | StoreFault | FaultsOf<N>,
  R | R2 | Store | Events | ServicesOf<N>
> =>
  stage({
    name: d.name,
    version: "1",
    about: "a question and its answer for each chunk of the documents",
    codec: Settings,
    settings: {
      of: d.material.of,
      size: d.size,
      seed: d.asking.seed,
      limit: d.asking.limit,
      writer: d.writer.as,
    },
    seeds: [d.asking.seed],
    needs: d.needs,
    output: Pairs,
    expects: () => E.right({ notes: [`chunks of ${d.size} tokens`, `written by ${d.writer.about}`] }),
    make: (outputs) =>
      Effect.gen(function* () {
        const { documents, tokenizer } = yield* d.material.open
        return yield* Effect.provide(
          askAll(chunksIn(documents, tokenizer, d.size), tokenizer, d.asking),
          d.writer.layer(outputs),
        )
      }),
  })

/** What a stage of questions made, ready to be composed. */
export const writtenOf = (
  pairs: Pick<Pairs, "file">,
  size: number,
): Effect.Effect<WrittenPairs, StoreFault | FileFault, Store> =>
  Effect.map(readPairs(pairs), (map) => ({ pairs: map, digest: pairs.file.digest, size }))

// ---- rows --------------------------------------------------------------------

/** What a model is tuned on, open. */
export interface Tuning<R> {
  /** Long examples that end with questions. */
  readonly questions: Sequence<Example, R>
  /** Short dialogues. */
  readonly chat: Sequence<Example, R>
  readonly tokenizer: Tokenizer
}

/** LWM's mixture: rows of short chat to rows of questions. */
export const standardShares: readonly [chat: number, questions: number] = [7, 3]

/** How rows are made of both. */
export interface TuningShape {
  readonly batch: number
  readonly time: number
  readonly seed: number
  readonly shares: readonly [chat: number, questions: number]
}

/** Examples that are put into a random order together: many that are short, some that are long. */
const windows = { chat: 1024, questions: 64 }

/**
 * Rows to tune on: of both kinds, each packed by itself. Examples of a row see themselves only and weigh the same, and rows
 * weigh the same (`reduction: "rows"`), so that a book's few answers count as much as a row full of dialogues.
 */
export const tuningRows = <X, R>(
  open: Effect.Effect<Tuning<R>, X, R>,
  { batch, time, seed, shares: [chat, questions] }: TuningShape,
): Batches<X | DataFault, R> => ({
  from: (position) =>
    Stream.unwrap(Effect.map(open, (tuning) => {
      const pad = tuning.tokenizer.pad ?? tuning.tokenizer.eos ?? 0
      const rows = (sequence: Sequence<Example, R>, window: number): Batches<DataFault, R> =>
        batches(windowed(sequence, { seed, window }), masked({ pad, long: "cut" }), { batch: 1, time, ahead: 0 })
      return mixedRows(
        [[rows(tuning.chat, windows.chat), chat], [rows(tuning.questions, windows.questions), questions]],
        batch,
        seed,
      ).from(position)
    })),
})
