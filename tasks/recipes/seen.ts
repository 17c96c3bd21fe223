/**
 * What a recipe sees, as settings: kinds of examples by their shares of all rows, each out of JSON lines of its own or of text.
 * They are made into tokens once for the rows of a length, by a stage of their own; the training after it reads them.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { finite, natural, positive } from "../../core/files/codec.ts"
import { eovOf, type Layout } from "../../models/world/layout.ts"
import type { KeptFault } from "../data/documents.ts"
import type { Batches } from "../data/example.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { batches } from "../data/loader.ts"
import { type Examples, shuffled } from "../data/order.ts"
import { tokenizerNamed } from "../data/tokenizers.ts"
import type { Tally } from "../data/tally.ts"
import type { VisionExample, VisionRows } from "../data/vision-example.ts"
import { keepVision, type KeptVision } from "../data/vision-kept.ts"
import { ofText, tasked } from "../data/vision-mixture.ts"
import { type TaskWeights, visionMasked } from "../data/vision-packing.ts"
import { type Pairing, shuffledPairs } from "../data/vision-pairs.ts"
import { kindRows } from "../data/vision-rows.ts"
import { visionLines } from "../data/vision-source.ts"
import { visionExamples } from "../data/vision.ts"
import type { Events } from "../events.ts"
import { orFail } from "../known.ts"
import { Digest } from "../objects.ts"
import { type Stage, stage } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import { keptOf, Material } from "./material.ts"

// ---- types -------------------------------------------------------------------

/** Lines of one kind. */
export interface Lines {
  /** The setting that says where they are: `images`. */
  readonly flag: string
  /** Folders and files of JSON lines; none where nobody has said. */
  readonly names: ReadonlyArray<string>
  /** The field of each line that lists its fields. */
  readonly fields: string
  /** The most frames that are taken of a video. */
  readonly frames: number
  /** How pairs come; lines that are read as they are have null. */
  readonly pairing: Pairing | null
}

/** A kind of examples: lines with codes, or text. */
export interface SeenKind {
  readonly task: string
  /** Its part of the rows. */
  readonly share: number
  readonly from: Lines | Material
}

/** What is seen in rows of a length. */
export interface SeenMaterial {
  readonly layout: Layout
  readonly tokenizer: string
  /** Tokens of a row. */
  readonly context: number
  readonly kinds: ReadonlyArray<SeenKind>
}

const Pairing_: t.Type<Pairing, unknown> = t.strict({
  swap: finite,
  drop: finite,
  learn: t.keyof({ "as it is": null, second: null }),
})

const Lines: t.Type<Lines, unknown> = t.strict({
  flag: t.string,
  names: t.readonlyArray(t.string),
  fields: t.string,
  frames: positive,
  pairing: t.union([Pairing_, t.null]),
})

/** The codec of what is seen. */
export const SeenMaterial: t.Type<SeenMaterial, unknown> = t.strict({
  layout: t.strict({ codes: positive, frame: positive }),
  tokenizer: t.string,
  context: positive,
  kinds: t.readonlyArray(t.strict({ task: t.string, share: finite, from: t.union([Lines, Material]) })),
})

const isLines = (from: Lines | Material): from is Lines => "fields" in from

// ---- opening -----------------------------------------------------------------

const keptLines = (
  { layout, tokenizer, context }: SeenMaterial,
  { flag, names, fields, frames }: Lines,
): Effect.Effect<KeptVision, DataFault | KeptFault, Store | Events> =>
  Effect.gen(function* () {
    if (names.length === 0) {
      const message =
        `nobody has said where the ${flag} are: give --with=${flag}=FOLDER of .jsonl files, whose lines hold ` +
        `codes (a field 'vision', ${layout.frame} a frame), texts, and their order (a field '${fields}')`
      return yield* Effect.fail(dataFault("settings", flag, message))
    }
    const words = yield* tokenizerNamed(tokenizer)
    const bounds = { addBos: words.bos !== undefined, addEos: words.eos !== undefined }
    const reader = { fieldsFromExample: fields, layout, frames, context, ...bounds }
    const sequence = yield* orFail(visionExamples(yield* visionLines(names), reader, words))
    return yield* keepVision(sequence, { vocab: words.vocab, vision: eovOf(layout) + 1 })
  })

/** Examples of a kind in the store: made now, or found. */
interface OpenKind {
  readonly digest: string
  readonly lengths: ReadonlyArray<number>
  readonly malformed: Tally
  readonly examples: (seed: number) => Examples<KeptFault, Store, VisionExample>
}

const openKind = (
  material: SeenMaterial,
  { task, from }: SeenKind,
): Effect.Effect<OpenKind, DataFault | KeptFault, Store | Events> =>
  Effect.gen(function* () {
    if (!isLines(from)) {
      const kept = yield* keptOf(from)
      return { ...kept, examples: (seed) => tasked(ofText(shuffled(kept, seed)), task) }
    }
    const kept = yield* keptLines(material, from)
    const words = yield* tokenizerNamed(material.tokenizer)
    const { pairing } = from
    return {
      ...kept,
      examples: (seed) =>
        tasked(pairing === null ? shuffled(kept, seed) : shuffledPairs(kept, words, pairing, seed), task),
    }
  })

// ---- the stage -----------------------------------------------------------------

/** What there is of a kind. */
export interface SeenCount {
  readonly task: string
  /** SHA-256 of all its examples, in order. */
  readonly digest: string
  readonly examples: number
  readonly tokens: number
  /** Lines that could not be used. */
  readonly malformed: number
}

const Counts: t.Type<ReadonlyArray<SeenCount>, unknown> = t.readonlyArray(
  t.strict({ task: t.string, digest: Digest, examples: natural, tokens: natural, malformed: natural }),
)

/** A stage that makes what is seen into tokens. */
export type SeenStage = Stage<ReadonlyArray<SeenCount>, DataFault | KeptFault, Store | Events>

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`

const told = ({ task, share, from }: SeenKind): string =>
  `${percent(share)} ${task}: ` +
  (from.names.length === 0 ? `missing: give --with=${from.flag}=FOLDER` : `from ${from.names.join(", ")}`) +
  (isLines(from) && from.frames > 1 ? `, at most ${from.frames} frames` : "")

/** Makes what is seen into tokens of a length, and counts it. */
export const seenStage = (name: string, material: SeenMaterial): SeenStage =>
  stage({
    name,
    version: "1",
    about: `what is seen in rows of ${material.context} tokens, as tokens`,
    codec: SeenMaterial,
    settings: material,
    needs: {},
    output: Counts,
    expects: () => E.right({ notes: [...material.kinds.map(told), `tokens of ${material.tokenizer}`] }),
    make: () =>
      Effect.forEach(material.kinds, (kind) =>
        Effect.map(openKind(material, kind), ({ digest, lengths, malformed }): SeenCount => ({
          task: kind.task,
          digest,
          examples: lengths.length,
          tokens: lengths.reduce((a, b) =>
            a + b, 0),
          malformed: malformed.count,
        }))),
  })

// ---- rows --------------------------------------------------------------------

/** Rows of all kinds by their shares, masked, without end; `tasks` says how much a kind counts. */
export const seenRows = (
  material: SeenMaterial,
  { batch, seed, tasks = {} }: { readonly batch: number; readonly seed: number; readonly tasks?: TaskWeights },
): Batches<DataFault | KeptFault, Store | Events, VisionRows> => ({
  from: (position) =>
    Stream.unwrap(Effect.gen(function* () {
      const words = yield* tokenizerNamed(material.tokenizer)
      const packing = visionMasked({ pad: words.pad ?? words.eos ?? 0 })
      const kinds = yield* Effect.forEach(material.kinds, (kind) =>
        Effect.map(openKind(material, kind), ({ examples }) => ({
          task: kind.task,
          share: kind.share,
          rows: batches(examples(seed), packing, { batch: 1, time: material.context, ahead: 0 }),
        })))
      return kindRows(kinds, { batch, seed, tasks }).from(position)
    })),
})
