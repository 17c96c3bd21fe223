/**
 * Training steps on whatever mesh there is: the same program for one process, for fibers and for processes under MPI.
 * @module
 */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Device } from "../../core/device/device.ts"
import { deviceFault } from "../../core/device/backend.ts"
import { Mesh } from "../../core/mesh/mesh.ts"
import { hostKey } from "../../core/random/host.ts"
import type { Host } from "../../core/tensor/host.ts"
import type { Config } from "../../models/llama/config.ts"
import { plain } from "../../models/llama/plan.ts"
import { begin, examples, number, type Recipe, step } from "../../models/llama/train.ts"

const config: Config = {
  ...{ vocab: 29, model: 32, hidden: 40, layers: 2, groups: 2, share: 2, head: 8, theta: 1e4, epsilon: 1e-6 },
  context: 64,
}
const recipe: Recipe = {
  ...{ batch: 4, time: 32, steps: 20, warmup: 1, peak: 1e-2, end: 1e-3, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}

/** A packed batch of the step: three examples a row, weights of which some are 0. */
const batchOf = (turn: number) => {
  const { batch, time } = recipe
  const of = (f: (row: number, t: number) => number): Int32Array =>
    Int32Array.from({ length: batch * time }, (_, i) => f(Math.floor(i / time), i % time))
  const specs = examples(recipe, { weights: true, packed: true })
  return {
    tokens: { ...specs.tokens, data: of((r, t) => (t * 7 + r * 3 + turn) % config.vocab) },
    targets: { ...specs.targets, data: of((r, t) => ((t + 1) * 7 + r * 3 + turn) % config.vocab) },
    weights: { ...specs.weights!, data: Float32Array.from(of((r, t) => (r + t) % 3), (x) => x / 2) },
    segments: { ...specs.segments!, data: of((r, t) => Math.floor(((t + r) * 2.7) / time)) },
    positions: { ...specs.positions!, data: of((_, t) => t) },
  }
}

/** Losses of the first steps, and the first of the learned values after them. */
export const train = (
  steps: number,
  remat: "none" | "layer" = "layer",
  more: Partial<Recipe> = {},
): Effect.Effect<ReadonlyArray<number>, unknown, Mesh | Device | Scope.Scope> =>
  Effect.gen(function* () {
    const mesh = yield* Mesh
    const device = yield* Device
    const plan = { ...plain, spread: mesh.spread, remat, chunk: 8 }
    const own = { ...recipe, ...more }
    const specs = { state: begin(config, hostKey(3), own), batch: examples(own, { weights: true, packed: true }) }
    const compiled = mesh.compile(step(config, own, plan), specs, { donate: ["state"] })
    if (E.isLeft(compiled)) {
      return yield* Effect.fail(deviceFault("compile", compiled.left.map((f) => f.message).join("; ")))
    }
    const run = yield* mesh.load(compiled.right)
    let state = yield* device.place(specs.state)
    const losses: Array<number> = []
    for (let turn = 0; turn < steps; turn++) {
      const made = yield* run({ state, batch: batchOf(turn) } as never)
      state = made.state as unknown as typeof state
      const loss = yield* device.fetch(made.metrics.loss)
      losses.push(number(loss as unknown as Host<"f32", []>))
    }
    const values = yield* device.fetch(state.parameters.embedding)
    const first = values as unknown as Host<"f32", ["vocab", "model"]>
    return [...losses, ...first.data.slice(0, 4)]
  })
