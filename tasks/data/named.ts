/**
 * Sources as people name them on a command line: a book, a folder, files.
 * @module
 */
import { either as E } from "fp-ts"
import { mobyDick, speeches } from "./books.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { folder, textFiles } from "./folder.ts"
import { jsonLines } from "./jsonl.ts"
import { parquet } from "./parquet.ts"
import type { Source } from "./source.ts"

/** The books that are here. */
export const books: ReadonlyMap<string, Source> = new Map([["moby-dick", mobyDick], ["speeches", speeches]])

interface Kind {
  readonly ending: RegExp
  readonly made: (paths: ReadonlyArray<string>, columns?: ReadonlyArray<string>) => Source
}
const kinds: ReadonlyArray<Kind> = [
  { ending: /\.(jsonl|ndjson|json)$/i, made: jsonLines },
  { ending: /\.parquet$/i, made: parquet },
  { ending: /\.(txt|text|md)$/i, made: textFiles },
]

/**
 * The source of names: a book's name, a folder of texts, or files of one kind (`.jsonl`, `.parquet`, `.txt`), which are one
 * source in the order given.
 */
export const named = (
  names: ReadonlyArray<string>,
  columns?: ReadonlyArray<string>,
): E.Either<DataFault, Source> => {
  const first = names[0] ?? ""
  const fault = (message: string): E.Either<DataFault, never> => E.left(dataFault("settings", "source", message))
  if (first === "") return fault(`no source is named; name a folder, files or a book: ${[...books.keys()].join(", ")}`)
  const kind = kinds.find(({ ending }) => ending.test(first))
  if (columns !== undefined && !/\.parquet$/i.test(first)) return fault("columns are those of parquet files; name some")
  const one = books.get(first) ?? (kind === undefined ? folder(first) : undefined)
  if (one !== undefined) {
    return names.length === 1
      ? E.right(one)
      : fault(`${first} goes with no other source; name one, or files of one kind`)
  }
  const other = names.find((name) => !kind!.ending.test(name))
  if (other !== undefined) return fault(`${other} and ${first} are of two kinds; name files of one kind`)
  return E.right(kind!.made(names, columns))
}
