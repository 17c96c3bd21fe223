/**
 * What encoder, decoder and discriminator are made of: convolutions with biases, group norm, residual blocks, and the ways
 * between sizes. Axes are `batch row col feature` throughout.
 * @module
 */
import type { F32 } from "../../core/tensor/tensor.ts"
import { convolve, type Padding } from "../../ops/convolution.ts"
import { add } from "../../ops/elementwise.ts"
import { rename } from "../../ops/movement.ts"
import { groupNorm, groupNormSilu } from "../../ops/norm.ts"
import { downsample, upsample } from "../../ops/resample.ts"
import type { VqganConfig } from "./config.ts"
import type { Conv, Norm, Resnet } from "./parameters.ts"

/** Features of every place. */
export type Features = F32<"batch row col feature">

/** How a convolution goes over the places. */
export interface Way {
  readonly stride?: number
  readonly padding?: Padding
}

const taps = { row: "drow", col: "dcol" } as const

/** A convolution and its bias; without a way, one place for each place. */
export const conv = ({ kernel, bias }: Conv, x: Features, { stride = 1, padding = "same" }: Way = {}): Features =>
  add(convolve(rename(x, { feature: "in" }), kernel, taps, "in", { stride, padding }), bias)

/** How features are normalised. */
export type Normed = Pick<VqganConfig, "groups" | "epsilon">

/** Group norm (Wu and He, 2018): mean and variance of each frame's groups of features. */
export const norm = ({ groups, epsilon }: Normed, { scale, bias }: Norm, x: Features): Features =>
  groupNorm(x, scale, bias, "feature", groups, "row col", epsilon)

/** The same, and silu of it: for the gradient x alone is kept. */
export const normSilu = ({ groups, epsilon }: Normed, { scale, bias }: Norm, x: Features): Features =>
  groupNormSilu(x, scale, bias, "feature", groups, "row col", epsilon)

/** A residual block. */
export const resnet = (c: Normed, p: Resnet, x: Features): Features => {
  const inside = conv(p.conv1, normSilu(c, p.norm1, x))
  const h = conv(p.conv2, normSilu(c, p.norm2, inside))
  return add(p.shortcut === undefined ? x : conv(p.shortcut, x), h)
}

/** Half the rows and columns: one row and column of zeros behind, then every second place, as LWM and taming have it. */
export const down = ({ kernel, bias }: Conv, x: Features): Features =>
  add(downsample(rename(x, { feature: "in" }), kernel, taps, "in"), bias)

/** Twice the rows and columns, each place as four, then a convolution. */
export const up = (p: Conv, x: Features): Features => conv(p, upsample(x, { row: 2, col: 2 }))
