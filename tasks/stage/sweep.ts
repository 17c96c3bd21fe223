/**
 * Removing files that nobody names any more. All that lies in the store is asked first, under one lock for the whole store;
 * where anything cannot be read, nothing is removed.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { FileRef } from "../objects.ts"
import { isOrphan } from "../owner.ts"
import { draftOf, Store, type StoreFault } from "../store.ts"
import { filesIn, placesOf } from "./files.ts"
import { type Kind, readKept, stageFile, stagesFolder } from "./kept.ts"
import { hold } from "./lock.ts"

/** A file of a stage in the store. */
export interface StageFile {
  readonly name: string
  readonly key: string
  readonly kind: Kind
}

/** All files of stages. */
export const stageFiles: Effect.Effect<ReadonlyArray<StageFile>, StoreFault, Store> = Effect.gen(function* () {
  const store = yield* Store
  const names = yield* store.list(stagesFolder)
  const found = yield* Effect.forEach(
    names,
    (name) =>
      Effect.map(
        // A file among the folders is nobody's stage.
        Effect.catch(
          store.list(`${stagesFolder}/${name}`),
          (f) => f.reason === "path" ? Effect.succeed([]) : Effect.fail(f),
        ),
        (files) =>
          files.flatMap((file) => {
            const known = stageFile(file)
            return known === undefined ? [] : [{ name, ...known }]
          }),
      ),
  )
  return found.flat()
})

/** The digests that outputs and journals name; a left says which of them cannot be read. */
export const namedBy = (
  files: ReadonlyArray<StageFile>,
): Effect.Effect<E.Either<string, ReadonlySet<string>>, StoreFault, Store> =>
  Effect.gen(function* () {
    const digests = new Set<string>()
    for (const { name, key, kind } of files) {
      const kept = kind === "lock" ? undefined : yield* readKept(kind, name, key)
      if (kept === undefined) continue
      if (E.isLeft(kept)) return kept
      for (const { digest } of filesIn(kept.right.value)) digests.add(digest)
    }
    return E.right(digests)
  })

/**
 * One at a time in the whole store: naming files and removing them. So a file that is there when a state names it stays
 * there.
 */
export const alone = <A, X, R>(act: Effect.Effect<A, X, R>): Effect.Effect<A, X | StoreFault, R | Store> =>
  Effect.scoped(Effect.andThen(hold("objects.lock", { pause: 20 }), act)) as Effect.Effect<A, X | StoreFault, R | Store>

/** Removes those of the files that nobody names; gives those that it has not looked at because something is unreadable. */
export const sweep = (
  files: ReadonlyArray<FileRef>,
  but?: { readonly name: string; readonly key: string },
): Effect.Effect<ReadonlyArray<FileRef>, StoreFault, Store> =>
  Effect.gen(function* () {
    if (files.length === 0) return []
    const store = yield* Store
    const others = (yield* stageFiles).filter((f) => f.kind !== "journal" || f.name !== but?.name || f.key !== but.key)
    const still = yield* namedBy(others)
    if (E.isLeft(still)) return files
    for (const ref of files.filter((f) => !still.right.has(f.digest))) {
      for (const path of placesOf(ref)) yield* store.remove(path)
    }
    return []
  })

/** Folders in which files are written. */
const written = (name: string): ReadonlyArray<string> => ["tensors", "blobs", `${stagesFolder}/${name}`]

/** Drafts in some folders whose writers are gone: a process that was killed leaves what it was writing. */
export const orphans = (folders: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const files = yield* Effect.forEach(
      folders,
      (folder) =>
        Effect.map(
          store.list(folder),
          (names) => names.map((name) => ({ path: `${folder}/${name}`, draft: draftOf(name) })),
        ),
    )
    const found = yield* Effect.filter(
      files.flat(),
      ({ draft }) => draft === undefined ? Effect.succeed(false) : Effect.promise(() => isOrphan(draft)),
    )
    return found.map((f) => f.path)
  })

/** Removes the drafts that others have left in a stage's way. */
export const tidy = (name: string): Effect.Effect<void, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    for (const path of yield* orphans(written(name))) yield* store.remove(path)
  })
