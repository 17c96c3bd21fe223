/** LWM's numbers against the paper's tables (Liu et al., 2024, tables 10 to 13 as collected in its appendix). */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { ranksOf } from "../../../core/mesh/shape.ts"
import { parameterCount } from "../../../models/llama/config.ts"
import { presets } from "../../../models/llama/presets.ts"
import { cacheBytes, costRatio, trainingFlops } from "../../../tasks/recipes/costs.ts"
import { recipeOf, rowsOf, tableFaults, tokensOf } from "../../../tasks/recipes/extend.ts"
import { batchTokens, chatStages, devices, paperBillions, reach, textStages } from "../../../tasks/recipes/lwm/table.ts"
import { lwmMesh, ours } from "../../../tasks/recipes/mesh.ts"
import { rateAt } from "../../../tasks/train/step.ts"

const it = suite("tasks/recipes/lwm/table")

const seven = presets["7b"]
const places = (x: number, digits: number): number => Number(x.toFixed(digits))

it("has the paper's stages: length, theta, steps, warm-up, tokens", () => {
  const table = textStages.map((r) => [r.name, r.context, r.theta, r.steps, r.warmup, places(paperBillions(r), 6)])
  assert.equal(table, [
    ["32K", 32768, 1e6, 1200, 100, 4.8],
    ["128K", 131072, 1e7, 3000, 200, 12],
    ["256K", 262144, 1e7, 3000, 200, 12],
    ["512K", 524288, 2.5e7, 720, 50, 2.88], // the paper rounds to 3
    ["1M", 1048576, 5e7, 450, 25, 1.8],
  ])
  assert.equal(tableFaults(textStages, reach), [])
})

it("tunes for chat at four lengths, 1.2B tokens each", () => {
  const table = chatStages.map((r) => [r.name, r.context, r.theta, r.steps, r.warmup, places(paperBillions(r), 6)])
  assert.equal(table, [
    ["chat-128K", 131072, 1e7, 300, 25, 1.2],
    ["chat-256K", 262144, 1e7, 300, 25, 1.2],
    ["chat-512K", 524288, 2.5e7, 300, 25, 1.2],
    ["chat-1M", 1048576, 5e7, 300, 25, 1.2],
  ])
})

it("counts whole rows: 4M is 4 * 2^20, and 4 * 10^6 is no number of rows", () => {
  assert.is(batchTokens, 4_194_304)
  assert.equal(textStages.map(rowsOf), [128, 32, 16, 8, 4])
  assert.equal(textStages.map(tokensOf), [5_033_164_800, 12_582_912_000, 12_582_912_000, 3_019_898_880, 1_887_436_800])
  assert.ok(textStages.every(({ context }) => !Number.isInteger(4_000_000 / context)))
})

it("warms up to a constant 4e-5", () => {
  const rates = textStages.map((r) =>
    [0, r.warmup / 2, r.warmup, r.steps - 1].map((n) => places(rateAt(recipeOf(r), n), 12))
  )
  for (const [i, at] of rates.entries()) {
    const middle = textStages[i]!.warmup % 2 === 0 ? 2e-5 : places(4e-5 * 12.5 / 25, 12)
    assert.equal(at, [0, middle, 4e-5, 4e-5])
  }
  const first = recipeOf(textStages[0]!)
  assert.equal([50, 100, 1199].map((n) => places(rateAt(first, n), 12)), [2e-5, 4e-5, 4e-5])
})

it("divides documents by length as the paper does, none of them twice", () => {
  const bins = textStages.map(({ bin }) => [bin!.from, bin!.below])
  assert.equal(bins, [[1e4, 1e5], [1e5, 2e5], [2e5, 5e5], [5e5, 1e6], [1e6, Infinity]])
})

it("spreads rows and sequences so that a rank has what a chip had", () => {
  const meshes = textStages.map(({ mesh }) => {
    const found = lwmMesh(mesh, devices)
    if (E.isLeft(found)) throw new Error(found.left)
    return found.right
  })
  assert.equal(meshes.map(({ fsdp, tp, sp }) => [fsdp, tp, sp]), [[64, 4, 1], [32, 8, 1], [16, 16, 1], [8, 16, 2], [
    4,
    16,
    4,
  ]])
  const shapes = meshes.map((m) => ours(m).shape)
  assert.equal(shapes.map(({ data, ring }) => [data, ring]), [[64, 4], [32, 8], [16, 16], [8, 32], [4, 64]])
  for (const [i, shape] of shapes.entries()) {
    assert.is(ranksOf(shape), 256)
    assert.is(batchTokens / ranksOf(shape), 16_384)
    assert.is(rowsOf(textStages[i]!) % shape["data"]!, 0)
    assert.is(textStages[i]!.context % (2 * shape["ring"]!), 0)
  }
})

it("says what is wrong with a mesh", () => {
  const said = (text: string, n: number): string => {
    const found = lwmMesh(text, n)
    return E.isLeft(found) ? found.left : JSON.stringify(found.right)
  }
  assert.is(said("!1,-1,2,2", 16), '{"dp":1,"fsdp":4,"tp":2,"sp":2}')
  assert.is(said("1,2,2,4", 16), '{"dp":1,"fsdp":2,"tp":2,"sp":4}')
  assert.is(said("1,-1,3,1", 16), "the mesh 1,-1,3,1 does not fit onto 16 devices: the sizes that are given make 3")
  assert.is(said("1,2,2,2", 16), "the mesh 1,2,2,2 does not fit onto 16 devices: the sizes that are given make 8")
  for (const bad of ["", "1,1", "1,-1,-1,1", "1,0,1,1", "1,a,1,1"]) {
    assert.match(said(bad, 16), "expected dp,fsdp,tp,sp, one of them -1 at most: 1,-1,4,1")
  }
})

it("knows what the model weighs, and its keys and values", () => {
  assert.is(parameterCount(seven), 6_738_415_616)
  const GiB = 2 ** 30
  const cache = (bytes: number) => textStages.map(({ context }) => cacheBytes(seven, context, bytes) / GiB)
  assert.is(cacheBytes(seven, 1, 4), 2 ** 20)
  assert.equal(cache(4), [32, 128, 256, 512, 1024])
  assert.equal(cache(2), [16, 64, 128, 256, 512])
  assert.equal(cache(1), [8, 32, 64, 128, 256])
})

it("knows what a token costs at each length", () => {
  const ratios = textStages.map(({ context }) => places(costRatio(seven, 4096, context), 2))
  assert.equal(ratios, [2, 5.43, 10, 19.14, 37.43])
  // at the length 0 it is 6 for each parameter but the embedding's and the norms'
  const norms = seven.model * (2 * seven.layers + 1)
  assert.is(trainingFlops(seven, 0), 6 * (parameterCount(seven) - seven.vocab * seven.model - norms))
  assert.is(trainingFlops(seven, 1) - trainingFlops(seven, 0), 6 * 32 * 4096)
})

it.run()
