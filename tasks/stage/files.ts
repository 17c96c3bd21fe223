/**
 * Files that values name: wherever the JSON of an output or of a state has an object of a `digest` and `bytes` and nothing
 * else, it names a file of `objects.ts`. So the files of anything that lies in the store are known without knowing its codec.
 * @module
 */
import * as Effect from "effect/Effect"
import { blobPath, FileRef, tensorPath } from "../objects.ts"
import { digest, Store, type StoreFault } from "../store.ts"
import type { Json } from "./json.ts"

// ---- names -------------------------------------------------------------------

/** The files that a value names, each once. */
export const filesIn = (x: Json): ReadonlyArray<FileRef> => {
  const found = new Map<string, FileRef>()
  const visit = (v: Json): void => {
    if (v === null || typeof v !== "object") return
    // a measure of a model has a digest and bytes too, and more
    if (FileRef.is(v) && Object.keys(v).length === 2) found.set(v.digest, { digest: v.digest, bytes: v.bytes })
    for (const part of Object.values(v)) visit(part)
  }
  visit(x)
  return [...found.values()]
}

/** Where a file may lie: a name does not say what it is. */
export const placesOf = ({ digest }: FileRef): ReadonlyArray<string> => [tensorPath(digest), blobPath(digest)]

// ---- wholeness ---------------------------------------------------------------

/** How closely files are looked at: `size` costs nothing, `bytes` reads them all. */
export type Look = "size" | "bytes"

const brokenAt = (path: string, ref: FileRef, look: Look): Effect.Effect<string | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const size = yield* store.size(path)
    if (size === undefined) return `${path} is missing`
    if (size !== ref.bytes) return `${path} has ${size} bytes, not ${ref.bytes}: it is torn`
    if (look === "size") return undefined
    const bytes = yield* store.read(path)
    return bytes !== undefined && (yield* digest(bytes)) === ref.digest ? undefined : `${path} is damaged`
  })

/** Why the file is not whole; undefined if it is. */
const broken = (ref: FileRef, look: Look): Effect.Effect<string | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const [first, second] = placesOf(ref)
    const one = yield* brokenAt(first!, ref, look)
    if (one === undefined) return undefined
    const other = yield* brokenAt(second!, ref, look)
    return other === undefined ? undefined : other.endsWith("missing") ? one : other
  })

/** What is wrong with the first of the files that is not whole; undefined where all are. */
export const brokenOf = (
  files: ReadonlyArray<FileRef>,
  look: Look,
): Effect.Effect<string | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    for (const ref of files) {
      const why = yield* broken(ref, look)
      if (why !== undefined) return why
    }
    return undefined
  })
