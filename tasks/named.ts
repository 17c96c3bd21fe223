/**
 * Files that a person names, outside of the store.
 * @module
 */
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { basename, dirname, resolve } from "node:path"
import { folder, Store, type StoreFault, storeFault, utf8 } from "./store.ts"

/** The text of a file. */
export const readText = (path: string): Effect.Effect<string, StoreFault> =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => storeFault("read", path, cause) })

/** Writes a file whole or not at all, and the folder that it lies in; gives its path. */
export const writeBytes = (path: string, bytes: Uint8Array): Effect.Effect<string, StoreFault> =>
  Effect.flatMap(Store, (store) => store.write(basename(path), bytes)).pipe(
    Effect.provide(folder(dirname(resolve(path)))),
    Effect.as(path),
  )

/** The same of a text. */
export const writeText = (path: string, text: string): Effect.Effect<string, StoreFault> => writeBytes(path, utf8(text))
