import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Device, make } from "../../core/device/device.ts"
import { together } from "../../core/mesh/lanes.ts"
import { local, type Mesh, processes, single } from "../../core/mesh/mesh.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { spreadOver } from "../../models/llama/plan.ts"
import type { Recipe } from "../../models/llama/train.ts"
import { train } from "./mesh-training.ts"

const it = suite("models/mesh")
const steps = 4

/** Steps on one wasm device, on the mesh that the layer makes. */
const inOne = (
  mesh: Layer.Layer<Mesh, unknown, Device>,
  more: Partial<Recipe> = {},
): Promise<ReadonlyArray<number>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = Layer.effect(
      Device,
      Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1, blas: false }), (b) => make(b)),
    )
    return yield* train(steps, "layer", more).pipe(Effect.provide(Layer.provideMerge(mesh, device)))
  })))

/** Steps on ranks with a device each. */
const onRanks = (
  shape: { readonly data: number; readonly ring: number },
  more: Partial<Recipe> = {},
): Promise<ReadonlyArray<ReadonlyArray<number>>> =>
  Effect.runPromise(together(shape, (engine) =>
    Effect.scoped(Effect.gen(function* () {
      const backend = yield* wasm({ memory: 2 ** 28, threads: 1, blas: false })
      const device = Layer.effect(Device, make(backend, "a rank", engine))
      const mesh = processes(spreadOver(shape), engine, "lanes")
      return yield* train(steps, "layer", more).pipe(Effect.provide(Layer.provideMerge(mesh, device)))
    })) as never)) as unknown as Promise<ReadonlyArray<ReadonlyArray<number>>>

const close = (got: ReadonlyArray<number>, wanted: ReadonlyArray<number>): void => {
  assert.is(got.length, wanted.length)
  wanted.forEach((x, i) => assert.ok(Math.abs(got[i]! - x) <= 2e-5, `value ${i}: expected ${x}, got ${got[i]}`))
}

it("all ranks in one program train as one rank does", async () => {
  const expected = await inOne(single)
  assert.ok(expected[0]! > expected[steps - 1]!, `the loss falls: ${expected}`)
  close(await inOne(local(spreadOver({ ring: 4 }))), expected)
  close(await inOne(local(spreadOver({ data: 2, ring: 2 }))), expected)
})

it("ranks with a device each, that exchange blocks, train as one rank does", async () => {
  const expected = await inOne(single)
  for (const shape of [{ data: 1, ring: 2 }, { data: 2, ring: 2 }]) {
    const ranks = await onRanks(shape)
    for (const got of ranks) close(got, expected)
    // the same bits on every rank: states do not drift apart
    for (const got of ranks) assert.equal(got, ranks[0])
  }
})

it("parts of a batch, by another optimiser, are the same on ranks: what they sum, they sum once a step", async () => {
  const more: Partial<Recipe> = { accumulate: 2, reduction: "rows", optimiser: "muon", ema: 0.9 }
  const expected = await inOne(single, more)
  const ranks = await onRanks({ data: 1, ring: 2 }, more)
  for (const got of ranks) close(got, expected)
  assert.equal(ranks[1], ranks[0])
})

it.run()
