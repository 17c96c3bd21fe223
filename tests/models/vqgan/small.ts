/**
 * A VQGAN of a few hundred values, its recipe, and frames for it.
 * @module
 */
import type { Recipe, VqganConfig } from "../../../models/vqgan/mod.ts"

/** Frames of 8 x 8 become 4 x 4 codes. */
export const config: VqganConfig = {
  ...{ resolution: 8, channels: 3, hidden: 8, multipliers: [1, 2], blocks: 1, latent: 4, codes: 8, embed: 3 },
  ...{ groups: 4, epsilon: 1e-6 },
}

/** Everything that a recipe may have. */
export const recipe: Recipe = {
  ...{ batch: 2, steps: 40, warmup: 2, peak: 0.02, end: 0.002, clip: 1, decay: 0, beta1: 0.9, beta2: 0.95 },
  ...{ absolute: 1, squared: 0.5, commitment: 0.25, ema: 0.9 },
  codebook: { kind: "mean", memory: 0.9, revive: 0.1 },
  adversary: { width: 4, layers: 1, groups: 2, start: 3, weight: 0.5 },
}

/** Squares of different places and shades on a dark ground, in -1 ... 1, row-major. */
export const framesOf = ({ resolution, channels }: VqganConfig, batch: number): ReadonlyArray<number> =>
  Array.from({ length: batch * resolution * resolution * channels }, (_, i) => {
    const channel = i % channels
    const col = Math.floor(i / channels) % resolution
    const row = Math.floor(i / (channels * resolution)) % resolution
    const frame = Math.floor(i / (channels * resolution * resolution))
    const [top, left] = [(3 * frame) % 5, (2 * frame + 1) % 5]
    const inside = row >= top && row < top + 3 && col >= left && col < left + 3
    return inside ? 0.9 - 0.3 * ((frame + channel) % 3) : -0.8
  })
