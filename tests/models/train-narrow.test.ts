/** Narrow storage, loss scales, averages, and steps that are left out. */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../core/device/device.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { initialise } from "../../models/llama/parameters.ts"
import { plain, type Plan, spreadOver } from "../../models/llama/plan.ts"
import { begin, beginFrom, examples, type Recipe, stateSpecs, step } from "../../models/llama/train.ts"
import { apart, type Numbers } from "../ops/updates.ts"
import { batchOf, config, midway, programOf, recipe, stepOn, stepsOf } from "./steps.ts"

const it = suite("models/llama: narrow, averaged and guarded steps")

const parts = { weights: true, packed: true } as const
const only = (prefix: string, out: Numbers): Numbers =>
  Object.fromEntries(Object.entries(out).filter(([path]) => path.startsWith(prefix)))

/** What a step on wasm tells. */
interface Told {
  readonly loss: number
  readonly skipped: number
}

/** Many steps on wasm, from the same beginning, on rows that a rule makes. */
const trained = (more: Partial<Recipe>, steps: number): Promise<ReadonlyArray<Told>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const r: Recipe = { ...recipe, steps, warmup: 5, peak: 0.02, ...more }
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1 }), make)
    const state = begin(config, hostKey(2), r)
    const { maxBindings } = device.info
    const made = compile(step(config, r), { state, batch: examples(r) } as never, { donate: ["state"], maxBindings })
    if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
    const run = yield* device.load(made.right)
    let now = yield* device.place(state as never)
    const told: Array<Told> = []
    for (let t = 0; t < steps; t++) {
      const row = (shift: number): AnyHost => ({
        ...examples(r).tokens,
        data: Int32Array.from({ length: r.batch * r.time }, (_, i) => {
          const [line, place] = [Math.floor(i / r.time), i % r.time + shift]
          return (3 * place + (line + t) * 5) % config.vocab
        }),
      })
      const out = yield* run({ state: now, batch: { tokens: row(0), targets: row(1) } } as never)
      const { state: next, metrics } = out as never as { state: never; metrics: never }
      const { loss, skipped } = (yield* device.fetch(metrics)) as never as { loss: AnyHost; skipped: AnyHost }
      now = next
      told.push({ loss: loss.data[0]!, skipped: skipped.data[0]! })
    }
    return told
  })))

it("bf16 and f16 learn nearly as well as f32", async () => {
  const last = (told: ReadonlyArray<Told>): number => told.slice(-10).reduce((sum, { loss }) => sum + loss, 0) / 10
  const wide = await trained({}, 80)
  const first = wide[0]!.loss
  assert.ok(last(wide) < 0.5 * first, `f32 learns: ${first} to ${last(wide)}`)
  const recipes: ReadonlyArray<Partial<Recipe>> = [
    { storage: "bf16", momentum: "bf16" },
    { storage: "f16", scale: { first: 2 ** 24 } },
  ]
  for (const more of recipes) {
    const told = await trained(more, 80)
    assert.ok(Math.abs(told[0]!.loss - first) < 0.02 * first, `${JSON.stringify(more)} begins at ${told[0]!.loss}`)
    const [narrow, full] = [last(told), last(wide)]
    assert.ok(narrow < full + 0.1 * first, `${JSON.stringify(more)} ends at ${narrow}, f32 at ${full}`)
    // a scale that is too large for f16 on the device costs its first steps, and no more
    const skipped = told.filter((t) => t.skipped === 1).length
    assert.ok(more.storage === "f16" ? told[0]!.skipped === 1 && skipped < 20 : skipped === 0, `${skipped} left out`)
  }
})

it("every optimiser learns", async () => {
  const recipes: ReadonlyArray<Partial<Recipe>> = [
    { optimiser: "muon", peak: 0.01 },
    { optimiser: "adafactor", peak: 0.02, adafactor: { momentum: 0.9 } },
    { optimiser: "adafactor", peak: 0.3, end: 0.1, adafactor: { factored: false, threshold: 0, scaled: true } },
  ]
  for (const more of recipes) {
    const told = await trained(more, 60)
    const [first, last] = [told[0]!.loss, told.at(-1)!.loss]
    assert.ok(last < 0.6 * first, `${JSON.stringify(more)}: ${first} to ${last}`)
  }
})

it("a narrow pass is the wide one but for rounding, on meshes and in parts too; what the state keeps is f32", async () => {
  const wide = await stepOn({ recipe, parts })
  const plans: ReadonlyArray<readonly [Plan, Partial<Recipe>]> = [
    [plain, { storage: "bf16" }],
    [plain, { storage: "f16" }],
    [{ ...plain, chunk: 3, loss: { tokens: 4, vocab: 6 }, remat: "layer" }, { storage: "bf16", accumulate: 2 }],
    [{ ...plain, spread: spreadOver({ ring: 2 }) }, { storage: "f16", accumulate: 2 }],
  ]
  for (const [plan, more] of plans) {
    const got = await stepOn({ recipe: { ...recipe, ...more }, plan, parts })
    const within = more.storage === "bf16" ? 0.03 : 0.005
    assert.is(apart(only("metrics.loss", got), only("metrics.loss", wide), within), undefined)
    assert.is(apart(only("metrics.norm", got), only("metrics.norm", wide), within), undefined)
    assert.is(apart(only("state.optimiser.first", got), only("state.optimiser.first", wide), within), undefined)
  }
  const narrow = stateSpecs(config, { ...recipe, storage: "bf16", momentum: "bf16" })
  const dtypes = new Set(
    (flatten(narrow.parameters) as ReadonlyArray<readonly [string, AnySpec]>).map(([, s]) => s.dtype),
  )
  assert.equal([...dtypes], ["f32"])
  assert.is((narrow.optimiser as unknown as { first: { head: AnySpec } }).first.head.dtype, "bf16")
})

it("narrow storage takes less memory and moves fewer bytes", () => {
  const r = { ...recipe, batch: 16, time: 16 }
  const [wide, narrow] = [programOf({ recipe: r }), programOf({ recipe: { ...r, storage: "bf16" } })]
  assert.ok(narrow.forecast.arena < 0.75 * wide.forecast.arena, `${narrow.forecast.arena} of ${wide.forecast.arena}`)
  assert.ok(narrow.forecast.traffic < 0.8 * wide.forecast.traffic)
})

it("an f16 gradient that overflows is survived: the step is left out, the scale halves until there are numbers", async () => {
  const r: Recipe = { ...recipe, storage: "f16", scale: { first: 2 ** 22, patience: 2 } }
  const run = stepsOf({ recipe: r, parts })
  let state = midway(r)
  const first = state
  const history: Array<readonly [skipped: number, scale: number]> = []
  for (let t = 0; t < 12; t++) {
    const out = await run(state)
    const [skipped, scale] = [out["metrics.skipped"]![0]!, out["metrics.scale"]![0]!]
    history.push([skipped, scale])
    assert.ok(Number.isFinite(out["metrics.loss"]![0]!), "the loss itself is not scaled")
    const after = only("state.", out)
    if (skipped === 1) {
      assert.not(Number.isFinite(out["metrics.norm"]![0]!), "it really was no number")
      const { ["state.scale.value"]: value, ["state.scale.good"]: good, ...rest } = after
      assert.equal([value, good], [[scale / 2], [0]])
      for (const [path, xs] of Object.entries(rest)) assert.equal(xs, state[path], path)
    }
    state = after
  }
  const told = history.map(([skipped]) => skipped)
  assert.is(told[0], 1, "it overflows at once")
  assert.ok(told.includes(0), `it finds a scale: ${JSON.stringify(history)}`)
  const found = told.indexOf(0)
  assert.ok(told.slice(0, found).every((s) => s === 1))
  // two finite steps, and it tries twice the scale again
  assert.is(history[found + 2]![1], 2 * history[found]![1])
  assert.ok(state["state.optimiser.step"]![0]! >= first["state.optimiser.step"]![0]! + 2)
  assert.not.equal(state["state.parameters.head"], first["state.parameters.head"])
})

it("a loss that is no number changes nothing, and tells; the next batch goes on from the same state", async () => {
  for (const optimiser of ["adamw", "adafactor", "muon"] as const) {
    const r: Recipe = { ...recipe, optimiser, ema: 0.9 }
    const state = midway(r)
    const batch = batchOf(r)
    const sick = { ...batch, "batch.weights": batch["batch.weights"]!.map((w, i) => i === 1 ? NaN : w) }
    const run = stepsOf({ recipe: r, parts })
    const out = await run(state, sick)
    assert.equal(out["metrics.skipped"], [1])
    assert.ok(Number.isNaN(out["metrics.loss"]![0]!))
    for (const [path, xs] of Object.entries(state)) assert.equal(out[path], xs, path)
    const next = await run(only("state.", out), batch)
    const without = await run(state, batch)
    assert.equal(next, without)
    assert.equal(next["metrics.skipped"], [0])
  }
})

it("the average follows the parameters, corrected for its beginning", async () => {
  const r: Recipe = { ...recipe, ema: 0.8 }
  let state: Numbers = { ...midway(r), "state.optimiser.step": [0] }
  const path = "state.parameters.head"
  const run = stepsOf({ recipe: r, parts })
  const seen: Array<ReadonlyArray<number>> = []
  for (let t = 0; t < 3; t++) {
    state = only("state.", await run(state))
    seen.push(state[path]!)
    const weights = seen.map((_, i) => 0.2 * 0.8 ** (t - i) / (1 - 0.8 ** (t + 1)))
    const want = state[path]!.map((_, k) => seen.reduce((sum, xs, i) => sum + weights[i]! * xs[k]!, 0))
    assert.is(apart({ head: state["state.average.head"]! }, { head: want }, 1e-6), undefined)
  }
})

it("a state is begun as its specs say, whatever the recipe", () => {
  const recipes: ReadonlyArray<Partial<Recipe>> = [
    {},
    { storage: "f16", scale: { first: 8 }, ema: 0.9, momentum: "bf16" },
    { optimiser: "adafactor", adafactor: { momentum: 0.9 }, momentum: "bf16" },
    { optimiser: "adafactor" },
    { optimiser: "muon", momentum: "bf16" },
  ]
  const parameters = initialise(config, hostKey(5))
  for (const more of recipes) {
    const kinds = (tree: unknown) =>
      (flatten(tree) as ReadonlyArray<readonly [string, AnySpec]>).map(([path, { dtype, axes, shape }]) => [
        ...[path, dtype, axes, shape],
      ])
    const [specs, state] = [stateSpecs(config, more), begin(config, hostKey(5), more)]
    assert.equal(kinds(state), kinds(specs))
    assert.equal(beginFrom(config, parameters, more), state)
    if (more.storage === "f16") assert.equal(Array.from(state.scale!.value.data), [8])
    if (more.ema !== undefined) assert.equal(state.average, state.parameters)
  }
})

it("a state of another recipe is a fault that says what it lacks", () => {
  const r: Recipe = { ...recipe, storage: "f16", ema: 0.9 }
  const made = compile(step(config, r), { state: stateSpecs(config), batch: examples(r) })
  const text = E.isLeft(made) ? made.left.map((f) => f.message).join("\n") : ""
  assert.match(text, "the state lacks 'scale', which storage f16 needs; begin it with the recipe of the step")
  assert.match(text, "the state lacks 'average', which ema needs")
  const muon = compile(step(config, { ...recipe, optimiser: "muon" }), {
    ...{ state: stateSpecs(config, { optimiser: "adafactor" }), batch: examples(recipe) },
  })
  assert.ok(E.isLeft(muon))
})

it.run()
