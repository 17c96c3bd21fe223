/** Trainings as stages: what is known of them before anything runs. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Faults } from "../../../core/graph/fault.ts"
import { long, plain, spreadOver } from "../../../models/llama/plan.ts"
import { presets } from "../../../models/llama/presets.ts"
import { type Expectation, stage } from "../../../tasks/stage/stage.ts"
import { adviceOf } from "../../../tasks/train/llama.ts"
import { type Need, type Room, shortage } from "../../../tasks/train/memory.ts"
import { trainingStage } from "../../../tasks/train/stage.ts"
import { config, counted, recipe, training } from "./tiny.ts"

const it = suite("tasks/train/stage")

const known = <A>(e: E.Either<Faults, A>): A => {
  if (E.isRight(e)) return e.right
  throw new Error(e.left.map((f) => f.message).join("\n"))
}

const book = stage({
  ...{ name: "book", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
  make: () => Effect.succeed("call me"),
})

const declared = {
  ...{ name: "tiny", config, recipe, seed: 3, needs: { book } },
  data: { settings: { packing: "stream" }, batches: () => counted(recipe) },
}
const tiny = trainingStage(declared)

it("says what it will take", () => {
  const { memory, flops, ...rest } = known<Expectation>(tiny.expects())
  assert.equal(rest, { tokens: 576, steps: 9, context: 16, notes: ["2,128 parameters", "theta 10K"] })
  assert.ok(memory! > 3 * 4 * 2000 && memory! < 1e6, `${memory}`)
  assert.ok(flops! > 9 * 6 * 64 * 1500 && flops! < 9 * 64 * 60_000, `${flops}`)
})

it("says what each rank of a mesh takes, and what all of them do", () => {
  const mesh = { ...plain, spread: spreadOver({ data: 2, ring: 2 }) }
  const [one, four] = [known<Expectation>(tiny.expects()), known(trainingStage({ ...declared, plan: mesh }).expects())]
  assert.is(four.mesh, "data=2,ring=2")
  assert.ok(four.memory! < one.memory!, `${four.memory} is less than ${one.memory}`)
  assert.ok(four.flops! > one.flops! && four.flops! < 2 * one.flops!, `${four.flops} against ${one.flops}`)
})

it("its graph's digest follows the model, the recipe and the plan, and nothing else", () => {
  const digestOf = (change: object): string => known(trainingStage({ ...declared, ...change }).graphs())[0]!
  const own = digestOf({})
  assert.is(digestOf({ save: 1, name: "other", seed: 9 }), own)
  for (
    const change of [
      { config: { ...config, theta: 1e6 } },
      { recipe: { ...recipe, peak: 1e-2 } },
      { plan: { ...plain, chunk: 8 } },
      { packed: true },
    ]
  ) assert.is.not(digestOf(change), own, JSON.stringify(change))
  assert.match(own, /^[0-9a-f]{64}$/)
})

it("its settings are all that its rows and its numbers depend on", () => {
  assert.equal(Object.keys(tiny.settings as object), ["config", "recipe", "plan", "packed", "seed", "data"])
  assert.equal((tiny.settings as { data: unknown }).data, { packing: "stream" })
  assert.equal(tiny.seeds, [3])
  assert.equal(JSON.parse(JSON.stringify(tiny.settings)), tiny.settings)
})

it("a recipe that does not fit together is the graph's fault, before anything runs", () => {
  const odd = trainingStage({ ...declared, plan: { ...plain, spread: spreadOver({ ring: 3 }) } })
  for (const e of [odd.expects(), odd.graphs()]) {
    assert.ok(E.isLeft(e))
  }
  const said = odd.expects()
  assert.match(E.isLeft(said) ? said.left[0]!.message : "", /16 does not divide by 6; make it 12 or 18/)
})

it("numbers that do not go together are said, all at once", () => {
  const wrong = { recipe: { ...recipe, time: 32, accumulate: 3 }, config: { ...config, head: 7 } }
  const said = trainingStage({ ...declared, ...wrong }).graphs()
  assert.equal(
    E.isLeft(said) ? said.left.map((f) => f.message) : [],
    [
      "config: head is 7; expected an even number: rotary positions turn pairs",
      "recipe.accumulate: 4 rows are not 3 parts of whole rows; give a divisor of 4",
      "rows have 32 tokens, the model's context is 16; raise config.context, and theta with it",
    ],
  )
})

it("the largest of LWM's stages is known in seconds", () => {
  const stage = trainingStage({
    ...declared,
    config: { ...presets["7b"], layers: 2, theta: 5e7, context: 2 ** 20 },
    recipe: { ...recipe, batch: 1, time: 2 ** 20 },
    plan: { ...long, spread: spreadOver({ ring: 8 }) },
  })
  assert.is(known(stage.expects()).context, 2 ** 20)
})

// ---- memory ------------------------------------------------------------------

const gib = 2 ** 30
const need: Need = { device: 6 * gib, state: gib, home: 2 * gib }
const room: Room = { device: 4 * gib, home: 16 * gib, shared: true }
const said = (n: Partial<Need>, r: Partial<Room>): string =>
  shortage(adviceOf(training), { ...need, ...n }, { ...room, ...r })?.message ?? "it fits"

it("a training that does not fit says what it asks, what there is and what to change", () => {
  assert.is(
    said({}, {}),
    "the training needs 6.00 GiB on the device, which has 4.00 GiB: cut the loss (plan.loss: { tokens: 1024, vocab: " +
      '8192 }); work on chunks of tokens (plan.chunk: 1024); compute layers again (plan.remat: "layer"); take fewer ' +
      "rows in a step (recipe.batch, now 4); take shorter rows (recipe.time, now 16); spread the rows over a ring of " +
      "processes (--mesh ring=4)",
  )
  assert.match(
    said({ device: 3 * gib }, { home: 4 * gib }),
    /needs 5\.00 GiB of memory \(3\.00 GiB for its arrays, 2\.00 /,
  )
  assert.match(said({ state: 5 * gib }, {}), /the state alone has 5\.00 GiB: take a smaller model/)
  // a GPU's arrays do not lie in the machine's memory
  assert.is(said({}, { device: undefined, shared: false, home: 3 * gib }), "it fits")
  assert.is(said({ device: 3 * gib }, {}), "it fits")
})

it("advice is only what is not done already", () => {
  const cut = { ...training, plan: { ...long, spread: spreadOver({ ring: 2 }) }, recipe: { ...recipe, batch: 1 } }
  const message = shortage(adviceOf(cut), need, room)?.message ?? ""
  assert.match(message, /has 4\.00 GiB: take shorter rows \(recipe\.time, now 16\)$/)
})

it.run()
