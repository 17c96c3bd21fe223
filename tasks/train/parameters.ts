/**
 * Learned values and files: a tree of tensors to what a safetensors file holds and back, by paths, each held to its shape.
 * Parameters are read under three namings: paths of the tree (what a training gives), the same below `parameters.` (a
 * saved state), and Hugging Face's.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { encode, type Stored } from "../../core/files/safetensors.ts"
import type { DType } from "../../core/tensor/dtype.ts"
import { type AnyHost, load, store as stored } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import { type Config, toForeign } from "../../models/llama/config.ts"
import { fromHuggingFace, toHuggingFace } from "../../models/llama/names.ts"
import { type Hosts, type Parameters, type Specs, specs } from "../../models/llama/parameters.ts"
import { orFirst } from "../known.ts"
import { type FileRef, getTensors } from "../objects.ts"
import { digest, Store, type StoreFault, utf8 } from "../store.ts"

/** Tensors, or all that is wrong with them. */
export type Read<A> = E.Either<ReadonlyArray<FileFault>, A>

const tryAnother = "give parameters of this model, or the config that they were trained with"

const kindOf = (x: { readonly dtype: string; readonly shape: ReadonlyArray<number> }): string =>
  `${x.dtype} [${x.shape.join(", ")}]`

const floats: ReadonlyArray<DType> = ["f32", "f16", "bf16"]

// ---- trees -------------------------------------------------------------------

/** A tree at home as a file wants it: tensors named by their paths; the oracle's float64 is rounded. */
export const tensorsOf = (tree: unknown): ReadonlyArray<Stored> =>
  (flatten(tree) as ReadonlyArray<readonly [string, AnyHost]>).map(([name, { dtype, shape, data }]) => (
    { name, dtype, shape, data: data instanceof Float64Array ? stored(dtype, data) : data }
  ))

/**
 * The tree of these specs out of a file's tensors. Faults: one that is missing, or of another shape or dtype; with `cast`, floats of one
 * dtype are read as those of another.
 */
export const treeOf = <T>(like: Specs<T>, tensors: ReadonlyArray<Stored>, cast = false): Read<Hosts<T>> => {
  const wanted = flatten(like) as unknown as ReadonlyArray<readonly [string, AnySpec]>
  const found = new Map(tensors.map((x) => [x.name, x]))
  const fits = (got: Stored, spec: AnySpec): boolean =>
    got.shape.join() === spec.shape.join() &&
    (got.dtype === spec.dtype || (cast && floats.includes(got.dtype) && floats.includes(spec.dtype)))
  const faults = wanted.flatMap(([path, spec]) => {
    const got = found.get(path)
    return got === undefined
      ? [fileFault("missing", path, `the checkpoint has no tensor '${path}', ${kindOf(spec)}: ${tryAnother}`)]
      : fits(got, spec)
      ? []
      : [fileFault("size", path, `tensor '${path}': expected ${kindOf(spec)}, got ${kindOf(got)}: ${tryAnother}`)]
  })
  if (faults.length > 0) return E.left(faults)
  const leaf = (spec: AnySpec, path: string): AnyHost => {
    const { dtype, data } = found.get(path)!
    const { axes, shape } = spec
    return { dtype: spec.dtype, axes, shape, data: dtype === spec.dtype ? data : stored(spec.dtype, load(dtype, data)) }
  }
  return E.right(map(like, leaf as never) as unknown as Hosts<T>)
}

// ---- parameters ----------------------------------------------------------------

const within = "parameters."

/** Tensors by the paths of parameters, out of a file of parameters or of a saved state. */
export const ownTensors = (parameters: unknown, tensors: ReadonlyArray<Stored>): ReadonlyArray<Stored> => {
  const names = new Set(tensors.map((x) => x.name))
  const first = flatten(parameters)[0]?.[0]
  return first !== undefined && !names.has(first) && names.has(`${within}${first}`)
    ? tensors.filter((x) => x.name.startsWith(within)).map((x) => ({ ...x, name: x.name.slice(within.length) }))
    : tensors
}

/** Parameters of a model out of a file's tensors, whichever of the namings it has; any float dtype. */
export const parametersIn = (c: Config, tensors: ReadonlyArray<Stored>): Read<Hosts<Parameters>> => {
  const foreign = tensors.some((x) => x.name === "model.embed_tokens.weight")
  const like = specs(c)
  return foreign ? fromHuggingFace(c, tensors) : treeOf<Parameters>(like, ownTensors(like, tensors), true)
}

/** The parameters that a reference names. Faults: a file that is not whole, a checkpoint of another model. */
export const readParameters = (
  c: Config,
  ref: FileRef,
): Effect.Effect<Hosts<Parameters>, StoreFault | FileFault, Store> =>
  Effect.flatMap(getTensors(ref), (tensors) => orFirst(parametersIn(c, tensors)))

/** The name that a file of these tensors has, without writing it. */
export const nameTensors = (tensors: ReadonlyArray<Stored>): Effect.Effect<FileRef, FileFault> =>
  Effect.gen(function* () {
    const bytes = yield* orFirst(encode(tensors, new Map()))
    return { digest: yield* digest(bytes), bytes: bytes.length }
  })

// ---- for others ------------------------------------------------------------------

/** Where published files lie, and what the tensors' digest is. */
export interface Published {
  readonly tensors: string
  readonly config: string
  readonly digest: string
}

/** The parameters as other programs read them: `folder/model.safetensors` and `folder/config.json`. */
export const publish = (
  c: Config,
  parameters: Hosts<Parameters>,
  folder = "model",
): Effect.Effect<Published, FileFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const file = yield* orFirst(encode(toHuggingFace(c, parameters), new Map([["format", "pt"]])))
    const [tensors, config] = [`${folder}/model.safetensors`, `${folder}/config.json`]
    yield* store.write(tensors, file)
    yield* store.write(config, utf8(JSON.stringify(toForeign(c), null, 2) + "\n"))
    return { tensors, config, digest: yield* digest(file) }
  })
