/**
 * The parameters of a VQGAN: a plain tree of tensors, what their sizes are, how many there are and how they begin. Kernels
 * have the axes rows, columns, in, out, as flax has them.
 * @module
 */
import { hostFold, type HostKey, hostNormal, hostUniform } from "../../core/random/host.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type AnyHost, store } from "../../core/tensor/host.ts"
import { type AnySpec, f32, type Spec } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import type { Hosts, Specs } from "../learn/tree.ts"
import { type VqganConfig, widths } from "./config.ts"

export type { Hosts, Specs }

// ---- types -----------------------------------------------------------------

/** A convolution: taps over rows and columns, features in and out, and what is added. */
export interface Conv {
  readonly kernel: F32<"drow dcol in feature">
  readonly bias: F32<"feature">
}

/** A group norm's scale and what is added. */
export interface Norm {
  readonly scale: F32<"feature">
  readonly bias: F32<"feature">
}

/** A residual block: twice norm, silu and a convolution, added to what came in; a 1 x 1 where widths differ. */
export interface Resnet {
  readonly norm1: Norm
  readonly conv1: Conv
  readonly norm2: Norm
  readonly conv2: Conv
  readonly shortcut?: Conv
}

/** One level: blocks at one size of the frame, then the way to the next size, which the last level lacks. */
export interface Level {
  readonly blocks: ReadonlyArray<Resnet>
  readonly resample?: Conv
}

/** Frames to latents; levels from the finest on. */
export interface Encoder {
  readonly first: Conv
  readonly levels: ReadonlyArray<Level>
  readonly middle: ReadonlyArray<Resnet>
  readonly norm: Norm
  readonly last: Conv
}

/** Latents to frames; levels in the order in which they work: the coarsest first. */
export interface Decoder {
  readonly first: Conv
  readonly middle: ReadonlyArray<Resnet>
  readonly levels: ReadonlyArray<Level>
  readonly norm: Norm
  readonly last: Conv
}

/** All that is learned. */
export interface Parameters {
  readonly encoder: Encoder
  /** 1 x 1, from the encoder's latents to those that codes are compared with. */
  readonly quant: Conv
  readonly codebook: F32<"code embed">
  /** 1 x 1, from codes to what the decoder takes. */
  readonly postQuant: Conv
  readonly decoder: Decoder
}

// ---- sizes -----------------------------------------------------------------

/** A convolution of `taps` x `taps`. */
export const convSpecs = (taps: number, inside: number, feature: number): Specs<Conv> => ({
  kernel: f32("drow dcol in feature", { drow: taps, dcol: taps, in: inside, feature }),
  bias: f32("feature", { feature }),
})

/** A group norm. */
export const normSpecs = (feature: number): Specs<Norm> => ({
  scale: f32("feature", { feature }),
  bias: f32("feature", { feature }),
})

const resnet = (inside: number, out: number): Specs<Resnet> => ({
  norm1: normSpecs(inside),
  conv1: convSpecs(3, inside, out),
  norm2: normSpecs(out),
  conv2: convSpecs(3, out, out),
  ...(inside === out ? {} : { shortcut: convSpecs(1, inside, out) }),
})

const level = (inside: number, out: number, blocks: number, last: boolean): Specs<Level> => ({
  blocks: Array.from({ length: blocks }, (_, i) => resnet(i === 0 ? inside : out, out)),
  ...(last ? {} : { resample: convSpecs(3, out, out) }),
})

/** Levels one after another, each beginning with the width of the one before. */
const levels = (wide: ReadonlyArray<number>, first: number, blocks: number): ReadonlyArray<Specs<Level>> =>
  wide.map((out, i) => level(wide[i - 1] ?? first, out, blocks, i === wide.length - 1))

/** Axes and sizes of every parameter. */
export const specs = (c: VqganConfig): Specs<Parameters> => {
  const wide = widths(c)
  const [finest, coarsest] = [wide[0] ?? c.hidden, wide.at(-1) ?? c.hidden]
  const middle = [resnet(coarsest, coarsest), resnet(coarsest, coarsest)]
  return {
    encoder: {
      first: convSpecs(3, c.channels, c.hidden),
      levels: levels(wide, c.hidden, c.blocks),
      middle,
      norm: normSpecs(coarsest),
      last: convSpecs(3, coarsest, c.latent),
    },
    quant: convSpecs(1, c.latent, c.embed),
    codebook: f32("code embed", { code: c.codes, embed: c.embed }),
    postQuant: convSpecs(1, c.embed, c.latent),
    decoder: {
      first: convSpecs(3, c.latent, coarsest),
      middle,
      levels: levels([...wide].reverse(), coarsest, c.blocks + 1),
      norm: normSpecs(finest),
      last: convSpecs(3, finest, c.channels),
    },
  }
}

/** Number of values of a tree of specs. */
export const valuesIn = (tree: unknown): number =>
  (flatten(tree) as ReadonlyArray<readonly [string, AnySpec]>).reduce(
    (sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  )

/** Number of values that are learned, codebook and all. */
export const parameterCount = (c: VqganConfig): number => valuesIn(specs(c))

// ---- beginning -------------------------------------------------------------

/** What one leaf begins with, from a key of its own. */
type Begin = (key: HostKey, spec: Spec<"f32", Axes>) => ArrayLike<number>

const constantly = (value: number): Begin => (_, { shape }) =>
  new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(value)

/** Variance 1 / (values that go into one), as flax begins convolutions, here without cutting off its tails. */
const fanIn: Begin = (key, spec) => {
  const inside = spec.shape.slice(0, -1).reduce((a, b) => a * b, 1)
  return Float64Array.from(hostNormal(key, spec).data as Float32Array, (x) => x / Math.sqrt(inside))
}

/** Uniform between -1 / codes and 1 / codes (taming-transformers). */
const codes: Begin = (key, spec) => {
  const bound = 1 / spec.shape[0]!
  return hostUniform(key, spec, -bound, bound).data
}

/** By the last name of a path. */
const beginnings: { readonly [name: string]: Begin } = {
  scale: constantly(1),
  bias: constantly(0),
  kernel: fanIn,
  codebook: codes,
}

/** The values that a tree of parameters begins with: parameter i in its order draws from the key folded with i. */
export const begun = <T>(tree: T, key: HostKey, own: { readonly [name: string]: Begin } = {}): unknown => {
  const order = new Map(flatten(tree).map(([path], i) => [path, i]))
  return map(tree, (leaf, path): AnyHost => {
    const { axes, shape } = leaf as unknown as AnySpec
    const spec: Spec<"f32", Axes> = { dtype: "f32", axes, shape }
    const name = path.slice(path.lastIndexOf(".") + 1)
    const begin = own[name] ?? beginnings[name]!
    return { ...spec, data: store("f32", begin(hostFold(key, order.get(path)!), spec)) }
  })
}

/**
 * The beginning: kernels normal with variance 1 / (values that go into one), biases 0, norms 1, codes uniform between
 * -1 / codes and 1 / codes. The numbers depend on the key alone, and are the same on every engine.
 */
export const initialise = (c: VqganConfig, key: HostKey): Hosts<Parameters> => begun(specs(c), key) as Hosts<Parameters>
