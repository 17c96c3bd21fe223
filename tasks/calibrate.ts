/**
 * How many steps fit into a time on this machine: measured before a run begins, by steps of the same program.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { DeviceFault } from "../core/device/backend.ts"
import type { Device } from "../core/device/device.ts"
import type { FileFault } from "../core/files/codec.ts"
import { hostKey } from "../core/random/host.ts"
import { batches, type Corpus } from "./data.ts"
import { first, learner, place } from "./learner.ts"
import type { Settings } from "./settings.ts"

/** Steps that warm the engine up, and those that are measured, with a limit in milliseconds. */
const warm = 5
const measured = 40
const limit = 8000

/** Held-out bytes that are scored to learn what the last score will take. */
const probe = 8192

/** Share of the time that is kept for what cannot be foreseen. */
const reserve = 0.08

/** Steps of training that leave time for scores and samples within `minutes`; 10 at least. */
export const stepsWithin = (
  s: Settings,
  corpus: Corpus,
  minutes: number,
): Effect.Effect<number, DeviceFault | FileFault, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const begun = yield* Clock.currentTimeMillis
    const l = yield* learner(s)
    const read = batches(corpus.train, s.recipe.batch, s.recipe.time, hostKey(s.seed))
    let state = yield* place(first(s))
    for (let n = 0; n < warm; n++) state = (yield* l.step(state, read(n))).state
    const before = yield* Clock.currentTimeMillis
    let steps = 0
    while (steps < measured && (yield* Clock.currentTimeMillis) - before < limit) {
      state = (yield* l.step(state, read(warm + steps++))).state
    }
    const stepTime = ((yield* Clock.currentTimeMillis) - before) / steps
    const text = corpus.heldOut.subarray(0, probe)
    const asked = yield* Clock.currentTimeMillis
    yield* l.bits(state.parameters, text)
    const now = yield* Clock.currentTimeMillis
    const scoreTime = (now - asked) * corpus.heldOut.length / text.length
    const looks = 10 * (now - asked) * s.glance / text.length
    const left = minutes * 60_000 * (1 - reserve) - (now - begun) - scoreTime - looks
    return Math.max(10, Math.floor(left / stepTime))
  }))
