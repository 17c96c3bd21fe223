/**
 * The journal of a stage that is being made: the state that was saved last, whole or not at all. Files that only older
 * states named go when a newer one is saved.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type * as t from "io-ts"
import { type FileFault, fileFault, report } from "../../core/files/codec.ts"
import { type Events, say, StageName } from "../events.ts"
import type { FileRef } from "../objects.ts"
import { Store, type StoreFault } from "../store.ts"
import { brokenOf, filesIn, placesOf } from "./files.ts"
import { keep, type Kept, readKept, readWhole, stagePath, writeKept } from "./kept.ts"
import type { Held } from "./lock.ts"
import type { Journal } from "./stage.ts"
import { alone, sweep } from "./sweep.ts"

/** Which stage's journal, on what it is made, and the right to write it. */
export interface Desk {
  readonly name: string
  readonly key: string
  readonly made: string
  readonly lock: Held
}

const note = (text: string): Effect.Effect<void, never, Events> => say({ _tag: "Note", text })

// ---- reading -----------------------------------------------------------------

/** The last state that can be believed, decoded. What cannot be is told, and is as none. */
const last = <A>({ name, key, made }: Pick<Desk, "name" | "key" | "made">, codec: t.Type<A, unknown>) =>
  Effect.gen(function* () {
    const kept = yield* readWhole("journal", name, key, "bytes")
    if (kept === undefined) return undefined
    if (E.isLeft(kept)) return yield* Effect.as(note(`it begins again: ${kept.left}`), undefined)
    const state = codec.decode(kept.right.value)
    if (E.isLeft(state)) {
      const why = report(state.left).map((f) => f.message).join("; ")
      return yield* Effect.as(note(`it begins again: the last state is of another form: ${why}`), undefined)
    }
    if (kept.right.made !== made) {
      yield* note(`it was begun on ${kept.right.made || "another device"}: a run on one device differs by rounding`)
    }
    return state.right
  })

// ---- writing -----------------------------------------------------------------

const without = (files: ReadonlyArray<FileRef>, kept: ReadonlyArray<FileRef>): ReadonlyArray<FileRef> => {
  const digests = new Set(kept.map((f) => f.digest))
  return [...new Map(files.filter((f) => !digests.has(f.digest)).map((f) => [f.digest, f])).values()]
}

/** The files of a journal: those of its state, and those of older ones. */
const filesOf = (kept: Kept): ReadonlyArray<FileRef> => [...filesIn(kept.value), ...(kept.older ?? [])]

/** The files that a journal in the store is responsible for; none where there is none that can be read. */
const filesThere = (name: string, key: string): Effect.Effect<ReadonlyArray<FileRef>, StoreFault, Store> =>
  Effect.map(readKept("journal", name, key), (kept) => kept === undefined || E.isLeft(kept) ? [] : filesOf(kept.right))

const stillThere = (files: ReadonlyArray<FileRef>): Effect.Effect<ReadonlyArray<FileRef>, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    return yield* Effect.filter(
      files,
      (ref) => Effect.map(Effect.forEach(placesOf(ref), store.size), (sizes) => sizes.some((n) => n !== undefined)),
    )
  })

const refused = (path: string, why: string): FileFault => fileFault("value", path, `${path}: ${why}`)

const save = <A>({ name, key, made, lock }: Desk, codec: t.Type<A, unknown>, state: A) =>
  Effect.gen(function* () {
    const path = stagePath("journal", name, key)
    const next = yield* keep(codec.encode(state), made)
    if (E.isLeft(next)) return yield* Effect.fail(refused(path, `the state cannot be saved: ${next.left}`))
    const files = filesIn(next.right.value)
    yield* alone(Effect.gen(function* () {
      if (!(yield* lock.holds)) {
        return yield* Effect.fail(refused(path, "another process has taken it over; let it go on"))
      }
      const why = yield* brokenOf(files, "size")
      if (why !== undefined) {
        return yield* Effect.fail(refused(path, `the state names what is not there: ${why}; run again`))
      }
      const older = yield* stillThere(without(yield* filesThere(name, key), files))
      yield* writeKept("journal", name, key, older.length === 0 ? next.right : { ...next.right, older })
      yield* Effect.ignore(sweep(older))
    }))
  })

/** The journal of one stage. */
export const journalOf = (desk: Desk): Effect.Effect<Journal, never, Store | Events> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Store | Events>()
    return {
      last: (codec) => last(desk, codec).pipe(Effect.provideService(StageName, desk.name), Effect.provide(context)),
      save: (codec, state) => save(desk, codec, state).pipe(Effect.provide(context)),
    }
  })

/** A journal for one who follows: it tells the last state and saves nothing. */
export const followed = (desk: Omit<Desk, "lock">): Effect.Effect<Journal, never, Store | Events> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Store | Events>()
    return { last: (codec) => Effect.provide(last(desk, codec), context), save: () => Effect.void }
  })

/** Ends a journal: what it alone names is removed, and then it. */
export const closeJournal = (name: string, key: string): Effect.Effect<void, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const path = stagePath("journal", name, key)
    if ((yield* store.size(path)) === undefined) return
    yield* alone(Effect.gen(function* () {
      yield* sweep(yield* filesThere(name, key), { name, key })
      yield* store.remove(path)
    }))
  })
