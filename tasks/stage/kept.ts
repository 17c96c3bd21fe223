/**
 * What stages leave in the store: an output under its key, and the journal of one that is not finished.
 *
 *     stages/<name>/<key>.json           the output, and its digest
 *     stages/<name>/<key>.journal.json   the state that was saved last
 *     stages/<name>/<key>.lock           who makes it now
 *
 * Both kinds of file hold their own digest, so a torn or damaged one is known before it is believed.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson } from "../../core/files/codec.ts"
import { Digest, FileRef } from "../objects.ts"
import { digest, Store, type StoreFault, utf8 } from "../store.ts"
import { brokenOf, filesIn, type Look } from "./files.ts"
import { canonical, type Json } from "./json.ts"

// ---- paths -------------------------------------------------------------------

/** The folder of all stages. */
export const stagesFolder = "stages"

/** What lies beside a key, and which file it is. */
const endings = { output: ".json", journal: ".journal.json", lock: ".lock" } as const

/** A kind of file that a stage leaves. */
export type Kind = keyof typeof endings

/** Where a stage's file of that kind lies. */
export const stagePath = (kind: Kind, name: string, key: string): string =>
  `${stagesFolder}/${name}/${key}${endings[kind]}`

const isKey = /^([0-9a-f]{64})(\..+)$/

/** Key and kind of a file in a stage's folder; undefined for anything else. */
export const stageFile = (file: string): { readonly key: string; readonly kind: Kind } | undefined => {
  const [, key, ending] = isKey.exec(file) ?? []
  const kind = (Object.keys(endings) as ReadonlyArray<Kind>).find((k) => endings[k] === ending)
  return key === undefined || kind === undefined ? undefined : { key, kind }
}

// ---- files -------------------------------------------------------------------

/** A file of either kind, as it lies there. */
export interface Kept {
  readonly value: Json
  /** SHA-256 of the value's canonical text. */
  readonly digest: string
  /** On what it was made, for people; results on other devices and meshes differ by rounding. */
  readonly made: string
  /** Of a journal: files of older states that may not be removed yet. */
  readonly older?: ReadonlyArray<FileRef>
}

const formats = { output: "orrery-stage", journal: "orrery-journal" } as const

const anything: t.Type<unknown, unknown> = t.unknown

const codec = (kind: "output" | "journal", name: string, key: string) =>
  t.intersection([
    t.strict({
      format: t.literal(formats[kind]),
      version: t.literal(1),
      name: t.literal(name),
      key: t.literal(key),
      made: t.string,
      digest: Digest,
      value: anything,
    }),
    t.partial({ older: t.readonlyArray(FileRef) }),
  ])

/** Reads a kept file. A left says why it is not to be believed; undefined is none at all. */
export const readKept = (
  kind: "output" | "journal",
  name: string,
  key: string,
): Effect.Effect<E.Either<string, Kept> | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const path = stagePath(kind, name, key)
    const bytes = yield* (yield* Store).read(path)
    if (bytes === undefined) return undefined
    const file = decodeJson(codec(kind, name, key), new TextDecoder().decode(bytes))
    if (E.isLeft(file)) return E.left(`${path} is torn or of another kind: ${file.left[0]!.message}`)
    const { value, digest: said, made, older } = file.right
    const text = canonical(value)
    if (E.isLeft(text) || (yield* digest(utf8(text.right))) !== said) {
      return E.left(`${path} is damaged: its digest is another`)
    }
    return E.right({ value: value as Json, digest: said, made, ...(older === undefined ? {} : { older }) })
  })

/** The same, and the files that it names are looked at. */
export const readWhole = (
  kind: "output" | "journal",
  name: string,
  key: string,
  look: Look,
): Effect.Effect<E.Either<string, Kept> | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const kept = yield* readKept(kind, name, key)
    if (kept === undefined || E.isLeft(kept)) return kept
    const why = yield* brokenOf(filesIn(kept.right.value), look)
    return why === undefined ? kept : E.left(why)
  })

/** A value with its digest; a left is what JSON cannot keep of it. */
export const keep = (value: unknown, made: string): Effect.Effect<E.Either<string, Kept>> =>
  Effect.gen(function* () {
    const text = canonical(value)
    if (E.isLeft(text)) return text
    return E.right({ value: value as Json, digest: yield* digest(utf8(text.right)), made })
  })

/** Writes a kept file, whole or not at all. */
export const writeKept = (
  kind: "output" | "journal",
  name: string,
  key: string,
  kept: Kept,
): Effect.Effect<void, StoreFault, Store> =>
  Effect.gen(function* () {
    const file = { format: formats[kind], version: 1, name, key, ...kept }
    yield* (yield* Store).write(stagePath(kind, name, key), utf8(JSON.stringify(file)))
  })
