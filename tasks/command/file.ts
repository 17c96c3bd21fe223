/**
 * Files that a person names, outside of the store.
 * @module
 */
import * as Effect from "effect/Effect"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { type StoreFault, storeFault } from "../store.ts"

/** The text of a file. */
export const readText = (path: string): Effect.Effect<string, StoreFault> =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => storeFault("read", path, cause) })

/** Writes a file, and the folder that it lies in; gives its path. */
export const writeText = (path: string, text: string): Effect.Effect<string, StoreFault> =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
      return path
    },
    catch: (cause) => storeFault("write", path, cause),
  })
