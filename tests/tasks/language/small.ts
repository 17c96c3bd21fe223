/**
 * A small model with sharp attention, a tokenizer of letters, and what the model says by reading everything anew for each
 * token: slow and obviously right.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import type { DeviceFault } from "../../../core/device/backend.ts"
import { Device, layer } from "../../../core/device/device.ts"
import { compile } from "../../../core/plan/compile.ts"
import { hostKey } from "../../../core/random/host.ts"
import { i32 } from "../../../core/tensor/spec.ts"
import { mapSame } from "../../../core/tensor/tree.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import type { Config } from "../../../models/llama/config.ts"
import { forward } from "../../../models/llama/llama.ts"
import { type Hosts, initialise, type Parameters, specs } from "../../../models/llama/parameters.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { llamaLanguage, type LlamaParts } from "../../../tasks/language/llama.ts"

/** Numbers of the model. */
export const config: Config = {
  ...{ vocab: 29, model: 16, hidden: 24, layers: 2, groups: 2, share: 2, head: 4, theta: 1e4, epsilon: 1e-6 },
  context: 300,
}

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

/** Larger than at the beginning of training, so that attention is sharp and answers differ. */
export const parameters: Hosts<Parameters> = mapSame(
  initialise(config, hostKey(5)),
  (h) => h.axes.length === 1 ? h : { ...h, data: Float32Array.from(h.data, (x) => x * 15) } as typeof h,
)

const letters = "abcdefghijklmnopqrstuvwxyz. "

/** Letters as tokens; 28 is the end, and no letter. */
export const tokenizer: Tokenizer = {
  name: "letters",
  digest: "letters",
  vocab: 29,
  bos: undefined,
  eos: 28,
  pad: undefined,
  encode: (text) => Int32Array.from(text, (c) => letters.indexOf(c)),
  decode: (ids) => Array.from(ids, (i) => letters[i] ?? "").join(""),
}

/** Runs on one thread: there is little to share out. */
export const onCpu = <A, X>(run: Effect.Effect<A, X, Device | Scope.Scope>): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(Effect.provide(run, layer(wasm({ memory: 2 ** 28, threads: 1 })))) as Effect.Effect<A, X>,
  )

/** The language of the model. */
export const language = (
  more: Partial<LlamaParts> = {},
): ReturnType<typeof llamaLanguage> => llamaLanguage({ config, parameters, tokenizer, ...more })

/** Deterministic prompts of these lengths. */
export const promptsOf = (lengths: ReadonlyArray<number>, seed = 1): ReadonlyArray<Int32Array> =>
  lengths.map((n, k) => Int32Array.from({ length: n }, (_, i) => (i * i * 7 + i * (k + seed) + 3 * k + seed) % 28))

/** Logits of the whole row at once, `vocab` for each place. */
export type Whole = (row: ArrayLike<number>) => Effect.Effect<ArrayLike<number>, DeviceFault>

/** The forward pass over rows of up to `time` tokens. */
export const whole = (time: number): Effect.Effect<Whole, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const inputs = { parameters: specs(config), tokens: i32("batch time", { batch: 1, time }) }
    const made = right(compile((x) => ({ logits: forward(config)(x.parameters, x.tokens) }), inputs))
    const run = yield* device.load(made)
    return (row) => {
      const data = new Int32Array(time)
      data.set(Array.from(row))
      return run({ parameters, tokens: { ...inputs.tokens, data } } as never).pipe(
        Effect.flatMap(device.fetch),
        Effect.map(({ logits }) => logits.data),
      )
    }
  })

/** The likeliest tokens one after another, everything read anew for each. */
export const slow = (
  all: Whole,
  prompt: ArrayLike<number>,
  limit: number,
  stop: ReadonlyArray<number> = [],
): Effect.Effect<Int32Array, DeviceFault> =>
  Effect.gen(function* () {
    const row = Array.from(prompt)
    for (let n = 0; n < limit; n++) {
      const logits = Array.prototype.slice.call(yield* all(row), (row.length - 1) * 29, row.length * 29)
      const token = logits.indexOf(Math.max(...logits))
      if (stop.includes(token)) break
      row.push(token)
    }
    return Int32Array.from(row.slice(prompt.length))
  })

/** What an answer is, or the fault. */
export const outcome = <A, X, R>(run: Effect.Effect<A, X, R>): Effect.Effect<E.Either<X, A>, never, R> =>
  Effect.match(run, { onFailure: (x) => E.left(x), onSuccess: (a) => E.right(a) as E.Either<X, A> })
