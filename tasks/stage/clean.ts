/**
 * Removing what stages have left: outputs, journals, marks of processes that are gone, and then the files that nobody names
 * any more. What somebody makes now is left alone, and so is everything where something cannot be read.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { Store, type StoreFault } from "../store.ts"
import { type StageFault, stageFault } from "./fault.ts"
import { stagePath, stagesFolder } from "./kept.ts"
import { holderOf, holderText, isLockFile } from "./lock.ts"
import { alone, namedBy, orphans, type StageFile, stageFiles } from "./sweep.ts"

// ---- types -----------------------------------------------------------------

/** A file that goes. */
export interface Gone {
  readonly path: string
  readonly bytes: number
  readonly what: "output" | "journal" | "file" | "rest"
}

/** What is removed, in order, and what a person should know. */
export interface Removal {
  readonly files: ReadonlyArray<Gone>
  readonly notes: ReadonlyArray<string>
}

/** Which stages are meant, by name. */
export type Meant = (name: string) => boolean

// ---- what is there -------------------------------------------------------------

const sized = (path: string, what: Gone["what"]): Effect.Effect<Gone, StoreFault, Store> =>
  Effect.gen(function* () {
    return { path, what, bytes: (yield* (yield* Store).size(path)) ?? 0 }
  })

/** The stages that somebody makes now. */
const running = (files: ReadonlyArray<StageFile>) =>
  Effect.gen(function* () {
    const locks = files.filter((f) => f.kind === "lock")
    const found = yield* Effect.forEach(
      locks,
      ({ name, key }) => Effect.map(holderOf(stagePath("lock", name, key)), (holder) => ({ name, key, holder })),
    )
    return found.flatMap(({ name, key, holder }) => holder === undefined ? [] : [{ name, key, holder }])
  })

/** Files of locks whose owners are gone. */
const marks = (names: ReadonlyArray<string>, live: ReadonlyArray<{ readonly name: string; readonly key: string }>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const held = live.map(({ name, key }) => stagePath("lock", name, key))
    const paths = yield* Effect.forEach(names, (name) =>
      Effect.map(
        store.list(`${stagesFolder}/${name}`),
        (files) => files.filter(isLockFile).map((f) => `${stagesFolder}/${name}/${f}`),
      ))
    return paths.flat().filter((path) => !held.some((lock) => path.startsWith(lock)))
  })

/** Objects by the digest in their name. */
const objects = Effect.gen(function* () {
  const store = yield* Store
  const found = yield* Effect.forEach(
    ["tensors", "blobs"],
    (folder) => Effect.map(store.list(folder), (names) => names.map((name) => ({ path: `${folder}/${name}`, name }))),
  )
  return found.flat().flatMap(({ path, name }) => {
    const digest = /^([0-9a-f]{64})(\.safetensors)?$/.exec(name)?.[1]
    return digest === undefined ? [] : [{ path, digest }]
  })
})

// ---- what goes -----------------------------------------------------------------

/** What would be removed with those stages. Faults: one of them is being made. */
export const removal = (meant: Meant): Effect.Effect<Removal, StageFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const files = yield* stageFiles
    const live = yield* running(files)
    const busy = live.find(({ name }) => meant(name))
    if (busy !== undefined) {
      const why = `${holderText(busy.holder)} makes it now; wait for it, or end it first`
      return yield* Effect.fail(stageFault("held", busy.name, why))
    }
    const goes = files.filter((f) => f.kind !== "lock" && meant(f.name))
    const own = yield* Effect.forEach(goes, (f) => sized(stagePath(f.kind, f.name, f.key), f.kind as "output"))
    const still = yield* namedBy(files.filter((f) => !goes.includes(f)))
    const only = yield* namedBy(goes)
    const notes = E.isLeft(still) ? [`files stay, for ${still.left}: run its stage again, or clean it`] : []
    // Files that nobody names may be about to be named by somebody who runs.
    const mayGo = (digest: string): boolean =>
      E.isRight(still) && !still.right.has(digest) && (live.length === 0 || (E.isRight(only) && only.right.has(digest)))
    const loose = yield* Effect.forEach(
      (yield* objects).filter(({ digest }) => mayGo(digest)),
      ({ path }) => sized(path, "file"),
    )
    const names = [...new Set(files.map((f) => f.name))]
    const folders = ["tensors", "blobs", ...names.map((name) => `${stagesFolder}/${name}`)]
    const rest = yield* Effect.forEach(
      [...yield* marks(names, live), ...yield* orphans(folders)],
      (path) => sized(path, "rest"),
    )
    return { files: [...own, ...loose, ...rest], notes }
  })

/** Removes it: outputs before the files that they name, so that nothing is torn where it stops on the way. */
export const clean = (meant: Meant): Effect.Effect<Removal, StageFault | StoreFault, Store> =>
  alone(Effect.gen(function* () {
    const store = yield* Store
    const gone = yield* removal(meant)
    for (const { path } of gone.files) yield* store.remove(path)
    return gone
  }))
