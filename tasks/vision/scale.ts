/**
 * Frames of another size. Sums and products alone, rounded once, so the same bytes on every machine.
 * @module
 */
import type { Frame } from "./frame.ts"

/** Keys' cubic convolution with a = -1/2, the usual "bicubic" (Keys, 1981). */
const cubic = (x: number): number => {
  const d = Math.abs(x)
  if (d >= 2) return 0
  return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : ((-0.5 * d + 2.5) * d - 4) * d + 2
}

/** What an element of a shorter or longer line is made of: the first element that it reads, and the share of each. */
interface Tap {
  readonly from: number
  readonly shares: Float64Array
}

/** Where a line becomes shorter, the kernel is as much wider, so that every element is counted (antialiasing). */
const taps = (from: number, to: number): ReadonlyArray<Tap> => {
  const ratio = from / to
  const wide = Math.max(1, ratio)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio
    const first = Math.max(0, Math.ceil(centre - 2 * wide - 0.5))
    const last = Math.min(from - 1, Math.floor(centre + 2 * wide - 0.5))
    const shares = Float64Array.from({ length: last - first + 1 }, (_, j) => cubic((first + j + 0.5 - centre) / wide))
    const sum = shares.reduce((a, b) => a + b, 0)
    return { from: first, shares: shares.map((share) => share / sum) }
  })
}

/** A frame of any other size, by bicubic convolution as the usual libraries do it for photographs. */
export const resized = (frame: Frame, width: number, height: number): Frame => {
  if (width === frame.width && height === frame.height) return frame
  const across = taps(frame.width, width)
  const down = taps(frame.height, height)
  const wide = new Float64Array(frame.height * width * 3)
  for (let y = 0; y < frame.height; y++) {
    for (const [x, { from, shares }] of across.entries()) {
      for (let c = 0; c < 3; c++) {
        let sum = 0
        let at = (y * frame.width + from) * 3 + c
        for (let j = 0; j < shares.length; j++, at += 3) sum += shares[j]! * frame.pixels[at]!
        wide[(y * width + x) * 3 + c] = sum
      }
    }
  }
  const pixels = new Uint8Array(width * height * 3)
  for (const [y, { from, shares }] of down.entries()) {
    for (let i = 0; i < width * 3; i++) {
      let sum = 0
      for (let j = 0; j < shares.length; j++) sum += shares[j]! * wide[(from + j) * width * 3 + i]!
      const level = Math.floor(sum + 0.5)
      pixels[y * width * 3 + i] = level > 255 ? 255 : level > 0 ? level : 0
    }
  }
  return { width, height, pixels }
}

/** Part of a frame; it must lie inside. */
export const cut = (frame: Frame, row: number, col: number, width: number, height: number): Frame => {
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const from = ((row + y) * frame.width + col) * 3
    pixels.set(frame.pixels.subarray(from, from + width * 3), y * width * 3)
  }
  return { width, height, pixels }
}

/** To the nearest whole number, and to the even one of two. */
const even = (x: number): number => Math.round(x / 2) * 2 === x + 0.5 ? x + 0.5 : Math.ceil(x - 0.5)

/**
 * A square of a frame: its shorter side scaled to `size` pixels, and the middle of the longer side. The longer side is cut to
 * whole pixels and the middle is rounded as LWM's vision chat does both, so that one picture has one place for each pixel.
 */
export const square = (frame: Frame, size: number): Frame => {
  const { width, height } = frame
  const tall = width < height
  const w = tall ? size : Math.floor(size * (width / height))
  const h = tall ? Math.floor(size * (height / width)) : size
  return cut(resized(frame, w, h), even((h - size) / 2), even((w - size) / 2), size, size)
}

/** Every pixel as `times` x `times` pixels, so that small frames can be looked at. */
export const enlarged = (frame: Frame, times: number): Frame => {
  const [width, height] = [frame.width * times, frame.height * times]
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (Math.floor(y / times) * frame.width + Math.floor(x / times)) * 3
      for (let c = 0; c < 3; c++) pixels[(y * width + x) * 3 + c] = frame.pixels[from + c]!
    }
  }
  return { width, height, pixels }
}
