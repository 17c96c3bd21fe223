/**
 * The curriculum as an endless stream of rows: row n is made of the seed and n alone, so a position is a number.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { natural } from "../../../core/files/codec.ts"
import { hostFold, hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { Batch, Batches, Example, Rows } from "../../data/example.ts"
import type { DataFault } from "../../data/fault.ts"
import { placeOf } from "../../data/source.ts"
import { type Ground, type Mixture, rowOf } from "./curriculum.ts"

/** What a stream of rows depends on beside its ground. */
export interface Stretch {
  readonly mixture: Mixture
  readonly seed: number
  readonly batch: number
  readonly time: number
}

/** Examples of `time` + 1 tokens as rows: what counts is what is said next. */
export const rowsOfExamples = (examples: ReadonlyArray<Example>, time: number): Rows => {
  const sizes = { batch: examples.length, time }
  const tokens = new Int32Array(examples.length * time)
  const targets = new Int32Array(examples.length * time)
  const weights = new Float32Array(examples.length * time)
  examples.forEach(({ tokens: x, counted }, row) => {
    tokens.set(x.subarray(0, time), row * time)
    targets.set(x.subarray(1, time + 1), row * time)
    weights.set(counted.subarray(1, time + 1), row * time)
  })
  return {
    tokens: { ...i32("batch time", sizes), data: tokens },
    targets: { ...i32("batch time", sizes), data: targets },
    weights: { ...f32("batch time", sizes), data: weights },
  }
}

/** Rows for ever. Faults: a position that is none of theirs. */
export const curriculum = (ground: Ground, { mixture, seed, batch, time }: Stretch): Batches<DataFault> => ({
  from: (position) => {
    const key = hostKey(seed)
    const next = (n: number): readonly [Batch, number] => {
      const examples = Array.from({ length: batch }, (_, i) => rowOf(ground, mixture, hostFold(key, n + i), time + 1))
      return [{ rows: rowsOfExamples(examples, time), after: n + batch }, n + batch]
    }
    const first = position === undefined ? Effect.succeed(0) : placeOf(natural, "the curriculum", position)
    return Stream.unwrap(Effect.map(first, (begin) => Stream.unfold(begin, (n) => Effect.succeed(next(n)))))
  },
})
