/**
 * How often something is repeated until its time is known, as the peers do it (`peers/attention.mjs`).
 * @module
 */
import * as Effect from "effect/Effect"

/** Repeats for a second and a half, at most ten times; twice at least, unless the first takes too long. */
export const repeated = <F>(run: Effect.Effect<number, F>): Effect.Effect<ReadonlyArray<number>, F> =>
  Effect.gen(function* () {
    const milliseconds: Array<number> = []
    let spent = 0
    do {
      const took = yield* run
      milliseconds.push(took)
      spent += took
    } while (milliseconds.length < 10 && (spent < 1500 || (milliseconds.length < 2 && spent < 12_000)))
    return milliseconds
  })
