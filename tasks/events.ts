/**
 * What happens in a task, as it happens: plain records on a hub that anyone may listen to (a progress line, a log, a
 * test). The log of a run is its events, one JSON text a line; how long things took, the report knows from it.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, finite, natural } from "../core/files/codec.ts"
import { Store, type StoreFault } from "./store.ts"

// ---- types -----------------------------------------------------------------

/** What every event tells. */
export interface Stamp {
  /** Milliseconds since 1970. */
  readonly at: number
  /** The stage that it happened in. */
  readonly stage: string
}

/** What happened, by its tag. */
interface Happenings {
  /** The stage's output was there already. */
  readonly StageCached: { readonly key: string }
  readonly StageStarted: { readonly key: string }
  /** Another process makes it; this one waits for it. */
  readonly StageWaiting: { readonly key: string; readonly pid: number; readonly host: string; readonly since: number }
  readonly StageFinished: { readonly key: string; readonly digest: string }
  readonly StageFailed: { readonly key: string; readonly why: string }
  /** How far something is that has no steps of training: documents read, needles scored. A total of 0 is not known. */
  readonly Progress: { readonly what: string; readonly done: number; readonly total: number; readonly unit: string }
  /** What a person should know. */
  readonly Note: { readonly text: string }
  /** A loss far from the usual one; null where it was no finite number. */
  readonly Spiked: { readonly step: number; readonly loss: number | null; readonly usual: number }
  readonly Skipped: { readonly path: string; readonly why: string }
  readonly Resumed: { readonly step: number; readonly digest: string }
  readonly Stepped: {
    /** Steps done, out of `steps`. */
    readonly step: number
    readonly steps: number
    /** Of a language model the mean negative log likelihood of a token, in nats. */
    readonly loss: number
    readonly rate: number
    /** Global norm of the gradient before it is clipped. */
    readonly norm: number
    /** Tokens so far, or what else is counted. */
    readonly tokens: number
    /** What is counted where it is not tokens: "frames". */
    readonly unit?: string
    /** Further numbers of the step, by name. */
    readonly more?: { readonly [name: string]: number }
    /** Bytes on the device now. */
    readonly memory: number
  }
  /** How well a text was foretold. */
  readonly Evaluated: {
    /** Bits per byte of the text. */
    readonly bits: number
    readonly bytes: number
  }
  /** All prompts of one length were put to a language: values asked for, said, and said in their place. */
  readonly Scored: {
    readonly task: string
    readonly length: number
    readonly asked: number
    readonly right: number
    readonly strict: number
  }
  readonly Saved: { readonly step: number; readonly digest: string; readonly bytes: number }
}

/** What happened, before it is stamped with when and where. */
export type Happening = { [T in keyof Happenings]: { readonly _tag: T } & Happenings[T] }[keyof Happenings]

/** One thing that happened. */
export type Event = Happening & Stamp

const stamp = { at: finite, stage: t.string }
const keyed = { ...stamp, key: t.string }

/** The codec of events: what comes out of a log file. */
export const Event: t.Type<Event, unknown> = t.union([
  t.strict({ _tag: t.literal("StageCached"), ...keyed }),
  t.strict({ _tag: t.literal("StageStarted"), ...keyed }),
  t.strict({ _tag: t.literal("StageWaiting"), ...keyed, pid: natural, host: t.string, since: finite }),
  t.strict({ _tag: t.literal("StageFinished"), ...keyed, digest: t.string }),
  t.strict({ _tag: t.literal("StageFailed"), ...keyed, why: t.string }),
  t.strict({ _tag: t.literal("Progress"), ...stamp, what: t.string, done: finite, total: finite, unit: t.string }),
  t.strict({ _tag: t.literal("Note"), ...stamp, text: t.string }),
  t.strict({ _tag: t.literal("Spiked"), ...stamp, step: natural, loss: t.union([finite, t.null]), usual: finite }),
  t.strict({ _tag: t.literal("Skipped"), ...stamp, path: t.string, why: t.string }),
  t.strict({ _tag: t.literal("Resumed"), ...stamp, step: natural, digest: t.string }),
  t.exact(t.intersection([
    t.type({
      _tag: t.literal("Stepped"),
      ...stamp,
      step: natural,
      steps: natural,
      loss: finite,
      rate: finite,
      norm: finite,
      tokens: natural,
      memory: finite,
    }),
    t.partial({ unit: t.string, more: t.record(t.string, finite) }),
  ])),
  t.strict({ _tag: t.literal("Evaluated"), ...stamp, bits: finite, bytes: natural }),
  t.strict({
    _tag: t.literal("Scored"),
    ...stamp,
    task: t.string,
    length: natural,
    asked: natural,
    right: natural,
    strict: natural,
  }),
  t.strict({ _tag: t.literal("Saved"), ...stamp, step: natural, digest: t.string, bytes: natural }),
]) as t.Type<Event, unknown>

// ---- the hub ---------------------------------------------------------------

/** The hub; undefined is the end. */
export interface Events {
  readonly hub: PubSub.PubSub<Event | undefined>
}

/** The service. */
export const Events: Context.Service<Events, Events> = Context.Service<Events>("orrery/tasks/Events")

/** A hub that keeps what a slow listener has not yet heard. */
export const events: Layer.Layer<Events> = Layer.effect(
  Events,
  Effect.map(PubSub.unbounded<Event | undefined>(), (hub) => ({ hub })),
)

/** Tells all listeners. */
export const tell = (event: Event): Effect.Effect<void, never, Events> =>
  Effect.flatMap(Events, ({ hub }) => PubSub.publish(hub, event))

/** The stage that runs now; `run` provides it. */
export const StageName: Context.Reference<string> = Context.Reference<string>("orrery/tasks/StageName", {
  defaultValue: () => "",
})

/** Tells all listeners what happened now, in the stage that runs. */
export const say = (what: Happening): Effect.Effect<void, never, Events> =>
  Effect.gen(function* () {
    yield* tell({ ...what, at: yield* Clock.currentTimeMillis, stage: yield* StageName })
  })

/** Says how far something is, but at most so often: what is done in a millisecond is not worth a line. The end is said. */
export const sayingAtMost = (
  every: number = 1000,
): (
  progress: Omit<Extract<Happening, { readonly _tag: "Progress" }>, "_tag">,
) => Effect.Effect<void, never, Events> => {
  let last = -Infinity
  return (progress) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now - last < every && progress.done !== progress.total) return Effect.void
      last = now
      return say({ _tag: "Progress", ...progress })
    })
}

/** A listener hears every event from now on; its fiber ends after the end is told. */
export const listen = <X, R>(
  hear: (event: Event) => Effect.Effect<void, X, R>,
): Effect.Effect<Fiber.Fiber<void, X>, never, Events | Scope.Scope | R> =>
  Effect.gen(function* () {
    const { hub } = yield* Events
    const heard = yield* PubSub.subscribe(hub)
    const loop = Effect.gen(function* () {
      for (let e = yield* PubSub.take(heard); e !== undefined; e = yield* PubSub.take(heard)) yield* hear(e)
    })
    return yield* Effect.forkScoped(loop)
  })

/** Runs `task` with listeners, and waits until each of them has heard all of it, also when the task fails. */
export const heardBy = <A, X, R, X2, R2>(
  task: Effect.Effect<A, X, R>,
  listeners: ReadonlyArray<(event: Event) => Effect.Effect<void, X2, R2>>,
): Effect.Effect<A, X | X2, Events | R | R2> =>
  Effect.scoped(Effect.gen(function* () {
    const { hub } = yield* Events
    const fibers = yield* Effect.forEach(listeners, listen)
    const end = Effect.andThen(PubSub.publish(hub, undefined), Effect.forEach(fibers, Fiber.join))
    const result = yield* Effect.onError(task, () => Effect.ignore(end))
    yield* end
    return result
  })) as Effect.Effect<A, X | X2, Events | R | R2>

// ---- the log ---------------------------------------------------------------

/** Where the events of a pipeline are written. */
export const logOf = (pipeline: string): string => `${pipeline}/log.jsonl`

/** Writes each event as a line of JSON. */
export const logTo = (path: string) => (event: Event): Effect.Effect<void, StoreFault, Store> =>
  Effect.flatMap(Store, (store) => store.append(path, JSON.stringify(event) + "\n"))

/** Closes a log whose last line a crash has torn, so that the next line begins on its own. */
export const mendLog = (path: string): Effect.Effect<void, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const bytes = yield* store.read(path)
    if (bytes !== undefined && bytes.length > 0 && bytes.at(-1) !== 10) yield* store.append(path, "\n")
  })

/** The events in a log's text; a line that is torn or foreign is left out. */
export const parseLog = (text: string): ReadonlyArray<Event> =>
  text.split("\n").flatMap((line) => {
    const event = decodeJson(Event, line)
    return E.isRight(event) ? [event.right] : []
  })
