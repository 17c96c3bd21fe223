/**
 * The names and layouts under which other programs know a Llama's parameters.
 *
 * | here | LWM (kernels [in, out]) | Hugging Face (weights [out, in]) |
 * | --- | --- | --- |
 * | embedding | transformer/wte/embedding | model.embed_tokens.weight |
 * | blocks.i.attentionNorm | transformer/h/i/attention_norm/kernel | model.layers.i.input_layernorm.weight |
 * | blocks.i.query, key, value, output | .../attention/wq, wk, wv, wo/kernel | ...self_attn.q_, k_, v_, o_proj.weight |
 * | blocks.i.feedNorm | .../ffn_norm/kernel | ...post_attention_layernorm.weight |
 * | blocks.i.gate, up, down | .../feed_forward/w1, w3, w2/kernel | ...mlp.gate_, up_, down_proj.weight |
 * | norm | transformer/ln_f/kernel | model.norm.weight |
 * | head | lm_head/kernel | lm_head.weight |
 *
 * Ours are LWM's matrices, element for element. Hugging Face's are transposed, and its rotary positions turn element i
 * with element i + head / 2 where ours turn 2i with 2i + 1: the rows of query and key are put into that order.
 *
 * ```ts
 * import { encode } from "../../core/files/safetensors.ts"
 * import type { Config } from "./config.ts"
 * import type { Hosts, Parameters } from "./parameters.ts"
 *
 * const file = (c: Config, p: Hosts<Parameters>) => encode(toHuggingFace(c, p), new Map([["format", "pt"]]))
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import { load } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, unflatten } from "../../core/tensor/tree.ts"
import type { Config } from "./config.ts"
import { type Hosts, type Parameters, specs } from "./parameters.ts"

/** How a parameter of a block is known elsewhere. */
interface Form {
  readonly name: string
  /** The rows of each head go in the order of halves. */
  readonly halves?: true
}

const inBlock: { readonly [key: string]: Form } = {
  attentionNorm: { name: "input_layernorm.weight" },
  query: { name: "self_attn.q_proj.weight", halves: true },
  key: { name: "self_attn.k_proj.weight", halves: true },
  value: { name: "self_attn.v_proj.weight" },
  output: { name: "self_attn.o_proj.weight" },
  feedNorm: { name: "post_attention_layernorm.weight" },
  gate: { name: "mlp.gate_proj.weight" },
  up: { name: "mlp.up_proj.weight" },
  down: { name: "mlp.down_proj.weight" },
}

const outside: { readonly [key: string]: Form } = {
  embedding: { name: "model.embed_tokens.weight" },
  norm: { name: "model.norm.weight" },
  head: { name: "lm_head.weight" },
}

const formOf = (path: string): Form => {
  const [first, number, key] = path.split(".")
  if (first !== "blocks") return outside[path]!
  const form = inBlock[key!]!
  return { ...form, name: `model.layers.${number}.${form.name}` }
}

/** Rows and columns of the matrix: what goes in and what comes out; a vector has one column. */
const matrix = (path: string, spec: AnySpec): readonly [rows: number, columns: number] => {
  const sizes: ReadonlyArray<number> = spec.shape
  const product = (of: ReadonlyArray<number>): number => of.reduce((a, b) => a * b, 1)
  return path.endsWith(".output") ? [product(sizes.slice(0, -1)), sizes.at(-1)!] : [sizes[0]!, product(sizes.slice(1))]
}

/** Where column `out` of our matrix stands among Hugging Face's rows. */
const place = (out: number, head: number, halves: boolean): number => {
  const within = out % head
  return halves ? out - within + (within % 2) * (head / 2) + Math.floor(within / 2) : out
}

/** Their shape, and for each of our elements its place in theirs. The embedding and the norms are as ours. */
const layout = (c: Config, path: string, spec: AnySpec) => {
  const [rows, columns] = matrix(path, spec)
  const { name, halves } = formOf(path)
  const same = path === "embedding" || spec.axes.length === 1
  return {
    name,
    shape: spec.axes.length === 1 ? [rows] : same ? [rows, columns] : [columns, rows],
    at: same
      ? (i: number): number => i
      : (i: number): number => place(i % columns, c.head, halves === true) * rows + Math.floor(i / columns),
  }
}

/** The names of all tensors as Hugging Face's readers know them. */
export const huggingFaceNames = (c: Config): ReadonlySet<string> =>
  new Set(flatten(specs(c)).map(([path]) => formOf(path).name))

/** The parameters as Hugging Face's readers expect them. */
export const toHuggingFace = (c: Config, parameters: Hosts<Parameters>): ReadonlyArray<Stored> =>
  flatten(parameters).map(([path, leaf]) => {
    const ours: AnyHost = leaf
    const { name, shape, at } = layout(c, path, ours)
    const values = load(ours.dtype, ours.data)
    const data = new Float32Array(values.length)
    for (let i = 0; i < data.length; i++) data[at(i)] = values[i]!
    return { name, dtype: "f32", shape, data }
  })

/** Reads them back, from any float dtype. Faults: a tensor that is missing or has another shape. */
export const fromHuggingFace = (
  c: Config,
  tensors: ReadonlyArray<Stored>,
): E.Either<ReadonlyArray<FileFault>, Hosts<Parameters>> => {
  const theirs = new Map(tensors.map((x) => [x.name, x]))
  const tree = specs(c)
  const faults: Array<FileFault> = []
  const leaves: { [path: string]: AnyHost } = {}
  for (const [path, leaf] of flatten(tree)) {
    const spec: AnySpec = leaf
    const { name, shape, at } = layout(c, path, spec)
    const found = theirs.get(name)
    if (found === undefined) faults.push(fileFault("missing", name, `the file has no tensor '${name}' (${path})`))
    else if (found.shape.join() !== shape.join()) {
      const got = `expected [${shape.join(", ")}], got [${found.shape.join(", ")}]`
      faults.push(fileFault("size", name, `tensor '${name}': ${got}; is it of another config?`))
    } else {
      const values = load(found.dtype, found.data)
      leaves[path] = {
        ...spec,
        dtype: "f32",
        data: Float32Array.from({ length: values.length }, (_, i) => values[at(i)]!),
      }
    }
  }
  if (faults.length > 0) return E.left(faults)
  return E.mapLeft((wrong: ReadonlyArray<{ readonly message: string }>) =>
    wrong.map((w) => fileFault("missing", "parameters", w.message))
  )(unflatten(tree, leaves)) as E.Either<ReadonlyArray<FileFault>, Hosts<Parameters>>
}
