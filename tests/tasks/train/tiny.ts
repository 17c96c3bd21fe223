/**
 * A training small enough for tests: a text with a rule to learn, rows by their number, a journal in the store.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as Stream from "effect/Stream"
import { decodeJson } from "../../../core/files/codec.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { plain } from "../../../models/llama/plan.ts"
import type { Recipe } from "../../../models/llama/train.ts"
import type { Batch, Batches, Rows } from "../../../tasks/data/example.ts"
import type { Journal } from "../../../tasks/stage/stage.ts"
import { Store, utf8 } from "../../../tasks/store.ts"
import type { Training } from "../../../tasks/train/training.ts"

export const config: Config = {
  ...{ vocab: 17, model: 16, hidden: 20, layers: 1, groups: 1, share: 2, head: 6, theta: 1e4, epsilon: 1e-6 },
  context: 16,
}

export const recipe: Recipe = {
  ...{ batch: 4, time: 16, steps: 9, warmup: 2, peak: 2e-2, end: 2e-3, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}

/** The n-th rows: token t of row r follows from n, r and t by a rule. */
export const rowsAt = (n: number, { batch, time }: Pick<Recipe, "batch" | "time">): Rows => {
  const of = (f: (row: number, t: number) => number): Int32Array =>
    Int32Array.from({ length: batch * time }, (_, i) => f(Math.floor(i / time), i % time))
  const token = (r: number, t: number): number => ((t * t + (r + n) * 5) % 31) % config.vocab
  const [whole, real] = [i32("batch time", { batch, time }), f32("batch time", { batch, time })]
  return {
    tokens: { ...whole, data: of(token) },
    targets: { ...whole, data: of((r, t) => token(r, t + 1)) },
    weights: { ...real, data: Float32Array.from(of((r, t) => (r + t) % 3 === 0 ? 0 : 1)) },
  }
}

/** Rows without an end; their position is their number. */
export const counted = (r: Pick<Recipe, "batch" | "time">, make: typeof rowsAt = rowsAt): Batches => ({
  from: (position) =>
    Stream.unfold(
      (position ?? 0) as number,
      (n) => Effect.succeed([{ rows: make(n, r), after: n + 1 } as Batch, n + 1]),
    ),
})

export const training: Training<never, never> = {
  ...{ stage: "tiny", config, recipe, plan: plain, seed: 3, start: undefined, save: 3 },
  batches: counted(recipe),
}

/** A journal that is one file of the store. */
export const journalIn: Effect.Effect<Journal, never, Store> = Effect.map(Store, (store): Journal => ({
  last: (codec) =>
    Effect.flatMap(store.read("journal.json"), (bytes) => {
      if (bytes === undefined) return Effect.succeed(undefined)
      const read = decodeJson(codec, new TextDecoder().decode(bytes))
      return E.isRight(read) ? Effect.succeed(read.right) : Effect.fail(read.left[0]!)
    }),
  save: (codec, state) => store.write("journal.json", utf8(JSON.stringify(codec.encode(state)))),
}))
