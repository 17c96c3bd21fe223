/**
 * VQGAN as functions (Esser, Rombach and Ommer, 2021; the architecture of LWM, which has no attention): frames to latents,
 * latents to the nearest codes, codes to frames. Frames are in -1 ... 1.
 *
 * ```ts
 * import type { I32 } from "../../core/tensor/tensor.ts"
 * import type { VqganConfig } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * // the ids of each frame: its rows one after another are its tokens
 * const ids = (c: VqganConfig, p: Parameters, x: Frames): I32<"batch row col"> => encode(c)(p, x).ids
 * ```
 * @module
 */
import { fault } from "../../core/graph/fault.ts"
import { marked, tensor } from "../../core/graph/given.ts"
import { sizeOf } from "../../core/graph/node.ts"
import { type F32, type I32, typed } from "../../core/tensor/tensor.ts"
import { clamp } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { rename } from "../../ops/movement.ts"
import { type Quantized, vectorQuantize } from "../../ops/quantize.ts"
import { gridOf, type VqganConfig } from "./config.ts"
import { conv, down, type Features, normSilu, resnet, up } from "./layers.ts"
import type { Decoder, Encoder, Level, Parameters } from "./parameters.ts"

/** Pictures in -1 ... 1: colours of every pixel. */
export type Frames = F32<"batch row col channel">

/** What codes are compared with, one for every place of the grid. */
export type Latents = F32<"batch row col embed">

/** The number of a code for every place of the grid. */
export type Ids = I32<"batch row col">

// ---- what does not fit ----------------------------------------------------------

const sizes = (of: ReadonlyArray<readonly [axis: string, size: number | undefined]>): string =>
  of.map(([axis, size]) => `${axis} ${size ?? "none"}`).join(", ")

/** A tensor held to the sizes that a config says; a number of frames that is as large as one likes is not looked at. */
const held = <T extends Frames | Ids | Parameters["codebook"]>(
  x: T,
  wanted: ReadonlyArray<readonly [axis: string, size: number]>,
  what: string,
  advice: string,
): T => {
  const node = tensor("vqgan", x)
  const found = wanted.map(([axis]) => [axis, sizeOf(node, axis)] as const)
  const fits = node.faults.length > 0 || wanted.every(([, size], i) => found[i]![1] === size)
  return typed<T>(
    marked(
      node,
      fits ? [] : [fault("SizeFault", "vqgan", `${what} ${sizes(found)}; the config has ${sizes(wanted)}: ${advice}`)],
    ),
  )
}

const heldFrames = (c: VqganConfig, frames: Frames): Frames =>
  held(
    frames,
    [["row", c.resolution], ["col", c.resolution], ["channel", c.channels]],
    "frames have",
    "scale and crop them, or take a model of their size",
  )

const heldIds = (c: VqganConfig, ids: Ids): Ids =>
  held(ids, [["row", gridOf(c)], ["col", gridOf(c)]], "ids have", "a frame is a whole grid of codes")

const heldCodes = (c: VqganConfig, codebook: Parameters["codebook"]): Parameters["codebook"] =>
  held(codebook, [["code", c.codes], ["embed", c.embed]], "the codebook has", "it is of another model; give its own")

// ---- encoder and decoder -----------------------------------------------------

const level = (c: VqganConfig, p: Level, x: Features, way: typeof down): Features => {
  const last = p.blocks.reduce((h, block) => resnet(c, block, h), x)
  return p.resample === undefined ? last : way(p.resample, last)
}

/** The encoder: what comes out has `latent` features. */
const encoded = (c: VqganConfig, p: Encoder, x: Features): Features => {
  const coarse = p.levels.reduce((h, own) => level(c, own, h, down), conv(p.first, x))
  const middle = p.middle.reduce((h, block) => resnet(c, block, h), coarse)
  return conv(p.last, normSilu(c, p.norm, middle))
}

/** The decoder up to its last convolution. */
const expanded = (c: VqganConfig, p: Decoder, x: Features): Features => {
  const middle = p.middle.reduce((h, block) => resnet(c, block, h), conv(p.first, x))
  const fine = p.levels.reduce((h, own) => level(c, own, h, up), middle)
  return normSilu(c, p.norm, fine)
}

/** Frames to latents, as they are before a code is chosen. */
export const latentsOf = (c: VqganConfig) => (p: Parameters, frames: Frames): Latents =>
  rename(conv(p.quant, encoded(c, p.encoder, rename(heldFrames(c, frames), { channel: "feature" }))), {
    feature: "embed",
  })

/** What the decoder's last convolution reads, from codes (or what stands for them). */
export const beforeLast = (c: VqganConfig) => (p: Parameters, codes: Latents): Features =>
  expanded(c, p.decoder, conv(p.postQuant, rename(codes, { embed: "feature" })))

/** Frames as the decoder's last convolution gives them: not held to -1 ... 1, as training has them. */
export const lastOf = (last: Decoder["last"], x: Features): Frames => rename(conv(last, x), { feature: "channel" })

// ---- codes -------------------------------------------------------------------

/** The nearest code of each latent, and the code itself, through which gradients go straight to the latent. */
export type Nearest = Quantized<"f32", Latents["axes"], "embed">

/** The nearest codes; of equally near ones the lowest id. */
export const nearest = (latents: Latents, codebook: Parameters["codebook"]): Nearest =>
  vectorQuantize(latents, codebook, "embed", "code")

// ---- the model ---------------------------------------------------------------

/** What a frame becomes. */
export interface Encoded {
  readonly ids: Ids
  /** Before a code was chosen. */
  readonly latents: Latents
}

/** Frames to codes. Faults: frames of another size than the config's, a codebook of another model. */
export const encode = (c: VqganConfig) => (p: Parameters, frames: Frames): Encoded => {
  const latents = latentsOf(c)(p, frames)
  return { ids: nearest(latents, heldCodes(c, p.codebook)).ids, latents }
}

/** Codes as vectors to frames, held to -1 ... 1. */
export const decode = (c: VqganConfig) => (p: Parameters, codes: Latents): Frames =>
  clamp(lastOf(p.decoder.last, beforeLast(c)(p, codes)), -1, 1)

/**
 * Ids to frames, held to -1 ... 1; an id outside of the codebook stands for a code of zeros. Faults: ids that are no whole
 * grids, a codebook of another model.
 */
export const decodeIds = (c: VqganConfig) => (p: Parameters, ids: Ids): Frames =>
  decode(c)(p, take(heldCodes(c, p.codebook), heldIds(c, ids), "code"))

/** Frames to codes and back. */
export const reconstruct = (c: VqganConfig) => (p: Parameters, frames: Frames): Frames =>
  decodeIds(c)(p, encode(c)(p, frames).ids)
