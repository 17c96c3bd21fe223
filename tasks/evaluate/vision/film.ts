/**
 * Frames that an evaluation keeps to be looked at: raw pixels in a file that their digest names. Who draws them chooses how
 * (a PNG, a GIF), and equal runs on every machine give equal bytes.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { type FileFault, fileFault, natural } from "../../../core/files/codec.ts"
import { FileRef, getBytes, putBytes } from "../../objects.ts"
import type { Store, StoreFault } from "../../store.ts"
import type { Frame } from "../../vision/frame.ts"

// ---- types -------------------------------------------------------------------

/** Frames of one size, one after another. */
export interface Film {
  /** `count * height * width * 3` bytes: red, green, blue of each pixel, rows one after another. */
  readonly file: FileRef
  readonly width: number
  readonly height: number
  readonly count: number
}

/** The codec of films. */
export const Film: t.Type<Film, unknown> = t.strict({ file: FileRef, width: natural, height: natural, count: natural })

// ---- there and back --------------------------------------------------------------

/** Keeps frames of one size; none at all are a film too. */
export const putFilm = (frames: ReadonlyArray<Frame>): Effect.Effect<Film, StoreFault, Store> => {
  const { width, height } = frames[0] ?? { width: 0, height: 0 }
  const length = width * height * 3
  const pixels = new Uint8Array(frames.length * length)
  frames.forEach((frame, i) => pixels.set(frame.pixels.subarray(0, length), i * length))
  return Effect.map(putBytes(pixels), (file) => ({ file, width, height, count: frames.length }))
}

/** The frames of a film. Faults: a file that is missing, damaged or of another length. */
export const framesIn = (
  { file, width, height, count }: Film,
): Effect.Effect<ReadonlyArray<Frame>, StoreFault | FileFault, Store> =>
  Effect.flatMap(getBytes(file), (bytes) => {
    const length = width * height * 3
    if (bytes.length !== count * length) {
      const message = `a film of ${count} frames of ${width} x ${height} has ${bytes.length} bytes, not ${
        count * length
      }`
      return Effect.fail(fileFault("value", file.digest, message))
    }
    return Effect.succeed(
      Array.from({ length: count }, (_, i) => ({ width, height, pixels: bytes.slice(i * length, (i + 1) * length) })),
    )
  })
