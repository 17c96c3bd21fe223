/** Evaluations as stages: declaring runs nothing, settings are data, and what is opened is closed again. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Evaluation, Evaluation as EvaluationCodec, lwmEvaluation } from "../../../tasks/evaluate/grid.ts"
import {
  multiKey,
  multiNeedle,
  multiQuery,
  multiValue,
  type Probe,
  singleNeedle,
  taskOf,
  trackVariables,
} from "../../../tasks/evaluate/probe.ts"
import { share } from "../../../tasks/evaluate/result.ts"
import { bitsStage, expected, needleStage, positionStage, regressionStage } from "../../../tasks/evaluate/stage.ts"
import { depths } from "../../../tasks/evaluate/task.ts"
import { events } from "../../../tasks/events.ts"
import { type AnyStage, type Journal, stage } from "../../../tasks/stage/stage.ts"
import { reader, story, wordTokenizer } from "./fakes.ts"

const it = suite("tasks/evaluate/stage")

const made = <A>(name: string, output: t.Type<A, unknown>, value: A) =>
  stage({ name, version: "1", codec: t.null, settings: null, needs: {}, output, make: () => Effect.succeed(value) })

const model = made("model", t.string, "weights")
const text = { from: made("book", t.string, story), read: Effect.succeed<string> }
const evaluation: Evaluation = {
  ...lwmEvaluation(singleNeedle()),
  grid: { lengths: [1000, 1400], depths: depths(3), rounds: 2 },
  batch: 3000,
}
const foretelling = { context: 64, batch: 640, rows: 4, bins: 1, characters: 1500 }

const nothing: Journal = { last: () => Effect.succeed(undefined), save: () => Effect.void }

const run = <A>(s: AnyStage, inputs: unknown): Promise<A> =>
  Effect.runPromise(Effect.provide(s.make(inputs as never, nothing), events) as Effect.Effect<A>)

const subjectOf = (opened: Array<string> = []) => ({
  model,
  as: { theta: 10_000 },
  open: (made: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        opened.push(`opened ${made}`)
        return reader(wordTokenizer, taskOf(singleNeedle()).solve)
      }),
      () => Effect.sync(() => void opened.push("closed")),
    ),
})

it("a grid is a stage: it opens the model, evaluates, closes it, and its output is data", async () => {
  const opened: Array<string> = []
  const needles = needleStage({ name: "needles", subject: subjectOf(opened), text, evaluation })
  assert.equal(opened, [])
  assert.equal(Object.keys(needles.needs), ["model", "text"])
  assert.equal(needles.seeds, [1234])
  const result = await run<ReturnType<typeof JSON.parse>>(needles, { model: "weights", text: story })
  assert.equal(opened, ["opened weights", "closed"])
  assert.is(share(result.total), 1)
  assert.equal(needles.output.decode(JSON.parse(JSON.stringify(needles.output.encode(result)))), E.right(result))
  const plan = needles.expects()
  assert.ok(E.isRight(plan))
  assert.equal(plan.right, {
    ...{ tokens: 6 * 1000 + 6 * 1400, steps: 2 + 3, context: 1400 },
    notes: ["12 prompts: needle, 2 lengths x 3 depths"],
  })
  assert.is(expected({ ...evaluation, probe: multiNeedle(2, 2) }).steps, 1 + 1)
})

it("settings tell apart what differs, down to how the model is opened", () => {
  const settings = (more: Partial<Evaluation>, as = { theta: 10_000 }): string =>
    JSON.stringify(
      needleStage({ name: "n", subject: { ...subjectOf(), as }, text, evaluation: { ...evaluation, ...more } })
        .settings,
    )
  const some = [
    settings({}),
    settings({}, { theta: 1e6 }),
    settings({ seed: 1 }),
    settings({ probe: singleNeedle(), buffer: 201 }),
    settings({ probe: multiNeedle(4, 2) }),
  ]
  assert.is(new Set(some).size, some.length)
  assert.is(settings({}), some[0])
})

it("every probe goes through its codec unchanged", () => {
  const probes: ReadonlyArray<Probe> = [
    ...[singleNeedle(), multiNeedle(4, 2), multiKey(10), multiKey("fill"), multiValue(3), multiQuery(2, 4)],
    trackVariables(),
  ]
  assert.is(new Set(probes.map((p) => p.name)).size, probes.length)
  for (const probe of probes) {
    const e = lwmEvaluation(probe)
    assert.equal(EvaluationCodec.decode(JSON.parse(JSON.stringify(EvaluationCodec.encode(e)))), E.right(e))
  }
})

it("bits per byte before and after, and nats by position, are stages", async () => {
  const before = bitsStage({ name: "before", subject: subjectOf(), text, foretelling })
  const after = bitsStage({ name: "after", subject: subjectOf(), text, foretelling })
  const bits = await run<{ readonly bits: number; readonly bytes: number }>(before, { model: "weights", text: story })
  assert.is(bits.bytes, new TextEncoder().encode(story.slice(0, 1500)).length)
  const both = regressionStage({ name: "short", before, after })
  assert.equal(await run(both, { before: bits, after: bits }), { before: bits, after: bits, change: 0 })
  const byPosition = positionStage({ name: "position", subject: subjectOf(), text, foretelling })
  const found = await run<{ readonly rows: number; readonly bins: ReadonlyArray<{ readonly nats: number }> }>(
    byPosition,
    { model: "weights", text: story },
  )
  assert.is(found.rows, 4)
  for (const { nats } of found.bins) assert.ok(Math.abs(nats - Math.LN2) < 1e-6)
})

it.run()
