/**
 * The first model in small: three steps of training, the same numbers wherever it runs. The page and the test both run
 * it, and the test compares.
 * @module
 */
import * as Effect from "effect/Effect"
import type { DeviceFault } from "../../core/device/backend.ts"
import { Device, type Values } from "../../core/device/device.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import type { Host } from "../../core/tensor/host.ts"
import { begin, examples, number, type State, step } from "../../models/llama/train.ts"
import { either as E } from "fp-ts"

const config = {
  vocab: 97,
  model: 24,
  hidden: 40,
  layers: 2,
  groups: 2,
  share: 2,
  head: 6,
  theta: 10_000,
  epsilon: 1e-6,
  context: 19,
}
const recipe = {
  batch: 3,
  time: 19,
  steps: 10,
  warmup: 1,
  peak: 1e-2,
  end: 1e-3,
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
}
const specs = examples(recipe)

const count = recipe.batch * recipe.time
const tokens = (from: number): Host<"i32", ["batch", "time"]> => ({
  ...specs.tokens,
  data: Int32Array.from({ length: count }, (_, i) => ((i + from) * 31 + (i >> 3)) % config.vocab),
})

/** What came of it. */
export interface Learned {
  /** The device in one line. */
  readonly device: string
  /** Nats per token before each step. */
  readonly losses: ReadonlyArray<number>
}

/** Three steps on whatever device there is. */
export const learn: Effect.Effect<Learned, DeviceFault, Device> = Effect.scoped(Effect.gen(function* () {
  const first = begin(config, hostKey(7))
  const compiled = compile(step(config, recipe), { state: first, batch: specs }, { donate: ["state"] })
  if (E.isLeft(compiled)) return yield* Effect.die(new Error(JSON.stringify(compiled.left)))
  const device = yield* Device
  const run = yield* device.load(compiled.right)
  const batch = { tokens: tokens(0), targets: tokens(1) }
  const losses: Array<number> = []
  let state: Values<State> = yield* device.place(first)
  for (let i = 0; i < 3; i++) {
    const out = yield* run({ state, batch })
    losses.push(number(yield* device.fetch(out.metrics.loss)))
    state = out.state
  }
  return { device: device.info.description, losses }
}))
