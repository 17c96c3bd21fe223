/**
 * What there is of stages, without making or changing anything. Keys depend on outputs, so the key of a stage is known only
 * where all that it needs is there.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { Store, type StoreFault } from "../store.ts"
import { filesIn } from "./files.ts"
import { outputOf } from "./guard.ts"
import { readWhole, stagePath } from "./kept.ts"
import { inOrder, keyOf } from "./key.ts"
import { type Holder, holderOf } from "./lock.ts"
import type { AnyStage, Needs } from "./stage.ts"

/** How a stage stands. */
export type State =
  | "cached" // its output is there and whole
  | "running" // a process makes it
  | "interrupted" // it has a journal, and nobody makes it
  | "torn" // its output is not whole: it will be made again
  | "missing" // nothing is there
  | "wrong" // it is declared wrongly, or a function of it throws
  | "unknown" // something that it needs is not there, so it has no key yet

/** A stage and how it stands. */
export interface Seen {
  readonly stage: AnyStage
  readonly state: State
  readonly key: string | undefined
  /** Bytes of its output and the files that it names. */
  readonly bytes: number
  /** Of what is cached: on what it was made. */
  readonly made: string
  /** Why it is torn or wrong. */
  readonly why: string
  /** Who makes it. */
  readonly holder: Holder | undefined
}

/** The output's digest, where it is there; files are looked at by their sizes. */
interface Found extends Seen {
  readonly digest: string | undefined
}

const look = (stage: AnyStage, key: string): Effect.Effect<Found, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const none = { stage, key, bytes: 0, made: "", why: "", holder: undefined, digest: undefined }
    const holder = yield* holderOf(stagePath("lock", stage.name, key))
    const kept = yield* readWhole("output", stage.name, key, "size")
    if (kept !== undefined && E.isRight(kept) && E.isRight(outputOf(stage, kept.right.value))) {
      const { value, made, digest } = kept.right
      const own = (yield* store.size(stagePath("output", stage.name, key))) ?? 0
      const bytes = filesIn(value).reduce((n, f) => n + f.bytes, own)
      return { ...none, state: "cached", bytes, made, digest, holder }
    }
    if (holder !== undefined) return { ...none, state: "running", holder }
    const journal = yield* store.size(stagePath("journal", stage.name, key))
    if (journal !== undefined) return { ...none, state: "interrupted" }
    if (kept === undefined) return { ...none, state: "missing" }
    return { ...none, state: "torn", why: E.isLeft(kept) ? kept.left : "its output is of another form" }
  })

/** All stages, what is needed before what needs it, and how they stand. */
export const survey = (stages: Needs): Effect.Effect<ReadonlyArray<Seen>, StoreFault, Store> =>
  Effect.gen(function* () {
    const found = new Map<AnyStage, Found>()
    for (const stage of inOrder(stages)) {
      const needs = Object.entries(stage.needs).map(([n, need]) => [n, found.get(need)?.digest] as const)
      const known = needs.every(([, digest]) => digest !== undefined)
      const unknown: Found = {
        ...{ stage, state: "unknown", key: undefined, bytes: 0, made: "", why: "", holder: undefined },
        digest: undefined,
      }
      const key = known ? keyOf(stage, Object.fromEntries(needs) as Record<string, string>) : Effect.succeed(undefined)
      const seen = Effect.matchEffect(key, {
        onFailure: ({ message }) => Effect.succeed<Found>({ ...unknown, state: "wrong", why: message }),
        onSuccess: (key) => key === undefined ? Effect.succeed(unknown) : look(stage, key),
      })
      found.set(stage, yield* seen)
    }
    return [...found.values()]
  })
