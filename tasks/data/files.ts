/**
 * Files that a source is made of: which they are, what their digest is, their lines from any byte on, and their bytes as
 * text. A file is opened for each block and closed again, so nothing is held open between two readings.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { createHash } from "node:crypto"
import { open, stat } from "node:fs/promises"
import { basename, resolve, sep } from "node:path"
import { type DataFault, dataFault, saying } from "./fault.ts"
import { digestOf } from "./source.ts"

// ---- types -------------------------------------------------------------------

/** A file of a source. */
export interface DataFile {
  /** Its name inside of the source, with "/" between folders: the same on every machine. */
  readonly name: string
  readonly path: string
  readonly bytes: number
}

/** Where the next line of a file begins: its byte, and how many lines are before it. */
export interface LinePlace {
  readonly byte: number
  readonly line: number
}

/** A line without its end, its number from 1 on, and where the next one begins. */
export interface Line {
  readonly bytes: Uint8Array
  readonly line: number
  readonly after: LinePlace
}

// ---- files -------------------------------------------------------------------

const advice: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such file; check the path"],
  ["EACCES", "it may not be read; check its owner and rights"],
  ["EISDIR", "it is a folder; name its files"],
])

/** A fault out of what reading threw. */
const unreadable = (path: string) => (cause: unknown): DataFault => {
  const { code, path: whole } = (cause ?? {}) as { readonly code?: unknown; readonly path?: unknown }
  const where = typeof whole === "string" ? whole : path
  const why = advice.get(String(code)) ?? saying(cause)
  return dataFault(code === "ENOENT" ? "missing" : "file", where, `cannot read ${where}: ${why}`)
}

/** Runs what reads a file. */
export const reading = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, DataFault> =>
  Effect.tryPromise({ try: run, catch: unreadable(path) })

/** What paths have in common: the folder of all of them, with its separator. */
const shared = (paths: ReadonlyArray<string>): number => {
  const parts = paths.map((path) => path.split(sep).slice(0, -1))
  const first = parts[0] ?? []
  const differs = first.findIndex((part, i) => parts.some((other) => other[i] !== part))
  return first.slice(0, differs < 0 ? first.length : differs).map((part) => part + sep).join("").length
}

/** The named files in the order given, and what they are called: by their paths below the folder that all of them share. */
export const filesOf = (paths: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<DataFile>, DataFault> =>
  Effect.gen(function* () {
    const whole = paths.map((path) => resolve(path))
    const twice = paths.find((_, i) => whole.indexOf(whole[i]!) !== i)
    if (twice !== undefined) {
      return yield* Effect.fail(dataFault("settings", twice, `${twice} is named twice; name each file once`))
    }
    if (paths.length === 0) {
      return yield* Effect.fail(dataFault("empty", "files", "no file is named; name one at least"))
    }
    const cut = shared(whole)
    return yield* Effect.forEach(
      whole,
      (path, i) =>
        Effect.flatMap(
          reading(paths[i]!, () => stat(path)),
          (found) =>
            found.isFile()
              ? Effect.succeed({ name: path.slice(cut).replaceAll(sep, "/"), path, bytes: found.size })
              : Effect.fail(unreadable(paths[i]!)({ code: "EISDIR" })),
        ),
    )
  })

/** The files from the one of that name on. A name that is not there is a fault: the files have changed. */
export const filesFrom = (
  files: ReadonlyArray<DataFile>,
  name: string,
  source: string,
): Effect.Effect<ReadonlyArray<DataFile>, DataFault> => {
  const first = files.findIndex((file) => file.name === name)
  return first >= 0 ? Effect.succeed(files.slice(first)) : Effect.fail(dataFault(
    "position",
    source,
    `${source} has no file ${name} any more, where reading stopped; put it back, or begin anew`,
  ))
}

/** What people call files: the first, and how many more. */
export const called = (paths: ReadonlyArray<string>): string =>
  paths.length === 1 ? basename(paths[0]!) : `${basename(paths[0] ?? "nothing")} and ${paths.length - 1} more`

const blockSize = 1 << 20

const hashOf = async (path: string): Promise<string> => {
  const hash = createHash("sha256")
  const handle = await open(path, "r")
  try {
    const block = new Uint8Array(blockSize)
    for (let { bytesRead } = await handle.read(block); bytesRead > 0; { bytesRead } = await handle.read(block)) {
      hash.update(block.subarray(0, bytesRead))
    }
  } finally {
    await handle.close()
  }
  return hash.digest("hex")
}

/** The digest of files: their names, sizes and contents, in order. */
export const filesDigest = (
  kind: string,
  files: Effect.Effect<ReadonlyArray<DataFile>, DataFault>,
): Effect.Effect<string, DataFault> =>
  Effect.gen(function* () {
    const all = yield* Effect.forEach(yield* files, (file) =>
      Effect.map(reading(file.path, () => hashOf(file.path)), (hash) => [file.name, file.bytes, hash]))
    return yield* digestOf("files", kind, all)
  })

// ---- text --------------------------------------------------------------------

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const decodes = (bytes: Uint8Array, open: boolean): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: open })
    return true
  } catch {
    return false
  }
}

/** The first byte that no text can have there: beginnings of the bytes are texts, up to it. */
const firstBad = (bytes: Uint8Array): number => {
  let [good, bad] = [0, bytes.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (decodes(bytes.subarray(0, middle), true)) good = middle
    else bad = middle
  }
  return good
}

/** Bytes as text, or the first byte that is no UTF-8. */
export const decodeText = (bytes: Uint8Array): E.Either<number, string> => {
  try {
    return E.right(strict.decode(bytes))
  } catch {
    return E.left(firstBad(bytes))
  }
}

/** Without the mark that some editors write at the beginning of a file. */
export const withoutMark = (bytes: Uint8Array): Uint8Array =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

// ---- lines -------------------------------------------------------------------

const newline = 10
const carriageReturn = 13

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0))
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}

/** The line that begins at a place: without the mark, if it is the first, and without the return of a Windows file. */
const trimmed = (bytes: Uint8Array, at: LinePlace): Uint8Array => {
  const marked = at.byte === 0 ? withoutMark(bytes) : bytes
  return marked.at(-1) === carriageReturn ? marked.subarray(0, -1) : marked
}

interface Reached {
  readonly place: LinePlace
  /** Blocks of the line that begins at the place, whose end has not been met yet. */
  readonly begun: ReadonlyArray<Uint8Array>
}

const readBlock = async (path: string, byte: number, size: number): Promise<Uint8Array> => {
  const handle = await open(path, "r")
  try {
    const block = new Uint8Array(size)
    const { bytesRead } = await handle.read(block, 0, size, byte)
    return block.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

const cutLines = ({ place, begun }: Reached, block: Uint8Array): readonly [ReadonlyArray<Line>, Reached] => {
  const lines: Array<Line> = []
  let [at, rest, from] = [place, begun, 0]
  for (let end = block.indexOf(newline); end >= 0; end = block.indexOf(newline, from)) {
    const bytes = joined([...rest, block.subarray(from, end)])
    const after: LinePlace = { byte: at.byte + bytes.length + 1, line: at.line + 1 }
    lines.push({ bytes: trimmed(bytes, at), line: after.line, after })
    ;[at, rest, from] = [after, [], end + 1]
  }
  return [lines, { place: at, begun: from < block.length ? [...rest, block.subarray(from)] : rest }]
}

const lastLine = ({ place, begun }: Reached): ReadonlyArray<Line> => {
  if (begun.length === 0) return []
  const bytes = joined(begun)
  const after: LinePlace = { byte: place.byte + bytes.length, line: place.line + 1 }
  return [{ bytes: trimmed(bytes, place), line: after.line, after }]
}

/** The lines of a file from a place on; empty ones too. Memory is a block and the longest line. */
export const lines = (
  path: string,
  from: LinePlace = { byte: 0, line: 0 },
  block: number = blockSize,
): Stream.Stream<Line, DataFault> =>
  Stream.paginate({ place: from, begun: [] } as Reached, (reached) => {
    const next = reached.begun.reduce((n, part) => n + part.length, reached.place.byte)
    return Effect.map(reading(path, () => readBlock(path, next, block)), (read) => {
      if (read.length === 0) return [lastLine(reached), Option.none<Reached>()] as const
      const [found, now] = cutLines(reached, read)
      return [found, Option.some(now)] as const
    })
  })
