/** A report's data out of the store and the log: what was made, how long it took, whose it is, and what is missing. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Happening } from "../../../tasks/events.ts"
import { logOf } from "../../../tasks/events.ts"
import { ReportData } from "../../../tasks/report/data.ts"
import type { Language } from "../../../tasks/language/language.ts"
import { gather } from "../../../tasks/report/gather.ts"
import { dataPath, pagePath, reported } from "../../../tasks/report/outline.ts"
import { samplesStage } from "../../../tasks/report/samples.ts"
import { spent } from "../../../tasks/report/times.ts"
import { writeReport } from "../../../tasks/report/write.ts"
import { pipeline } from "../../../tasks/stage/stage.ts"
import { memory, utf8 } from "../../../tasks/store.ts"
import { wordTokenizer } from "../evaluate/fakes.ts"
import { outline, runIn, small, stages, timed } from "./pipeline.ts"

const it = suite("tasks/report/gather")
const key = "ab".repeat(32)
const other = "cd".repeat(32)

const gathered = (files: Map<string, Uint8Array>, of: typeof small = small): Promise<ReportData> =>
  Effect.runPromise(Effect.provide(gather(of), memory(files)))

const named = <A extends { readonly name: string }>(all: ReadonlyArray<A>, name: string): A => {
  const found = all.find((a) => a.name === name)
  if (found === undefined) throw new Error(`there is no ${name} among ${all.map((a) => a.name)}`)
  return found
}

// ---- times ---------------------------------------------------------------------

const started: Happening = { _tag: "StageStarted", key }
const finished: Happening = { _tag: "StageFinished", key, digest: other }
const steps = (from: number, to: number): ReadonlyArray<Happening> =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    ...{
      _tag: "Stepped",
      step: from + i,
      steps: 9,
      loss: 1,
      rate: 1,
      norm: 1,
      tokens: 100 * (from + i),
      memory: 7 + i,
    },
  }))

it("a stage that was stopped and taken up again has the time of both, and the speed of its steps", () => {
  const log = [
    ...timed("a", [started, ...steps(1, 4)], 100),
    ...timed("b", [started, ...steps(1, 9), finished], 100, 5),
    ...timed("a", [started, { _tag: "Resumed", step: 2, digest: other }, ...steps(3, 6), finished], 500, 2),
  ]
  const a = spent(log, "a", key)
  assert.is(a.seconds, 4 + 12)
  assert.is(a.tokensPerSecond, 600 / 9) // three steps in 3 s, three in 6 s; what lies between the attempts is nobody's
  assert.is(a.measured, 10)
  assert.is(a.cached, false)
  assert.equal(a.notes, ["a was interrupted and taken up again at step 2."])
})

it("a stage that was made anew has the time of the last making", () => {
  const log = [
    ...timed("a", [started, ...steps(1, 9), finished], 0, 50),
    ...timed("a", [started, ...steps(1, 2)], 1000),
    ...timed("a", [started, { _tag: "Resumed", step: 2, digest: other }, ...steps(3, 4), finished], 2000),
  ]
  assert.is(spent(log, "a", key).seconds, 2 + 4)
})

it("other keys, other stages and what came after the end do not count", () => {
  const log = [
    ...timed("a", [{ _tag: "StageStarted", key: other }, ...steps(1, 9)], 0, 50),
    ...timed("a", [started, ...steps(1, 3), finished], 1000),
    ...timed("a", [{ _tag: "StageCached", key }], 9000),
  ]
  const a = spent(log, "a", key)
  assert.equal([a.seconds, a.tokensPerSecond, a.cached], [4, 100, true])
  assert.equal(spent([], "a", key), {
    ...{ cached: true, seconds: null, tokensPerSecond: null, measured: null, notes: [], remarks: [] },
  })
})

it("what went otherwise is told", () => {
  const list: ReadonlyArray<Happening> = [
    started,
    ...[3, 4, 4].map((step): Happening => ({ _tag: "Spiked", step, loss: null, usual: 1 })),
    { _tag: "Note", text: "it was torn" },
    finished,
  ]
  const { notes, remarks } = spent(timed("a", list, 0), "a", key)
  assert.equal(notes, ["a: the loss was far from the usual at step 3, 4."])
  assert.equal(remarks, ["a: it was torn"])
})

// ---- a pipeline ------------------------------------------------------------------

it("a run is gathered: trainings, measurements with their names and lanes, questions, samples, the base", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files)
  const data = await gathered(files)
  assert.is(data.title, "A pipeline of nothing")
  assert.equal(data.notes, ["longer: the loss was far from the usual at step 7."])
  assert.ok(
    data.stages.every((s) => s.digest?.length === 64 && s.key?.length === 64 && s.seconds !== null && !s.cached),
  )
  const { training, needs } = named(data.stages, "longer")
  const { curve, parameters, ...rest } = training!
  assert.equal(needs, ["base"])
  assert.equal([curve.length, parameters > 1000], [3, true])
  assert.equal({ ...rest, tokensPerSecond: 0 }, {
    ...{ lane: "model", context: 512, theta: 5e4, rows: 2, steps: 10, tokens: 10_240, rate: 1e-3 },
    ...{ tokensPerSecond: 0, forecast: 4_500_000, measured: 5_000_010 },
  })
  assert.equal(data.stages.filter((s) => s.training?.lane === "control").map((s) => s.name), ["tuning-control"])
  assert.equal(data.tests.map((f) => [f.stage, f.name, f.says, f.lane, f.reach]), [
    ["needles", "Longer", "Twice as long.", "model", 512],
    ["needles-control", "control", "Makes needles-control.", "control", 256],
  ])
  assert.equal(data.bits.map((f) => [f.name, f.lane]), [["base", "model"], ["chat", "model"]])
  assert.is(data.positions.length, 1)
  assert.equal(data.samples, [{ prompt: "Call me", answer: " Ishmael", label: "greedy" }])
  assert.equal(data.questions.map((q) => [q.by, q.chunks, q.pairs, q.some.length, q.some[0]!.question]), [
    ["rules", 4, 3, 3, "Who is 0?"],
  ])
  assert.equal([data.base!.verified, data.base!.bytes, data.base!.madeBy], [false, 4, "deno task run base"])
  assert.equal(data.commands, ["plan", "run", "report"].map((task) => `npx -y deno task ${task} small`))
})

it("run again all is cached, and times are those of the run that made it; without its log they are not known", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files)
  const first = await gathered(files)
  await runIn(files)
  const second = await gathered(files)
  assert.ok(second.stages.every((s) => s.cached))
  assert.equal(second.stages.map((s) => s.seconds), first.stages.map((s) => s.seconds))
  files.delete(logOf("small"))
  const third = await gathered(files)
  assert.ok(third.stages.every((s) => s.cached && s.seconds === null && s.digest !== null))
  assert.is(third.tests.length, 2)
})

it("what is not made is said to be so, and a log that is torn or foreign spoils nothing", async () => {
  const files = new Map([[logOf("small"), utf8('{"_tag":"StageStarted"')]])
  const nothing = await gathered(files)
  assert.match(nothing.notes[0]!, /Not made yet: base, longer, tuning-control, questions/)
  assert.equal(named(nothing.stages, "longer").training!.curve, [])
  assert.is(named(nothing.stages, "longer").key, null)
  await runIn(files, { base: stages.base! })
  const some = await gathered(files)
  assert.match(some.notes[0]!, /Not made yet: longer/)
  assert.equal(["base", "longer"].map((s) => named(some.stages, s).cached), [false, false])
  assert.ok(named(some.stages, "base").digest !== null && named(some.stages, "longer").key !== null)
})

it("which stages measure the control can be said, where their names do not", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files)
  const { base: _, ...rest } = outline
  const other = reported(pipeline("small", "", stages), { ...rest, control: ["needles"] })
  const data = await gathered(files, other)
  assert.equal(data.tests.map((f) => f.lane), ["control", "model"])
  const trainings = data.stages.filter((s) => s.training !== null)
  assert.equal(trainings.map((s) => [s.name, s.training!.lane]), [
    ["base", "model"],
    ["longer", "model"], // bits and positions are of it, too
    ["tuning-control", "model"],
  ])
  assert.is(data.base, null)
})

it("what a model says to prompts is a stage, whose settings say how it was asked", async () => {
  const heard: Array<ReadonlyArray<number>> = []
  const language: Language = {
    ...{ name: "parrot", digest: key, tokenizer: wordTokenizer, context: 99 },
    answer: (prompts, { limit }) => {
      heard.push(...prompts.map((p) => [...Array.from(p), limit]))
      return Effect.succeed(prompts.map(() => wordTokenizer.encode(" the")))
    },
    nats: () => Effect.succeed([]),
  }
  const made = samplesStage({
    name: "samples",
    subject: { model: stages.base!, open: () => Effect.succeed(language), as: { theta: 2 } },
    prompts: [
      { text: "12", limit: 3, sampling: { temperature: 0, seed: 5 } },
      { text: "a", limit: 1, sampling: { temperature: 0.7, topK: 9, topP: 0.5, seed: 6 }, until: ["."] },
    ],
  })
  assert.equal(
    await Effect.runPromise(made.make({ model: "x" } as never, undefined as never) as Effect.Effect<unknown>),
    [
      { prompt: "12", answer: " the", label: "parrot, greedy" },
      { prompt: "a", answer: " the", label: "parrot, temperature 0.7, top-k 9, top-p 0.5, seed 6" },
    ],
  )
  assert.equal(heard, [[wordTokenizer.bos, ...wordTokenizer.encode("12"), 3], [wordTokenizer.bos, 97, 1]])
  assert.equal(made.seeds, [5, 6])
  assert.equal((made.settings as { readonly subject: unknown }).subject, { theta: 2 })
})

it("page and data are written beside the log", async () => {
  const files = new Map<string, Uint8Array>()
  await runIn(files)
  const path = await Effect.runPromise(Effect.provide(writeReport(small), memory(files)))
  assert.match(path, /small.report\.html$/)
  const text = (p: string): string => new TextDecoder().decode(files.get(p))
  assert.match(text(pagePath("small")), /<h1>A pipeline of nothing<\/h1>/)
  const read = ReportData.decode(JSON.parse(text(dataPath("small"))))
  assert.ok(E.isRight(read))
})

it.run()
