/**
 * Parameters that somebody brings: a folder as Hugging Face's readers know it, `config.json` beside `.safetensors` files. A
 * recipe that begins from a trained model needs one, and can be planned without.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { decode, type Stored } from "../../core/files/safetensors.ts"
import { type Config, fromForeign, parameterCount } from "../../models/llama/config.ts"
import { huggingFaceNames } from "../../models/llama/names.ts"
import { readWhole } from "../bytes.ts"
import { putTensors } from "../objects.ts"
import { type Stage, stage } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { Trained } from "../train/training.ts"

// ---- types -------------------------------------------------------------------

/** What a recipe begins from. */
export interface Brought {
  /** The stage's name, and what people call the model: `Llama-2 7B`. */
  readonly name: string
  readonly model: string
  /** The sizes that it must have. */
  readonly config: Config
  /** The folder; undefined where nobody has named one. */
  readonly folder: string | undefined
}

const sizes = ["vocab", "model", "hidden", "layers", "groups", "share", "head"] as const

// ---- reading -----------------------------------------------------------------

/** What to bring, for those who have brought nothing. */
const wanted = ({ model, config }: Brought): string =>
  `${model}: give --with=weights=FOLDER, a folder with config.json and .safetensors files of a Llama of ${config.layers} layers ` +
  `of ${config.model} (${parameterCount(config)} parameters), as Hugging Face's readers know it`

const saying = (e: unknown): string => e instanceof Error ? e.message : String(e)

const reading = (path: string, instead: string): Effect.Effect<Uint8Array, FileFault> =>
  Effect.tryPromise({
    try: () => readWhole(fs, path),
    catch: (e) => fileFault("missing", path, `cannot read ${path}: ${saying(e)}; ${instead}`),
  })

const first = <A>(e: E.Either<ReadonlyArray<FileFault>, A>, path: string): Effect.Effect<A, FileFault> =>
  E.isRight(e) ? Effect.succeed(e.right) : Effect.fail({ ...e.left[0]!, message: `${path}: ${e.left[0]!.message}` })

/** Does `config.json` say what the recipe expects? */
const checkConfig = (brought: Brought, folder: string): Effect.Effect<void, FileFault> =>
  Effect.gen(function* () {
    const path = join(folder, "config.json")
    const bytes = yield* reading(path, wanted(brought))
    const json = E.tryCatch(
      (): unknown => JSON.parse(new TextDecoder().decode(bytes)),
      (e) => [fileFault("json", path, `not JSON (${saying(e)}); restore the file`)],
    )
    const found = yield* first(E.flatMap(fromForeign)(json), path)
    const odd = sizes.find((size) => found[size] !== brought.config[size])
    if (odd === undefined) return
    const message = `${path} is of another model: ${odd} is ${found[odd]}, expected ${brought.config[odd]}; ${
      wanted(brought)
    }`
    return yield* Effect.fail(fileFault("size", path, message))
  })

/** All tensors of the folder's files that the model has; what others keep beside them is left out. */
const tensorsIn = (brought: Brought, folder: string): Effect.Effect<ReadonlyArray<Stored>, FileFault> =>
  Effect.gen(function* () {
    const names = yield* Effect.tryPromise({
      try: () => fs.readdir(folder),
      catch: (e) => fileFault("missing", folder, `cannot list ${folder}: ${saying(e)}; ${wanted(brought)}`),
    })
    const files = names.filter((name) => name.endsWith(".safetensors")).sort()
    if (files.length === 0) {
      return yield* Effect.fail(
        fileFault("missing", folder, `${folder} holds no .safetensors files; ${wanted(brought)}`),
      )
    }
    const known = huggingFaceNames(brought.config)
    const all = yield* Effect.forEach(
      files,
      (name) =>
        Effect.flatMap(
          reading(join(folder, name), "restore the file"),
          (bytes) =>
            Effect.map(first(decode(bytes), join(folder, name)), ({ tensors }) =>
              tensors.filter((x) => known.has(x.name))),
        ),
    )
    return all.flat()
  })

const load = (brought: Brought): Effect.Effect<Trained, FileFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const { folder } = brought
    if (folder === undefined) return yield* Effect.fail(fileFault("missing", "weights", wanted(brought)))
    yield* checkConfig(brought, folder)
    const tensors = yield* tensorsIn(brought, folder)
    const missing = [...huggingFaceNames(brought.config)].find((name) => tensors.every((x) => x.name !== name))
    if (missing !== undefined) {
      const message = `${folder} has no tensor '${missing}': a file is missing, or it is of another model; ${
        wanted(brought)
      }`
      return yield* Effect.fail(fileFault("missing", missing, message))
    }
    const parameters = yield* putTensors(tensors, new Map([["format", "pt"]]))
    return { parameters, steps: 0, tokens: 0, curve: [] }
  })

/** Parameters that are brought, as a stage that others begin from. They are kept as they are, whatever float they have. */
export const weightsStage = (brought: Brought): Stage<Trained, FileFault | StoreFault, Store> =>
  stage({
    name: brought.name,
    version: "1",
    about: `${brought.model}, brought by --with=weights`,
    codec: t.strict({ model: t.string, folder: t.union([t.string, t.null]), sizes: t.readonlyArray(t.number) }),
    settings: {
      model: brought.model,
      folder: brought.folder ?? null,
      sizes: sizes.map((size) => brought.config[size]),
    },
    needs: {},
    output: Trained,
    expects: () =>
      E.right({
        notes: [
          `${parameterCount(brought.config)} parameters`,
          brought.folder === undefined ? "missing: give --with=weights=FOLDER" : `from ${brought.folder}`,
        ],
      }),
    make: () => load(brought),
  })
