/** Whole programs on the webgpu device: random graphs, and a training step whose losses and states are the oracle's. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { type Device, make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { webgpu } from "../../../core/device/webgpu.ts"
import { compile } from "../../../core/plan/compile.ts"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten, map } from "../../../core/tensor/tree.ts"
import type { Config } from "../../../models/llama/config.ts"
import { begin, examples, type Recipe, step } from "../../../models/llama/train.ts"
import { steps } from "../../ops/optimiser-graphs.ts"
import { needs } from "../../skip.ts"
import { agree, type Tolerance } from "./compiled.ts"
import { graphs } from "./graphs.ts"

const it = suite("programs on webgpu")

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const opened: Effect.Effect<Backend, DeviceFault, Scope.Scope> = webgpu({ implementation })
const found = await Effect.runPromiseExit(Effect.scoped(opened))
const gpu = needs(
  it,
  Exit.isSuccess(found),
  `${implementation} finds no adapter`,
  "bash .ci/vulkan installs a software Vulkan",
)

const c: Config = {
  vocab: 11,
  model: 16,
  hidden: 24,
  layers: 2,
  groups: 1,
  share: 2,
  head: 8,
  theta: 10000,
  epsilon: 1e-5,
  context: 8,
}
const recipe: Recipe = {
  batch: 2,
  time: 8,
  steps: 20,
  warmup: 2,
  peak: 0.01,
  end: 0.001,
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
}

type Leaves = ReadonlyArray<readonly [string, ReadonlyArray<number>]>

/** The leaves after `turns` steps, and the losses on the way. */
const trained = (device: Device, turns: number) =>
  Effect.gen(function* () {
    const state = begin(c, hostKey(3))
    const batch = map(examples(recipe), (s, path) => ({
      ...s,
      data: Int32Array.from({ length: 16 }, (_, i) => (i * 7 + path.length) % c.vocab),
    })) as never
    const program = compile(step(c, recipe), { state, batch: examples(recipe) } as never, {
      donate: ["state"],
      maxBindings: device.info.maxBindings,
    })
    if (E.isLeft(program)) throw new Error(program.left.map((f) => f.message).join("\n"))
    const run = yield* device.load(program.right)
    const losses: Array<number> = []
    let now = (yield* device.place(state as never)) as never
    for (let t = 0; t < turns; t++) {
      const out = (yield* run({ state: now, batch } as never)) as never as { state: never; metrics: { loss: AnyHost } }
      losses.push(out.metrics.loss.data[0]!)
      now = out.state
    }
    const home = yield* device.fetch(now)
    const leaves: Leaves = flatten(home).map(([path, leaf]) => [path, Array.from((leaf as AnyHost).data)])
    const { peak } = yield* device.memory
    return { losses, leaves, peak, forecast: program.right.program.forecast.peak }
  })

const on = <A>(
  backend: Effect.Effect<Backend, DeviceFault, Scope.Scope>,
  use: (d: Device) => Effect.Effect<A, DeviceFault, Scope.Scope>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(Effect.flatMap(backend, make), use)))

gpu("three steps of training are the oracle's, and take the memory that was forecast", async () => {
  const want = await on(oracle, (d) => trained(d, 3))
  const got = await on(opened, (d) => trained(d, 3))
  got.losses.forEach((x, i) => assert.ok(Math.abs(x - want.losses[i]!) < 2e-5, `loss ${i}: ${x}, ${want.losses[i]}`))
  got.leaves.forEach(([path, xs], n) => {
    const ys = want.leaves[n]![1]
    const worst = xs.reduce((w, x, i) => Math.max(w, Math.abs(x - ys[i]!)), 0)
    // AdamW's first steps divide a gradient by itself: what rounding leaves of a gradient near 0 moves as far as all else
    assert.ok(worst < 2e-3, `${path} is off by ${worst}`)
  })
  assert.is(got.peak, got.forecast)
})

/** f32 over a few ops, f16 and bf16 by their grain. */
const within: Tolerance = (dtype) => dtype === "f16" ? 4e-3 : dtype === "bf16" ? 3e-2 : 1e-4

gpu(
  "random graphs mean the same compiled",
  () => on(opened, (d) => Effect.promise(() => agree(d, graphs(false), 12, 4, within))),
)

gpu(
  "random steps of every optimiser mean the same compiled",
  () => on(opened, (d) => Effect.promise(() => agree(d, steps, 3, 13, within))),
)

it.run()
