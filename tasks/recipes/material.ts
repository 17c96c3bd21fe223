/**
 * What a recipe reads, as settings: sources by their names, a tokenizer by its name, a part that no training sees. Documents
 * are made into tokens once, by a stage of their own; the trainings after it read them by length.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { finite, natural } from "../../core/files/codec.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { type Bin, counts, keep, type Kept, type KeptFault, within } from "../data/documents.ts"
import type { Batches, Packing } from "../data/example.ts"
import { examples } from "../data/examples.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { batches } from "../data/loader.ts"
import { named } from "../data/named.ts"
import { shuffled } from "../data/order.ts"
import { type Source, whole } from "../data/source.ts"
import { type Held, split } from "../data/split.ts"
import { tokenizerNamed } from "../data/tokenizers.ts"
import type { Events } from "../events.ts"
import { orFail } from "../known.ts"
import { Digest, FileRef, getBytes, putBytes } from "../objects.ts"
import { type Stage, stage } from "../stage/stage.ts"
import { type Store, type StoreFault, utf8 } from "../store.ts"

// ---- types -------------------------------------------------------------------

/** What is read. */
export interface Material {
  /** What people call it: `books`. The setting of this name says where it is. */
  readonly flag: string
  /** A book's name, a folder, or files of one kind; none where nobody has said. */
  readonly names: ReadonlyArray<string>
  /** All texts as one document: chapters of a book. */
  readonly joined: boolean
  /** `bytes`, `llama2`, or the path of a `tokenizer.json`. */
  readonly tokenizer: string
  /** What no training sees: a part of all text, by documents or its end. */
  readonly held: Held
}

/** The codec of what is read. */
export const Material: t.Type<Material, unknown> = t.strict({
  flag: t.string,
  names: t.readonlyArray(t.string),
  joined: t.boolean,
  tokenizer: t.string,
  held: t.strict({ heldOut: finite, by: t.keyof({ document: null, tail: null }) }),
})

/** Sources that are open, and what makes tokens of them. */
export interface Opened {
  readonly train: Source
  readonly heldOut: Source
  readonly tokenizer: Tokenizer
}

// ---- opening -----------------------------------------------------------------

/** Opens what the settings name. Faults: nothing is named, or what is named is not there. */
export const openMaterial = (m: Material): Effect.Effect<Opened, DataFault> =>
  Effect.gen(function* () {
    if (m.names.length === 0) {
      const message =
        `nobody has said where the ${m.flag} are: give --with=${m.flag}=FOLDER of .txt files, or a .jsonl or ` +
        `.parquet file with the field text`
      return yield* Effect.fail(dataFault("settings", m.flag, message))
    }
    const source = yield* orFail(named(m.names))
    const parts = yield* orFail(split(source, m.held))
    const tokenizer = yield* tokenizerNamed(m.tokenizer)
    const put = m.joined ? whole : (s: Source): Source => s
    return { train: put(parts.train), heldOut: parts.heldOut, tokenizer }
  })

/** The documents to learn from, as tokens in the store: made now, or found. */
export const keptOf = (m: Material): Effect.Effect<Kept, DataFault | KeptFault, Store | Events> =>
  Effect.gen(function* () {
    const { train, tokenizer } = yield* openMaterial(m)
    const bounds = { addBos: tokenizer.bos !== undefined, addEos: tokenizer.eos !== undefined }
    const sequence = yield* orFail(examples(train, { fields: "text", ...bounds }, tokenizer))
    return yield* keep(sequence, { vocab: tokenizer.vocab })
  })

// ---- stages ------------------------------------------------------------------

/** Documents in tokens: how many, and how long. */
export interface Documents {
  /** SHA-256 of all of them, in order. */
  readonly digest: string
  readonly documents: number
  readonly tokens: number
  /** What could not be used. */
  readonly malformed: number
  /** Documents and tokens of each bin, in the order of the bins. */
  readonly bins: ReadonlyArray<{ readonly examples: number; readonly tokens: number }>
}

/** The codec of documents. */
export const Documents: t.Type<Documents, unknown> = t.strict({
  digest: Digest,
  documents: natural,
  tokens: natural,
  malformed: natural,
  bins: t.readonlyArray(t.strict({ examples: natural, tokens: natural })),
})

const BinCodec = t.readonlyArray(t.tuple([natural, t.union([natural, t.null])]))

/** A bin as JSON: no upper end is null. */
const written = ({ from, below }: Bin): [number, number | null] => [from, Number.isFinite(below) ? below : null]

const describe = ({ names, tokenizer, flag }: Material): ReadonlyArray<string> => [
  names.length === 0 ? `missing: give --with=${flag}=FOLDER` : `from ${names.join(", ")}`,
  `tokens of ${tokenizer}`,
]

/** A stage that makes documents into tokens, and counts them by length. */
export const documentsStage = (
  name: string,
  material: Material,
  bins: ReadonlyArray<Bin>,
): Stage<Documents, DataFault | KeptFault, Store | Events> =>
  stage({
    name,
    version: "1",
    about: `${material.flag} as tokens, by length`,
    codec: t.strict({ material: Material, bins: BinCodec }),
    settings: { material, bins: bins.map(written) },
    needs: {},
    output: Documents,
    expects: () => E.right({ notes: describe(material) }),
    make: () =>
      Effect.map(keptOf(material), (kept): Documents => ({
        digest: kept.digest,
        documents: kept.lengths.length,
        tokens: kept.lengths.reduce((a, b) => a + b, 0),
        malformed: kept.malformed.count,
        bins: counts(kept, bins),
      })),
  })

/** A stage that puts text aside that no training sees: at most so many characters of it. */
export const heldOutStage = (
  name: string,
  material: Material,
  characters: number,
): Stage<FileRef, DataFault | StoreFault, Store> =>
  stage({
    name,
    version: "1",
    about: `${material.flag} that no training sees`,
    codec: t.strict({ material: Material, characters: natural }),
    settings: { material, characters },
    needs: {},
    output: FileRef,
    expects: () => E.right({ notes: describe(material) }),
    make: () =>
      Effect.gen(function* () {
        const { heldOut } = yield* openMaterial(material)
        const text = yield* Stream.runFold(heldOut.read(undefined), () => "", (all, { value }) => {
          const more = E.isRight(value) ? value.right.fields["text"] : undefined
          return all.length >= characters || typeof more !== "string" ? all : `${all}${more}\n\n`
        })
        if (text.trim() === "") {
          const message =
            `of the ${material.flag} nothing is held out; raise the part of it, which is ${material.held.heldOut}`
          return yield* Effect.fail(dataFault("empty", material.flag, message))
        }
        return yield* putBytes(utf8(text.slice(0, characters)))
      }),
  })

/** Text that was put aside. */
export const readText = (ref: FileRef): Effect.Effect<string, KeptFault, Store> =>
  Effect.map(getBytes(ref), (bytes) => new TextDecoder().decode(bytes))

// ---- rows --------------------------------------------------------------------

/** Rows of documents of a length, shuffled, without end. */
export const textRows = (
  material: Material,
  bin: Bin | undefined,
  packing: Packing,
  { batch, time, seed }: { readonly batch: number; readonly time: number; readonly seed: number },
): Batches<DataFault | KeptFault, Store | Events> => ({
  from: (position) =>
    Stream.unwrap(Effect.gen(function* () {
      const kept = yield* keptOf(material)
      const own = bin === undefined ? kept : yield* within(kept, bin)
      return batches(shuffled(own, seed), packing, { batch, time }).from(position)
    })),
})
