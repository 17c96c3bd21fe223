/** LWM's vision stages against the paper's table 13, what they see, and what is said to who brings nothing. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { ranksOf } from "../../../core/mesh/shape.ts"
import { parameterCount } from "../../../models/world/config.ts"
import { blockLength } from "../../../models/world/layout.ts"
import { presets } from "../../../models/world/presets.ts"
import { events } from "../../../tasks/events.ts"
import { adjustedBy } from "../../../tasks/recipes/adjust.ts"
import { recipeOf, rowsOf, tableFaults } from "../../../tasks/recipes/extend.ts"
import { lwm7b } from "../../../tasks/recipes/lwm/pipeline.ts"
import { paperBillions } from "../../../tasks/recipes/lwm/table.ts"
import { nothingSeen, seenOf, visionNotes } from "../../../tasks/recipes/lwm/vision.ts"
import { visionBatch, visionDevices, visionReach, visionStages } from "../../../tasks/recipes/lwm/vision-table.ts"
import { lwmMesh, ours } from "../../../tasks/recipes/mesh.ts"
import { seeingRecipe } from "../../../tasks/recipes/see.ts"
import { inOrder, pipelineFaults, stageNamed } from "../../../tasks/stage/key.ts"
import { run } from "../../../tasks/stage/run.ts"
import type { AnyStage, Expectation, Pipeline, Stage } from "../../../tasks/stage/stage.ts"
import { memory, type Store } from "../../../tasks/store.ts"
import { rateAt } from "../../../tasks/train/step.ts"

const it = suite("tasks/recipes/lwm/vision")

const places = (x: number, digits: number): number => Number(x.toFixed(digits))
const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}
const named = (name: string, of: Pipeline = lwm7b): AnyStage => right(stageNamed(of, name))

// ---- the table -----------------------------------------------------------------

it("has the paper's stages: length, theta, steps, warm-up, rates, tokens", () => {
  const table = visionStages.map((r) => [
    ...[r.name, r.context, r.theta, r.steps, r.warmup, r.rate, r.end, r.billions, places(paperBillions(r), 6)],
  ])
  assert.equal(table, [
    ["vision-1K", 1024, 5e7, 45_000, 1000, 6e-4, 6e-5, 363, 360],
    ["vision-8K", 8192, 5e7, 14_000, 500, 6e-4, 6e-5, 107, 112],
    ["vision-chat-32K", 32_768, 5e7, 1200, 100, 8e-5, 8e-5, 10, 9.6],
    ["vision-chat-128K", 131_072, 5e7, 450, 50, 8e-5, 8e-5, 3.5, 3.6],
    ["vision-chat-1M", 1_048_576, 5e7, 50, 5, 8e-5, 8e-5, 0.4, 0.4],
  ])
  assert.equal(tableFaults(visionStages, visionReach), [])
  // the totals that the paper rounds are those of its steps within a twentieth
  for (const r of visionStages) assert.ok(Math.abs(paperBillions(r) / r.billions - 1) < 0.05, r.name)
})

it("V4: rises to 6e-4 and falls by half a cosine to 6e-5", () => {
  const [first, , chat] = visionStages
  const at = (n: number) => places(rateAt(recipeOf(first!), n), 12)
  assert.equal([0, 500, 1000, 23_000, 45_000].map(at), [0, 3e-4, 6e-4, 3.3e-4, 6e-5])
  assert.equal([0, 50, 100, 1199].map((n) => places(rateAt(recipeOf(chat!), n), 12)), [0, 4e-5, 8e-5, 8e-5])
})

it("spreads rows and sequences over 512 devices so that a rank has what a chip had", () => {
  const meshes = visionStages.map(({ mesh }) => right(lwmMesh(mesh, visionDevices)))
  assert.equal(meshes.map(({ fsdp, tp, sp }) => [fsdp, tp, sp]), [
    [512, 1, 1],
    [512, 1, 1],
    [128, 4, 1],
    [64, 8, 1],
    [8, 16, 4],
  ])
  assert.equal(visionStages.map(rowsOf), [8192, 1024, 256, 64, 8])
  meshes.map((m) => ours(m).shape).forEach((shape, i) => {
    assert.is(ranksOf(shape), 512)
    assert.is(visionBatch / ranksOf(shape), 16_384)
    assert.is(rowsOf(visionStages[i]!) % shape["data"]!, 0)
    assert.is(visionStages[i]!.context % (2 * shape["ring"]!), 0)
  })
})

it("has rows that hold the frames of the paper's videos, and shares that are whole", () => {
  const six = { open: new Int32Array(3), close: new Int32Array(3) }
  assert.equal(visionStages.map((r) => [r.frames, blockLength({ frame: 256 }, six, r.frames)]), [
    [1, 263],
    [30, 7716],
    [100, 25_706],
    [450, 115_656],
    [4000, 1_028_006],
  ])
  for (const { kinds, context, frames } of visionStages) {
    assert.is(places(Object.values(kinds).reduce((a, b) => a + b, 0), 12), 1)
    assert.ok(blockLength({ frame: 256 }, six, frames) < context)
  }
  assert.equal(visionStages.map(({ kinds }) => kinds["text"]), [0.16, 0.16, undefined, undefined, undefined])
})

it("turns pairs around before chat only, and leaves captions out where images are made", () => {
  const pairs = visionStages.map((row) =>
    seenOf(nothingSeen, row).kinds.flatMap(({ task, from }) =>
      "pairing" in from && from.pairing !== null ? [[task, from.frames, from.pairing.swap, from.pairing.drop]] : []
    )
  )
  assert.equal(pairs, [
    [["text-image", 1, 0.5, 0.1]],
    [["text-video", 30, 0.5, 0.1]],
    ...[100, 450, 4000].map((frames) => [["text-image", 1, 0, 0.1], ["text-video", frames, 0, 0.1]]),
  ])
})

it("learns by shares that rows bring, half of either loss", () => {
  const { reduction, shares, batch, time } = seeingRecipe(visionStages[0]!, { vision: 0.5, text: 0.5 })
  assert.equal([reduction, shares, batch, time], ["given", { vision: 0.5, text: 0.5 }, 8192, 1024])
})

it("has the paper's balance as settings: shares of the losses, weights of tasks", () => {
  const settings = (said: { readonly [name: string]: string }) =>
    JSON.stringify(named("lwm-vision-chat-32K", right(adjustedBy(lwm7b, said))).settings)
  assert.match(settings({}), '"shares":{"vision":0.5,"text":0.5}')
  assert.match(settings({}), '"tasks":{}')
  assert.match(settings({ visionShare: "0.75" }), '"shares":{"vision":0.75,"text":0.25}')
  assert.match(settings({ taskWeights: "video-chat:2; text:0" }), '"tasks":{"video-chat":2,"text":0}')
  for (
    const [name, value, expected] of [
      ["visionShare", "1.5", "expected a number from 0 to 1"],
      ["visionShare", "half", "expected a number from 0 to 1"],
      ["taskWeights", "videos:2", "tasks are text-image, text, text-video, image-chat, video-chat"],
      ["taskWeights", "text:-1", "weights from 0"],
      ["taskWeights", "text:0;text-video:0", "vision-8K has text-video, text"],
      ["taskWeights", "text:1;text:2", "each once"],
    ] as const
  ) {
    const said = adjustedBy(lwm7b, { [name]: value })
    assert.match(E.isLeft(said) ? said.left.message : "", expected, value)
  }
})

// ---- the pipeline --------------------------------------------------------------

it("goes on from the text model of 1M tokens, each stage from the one before it", () => {
  assert.equal(pipelineFaults(lwm7b), [])
  assert.equal(visionStages.map(({ name }) => named(`lwm-${name}`).needs["before"]!.name), [
    "lwm-1M",
    "lwm-vision-1K",
    "lwm-vision-8K",
    "lwm-vision-chat-32K",
    "lwm-vision-chat-128K",
  ])
  for (const { name } of visionStages) {
    assert.is(named(`lwm-${name}`).needs["from"], named(`lwm-seen-${name.replace("vision-", "")}`))
  }
})

it("says the paper's figures of every stage", () => {
  assert.equal(visionStages.map((row) => visionNotes(row).join("; ")), [
    "45000 x 8M = 360B tokens (M is 2^20), the paper says 363B; LWM's mesh 1,-1,1,1 on 512 chips: 16384 tokens a rank " +
    "there and here",
    "14000 x 8M = 112B tokens (M is 2^20), the paper says 107B; LWM's mesh 1,-1,1,1 on 512 chips: 16384 tokens a rank " +
    "there and here",
    "1200 x 8M = 9.6B tokens (M is 2^20), the paper says 10B; LWM's mesh 1,-1,4,1 on 512 chips: 16384 tokens a rank there " +
    "and here",
    "450 x 8M = 3.6B tokens (M is 2^20), the paper says 3.5B; LWM's mesh 1,-1,8,1 on 512 chips: 16384 tokens a rank there " +
    "and here",
    "50 x 8M = 0.4B tokens (M is 2^20); LWM's mesh 1,-1,16,4 on 512 chips: 16384 tokens a rank there and here",
  ])
  const said = (name: string): Expectation => right(named(name).expects())
  assert.equal(said("lwm-vqgan").notes!.slice(0, 2), ["146,244,675 parameters", "256 codes of 8192 a frame"])
  assert.equal(said("lwm-seen-8K").notes, [
    "84 % text-video: missing: give --with=videos=FOLDER, at most 30 frames",
    "16 % text: missing: give --with=texts=FOLDER",
    "tokens of llama2",
  ])
})

it("forecasts a stage by the compiler: tokens, mesh, operations, memory of a rank", () => {
  const { tokens, steps, context, mesh, memory, flops, notes } = right(named("lwm-vision-8K").expects())
  assert.equal([tokens, steps, context, mesh], [117_440_512_000, 14_000, 8192, "data=512"])
  for (
    const note of [
      "6,807,621,632 parameters",
      "theta 50M",
      "warm-up 500, then 6e-4, falling to 6e-5",
      "1,024 rows a step",
    ]
  ) {
    assert.ok(notes!.includes(note), note)
  }
  const parameters = parameterCount(presets["7b"])
  assert.is(parameters, 6_807_621_632)
  // parameters, two moments and a gradient; 6 for each parameter and token, computed again for the most part
  assert.ok(memory! > 4 * 4 * parameters && memory! < 200 * 2 ** 30, `${memory! / 2 ** 30} GiB`)
  assert.ok(flops! > 6 * 6.6e9 * tokens! && flops! < 12 * 6.9e9 * tokens!, `${flops! / (parameters * tokens!)}`)
})

it("takes lines by name, and is another pipeline with them", () => {
  const other = right(adjustedBy(lwm7b, { images: "seen/images", videoChat: "chat.jsonl" }))
  const notes = (of: Pipeline) => right(named("lwm-seen-chat-1M", of).expects()).notes!
  assert.match(notes(other).join(), "text-image: from seen/images")
  assert.match(notes(other).join(), "video-chat: from chat.jsonl, at most 4000 frames")
  assert.not.equal(named("lwm-seen-1K", other).settings, named("lwm-seen-1K").settings)
  assert.equal(named("lwm-seen-8K", other).settings, named("lwm-seen-8K").settings)
  assert.not.match(JSON.stringify(inOrder(other.stages).map((s) => s.settings)), "undefined")
})

it("says what to bring when it is run with nothing", async () => {
  const said = async (name: string): Promise<string> => {
    const stage = named(name) as Stage<unknown, { readonly message: string }, Store>
    const run_ = run(stage).pipe(Effect.provide(Layer.mergeAll(memory(), events)))
    return (await Effect.runPromise(Effect.flip(run_))).message
  }
  assert.match(await said("lwm-vqgan"), "LWM's VQGAN: give --with=vqgan=FOLDER, a folder of .safetensors files")
  assert.match(
    await said("lwm-seen-1K"),
    "nobody has said where the images are: give --with=images=FOLDER of .jsonl files",
  )
})

it.run()
