import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { encode, type Stored } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { toForeign } from "../../../models/llama/config.ts"
import { toHuggingFace } from "../../../models/llama/names.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { presets } from "../../../models/llama/presets.ts"
import { weightsStage } from "../../../tasks/recipes/weights.ts"
import { memory } from "../../../tasks/store.ts"
import { readParameters } from "../../../tasks/train/parameters.ts"

const it = suite("tasks/recipes/weights")

const config = { ...presets.debug, vocab: 32, model: 8, hidden: 12, groups: 2, head: 4, context: 64 }
const parameters = initialise(config, hostKey(1))
const tensors = toHuggingFace(config, parameters)

const bytesOf = (some: ReadonlyArray<Stored>): Uint8Array => {
  const bytes = encode(some)
  if (E.isLeft(bytes)) throw new Error(bytes.left[0]!.message)
  return bytes.right
}

const withFolder = async (
  files: { readonly [name: string]: string | Uint8Array },
  use: (folder: string) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(join(folder, name), bytes)))
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const stageFor = (folder: string | undefined) => weightsStage({ name: "tiny", model: "Tiny", config, folder })

const journal = { last: () => Effect.succeed(undefined), save: () => Effect.void }
const made = (folder: string | undefined) => stageFor(folder).make({} as never, journal)
const faultOf = async (folder: string | undefined): Promise<string> =>
  (await Effect.runPromise(Effect.flip(made(folder)).pipe(Effect.provide(memory())))).message

it("takes a folder of files, each with some of the tensors, and leaves out what is not the model's", async () => {
  const odd: Stored = {
    name: "model.layers.0.self_attn.rotary_emb.inv_freq",
    dtype: "f32",
    shape: [1],
    data: new Float32Array(1),
  }
  const files = {
    "config.json": JSON.stringify(toForeign(config)),
    "model-00001-of-00002.safetensors": bytesOf([...tensors.slice(0, 5), odd]),
    "model-00002-of-00002.safetensors": bytesOf(tensors.slice(5)),
  }
  await withFolder(files, (folder) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const trained = yield* made(folder)
        assert.equal([trained.steps, trained.tokens], [0, 0])
        assert.equal(yield* readParameters(config, trained.parameters), parameters)
      }).pipe(Effect.provide(memory())),
    ))
})

it("says what to bring", async () => {
  const wanted =
    "give --with=weights=FOLDER, a folder with config.json and .safetensors files of a Llama of 2 layers of 8"
  assert.match(await faultOf(undefined), `Tiny: ${wanted}`)
  assert.match(await faultOf(join(tmpdir(), "orrery-nowhere")), "cannot read")
  await withFolder({ "config.json": JSON.stringify(toForeign(config)) }, async (folder) => {
    const said = await faultOf(folder)
    assert.ok(said.includes("holds no .safetensors files") && said.includes(wanted), said)
  })
  await withFolder(
    { "config.json": JSON.stringify({ ...toForeign(config), num_hidden_layers: 3 }) },
    async (folder) => {
      assert.match(await faultOf(folder), "is of another model: layers is 3, expected 2")
    },
  )
  await withFolder({ "config.json": "{" }, async (folder) => assert.match(await faultOf(folder), "not JSON"))
  const config_ = JSON.stringify(toForeign(config))
  await withFolder({ "config.json": config_, "a.safetensors": bytesOf(tensors.slice(1)) }, async (folder) => {
    assert.match(await faultOf(folder), `has no tensor '${tensors[0]!.name}'`)
  })
  await withFolder({ "config.json": config_, "a.safetensors": bytesOf(tensors).slice(0, -7) }, async (folder) => {
    assert.match(await faultOf(folder), "a.safetensors: ")
  })
})

it("is planned without a folder, and says that it is missing", () => {
  const expectation = stageFor(undefined).expects()
  if (E.isLeft(expectation)) throw new Error("a fault")
  assert.ok(expectation.right.notes!.includes("missing: give --with=weights=FOLDER"))
  assert.not.equal(stageFor(undefined).settings, stageFor("/somewhere").settings)
})

it.run()
