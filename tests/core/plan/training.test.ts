import { suite } from "uvu"
import * as assert from "uvu/assert"
import { remat } from "../../../core/grad/custom.ts"
import { grad, valueAndGrad } from "../../../core/grad/grad.ts"
import { hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { begin, examples, type Recipe, step } from "../../../models/llama/train.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import type { Tensors } from "../../../core/tensor/tree.ts"
import { dot } from "../../../ops/contraction.ts"
import { rename } from "../../../ops/movement.ts"
import { exp, mul, tanh } from "../../../ops/elementwise.ts"
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

const wide = { x: f32("n model", { n: 64, model: 16 }), w: f32("model out", { model: 16, out: 16 }) }
type Wide = Tensors<typeof wide>
interface Inside {
  readonly x: F32<"n model">
  readonly w: F32<"model out">
}

const three = ({ x, w }: Inside): F32<"n model"> =>
  [0, 1, 2].reduce<F32<"n model">>((h) => tanh(rename(dot(h, w, "model"), { out: "model" })), x)

const deep = (part: (p: Inside) => F32<"n model">) => ({ x, w }: Wide) =>
  valueAndGrad((p: { w: F32<"model out"> }) => {
    const last = [0, 1, 2, 3].reduce<F32<"n model">>((h) => part({ x: h, w: p.w }), x)
    return sum(mul(last, last), "n model")
  })({ w })

it("recomputation gives the same gradient from less memory and more work", async () => {
  const plain = await same(deep(three), wide)
  const again = await same(deep(remat(three)), wide)
  assert.ok(again.arena < 0.75 * plain.arena, `${again.arena} against ${plain.arena}`)
  assert.ok(again.forecast.flops > plain.forecast.flops)
})

it.run()
