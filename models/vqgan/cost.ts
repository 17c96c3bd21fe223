/**
 * What a frame costs, before anything is compiled: operations of its convolutions, which are nearly all there are.
 *
 * ```ts
 * import { presets } from "./config.ts"
 * const { encode, decode, train } = costOf(presets.tiny32) // 13e6, 32e6 and 135e6 operations a frame
 * ```
 * @module
 */
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { gridOf, type VqganConfig } from "./config.ts"
import { type Level, type Specs, specs } from "./parameters.ts"

/** Floating-point operations a frame. */
export interface Cost {
  readonly encode: number
  readonly decode: number
  /** Forward and backward, without a discriminator: three times both. */
  readonly train: number
}

/** Two operations for each value of each kernel at each place. */
const at = (tree: unknown, side: number): number =>
  (flatten(tree) as ReadonlyArray<readonly [string, AnySpec]>)
    .filter(([path]) => path.endsWith("kernel"))
    .reduce((sum, [, { shape }]) => sum + 2 * side * side * shape.reduce((a, b) => a * b, 1), 0)

/** Blocks at one size, and the convolution to the next, each side of which has `ratio` times as many places. */
const along = (levels: ReadonlyArray<Specs<Level>>, side: number, ratio: number): number =>
  levels.reduce((sum, { blocks, resample }, i) => {
    const now = side * ratio ** i
    return sum + at(blocks, now) + (resample === undefined ? 0 : at({ resample }, now * ratio))
  }, 0)

/** What one frame costs. */
export const costOf = (c: VqganConfig): Cost => {
  const { encoder, decoder, quant, postQuant } = specs(c)
  const [fine, coarse] = [c.resolution, gridOf(c)]
  const { first, levels, middle, last } = encoder
  const encode = at({ first }, fine) + along(levels, fine, 1 / 2) + at({ middle, last, quant }, coarse) +
    2 * coarse * coarse * c.codes * c.embed
  const decode = at({ postQuant, first: decoder.first, middle: decoder.middle }, coarse) +
    along(decoder.levels, coarse, 2) + at({ last: decoder.last }, fine)
  return { encode, decode, train: 3 * (encode + decode) }
}
