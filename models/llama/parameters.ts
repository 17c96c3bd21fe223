/**
 * The parameters of a Llama: a plain tree of tensors, what their sizes are, and how they begin. A matrix has the axes it
 * takes first and the axes it gives last, as LWM's kernels do.
 * @module
 */
import { hostFold, type HostKey, hostNormal } from "../../core/random/host.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type AnyHost, store } from "../../core/tensor/host.ts"
import { type AnySpec, f32, type Spec } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import type { Hosts, Specs } from "../learn/tree.ts"
import type { Config } from "./config.ts"

export type { Hosts, Specs } from "../learn/tree.ts"

// ---- types -----------------------------------------------------------------

/** One block: attention, then feed-forward, each on the normalised stream and added to it. */
export interface Block {
  readonly attentionNorm: F32<"model">
  readonly query: F32<"model group share head">
  readonly key: F32<"model group head">
  readonly value: F32<"model group head">
  readonly output: F32<"group share head model">
  readonly feedNorm: F32<"model">
  readonly gate: F32<"model hidden">
  readonly up: F32<"model hidden">
  readonly down: F32<"hidden model">
}

/** All that is learned. */
export interface Parameters {
  readonly embedding: F32<"vocab model">
  readonly blocks: ReadonlyArray<Block>
  readonly norm: F32<"model">
  readonly head: F32<"model vocab">
}

// ---- sizes -----------------------------------------------------------------

const blockSpecs = (c: Config): Specs<Block> => ({
  attentionNorm: f32("model", c),
  query: f32("model group share head", { ...c, group: c.groups }),
  key: f32("model group head", { ...c, group: c.groups }),
  value: f32("model group head", { ...c, group: c.groups }),
  output: f32("group share head model", { ...c, group: c.groups }),
  feedNorm: f32("model", c),
  gate: f32("model hidden", c),
  up: f32("model hidden", c),
  down: f32("hidden model", c),
})

/** Axes and sizes of every parameter. */
export const specs = (c: Config): Specs<Parameters> => ({
  embedding: f32("vocab model", c),
  blocks: Array.from({ length: c.layers }, () => blockSpecs(c)),
  norm: f32("model", c),
  head: f32("model vocab", c),
})

/** Axes that a matrix takes; all others, which follow, are those that it gives. Norms are no matrices. */
const taken: { readonly [name: string]: number } = {
  ...{ embedding: 1, query: 1, key: 1, value: 1, output: 3, gate: 1, up: 1, down: 1, head: 1 },
}

/** How many leading axes of the parameter at a path it takes: `blocks.0.output` takes group, share and head. */
export const inputsAt = (path: string): number => taken[path.slice(path.lastIndexOf(".") + 1)] ?? 0

// ---- beginning -------------------------------------------------------------

/** LWM's standard deviation of every matrix. */
export const deviation = 0.02

/**
 * LWM's beginning: matrices normal with deviation 0.02, norms 1. The numbers depend on the key alone: parameter i in the
 * order of the tree draws from the key folded with i.
 */
export const drawn = <T>(tree: Specs<T>, key: HostKey): Hosts<T> => {
  const order = new Map(flatten(tree).map(([path], i) => [path, i]))
  const begin = (leaf: AnySpec, path: string): AnyHost => {
    const { dtype, axes, shape } = leaf
    const own: Spec<"f32", Axes> = { dtype: "f32", axes, shape }
    if (axes.length === 1) return { ...own, data: store(dtype, new Float64Array(shape[0]!).fill(1)) }
    const normal = hostNormal(hostFold(key, order.get(path)!), own)
    return { ...own, data: Float32Array.from(normal.data, (x) => x * deviation) }
  }
  return map(tree, begin as never) as unknown as Hosts<T>
}

/** All parameters as they begin. */
export const initialise = (c: Config, key: HostKey): Hosts<Parameters> => drawn<Parameters>(specs(c), key)
