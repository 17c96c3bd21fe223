/**
 * A VQGAN that somebody brings: a folder of `.safetensors` files, under LWM's names or ours. What it made codes of, it alone
 * shows again.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { decode, type Stored } from "../../core/files/safetensors.ts"
import { tokensOf, VqganConfig } from "../../models/vqgan/config.ts"
import { fromLwm, lwmNames } from "../../models/vqgan/names.ts"
import { parameterCount, specs } from "../../models/vqgan/parameters.ts"
import { readWhole } from "../bytes.ts"
import { saying } from "../data/fault.ts"
import { orFirst } from "../known.ts"
import { grouped } from "../numbers.ts"
import { putTensors } from "../objects.ts"
import { type Stage, stage } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { ownTensors, tensorsOf, treeOf } from "../train/parameters.ts"
import { Trained } from "../train/training.ts"

/** What is brought. */
export interface Codebook {
  /** The stage's name, and what people call the model. */
  readonly name: string
  readonly model: string
  readonly config: VqganConfig
  /** The folder; undefined where nobody has named one. */
  readonly folder: string | undefined
}

const wanted = ({ model, config }: Codebook): string =>
  `${model}: give --with=vqgan=FOLDER, a folder of .safetensors files of a VQGAN of ${config.resolution} x ` +
  `${config.resolution} pixels and ${config.codes} codes (${
    grouped(parameterCount(config))
  } parameters), under LWM's names or ours`

const tensorsIn = (brought: Codebook, folder: string): Effect.Effect<ReadonlyArray<Stored>, FileFault> =>
  Effect.gen(function* () {
    const missing = (path: string) => (e: unknown): FileFault =>
      fileFault("missing", path, `cannot read ${path}: ${saying(e)}; ${wanted(brought)}`)
    const names = yield* Effect.tryPromise({ try: () => fs.readdir(folder), catch: missing(folder) })
    const files = names.filter((name) => name.endsWith(".safetensors")).sort().map((name) => join(folder, name))
    if (files.length === 0) {
      return yield* Effect.fail(
        fileFault("missing", folder, `${folder} holds no .safetensors files; ${wanted(brought)}`),
      )
    }
    const all = yield* Effect.forEach(files, (path) =>
      Effect.flatMap(
        Effect.tryPromise({ try: () => readWhole(fs, path), catch: missing(path) }),
        (bytes) => orFirst(E.map(({ tensors }: { readonly tensors: ReadonlyArray<Stored> }) => tensors)(decode(bytes))),
      ))
    return all.flat()
  })

const load = (brought: Codebook): Effect.Effect<Trained, FileFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const { config, folder } = brought
    if (folder === undefined) return yield* Effect.fail(fileFault("missing", "vqgan", wanted(brought)))
    const tensors = yield* tensorsIn(brought, folder)
    const theirs = tensors.some(({ name }) => lwmNames(config).has(name.replace(/^params\//, "")))
    const like = specs(config)
    const read = theirs ? fromLwm(config, tensors) : treeOf(like, ownTensors(like, tensors), true)
    const parameters = yield* putTensors(tensorsOf(yield* orFirst(read)), new Map())
    return { parameters, steps: 0, tokens: 0, curve: [] }
  })

/** A VQGAN that is brought, as a stage: what makes pictures of codes needs it. */
export const codebookStage = (brought: Codebook): Stage<Trained, FileFault | StoreFault, Store> =>
  stage({
    name: brought.name,
    version: "1",
    about: `${brought.model}, brought by --with=vqgan`,
    codec: t.strict({ model: t.string, folder: t.union([t.string, t.null]), config: VqganConfig }),
    settings: { model: brought.model, folder: brought.folder ?? null, config: brought.config },
    needs: {},
    output: Trained,
    expects: () =>
      E.right({
        notes: [
          `${grouped(parameterCount(brought.config))} parameters`,
          `${tokensOf(brought.config)} codes of ${brought.config.codes} a frame`,
          brought.folder === undefined ? "missing: give --with=vqgan=FOLDER" : `from ${brought.folder}`,
        ],
      }),
    make: () => load(brought),
  })
