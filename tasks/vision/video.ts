/**
 * Videos in files, read and written by the machine's ffmpeg, where it has one. Frames come through a pipe as they are decoded,
 * so a long video needs no more memory than what is made of its frames, and no file is written beside the user's.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, finite } from "../../core/files/codec.ts"
import { saying } from "../data/fault.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import type { Clip, Frame } from "./frame.ts"
import { type Limits, limits, type Prepare } from "./image.ts"
import { type Ended, piped } from "./program.ts"

// ---- programs ------------------------------------------------------------------

/** The programs by their names or paths. */
export interface Tools {
  readonly ffmpeg: string
  readonly ffprobe: string
}

/** Those that the path knows. */
export const tools: Tools = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" }

const absent = (command: string): VisionFault =>
  visionFault(
    "missing",
    command,
    `videos are read and written by ffmpeg, and there is no program '${command}' here; install ffmpeg (it brings ffprobe), ` +
      `or name them by their paths; stills and animated GIF and WebP need neither`,
  )

const lastLine = (said: string): string => said.trim().split("\n").at(-1) ?? ""

/** Runs a program to its end, or until the listener has heard enough. */
const ran = (
  command: string,
  args: ReadonlyArray<string>,
  hear: (piece: Uint8Array) => boolean,
  input?: Iterable<Uint8Array>,
): Effect.Effect<Ended, VisionFault> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: (signal) => piped(command, args, hear, signal, input),
      catch: (e) => visionFault("format", command, `${command} failed: ${saying(e)}`),
    }),
    (ended) => ended.absent ? Effect.fail(absent(command)) : Effect.succeed(ended),
  )

/** Bytes as they come, in one piece at the end. */
const gathering = (): { readonly hear: (piece: Uint8Array) => boolean; readonly all: () => Uint8Array } => {
  const pieces: Array<Uint8Array> = []
  return {
    hear: (piece) => pieces.push(piece) > 0,
    all: () => {
      const whole = new Uint8Array(pieces.reduce((n, { length }) => n + length, 0))
      pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0)
      return whole
    },
  }
}

/** A file as these programs must be told of it, so that no name is taken for a flag or an address; nothing else is opened. */
const fileOf = (path: string): ReadonlyArray<string> => ["-protocol_whitelist", "file,pipe", "-i", `file:${path}`]

// ---- what a video is --------------------------------------------------------------

/** What is known of a video before it is decoded. */
export interface VideoFacts {
  readonly width: number
  readonly height: number
  /** Seconds; null where the file does not say. */
  readonly seconds: number | null
}

const Probed: t.Type<
  {
    readonly streams?: ReadonlyArray<{ readonly width?: number; readonly height?: number }>
    readonly format?: { readonly duration?: string }
  },
  unknown
> = t.partial({
  streams: t.readonlyArray(t.partial({ width: finite, height: finite })),
  format: t.partial({ duration: t.string }),
}) as never

const parsed = (text: string): unknown =>
  E.getOrElse<unknown, unknown>(() => undefined)(E.tryCatch(() => JSON.parse(text), () => undefined))

/** Asks ffprobe. Faults: no ffprobe, no video, a video without frames. */
export const probe = (path: string, { ffprobe }: Tools = tools): Effect.Effect<VideoFacts, VisionFault> =>
  Effect.gen(function* () {
    const { hear, all } = gathering()
    const asked = ["-select_streams", "v:0", "-show_entries", "stream=width,height:format=duration", "-of", "json"]
    const { code, said } = yield* ran(ffprobe, ["-v", "error", ...asked, ...fileOf(path)], hear)
    const read = decodeValue(Probed, parsed(new TextDecoder().decode(all())))
    if (code !== 0 || E.isLeft(read)) {
      const message = `${path} cannot be read (${lastLine(said)}): it is damaged, or no video that ffmpeg knows`
      return yield* Effect.fail(visionFault("format", path, message))
    }
    const { width = 0, height = 0 } = read.right.streams?.[0] ?? {}
    if (!(width > 0 && height > 0)) {
      const message = `${path} holds no pictures: it has no video stream, or one of no size; is it sound alone?`
      return yield* Effect.fail(visionFault("empty", path, message))
    }
    const seconds = Number(read.right.format?.duration ?? NaN)
    return { width, height, seconds: Number.isFinite(seconds) ? seconds : null }
  })

// ---- reading -------------------------------------------------------------------

/** Portable pixmaps one after another: "P6\n<width> <height>\n255\n" and three bytes a pixel. */
const pixmaps = (each: (frame: Frame) => boolean): (piece: Uint8Array) => boolean => {
  let held = new Uint8Array(0)
  let used = 0
  const header = (): { readonly width: number; readonly height: number; readonly from: number } | undefined => {
    const text = new TextDecoder("latin1").decode(held.subarray(0, Math.min(used, 64)))
    const found = /^P6\s(\d+)\s(\d+)\s255\s/.exec(text)
    if (found !== null) return { width: Number(found[1]), height: Number(found[2]), from: found[0].length }
    if (text.length >= 64) throw new Error("its frames are no portable pixmaps")
    return undefined
  }
  return (piece) => {
    if (used + piece.length > held.length) {
      const larger = new Uint8Array(Math.max(used + piece.length, 2 * held.length))
      larger.set(held.subarray(0, used))
      held = larger
    }
    held.set(piece, used)
    used += piece.length
    for (;;) {
      const head = header()
      const end = head === undefined ? Infinity : head.from + head.width * head.height * 3
      if (head === undefined || used < end) return true
      const { width, height, from } = head
      const more = each({ width, height, pixels: held.slice(from, end) })
      held.copyWithin(0, end, used)
      used -= end
      if (!more) return false
    }
  }
}

/**
 * A video's frames at `rate` a second, turned as its camera was. Faults: no ffmpeg, no video, no frames, a frame larger or
 * more frames than the limits.
 */
export const readVideo = (
  path: string,
  rate: number,
  prepare: Prepare = (frame) => frame,
  within: Limits = limits,
  programs: Tools = tools,
): Effect.Effect<Clip, VisionFault> =>
  Effect.gen(function* () {
    const facts = yield* probe(path, programs)
    const { width, height, seconds } = facts
    if (width * height > within.pixels) {
      const message = `${path} has frames of ${width} x ${height} pixels; ${within.pixels} at most are let in`
      return yield* Effect.fail(visionFault("large", path, message))
    }
    const long = (count: string): VisionFault =>
      visionFault(
        "large",
        path,
        `${path} has ${count} frames at ${rate} a second; ${within.frames} at most are let in: choose a lower rate, or cut it`,
      )
    if (seconds !== null && seconds * rate > within.frames + 1) {
      return yield* Effect.fail(long(`about ${Math.round(seconds * rate)}`))
    }
    const frames: Array<Frame> = []
    const hear = pixmaps((frame) => frames.push(prepare(frame)) <= within.frames)
    const out = ["-an", "-sn", "-dn", "-vf", `fps=${rate}`, "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24"]
    const args = ["-nostdin", "-v", "error", "-max_pixels", String(within.pixels), ...fileOf(path), "-map", "0:v:0"]
    const { code, said } = yield* ran(programs.ffmpeg, [...args, ...out, "pipe:1"], hear)
    if (frames.length > within.frames) return yield* Effect.fail(long(`more than ${within.frames}`))
    if (code !== 0) {
      const message =
        `${path} cannot be decoded to its end (${lastLine(said)}): it is damaged, or of a kind that this ffmpeg ` +
        `does not know; ${frames.length} frames were read`
      return yield* Effect.fail(visionFault("format", path, message))
    }
    if (frames.length === 0) {
      return yield* Effect.fail(
        visionFault("empty", path, `${path} has no frames at ${rate} a second; is it cut short?`),
      )
    }
    return { frames, rate }
  })

// ---- writing -------------------------------------------------------------------

/** Is there an ffmpeg to write videos? Who asks first does not draw for nothing. Faults: there is none. */
export const writesVideos = ({ ffmpeg }: Tools = tools): Effect.Effect<void, VisionFault> =>
  Effect.asVoid(ran(ffmpeg, ["-version"], () => true))

/**
 * Frames of one size as an MP4 that browsers play: what is told to a pipe cannot be gone back in, so it is one in fragments.
 * Odd sides get a line more, for its colours are stored by twos. Faults: no ffmpeg, or one that writes no MP4.
 */
export const mp4Of = ({ frames, rate }: Clip, { ffmpeg }: Tools = tools): Effect.Effect<Uint8Array, VisionFault> =>
  Effect.gen(function* () {
    const { width, height } = frames[0] ?? { width: 0, height: 0 }
    const { hear, all } = gathering()
    const input = [
      "-f",
      "rawvideo",
      "-pix_fmt",
      "rgb24",
      "-s",
      `${width}x${height}`,
      "-r",
      String(rate ?? 1),
      "-i",
      "pipe:0",
    ]
    const shape = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"]
    const form = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"]
    const pixels = frames.map((frame) => frame.pixels)
    const { code, said } = yield* ran(ffmpeg, ["-v", "error", ...input, ...shape, ...form], hear, pixels)
    const bytes = all()
    if (code === 0 && bytes.length > 0) return bytes
    const message = `ffmpeg made no MP4 of ${frames.length} frames of ${width} x ${height} (${
      lastLine(said)
    }); write a GIF instead`
    return yield* Effect.fail(visionFault("write", "MP4", message))
  })
