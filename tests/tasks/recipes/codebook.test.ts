/** A VQGAN that is brought: under LWM's names or ours the same parameters, and sentences for who brings another. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { encode, type Stored } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { toLwm } from "../../../models/vqgan/names.ts"
import { initialise } from "../../../models/vqgan/parameters.ts"
import { codebookStage } from "../../../tasks/recipes/codebook.ts"
import { memory } from "../../../tasks/store.ts"
import { tensorsOf } from "../../../tasks/train/parameters.ts"
import { config } from "../../models/vqgan/small.ts"
import { inFolder, right } from "../data/letters.ts"

const it = suite("tasks/recipes/codebook")

const parameters = initialise(config, hostKey(1))
const journal = { last: () => Effect.succeed(undefined), save: () => Effect.void }
const made = (folder: string | undefined) =>
  codebookStage({ name: "tiny", model: "Tiny", config, folder }).make({} as never, journal).pipe(
    Effect.provide(memory()),
  )
const faultOf = async (folder: string | undefined): Promise<string> =>
  (await Effect.runPromise(Effect.flip(made(folder)))).message
const written = (path: string, tensors: ReadonlyArray<Stored>) => writeFile(path, right(encode(tensors, new Map())))

it(
  "takes LWM's names and ours, and gives the same",
  inFolder({ "lwm/readme": "", "own/readme": "" }, async (path) => {
    const theirs = toLwm(parameters)
    await written(path("lwm/a.safetensors"), theirs.slice(0, 9))
    await written(path("lwm/b.safetensors"), theirs.slice(9))
    await written(path("own/model.safetensors"), tensorsOf(parameters))
    const [lwm, own] = [await Effect.runPromise(made(path("lwm"))), await Effect.runPromise(made(path("own")))]
    assert.equal(lwm, own)
  }),
)

it(
  "says what is missing",
  inFolder({ "empty/readme": "" }, async (path) => {
    assert.match(await faultOf(undefined), "Tiny: give --with=vqgan=FOLDER")
    assert.match(await faultOf(path("empty")), "holds no .safetensors files")
    assert.match(await faultOf(path("nowhere")), "cannot read")
    await written(path("empty/a.safetensors"), toLwm(parameters).slice(1))
    assert.match(await faultOf(path("empty")), "the file has no tensor")
  }),
)

it.run()
