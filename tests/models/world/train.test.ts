/** Steps of a world model: it learns both, parts and ranks are the whole, and what it tells. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compileOn } from "../../../core/mesh/spmd.ts"
import { type AnyHost, numbers } from "../../../core/tensor/host.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { asked } from "../../../models/llama/examples.ts"
import { plain, type Plan, spreadOver } from "../../../models/llama/plan.ts"
import { examples } from "../../../models/world/examples.ts"
import { decodeRecipe, type Recipe, recipeFaults } from "../../../models/world/recipe.ts"
import { beginFrom, stateSpecs, step } from "../../../models/world/train.ts"
import { runOracle } from "../../core/plan/same.ts"
import { apart, type Numbers } from "../../ops/updates.ts"
import { type Batch, batchOf, config, rowsOf, strong } from "./model.ts"

const it = suite("models/world: train")

const c = { ...config, layers: 1 }
const recipe: Recipe = {
  ...{ batch: 4, time: 8, steps: 40, warmup: 1, peak: 0.05, end: 0.05, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}
const packed = { weights: true, packed: true } as const
const rows = rowsOf(c, recipe.batch, recipe.time)

/** Steps of one program on the oracle, one after another on the same rows. */
const stepsOf = async (
  { recipe: r = recipe, plan = plain, given = rows, steps = 1 }: {
    readonly recipe?: Recipe
    readonly plan?: Plan
    readonly given?: Batch
    readonly steps?: number
  } = {},
): Promise<ReadonlyArray<Numbers>> => {
  const specs = { state: stateSpecs(c, r), batch: examples(r, asked(plan, packed)) }
  const compiled = compileOn(plan.spread, "local", step(c, r, plan), specs, { donate: ["state"] })
  if (E.isLeft(compiled)) throw new Error(compiled.left.map((f) => f.message).join("\n"))
  const { program } = compiled.right
  const first = flatten({ state: beginFrom(c, strong(c, 1), r) }) as unknown as ReadonlyArray<
    readonly [string, AnyHost]
  >
  let now: Numbers = { ...Object.fromEntries(first.map(([path, h]) => [path, numbers(h)])), ...batchOf(given).values }
  const told: Array<Numbers> = []
  for (let i = 0; i < steps; i++) {
    const got = await runOracle(program, program.inputs.map(({ path }) => now[path]!))
    const out: Numbers = Object.fromEntries(program.outputs.map(({ path }, k) => [path, got[k]!]))
    told.push(out)
    now = { ...now, ...out }
  }
  return told
}

const metric = (out: Numbers | undefined, name: string): number => out![`metrics.${name}`]![0]!

/** Means of gradients show the gradient itself; a step of AdamW divides it by its own size, and rounding with it. */
const sums = (out: Numbers): Numbers =>
  Object.fromEntries(Object.entries(out).filter(([path]) => !path.includes("parameters")))

it("learns both modalities, and tells of each", async () => {
  const all = await stepsOf({ recipe: { ...recipe, ema: 0.9 }, steps: 16 })
  const names = ["loss", "visionLoss", "textLoss"]
  for (const name of names) assert.ok(metric(all[15], name) < 0.7 * metric(all[0], name), name)
  for (const name of ["visionAccuracy", "textAccuracy"]) {
    assert.ok(metric(all[15], name) > metric(all[0], name) && metric(all[15], name) <= 1, name)
  }
  assert.ok(all.every((out) => metric(out, "skipped") === 0 && metric(out, "norm") > 0))
})

it("tells means of what counts: rows without frames take no part, as they do in the loss as 0", async () => {
  const [out] = await stepsOf()
  // rows 0, 1 and 3 have both, row 2 is text alone
  const wanted = 0.5 * (3 / 4) * metric(out, "visionLoss") + 0.5 * metric(out, "textLoss")
  assert.ok(Math.abs(metric(out, "loss") - wanted) < 1e-12)
  const [shared] = await stepsOf({ recipe: { ...recipe, shares: { vision: 2, text: 0 } } })
  assert.ok(Math.abs(metric(shared, "loss") - 2 * (3 / 4) * metric(out, "visionLoss")) < 1e-12)
  const [words] = await stepsOf({ given: { ...rows, visionTargets: rows.vision.map((row) => row.map(() => 0)) } })
  assert.equal([metric(words, "visionLoss"), metric(words, "visionAccuracy")], [0, 0])
  assert.ok(metric(words, "textLoss") > 0 && metric(words, "skipped") === 0)
})

it("in parts and on meshes is the whole batch on one rank", async () => {
  const [whole] = await stepsOf()
  const [parts] = await stepsOf({ recipe: { ...recipe, accumulate: 4 } })
  assert.is(apart(sums(parts!), sums(whole!), 1e-11), undefined)
  const plan: Plan = { ...plain, spread: spreadOver({ data: 2, ring: 2 }), remat: "layer" }
  const [ranks] = await stepsOf({ recipe: { ...recipe, accumulate: 2 }, plan })
  assert.is(apart(sums(ranks!), sums(whole!), 1e-9), undefined)
})

it("a recipe is a Llama's with shares, which are held to their rule", () => {
  const shares = { vision: 0.75, text: 0.25 }
  assert.equal(
    decodeRecipe({ ...recipe, shares, reduction: "given" }),
    E.right({ ...recipe, shares, reduction: "given" }),
  )
  assert.equal(recipeFaults(recipe), [])
  for (const wrong of [{ vision: -1, text: 2 }, { vision: 0, text: 0 }]) {
    const faults = recipeFaults({ ...recipe, shares: wrong })
    assert.match(faults.map((f) => f.message).join(), "recipe.shares are")
  }
  assert.is(E.isLeft(decodeRecipe({ ...recipe, shares: { vision: "half", text: 0.5 } })), true)
  assert.is(recipeFaults({ ...recipe, time: 1, warmup: 100 }).length, 2)
})

it.run()
