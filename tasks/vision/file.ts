/**
 * Pictures and videos in files: which reader and which writer a file has, by its ending.
 * @module
 */
import * as Effect from "effect/Effect"
import { readFile, stat } from "node:fs/promises"
import { extname, resolve } from "node:path"
import { sampledFrames } from "../../models/world/layout.ts"
import { saying } from "../data/fault.ts"
import { writeBytes } from "../named.ts"
import type { StoreFault } from "../store.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import type { Clip, Frame } from "./frame.ts"
import { decodeImage, gifOf, type Limits, limits, pngOf } from "./image.ts"
import { square } from "./scale.ts"
import { mp4Of, readVideo, type Tools, tools } from "./video.ts"

// ---- kinds -------------------------------------------------------------------

/** What a file is by its ending. */
export type Kind = "image" | "video"

const endings: ReadonlyMap<string, Kind> = new Map([
  ...["png", "jpg", "jpeg", "gif", "webp", "avif", "tif", "tiff"].map((e) => [`.${e}`, "image"] as const),
  ...["mp4", "m4v", "mov", "webm", "mkv", "avi", "mpg", "mpeg", "ogv"].map((e) => [`.${e}`, "video"] as const),
])

/** The kind of a file; undefined where its ending is none of a picture or video. */
export const kindOf = (path: string): Kind | undefined => endings.get(extname(path).toLowerCase())

// ---- reading -------------------------------------------------------------------

/** How files are read. */
export interface Look {
  /** Pixels of a side: the shorter side is scaled to it, the longer cut in the middle. As they are, where it is left out. */
  readonly size?: number
  /** Frames a second of videos; 4 where it is left out. Animations keep all their frames without it. */
  readonly rate?: number
  /** Frames of a file at most; of more, so many are taken evenly from the first to the last. */
  readonly frames?: number
  readonly limits?: Limits
  readonly tools?: Tools
}

/** Frames a second of a video, where nothing else is said: LWM's. */
export const usualRate = 4

const unread = (path: string) => (e: unknown): VisionFault => {
  const gone = (e as { readonly code?: unknown }).code === "ENOENT"
  const why = gone ? "there is no such file; check the path" : saying(e)
  return visionFault(gone ? "missing" : "format", path, `cannot read ${path}: ${why}`)
}

/** Frames that are taken of a clip: its rate falls as they do. */
const sampled = ({ frames, rate }: Clip, most: number): Clip => {
  if (frames.length <= most) return { frames, rate }
  const taken = sampledFrames(frames.length, most).map((i) => frames[i]!)
  return { frames: taken, rate: rate === null ? null : rate * taken.length / frames.length }
}

/** The frames of a file. Faults: no such file, no picture, no frames, more than the limits, no program that reads it. */
export const readClip = (path: string, look: Look = {}): Effect.Effect<Clip, VisionFault> =>
  Effect.gen(function* () {
    const kind = kindOf(path)
    const { size, rate, frames, limits: within = limits } = look
    const found = yield* Effect.tryPromise({ try: () => stat(path), catch: unread(path) })
    if (!found.isFile()) return yield* Effect.fail(visionFault("format", path, `${path} is no file; name one`))
    if (kind === undefined) {
      const message = `${path} has no ending that says what it is; there are ${[...endings.keys()].join(" ")}`
      return yield* Effect.fail(visionFault("format", path, message))
    }
    if (found.size === 0) return yield* Effect.fail(visionFault("empty", path, `${path} has no bytes; is it copied?`))
    if (kind === "image" && found.size > within.bytes) {
      const message = `${path} has ${found.size} bytes; ${within.bytes} at most are let in`
      return yield* Effect.fail(visionFault("large", path, message))
    }
    const prepare = (frame: Frame): Frame => size === undefined ? frame : square(frame, size)
    const clip = kind === "video"
      ? yield* readVideo(resolve(path), rate ?? usualRate, prepare, within, look.tools ?? tools)
      : yield* Effect.flatMap(
        Effect.tryPromise({ try: () => readFile(path), catch: unread(path) }),
        (bytes) => decodeImage(bytes, path, prepare, rate, within),
      )
    return frames === undefined ? clip : sampled(clip, frames)
  })

// ---- writing -------------------------------------------------------------------

const bytesOf = (path: string, clip: Clip, programs: Tools): Effect.Effect<Uint8Array, VisionFault> => {
  const { frames } = clip
  const [first] = frames
  if (first === undefined) {
    return Effect.fail(visionFault("empty", path, `${path} would have no frames; give one at least`))
  }
  switch (extname(path).toLowerCase()) {
    case ".png": {
      const many = `${path} would hold ${frames.length} frames, and a PNG holds one: write a .gif or an .mp4`
      return frames.length === 1 ? pngOf(first) : Effect.fail(visionFault("write", path, many))
    }
    case ".gif":
      return gifOf(clip)
    case ".mp4":
      return mp4Of(clip, programs)
    default:
      return Effect.fail(visionFault("write", path, `${path} is written as its ending says: give .png, .gif or .mp4`))
  }
}

/** Writes frames as `.png` (one), `.gif` or `.mp4`, whole or not at all; the folder is made. */
export const writeClip = (
  path: string,
  clip: Clip,
  programs: Tools = tools,
): Effect.Effect<void, VisionFault | StoreFault> =>
  Effect.asVoid(Effect.flatMap(bytesOf(path, clip, programs), (bytes) => writeBytes(path, bytes)))
