/**
 * A user's own pictures and videos with their captions, as sequences: a folder with a `.txt` beside each file, JSON lines that
 * name files, or files alone. What cannot be used (a damaged file, a caption without its file, a file without its caption) is
 * a reading too, with the reason, and stops nothing.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { readdir, readFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { natural } from "../../core/files/codec.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { decodeText, filesDigest, filesOf, reading, withoutMark } from "../data/files.ts"
import { jsonLines } from "../data/jsonl.ts"
import type { Json } from "../stage/stage.ts"
import { digestOf, type Document, type Fields, placeOf, type Reading, type Sequence } from "../data/source.ts"
import { kindOf, type Look, readClip, usualRate } from "./file.ts"
import type { VisionFault } from "./fault.ts"
import type { Captioned } from "./frame.ts"

/** What a picture's digest hangs on beside its bytes. */
const lookDigest = ({ size, rate, frames }: Look): Json => ["look", 1, size ?? null, rate ?? usualRate, frames ?? null]

/** A picture that cannot be read is no use; a library that is not there is nobody's picture's fault. */
const looked = (
  id: string,
  path: string,
  caption: string,
  fields: Fields,
  look: Look,
): Effect.Effect<E.Either<string, Captioned>, DataFault> =>
  Effect.matchEffect(readClip(path, look), {
    onSuccess: (clip) => Effect.succeed(E.right({ id, clip, caption, fields })),
    onFailure: (fault: VisionFault) =>
      fault.where === "sharp"
        ? Effect.fail(dataFault("missing", fault.where, fault.message))
        : Effect.succeed(E.left(fault.message)),
  })

// ---- a folder --------------------------------------------------------------------

/** Something in a folder: a picture and the file with its caption, or one of them alone. */
interface Entry {
  readonly name: string
  readonly picture: string | undefined
  readonly text: string | undefined
}

const stem = (name: string): string => name.replace(/\.[^./]*$/, "")

const isText = (name: string): boolean => /\.txt$/i.test(name)

/** Names of pictures and of texts below a folder, sorted; links to folders are not followed. */
const namesIn = async (top: string, below: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(join(top, below), { withFileTypes: true })
  const found = await Promise.all(entries.map((entry): Promise<ReadonlyArray<string>> | ReadonlyArray<string> => {
    const name = below === "" ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) return namesIn(top, name)
    return kindOf(name) !== undefined || isText(name) ? [name] : []
  }))
  return found.flat()
}

const entriesOf = (names: ReadonlyArray<string>): ReadonlyArray<Entry> => {
  const pictures = names.filter((name) => !isText(name))
  const captions = new Map(names.filter(isText).map((name) => [stem(name), name]))
  const used = new Set(pictures.map(stem))
  const paired = pictures.map((name): Entry => ({ name, picture: name, text: captions.get(stem(name)) }))
  const alone = [...captions].filter(([s]) => !used.has(s)).map(([, name]): Entry => ({
    name,
    picture: undefined,
    text: name,
  }))
  return [...paired, ...alone].toSorted((a, b) => a.name < b.name ? -1 : 1)
}

const captionIn = (path: string): Effect.Effect<E.Either<string, string>, DataFault> =>
  Effect.map(reading(path, () => readFile(path)), (bytes) => {
    const text = decodeText(withoutMark(bytes))
    if (E.isLeft(text)) return E.left(`its caption is no UTF-8 (byte ${text.left}); save it as UTF-8`)
    const caption = text.right.trim()
    return caption === "" ? E.left("its caption is empty; write one, or remove the file") : E.right(caption)
  })

/** How a folder is read: may files be without a caption? */
export interface FolderLook extends Look {
  readonly bare?: boolean
}

/**
 * All pictures and videos below a folder in the order of their names, each with the text of the `.txt` of the same name:
 * `cat.png` and `cat.txt`. Faults: no such folder, nothing in it.
 */
export const pictureFolder = (path: string, look: FolderLook = {}): Sequence<Captioned> => {
  const names = Effect.flatMap(reading(path, () => namesIn(resolve(path), "")), (found) => {
    const message =
      `the folder ${path} holds no pictures or videos, at any depth; put some there, each with a .txt of the ` +
      "same name beside it"
    return found.some((name) => !isText(name)) ? Effect.succeed(found) : Effect.fail(dataFault("empty", path, message))
  })
  const one = ({ name, picture, text }: Entry): Effect.Effect<E.Either<string, Captioned>, DataFault> =>
    Effect.gen(function* () {
      if (picture === undefined) {
        const why = `it is a caption without its file: expected ${
          stem(name)
        }.png, .jpg, .gif, .mp4 or another beside it`
        return E.left(why)
      }
      if (text === undefined && look.bare !== true) {
        return E.left(`it is a file without its caption: write ${stem(name)}.txt beside it`)
      }
      const caption = text === undefined ? E.right("") : yield* captionIn(join(resolve(path), text))
      return E.isLeft(caption) ? caption : yield* looked(name, join(resolve(path), picture), caption.right, {}, look)
    })
  return {
    name: path,
    digest: Effect.gen(function* () {
      const found = (yield* names).toSorted()
      const files = filesOf(found.map((name) => join(resolve(path), name)))
      return yield* digestOf(
        "pictures",
        found,
        yield* filesDigest("pictures", files),
        lookDigest(look),
        look.bare === true,
      )
    }),
    read: (from) =>
      Stream.unwrap(Effect.gen(function* () {
        const first = from === undefined ? 0 : yield* placeOf(natural, path, from)
        const entries = entriesOf(yield* names).slice(first)
        return Stream.mapEffect(Stream.fromArray(entries), (entry, i) =>
          Effect.map(one(entry), (value): Reading<Captioned> => ({ id: entry.name, value, after: first + i + 1 })))
      })),
  }
}

// ---- files -----------------------------------------------------------------------

/** Pictures and videos by their paths, in the order given, without captions. */
export const pictureFiles = (paths: ReadonlyArray<string>, look: Look = {}): Sequence<Captioned> => ({
  name: paths.length === 1 ? paths[0]! : `${paths.length} files`,
  digest: Effect.flatMap(
    filesDigest("pictures", filesOf(paths)),
    (below) => digestOf("files", below, lookDigest(look)),
  ),
  read: (from) =>
    Stream.unwrap(
      Effect.map(from === undefined ? Effect.succeed(0) : placeOf(natural, "files", from), (first) =>
        Stream.mapEffect(Stream.fromArray(paths.slice(first)), (path, i) =>
          Effect.map(
            looked(path, path, "", {}, look),
            (value): Reading<Captioned> => ({ id: path, value, after: first + i + 1 }),
          ))),
    ),
})

// ---- JSON lines ------------------------------------------------------------------

/** The file and the caption that a line names. */
const named = (
  { id, fields }: Document,
  folder: string,
): E.Either<string, readonly [path: string, caption: string]> => {
  const { file, caption = fields["text"] } = fields
  if (typeof file !== "string" || file === "") {
    return E.left(`${id} names no file: expected {"file":"cat.png","caption":"a cat"}`)
  }
  if (caption !== undefined && typeof caption !== "string") return E.left(`the caption of ${id} is no text`)
  return E.right([resolve(folder, file), caption ?? ""])
}

/**
 * Pictures and videos that JSON lines name: `{"file":"cat.png","caption":"a cat"}`, paths from the folder of the lines on;
 * `text` is a caption too, and what else a line says is kept in `fields`.
 */
export const pictureLines = (path: string, look: Look = {}): Sequence<Captioned> => {
  const lines = jsonLines(path)
  const folder = dirname(resolve(path))
  const one = (value: E.Either<string, Document>): Effect.Effect<E.Either<string, Captioned>, DataFault> => {
    if (E.isLeft(value)) return Effect.succeed(value)
    const found = named(value.right, folder)
    if (E.isLeft(found)) return Effect.succeed(found)
    const { file: _file, caption: _caption, ...fields } = value.right.fields
    return looked(value.right.id, found.right[0], found.right[1], fields, look)
  }
  return {
    name: path,
    digest: Effect.gen(function* () {
      const all = yield* Stream.runCollect(lines.read(undefined))
      const paths = all.flatMap(({ value }) => {
        const found = E.flatMap((d: Document) => named(d, folder))(value)
        return E.isRight(found) ? [found.right[0]] : []
      })
      // a file that is not there is a reading of no use, and is told as such
      const each = yield* Effect.forEach(
        [...new Set(paths)],
        (one) =>
          Effect.match(filesDigest("pictures", filesOf([one])), {
            onSuccess: (d): string | null => d,
            onFailure: () => null,
          }),
      )
      return yield* digestOf("picture lines", yield* lines.digest, each, lookDigest(look))
    }),
    read: (from) =>
      Stream.mapEffect(
        lines.read(from),
        ({ id, value, after }) => Effect.map(one(value), (read): Reading<Captioned> => ({ id, value: read, after })),
      ),
  }
}
