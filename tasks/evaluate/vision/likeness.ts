/**
 * How like frames are to those that they should be, and how a codebook is used.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { type DeviceFault, deviceFault } from "../../../core/device/backend.ts"
import { Device } from "../../../core/device/device.ts"
import { sentence } from "../../../core/graph/fault.ts"
import { compile } from "../../../core/plan/compile.ts"
import { exp, log } from "../../../core/tensor/elementary.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { add, mul } from "../../../ops/elementwise.ts"
import { psnr, ssim } from "../../../ops/image.ts"
import { mean } from "../../../ops/reduction.ts"
import { orFail } from "../../known.ts"
import type { VisionFault } from "../../vision/fault.ts"
import { type Frame, tensorOf } from "../../vision/frame.ts"

// ---- types -------------------------------------------------------------------

/** How like one frame is to another. */
export interface Likeness {
  /** Peak signal-to-noise ratio in dB, of frames of bytes; equal frames have 100. */
  readonly psnr: number
  /** Structural similarity, the mean over colours; equal frames have 1. */
  readonly ssim: number
}

/** Likens frames to others of their size, one to one. */
export type Likens = (
  frames: ReadonlyArray<Frame>,
  others: ReadonlyArray<Frame>,
) => Effect.Effect<ReadonlyArray<Likeness>, DeviceFault | VisionFault>

type Frames = F32<"batch row col channel">

/** From 0 to 1: SSIM compares means as brightnesses, and those around 0 of -1 to 1 would be all but black. */
const bright = (frames: Frames): Frames => mul(add(frames, 1), 0.5)

// ---- likeness ------------------------------------------------------------------

/** Pairs of frames that are looked at together. */
const together = 32

/** dB of frames that are equal, which have no end of them. */
const equal = 100

/** Likens frames of `width` x `height` to others, for the life of the scope. */
export const likening = (
  width: number,
  height: number,
): Effect.Effect<Likens, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const frames = f32("batch row col channel", { batch: together, row: height, col: width, channel: 3 })
    const compiled = compile(
      ({ x, y }: { readonly x: Frames; readonly y: Frames }) => ({
        psnr: psnr(x, y, "row col channel", 2),
        ssim: mean(ssim(bright(x), bright(y), { row: "row", col: "col" }, 1), "channel"),
      }),
      { x: frames, y: frames },
      { maxBindings: device.info.maxBindings },
    )
    if (E.isLeft(compiled)) return yield* Effect.fail(deviceFault("compile", compiled.left.map(sentence).join("\n")))
    const run = yield* device.load(compiled.right)
    const some = (all: ReadonlyArray<Frame>) =>
      orFail(tensorOf([...all, ...Array.from({ length: together - all.length }, () => all[0]!)]))
    return (all, others) =>
      Effect.gen(function* () {
        const found: Array<Likeness> = []
        for (let from = 0; from < all.length; from += together) {
          const part = all.slice(from, from + together)
          const given = { x: yield* some(part), y: yield* some(others.slice(from, from + together)) }
          const out = (yield* device.fetch(yield* run(given))) as unknown as { readonly [K in keyof Likeness]: AnyHost }
          part.forEach((_, i) => found.push({ psnr: Math.min(equal, out.psnr.data[i]!), ssim: out.ssim.data[i]! }))
        }
        return found
      })
  })

// ---- codes -------------------------------------------------------------------

/** How a codebook is used. */
export interface Usage {
  /** The share of its codes that are used at all. */
  readonly usage: number
  /** exp(entropy): as many codes, used evenly, would be as hard to foretell. */
  readonly perplexity: number
}

/** How often each of `codes` codes is used. */
export const countsOf = (frames: ReadonlyArray<ArrayLike<number>>, codes: number): Float64Array => {
  const counts = new Float64Array(codes)
  for (const ids of frames) for (let i = 0; i < ids.length; i++) counts[ids[i]!]!++
  return counts
}

/** How a codebook is used whose codes are used so often. */
export const usageOf = (counts: Float64Array): Usage => {
  const used = counts.filter((times) => times > 0)
  const all = used.reduce((a, b) => a + b, 0)
  const entropy = used.reduce((sum, times) => sum - times / all * log(times / all), 0)
  return { usage: used.length / counts.length, perplexity: all === 0 ? 0 : exp(entropy) }
}
