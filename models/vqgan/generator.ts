/**
 * What one batch says of encoder, codes and decoder: the losses, their gradient, and what the discriminator and the codes
 * must be told afterwards.
 * @module
 */
import { valueAndGrad } from "../../core/grad/grad.ts"
import { stop } from "../../core/graph/build.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { add, mul } from "../../ops/elementwise.ts"
import { codebookLoss, commitmentLoss } from "../../ops/quantize.ts"
import { sum } from "../../ops/reduction.ts"
import type { VqganConfig } from "./config.ts"
import { type Discriminator, judge } from "./discriminator.ts"
import type { Features } from "./layers.ts"
import { adaptive, pixels, seenFar, unreal } from "./losses.ts"
import { beforeLast, type Frames, type Ids, lastOf, type Latents, latentsOf, nearest } from "./model.ts"
import type { Conv, Parameters } from "./parameters.ts"
import type { Adversary, Recipe } from "./recipe.ts"

/** Who else judges. */
export interface Judges {
  /** The given network, with its parameters. */
  readonly sight?: (frames: Frames) => ReadonlyArray<Features>
  /** The discriminator, and 1 where it is listened to already, else 0. */
  readonly adversary?: { readonly parameters: Discriminator; readonly on: F32 }
}

/** What the discriminator has to say about frames. */
export interface Heard {
  /** Its part of the loss, with its weights. */
  readonly part: F32
  /** The same without weights. */
  readonly adversarial: F32
  readonly adaptive: F32
}

/** Losses of a batch, and what was made on the way. */
export interface Generated {
  readonly loss: F32
  readonly reconstruction: F32
  readonly commitment: F32
  readonly made: Frames
  readonly ids: Ids
  readonly latents: Latents
  readonly heard?: Heard
}

/** Where the decoder ends: its last convolution, what that reads, what it makes. */
interface Ending {
  readonly last: Conv
  readonly before: Features
  readonly made: Frames
}

/** What the discriminator says, and a number whose gradient for the frames is the weighted one of what it says. */
const listened = (
  a: Adversary,
  { parameters, on }: NonNullable<Judges["adversary"]>,
  { last, before, made }: Ending,
  reconstruction: Frames,
): { readonly felt: F32; readonly heard: Heard } => {
  const said = valueAndGrad((y: Frames) => unreal(judge(a)(parameters, y)))(made)
  const balance = adaptive(last, before, { reconstruction, adversarial: said.gradient }, a.most ?? 1e4)
  const weight: F32 = mul(mul(balance, on), a.weight)
  return {
    felt: sum(mul(made, typed<Frames>(stop(mul(said.gradient, weight))))),
    heard: { part: mul(said.value, weight), adversarial: said.value, adaptive: balance },
  }
}

/** How far frames are off, and the gradient of that for what was made. */
const compared = (r: Recipe, frames: Frames, { sight }: Judges) => {
  const { perceptual = 0 } = r
  const seen = sight === undefined || perceptual === 0 ? undefined : sight(frames)
  return valueAndGrad((made: Frames): F32 => {
    const plain = pixels(r)(made, frames)
    return seen === undefined ? plain : add(plain, mul(seenFar(sight!(made), seen), perceptual))
  })
}

/**
 * Losses of a batch and their gradient. The gradient for the decoder's frames is computed once for each judge: the adaptive
 * weight compares the two, and what goes on into the decoder is their weighted sum.
 */
export const generate =
  (c: VqganConfig, r: Recipe, judges: Judges = {}) =>
  (p: Parameters, frames: Frames): { readonly value: Generated; readonly gradient: Parameters } => {
    const { value, gradient } = valueAndGrad((own: Parameters) => {
      const latents = latentsOf(c)(own, frames)
      const { ids, quantized } = nearest(latents, own.codebook)
      const commitment = commitmentLoss(latents, quantized)
      const before = beforeLast(c)(own, quantized)
      const made = lastOf(own.decoder.last, before)
      const off = compared(r, frames, judges)(made)
      const plain = add(off.value, mul(commitment, r.commitment))
      const codes = codebookLoss(latents, own.codebook, ids, "code")
      const total = r.codebook.kind === "loss" ? add(plain, mul(codes, r.codebook.weight ?? 1)) : plain
      const said = r.adversary === undefined || judges.adversary === undefined
        ? undefined
        : listened(r.adversary, judges.adversary, { last: own.decoder.last, before, made }, off.gradient)
      const aux: Generated = {
        loss: said === undefined ? total : add(total, said.heard.part),
        ...{ reconstruction: off.value, commitment, made, ids, latents },
        ...(said === undefined ? {} : { heard: said.heard }),
      }
      return { loss: said === undefined ? total : add(total, said.felt), aux }
    })(p)
    return { value: value.aux, gradient }
  }
