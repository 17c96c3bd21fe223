/** A world model on the device of every machine: what the oracle says, and the text model's own bits. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Device, make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { compile } from "../../../core/plan/compile.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { flatten, map } from "../../../core/tensor/tree.ts"
import { forward as textForward } from "../../../models/llama/llama.ts"
import { plain } from "../../../models/llama/plan.ts"
import { examples } from "../../../models/world/examples.ts"
import { specs } from "../../../models/world/parameters.ts"
import type { Recipe } from "../../../models/world/recipe.ts"
import { beginFrom, stateSpecs, step } from "../../../models/world/train.ts"
import { forward } from "../../../models/world/world.ts"
import { batchOf, config as c, rowsOf, strong } from "./model.ts"

const it = suite("models/world: device")

type Values = Readonly<Record<string, ReadonlyArray<number>>>

/** Outputs by path of a function of specs and values on one backend. */
const ran = <S>(
  on: Layer.Layer<Device, unknown>,
  f: (inputs: never) => unknown,
  given: S,
  values: unknown,
): Promise<Values> =>
  Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const compiled = compile(f as never, given as never)
      if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
      const device = yield* Device
      const run = yield* device.load(compiled.right)
      const out = yield* device.fetch(yield* run(values as never))
      return Object.fromEntries(
        (flatten(out) as unknown as ReadonlyArray<readonly [string, AnyHost]>).map(([path, h]) => [
          path,
          Array.from(h.data),
        ]),
      )
    })).pipe(Effect.provide(on)) as unknown as Effect.Effect<Values, unknown>,
  )

const onWasm = Layer.effect(Device, Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1, blas: false }), (b) => make(b)))
const onOracle = Layer.effect(Device, Effect.flatMap(oracle, (b) => make(b)))

/** The rows as a batch on the host. */
const hosts = (size: { readonly batch: number; readonly time: number }, rows = rowsOf(c, size.batch, size.time)) => {
  const { values } = batchOf(rows)
  return map(examples(size, { weights: true, packed: true }), (leaf, path) => {
    const spec = leaf as unknown as AnySpec
    const data = values[`batch.${path}`]!
    return { ...spec, data: spec.dtype === "f32" ? Float32Array.from(data) : Int32Array.from(data) }
  })
}

it("makes the steps that the oracle makes", async () => {
  const recipe: Recipe = {
    ...{
      batch: 3,
      time: 16,
      steps: 10,
      warmup: 0,
      peak: 0.01,
      end: 0.01,
      clip: 1,
      decay: 0.1,
      beta1: 0.9,
      beta2: 0.95,
    },
  }
  const given = { state: stateSpecs(c, recipe), batch: examples(recipe, { weights: true, packed: true }) }
  const values = { state: beginFrom(c, strong(c, 2), recipe), batch: hosts(recipe) }
  const run = (on: Layer.Layer<Device, unknown>) => ran(on, step(c, recipe) as never, given, values)
  const [got, wanted] = [await run(onWasm), await run(onOracle)]
  assert.equal(Object.keys(got), Object.keys(wanted))
  assert.ok(wanted["metrics.visionLoss"]![0]! > 0 && wanted["metrics.textLoss"]![0]! > 0)
  for (const [path, xs] of Object.entries(wanted)) {
    // a first step of AdamW is as long as the rate whatever the gradient: what is almost 0 may turn either way
    if (path.includes("parameters")) continue
    const scale = Math.max(1e-3, ...xs.map(Math.abs))
    xs.forEach((x, i) => assert.ok(Math.abs(got[path]![i]! - x) <= 1e-4 * scale, `${path} ${i}: ${got[path]![i]} ${x}`))
  }
})

it("says of texts what the Llama inside says, bit for bit", async () => {
  const size = { batch: 1, time: 24 }
  const rows = rowsOf(c, 3, size.time)
  const words = [rows.tokens[2]!]
  const own = { ...rows, tokens: words, targets: words, vision: [words[0]!.map(() => 0)] }
  const { tokens, vision } = hosts(size, {
    ...own,
    visionTargets: own.vision,
    weights: own.vision,
    segments: own.vision,
    positions: own.vision,
  })
  const both = (x: { p: never; tokens: never; vision: never }) => ({
    world: forward(c, plain, "text")(x.p, x).text,
    llama: textForward(c)(x.p, x.tokens),
  })
  const { tokens: ids, vision: mask } = examples(size)
  const given = { p: specs(c), tokens: ids, vision: mask }
  const out = await ran(onWasm, both as never, given, { p: strong(c, 5), tokens, vision })
  assert.equal(out["world"], out["llama"])
  assert.ok(out["llama"]!.some((x) => Math.abs(x) > 0.1))
})

it.run()
