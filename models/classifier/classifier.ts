/**
 * A classifier of frames: convolution, group norm, silu and mean pooling at each level, then two dense layers. What is said
 * of a frame does not depend on the others of its batch.
 *
 * ```ts
 * import { digits } from "./config.ts"
 * const scores = (p: Parameters, frames: Frames): Logits => logits(digits)(p, frames)
 * ```
 * @module
 */
import type { HostKey } from "../../core/random/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { silu } from "../../ops/activation.ts"
import { dot } from "../../ops/contraction.ts"
import { add } from "../../ops/elementwise.ts"
import { rename } from "../../ops/movement.ts"
import { averagePool } from "../../ops/resample.ts"
import type { Hosts, Specs } from "../learn/tree.ts"
import { conv, type Features, norm } from "../vqgan/layers.ts"
import { begun, type Conv, convSpecs, type Norm, normSpecs } from "../vqgan/parameters.ts"
import { type ClassifierConfig, sideOf } from "./config.ts"

// ---- types -----------------------------------------------------------------

/** Frames, -1 to 1. */
export type Frames = F32<"batch row col channel">

/** How much speaks for each class, before any softmax. */
export type Logits = F32<"batch class">

/** One level. */
export interface Level {
  readonly conv: Conv
  readonly norm: Norm
}

/** All that is learned. */
export interface Parameters {
  readonly levels: ReadonlyArray<Level>
  readonly dense: { readonly kernel: F32<"row col feature hidden">; readonly bias: F32<"hidden"> }
  readonly head: { readonly kernel: F32<"hidden class">; readonly bias: F32<"class"> }
}

// ---- parameters ----------------------------------------------------------------

/** Axes and sizes of every parameter. */
export const specs = (c: ClassifierConfig): Specs<Parameters> => {
  const { widths, channels, hidden, classes } = c
  const side = sideOf(c)
  return {
    levels: widths.map((width, i) => ({
      conv: convSpecs(3, widths[i - 1] ?? channels, width),
      norm: normSpecs(width),
    })),
    dense: {
      kernel: f32("row col feature hidden", { row: side, col: side, feature: widths.at(-1) ?? channels, hidden }),
      bias: f32("hidden", { hidden }),
    },
    head: { kernel: f32("hidden class", { hidden, class: classes }), bias: f32("class", { class: classes }) },
  }
}

/** Kernels normal with variance 1 / (values that go into one), biases 0, norms 1; the key says which. */
export const initialise = (c: ClassifierConfig, key: HostKey): Hosts<Parameters> =>
  begun(specs(c), key) as Hosts<Parameters>

/** How many leading axes of the parameter at a path it takes. */
export const inputsAt = (path: string): number => !path.endsWith("kernel") ? 0 : path.startsWith("head") ? 1 : 3

// ---- what it says ----------------------------------------------------------------

/** What speaks for each class, of every frame. */
export const logits = (c: ClassifierConfig) => (p: Parameters, frames: Frames): Logits => {
  const seen = p.levels.reduce<Features>(
    (x, own) => averagePool(silu(norm(c, own.norm, conv(own.conv, x))), { row: 2, col: 2 }),
    rename(frames, { channel: "feature" }),
  )
  const dense = silu(add(dot(seen, p.dense.kernel, "row col feature"), p.dense.bias))
  return add(dot(dense, p.head.kernel, "hidden"), p.head.bias)
}
