/**
 * Where digits are in a frame that nobody drew from a scene: parts of bright ink that hang together, each with the box
 * whose middle is the ink's centre of mass, as scans lie in theirs (LeCun et al., 1998).
 *
 * ```ts
 * import { cut } from "./scale.ts"
 * import type { Frame } from "./frame.ts"
 * import { box } from "./scans.ts"
 *
 * const digitsOf = (frame: Frame): ReadonlyArray<Frame> =>
 *   boxesIn(frame).map(({ row, col }) => cut(frame, row, col, box, box))
 * ```
 * @module
 */
import type { Frame } from "./frame.ts"
import { box } from "./scans.ts"

/** The upper left pixel of a box. */
export interface Corner {
  readonly row: number
  readonly col: number
}

/** How bright ink is at least, of 255: a third, so that what a decoder smears is none. */
const bright = 85

/** Ink that lies so many pixels apart hangs together: strokes break where scans are made small; two digits lie 4 apart. */
const reach = 2

/** Bright pixels that make a digit; fewer are a spot. The thinnest one has about a dozen. */
const least = 8

interface Ink {
  readonly row: number
  readonly col: number
  readonly level: number
}

const inkOf = ({ width, pixels }: Frame): ReadonlyArray<Ink> => {
  const found: Array<Ink> = []
  for (let i = 0; i < pixels.length; i += 3) {
    const level = (pixels[i]! + pixels[i + 1]! + pixels[i + 2]!) / 3
    if (level >= bright) found.push({ row: Math.floor(i / 3 / width), col: (i / 3) % width, level })
  }
  return found
}

/** Ink in parts that hang together, in the order of their first pixels. */
const partsOf = (ink: ReadonlyArray<Ink>): ReadonlyArray<ReadonlyArray<Ink>> => {
  const left = new Set(ink)
  const parts: Array<ReadonlyArray<Ink>> = []
  for (const first of ink) {
    if (!left.delete(first)) continue
    const part = [first]
    for (const one of part) {
      for (const other of left) {
        if (Math.abs(other.row - one.row) > reach || Math.abs(other.col - one.col) > reach) continue
        left.delete(other)
        part.push(other)
      }
    }
    parts.push(part)
  }
  return parts
}

const within = (x: number, room: number): number => Math.max(0, Math.min(Math.max(0, room), x))

/**
 * Boxes of 16 x 16 around what looks like digits, white on black, from left to right (from top to bottom in one column).
 * They lie inside of the frame; two digits that touch are one.
 */
export const boxesIn = (frame: Frame): ReadonlyArray<Corner> =>
  partsOf(inkOf(frame)).filter((part) => part.length >= least).map((part): Corner => {
    const whole = part.reduce((sum, { level }) => sum + level, 0)
    const centre = (of: (ink: Ink) => number): number =>
      Math.round(part.reduce((sum, ink) => sum + of(ink) * ink.level, 0) / whole - (box - 1) / 2)
    return {
      row: within(centre(({ row }) => row), frame.height - box),
      col: within(centre(({ col }) => col), frame.width - box),
    }
  }).toSorted((a, b) => a.col - b.col || a.row - b.row)
