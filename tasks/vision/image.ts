/**
 * Stills and animations in files, read and written by `sharp`, which is looked up when it is first needed.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Metadata, Sharp, SharpInput, SharpOptions } from "sharp"
import { saying } from "../data/fault.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import type { Clip, Frame } from "./frame.ts"

// ---- types -------------------------------------------------------------------

/** The most that is let in: a small file can say that it holds more pixels than there is memory. */
export interface Limits {
  /** Bytes of a still's or an animation's file. */
  readonly bytes: number
  /** Pixels of all frames of a file together, as they are decoded. */
  readonly pixels: number
  readonly frames: number
}

/** 256 MiB of file, 134 million pixels, 16,384 frames. */
export const limits: Limits = { bytes: 2 ** 28, pixels: 2 ** 27, frames: 2 ** 14 }

/** What is done with each frame as soon as it is there, so that large ones need not be held. */
export type Prepare = (frame: Frame) => Frame

// ---- sharp ---------------------------------------------------------------------

type Open = (input?: SharpInput, options?: SharpOptions) => Sharp

const advice = "install it once (npm install sharp); it has binaries for Linux, macOS and Windows"

/** The library. Faults: it is not installed, or has no binary for this machine. */
const library: Effect.Effect<Open, VisionFault> = Effect.tryPromise({
  try: async (): Promise<Open> => (await import("sharp")).default,
  catch: (e) =>
    visionFault(
      "missing",
      "sharp",
      `pictures are read by the package sharp, which cannot be loaded (${saying(e)}); ${advice}`,
    ),
})

/** Formats that are let in: pixels only. Drawings (SVG, PDF) are programs that may name other files. */
const formats: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "tiff", "heif", "avif"])

const kinds = "JPEG, PNG, WebP, GIF, TIFF and AVIF are read"

const damaged = (where: string) => (e: unknown): VisionFault =>
  /exceeds pixel limit/.test(saying(e))
    ? visionFault("large", where, `${where} has more pixels than are let in; make it smaller`)
    : visionFault("format", where, `${where} cannot be decoded (${saying(e)}): it is damaged, or no picture; ${kinds}`)

// ---- reading -------------------------------------------------------------------

/** What is wrong with what a file says of itself. */
const tooMuch = (where: string, m: Metadata, { pixels, frames }: Limits): VisionFault | undefined => {
  const pages = m.pages ?? 1
  if (!formats.has(m.format)) return visionFault("format", where, `${where} is ${m.format}; ${kinds}`)
  const height = m.pageHeight ?? m.height
  if (!(m.width > 0 && height > 0)) {
    return visionFault("empty", where, `${where} is ${m.width} x ${height} pixels large: nothing to see`)
  }
  if (pages > frames) {
    const message = `${where} has ${pages} frames; ${frames} at most are let in: shorten it, or raise the limit`
    return visionFault("large", where, message)
  }
  if (m.width * height * pages > pixels) {
    const message =
      `${where} is ${m.width} x ${height} pixels in ${pages} frames, ${m.width * height * pages} together; ` +
      `${pixels} at most are let in: make it smaller, or raise the limit`
    return visionFault("large", where, message)
  }
  return undefined
}

/** Milliseconds that each frame is shown; those of 10 and less mean 100, as in browsers. */
const delaysOf = (m: Metadata, pages: number): ReadonlyArray<number> =>
  Array.from({ length: pages }, (_, i) => m.delay?.[i] ?? 0).map((ms) => ms <= 10 ? 100 : ms)

/** Which frame is seen at each turn of a rate. */
export const atRate = (delays: ReadonlyArray<number>, rate: number): ReadonlyArray<number> => {
  const total = delays.reduce((a, b) => a + b, 0)
  const ends = delays.map((_, i) => delays.slice(0, i + 1).reduce((a, b) => a + b, 0))
  return Array.from(
    { length: Math.max(1, Math.ceil(total * rate / 1000 - 1e-9)) },
    (_, k) => ends.findIndex((end) => k * 1000 / rate < end),
  )
}

/**
 * A still, or an animation's frames: all of them, or as they are seen at `rate` frames a second. Alpha is laid over white,
 * stills are turned as their camera was. Faults: no bytes, no picture, a damaged one, more pixels than the limits.
 */
export const decodeImage = (
  bytes: Uint8Array,
  where: string,
  prepare: Prepare = (frame) => frame,
  rate?: number,
  within: Limits = limits,
): Effect.Effect<Clip, VisionFault> =>
  Effect.gen(function* () {
    if (bytes.length === 0) {
      return yield* Effect.fail(visionFault("empty", where, `${where} has no bytes; is it copied?`))
    }
    if (bytes.length > within.bytes) {
      const message = `${where} has ${bytes.length} bytes; ${within.bytes} at most are let in`
      return yield* Effect.fail(visionFault("large", where, message))
    }
    const open = yield* library
    const catching = damaged(where)
    // sharp's own limit is asked too: what a file says of itself need not be what it holds
    const options = { limitInputPixels: within.pixels, failOn: "error" } as const
    const meta = yield* Effect.tryPromise({
      try: () => open(bytes, { ...options, animated: true }).metadata(),
      catch: catching,
    })
    const fault = tooMuch(where, meta, within)
    if (fault !== undefined) return yield* Effect.fail(fault)
    const animated = (meta.format === "gif" || meta.format === "webp") && (meta.pages ?? 1) > 1
    const { data, info } = yield* Effect.tryPromise({
      try: () => {
        const opened = open(bytes, { ...options, animated })
        return (animated ? opened : opened.autoOrient()).flatten({ background: "#ffffff" }).toColourspace("srgb").raw()
          .toBuffer({ resolveWithObject: true })
      },
      catch: catching,
    })
    const pages = animated ? meta.pages ?? 1 : 1
    const { width } = info
    const height = info.height / pages
    const pixels = new Uint8Array(data.buffer, data.byteOffset, data.length)
    const length = width * height * 3
    if (pixels.length !== pages * length) {
      return yield* Effect.fail(catching(`${pixels.length} bytes for ${pages} frames of ${width} x ${height}`))
    }
    const frames = Array.from(
      { length: pages },
      (_, i) => prepare({ width, height, pixels: pixels.slice(i * length, (i + 1) * length) }),
    )
    if (!animated) return { frames, rate: null }
    const delays = delaysOf(meta, pages)
    if (rate !== undefined) return { frames: atRate(delays, rate).map((i) => frames[i]!), rate }
    return { frames, rate: 1000 * pages / delays.reduce((a, b) => a + b, 0) }
  })

// ---- writing -------------------------------------------------------------------

const failed = (what: string) => (e: unknown): VisionFault =>
  visionFault("write", what, `the ${what} cannot be made (${saying(e)}); a frame has a side of 65,535 pixels at most`)

/** A frame as a PNG. */
export const pngOf = ({ width, height, pixels }: Frame): Effect.Effect<Uint8Array, VisionFault> =>
  Effect.flatMap(library, (open) =>
    Effect.tryPromise({
      try: async () => new Uint8Array(await open(pixels, { raw: { width, height, channels: 3 } }).png().toBuffer()),
      catch: failed("PNG"),
    }))

/** Frames of one size as an animated GIF that goes round for ever. A GIF counts hundredths of seconds: rates above 50 are none. */
export const gifOf = ({ frames, rate }: Clip): Effect.Effect<Uint8Array, VisionFault> =>
  Effect.gen(function* () {
    const open = yield* library
    const { width, height } = frames[0] ?? { width: 0, height: 0 }
    const pixels = new Uint8Array(frames.length * width * height * 3)
    frames.forEach((frame, i) => pixels.set(frame.pixels, i * width * height * 3))
    // each frame begins where it should, rounded to hundredths, so that roundings do not add up
    const at = (i: number): number => Math.round(i * 100 / Math.min(rate ?? 1, 50)) * 10
    return yield* Effect.tryPromise({
      try: async () =>
        new Uint8Array(
          await open(pixels, { raw: { width, height: height * frames.length, channels: 3, pageHeight: height } })
            .gif({ delay: frames.map((_, i) => at(i + 1) - at(i)), loop: 0, keepDuplicateFrames: true }).toBuffer(),
        ),
      catch: failed("GIF"),
    })
  })
