/**
 * A learner's training over files in memory: what came of it, what it told, and what happens where power fails.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layer } from "../../../core/device/device.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { memory, Store } from "../../../tasks/store.ts"
import { learn, type TrainingFault } from "../../../tasks/train/loop.ts"
import type { Learning, Trained } from "../../../tasks/train/training.ts"
import { journalIn } from "./tiny.ts"

/** Files by name. */
export type Files = Map<string, Uint8Array>

/** What came of it, and what it told. */
export interface Ran {
  readonly trained: Trained
  readonly told: ReadonlyArray<Event>
}

const ran = <B>(l: Learning<never, never, B>): Effect.Effect<Ran, TrainingFault, Store> =>
  Effect.gen(function* () {
    const told: Array<Event> = []
    const around = Layer.merge(events, layer(wasm({ memory: 2 ** 28, threads: 1 })))
    const trained = yield* heardBy(learn(l, yield* journalIn), [(e) => Effect.sync(() => void told.push(e))]).pipe(
      Effect.provide(around),
    )
    return { trained, told }
  })

/** Trains to the end. */
export const on = <B>(files: Files, l: Learning<never, never, B>): Promise<Ran> =>
  Effect.runPromise(Effect.provide(ran(l), memory(files)))

/** The fault that a training ends with. */
export const faultOf = <B>(files: Files, l: Learning<never, never, B>): Promise<TrainingFault> =>
  Effect.runPromise(Effect.provide(Effect.flip(ran(l)), memory(files)))

/** Trains until power fails, after so many files were written. */
export const stopped = async <B>(files: Files, l: Learning<never, never, B>, writes: number): Promise<void> => {
  let left = writes
  const dying = Effect.gen(function* () {
    const store = yield* Store
    const write: Store["write"] = (p, b) => Effect.suspend(() => left-- > 0 ? store.write(p, b) : Effect.die("power"))
    return yield* ran(l).pipe(Effect.provideService(Store, { ...store, write }))
  })
  await Effect.runPromise(Effect.exit(Effect.provide(dying, memory(files))))
}
