/**
 * Folders and files of JSON lines in the vision form, as people name them.
 * @module
 */
import * as Effect from "effect/Effect"
import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import { type DataFault, dataFault } from "./fault.ts"
import { reading } from "./files.ts"
import { walk } from "./folder.ts"
import { jsonLines } from "./jsonl.ts"
import type { Source } from "./source.ts"

const isLines = (name: string): boolean => /\.(jsonl|ndjson)$/i.test(name)

const filesAt = (path: string): Effect.Effect<ReadonlyArray<string>, DataFault> =>
  Effect.gen(function* () {
    if (!(yield* reading(path, () => stat(path))).isDirectory()) return [path]
    const found = yield* reading(path, () => walk(resolve(path), "", isLines))
    if (found.length > 0) return found.map((file) => file.path).sort()
    const message =
      `the folder ${path} holds no .jsonl file, at any depth; encode pictures into one, or name another folder`
    return yield* Effect.fail(dataFault("empty", path, message))
  })

/** The documents of all `.jsonl` files of folders, at any depth, and of files, in the order of their names. */
export const visionLines = (names: ReadonlyArray<string>): Effect.Effect<Source, DataFault> =>
  names.length === 0
    ? Effect.fail(dataFault("settings", "source", "nobody has named a folder or a file of JSON lines"))
    : Effect.map(Effect.forEach(names, filesAt), (all) => jsonLines(all.flat()))
