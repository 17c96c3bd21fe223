/**
 * The names and layouts under which files hold a world model's parameters.
 *
 * | here | LWM (flax, kernels [in, out]) | safetensors (weights [out, in]) |
 * | --- | --- | --- |
 * | embedding, norm, head | transformer/wte/embedding, transformer/ln_f/kernel, lm_head/kernel | as a Llama's |
 * | blocks | transformer/h/scan_decoder/..., all layers in one tensor | as a Llama's |
 * | visionEmbedding | transformer/vte/embedding | model.embed_vision.weight |
 * | visionHead | vision_head/kernel | vision_head.weight |
 *
 * There is no vision model of LWM's with other names than flax's; those of safetensors are ours, beside Hugging Face's for
 * a Llama, so a reader of texts finds a text model in the file.
 * @module
 */
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import { type AnyHost, load } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { fromHuggingFace as textFrom, huggingFaceNames as textNames, toHuggingFace as textTo } from "../llama/names.ts"
import type { Hosts } from "../llama/parameters.ts"
import type { WorldConfig } from "./config.ts"
import { inputsAt, type Parameters, specs, textOf } from "./parameters.ts"

type Read = E.Either<ReadonlyArray<FileFault>, Hosts<Parameters>>

/** A tensor of a file, or what is wrong with it. */
const found = (
  theirs: ReadonlyMap<string, Stored>,
  name: string,
  shape: ReadonlyArray<number>,
  path: string,
): E.Either<FileFault, ArrayLike<number>> => {
  const got = theirs.get(name)
  if (got === undefined) {
    return E.left(
      fileFault("missing", name, `the file has no tensor '${name}' (${path}); is it a text model? grow it`),
    )
  }
  if (got.shape.join() === shape.join()) return E.right(load(got.dtype, got.data))
  const sizes = `expected [${shape.join(", ")}], got [${got.shape.join(", ")}]`
  return E.left(fileFault("size", name, `tensor '${name}': ${sizes}; is it of another config?`))
}

const byName = (tensors: ReadonlyArray<Stored>): ReadonlyMap<string, Stored> => new Map(tensors.map((x) => [x.name, x]))

const leaves = (c: WorldConfig): ReadonlyArray<readonly [path: string, spec: AnySpec]> =>
  flatten(specs(c)) as unknown as ReadonlyArray<readonly [string, AnySpec]>

/** A tree of the specs with values by path. */
const treeOf = (c: WorldConfig, values: ReadonlyMap<string, ArrayLike<number>>): Hosts<Parameters> => {
  const { blocks, ...rest } = specs(c)
  const filled = <T>(tree: T, at: string): T =>
    Object.fromEntries(
      Object.entries(tree as object).map(([key, spec]) => [
        key,
        { ...spec as AnySpec, dtype: "f32", data: Float32Array.from(values.get(at + key)!) },
      ]),
    ) as T
  return { ...filled(rest, ""), blocks: blocks.map((b, i) => filled(b, `blocks.${i}.`)) } as unknown as Hosts<
    Parameters
  >
}

// ---- safetensors ---------------------------------------------------------------

/** [rows, columns] as [columns, rows]. */
const turned = (xs: ArrayLike<number>, rows: number, columns: number): Float32Array => {
  const out = new Float32Array(xs.length)
  for (let i = 0; i < xs.length; i++) out[(i % columns) * rows + Math.floor(i / columns)] = xs[i]!
  return out
}

const seen = { visionEmbedding: "model.embed_vision.weight", visionHead: "vision_head.weight" } as const

/** The names of all tensors in a safetensors file. */
export const huggingFaceNames = (c: WorldConfig): ReadonlySet<string> =>
  new Set([...textNames(c), seen.visionEmbedding, ...(c.tie ? [] : [seen.visionHead])])

/** The parameters as a safetensors file holds them: a Llama's as Hugging Face's readers expect them, and two more. */
export const toHuggingFace = (c: WorldConfig, p: Hosts<Parameters>): ReadonlyArray<Stored> => {
  const { visionEmbedding, visionHead } = p
  const shape = [c.vision, c.model]
  const values = (h: AnyHost): ArrayLike<number> => load(h.dtype, h.data)
  return [
    ...textTo(c, textOf(p)),
    { name: seen.visionEmbedding, dtype: "f32", shape, data: Float32Array.from(values(visionEmbedding)) },
    ...(visionHead === undefined
      ? []
      : [{ name: seen.visionHead, dtype: "f32", shape, data: turned(values(visionHead), c.model, c.vision) } as const]),
  ]
}

/** Reads them back, from any float dtype. Faults: a tensor that is missing or has another shape. */
export const fromHuggingFace = (c: WorldConfig, tensors: ReadonlyArray<Stored>): Read => {
  const theirs = byName(tensors)
  const text = textFrom(c, tensors)
  const of = (key: keyof typeof seen) => found(theirs, seen[key], [c.vision, c.model], key)
  const parts = [of("visionEmbedding"), ...(c.tie ? [] : [of("visionHead")])]
  const faults = [...(E.isLeft(text) ? text.left : []), ...parts.flatMap((x) => E.isLeft(x) ? [x.left] : [])]
  if (faults.length > 0 || E.isLeft(text)) return E.left(faults)
  const [embedding, head] = parts.map((x) => E.isRight(x) ? x.right : [])
  const { visionEmbedding, visionHead } = specs(c)
  return E.right({
    ...text.right,
    visionEmbedding: { ...visionEmbedding, data: Float32Array.from(embedding!) },
    ...(visionHead === undefined ? {} : {
      visionHead: { ...visionHead, data: turned(head!, c.vision, c.model) },
    }),
  })
}

// ---- flax ------------------------------------------------------------------------

const inBlock: { readonly [key: string]: string } = {
  ...{ attentionNorm: "attention_norm", feedNorm: "ffn_norm" },
  ...{ query: "attention/wq", key: "attention/wk", value: "attention/wv", output: "attention/wo" },
  ...{ gate: "feed_forward/w1", up: "feed_forward/w3", down: "feed_forward/w2" },
}

const outside: { readonly [key: string]: string } = {
  ...{ embedding: "transformer/wte/embedding", visionEmbedding: "transformer/vte/embedding" },
  ...{ norm: "transformer/ln_f/kernel", head: "lm_head/kernel", visionHead: "vision_head/kernel" },
}

/** LWM's name of the parameter at a path; that of a block is the same for all layers, which it holds one after another. */
export const lwmName = (path: string): string => {
  const key = path.slice(path.lastIndexOf(".") + 1)
  return path.startsWith("blocks.") ? `transformer/h/scan_decoder/${inBlock[key]!}/kernel` : outside[key]!
}

/** A matrix has two sides there, what it takes and what it gives. */
const sides = (path: string, { shape }: AnySpec): ReadonlyArray<number> => {
  const taken = inputsAt(path)
  const product = (of: ReadonlyArray<number>): number => of.reduce((a, b) => a * b, 1)
  return taken === 0 ? shape : [product(shape.slice(0, taken)), product(shape.slice(taken))]
}

/** Paths by LWM's names: of a block's parameters, those of all layers in order. */
const gathered = (c: WorldConfig): ReadonlyMap<string, ReadonlyArray<readonly [path: string, spec: AnySpec]>> =>
  leaves(c).reduce(
    (map, leaf) => map.set(lwmName(leaf[0]), [...map.get(lwmName(leaf[0])) ?? [], leaf]),
    new Map<string, ReadonlyArray<readonly [string, AnySpec]>>(),
  )

const shapeOf = (c: WorldConfig, [path, spec]: readonly [string, AnySpec]): ReadonlyArray<number> => [
  ...(path.startsWith("blocks.") ? [c.layers] : []),
  ...sides(path, spec),
]

/** The parameters as LWM's JAX program holds them, keys joined by "/". They are its matrices, element for element. */
export const toLwm = (c: WorldConfig, p: Hosts<Parameters>): ReadonlyArray<Stored> => {
  const values = new Map(flatten(p) as unknown as ReadonlyArray<readonly [string, AnyHost]>)
  return [...gathered(c)].map(([name, parts]) => {
    const all = parts.map(([path]) => load(values.get(path)!.dtype, values.get(path)!.data))
    const data = new Float32Array(all.reduce((n, x) => n + x.length, 0))
    all.forEach((x, i) => data.set(x, i * x.length))
    return { name, dtype: "f32", shape: shapeOf(c, parts[0]!), data }
  })
}

/** Reads them back. Faults: a tensor that is missing or has another shape. */
export const fromLwm = (c: WorldConfig, tensors: ReadonlyArray<Stored>): Read => {
  const theirs = byName(tensors)
  const values = new Map<string, ArrayLike<number>>()
  const faults = [...gathered(c)].flatMap(([name, parts]): ReadonlyArray<FileFault> => {
    const got = found(theirs, name, shapeOf(c, parts[0]!), parts[0]![0])
    if (E.isLeft(got)) return [got.left]
    const all = Float32Array.from(got.right)
    const each = all.length / parts.length
    parts.forEach(([path], i) => values.set(path, all.subarray(i * each, (i + 1) * each)))
    return []
  })
  return faults.length > 0 ? E.left(faults) : E.right(treeOf(c, values))
}
