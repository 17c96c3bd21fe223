import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Layout } from "../../core/mesh/shape.ts"
import { compileOn } from "../../core/mesh/spmd.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { type Config, parameterCount } from "../../models/llama/config.ts"
import { plain, type Plan, spreadOver } from "../../models/llama/plan.ts"
import { type Preset, presets } from "../../models/llama/presets.ts"
import { asked, begin, examples, type Recipe, stateSpecs, step, type With } from "../../models/llama/train.ts"
import { runOracle } from "../core/plan/same.ts"

const it = suite("models/llama/plan")

const config: Config = {
  ...{ vocab: 23, model: 16, hidden: 20, layers: 2, groups: 2, share: 2, head: 4, theta: 1e4, epsilon: 1e-6 },
  context: 64,
}
const recipe: Recipe = {
  ...{ batch: 2, time: 16, steps: 10, warmup: 1, peak: 1e-2, end: 1e-4, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}

/** Values by path: tokens and targets, two and a half examples a row, weights of which some are 0. */
const valuesOf = (path: string, size: number, time: number): ReadonlyArray<number> => {
  const at = (i: number): number => i % time
  switch (path) {
    case "batch.tokens":
      return Array.from({ length: size }, (_, i) => (i * 7 + 3) % config.vocab)
    case "batch.targets":
      return Array.from({ length: size }, (_, i) => (i * 5 + 1) % config.vocab)
    case "batch.weights":
      return Array.from({ length: size }, (_, i) => (i % 3) / 2)
    case "batch.segments":
      return Array.from({ length: size }, (_, i) => Math.floor((at(i) * 2.5) / time))
    case "batch.positions":
      return Array.from({ length: size }, (_, i) => at(i))
    default:
      throw new Error(`no values for ${path}`)
  }
}

/** Results of one step: loss, norm, and the whole new state. */
const results = async (
  plan: Plan,
  parts: With = {},
  r: Recipe = recipe,
): Promise<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const state = begin(config, hostKey(7))
  const specs = { state, batch: examples(r, asked(plan, parts)) }
  const compiled = compileOn(plan.spread, "local", step(config, r, plan), specs)
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const { program } = compiled.right
  const known = new Map(flatten({ state }).map(([path, h]) => [path, Array.from(h.data)]))
  const given = program.inputs.map((s) =>
    known.get(s.path) ?? valuesOf(s.path, s.shape.reduce((a, b) => a * b, 1), r.time)
  )
  const got = await runOracle(program, given)
  return new Map(program.outputs.map((o, i) => [o.path, got[i]!]))
}

const close = (
  got: ReadonlyMap<string, ReadonlyArray<number>>,
  wanted: ReadonlyMap<string, ReadonlyArray<number>>,
): void => {
  for (const [path, w] of wanted) {
    const scale = w.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-6)
    const bad = w.findIndex((x, i) => !(Math.abs(x - got.get(path)![i]!) <= 1e-9 * scale))
    assert.is(bad, -1, `${path}[${bad}]: expected ${w[bad]}, got ${got.get(path)![bad]}`)
  }
}

it("has LWM's models, parameter for parameter", () => {
  const counts: { readonly [P in Preset]: number } = {
    debug: 17_302_784,
    "200m": 212_366_336,
    "1b": 1_244_227_584,
    "3b": 3_426_473_600,
    "7b": 6_738_415_616,
    "13b": 13_015_864_320,
    "30b": 32_528_943_616,
    "65b": 65_285_660_672,
  }
  for (const [name, n] of Object.entries(counts)) assert.is(parameterCount(presets[name as Preset]), n, name)
  assert.is(presets["65b"].epsilon, 1e-5)
})

it("a plan changes nothing but memory: blocks, chunks that do not divide, what is computed again", async () => {
  const expected = await results(plain)
  const plans: ReadonlyArray<Plan> = [
    { ...plain, blocks: { query: 5, key: 3 } },
    { ...plain, chunk: 5 },
    { ...plain, loss: { tokens: 7, vocab: 6 } },
    { ...plain, remat: "layer" },
    { ...plain, remat: "all" },
    { ...plain, chunk: 8, loss: { tokens: 8, vocab: 8 }, remat: "layer" },
  ]
  for (const plan of plans) close(await results(plan), expected)
})

it("any mesh trains as one rank does: ring, data, both; every layout; packed rows and weights", async () => {
  const parts: With = { weights: true, packed: true }
  const r = { ...recipe, time: 24 }
  const expected = await results(plain, parts, r)
  const meshes: ReadonlyArray<readonly [{ readonly data?: number; readonly ring?: number }, Layout]> = [
    [{ ring: 2 }, "zigzag"],
    [{ ring: 3 }, "striped"],
    [{ ring: 4 }, "contiguous"],
    [{ data: 2 }, "zigzag"],
    [{ data: 2, ring: 2 }, "zigzag"],
  ]
  for (const [shape, layout] of meshes) {
    close(await results({ ...plain, spread: spreadOver(shape, layout), remat: "layer", chunk: 4 }, parts, r), expected)
  }
})

it("attention's result is kept where layers are computed again, unless it is not asked for", () => {
  const forwards = (plan: Plan): number => {
    const specs = { state: stateSpecs(config), batch: examples(recipe) }
    const compiled = compile(step(config, recipe, plan), specs, { donate: ["state"] })
    if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
    const { steps, kernels } = compiled.right.program
    return steps.filter((s) => {
      const k = s.tag === "dispatch" ? kernels[s.kernel]! : undefined
      return k?.tag === "attend" && k.part === "forward"
    }).length
  }
  assert.is(forwards(plain), config.layers)
  assert.is(forwards({ ...plain, remat: "layer" }), config.layers)
  assert.is(forwards({ ...plain, remat: "all" }), 2 * config.layers)
})

it("what is kept grows with the sequence as a line, not as its square", () => {
  const arena = (time: number): number => {
    const plan: Plan = { chunk: 64, loss: { tokens: 64, vocab: 16 }, remat: "layer", spread: plain.spread }
    const r = { ...recipe, time, batch: 1 }
    const compiled = compile(step(config, r, plan), { state: stateSpecs(config), batch: examples(r) }, {
      donate: ["state"],
    })
    if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
    return compiled.right.program.forecast.arena
  }
  const [a, b, c] = [arena(1024), arena(2048), arena(4096)]
  assert.ok(b < 2.1 * a && c < 2.1 * b, `${a}, ${b}, ${c}`)
  assert.ok(Math.abs((c - b) - 2 * (b - a)) < 0.02 * c, `${a}, ${b}, ${c}`)
})

it("a mesh that does not divide says which axis and what would fit", () => {
  const plan: Plan = { ...plain, spread: spreadOver({ ring: 3 }) }
  const specs = { state: stateSpecs(config), batch: examples(recipe, asked(plan)) }
  const compiled = compileOn(plan.spread, "local", step(config, recipe, plan), specs)
  assert.ok(E.isLeft(compiled))
  if (E.isLeft(compiled)) {
    assert.match(compiled.left[0]!.message, "axis 'time' of 'batch.tokens' has 16 places, but 'ring' has 3 ranks")
    assert.match(compiled.left[0]!.message, "make it 12 or 18")
  }
})

it.run()
