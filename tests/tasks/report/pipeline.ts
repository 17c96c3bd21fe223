/**
 * A pipeline of stages that make what is in the fixture: codecs, keys, store and log are real, only nothing is learned.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type Event, events, type Happening, heardBy, logOf, logTo, say } from "../../../tasks/events.ts"
import { BitsPerByte, ByPosition } from "../../../tasks/evaluate/perplexity.ts"
import { Result } from "../../../tasks/evaluate/result.ts"
import { putBytes } from "../../../tasks/objects.ts"
import { Pairs } from "../../../tasks/questions/pairs.ts"
import { type Sample, Samples } from "../../../tasks/report/data.ts"
import { type Outline, type Reported, reported } from "../../../tasks/report/outline.ts"
import { runAll } from "../../../tasks/stage/run.ts"
import { type AnyStage, type Needs, type Pipeline, pipeline, type Stage, stage } from "../../../tasks/stage/stage.ts"
import { memory, utf8 } from "../../../tasks/store.ts"
import { Declared } from "../../../tasks/train/declared.ts"
import { Trained } from "../../../tasks/train/training.ts"
import { plain } from "../../../models/llama/plan.ts"
import { run as fixture } from "./fixture.ts"

const config = {
  ...{
    vocab: 64,
    model: 8,
    hidden: 16,
    layers: 1,
    groups: 2,
    share: 1,
    head: 4,
    theta: 1e4,
    epsilon: 1e-6,
    context: 256,
  },
}
const recipe = {
  batch: 2,
  time: 256,
  steps: 10,
  warmup: 1,
  peak: 1e-3,
  end: 1e-3,
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.98,
}

const step = (n: number, steps: number, tokens: number): Happening => ({
  ...{ _tag: "Stepped", step: n, steps, loss: 4 / n, rate: 1e-3, norm: 1, tokens: n * tokens, memory: 5_000_000 + n },
})

/** A training of so many tokens a row, which tells steps and learns nothing. */
const training = (name: string, time: number, theta: number, needs: Needs): AnyStage =>
  stage({
    name,
    version: "1",
    about: `rows of ${time}`,
    codec: Declared,
    settings: {
      ...{ config: { ...config, theta, context: time }, recipe: { ...recipe, time }, plan: plain },
      ...{ packed: false, seed: 1, data: null },
    },
    needs,
    output: Trained,
    expects: () => E.right({ memory: 4_500_000 }),
    make: () =>
      Effect.gen(function* () {
        for (let n = 1; n <= 10; n++) yield* say(step(n, 10, 2 * time))
        if (name === "longer") yield* say({ _tag: "Spiked", step: 7, loss: 99, usual: 2 })
        const parameters = yield* putBytes(utf8(name))
        const curve = [1, 5, 10].map((n) => ({ step: n, loss: 4 / n, rate: 1e-3, norm: 1 }))
        return { parameters, steps: 10, tokens: 20 * time, curve }
      }),
  }) as AnyStage

const makes = <A>(
  name: string,
  output: t.Type<A, unknown>,
  value: A,
  needs: Needs,
  about = `makes ${name}`,
): AnyStage =>
  stage({
    ...{ name, version: "1", about, codec: t.null, settings: null, needs, output },
    make: () => Effect.succeed(value),
  }) as Stage<A>

const base = training("base", 256, 1e4, {})
const longer = training("longer", 512, 5e4, { base })
const control = training("tuning-control", 256, 1e4, { base })

const pairs = stage({
  ...{ name: "questions", version: "1", about: "questions", codec: t.null, settings: null, needs: {}, output: Pairs },
  make: () =>
    Effect.gen(function* () {
      const lines = [0, 1, 2].map((i) =>
        JSON.stringify({ chunk: String(i).repeat(64), question: `Who is ${i}?`, answer: "Ahab", by: "rules" })
      )
      const file = yield* putBytes(utf8(lines.join("\n") + "\n"))
      return { file, by: "rules", chunks: 4, pairs: 3, nothing: 1, malformed: 0, tokens: 600, answers: 9 }
    }),
}) as AnyStage

const said: ReadonlyArray<Sample> = [{ prompt: "Call me", answer: " Ishmael", label: "greedy" }]

/** The stages. */
export const stages: { readonly [name: string]: AnyStage } = {
  ...{ base, longer, control, pairs },
  needles: makes("needles", Result, fixture.tests[0]!.result, { longer }),
  needlesControl: makes("needles-control", Result, fixture.tests[1]!.result, { control }),
  before: makes("bits-before", BitsPerByte, fixture.bits[0]!.result, { base }),
  after: makes("bits-after", BitsPerByte, fixture.bits[5]!.result, { longer }),
  positions: makes("positions", ByPosition, fixture.positions[0]!.result, { longer }),
  samples: makes("samples", Samples, said, { longer }),
}

/** What its report says of it. */
export const outline: Outline = {
  title: "A pipeline of nothing",
  stages: { needles: { name: "Longer", says: "Twice as long." }, "bits-before": { name: "base" } },
  base: { stage: "base", declared: "00", madeBy: "deno task run base", says: "made elsewhere" },
}

/** The pipeline. */
export const small: Pipeline & Reported = reported(pipeline("small", "nothing is learned", stages), outline)

/** Makes some stages in a map of files, and writes the log as `deno task run` does. */
export const runIn = (files: Map<string, Uint8Array>, some: Needs = stages): Promise<void> =>
  Effect.runPromise(
    heardBy(runAll(some) as Effect.Effect<unknown, never, never>, [logTo(logOf("small"))]).pipe(
      Effect.provide(events),
      Effect.provide(memory(files)),
      Effect.asVoid,
    ) as Effect.Effect<void>,
  )

/** Events of a stage, so many seconds after each other. */
export const timed = (stage: string, list: ReadonlyArray<Happening>, from: number, seconds = 1): ReadonlyArray<Event> =>
  list.map((e, i) => ({ ...e, stage, at: 1000 * (from + seconds * i) }))
