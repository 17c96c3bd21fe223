/** What a recipe sees: kinds out of folders, kept once, rows by shares; and a model that learns from them for some steps. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { writeFile } from "node:fs/promises"
import { layer } from "../../../core/device/device.ts"
import { encode } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { toForeign } from "../../../models/llama/config.ts"
import { toHuggingFace } from "../../../models/llama/names.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { plain } from "../../../models/llama/plan.ts"
import { presets } from "../../../models/llama/presets.ts"
import type { WorldConfig } from "../../../models/world/config.ts"
import { paperBalance } from "../../../tasks/data/vision-example.ts"
import { lwmPairing } from "../../../tasks/data/vision-pairs.ts"
import { events } from "../../../tasks/events.ts"
import { extend, type Extension } from "../../../tasks/recipes/extend.ts"
import { seeStage } from "../../../tasks/recipes/see.ts"
import { type SeenMaterial, seenRows, seenStage } from "../../../tasks/recipes/seen.ts"
import { weightsStage } from "../../../tasks/recipes/weights.ts"
import { run } from "../../../tasks/stage/run.ts"
import { memory } from "../../../tasks/store.ts"
import { faultOf, inFolder, right } from "../data/letters.ts"

const it = suite("tasks/recipes/seen")

const layout = { codes: 8, frame: 2 }
const line = (n: number, frames: number): string =>
  JSON.stringify({
    caption: `c${n}`,
    question: "how many?",
    vision: Array.from({ length: 2 * frames }, (_, i) => (n + i) % 8),
    fields: frames === 1 ? "caption,vision" : "[vision],[question],caption",
  })
const files = {
  "images/a.jsonl": Array.from({ length: 9 }, (_, n) => line(n, 1)).join("\n"),
  "images/deep/b.jsonl": [line(9, 1), JSON.stringify({ vision: [99, 1], fields: "vision" })].join("\n"),
  "images/readme.txt": "not a line",
  "videos.jsonl": Array.from({ length: 6 }, (_, n) => line(n, 3)).join("\n"),
  "texts/a.txt": "what is said ".repeat(9),
  "none/readme.txt": "nothing",
}

const materialOf = (path: (name: string) => string): SeenMaterial => ({
  ...{ layout, tokenizer: "bytes", context: 64 },
  kinds: [
    {
      ...{ task: "text-image", share: 0.5 },
      from: { flag: "images", names: [path("images")], fields: "fields", frames: 1, pairing: lwmPairing },
    },
    {
      ...{ task: "video-chat", share: 0.3 },
      from: { flag: "videos", names: [path("videos.jsonl")], fields: "fields", frames: 2, pairing: null },
    },
    {
      ...{ task: "text", share: 0.2 },
      from: {
        ...{ flag: "texts", names: [path("texts")], joined: false, tokenizer: "bytes" },
        held: { heldOut: 0, by: "document" },
      },
    },
  ],
})

const around = () => Layer.mergeAll(memory(new Map()), events)

it(
  "counts what there is of each kind, folders at any depth, and lines that cannot be used",
  inFolder(files, async (path) => {
    const counts = await Effect.runPromise(Effect.provide(run(seenStage("seen", materialOf(path))), around()))
    assert.equal(counts.map(({ task, examples, malformed }) => [task, examples, malformed]), [
      ["text-image", 10, 1],
      ["video-chat", 6, 0],
      ["text", 1, 0],
    ])
    // bos, caption, <vision>, two codes and their end, </vision>, eos
    assert.is(counts[0]!.tokens, 10 * (1 + 2 + 8 + 3 + 9 + 1))
    const [first] = materialOf(path).kinds
    const empty = { ...materialOf(path), kinds: [{ ...first!, from: { ...first!.from, names: [path("none")] } }] }
    const fault = await faultOf(Effect.provide(run(seenStage("seen", empty as SeenMaterial)), around()))
    assert.match((fault as { readonly message: string }).message, "holds no .jsonl file, at any depth")
  }),
)

it(
  "mixes rows of kinds by their shares; a kind's weight scales its rows; rows go on from any position",
  inFolder(files, async (path) => {
    const taken = (n: number, tasks: { readonly [task: string]: number }, from?: never) =>
      Effect.runPromise(Effect.provide(
        Stream.runCollect(Stream.take(seenRows(materialOf(path), { batch: 4, seed: 3, tasks }).from(from), n)),
        around(),
      ))
    const all = await taken(30, {})
    const sum = (data: ArrayLike<number>): number => Array.from(data).reduce((a, b) => a + b, 0)
    const rowAt = (data: ArrayLike<number>, row: number): ReadonlyArray<number> =>
      Array.from(data).slice(64 * row, 64 * row + 64)
    const rows = all.flatMap(({ rows }) =>
      [0, 1, 2, 3].map((r) => [rowAt(rows.vision.data, r), rowAt(rows.weights.data, r)])
    )
    const texts = rows.filter(([vision]) => sum(vision!) === 0)
    const slack = 3 * Math.sqrt(120 * 0.2 * 0.8)
    assert.ok(Math.abs(texts.length - 24) <= slack, `${texts.length} of 120 rows are text`)
    // alone in its modality a row of text weighs a row's part of the batch
    for (const [, weights] of texts) assert.ok(Math.abs(sum(weights!) - 1 / 4) < 1e-6)
    const double = await taken(3, { text: 6 })
    assert.equal(double[0]!.rows.tokens, all[0]!.rows.tokens)
    for (const [i, { rows }] of double.entries()) {
      for (const r of [0, 1, 2, 3]) {
        const factor = (sum(rowAt(rows.vision.data, r)) === 0 ? 6 : 1) / (0.8 + 6 * 0.2)
        const [now, before] = [rowAt(rows.weights.data, r), rowAt(all[i]!.rows.weights.data, r)]
        assert.ok(now.every((w, k) => Math.abs(w - factor * before[k]!) < 1e-6))
      }
    }
    const silent = { "text-image": 0, "video-chat": 0, text: 0 }
    const none = await Effect.runPromise(Effect.flip(Effect.provide(
      Stream.runCollect(
        Stream.take(seenRows(materialOf(path), { batch: 4, seed: 3, tasks: silent }).from(undefined), 1),
      ),
      around(),
    )))
    assert.match(none.message, "give one of them a weight above 0")
    assert.equal(await taken(3, {}, JSON.parse(JSON.stringify(all[4]!.after)) as never), all.slice(5, 8))
  }),
)

it(
  "a text model grows into one that sees, and the next stage goes on from it; both losses are told",
  inFolder(files, async (path) => {
    const text = {
      ...presets.debug,
      ...{ vocab: 259, model: 8, hidden: 12, groups: 1, head: 8, layers: 1 },
      context: 64,
    }
    const config: WorldConfig = { ...text, codes: 8, vision: 10 }
    await writeFile(path("config.json"), JSON.stringify(toForeign(text)))
    const bytes = right(encode(toHuggingFace(text, initialise(text, hostKey(1))), new Map()))
    await writeFile(path("model.safetensors"), bytes)
    const base = weightsStage({ name: "base", model: "Tiny", config: text, folder: path("") })
    const material = materialOf(path)
    const stages = {
      name: "tiny",
      config,
      seed: 1,
      balance: { ...paperBalance, tasks: { text: 2 } },
      plan: () => plain,
    }
    const table: ReadonlyArray<Extension> = [64, 128].map((context) => ({
      ...{ name: `${context}`, context, theta: 1e4, steps: 3, tokens: 128, warmup: 1, rate: 1e-2, end: 1e-3 },
    }))
    const see = seeStage(stages, ({ name, context }) => {
      const own = { ...material, context }
      return { material: own, from: seenStage(`seen-${name}`, own) }
    })
    const models = extend(table, { context: 16, theta: 1e4 }, base, see)
    const said = right(models[1]!.expects())
    assert.equal([said.tokens, said.steps, said.notes![2]], [384, 3, "warm-up 1, then 1e-2, falling to 1e-3"])
    const all = Layer.mergeAll(memory(new Map()), events, layer(wasm({ memory: 2 ** 28, threads: 1 })))
    const trained = await Effect.runPromise(Effect.provide(run(models[1]!), all))
    assert.equal([trained.steps, trained.tokens], [3, 384])
    const { visionLoss, textLoss } = trained.curve[0]!.more!
    // an untrained model of 10 ids and of 259 says of each about as much as of any other
    assert.ok(Math.abs(visionLoss! - Math.log(10)) < 0.5 && Math.abs(textLoss! - Math.log(259)) < 0.8, `${visionLoss}`)
  }),
)

it.run()
