/** What VQGANs are made of: exact counts and shapes, and what configs and recipes must not say. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { leaves } from "../../../core/graph/leaves.ts"
import { hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten, type Tensors } from "../../../core/tensor/tree.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import { valuesIn } from "../../../models/vqgan/parameters.ts"
import { inputs } from "../../ops/updates.ts"
import { config, recipe } from "./small.ts"

const it = suite("models/vqgan/config")

it("has LWM's sizes to the last value", () => {
  const { encoder, decoder, ...codes } = Vqgan.specs(Vqgan.presets.lwm)
  assert.is(valuesIn(encoder), 58_693_568)
  assert.is(valuesIn(decoder), 87_018_499)
  assert.is(valuesIn(codes), 532_608)
  assert.is(Vqgan.parameterCount(Vqgan.presets.lwm), 146_244_675)
  assert.is(Vqgan.tokensOf(Vqgan.presets.lwm), 256)
})

it("frames cost what their convolutions do", () => {
  const c: Vqgan.VqganConfig = { ...config, multipliers: [1], hidden: 2, latent: 1, embed: 1, codes: 4, groups: 1 }
  // 64 places; kernels of encoder: in, 2 + 4 blocks of 2 -> 2, out, 1 x 1; decoder: likewise with one block more
  const kernel = (inside: number, out: number, taps = 9): number => 2 * 64 * taps * inside * out
  const { encode, decode, train } = Vqgan.costOf(c)
  assert.is(encode, kernel(3, 2) + 6 * kernel(2, 2) + kernel(2, 1) + kernel(1, 1, 1) + 2 * 64 * 4)
  assert.is(decode, kernel(1, 1, 1) + kernel(1, 2) + 8 * kernel(2, 2) + kernel(2, 3))
  assert.is(train, 3 * (encode + decode))
  assert.ok(Vqgan.costOf(Vqgan.presets.tiny32).train < 150e6)
})

for (const [name, c] of Object.entries(Vqgan.presets)) {
  it(`${name} keeps the rules, and its frames become grids and frames again`, () => {
    assert.equal(Vqgan.configFaults(c), [])
    const grid = Vqgan.gridOf(c)
    const size = { batch: 2, row: c.resolution, col: c.resolution, channel: c.channels }
    const given = {
      p: Vqgan.specs(c),
      frames: f32("batch row col channel", size),
      ids: i32("batch row col", { batch: 2, row: grid, col: grid }),
    }
    const { p, frames, ids } = inputs(given) as unknown as Tensors<Omit<typeof given, "p">> & { p: Vqgan.Parameters }
    const found = Vqgan.encode(c)(p, frames)
    const made = Vqgan.decodeIds(c)(p, ids)
    assert.equal([found.ids.axes, found.ids.shape], [["batch", "row", "col"], [2, grid, grid]])
    assert.is(found.ids.dtype, "i32")
    assert.equal(found.latents.shape, [2, grid, grid, c.embed])
    assert.equal([made.axes, made.shape], [["batch", "row", "col", "channel"], Object.values(size)])
    assert.equal(leaves([found, made]).flatMap((node) => node.faults), [])
  })
}

it("begins alike for a key, whatever the engine, and with other numbers for another", () => {
  const digest = (seed: number): number =>
    (flatten(Vqgan.initialise(config, hostKey(seed))) as ReadonlyArray<readonly [string, AnyHost]>)
      .reduce((sum, [, { data }], i) => sum + (i + 1) * Array.from(data as Float32Array).reduce((s, x) => s + x, 0), 0)
  assert.is(digest(1), digest(1))
  assert.is.not(digest(1), digest(2))
  const { codebook, encoder } = Vqgan.initialise(config, hostKey(1))
  assert.ok(Array.from(codebook.data).every((x) => Math.abs(x) <= 1 / config.codes))
  assert.ok(Array.from(encoder.norm.scale.data).every((x) => x === 1))
  assert.ok(Array.from(encoder.first.bias.data).every((x) => x === 0))
  const kernel = encoder.middle[0]!.conv1.kernel
  const mean = Array.from(kernel.data as Float32Array).reduce((s, x) => s + x * x, 0) / kernel.data.length
  const fan = kernel.shape[0] * kernel.shape[1] * kernel.shape[2]
  assert.ok(Math.abs(mean * fan - 1) < 0.1, `the variance is ${mean}, not 1 / ${fan}`)
})

it("configs and recipes come back from JSON, and say in sentences what is wrong with others", () => {
  for (const c of Object.values(Vqgan.presets)) {
    assert.equal(Vqgan.decodeConfig(JSON.parse(JSON.stringify(c))), E.right(c))
  }
  assert.equal(Vqgan.decodeRecipe(JSON.parse(JSON.stringify(recipe))), E.right(recipe))
  const said = (x: E.Either<ReadonlyArray<{ readonly message: string }>, unknown>): string =>
    E.isLeft(x) ? x.left.map((f) => f.message).join("; ") : "nothing"
  const cases: ReadonlyArray<readonly [object, RegExp]> = [
    [{ resolution: 30 }, /resolution is 30.*multiple of 4/],
    [{ groups: 3 }, /groups is 3.*divisor of all/],
    [{ multipliers: [] }, /multipliers/],
    [{ hidden: 0.5 }, /hidden: expected positive integer/],
    [{ epsilon: 0 }, /epsilon is 0/],
  ]
  for (const [wrong, pattern] of cases) {
    assert.match(said(Vqgan.decodeConfig({ ...Vqgan.presets.tiny32, ...wrong })), pattern)
  }
  const recipes: ReadonlyArray<readonly [object, RegExp]> = [
    [{ absolute: 0, squared: 0 }, /asks for likeness/],
    [{ commitment: -1 }, /commitment is -1/],
    [{ codebook: { kind: "mean", weight: 1 } }, /leave it out/],
    [{ codebook: { kind: "median" } }, /kind/],
    [{ codebook: { kind: "mean", revive: 2 } }, /revive is 2/],
    [{ adversary: { width: 6, layers: 2, groups: 8, start: 0, weight: 1 } }, /divisor of all/],
    [{ accumulate: 2 }, /not cut/],
    [{ storage: "bf16" }, /stores f32/],
    [{ peak: 2 }, /peak is 2/],
  ]
  for (const [wrong, pattern] of recipes) {
    assert.match(said(Vqgan.decodeRecipe({ ...recipe, ...wrong })), pattern)
  }
  const deep = { ...recipe, adversary: { ...recipe.adversary!, layers: 3 } }
  assert.match(said(E.left(Vqgan.fitFaults(config, deep))), /3 halve 8 pixels to 1/)
  assert.equal(Vqgan.fitFaults(config, recipe), [])
})

it.run()
