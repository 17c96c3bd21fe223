/** Models that see, in the loop of a training: they learn, tell their numbers, are stopped and go on. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { encode } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { initialise as initialiseText } from "../../../models/llama/parameters.ts"
import { spreadOver } from "../../../models/llama/plan.ts"
import type { Frames } from "../../../models/vqgan/mod.ts"
import * as World from "../../../models/world/mod.ts"
import { add, mul } from "../../../ops/elementwise.ts"
import { rename } from "../../../ops/movement.ts"
import type { Batches } from "../../../tasks/data/example.ts"
import type { VisionRows } from "../../../tasks/data/vision-example.ts"
import { tensorsOf } from "../../../tasks/train/parameters.ts"
import type { Given } from "../../../tasks/train/rows.ts"
import { learningStage } from "../../../tasks/train/stage.ts"
import type { Learning } from "../../../tasks/train/training.ts"
import { vqganLearner, worldLearner, worldParametersIn } from "../../../tasks/vision/learners.ts"
import { config as seen, framesOf, recipe as seeing } from "../../models/vqgan/small.ts"
import { config, rowsOf } from "../../models/world/model.ts"
import { type Files, on, stopped } from "../train/learned.ts"

const it = suite("tasks/vision/learners")

/** Batches by their number. */
const counted = <B>(make: (n: number) => B): Batches<never, never, B> => ({
  from: (position) =>
    Stream.unfold((position ?? 0) as number, (n) => Effect.succeed([{ rows: make(n), after: n + 1 }, n + 1] as const)),
})

// ---- VQGAN -------------------------------------------------------------------

const short = { ...seeing, steps: 6 }

const frames = (n: number): Given => {
  const all = framesOf(seen, short.batch + n)
  const one = all.length / (short.batch + n)
  const spec = f32("batch row col channel", { batch: short.batch, row: 8, col: 8, channel: 3 })
  return { frames: { ...spec, data: Float32Array.from(all.slice(n * one)) } }
}

const eyes: Learning<never, never> = {
  ...{ stage: "eyes", learner: vqganLearner({ config: seen, recipe: short }), seed: 3, start: undefined, save: 2 },
  batches: counted((n) => frames(n % 3)),
}

it("a VQGAN learns in the loop, discriminator and codes with it, and goes on as if nothing had happened", async () => {
  const files: Files = new Map()
  const { trained, told } = await on(files, eyes)
  assert.equal([trained.unit, trained.tokens, trained.curve.length], ["frames", 12, 6])
  assert.equal(Object.keys(trained.curve[0]!.more!).slice(0, 2), ["psnr", "usage"])
  assert.ok(trained.curve.every(({ more }) => more!["usage"]! > 0 && more!["usage"]! <= 1))
  assert.ok(trained.curve.at(-1)!.loss < trained.curve[0]!.loss, JSON.stringify(trained.curve.map((p) => p.loss)))
  assert.is(told.filter((e) => e._tag === "Saved").length, 3)
  const torn: Files = new Map()
  await stopped(torn, eyes, 4)
  const again = await on(torn, eyes)
  assert.equal(again.told.flatMap((e) => e._tag === "Resumed" ? [e.step] : []), [4])
  assert.equal(again.trained, trained)
})

it("a VQGAN on several ranks, or with settings that do not fit, is a fault before anything runs", () => {
  const said = (learner: typeof eyes.learner): string => {
    const stage = learningStage({
      ...{ name: "eyes", learner, seed: 1, needs: {} },
      data: { settings: null, batches: () => eyes.batches },
    })
    const known = stage.graphs()
    return E.isLeft(known) ? known.left.map((f) => f.message).join("\n") : "fine"
  }
  assert.is(said(eyes.learner), "fine")
  assert.match(said(eyes.learner.on(spreadOver({ data: 2 }))), /learns on one rank, not on 2/)
  assert.match(
    said(vqganLearner({ config: seen, recipe: { ...short, accumulate: 2 } })),
    /not cut; give smaller batches/,
  )
  const looked = { ...short, perceptual: 1 }
  assert.match(said(vqganLearner({ config: seen, recipe: looked })), /perceptual is 1, but there is no network/)
})

it("a VQGAN learns by what a network sees; another network is another key", () => {
  const sightOf = (name: string, gain: number) => ({
    name,
    see: (_: undefined, x: Frames) => [add(mul(rename(x, { channel: "feature" }), gain), 0.5)],
  })
  const keyOf = (perceptual: number, sight?: ReturnType<typeof sightOf>): string => {
    const recipe = { ...short, perceptual }
    const learner = vqganLearner({ config: seen, recipe, ...(sight === undefined ? {} : { sight }) })
    const known = learningStage({
      ...{ name: "eyes", learner, seed: 1, needs: {} },
      data: { settings: null, batches: () => eyes.batches },
    })
    return JSON.stringify([known.graphs(), learner.settings])
  }
  const keys = [keyOf(0), keyOf(1, sightOf("one", 1)), keyOf(1, sightOf("one", 2)), keyOf(1, sightOf("two", 2))]
  assert.is(new Set(keys).size, 4)
})

// ---- the world model -----------------------------------------------------------

const recipe: World.Recipe = {
  ...{ batch: 3, time: 16, steps: 6, warmup: 1, peak: 0.05, end: 0.05, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}

const rows = (n: number): VisionRows => {
  const { batch, time } = recipe
  const made = rowsOf(config, batch, time, n)
  const whole = i32("batch time", { batch, time })
  const ids = (name: keyof typeof made) => ({ ...whole, data: Int32Array.from(made[name].flat()) })
  return {
    ...{ tokens: ids("tokens"), targets: ids("targets"), vision: ids("vision") },
    ...{ visionTargets: ids("visionTargets"), segments: ids("segments"), positions: ids("positions") },
    weights: { ...f32("batch time", { batch, time }), data: Float32Array.from(made.weights.flat()) },
  }
}

const learner = worldLearner({ config, recipe, packed: true })
const world: Learning<never, never, VisionRows> = {
  ...{ stage: "world", learner, seed: 3, start: undefined, save: 2 },
  batches: counted(() => rows(0)),
}

it("a world model learns in the loop, tells the loss of each modality, and goes on as if nothing had happened", async () => {
  const { trained } = await on(new Map(), world)
  assert.equal([trained.unit, trained.tokens], [undefined, 6 * 3 * 16])
  const [first, last] = [trained.curve[0]!, trained.curve.at(-1)!]
  assert.equal(Object.keys(first.more!).slice(0, 2), ["visionLoss", "textLoss"])
  for (const name of ["visionLoss", "textLoss"]) {
    assert.ok(last.more![name]! < first.more![name]! - 0.2, `${name}: ${first.more![name]} to ${last.more![name]}`)
  }
  const torn: Files = new Map()
  await stopped(torn, world, 2)
  const again = await on(torn, world)
  assert.equal(again.told.flatMap((e) => e._tag === "Resumed" ? [e.step] : []), [2])
  assert.equal(again.trained, trained)
})

it("it begins from its own parameters, or from those of a text model, which grow", () => {
  const known = <A>(e: E.Either<unknown, A>): A => {
    if (E.isRight(e)) return e.right
    throw new Error(JSON.stringify(e.left))
  }
  const key = hostKey(5)
  const [own, text] = [World.initialise(config, key), initialiseText(config, key)]
  const read = worldParametersIn(config)
  assert.equal(known(read(tensorsOf(own), hostKey(9))), own)
  assert.equal(known(read(tensorsOf({ parameters: own }), hostKey(9))), own)
  const grown = known(read(tensorsOf(text), key))
  assert.equal(grown, own)
  assert.is.not(known(read(tensorsOf(text), hostKey(9))).visionHead?.data[0], own.visionHead?.data[0])
  const foreign = World.toHuggingFace(config, own)
  assert.ok(E.isRight(encode(foreign, new Map())))
  assert.equal(known(read(foreign, hostKey(9))), own)
  assert.ok(E.isLeft(read(tensorsOf(initialiseText({ ...config, hidden: 4 }, key)), key)))
})

it("rows of text alone lack what a world model asks for", () => {
  const { vision: _, ...text } = rows(0)
  const got = learner.given(text as VisionRows)
  assert.match("_tag" in got ? String(got.message) : "", /the rows have no vision/)
  const unpacked = worldLearner({ config, recipe }).given(rows(0))
  assert.match("_tag" in unpacked ? String(unpacked.message) : "", /packed: true/)
})

it.run()
