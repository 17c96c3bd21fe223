import { suite } from "uvu"
import * as assert from "uvu/assert"
import { grad } from "../../../core/grad/grad.ts"
import { hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { begin, examples, type Recipe, step } from "../../../models/llama/train.ts"
import { exp } from "../../../ops/elementwise.ts"
import { take } from "../../../ops/indexing.ts"
import { rmsNorm } from "../../../ops/norm.ts"
import { sum } from "../../../ops/reduction.ts"
import { same } from "./same.ts"

const it = suite("plan: training")

const small: Config = {
  vocab: 11,
  model: 8,
  hidden: 12,
  layers: 2,
  groups: 2,
  share: 2,
  head: 4,
  theta: 10_000,
  epsilon: 1e-6,
  context: 16,
}
const recipe: Recipe = {
  batch: 2,
  time: 5,
  steps: 20,
  warmup: 2,
  peak: 1e-3,
  end: 1e-4,
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
}

it("a whole training step of a Llama is what its graph means, and works in place", async () => {
  const specs = { state: begin(small, hostKey(1)), batch: examples(recipe) }
  const p = await same(step(small, recipe), specs, { donate: ["state"] })
  assert.is(p.outputs.filter((o) => o.path.startsWith("state") && o.donated === undefined).length, 0)
})

it("a scatter computes no folds of its own", async () => {
  await same(
    ({ table, weight, ids }) =>
      grad((e: typeof table) => sum(exp(rmsNorm(take(e, ids, "vocab"), weight, "model")), "time model"))(table),
    {
      table: f32("vocab model", { vocab: 5, model: 3 }),
      weight: f32("model", { model: 3 }),
      ids: i32("time", { time: 4 }),
    },
  )
})

it.run()
