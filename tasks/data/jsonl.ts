/**
 * Files of JSON lines: each line is an object, whose values are the fields of a document.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import { saying } from "./fault.ts"
import { called, type DataFile, decodeText, filesDigest, filesFrom, filesOf, type Line, lines } from "./files.ts"
import { type Document, type Fields, type Place, placeOf, type Reading, readWell, type Source } from "./source.ts"

interface InFile {
  readonly file: string
  readonly byte: number
  readonly line: number
}
const InFile: t.Type<InFile, unknown> = t.strict({ file: t.string, byte: natural, line: natural })

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`

/** The fields of a line, or why it has none. */
const fieldsOf = (bytes: Uint8Array): E.Either<string, Fields> => {
  const text = decodeText(bytes)
  if (E.isLeft(text)) return E.left(`byte ${text.left} of the line is no UTF-8`)
  const value = E.tryCatch((): unknown => JSON.parse(text.right), (e) => `broken JSON (${saying(e)})`)
  if (E.isLeft(value)) return value
  return typeof value.right === "object" && value.right !== null && !Array.isArray(value.right)
    ? E.right(value.right as Fields)
    : E.left(`expected an object, got ${kindOf(value.right)}`)
}

/** Nothing but blanks: no document, and no fault. */
const isEmpty = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)

const documentOf = (file: string) => ({ bytes, line, after }: Line): Reading<Document> => {
  const id = `${file}:${line}`
  const fields = fieldsOf(bytes)
  const place: Place = { file, ...after }
  return E.isRight(fields) ? readWell(id, fields.right, place) : { id, value: fields, after: place }
}

const documents = (file: DataFile, from?: InFile) =>
  lines(file.path, from === undefined ? undefined : { byte: from.byte, line: from.line }).pipe(
    Stream.filter(({ bytes }) => !isEmpty(bytes)),
    Stream.map(documentOf(file.name)),
  )

/** The documents of JSON lines in one file or several, in the order given. Empty lines are none. */
export const jsonLines = (paths: string | ReadonlyArray<string>): Source => {
  const all = typeof paths === "string" ? [paths] : paths
  const name = called(all)
  const files = filesOf(all)
  return {
    name,
    digest: filesDigest("JSON lines", files),
    read: (from) =>
      Stream.unwrap(Effect.gen(function* () {
        const place = from === undefined ? undefined : yield* placeOf(InFile, name, from)
        const left = place === undefined ? yield* files : yield* filesFrom(yield* files, place.file, name)
        return Stream.flatMap(
          Stream.fromArray(left),
          (file) => documents(file, place?.file === file.name ? place : undefined),
        )
      })),
  }
}
