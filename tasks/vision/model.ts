/**
 * A world model to generate with and to ask, with all that belongs to it: its tokenizer, and the VQGAN whose codes it knows.
 * Out of a store as a stage made it, or out of a folder.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, type FileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import type { Hosts } from "../../models/learn/tree.ts"
import * as Vqgan from "../../models/vqgan/mod.ts"
import { fromLwm } from "../../models/vqgan/names.ts"
import type { Layout } from "../../models/world/layout.ts"
import * as World from "../../models/world/mod.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { DataFault } from "../data/fault.ts"
import { finiteFaults, needed, tensorsIn, text, tokenizerIn, within, wordFaults, wordsOf } from "../language/model.ts"
import { orFirst } from "../known.ts"
import { FileRef, getTensors } from "../objects.ts"
import { folder, type Store, type StoreFault } from "../store.ts"
import { ownTensors, type Read, treeOf } from "../train/parameters.ts"
import { type VisionFault, visionFault } from "./fault.ts"

// ---- types -------------------------------------------------------------------

/** A VQGAN at home. */
export interface VqganModel {
  readonly config: Vqgan.VqganConfig
  readonly parameters: Hosts<Vqgan.Parameters>
}

/** A world model at home. */
export interface WorldModel {
  /** For people. */
  readonly name: string
  readonly config: World.WorldConfig
  readonly parameters: Hosts<World.Parameters>
  readonly tokenizer: Tokenizer
  readonly vqgan: VqganModel
  /** Digest of the parameters' file, where it is known. */
  readonly digest?: string
}

/** A VQGAN by its files: what a stage makes that others encode and decode with. */
export interface VqganFiles {
  readonly config: Vqgan.VqganConfig
  readonly parameters: FileRef
}

/** A world model by its files: what a stage makes that others generate with, ask, and as a language, chat with. */
export interface WorldFiles {
  readonly config: World.WorldConfig
  readonly parameters: FileRef
  readonly tokenizer: FileRef | "bytes"
  readonly vqgan: VqganFiles
}

/** The codec of VQGANs by their files. */
export const VqganFiles: t.Type<VqganFiles, unknown> = t.type({
  config: Vqgan.VqganConfig,
  parameters: FileRef,
})

/** The codec of world models by their files. */
export const WorldFiles: t.Type<WorldFiles, unknown> = t.type({
  config: World.WorldConfig,
  parameters: FileRef,
  tokenizer: t.union([FileRef, t.literal("bytes")]),
  vqgan: VqganFiles,
})

/** What may be wrong with a model. */
export type ModelFault = VisionFault | FileFault | StoreFault | DataFault

// ---- what belongs together -------------------------------------------------------

/** How frames of a VQGAN are tokens: the numbers of its codebook and of the codes of a frame. */
export const layoutOf = (c: Vqgan.VqganConfig): Layout => ({ codes: c.codes, frame: Vqgan.tokensOf(c) })

/** Whether a world model knows the codes of a VQGAN. */
export const pairFaults = (
  name: string,
  config: Pick<World.WorldConfig, "codes">,
  vqgan: Vqgan.VqganConfig,
): ReadonlyArray<VisionFault> =>
  config.codes === vqgan.codes ? [] : [visionFault(
    "model",
    name,
    `${name} knows a codebook of ${config.codes} codes, and the VQGAN has ${vqgan.codes}: ids of the one mean nothing to ` +
      "the other; give the VQGAN that its frames were encoded with",
  )]

/** The model itself, if its parts belong together. Faults: another codebook, another tokenizer, numbers that are none. */
const whole = (m: WorldModel): Effect.Effect<WorldModel, FileFault | VisionFault> =>
  Effect.gen(function* () {
    const { name, config, tokenizer, vqgan } = m
    const [apart] = pairFaults(name, config, vqgan.config)
    if (apart !== undefined) return yield* Effect.fail(apart)
    const wrong = [
      ...World.configFaults(config),
      ...Vqgan.configFaults(vqgan.config),
      ...finiteFaults(m.parameters),
      ...finiteFaults(vqgan.parameters),
      ...wordFaults(tokenizer, config),
    ]
    return yield* orFirst(within(name, wrong.length > 0 ? E.left(wrong) : E.right(m)))
  })

// ---- parameters ----------------------------------------------------------------

/** Parameters of a world model out of a file's tensors: ours, those of a saved state, or as `World.toHuggingFace` names them. */
const worldParameters = (
  c: World.WorldConfig,
  tensors: ReadonlyArray<Stored>,
): Read<Hosts<World.Parameters>> => {
  if (tensors.some((x) => x.name === "model.embed_tokens.weight")) return World.fromHuggingFace(c, tensors)
  const like = World.specs(c)
  return treeOf<World.Parameters>(like, ownTensors(like, tensors), true)
}

/** The parameters of a VQGAN out of a file's tensors: by our names, those of a saved state, or LWM's. */
export const vqganParametersIn = (
  c: Vqgan.VqganConfig,
  tensors: ReadonlyArray<Stored>,
): Read<Hosts<Vqgan.Parameters>> => {
  const like = Vqgan.specs(c)
  return tensors.some(({ name }) => name.endsWith("quantize/embeddings"))
    ? fromLwm(c, tensors)
    : treeOf<Vqgan.Parameters>(like, ownTensors(like, tensors), true)
}

// ---- out of a store --------------------------------------------------------------

/** A VQGAN by its files. Faults: a file that is not whole, or of another config. */
export const vqganOf = (
  { config, parameters }: VqganFiles,
): Effect.Effect<VqganModel, FileFault | StoreFault, Store> =>
  Effect.flatMap(
    getTensors(parameters),
    (tensors) => Effect.map(orFirst(vqganParametersIn(config, tensors)), (own) => ({ config, parameters: own })),
  )

/** A world model by its files. Faults: a file that is not whole, files that do not belong together. */
export const worldOf = (name: string, files: WorldFiles): Effect.Effect<WorldModel, ModelFault, Store> =>
  Effect.gen(function* () {
    const { config, parameters, tokenizer: words, vqgan } = files
    const tokenizer = yield* wordsOf(words, config, name)
    const tensors = yield* getTensors(parameters)
    return yield* whole({
      ...{ name, config, tokenizer, digest: parameters.digest, vqgan: yield* vqganOf(vqgan) },
      parameters: yield* orFirst(worldParameters(config, tensors)),
    })
  })

// ---- out of a folder -------------------------------------------------------------

const advice =
  "a world model's folder has model.safetensors, config.json, tokenizer.json, vqgan.safetensors and vqgan.json"

const jsonIn = (path: string, name: string): Effect.Effect<unknown, FileFault | StoreFault, Store> =>
  Effect.flatMap(needed(path, name, advice), (b) => orFirst(within(`${path}/${name}`, decodeJson(t.unknown, text(b)))))

/**
 * A folder with `model.safetensors`, `config.json` and `tokenizer.json` as a language model has them, and `vqgan.safetensors`
 * and `vqgan.json` (the numbers of `VqganConfig`) beside them. `words` names another tokenizer.
 */
export const worldIn = (path: string, words?: string): Effect.Effect<WorldModel, ModelFault> =>
  Effect.gen(function* () {
    const config = yield* orFirst(
      within(`${path}/config.json`, World.fromForeign(yield* jsonIn(path, "config.json"))),
    )
    const parameters = yield* orFirst(
      within(`${path}/model.safetensors`, worldParameters(config, yield* tensorsIn(path, "model.safetensors"))),
    )
    const eyes = yield* orFirst(within(`${path}/vqgan.json`, Vqgan.decodeConfig(yield* jsonIn(path, "vqgan.json"))))
    const file = yield* tensorsIn(path, "vqgan.safetensors")
    const seen = yield* orFirst(within(`${path}/vqgan.safetensors`, vqganParametersIn(eyes, file)))
    const tokenizer = yield* tokenizerIn(path, config, words)
    return yield* whole({ name: path, config, parameters, tokenizer, vqgan: { config: eyes, parameters: seen } })
  }).pipe(Effect.provide(folder(path)))
