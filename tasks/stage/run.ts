/**
 * Making stages: what is needed first, each key once, and what is there already not again.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as t from "io-ts"
 * import { events } from "../events.ts"
 * import { memory } from "../store.ts"
 * import { run } from "./run.ts"
 * import { stage } from "./stage.ts"
 *
 * const two = stage({
 *   ...{ name: "two", version: "1", codec: t.null, settings: null, needs: {}, output: t.number },
 *   make: () => Effect.succeed(2),
 * })
 * const four = stage({
 *   ...{ name: "four", version: "1", codec: t.null, settings: null, needs: { two }, output: t.number },
 *   make: ({ two }) => Effect.succeed(two + two),
 * })
 * await Effect.runPromise(run(four).pipe(Effect.provide(events), Effect.provide(memory()))) // => 4
 * ```
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { either as E } from "fp-ts"
import { Device } from "../../core/device/device.ts"
import type { MeshFault } from "../../core/device/engine.ts"
import type { FileFault } from "../../core/files/codec.ts"
import { Mesh } from "../../core/mesh/mesh.ts"
import { type Events, say, StageName } from "../events.ts"
import { Store, type StoreFault } from "../store.ts"
import { type StageFault, stageFault } from "./fault.ts"
import { brokenOf, filesIn } from "./files.ts"
import { following, type Place, place } from "./follow.ts"
import { guarded, outputOf, whyOf } from "./guard.ts"
import { closeJournal, followed, journalOf } from "./journal.ts"
import { keep, type Kept, readWhole, stagePath, writeKept } from "./kept.ts"
import { keyOf, stageFaults } from "./key.ts"
import { type Held, hold, holderText } from "./lock.ts"
import { alone, tidy } from "./sweep.ts"
import type { AnyStage, FaultsOf, Journal, Needs, Outputs, ServicesOf, Stage } from "./stage.ts"

// ---- types -----------------------------------------------------------------

/** How stages are made. */
export interface Options {
  /** Stages that do not need each other at once: 1 if not given, for devices are shared. */
  readonly together?: number
  /** Stages, by name, that are made anew though they are there. */
  readonly again?: ReadonlySet<string>
}

/** What can go wrong with stages as such, beside what they do. */
export type RunFault = StageFault | StoreFault | FileFault | MeshFault

/** An output, decoded, and its digest. */
interface Made {
  readonly value: unknown
  readonly digest: string
}

const note = (text: string): Effect.Effect<void, never, Events> => say({ _tag: "Note", text })

// ---- what is there -------------------------------------------------------------

/** The output in the store, if it is whole and of the form that is expected; a left is why not. */
const there = (s: AnyStage, key: string): Effect.Effect<E.Either<string, Made> | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const kept = yield* readWhole("output", s.name, key, "bytes")
    if (kept === undefined || E.isLeft(kept)) return kept
    const value = outputOf(s, kept.right.value)
    if (E.isRight(value)) return E.right({ value: value.right, digest: kept.right.digest })
    return E.left(`${stagePath("output", s.name, key)} is of another form: ${value.left}`)
  })

/** The same for one who makes it if there is none: what cannot be believed is told, once. */
const cached = (s: AnyStage, key: string): Effect.Effect<Made | undefined, StoreFault, Store | Events> => {
  let told = ""
  return Effect.gen(function* () {
    const found = yield* there(s, key)
    if (found === undefined) return undefined
    if (E.isRight(found)) return found.right
    if (told !== found.left) yield* note(`it is made again: ${found.left}`)
    told = found.left
    return undefined
  })
}

// ---- making ------------------------------------------------------------------

/** What results depend on by rounding; the number of threads is no part of it. */
const deviceText = ({ info }: Device): string =>
  info.kind === "wasm"
    ? `wasm (${info.features.filter((f) => !f.startsWith("threads=")).join(", ")})`
    : info.description

/** The device and the mesh, for people. */
const surroundings: Effect.Effect<string> = Effect.gen(function* () {
  const device = yield* Effect.serviceOption(Device)
  const mesh = yield* Effect.serviceOption(Mesh)
  return [
    ...(Option.isSome(device) ? [deviceText(device.value)] : []),
    ...(Option.isSome(mesh) ? [mesh.value.description] : []),
  ].join("; ")
})

const encoded = (s: AnyStage, value: unknown, made: string): Effect.Effect<Kept, StageFault> =>
  Effect.gen(function* () {
    const json = guarded(() => s.output.encode(value) as unknown)
    if (E.isLeft(json)) {
      const why = `the output cannot be written: its codec threw ${json.left}; mend the codec, or what is made`
      return yield* Effect.fail(stageFault("output", s.name, why))
    }
    const kept = yield* keep(json.right, made)
    if (E.isRight(kept)) return kept.right
    return yield* Effect.fail(stageFault("output", s.name, `in the output ${kept.left}; mend its codec`))
  })

/** The output as who reads it from the store sees it. */
const decoded = (s: AnyStage, kept: Kept): Effect.Effect<Made, StageFault> =>
  Effect.suspend(() => {
    const value = outputOf(s, kept.value)
    if (E.isRight(value)) return Effect.succeed({ value: value.right, digest: kept.digest })
    return Effect.fail(stageFault("output", s.name, `its own codec does not read the output back: ${value.left}`))
  })

const failed = (key: string) => (cause: Cause.Cause<unknown>) => say({ _tag: "StageFailed", key, why: whyOf(cause) })

type Making = Effect.Effect<unknown, unknown, Store | Events>

/** What the declaration gives to be run: anything, where no types were looked at. */
const effectOf = (s: AnyStage, inputs: unknown, journal: Journal): Making =>
  Effect.suspend(() => {
    const act: unknown = s.make(inputs as never, journal)
    if (Effect.isEffect(act)) return act as Making
    const why = "its `make` gives no effect; wrap it: Effect.succeed of a value, Effect.promise of a promise"
    return Effect.fail(stageFault("thrown", s.name, why))
  })

const begun = (s: AnyStage, key: string, inputs: unknown, journal: Journal): Making =>
  Effect.andThen(say({ _tag: "StageStarted", key }), effectOf(s, inputs, journal))

const written = (s: AnyStage, key: string, kept: Kept, lock: Held) =>
  Effect.gen(function* () {
    if (!(yield* lock.holds)) {
      return yield* Effect.fail(stageFault("held", s.name, "another process has taken it over; let it go on"))
    }
    const why = yield* brokenOf(filesIn(kept.value), "size")
    if (why !== undefined) {
      return yield* Effect.fail(stageFault("files", s.name, `the output names what is not there: ${why}; run again`))
    }
    yield* writeKept("output", s.name, key, kept)
  })

/** Makes it and puts it into the store. */
const make = (s: AnyStage, key: string, inputs: unknown, lock: Held) =>
  Effect.gen(function* () {
    const made = yield* surroundings
    const journal = yield* journalOf({ name: s.name, key, made, lock })
    const kept = yield* encoded(s, yield* begun(s, key, inputs, journal), made)
    const result = yield* decoded(s, kept)
    yield* alone(written(s, key, kept, lock))
    // It is made now: what cannot be tidied up is left to the next run.
    yield* Effect.ignore(closeJournal(s.name, key))
    yield* say({ _tag: "StageFinished", key, digest: kept.digest })
    return result
  }).pipe(Effect.onError(failed(key)))

const told = (key: string, made: Made): Effect.Effect<Made, never, Events> =>
  Effect.as(say({ _tag: "StageCached", key }), made)

/** The right to make a key. */
const right = (s: AnyStage, key: string) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Events>()
    return yield* hold(stagePath("lock", s.name, key), {
      waits: ({ owner, since }) =>
        say({ _tag: "StageWaiting", key, pid: owner?.pid ?? 0, host: owner?.host ?? "an unknown machine", since }).pipe(
          Effect.provideService(StageName, s.name),
          Effect.provide(context),
        ),
      takes: (holder) =>
        note(`it takes over from ${holderText(holder)}, which is gone`).pipe(
          Effect.provideService(StageName, s.name),
          Effect.provide(context),
        ),
    })
  })

/** Reads or makes it, for the one who leads. All meet when it is known what is to be done, and when it is done. */
const lead = (s: AnyStage, key: string, inputs: unknown, again: boolean, { meet }: Place) =>
  Effect.scoped(Effect.gen(function* () {
    const met = (made: Made) => Effect.andThen(Effect.andThen(meet, meet), told(key, made))
    const look = again ? Effect.succeed(undefined) : cached(s, key)
    const first = yield* look
    const unfinished = (yield* (yield* Store).size(stagePath("journal", s.name, key))) !== undefined
    if (first !== undefined && !unfinished) return yield* met(first)
    const lock = yield* right(s, key)
    const second = yield* look
    if (second !== undefined) {
      yield* closeJournal(s.name, key)
      return yield* met(second)
    }
    if (again) yield* closeJournal(s.name, key)
    yield* Effect.ignore(tidy(s.name))
    yield* meet
    yield* meet
    const made = yield* make(s, key, inputs, lock)
    yield* meet
    return made
  }))

/** The same for one who follows: it makes what the first makes, and takes its output from the store. */
const follow = (s: AnyStage, key: string, inputs: unknown, again: boolean, { meet }: Place) =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* meet
    const found = again ? undefined : yield* there(s, key)
    yield* meet
    if (found !== undefined && E.isRight(found)) return found.right
    const journal = yield* followed({ name: s.name, key, made: yield* surroundings })
    yield* Effect.provideService(begun(s, key, inputs, journal), Store, following(store))
    yield* meet
    const made = yield* there(s, key)
    if (made !== undefined && E.isRight(made)) return made.right
    const why = made === undefined ? "it is not there" : made.left
    return yield* Effect.fail(stageFault("held", s.name, `the first rank's output cannot be read: ${why}`))
  })

// ---- running -----------------------------------------------------------------

/** Makes one stage after what it needs; each key is begun once. */
const runner = (options: Options) => {
  const begunKeys = new Map<string, Deferred.Deferred<Made, unknown>>()
  const { together = 1, again = new Set<string>() } = options
  const one = (s: AnyStage): Effect.Effect<Made, unknown, Store | Events> =>
    Effect.gen(function* () {
      const names = Object.keys(s.needs)
      const needs = yield* Effect.forEach(names, (n) => one(s.needs[n]!), { concurrency: together })
      const key = yield* keyOf(s, Object.fromEntries(names.map((n, i) => [n, needs[i]!.digest])))
      const other = begunKeys.get(key)
      if (other !== undefined) return yield* Deferred.await(other)
      const mine = Deferred.makeUnsafe<Made, unknown>()
      begunKeys.set(key, mine)
      const inputs = Object.fromEntries(names.map((n, i) => [n, needs[i]!.value]))
      const at = yield* place
      return yield* (at.leads ? lead : follow)(s, key, inputs, again.has(s.name), at).pipe(
        Effect.provideService(StageName, s.name),
        Effect.withSpan(s.name, { attributes: { key } }),
        Effect.onExit((exit) => Deferred.done(mine, exit)),
      )
    })
  return one
}

/** Makes several stages and all that they need. */
export const runAll = <const N extends Needs>(
  stages: N,
  options: Options = {},
): Effect.Effect<Outputs<N>, FaultsOf<N> | RunFault, ServicesOf<N> | Store | Events> =>
  Effect.gen(function* () {
    const wrong = stageFaults(stages)
    if (wrong.length > 0) {
      return yield* Effect.fail({ ...wrong[0]!, message: wrong.map((f) => f.message).join("\n") })
    }
    const one = runner(options)
    const names = Object.keys(stages)
    const made = yield* Effect.forEach(names, (n) => one(stages[n]!), { concurrency: options.together ?? 1 })
    return Object.fromEntries(names.map((n, i) => [n, made[i]!.value]))
  }) as Effect.Effect<Outputs<N>, FaultsOf<N> | RunFault, ServicesOf<N> | Store | Events>

/**
 * Makes a stage and all that it needs, or reads what is there. Faults and services of what it needs add up in its type.
 * Killed at any moment and run again, it goes on from what was saved last.
 */
export const run = <A, X, R>(
  stage: Stage<A, X, R>,
  options: Options = {},
): Effect.Effect<A, X | RunFault, R | Store | Events> =>
  Effect.map(runAll({ stage }, options), (made) => made.stage) as Effect.Effect<A, X | RunFault, R | Store | Events>
