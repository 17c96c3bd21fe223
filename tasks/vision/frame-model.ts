/**
 * Models that turn frames into codes, out of a folder or out of what a stage has made.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { basename, dirname } from "node:path"
import { decodeJson, type FileFault, fileFault } from "../../core/files/codec.ts"
import { decode } from "../../core/files/safetensors.ts"
import * as Vqgan from "../../models/vqgan/mod.ts"
import { orFirst } from "../known.ts"
import { comparisons, outputsOf } from "../language/staged.ts"
import { FileRef, getTensors } from "../objects.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import type { Kept } from "../stage/kept.ts"
import { inOrder, stageNamed } from "../stage/key.ts"
import type { AnyStage, Json, Pipeline } from "../stage/stage.ts"
import { digest, folder, Store, type StoreFault, utf8 } from "../store.ts"
import { lessonOf } from "../train/declared.ts"
import { VqganFiles, type VqganModel, vqganParametersIn, WorldFiles } from "./model.ts"

// ---- types -------------------------------------------------------------------

/** A VQGAN that has a name. */
export interface FrameModel extends VqganModel {
  /** For people. */
  readonly name: string
}

/** What may be wrong. */
export type FrameModelFault = StageFault | StoreFault | FileFault

// ---- codebooks -----------------------------------------------------------------

/**
 * What a codebook is known by: ids mean something to the model with the same one alone. 16 digits of the SHA-256 of its config
 * and its values.
 */
export const codebookName = ({ config, parameters }: VqganModel): Effect.Effect<string> =>
  Effect.gen(function* () {
    const { data } = parameters.codebook
    const values = yield* digest(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return (yield* digest(utf8(`${config.resolution} ${Vqgan.tokensOf(config)} ${values}`))).slice(0, 16)
  })

// ---- out of a folder -------------------------------------------------------------

const within = <A>(path: string, e: E.Either<ReadonlyArray<FileFault>, A>): E.Either<ReadonlyArray<FileFault>, A> =>
  E.mapLeft((all: ReadonlyArray<FileFault>) => all.map((f) => ({ ...f, message: `${path}: ${f.message}` })))(e)

/** A folder with `model.safetensors` and `config.json`, or the path of a safetensors file beside such a config. */
export const frameModelIn = (path: string): Effect.Effect<FrameModel, StoreFault | FileFault> => {
  const file = path.endsWith(".safetensors")
  const root = file ? dirname(path) : path
  const needed = (name: string): Effect.Effect<Uint8Array, StoreFault | FileFault, Store> =>
    Effect.gen(function* () {
      const found = yield* (yield* Store).read(name)
      const advice =
        "a model of frames is a folder with model.safetensors and config.json (resolution, hidden, codes, ...)"
      return found ?? (yield* Effect.fail(fileFault("missing", name, `${root} has no ${name}: ${advice}`)))
    })
  return Effect.gen(function* () {
    const json = decodeJson(t.unknown, new TextDecoder().decode(yield* needed("config.json")))
    const config = yield* orFirst(within(`${root}/config.json`, E.flatMap(Vqgan.decodeConfig)(json)))
    const name = file ? basename(path) : "model.safetensors"
    const { tensors } = yield* orFirst(within(`${root}/${name}`, decode(yield* needed(name))))
    const parameters = yield* orFirst(within(`${root}/${name}`, vqganParametersIn(config, tensors)))
    return { name: path, config, parameters }
  }).pipe(Effect.provide(folder(root)))
}

// ---- out of a stage --------------------------------------------------------------

const Learned = t.type({ parameters: FileRef })
const Settings = t.type({ config: Vqgan.VqganConfig })

/** The config of a stage that trains a VQGAN; undefined of any other. */
const configOf = (s: AnyStage): Vqgan.VqganConfig | undefined => {
  const lesson = lessonOf(s)
  const model: Json | undefined = lesson?.learner === "vqgan" ? lesson.model : undefined
  const read = Settings.decode(model)
  return E.isRight(read) ? read.right.config : undefined
}

/** The files of a VQGAN that a stage has made: a training's, those that its output says, or those of a world model. */
const filesOf = (s: AnyStage, kept: Kept | undefined): VqganFiles | undefined => {
  const value: unknown = kept?.value
  const config = configOf(s)
  if (config !== undefined && Learned.is(value)) return { config, parameters: value.parameters }
  return VqganFiles.is(value) ? value : WorldFiles.is(value) ? value.vqgan : undefined
}

const modelFrom = (
  pipeline: Pipeline,
  s: AnyStage,
  { config, parameters }: VqganFiles,
): Effect.Effect<FrameModel, FrameModelFault, Store> =>
  Effect.gen(function* () {
    const own = yield* orFirst(vqganParametersIn(config, yield* getTensors(parameters)))
    return { name: `${pipeline.name}/${s.name}`, config, parameters: own }
  })

/**
 * The model of a stage of a pipeline; without a name, that of the last stage which has made one and is not only there to
 * compare with. Faults: there is no such stage, it is not made yet, it makes no codes.
 */
export const frameModelOfStage = (
  pipeline: Pipeline,
  name?: string,
): Effect.Effect<FrameModel, FrameModelFault, Store> =>
  Effect.gen(function* () {
    const make = `deno task run ${pipeline.name}`
    const fail = (why: string) =>
      Effect.fail(stageFault("unknown", name === undefined ? pipeline.name : `${pipeline.name}/${name}`, why))
    if (name !== undefined) {
      const s = stageNamed(pipeline, name)
      if (E.isLeft(s)) return yield* Effect.fail(s.left)
      const kept = (yield* outputsOf(inOrder({ s: s.right }))).get(s.right)
      if (kept === undefined) {
        return yield* fail(`it is not made yet, or not whole; make it with ${make} --stage=${name}`)
      }
      const files = filesOf(s.right, kept)
      if (files === undefined) return yield* fail("it makes no codes of frames; name a training of a VQGAN")
      return yield* modelFrom(pipeline, s.right, files)
    }
    const all = inOrder(pipeline.stages)
    const outputs = yield* outputsOf(all)
    const made = all.flatMap((s) => {
      const files = filesOf(s, outputs.get(s))
      return files === undefined ? [] : [[s, files] as const]
    })
    const compared = comparisons(all)
    const found = made.findLast(([s]) => !compared.has(s)) ?? made.at(-1)
    if (found !== undefined) return yield* modelFrom(pipeline, ...found)
    return yield* fail(`it has made no model of frames; if it trains one, ${make} makes it; or give --model=FOLDER`)
  })

// ---- what was said ---------------------------------------------------------------

/** The model that is meant: a folder, `pipeline` or `pipeline/stage`, else what `world` has made. */
export const chosenFrameModel = (
  said: { readonly model?: string | undefined; readonly stage?: string | undefined },
  pipelines: ReadonlyArray<Pipeline>,
): Effect.Effect<FrameModel, FrameModelFault, Store> => {
  if (said.model !== undefined) return frameModelIn(said.model)
  const [name = "", ...rest] = (said.stage ?? "world").split("/")
  const pipeline = pipelines.find((p) => p.name === name)
  if (pipeline !== undefined) return frameModelOfStage(pipeline, rest.length === 0 ? undefined : rest.join("/"))
  const message = `there is no such pipeline; there are ${pipelines.map((p) => p.name).join(", ")}: give ` +
    "--stage=PIPELINE/STAGE, or --model=FOLDER"
  return Effect.fail(stageFault("unknown", name, message))
}
