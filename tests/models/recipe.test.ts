/** Recipes as data: what is written is read, and what cannot be is refused in sentences. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { decayAt, decodeRecipe, Recipe, recipeFaults, schedule } from "../../models/llama/train.ts"
import { rateAt } from "../../ops/schedule.ts"

const it = suite("models/llama/recipe")

const old: Recipe = {
  ...{ batch: 8, time: 128, steps: 3000, warmup: 200, peak: 2e-3, end: 4e-5, clip: 1, decay: 0.1 },
  ...{ beta1: 0.9, beta2: 0.99 },
}
const full: Recipe = {
  ...old,
  ...{
    optimiser: "muon",
    epsilon: 1e-10,
    accumulate: 4,
    reduction: "rows",
    storage: "f16",
    momentum: "bf16",
    ema: 0.999,
  },
  rate: { kind: "linear", start: 1e-5, peak: 1e-2, warmup: 10, decay: 1000, end: 1e-4 },
  muon: { momentum: 0.9, nesterov: false, times: 4, size: "norm", others: 0.1 },
  scale: { first: 1024, patience: 100, least: 1, most: 2 ** 20 },
  decays: { Norm: 0, norm: 0, embedding: 0.5 },
}
const factored: Recipe = {
  ...old,
  optimiser: "adafactor",
  adafactor: {
    factored: false,
    exponent: 0.99,
    momentum: 0.9,
    threshold: 0,
    scaled: true,
    relative: false,
    decayPower: 2,
  },
  rate: { kind: "root", start: 0.01, peak: 0.01, warmup: 10_000 },
}

it("what is written is read, with the fields of old alone and with all there are", () => {
  for (const r of [old, full, factored]) {
    assert.equal(decodeRecipe(JSON.parse(JSON.stringify(Recipe.encode(r)))), E.right(r))
    assert.equal(recipeFaults(r), [])
  }
  assert.equal(Recipe.encode({ ...old, stranger: 1 } as Recipe), old)
})

it("what is not of its kind is refused by the name of the field", () => {
  const said = (more: Readonly<Record<string, unknown>>): string => {
    const read = decodeRecipe({ ...old, ...more })
    return E.isLeft(read) ? read.left.map((f) => f.message).join("\n") : "read"
  }
  assert.match(said({ batch: 0 }), "batch: expected positive integer, got 0")
  assert.match(said({ optimiser: "adam" }), /optimiser: expected .*adafactor.*, got "adam"/)
  assert.match(said({ storage: "f8" }), /storage: expected .*bf16.*, got "f8"/)
  assert.match(said({ rate: { kind: "step", peak: 1 } }), "rate")
  assert.match(said({ rate: { kind: "cosine", peak: 1, warmup: 2 } }), "decay")
  assert.match(said({ decays: { norm: "no" } }), 'norm: expected finite number, got "no"')
  assert.match(said({ peak: undefined }), "peak: expected finite number, got nothing")
})

const broken: ReadonlyArray<readonly [more: Partial<Recipe>, say: string]> = [
  [{ warmup: 4000 }, "recipe.warmup: 4000 steps of warm-up do not fit into 3000; give 0 to 3000"],
  [{ peak: 2 }, "recipe.peak is 2; expected a number from 0 to 1"],
  [{ end: 0.1 }, "recipe.end: 0.1 is above the peak of 0.002; give 0 to 0.002"],
  [{ clip: 0 }, "recipe.clip is 0; expected a number above 0"],
  [{ beta2: 1 }, "recipe.beta2 is 1; expected a number from 0 to below 1"],
  [{ ema: 1 }, "recipe.ema is 1; expected a number from 0 to below 1"],
  [{ accumulate: 3 }, "recipe.accumulate: 8 rows are not 3 parts of whole rows; give a divisor of 8"],
  [{ scale: { first: 8 } }, "recipe.scale: a loss scale goes with storage f16, which is f32; leave it out"],
  [{ muon: {} }, "recipe.muon: settings of Muon, but the optimiser is adamw; name it, or leave them out"],
  [{ adafactor: {}, optimiser: "muon" }, "recipe.adafactor: settings of Adafactor, but the optimiser is muon"],
  [{ decays: { norm: 2 } }, "recipe.decays: a part of the decay is a number from 0 to 1"],
  [
    { rate: { kind: "cosine", peak: 1e-3, warmup: 100, decay: 50, end: 0 } },
    "recipe.rate.decay: it falls until step 50, before the warm-up of 100 steps ends; the decay counts the warm-up in",
  ],
  [
    { rate: { kind: "linear", peak: 1e-3, warmup: 0, decay: 50, end: 1 } },
    "recipe.rate.end: 1 is not between 0 and the peak of 0.001",
  ],
]

for (const [more, say] of broken) {
  it(`rules are sentences: ${say}`, () => {
    const faults = recipeFaults({ ...old, ...more }).map((f) => f.message)
    assert.ok(faults.some((m) => m.startsWith(say)), faults.join("\n"))
    assert.ok(E.isLeft(decodeRecipe({ ...old, ...more })))
  })
}

it("without a rate it is LWM's cosine, over all steps; with one, that one", () => {
  const points = [0, 100, 200, 1600, 3000].map((step) => rateAt(schedule(old), step))
  ;[0, 1e-3, 2e-3, 1.02e-3, 4e-5].forEach((want, i) => assert.ok(Math.abs(points[i]! - want) < 1e-12, `${points}`))
  assert.is(rateAt(schedule({ ...old, rate: { kind: "constant", peak: 4e-5, warmup: 100 } }), 50), 2e-5)
})

it("the longest ending that fits a path says which part of the decay it gets", () => {
  const paths = ["blocks.0.attentionNorm", "norm", "head", "embedding", "blocks.3.output"]
  assert.equal(paths.map(decayAt({})), [0, 0, 1, 1, 1])
  assert.equal(paths.map(decayAt({ decays: {} })), [1, 1, 1, 1, 1])
  const table = { orm: 0.5, Norm: 0, "blocks.3.output": 0.25, output: 0.75 }
  assert.equal(paths.map(decayAt({ decays: table })), [0, 0.5, 1, 1, 0.25])
})

it.run()
