/**
 * The names under which LWM knows a VQGAN's parameters: those that flax gives modules, in the order in which they are called.
 *
 * | here | LWM |
 * | --- | --- |
 * | codebook | quantize/embeddings |
 * | quant, postQuant | quant_conv, post_quant_conv |
 * | encoder.first, encoder.last | encoder/Conv_0, encoder/Conv_1 |
 * | encoder.levels.i | encoder/DownsamplingBlock_i |
 * | decoder.levels.i | decoder/UpsamplingBlock_i, the coarsest first |
 * | ....blocks.j, ....middle.j | .../ResnetBlock_j, .../MidBlock_0/ResnetBlock_j |
 * | ....resample | .../Downsample_0/Conv_0, .../Upsample_0/Conv_0 |
 * | norm1, conv1, norm2, conv2, shortcut | GroupNorm_0, Conv_0, GroupNorm_1, Conv_1, Conv_2 |
 *
 * Values are LWM's, element for element: kernels are rows, columns, in, out in both. LWM's file is a Python pickle, which is
 * not read here; what a converter writes as safetensors under these names is.
 *
 * ```ts
 * import { Safetensors, Vqgan } from "@orrery/orrery"
 *
 * const file = (p: Vqgan.Hosts<Vqgan.Parameters>) => Safetensors.encode(Vqgan.toLwm(p), new Map())
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import { type AnyHost, load } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, unflatten } from "../../core/tensor/tree.ts"
import type { VqganConfig } from "./config.ts"
import { type Hosts, type Parameters, specs } from "./parameters.ts"

// ---- names -------------------------------------------------------------------

/** The part of a name for the part of a path; `half` is `Down` or `Up`. */
type Part = (half: string, number: string) => string

/** By the key of a path; a key whose next part is a number takes it in. */
const parts: { readonly [key: string]: Part } = {
  codebook: () => "quantize/embeddings",
  quant: () => "quant_conv",
  postQuant: () => "post_quant_conv",
  encoder: () => "encoder",
  decoder: () => "decoder",
  first: () => "Conv_0",
  last: () => "Conv_1",
  norm: () => "GroupNorm_0",
  levels: (half, n) => `${half}samplingBlock_${n}`,
  middle: (_, n) => `MidBlock_0/ResnetBlock_${n}`,
  blocks: (_, n) => `ResnetBlock_${n}`,
  resample: (half) => `${half}sample_0/Conv_0`,
  norm1: () => "GroupNorm_0",
  conv1: () => "Conv_0",
  norm2: () => "GroupNorm_1",
  conv2: () => "Conv_1",
  shortcut: () => "Conv_2",
}

const isNumber = (key: string | undefined): boolean => /^\d+$/.test(key ?? "")

/** LWM's name of the parameter at a path: `encoder.levels.0.blocks.1.conv2.kernel`. */
export const lwmName = (path: string): string => {
  const keys = path.split(".")
  const half = keys[0] === "encoder" ? "Down" : "Up"
  return keys.flatMap((key, i) => isNumber(key) ? [] : [parts[key]?.(half, keys[i + 1]!) ?? key]).join("/")
}

/** The names of all tensors as LWM has them, each with our path. */
export const lwmNames = (c: VqganConfig): ReadonlyMap<string, string> =>
  new Map(flatten(specs(c)).map(([path]) => [lwmName(path), path]))

// ---- both ways -----------------------------------------------------------------

/** The parameters under LWM's names. */
export const toLwm = (parameters: Hosts<Parameters>): ReadonlyArray<Stored> =>
  (flatten(parameters) as ReadonlyArray<readonly [string, AnyHost]>).map(([path, { dtype, shape, data }]) => ({
    name: lwmName(path),
    dtype: "f32",
    shape,
    data: Float32Array.from(load(dtype, data)),
  }))

/**
 * Reads them back, from any float dtype; a `params/` before all names is passed over. Faults: a tensor that is missing or
 * has another shape, one that the model has no place for.
 */
export const fromLwm = (
  c: VqganConfig,
  tensors: ReadonlyArray<Stored>,
): E.Either<ReadonlyArray<FileFault>, Hosts<Parameters>> => {
  const theirs = new Map(tensors.map((x) => [x.name.replace(/^params\//, ""), x]))
  const known = lwmNames(c)
  const tree = specs(c)
  const faults = [...theirs.keys()].filter((name) => !known.has(name)).map((name) =>
    fileFault(
      "name",
      name,
      `tensor '${name}' has no place in a model of ${known.size} tensors; is it of another config?`,
    )
  )
  const leaves: { [path: string]: AnyHost } = {}
  for (const [path, leaf] of flatten(tree)) {
    const { axes, shape }: AnySpec = leaf
    const name = lwmName(path)
    const found = theirs.get(name)
    if (found === undefined) {
      faults.push(fileFault("missing", name, `the file has no tensor '${name}' (${path}); is it of another config?`))
    } else if (found.shape.join() !== shape.join()) {
      const got = `expected [${shape.join(", ")}], got [${found.shape.join(", ")}]`
      faults.push(fileFault("size", name, `tensor '${name}': ${got}; is it of another config?`))
    } else leaves[path] = { dtype: "f32", axes, shape, data: Float32Array.from(load(found.dtype, found.data)) }
  }
  if (faults.length > 0) return E.left(faults)
  return E.mapLeft((wrong: ReadonlyArray<{ readonly message: string }>) =>
    wrong.map((w) => fileFault("missing", "parameters", w.message))
  )(unflatten(tree, leaves)) as E.Either<ReadonlyArray<FileFault>, Hosts<Parameters>>
}
