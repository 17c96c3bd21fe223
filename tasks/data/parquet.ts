/**
 * Parquet files: each row is a document, its columns are the fields.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import type { AsyncBuffer, FileMetaData } from "hyparquet"
import * as t from "io-ts"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { natural } from "../../core/files/codec.ts"
import type { Json } from "../stage/stage.ts"
import { type DataFault, dataFault, saying } from "./fault.ts"
import { called, type DataFile, decodeText, filesDigest, filesFrom, filesOf } from "./files.ts"
import { brought } from "./package.ts"
import { digestOf, type Document, type Fields, placeOf, type Reading, readWell, type Source } from "./source.ts"

// ---- values ------------------------------------------------------------------

/** A value as JSON knows it: large integers and dates as text, as there is nothing else that holds them. */
const jsonOf = (value: unknown): E.Either<string, Json> => {
  if (value === null || value === undefined) return E.right(null)
  if (typeof value === "string" || typeof value === "boolean") return E.right(value)
  if (typeof value === "number") return Number.isFinite(value) ? E.right(value) : E.left(`${value} is no JSON value`)
  if (typeof value === "bigint") {
    const n = Number(value)
    return E.right(Number.isSafeInteger(n) ? n : value.toString())
  }
  if (value instanceof Date) return E.right(value.toISOString())
  if (value instanceof Uint8Array) return E.mapLeft((byte: number) => `byte ${byte} is no UTF-8`)(decodeText(value))
  if (Array.isArray(value)) return E.traverseArray(jsonOf)(value)
  const entries = E.traverseArray(([k, v]: readonly [string, unknown]) =>
    E.map((json: Json) => [k, json] as const)(jsonOf(v))
  )(Object.entries(value))
  return E.map((all: ReadonlyArray<readonly [string, Json]>) => Object.fromEntries(all))(entries)
}

/** The fields of a row; nulls are fields that are not there. */
const fieldsOf = (row: Readonly<Record<string, unknown>>): E.Either<string, Fields> => {
  const entries = Object.entries(row).filter(([, value]) => value !== null && value !== undefined)
  const all = E.traverseArray(([name, value]: readonly [string, unknown]) =>
    E.bimap((why: string) => `column ${name}: ${why}`, (json: Json) => [name, json] as const)(jsonOf(value))
  )(entries)
  return E.map((fields: ReadonlyArray<readonly [string, Json]>) => Object.fromEntries(fields))(all)
}

// ---- files -------------------------------------------------------------------

/** What reads parquet, looked up when a file is read. */
type Library = typeof import("hyparquet")

const library: Effect.Effect<Library, DataFault> = brought("hyparquet", () => import("hyparquet"))

interface Opened {
  readonly library: Library
  readonly file: DataFile
  readonly buffer: AsyncBuffer
  readonly metadata: FileMetaData
}

const noParquet = (file: DataFile) => (cause: unknown): DataFault =>
  dataFault("file", file.path, `${file.path} cannot be read as parquet: ${saying(cause)}`)

/** What the runtime can unpack, beside snappy, which the reader knows itself. */
const compressors = {
  GZIP: (input: Uint8Array): Uint8Array => gunzipSync(input),
  BROTLI: (input: Uint8Array): Uint8Array => brotliDecompressSync(input),
}

const opened = (file: DataFile, columns: ReadonlyArray<string> | undefined): Effect.Effect<Opened, DataFault> =>
  Effect.gen(function* () {
    const hyparquet = yield* library
    const { buffer, metadata } = yield* Effect.tryPromise({
      try: async () => {
        const buffer = await hyparquet.asyncBufferFromFile(file.path)
        return { buffer, metadata: await hyparquet.parquetMetadataAsync(buffer) }
      },
      catch: noParquet(file),
    })
    const there = hyparquet.parquetSchema(metadata).children.map(({ element }) => element.name)
    const lacks = columns?.find((column) => !there.includes(column))
    if (lacks !== undefined) {
      const message = `${file.path} has no column '${lacks}'; its columns are ${there.join(", ")}`
      return yield* Effect.fail(dataFault("missing", file.path, message))
    }
    return { library: hyparquet, file, buffer, metadata }
  })

const rowsOf = (
  { library, file, buffer, metadata }: Opened,
  columns: ReadonlyArray<string> | undefined,
  rowStart: number,
  rowEnd: number,
): Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, DataFault> =>
  Effect.tryPromise({
    try: () =>
      library.parquetReadObjects({
        ...{ file: buffer, metadata, rowStart, rowEnd, compressors, utf8: false },
        ...(columns === undefined ? {} : { columns: [...columns] }),
      }),
    catch: noParquet(file),
  })

const document = (file: DataFile, row: number, values: Readonly<Record<string, unknown>>): Reading<Document> => {
  const id = `${file.name}:${row + 1}`
  const after = { file: file.name, row: row + 1 }
  const fields = fieldsOf(values)
  return E.isRight(fields) ? readWell(id, fields.right, after) : { id, value: fields, after }
}

/** Where row groups end. */
const groupEnds = ({ metadata }: Opened): ReadonlyArray<number> =>
  metadata.row_groups.reduce<ReadonlyArray<number>>((ends, g) => [...ends, (ends.at(-1) ?? 0) + Number(g.num_rows)], [])

const documents = (file: DataFile, columns: ReadonlyArray<string> | undefined, from: number) =>
  Stream.unwrap(Effect.map(opened(file, columns), (open) => {
    const ends = groupEnds(open)
    return Stream.paginate(from, (row) => {
      const end = ends.find((e) => e > row)
      if (end === undefined) return Effect.succeed([[], Option.none<number>()] as const)
      return Effect.map(
        rowsOf(open, columns, row, end),
        (rows) => [rows.map((values, i) => document(file, row + i, values)), Option.some(end)] as const,
      )
    })
  }))

const Place: t.Type<{ readonly file: string; readonly row: number }, unknown> = t.strict({
  file: t.string,
  row: natural,
})

/**
 * The rows of parquet files in the order given, with the named columns, or all of them, as fields. One group of rows is in
 * memory at a time. Packed by snappy, gzip or brotli, or not at all.
 */
export const parquet = (paths: string | ReadonlyArray<string>, columns?: ReadonlyArray<string>): Source => {
  const all = typeof paths === "string" ? [paths] : paths
  const name = called(all)
  const files = filesOf(all)
  return {
    name,
    digest: Effect.flatMap(filesDigest("parquet", files), (below) => digestOf(below, columns ?? null)),
    read: (from) =>
      Stream.unwrap(Effect.gen(function* () {
        const place = from === undefined ? undefined : yield* placeOf(Place, name, from)
        const left = place === undefined ? yield* files : yield* filesFrom(yield* files, place.file, name)
        return Stream.flatMap(
          Stream.fromArray(left),
          (file) => documents(file, columns, place?.file === file.name ? place.row : 0),
        )
      })),
  }
}
