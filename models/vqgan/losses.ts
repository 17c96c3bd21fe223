/**
 * What training makes small: how far reconstructions are from frames, in pixels and as a given network sees them, and what a
 * discriminator says (Esser, Rombach and Ommer, 2021).
 * @module
 */
import { vjp } from "../../core/grad/grad.ts"
import { stop } from "../../core/graph/build.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { abs, add, div, minimum, mul, neg, rsqrt, sqrt, square, sub } from "../../ops/elementwise.ts"
import { relu } from "../../ops/activation.ts"
import { constant } from "../../ops/literal.ts"
import { mean, sum } from "../../ops/reduction.ts"
import type { Realness } from "./discriminator.ts"
import type { Features } from "./layers.ts"
import { type Frames, lastOf } from "./model.ts"
import type { Conv } from "./parameters.ts"

/** What pixels that are off weigh. */
export interface Pixels {
  /** Weight of the mean absolute difference. */
  readonly absolute: number
  /** Weight of the mean squared difference. */
  readonly squared: number
}

/** How far frames are from each other, pixel by pixel. */
export const pixels = ({ absolute, squared }: Pixels) => (made: Frames, frames: Frames): F32 => {
  const off = sub(made, frames)
  const parts = [
    ...(absolute === 0 ? [] : [mul(mean(abs(off)), absolute)]),
    ...(squared === 0 ? [] : [mul(mean(square(off)), squared)]),
  ]
  return parts.reduce<F32>((x, y) => add(x, y), constant(0))
}

/** A given network: from its parameters and frames to features of several depths. It is not trained. */
export type Sight<P> = (parameters: P, frames: Frames) => ReadonlyArray<Features>

/** Features of length 1 at every place. */
const directions = (x: Features): Features => mul(x, rsqrt(add(sum(square(x), "feature"), 1e-10)))

/**
 * How far frames are from each other for a network: at every depth the squared distance of the features' directions, as the
 * mean over places (Zhang et al., 2018, with equal weights for all features), summed over depths.
 */
export const seenFar = (made: ReadonlyArray<Features>, frames: ReadonlyArray<Features>): F32 =>
  made.map((x, i) => mean(sum(square(sub(directions(x), directions(frames[i]!))), "feature")))
    .reduce<F32>((x, y) => add(x, y), constant(0))

/** What the discriminator makes small: half of the hinge losses of real and of made frames (Lim and Ye, 2017). */
export const hinge = (real: Realness, made: Realness): F32 =>
  mul(add(mean(relu(sub(1, real))), mean(relu(add(made, 1)))), 0.5)

/** What the generator makes small: how little real its frames look. */
export const unreal = (made: Realness): F32 => neg(mean(made))

/** Two gradients for the frames that a decoder made. */
export interface Pulls {
  readonly reconstruction: Frames
  readonly adversarial: Frames
}

/**
 * How much the discriminator counts: the length of the reconstruction's gradient over that of the discriminator's, both for
 * the kernel of the decoder's last convolution, so that neither outweighs the other. `before` is what that convolution read.
 */
export const adaptive = (last: Conv, before: Features, pulls: Pulls, most: number): F32 => {
  const { pullback } = vjp((own: Conv) => lastOf(own, before), last)
  const length = (pull: Frames): F32 => sqrt(sum(square(pullback(pull).kernel)))
  return typed(stop(minimum(div(length(pulls.reconstruction), add(length(pulls.adversarial), 1e-4)), most)))
}
