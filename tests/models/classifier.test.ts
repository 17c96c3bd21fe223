/** The classifier of frames: its sizes, its loss by hand, and that it learns. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compile } from "../../core/plan/compile.ts"
import { hostKey, hostNormal } from "../../core/random/host.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { type AnyHost, numbers } from "../../core/tensor/host.ts"
import { flatten } from "../../core/tensor/tree.ts"
import {
  accuracy,
  batchSpecs,
  type ClassifierConfig,
  configFaults,
  digits,
  initialise,
  logits,
  loss,
  type Recipe,
  recipeFaults,
  specs,
  step,
  traits,
} from "../../models/classifier/mod.ts"
import { beginFrom, stateSpecs } from "../../models/learn/mod.ts"
import { inputs, meant, type Numbers } from "../ops/updates.ts"
import { runOracle } from "../core/plan/same.ts"
import { sizeOfTree } from "../../tasks/train/learner.ts"

const it = suite("models/classifier")

const config: ClassifierConfig = {
  ...{ resolution: 8, channels: 3, classes: 4, widths: [4, 6], hidden: 5, groups: 2, epsilon: 1e-5 },
}
const recipe: Recipe = {
  ...{ batch: 4, steps: 30, warmup: 1, peak: 0.02, end: 0.02, clip: 1e6, decay: 0, beta1: 0.9, beta2: 0.99 },
  smoothing: 0.1,
}

it("the judge of digits has as many values as its doc says", () => {
  assert.is(sizeOfTree(specs(digits)), 38_666)
  assert.equal(configFaults(digits), [])
})

it("its loss is the cross entropy of smoothed labels, and accuracy counts whose logit is the greatest", () => {
  const { said, labels } = inputs({
    said: f32("batch class", { batch: 3, class: 4 }),
    labels: i32("batch", { batch: 3 }),
  })
  const scores = [[0.5, -1, 2, 0], [3, 0.25, -2, 1], [0, 0, 0.5, 1]]
  const own = [2, 1, 3]
  const values: Numbers = { said: scores.flat(), labels: own }
  for (const smoothing of [0, 0.2, 1]) {
    const got = meant({ l: loss(said, labels, smoothing), a: accuracy(said, labels) }, values)
    const each = scores.map((row, i) => {
      const whole = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0))
      return row.reduce((sum, x, k) => sum - ((k === own[i] ? 1 - smoothing : 0) + smoothing / 4) * (x - whole), 0)
    })
    assert.ok(Math.abs(got["l"]![0]! - each.reduce((a, b) => a + b, 0) / 3) < 1e-12, `${smoothing}: ${got["l"]}`)
    assert.ok(Math.abs(got["a"]![0]! - 2 / 3) < 1e-12)
  }
})

it("what is said of a frame does not depend on the others", () => {
  const one = (batch: number) =>
    inputs({ p: specs(config), frames: f32("batch row col channel", { batch, row: 8, col: 8, channel: 3 }) })
  const params = Object.fromEntries(
    (flatten({ p: initialise(config, hostKey(1)) }) as unknown as ReadonlyArray<readonly [string, AnyHost]>).map((
      [path, h],
    ) => [path, numbers(h)]),
  )
  const frames = numbers(hostNormal(hostKey(2), f32("all", { all: 3 * 192 })))
  const said = (batch: number, own: ReadonlyArray<number>): ReadonlyArray<number> => {
    const { p, frames } = one(batch)
    return meant({ x: logits(config)(p as never, frames as never) }, { ...params, frames: own })["x"]!
  }
  const together = said(3, [...frames])
  assert.is(together.length, 12)
  for (const i of [0, 1, 2]) {
    const alone = said(1, [...frames].slice(i * 192, (i + 1) * 192))
    alone.forEach((x, k) => assert.ok(Math.abs(x - together[4 * i + k]!) < 1e-12))
  }
})

it("it learns four frames by heart, and tells so", async () => {
  const parts = { state: stateSpecs(recipe, traits)(specs(config) as never), batch: batchSpecs(config, recipe) }
  const compiled = compile(step(config, recipe) as never, parts as never, { donate: ["state"] })
  if (E.isLeft(compiled)) throw new Error(compiled.left.map((f) => f.message).join("\n"))
  const { program } = compiled.right
  const state = { state: beginFrom(recipe, traits)(specs(config) as never, initialise(config, hostKey(3)) as never) }
  let now: Numbers = {
    ...Object.fromEntries(
      (flatten(state) as unknown as ReadonlyArray<readonly [string, AnyHost]>).map(([path, h]) => [path, numbers(h)]),
    ),
    "batch.frames": numbers(hostNormal(hostKey(4), f32("all", { all: 4 * 192 }))),
    "batch.labels": [0, 1, 2, 3],
  }
  const told: Array<readonly [loss: number, accuracy: number]> = []
  for (let i = 0; i < 15; i++) {
    const out = await runOracle(program, program.inputs.map(({ path }) => now[path]!))
    const by: Numbers = Object.fromEntries(program.outputs.map(({ path }, k) => [path, out[k]!]))
    told.push([by["metrics.loss"]![0]!, by["metrics.accuracy"]![0]!])
    now = { ...now, ...by }
  }
  const [first, last] = [told[0]!, told.at(-1)!]
  assert.ok(last[0] < first[0] / 2, JSON.stringify(told))
  assert.is(last[1], 1)
})

it("numbers that do not fit are said by name", () => {
  const said = (change: Partial<ClassifierConfig>): string =>
    configFaults({ ...digits, ...change }).map((f) => f.message).join("; ")
  assert.match(said({ resolution: 18 }), /config.resolution is 18: 2 levels halve it as often; give a multiple of 4/)
  assert.match(said({ groups: 3 }), /config.groups is 3: give a divisor of 16, 32/)
  assert.match(said({ classes: 1 }), /expected two or more/)
  assert.match(said({ widths: [] }), /expected one positive number a level/)
  assert.match(
    recipeFaults({ ...recipe, smoothing: 2 })[0]!.message,
    /recipe.smoothing is 2; expected a number from 0 to 1/,
  )
})

it.run()
