/** The vision half's data out of the store and the log: what is of it, its pictures, what failed, and what belongs to the text. */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { BitsPerByte } from "../../../../tasks/evaluate/perplexity.ts"
import { Ablation, Answered, Judged, putFilm, Reconstruction } from "../../../../tasks/evaluate/vision/mod.ts"
import { logOf } from "../../../../tasks/events.ts"
import type { ReportData } from "../../../../tasks/report/data.ts"
import { gather } from "../../../../tasks/report/gather.ts"
import { reportPage } from "../../../../tasks/report/report.ts"
import type { VisionData } from "../../../../tasks/report/vision/data.ts"
import { type AnyStage, type Json, type Needs, pipeline, type Stage, stage } from "../../../../tasks/stage/stage.ts"
import { memory, type Store, type StoreFault, utf8 } from "../../../../tasks/store.ts"
import { putBytes } from "../../../../tasks/objects.ts"
import { Lesson } from "../../../../tasks/train/declared.ts"
import { Trained } from "../../../../tasks/train/training.ts"
import { run as fixture } from "../fixture.ts"
import { runIn, small, stages } from "../pipeline.ts"
import { answeredBy, frameOf, judged, kept, vision as made } from "./fixture.ts"

const it = suite("tasks/report/vision/gather")

const makes = <A>(
  name: string,
  output: t.Type<A, unknown>,
  needs: Needs,
  value: Effect.Effect<A, StoreFault, Store>,
): AnyStage =>
  stage({
    ...{ name, version: "1", about: `makes ${name}`, codec: t.null, settings: null, needs, output },
    make: () => value,
  }) as Stage<A>

/** A training of any model, which learns nothing. */
const lesson = (name: string, learner: string, recipe: Json, unit: string | undefined, needs: Needs): AnyStage =>
  stage({
    ...{ name, version: "1", about: `learns as ${learner}`, codec: Lesson, needs, output: Trained },
    settings: { learner, model: { config: {}, recipe }, seed: 1, data: null },
    make: () =>
      Effect.map(putBytes(utf8(name)), (parameters) => ({
        ...{ parameters, steps: 5, tokens: 40, ...(unit === undefined ? {} : { unit }) },
        curve: [{ step: 5, loss: 1, rate: 1e-3, norm: 1, more: { psnr: 20, usage: 0.5 } }],
      })),
  }) as AnyStage

const film = (count: number) => putFilm(Array.from({ length: count }, (_, i) => frameOf(i % 10, i % 4)))
const frames = judged.made.reduce((n, { frames }) => n + frames, 0)

const vqgan = lesson("vqgan", "vqgan", { batch: 8, steps: 5 }, "frames", {})
const eyesOpen = makes(
  "eyes-open",
  Trained,
  { vqgan, text: stages["longer"]! },
  Effect.map(putBytes(utf8("x")), (parameters) => ({
    ...{ parameters, steps: 0, tokens: 0, curve: [] },
  })),
)
const world = lesson("vision-1k", "world", { batch: 2, time: 64, steps: 5 }, undefined, { eyesOpen })
const answers = (name: string, share: number): AnyStage =>
  makes(name, Answered, { world }, Effect.succeed(answeredBy(name, share)))
const [reference, naive] = [answers("answers-masked", 0.8), answers("answers-naive", 0.6)]

const seeing: { readonly [name: string]: AnyStage } = {
  ...{ vqgan, eyesOpen, world, reference, naive },
  kept: makes(
    "reconstructions",
    Reconstruction,
    { vqgan },
    Effect.map(film(6), (samples) => ({ ...kept, sets: kept.sets.map((s) => ({ ...s, samples })) })),
  ),
  shown: makes("pictures", Judged, { world }, Effect.map(film(frames), (film) => ({ ...judged, film }))),
  answered: answers("answers-pictures", 0.9),
  ablation: makes("ablation", Ablation, { reference, naive }, Effect.succeed(made.ablations[0]!.result)),
  bits: makes("bits-vision", BitsPerByte, { world }, Effect.succeed(fixture.bits[0]!.result)),
}

const both = pipeline("small", "both halves", { ...stages, ...seeing })

const gathered = (files: Map<string, Uint8Array>, of = both): Promise<ReportData> =>
  Effect.runPromise(Effect.provide(gather(of), memory(files)))

const visionIn = ({ vision }: ReportData): VisionData => {
  if (vision === undefined) throw new Error("there is no vision half")
  return vision
}

it("stages are known by what they make and what learned in them; those of the text stay with the text", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files, { ...stages, ...seeing })
  const data = await gathered(files)
  const { stages: standings, lessons, kept, shown, answered, ablations, bits, tests } = visionIn(data)
  assert.equal(standings.map((s) => [s.stage, s.purpose, s.state]).sort(), [
    ["ablation", "ablation", "made"],
    ["answers-masked", "answered", "made"],
    ["answers-naive", "answered", "made"],
    ["answers-pictures", "answered", "made"],
    ["bits-vision", "other", "made"],
    ["eyes-open", "world", "made"],
    ["pictures", "shown", "made"],
    ["reconstructions", "kept", "made"],
    ["vision-1k", "world", "made"],
    ["vqgan", "eyes", "made"],
  ])
  assert.equal(lessons.map((l) => [l.stage, l.unit, l.batch, l.context, l.steps, l.counted]), [
    ["vqgan", "frames", 8, null, 5, 40],
    ["vision-1k", "tokens", 2, 64, 5, 40],
  ])
  assert.equal(answered.map((a) => a.stage), ["answers-pictures"])
  assert.equal(ablations.map((a) => a.stage), ["ablation"])
  assert.equal(bits.map((b) => b.stage), ["bits-vision"])
  assert.equal(data.bits.map((b) => b.stage), ["bits-before", "bits-after"])
  assert.equal([tests.length, data.tests.length], [0, 2])
  assert.equal(kept[0]!.pictures.map((p) => p.pairs.length), [3, 3, 3, 3])
  const numbers = shown[0]!.pictures.map((p) => p.number)
  assert.equal(numbers.slice(0, 20), Array.from({ length: 20 }, (_, i) => i)) // the first, and none chosen
  for (const { number, picture } of shown[0]!.pictures) assert.is(picture.frames, judged.made[number]!.frames)
  assert.equal(visionIn(data), visionIn(await gathered(files)))
})

it("a film that is gone takes only its pictures with it", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files, { ...stages, ...seeing })
  const { shown } = visionIn(await gathered(files))
  const path = [...files.keys()].find((p) => p.includes(shown[0]!.result.film.file.digest))!
  files.set(path, files.get(path)!.map((b, i) => i === 0 ? b ^ 1 : b))
  const after = visionIn(await gathered(files))
  assert.equal([after.shown.length, after.shown[0]!.pictures.length], [1, 0])
  assert.is(after.kept[0]!.pictures[0]!.pairs.length, 3)
})

it("what failed is told with its reason until it is tried again; what needs it is not made yet", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files, { vqgan })
  const key = (await gathered(files)).stages.find((s) => s.name === "reconstructions")!.key!
  const say = (event: unknown) => `${JSON.stringify(event)}\n`
  const failed = say({ _tag: "StageFailed", key, why: "out of memory", stage: "reconstructions", at: 1 })
  const log = new TextDecoder().decode(files.get(logOf("small")))
  files.set(logOf("small"), utf8(log + failed))
  const data = await gathered(files)
  const standings = visionIn(data).stages
  const of = (name: string) => standings.find((s) => s.stage === name)!
  assert.equal([of("reconstructions").state, of("reconstructions").why], ["failed", "out of memory"])
  assert.is(of("pictures").state, "missing")
  assert.match(reportPage(data), /reconstructions failed: out of memory/)
  const started = say({ _tag: "StageStarted", key, stage: "reconstructions", at: 2 })
  files.set(logOf("small"), utf8(log + failed + started))
  const again = visionIn(await gathered(files)).stages.find((s) => s.stage === "reconstructions")!
  assert.is(again.state, "missing")
})

it("a pipeline in which nothing sees has no such half", async () => {
  const data = await gathered(new Map(), small)
  assert.is("vision" in data, false)
})

it.run()
