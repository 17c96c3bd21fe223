/**
 * Small pictures as they lie in a page: PNG, in a text that HTML and JSON can hold. Made without any package, so that a page
 * of pictures needs no more than a page of numbers.
 * @module
 */
import * as t from "io-ts"
import { deflateSync } from "node:zlib"
import { natural } from "../../../core/files/codec.ts"
import type { Frame } from "../../vision/frame.ts"
import { escape } from "../page.ts"

// ---- types -------------------------------------------------------------------

/** Frames of one size side by side; a still is one. */
export interface Picture {
  /** Of one frame. */
  readonly width: number
  readonly height: number
  readonly frames: number
  /** A PNG in base64. */
  readonly png: string
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/

const Base64: t.Type<string, unknown> = t.refinement(t.string, (text) => base64.test(text), "base64")

/** The codec of pictures. */
export const Picture: t.Type<Picture, unknown> = t.strict({
  ...{ width: natural, height: natural, frames: natural, png: Base64 },
})

// ---- PNG ---------------------------------------------------------------------

/** Remainders of the bytes for CRC-32 (ISO 3309), as PNG asks for it. */
const remainders: Uint32Array = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

const crc = (bytes: Uint8Array): number => {
  let c = 0xffffffff
  for (const byte of bytes) c = remainders[(c ^ byte) & 0xff]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

/** A part of a PNG: its length, its name, its bytes, and a checksum over the latter two. */
const chunk = (name: string, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(12 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i)
  bytes.set(data, 8)
  view.setUint32(8 + data.length, crc(bytes.subarray(4, 8 + data.length)))
  return bytes
}

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((n, { length }) => n + length, 0))
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0)
  return bytes
}

/** A frame as a PNG of three bytes a pixel, rows unfiltered. */
export const png = ({ width, height, pixels }: Frame): Uint8Array => {
  const head = new Uint8Array(13)
  const view = new DataView(head.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  head.set([8, 2, 0, 0, 0], 8)
  const rows = new Uint8Array(height * (1 + 3 * width))
  for (let y = 0; y < height; y++) {
    rows.set(pixels.subarray(y * 3 * width, (y + 1) * 3 * width), y * (1 + 3 * width) + 1)
  }
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  const packed = new Uint8Array(deflateSync(rows, { level: 9 }))
  return joined([signature, chunk("IHDR", head), chunk("IDAT", packed), chunk("IEND", new Uint8Array(0))])
}

const textOf = (bytes: Uint8Array): string => {
  let text = ""
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

/** Frames of one size as a picture: the first on the left. */
export const pictureOf = (frames: ReadonlyArray<Frame>): Picture => {
  const { width, height } = frames[0]!
  const pixels = new Uint8Array(frames.length * width * height * 3)
  frames.forEach((frame, i) => {
    for (let y = 0; y < height; y++) {
      pixels.set(frame.pixels.subarray(y * 3 * width, (y + 1) * 3 * width), (y * frames.length + i) * 3 * width)
    }
  })
  return { width, height, frames: frames.length, png: textOf(png({ width: width * frames.length, height, pixels })) }
}

// ---- HTML --------------------------------------------------------------------

const image = ({ width, height, frames, png }: Picture, alt: string): string =>
  `<img src="data:image/png;base64,${escape(png)}" width="${width * frames}" height="${height}" alt="${escape(alt)}">`

/** A still with the words that stand for it (text). */
export const still = (picture: Picture, alt: string): string => `<span class="still">${image(picture, alt)}</span>`

/** Seconds that a frame of a clip is shown. */
const each = 0.4

/** A clip that goes round: the strip of its frames moves by one frame at a time. Who wants no motion sees the strip. */
export const clip = (picture: Picture, alt: string): string =>
  `<span class="clip" style="--n:${picture.frames};--w:${picture.width};--h:${picture.height};--t:${
    (picture.frames * each).toFixed(1)
  }s">${image(picture, alt)}</span>`
