/**
 * Questions from the book, and the tuning on them: chunks of the training part are asked about by rule, joined again to the
 * model's context with all questions at the end, and mixed with short dialogues 3 to 7, as in LWM; beside them go rows of
 * needles, so that what was learned of looking back is kept.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FileFault } from "../../../core/files/codec.ts"
import * as t from "io-ts"
import { natural, positive } from "../../../core/files/codec.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import type { Batches, Example } from "../../data/example.ts"
import type { DataFault } from "../../data/fault.ts"
import { type Sequence, texts } from "../../data/source.ts"
import type { Events } from "../../events.ts"
import { mixedRows, saying } from "../../questions/mix.ts"
import { askAll, Pairs, standardAsking } from "../../questions/pairs.ts"
import { rules } from "../../questions/rules.ts"
import { chunksIn, composedOf, documentsOf, inventedOf } from "../../questions/sequences.ts"
import { standardShares, tuningRows, writtenOf } from "../../questions/stage.ts"
import type { WriterFault } from "../../questions/writer.ts"
import { type Stage, stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { trainingStage } from "../../train/stage.ts"
import { configOf } from "../extend.ts"
import { type Book, type Footing, groundOf, textOf, tokenizerOf, type Tokens, type Vocabulary } from "./book.ts"
import { type Mixture, version } from "./curriculum.ts"
import { optimiser } from "./model.ts"
import { curriculum } from "./rows.ts"
import type { Common, Learned, Sequel } from "./training.ts"

// ---- numbers -----------------------------------------------------------------

/** How a model is tuned. */
export interface Tuning {
  /** Tokens of a chunk that one question is asked about: LWM's 1000, as the context is shorter. */
  readonly chunk: number
  readonly steps: number
  /** Tokens of a step. */
  readonly tokens: number
  readonly peak: number
  readonly warmup: number
  /** Every second row is of the curriculum. */
  readonly mixture: Mixture
  /** Short dialogues: tokens of the passages that they are about, and questions about each at most. */
  readonly dialogues: { readonly size: number; readonly turns: number; readonly seed: number }
  readonly seed: number
}

/** The numbers of `world`. */
export const tuning: Tuning = {
  chunk: 200,
  steps: 200,
  tokens: 8192,
  peak: 7e-4,
  warmup: 15,
  mixture: { text: 0.35, repeats: 0.2, pairs: 0, needles: 0.45 },
  dialogues: { seed: 5, size: 64, turns: 2 },
  seed: 11,
}

// ---- questions -----------------------------------------------------------------

/** The training part as documents: a chapter each. */
const documents = (of: Book, tokenizer: Tokenizer) =>
  Effect.map(textOf(of.train), (text) => documentsOf(texts(text.split(/\n\n(?=CHAPTER \d)/), "moby-dick"), tokenizer))

/** A stage that writes questions. */
export type Questions = Stage<Pairs, DataFault | WriterFault | StoreFault | FileFault, Store | Events>

/** A question for every chunk of the training part, written by rule: a machine needs nothing for that. */
export const questioning = ({ book, vocabulary }: Footing, { chunk }: Tuning): Questions =>
  stage({
    name: "questions",
    version: "1",
    about: "a question by rule for each chunk of the book",
    codec: t.strict({ chunk: positive, seed: natural }),
    settings: { chunk, seed: standardAsking.seed },
    seeds: [standardAsking.seed],
    needs: { book, vocabulary },
    output: Pairs,
    make: ({ book, vocabulary }, { chunk }) =>
      Effect.gen(function* () {
        const tokenizer = yield* tokenizerOf(vocabulary)
        const chunks = yield* Stream.runCollect(chunksIn(yield* documents(book, tokenizer), tokenizer, chunk))
        const total = new Set(chunks.map(({ digest }) => digest)).size
        return yield* askAll(Stream.fromIterable(chunks), tokenizer, standardAsking, total)
      }).pipe(Effect.provide(rules())),
  })

// ---- rows --------------------------------------------------------------------

/** What the rows are made of. */
interface Made {
  readonly book: Book
  readonly vocabulary: Vocabulary
  readonly tokens: Tokens
  readonly questions: Pairs
}

/** Long examples that end with questions, and short dialogues. */
const opened = (made: Made, { chunk, dialogues }: Tuning, time: number) =>
  Effect.gen(function* () {
    const tokenizer = yield* tokenizerOf(made.vocabulary)
    const chapters = yield* documents(made.book, tokenizer)
    const written = yield* writtenOf(made.questions, chunk)
    const composed: Sequence<Example> = composedOf(chapters, tokenizer, written, time)
    return { questions: composed, chat: inventedOf(chapters, tokenizer, dialogues), tokenizer }
  })

/** Rows of chat and questions, and as many of the curriculum. */
const rows = (
  made: Made,
  numbers: Tuning,
  batch: number,
  time: number,
): Batches<DataFault | StoreFault | FileFault, Store> => ({
  from: (position) =>
    Stream.unwrap(Effect.gen(function* () {
      const ground = yield* groundOf(made.vocabulary, made.tokens)
      const { mixture, seed } = numbers
      return mixedRows<DataFault | StoreFault | FileFault, Store>(
        [
          [tuningRows(opened(made, numbers, time + 1), { batch: 1, time, seed, shares: standardShares }), 1],
          [saying(curriculum(ground, { mixture, seed, batch: 1, time })), 1],
        ],
        batch,
        seed,
      ).from(position)
    })),
})

// ---- the training ----------------------------------------------------------------

/** Tunes what was learned, over its context. */
export const tuned = (
  { book, vocabulary, tokens, model }: Common,
  questions: Questions,
  numbers: Tuning,
  { name, about, learned, reach }: Sequel,
): Learned => {
  const { chunk, steps, peak, warmup, mixture, dialogues, seed } = numbers
  const time = reach.context
  const [batch, end] = [numbers.tokens / time, peak / 10]
  return trainingStage({
    name,
    about,
    config: configOf(model, reach),
    recipe: {
      ...optimiser,
      batch,
      time,
      steps,
      warmup,
      peak,
      end,
      rate: { kind: "linear", peak, warmup, decay: steps, end },
    },
    packed: true,
    seed,
    needs: { book, vocabulary, tokens, questions, learned },
    start: ({ learned }) => learned.parameters,
    data: {
      settings: {
        tuning: 1,
        curriculum: version,
        mixture: { ...mixture },
        shares: [...standardShares],
        chunk,
        dialogues,
      },
      batches: (made) => rows(made, numbers, batch, time),
    },
  })
}
