/**
 * A folder of texts: each `.txt` file below it is a document.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { readdir, readFile, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { type DataFault, dataFault } from "./fault.ts"
import { called, type DataFile, decodeText, filesDigest, filesFrom, filesOf, reading, withoutMark } from "./files.ts"
import { type Document, placeOf, type Reading, readWell, type Source } from "./source.ts"

const isText = (name: string): boolean => /\.txt$/i.test(name)

/** Files below a folder; links to files are followed, links to folders are not, for they may go around in a circle. */
export const walk = async (
  top: string,
  below: string,
  wanted: (name: string) => boolean = isText,
): Promise<ReadonlyArray<DataFile>> => {
  const entries = await readdir(join(top, below), { withFileTypes: true })
  const found = await Promise.all(entries.map(async (entry): Promise<ReadonlyArray<DataFile>> => {
    const name = below === "" ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) return walk(top, name, wanted)
    if (!wanted(name)) return []
    const path = join(top, name)
    const { size } = await stat(path)
    return (await stat(path)).isFile() ? [{ name, path, bytes: size }] : []
  }))
  return found.flat()
}

const texts = (path: string): Effect.Effect<ReadonlyArray<DataFile>, DataFault> =>
  Effect.gen(function* () {
    const found = yield* reading(path, () => walk(resolve(path), ""))
    const files = found.filter(({ bytes }) => bytes > 0).toSorted((a, b) => a.name < b.name ? -1 : 1)
    if (files.length > 0) return files
    const empty = found.length === 0 ? "holds no .txt file" : `holds ${found.length} .txt files, all of them empty`
    const message = `the folder ${path} ${empty}, at any depth; put texts there as .txt in UTF-8, or name JSON lines`
    return yield* Effect.fail(dataFault("empty", path, message))
  })

const lineOf = (bytes: Uint8Array, at: number): number =>
  bytes.subarray(0, at).reduce((n, byte) => byte === 10 ? n + 1 : n, 1)

/** The text of a file; ends of lines as they are on Unix. */
const document = (name: string, bytes: Uint8Array): Reading<Document> => {
  const text = decodeText(withoutMark(bytes))
  if (E.isRight(text)) return readWell(`${name}:1`, { text: text.right.replaceAll("\r\n", "\n") }, { file: name })
  const at = text.left + bytes.length - withoutMark(bytes).length
  const why = `byte ${at} is no UTF-8 (0x${bytes[at]?.toString(16) ?? "the end"}); save the file as UTF-8`
  return { id: `${name}:${lineOf(bytes, at)}`, value: E.left(why), after: { file: name } }
}

const Place: t.Type<{ readonly file: string }, unknown> = t.strict({ file: t.string })

const source = (name: string, files: Effect.Effect<ReadonlyArray<DataFile>, DataFault>): Source => ({
  name,
  digest: filesDigest("texts", files),
  read: (from) =>
    Stream.unwrap(Effect.gen(function* () {
      const all = yield* files
      const left = from === undefined
        ? all
        : (yield* filesFrom(all, (yield* placeOf(Place, name, from)).file, name)).slice(1)
      return Stream.mapEffect(
        Stream.fromArray(left),
        (file) => Effect.map(reading(file.path, () => readFile(file.path)), (bytes) => document(file.name, bytes)),
      )
    })),
})

/**
 * All `.txt` files below a folder, in the order of their names, one document each with the field `text`. Marks at the
 * beginning and Windows' ends of lines are taken away; empty files are none. One file is in memory at a time.
 */
export const folder = (path: string): Source => source(path, texts(path))

/** Files of text, whatever they are called, in the order given; each is a document as in a folder. */
export const textFiles = (paths: string | ReadonlyArray<string>): Source => {
  const all = typeof paths === "string" ? [paths] : paths
  return source(called(all), filesOf(all))
}
