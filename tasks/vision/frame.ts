/**
 * Pictures on the host, and as tensors. A video is a list of frames of one size.
 * @module
 */
import { either as E } from "fp-ts"
import type { Axes } from "../../core/tensor/axes.ts"
import type { Host } from "../../core/tensor/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { Fields } from "../data/source.ts"
import { type VisionFault, visionFault } from "./fault.ts"

// ---- types -------------------------------------------------------------------

/** A picture: rows one after another, in each row pixels, in each pixel red, green, blue from 0 to 255. */
export interface Frame {
  readonly width: number
  readonly height: number
  /** `height * width * 3` bytes. */
  readonly pixels: Uint8Array
}

/** A still or a video: frames of one size, and how many are shown in a second; null of a still. */
export interface Clip {
  readonly frames: ReadonlyArray<Frame>
  readonly rate: number | null
}

/** A clip with what is said of it. */
export interface Captioned {
  /** Where it came from: `cat.png`, `cat.jsonl:3`. */
  readonly id: string
  readonly clip: Clip
  /** Empty where nothing is said. */
  readonly caption: string
  /** What else is said of it, by name: a question, its answer. */
  readonly fields: Fields
}

/** The axes of frames as a tensor. */
export type FrameAxes = ["batch", "row", "col", "channel"]

/** Frames as a tensor, from -1 (dark) to 1. */
export type FrameTensor = Host<"f32", FrameAxes>

// ---- constructors --------------------------------------------------------------

/** A frame of one colour; black where none is named. */
export const blank = (width: number, height: number, colour: readonly [number, number, number] = [0, 0, 0]): Frame => {
  const pixels = new Uint8Array(width * height * 3)
  for (let i = 0; i < pixels.length; i++) pixels[i] = colour[i % 3]!
  return { width, height, pixels }
}

/** A frame of grey values, rows one after another. */
export const grey = (width: number, height: number, values: Uint8Array): Frame => {
  const pixels = new Uint8Array(width * height * 3)
  for (let i = 0; i < pixels.length; i++) pixels[i] = values[Math.floor(i / 3)]!
  return { width, height, pixels }
}

// ---- tensors -----------------------------------------------------------------

const size = ({ width, height }: Frame): string => `${width} x ${height}`

/** The first frame that is not as large as frame 0, or whose bytes are not those of its size; -1 where all are well. */
const odd = (frames: ReadonlyArray<Frame>): number =>
  frames.findIndex(({ width, height, pixels }) =>
    width !== frames[0]!.width || height !== frames[0]!.height || pixels.length !== width * height * 3
  )

/** Frames of one size as values from -1 to 1 (x / 127.5 - 1). Faults: no frames, frames of several sizes. */
export const tensorOf = (frames: ReadonlyArray<Frame>): E.Either<VisionFault, FrameTensor> => {
  const first = frames[0]
  if (first === undefined) {
    return E.left(visionFault("empty", "frames", "there are no frames to make a tensor of; give one at least"))
  }
  const other = odd(frames)
  if (other >= 0) {
    const found = frames[other]!
    const message = `frame ${other} is ${size(found)} with ${found.pixels.length} bytes, frame 0 is ${size(first)}; ` +
      `a batch has frames of one size, three bytes a pixel: crop them first`
    return E.left(visionFault("settings", `frame ${other}`, message))
  }
  const length = first.pixels.length
  const data = new Float32Array(frames.length * length)
  frames.forEach(({ pixels }, n) => {
    for (let i = 0; i < length; i++) data[n * length + i] = pixels[i]! / 127.5 - 1
  })
  const sizes = { batch: frames.length, row: first.height, col: first.width, channel: 3 }
  return E.right({ ...f32("batch row col channel", sizes), data })
}

/** What `tensorOf` made, back: values are cut to -1..1 and rounded to the nearest byte; what is no number is black. */
export const framesOf = ({ shape, data }: Host<"f32", Axes>): ReadonlyArray<Frame> => {
  const [count = 0, height = 0, width = 0] = shape as ReadonlyArray<number>
  const length = height * width * 3
  return Array.from({ length: count }, (_, n) => {
    const pixels = new Uint8Array(length)
    for (let i = 0; i < length; i++) {
      const level = Math.round((data[n * length + i]! + 1) * 127.5)
      pixels[i] = level > 255 ? 255 : level > 0 ? level : 0
    }
    return { width, height, pixels }
  })
}

// ---- combinators ---------------------------------------------------------------

/** A frame with another painted over it at a place; what lies outside is cut off. */
export const painted = (below: Frame, above: Frame, row: number, col: number): Frame => {
  const pixels = below.pixels.slice()
  for (let y = Math.max(0, -row); y < above.height && y + row < below.height; y++) {
    const from = Math.max(0, -col)
    const to = Math.min(above.width, below.width - col)
    if (from >= to) break
    const line = above.pixels.subarray((y * above.width + from) * 3, (y * above.width + to) * 3)
    pixels.set(line, ((y + row) * below.width + col + from) * 3)
  }
  return { ...below, pixels }
}

/** Frames side by side in rows of `columns`, with white lines of `gap` pixels between; cells are as large as the largest. */
export const grid = (frames: ReadonlyArray<Frame>, columns: number = frames.length, gap = 1): Frame => {
  const across = Math.max(1, Math.min(columns, frames.length))
  const down = Math.ceil(frames.length / across)
  const width = Math.max(0, ...frames.map((f) => f.width))
  const height = Math.max(0, ...frames.map((f) => f.height))
  const sheet = blank(across * (width + gap) - gap, Math.max(1, down) * (height + gap) - gap, [255, 255, 255])
  return frames.reduce(
    (whole, frame, i) => painted(whole, frame, Math.floor(i / across) * (height + gap), (i % across) * (width + gap)),
    sheet,
  )
}
