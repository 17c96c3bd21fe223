/** A step of training: what it learns, when its discriminator joins, what it leaves alone, and what states are. */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../../core/device/device.ts"
import { leaves } from "../../../core/graph/leaves.ts"
import { topological } from "../../../core/graph/node.ts"
import { compile } from "../../../core/plan/compile.ts"
import { hostKey } from "../../../core/random/host.ts"
import { type AnyHost, numbers } from "../../../core/tensor/host.ts"
import { type AnySpec, f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import { mul } from "../../../ops/elementwise.ts"
import { rename } from "../../../ops/movement.ts"
import { inputs, meant, type Numbers } from "../../ops/updates.ts"
import { config, framesOf, recipe } from "./small.ts"

const it = suite("models/vqgan/step")

const byPath = (tree: unknown): Numbers =>
  Object.fromEntries(
    (flatten(tree) as ReadonlyArray<readonly [string, AnyHost]>).map(([path, h]) => [path, numbers(h)]),
  )

const frames = (r: Vqgan.Recipe, of: ReadonlyArray<number>): AnyHost => ({
  ...Vqgan.batchSpecs(config, r).frames,
  data: Float32Array.from(of),
})

/** What steps from the same beginning tell, and the states after them, each on what is given for it. */
const trained = (
  r: Vqgan.Recipe,
  batches: ReadonlyArray<ReadonlyArray<number>>,
  looked: (step: number) => boolean = () => false,
): Promise<ReadonlyArray<{ readonly metrics: Numbers; readonly state: Numbers }>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1 }), make)
    const specs = { state: Vqgan.stateSpecs(config, r), batch: Vqgan.batchSpecs(config, r) }
    const compiled = compile(Vqgan.step(config, r) as never, specs as never, { donate: ["state"] })
    if (E.isLeft(compiled)) throw new Error(compiled.left.map((f) => f.message).join("\n"))
    const run = yield* device.load(compiled.right)
    let now = yield* device.place(Vqgan.begin(config, hostKey(1), r) as never)
    const told: Array<{ readonly metrics: Numbers; readonly state: Numbers }> = []
    for (const [t, given] of batches.entries()) {
      const out = yield* run({ state: now, batch: { frames: frames(r, given) } } as never)
      const { state, metrics } = out as never as { state: never; metrics: never }
      now = state
      told.push({
        metrics: byPath(yield* device.fetch(metrics)),
        state: looked(t) ? byPath(yield* device.fetch(state)) : {},
      })
    }
    return told
  })))

const same = framesOf(config, recipe.batch)
const moved = (before: Numbers, after: Numbers, prefix: string): ReadonlyArray<string> =>
  Object.keys(before).filter((path) => path.startsWith(prefix) && String(before[path]) !== String(after[path]))

it("learns; a discriminator joins at its step; a batch of no numbers changes nothing", async () => {
  const steps = 30
  const broken = same.map((x, i) => i === 5 ? NaN : x)
  const batches = Array.from({ length: steps }, (_, t) => t === 5 ? broken : same)
  const told = await trained(recipe, batches, (t) => t < 8)
  const at = (t: number, name: string): number => told[t]!.metrics[name]![0]!
  const begun = byPath(Vqgan.begin(config, hostKey(1), recipe))
  // updates 0, 1 and 2 do without the discriminator, update 3 does not
  for (const t of [0, 1, 2]) assert.equal(moved(begun, told[t]!.state, "adversary"), [], `step ${t}`)
  assert.equal(told[3]!.state["adversary.optimiser.step"], [1])
  // its rate, too, rises from 0
  assert.equal(moved(begun, told[3]!.state, "adversary.parameters"), [])
  assert.ok(moved(begun, told[4]!.state, "adversary.parameters").length > 5)
  assert.equal(told[4]!.state["optimiser.step"], [5])
  assert.ok(moved(told[0]!.state, told[1]!.state, "parameters").length > 30, "the generator learned before")
  assert.is(at(5, "skipped"), 1)
  assert.equal(moved(told[4]!.state, told[5]!.state, ""), [])
  assert.equal([0, 1, 4, 6, 29].map((t) => at(t, "skipped")), [0, 0, 0, 0, 0])
  const off = (t: number): number => at(t, "reconstruction")
  assert.ok(off(steps - 1) < 0.35 * off(0), `reconstruction goes from ${off(0)} to ${off(steps - 1)}`)
  assert.ok(at(steps - 1, "psnr") > at(0, "psnr") + 3, `psnr goes from ${at(0, "psnr")} to ${at(steps - 1, "psnr")}`)
  for (const { metrics } of told.filter((_, t) => t !== 5)) {
    const [used, complexity] = [metrics["usage"]![0]!, metrics["perplexity"]![0]!]
    assert.ok(used > 0 && used <= 1 && complexity >= 1 && complexity <= used * config.codes + 1e-3)
    assert.ok(metrics["adaptive"]![0]! >= 0 && metrics["discriminator"]![0]! >= 0)
  }
  // the average's beginning is made good, so after one update it is the parameters, codes and all
  const [own, average] = [told[0]!.state["parameters.codebook"]!, told[0]!.state["average.codebook"]!]
  own.forEach((x, i) => assert.ok(Math.abs(x - average[i]!) < 1e-6, `${average[i]} is not ${x}`))
})

it("tells what its graph means, and learns codes by a loss too", async () => {
  const r: Vqgan.Recipe = { ...recipe, codebook: { kind: "loss" }, warmup: 0 }
  const { adversary: _, ema: __, ...plain } = r
  const given = { state: Vqgan.stateSpecs(config, plain), batch: Vqgan.batchSpecs(config, plain) }
  const { metrics, state } = Vqgan.step(config, plain)(inputs(given) as unknown as Vqgan.Given)
  const { parameters: { codebook, decoder } } = state
  const begun = byPath({ state: Vqgan.begin(config, hostKey(1), plain) })
  const want = meant({ metrics, state: { codebook, last: decoder.last } }, { ...begun, "batch.frames": same })
  const told = await trained(plain, Array.from({ length: 12 }, () => same), (t) => t === 0)
  const near = (got: ReadonlyArray<number>, wanted: ReadonlyArray<number>, what: string): void =>
    wanted.forEach((x, i) =>
      assert.ok(Math.abs(got[i]! - x) < 2e-3 * Math.max(0.1, Math.abs(x)), `${what}: ${got[i]} is not ${x}`)
    )
  for (const [name, value] of Object.entries(told[0]!.metrics)) near(value, want[`metrics.${name}`]!, name)
  near(told[0]!.state["parameters.codebook"]!, want["state.codebook"]!, "codebook")
  near(told[0]!.state["parameters.decoder.last.bias"]!, want["state.last.bias"]!, "bias")
  const loss = (t: number): number => told[t]!.metrics["loss"]![0]!
  assert.ok(loss(11) < 0.7 * loss(0), `the loss goes from ${loss(0)} to ${loss(11)}`)
  assert.equal(Object.keys(told[0]!.metrics).filter((name) => /disc|adv|adap/.test(name)), [])
})

it("states have the paths and sizes that are said before, whatever the recipe, and come out as they go in", () => {
  const { adversary: _, ema: __, ...plain } = recipe
  const recipes: ReadonlyArray<Vqgan.Recipe> = [
    recipe,
    { ...plain, codebook: { kind: "loss" } },
    { ...plain, codebook: { kind: "loss", revive: 0.1 } },
    { ...plain, codebook: { kind: "mean" }, momentum: "bf16" },
    { ...recipe, optimiser: "muon" },
    { ...recipe, optimiser: "adafactor", adafactor: {} },
  ]
  const shapes = (tree: unknown): unknown =>
    (flatten(tree) as ReadonlyArray<readonly [string, AnySpec]>).map(([p, s]) => [p, s.dtype, s.axes, s.shape])
  for (const r of recipes) {
    assert.equal(Vqgan.recipeFaults(r), [])
    const state = Vqgan.stateSpecs(config, r)
    assert.equal(shapes(Vqgan.begin(config, hostKey(1), r)), shapes(state))
    const given = { state, batch: Vqgan.batchSpecs(config, r) }
    const out = Vqgan.step(config, r)(inputs(given) as unknown as Vqgan.Given)
    assert.equal(shapes(out.state), shapes(state))
    assert.equal(topological(leaves(out)).flatMap((n) => n.faults), [])
  }
})

it("codes of parameters that have learned are kept, those of new ones are put among the first latents", () => {
  const r: Vqgan.Recipe = { ...recipe, codebook: { kind: "mean", revive: 0.1 } }
  const fresh = Vqgan.initialise(config, hostKey(1))
  const codebook = { ...fresh.codebook, data: Float32Array.from(fresh.codebook.data, (_, i) => i - 5) }
  const counts = (p: Vqgan.Hosts<Vqgan.Parameters>, of: Vqgan.Recipe): ReadonlyArray<number> =>
    numbers(Vqgan.beginFrom(config, p, of, hostKey(2)).codes!.counts)
  const each = recipe.batch * Vqgan.tokensOf(config) / config.codes
  assert.equal(counts(fresh, r), Array.from({ length: config.codes }, () => 0))
  assert.equal(counts({ ...fresh, codebook }, r), Array.from({ length: config.codes }, () => each))
  assert.equal(counts(fresh, { ...r, codebook: { kind: "mean" } }), Array.from({ length: config.codes }, () => each))
  const { sums } = Vqgan.beginFrom(config, { ...fresh, codebook }, r, hostKey(2)).codes!
  assert.equal(numbers(sums!), numbers(codebook).map((x) => x * each))
})

it("a discriminator's rate has a warm-up of its own, and ends with the generator's", () => {
  const of = Vqgan.sharpening({ ...recipe, adversary: { ...recipe.adversary!, start: 10, rate: 0.5 } })
  assert.equal(of, { kind: "cosine", peak: 0.01, warmup: 2, decay: 30, end: 0.001 })
})

it("a state that began with another recipe is a fault that says what to do", () => {
  const { adversary: _, ...plain } = recipe
  const state = Vqgan.stateSpecs(config, { batch: 2, codebook: { kind: "loss" } })
  const out = Vqgan.step(config, { ...plain, adversary: recipe.adversary! })(
    inputs({ state, batch: Vqgan.batchSpecs(config, recipe) }) as unknown as Vqgan.Given,
  )
  const said = topological(leaves(out)).flatMap((n) => n.faults.map((f) => f.message)).join("\n")
  for (const key of ["codes", "key", "adversary", "average"]) assert.match(said, `the state lacks '${key}'`)
})

it("a recipe that weighs what a network sees needs one", () => {
  const r: Vqgan.Recipe = { ...recipe, perceptual: 2 }
  const given = { state: Vqgan.stateSpecs(config, r), batch: Vqgan.batchSpecs(config, r) }
  const said = (of: Vqgan.Recipe) =>
    topological(leaves(Vqgan.step(config, of)(inputs(given) as unknown as Vqgan.Given))).flatMap((n) =>
      n.faults.map((f) => f.message)
    )
  assert.equal(said({ ...r, perceptual: 0 }), [])
  assert.match(said(r).join(), "'perceptual' is 2, but there is no network to see through")
})

it("sees through a given network, whose parameters come in beside", () => {
  const { adversary: _, ema: __, ...plain } = recipe
  const r: Vqgan.Recipe = { ...plain, codebook: { kind: "loss" }, perceptual: 2 }
  const sight = (
    p: { readonly gain: F32<"feature"> },
    x: Vqgan.Frames,
  ): ReadonlyArray<F32<"batch row col feature">> => [
    mul(rename(x, { channel: "feature" }), p.gain),
  ]
  const given = {
    ...{ state: Vqgan.stateSpecs(config, r), batch: Vqgan.batchSpecs(config, r) },
    sight: { gain: f32("feature", { feature: 3 }) },
  }
  const told = (of: Vqgan.Recipe) => {
    const out = Vqgan.step(config, of, sight)(inputs(given) as never)
    return { off: out.metrics.reconstruction, norm: out.metrics.norm }
  }
  const at = (gain: ReadonlyArray<number>): Numbers => ({
    ...byPath({ state: Vqgan.begin(config, hostKey(1), r) }),
    ...{ "batch.frames": same, "sight.gain": gain },
  })
  const both = { with: told(r), without: told({ ...r, perceptual: 0 }) }
  const got = (gain: ReadonlyArray<number>): Numbers => meant(both, at(gain))
  const [one, other] = [got([1, 1, 1]), got([1, 0, 5])]
  assert.ok(one["with.off"]![0]! > one["without.off"]![0]! + 0.01)
  assert.is.not(one["with.off"]![0], other["with.off"]![0])
  assert.is.not(one["with.norm"]![0], one["without.norm"]![0])
  assert.is(one["without.off"]![0], other["without.off"]![0])
})

it.run()
