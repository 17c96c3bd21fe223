/** The declared pipeline `lwm-7b`: what it says before anything runs, and what it says when it is run with nothing. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { events } from "../../../tasks/events.ts"
import { chatStages, textStages } from "../../../tasks/recipes/lwm/table.ts"
import { lwm7b, lwmOf, lwmSettings, paperNotes } from "../../../tasks/recipes/lwm/pipeline.ts"
import { inOrder, pipelineFaults, stageNamed } from "../../../tasks/stage/key.ts"
import { run } from "../../../tasks/stage/run.ts"
import type { AnyStage, Expectation, Pipeline, Stage } from "../../../tasks/stage/stage.ts"
import { memory, type Store } from "../../../tasks/store.ts"

const it = suite("tasks/recipes/lwm/pipeline")

const pipeline = lwm7b

const named = (name: string): AnyStage => {
  const found = stageNamed(pipeline, name)
  if (E.isLeft(found)) throw new Error(found.left.message)
  return found.right
}

const expected = (name: string): Expectation => {
  const found = named(name).expects()
  if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
  return found.right
}

it("is whole: text stages one after another, chat from the text model of its length, needles for each", () => {
  assert.equal(pipelineFaults(pipeline), [])
  const names = inOrder(pipeline.stages).map(({ name }) => name)
  const order = ["llama-2-7b", "lwm-books", ...textStages.map(({ name }) => `lwm-${name}`), "lwm-questions"]
  assert.equal(names.filter((name) => order.includes(name)), order)
  const before = (name: string): string => named(name).needs["before"]!.name
  assert.equal(textStages.map(({ name }) => before(`lwm-${name}`)), [
    "llama-2-7b",
    "lwm-32K",
    "lwm-128K",
    "lwm-256K",
    "lwm-512K",
  ])
  assert.equal(chatStages.map(({ name }) => before(`lwm-${name}`)), ["lwm-128K", "lwm-256K", "lwm-512K", "lwm-1M"])
  for (const { name, context } of chatStages) {
    assert.is(named(`lwm-needles-${name}`).needs["model"], named(`lwm-${name}`))
    const { notes, context: longest } = expected(`lwm-needles-${name}`)
    assert.is(longest, context)
    assert.equal(notes, ["240 prompts: needle, 8 lengths x 10 depths"])
  }
})

it("says the paper's figures of every stage", () => {
  assert.equal([...textStages, ...chatStages].map((row) => paperNotes(row).slice(0, 2).join("; ")), [
    "1200 x 4M = 4.8B tokens (M is 2^20); LWM's mesh 1,-1,4,1 on 256 chips: 16384 tokens a rank there and here",
    "3000 x 4M = 12B tokens (M is 2^20); LWM's mesh 1,-1,8,1 on 256 chips: 16384 tokens a rank there and here",
    "3000 x 4M = 12B tokens (M is 2^20); LWM's mesh 1,-1,16,1 on 256 chips: 16384 tokens a rank there and here",
    "720 x 4M = 2.88B tokens (M is 2^20); LWM's mesh 1,-1,16,2 on 256 chips: 16384 tokens a rank there and here",
    "450 x 4M = 1.8B tokens (M is 2^20); LWM's mesh 1,-1,16,4 on 256 chips: 16384 tokens a rank there and here",
    "300 x 4M = 1.2B tokens (M is 2^20); LWM's mesh 1,-1,8,1 on 256 chips: 16384 tokens a rank there and here",
    "300 x 4M = 1.2B tokens (M is 2^20); LWM's mesh 1,-1,16,1 on 256 chips: 16384 tokens a rank there and here",
    "300 x 4M = 1.2B tokens (M is 2^20); LWM's mesh 1,-1,16,2 on 256 chips: 16384 tokens a rank there and here",
    "300 x 4M = 1.2B tokens (M is 2^20); LWM's mesh 1,-1,16,4 on 256 chips: 16384 tokens a rank there and here",
  ])
})

it("forecasts tokens, steps, mesh, operations and memory of a rank, without a value of the model", () => {
  const { tokens, steps, context, mesh, memory, flops, notes } = expected("lwm-32K")
  assert.equal([tokens, steps, context, mesh], [5_033_164_800, 1200, 32_768, "data=64,ring=4"])
  for (
    const note of ["6,738,415,616 parameters", "theta 1M", "warm-up 100, then 4e-5"].concat(
      "a token costs 2 x one at 4K",
      "keys and values 32 GiB in f32",
      "documents of 10K to 100K tokens",
      "75 GiB a rank are parameters and moments, which LWM divides",
    )
  ) assert.ok(notes!.includes(note), note)
  // parameters and two moments, and a gradient as large as the parameters before the update
  assert.ok(memory! > 4 * 4 * 6_738_415_616 && memory! < 200 * 2 ** 30, `${memory! / 2 ** 30} GiB`)
  // 6 for each parameter and token, computed again for the most part, and attention
  const matrices = 6 * 6_607_077_376 * tokens!
  assert.ok(flops! > matrices && flops! < 3 * matrices, `${flops! / matrices}`)
})

it("depends on what is brought", () => {
  const other = lwmOf({ ...lwmSettings, books: ["/books"], weights: "/llama", writer: { kind: "rules" } })
  const settings = (p: Pipeline, name: string) => {
    const found = stageNamed(p, name)
    return E.isRight(found) ? found.right.settings : undefined
  }
  for (const name of ["llama-2-7b", "lwm-books", "lwm-held-out", "lwm-questions", "lwm-1M"]) {
    assert.not.equal(settings(other, name), settings(pipeline, name))
  }
  assert.not.match(JSON.stringify(inOrder(pipeline.stages).map((s) => s.settings)), "undefined")
})

it("says what to bring when it is run with nothing", async () => {
  const said = async (name: string): Promise<string> => {
    const stage = named(name) as Stage<unknown, { readonly message: string }, Store>
    const run_ = run(stage).pipe(Effect.provide(Layer.mergeAll(memory(), events)))
    return (await Effect.runPromise(Effect.flip(run_))).message
  }
  assert.match(
    await said("llama-2-7b"),
    "Llama-2 7B: give --with=weights=FOLDER, a folder with config.json and .safetensors",
  )
  assert.match(await said("lwm-books"), "nobody has said where the books are: give --with=books=FOLDER")
  assert.match(await said("lwm-held-out"), "nobody has said where the books are: give --with=books=FOLDER")
})

it.run()
