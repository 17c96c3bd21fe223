/** A batch in parts is the whole batch: on one rank and on meshes, whatever the loss is the mean of. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compileOn } from "../../core/mesh/spmd.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { plain, type Plan, spreadOver } from "../../models/llama/plan.ts"
import {
  examples,
  type Recipe,
  type Reduction,
  sharesOf,
  stateSpecs,
  step,
  type With,
} from "../../models/llama/train.ts"
import { apart, inputs, meant, type Numbers } from "../ops/updates.ts"
import { batchOf, config, midway, programOf, recipe, stepOn } from "./steps.ts"

const it = suite("models/llama: a batch in parts")

const packed: With = { weights: true, packed: true }

/** Means of gradients show the gradient itself; a step of AdamW divides it by its own size, and rounding with it. */
const sums = (out: Numbers): Numbers =>
  Object.fromEntries(Object.entries(out).filter(([path]) => !path.includes("parameters")))

const dot = (shares: ReadonlyArray<number>, nll: ReadonlyArray<number>): number =>
  shares.reduce((sum, s, i) => sum + s * nll[i]!, 0)

it("shares make the loss that they are named for", () => {
  const shares = (reduction: Reduction, weights: ReadonlyArray<number>, batch: number): ReadonlyArray<number> => {
    const sizes = { batch, time: weights.length / batch }
    const { w, x } = inputs({ w: f32("batch time", sizes), x: i32("batch time", sizes) })
    return meant({ s: sharesOf(reduction, x, w) }, { w: weights })["s"]!
  }
  const [nll, valid] = [[1, 2, 3, 4, 10, 10, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0]]
  assert.is(dot(shares("rows", valid, 2), nll), 6.25)
  assert.is(dot(shares("tokens", valid, 2), nll), 4)
  // a row in which nothing counts is 0, and a batch in which nothing counts too
  assert.is(dot(shares("rows", [1, 1, 1, 1, 0, 0, 0, 0], 2), nll), 1.25)
  for (const reduction of ["rows", "tokens", "given"] as const) {
    assert.equal(shares(reduction, valid.map(() => 0), 2), valid.map(() => 0))
  }
  // two examples of a row, each weighing as if it stood alone: 1 / (its length) / (examples)
  const alone = [...[2, 4].map(() => 1 / 2 / 2), ...Array.from({ length: 6 }, () => 1 / 6 / 2)]
  assert.ok(Math.abs(dot(shares("given", alone, 1), [2, 4, 1, 1, 1, 1, 1, 1]) - 2) < 1e-12)
  const { x } = inputs({ x: i32("batch time", { batch: 2, time: 4 }) })
  for (const [reduction, each] of [["rows", 1 / 8], ["tokens", 1 / 8], ["given", 1]] as const) {
    assert.equal(meant({ s: sharesOf(reduction, x) }, {})["s"], valid.map(() => each))
  }
})

for (const reduction of ["rows", "tokens", "given"] as const) {
  it(`parts of a batch are the batch: ${reduction}`, async () => {
    const r: Recipe = { ...recipe, reduction }
    const whole = await stepOn({ recipe: r, parts: packed })
    const got = await stepOn({ recipe: { ...r, accumulate: 4 }, parts: packed })
    assert.is(apart(sums(got), sums(whole), 1e-12), undefined)
    assert.is(apart(got, whole, 1e-8), undefined)
  })
}

it("also without weights, with chunks, with layers that are computed again, and by every optimiser", async () => {
  const plans: ReadonlyArray<Plan> = [plain, {
    ...{ ...plain, chunk: 3, loss: { tokens: 4, vocab: 6 }, remat: "layer" },
  }]
  const whole = await stepOn({ recipe })
  for (const plan of plans) {
    assert.is(apart(sums(await stepOn({ recipe: { ...recipe, accumulate: 4 }, plan })), sums(whole), 1e-12), undefined)
  }
  for (const optimiser of ["adafactor", "muon"] as const) {
    const r = { ...recipe, optimiser }
    const got = await stepOn({ recipe: { ...r, accumulate: 2 } })
    assert.is(apart(got, await stepOn({ recipe: r }), 1e-8), undefined)
  }
})

it("on meshes: gradients of parts and of ranks are those of the batch", async () => {
  const meshes = [["rows", { data: 2, ring: 2 }], ["tokens", { data: 2 }], ["rows", { ring: 2 }]] as const
  for (const [reduction, shape] of meshes) {
    const r: Recipe = { ...recipe, reduction }
    const whole = await stepOn({ recipe: r, parts: packed })
    const got = await stepOn({
      ...{ recipe: { ...r, accumulate: 2 }, plan: { ...plain, spread: spreadOver(shape) }, parts: packed },
    })
    assert.is(apart(sums(got), sums(whole), 1e-9), undefined, `${reduction} on ${JSON.stringify(shape)}`)
  }
})

it("parts take less memory, and no state of their own", () => {
  const r = { ...recipe, batch: 16, time: 16 }
  const arena = (accumulate: number): number => programOf({ recipe: { ...r, accumulate } }).forecast.arena
  const [one, four, sixteen] = [arena(1), arena(4), arena(16)]
  assert.ok(four < 0.5 * one && sixteen < four, `${one}, ${four}, ${sixteen}`)
  assert.equal(Object.keys(midway({ ...r, accumulate: 4 })), Object.keys(midway(r)))
  const ring: Plan = { ...plain, spread: spreadOver({ ring: 2 }) }
  const onRing = (accumulate: number): number => programOf({ recipe: { ...r, accumulate }, plan: ring }).forecast.arena
  assert.ok(onRing(4) < 0.6 * onRing(1), `${onRing(4)} of ${onRing(1)}`)
})

it("ranks sum the gradient once a step, however many parts there are", () => {
  const exchanges = (accumulate: number): number => {
    const r = { ...recipe, accumulate }
    const plan: Plan = { ...plain, spread: spreadOver({ data: 2 }) }
    const specs = { state: stateSpecs(config, r), batch: examples(r, packed) }
    const made = compileOn(plan.spread, "processes", step(config, r, plan), specs, { donate: ["state"] })
    return E.isRight(made) ? made.right.program.exchanges.length : NaN
  }
  assert.ok(exchanges(1) > 0)
  assert.is(exchanges(2), exchanges(1))
})

it("parts that rows do not divide into are a fault that says what would fit", () => {
  const faults = (accumulate: number, plan: Plan = plain): string => {
    const r = { ...recipe, accumulate }
    const specs = { state: stateSpecs(config, r), batch: examples(r) }
    const made = compileOn(plan.spread, "local", step(config, r, plan), specs)
    return E.isLeft(made) ? made.left.map((f) => f.message).join("\n") : ""
  }
  assert.match(faults(3), "4 rows of a rank are no 3 parts of whole rows; accumulate a divisor of 4")
  assert.match(faults(4, { ...plain, spread: spreadOver({ data: 2 }) }), "2 rows of a rank are no 4 parts")
  assert.match(faults(0.5), "no 0.5 parts")
  assert.is(batchOf(recipe)["batch.tokens"]!.length, 32)
})

it.run()
