/** A whole recipe at the smallest scale, from weights and a folder of texts to needles, run on the CPU device. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { encode } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { toForeign } from "../../../models/llama/config.ts"
import { toHuggingFace } from "../../../models/llama/names.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { long } from "../../../models/llama/plan.ts"
import { presets } from "../../../models/llama/presets.ts"
import { stream } from "../../../tasks/data/packing.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { standardShares } from "../../../tasks/questions/stage.ts"
import { questionsOf } from "../../../tasks/recipes/ask.ts"
import { configOf, extend, type Extension } from "../../../tasks/recipes/extend.ts"
import { chatStage, type Growing, textStage } from "../../../tasks/recipes/grow.ts"
import { documentsStage, heldOutStage, type Material } from "../../../tasks/recipes/material.ts"
import { bitsOf, gridUpTo, needlesOf } from "../../../tasks/recipes/measure.ts"
import { weightsStage } from "../../../tasks/recipes/weights.ts"
import { run } from "../../../tasks/stage/run.ts"
import type { Stage } from "../../../tasks/stage/stage.ts"
import { memory } from "../../../tasks/store.ts"
import { passage } from "../questions/passage.ts"

const it = suite("tasks/recipes/grow")

const reach = { context: 64, theta: 1e4 }
const config = { ...presets.debug, ...{ vocab: 259, model: 16, hidden: 24, groups: 2, head: 8, layers: 1 }, ...reach }
const row = (name: string, context: number, theta: number, bin?: Extension["bin"]): Extension => ({
  ...{ name, context, theta, steps: 2, tokens: 2 * context, warmup: 1, rate: 1e-3 },
  ...(bin === undefined ? {} : { bin }),
})
const table = [row("128", 128, 1e5, { from: 0, below: 800 }), row("512", 512, 1e6, { from: 800, below: Infinity })]

/** The recipe over a folder that holds the model and the books. */
const recipe = (folder: string) => {
  const material: Material = {
    ...{ flag: "books", names: [join(folder, "books")], joined: false, tokenizer: "bytes" },
    held: { heldOut: 0.25, by: "tail" },
  }
  const base = weightsStage({ name: "base", model: "Tiny", config, folder })
  const documents = documentsStage("books", material, table.map(({ bin }) => bin!))
  const plan = { ...long, chunk: 32, loss: { tokens: 32, vocab: 128 } }
  const growing: Growing = { name: "tiny", config, reach, material, documents, seed: 1, plan: () => plan }
  const text = extend(table, reach, base, textStage(growing, stream))
  const questions = questionsOf(growing, { kind: "rules" }, base, 100)
  const chat = chatStage(growing, {
    questions,
    size: 100,
    dialogues: [],
    shares: standardShares,
    invented: { size: 150, turns: 2 },
  })(
    row("chat-512", 512, 1e6),
    text[1]!,
  )
  const heldOut = heldOutStage("held-out", material, 10_000)
  const longest = configOf(config, table[1]!)
  const evaluation = { ...gridUpTo(250, { lengths: 1, deep: 2, rounds: 1 }), limit: 8, buffer: 8 }
  return {
    questions,
    text,
    chat,
    bits: bitsOf("bits", chat, longest, "bytes", heldOut, 64, 300),
    needles: needlesOf("needles", chat, longest, "bytes", heldOut, evaluation),
  }
}

const withFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    const tensors = encode(toHuggingFace(config, initialise(config, hostKey(1))))
    if (E.isLeft(tensors)) throw new Error(tensors.left[0]!.message)
    await writeFile(join(folder, "model.safetensors"), tensors.right)
    await writeFile(join(folder, "config.json"), JSON.stringify(toForeign(config)))
    await mkdir(join(folder, "books"))
    const books = [passage, passage.slice(0, 600), passage.replaceAll("Starbuck", "Flask"), passage]
    await Promise.all(books.map((text, i) => writeFile(join(folder, "books", `${i}.txt`), text)))
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

it("grows, asks, is tuned, and is measured; run again it does nothing", () =>
  withFolder(async (folder) => {
    const { questions, text, chat, bits, needles } = recipe(folder)
    const files = new Map<string, Uint8Array>()
    const told: Array<Event> = []
    const device = layer(wasm({ memory: 2 ** 28, threads: 1 }))
    const made = <A, X>(stage: Stage<A, X, never>): Promise<A> =>
      Effect.runPromise(
        heardBy(run(stage), [(e) => Effect.sync(() => void told.push(e))]).pipe(
          Effect.mapError((fault) => new Error(JSON.stringify(fault))),
          Effect.provide(Layer.mergeAll(memory(files), events, device)),
        ) as Effect.Effect<A>,
      )
    const needled = await made(needles as never as Stage<Awaited<ReturnType<typeof needles.make>>>)
    assert.ok(needled !== undefined)
    const finished = told.flatMap((e) => e._tag === "StageFinished" ? [e.stage] : [])
    assert.equal(finished, [
      "base",
      "books",
      "tiny-128",
      "tiny-512",
      "tiny-questions",
      "tiny-chat-512",
      "held-out",
      "needles",
    ])
    const losses = told.flatMap((e) => e._tag === "Stepped" ? [[e.stage, e.step, Number.isFinite(e.loss)]] : [])
    assert.equal(losses.map(([stage, step, good]) => `${stage} ${step} ${good}`), [
      ...["tiny-128 1 true", "tiny-128 2 true", "tiny-512 1 true", "tiny-512 2 true"],
      ...["tiny-chat-512 1 true", "tiny-chat-512 2 true"],
    ])
    const pairs = await made(questions as never as Stage<{ readonly by: string; readonly pairs: number }>)
    assert.is(pairs.by, "rules")
    assert.ok(pairs.pairs >= 3, `${pairs.pairs}`)
    assert.ok([...files.keys()].some((path) => path.startsWith("questions/")))
    const before = told.length
    const again = await made(chat as never as Stage<{ readonly steps: number }>)
    assert.is(again.steps, 2)
    assert.ok(told.slice(before).every((e) => e._tag === "StageCached"))
    assert.ok(text.length === 2)
    const scored = await made(bits as never as Stage<{ readonly bits: number }>)
    assert.ok(scored.bits > 5 && scored.bits < 11, `${scored.bits}`)
  }))

it.run()
