/**
 * Digits in frames that nobody drew from a scene: ink that hangs together, or lies in one digit's room, with the box whose
 * middle is the ink's centre of mass, as scans lie in theirs (LeCun et al., 1998). What is larger than a box is no digit.
 *
 * ```ts
 * import type { Frame } from "./frame.ts"
 *
 * const boxesOf = (frame: Frame): ReadonlyArray<Frame | null> => digitsIn(frame).map(({ frame }) => frame)
 * ```
 * @module
 */
import { blank, type Frame, painted } from "./frame.ts"
import { box } from "./scans.ts"

// ---- numbers -----------------------------------------------------------------

/** How bright ink is at least, of 255: a third, so that what a decoder smears is none. */
const bright = 85

/** Ink that lies so many pixels apart hangs together. Digits of neighbouring boxes are 4 apart. */
const reach = 2

/** Bright pixels that make a digit; fewer are a spot. The thinnest one has about a dozen. */
const least = 8

/** Pixels that a digit is long or wide at most: scans fill 20 of 28, here 11 or 12 of 16. Two digits are never so near. */
const room = 14

// ---- types -------------------------------------------------------------------

/** Something in a frame that could be a digit. */
export interface Found {
  /** Its box; null of what is larger than a box, which is no digit. */
  readonly frame: Frame | null
  /** The centre of mass of its ink, in pixels. */
  readonly row: number
  readonly col: number
}

interface Part {
  readonly places: ReadonlyArray<number>
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

// ---- ink ---------------------------------------------------------------------

/** The mean of each pixel's colours where it is ink, else 0. */
const inkOf = ({ width, height, pixels }: Frame): Float64Array =>
  Float64Array.from({ length: width * height }, (_, i) => {
    const level = (pixels[3 * i]! + pixels[3 * i + 1]! + pixels[3 * i + 2]!) / 3
    return level >= bright ? level : 0
  })

/** The centre of mass of a frame's ink, row and column; undefined of a frame without ink. */
export const centreOf = (frame: Frame): readonly [row: number, col: number] | undefined => {
  const ink = inkOf(frame)
  const whole = ink.reduce((a, b) => a + b, 0)
  return whole === 0 ? undefined : centre(ink, frame.width, ink.keys(), whole)
}

const centre = (
  ink: Float64Array,
  width: number,
  places: Iterable<number>,
  whole: number,
): readonly [row: number, col: number] => {
  let [row, col] = [0, 0]
  for (const i of places) {
    row += Math.floor(i / width) * ink[i]!
    col += (i % width) * ink[i]!
  }
  return [row / whole, col / whole]
}

// ---- parts -------------------------------------------------------------------

const partAt = (places: ReadonlyArray<number>, width: number): Part => {
  const [rows, cols] = [places.map((i) => Math.floor(i / width)), places.map((i) => i % width)]
  return {
    places,
    top: Math.min(...rows),
    bottom: Math.max(...rows),
    left: Math.min(...cols),
    right: Math.max(...cols),
  }
}

const joined = (a: Part, b: Part): Part => ({
  places: [...a.places, ...b.places],
  top: Math.min(a.top, b.top),
  bottom: Math.max(a.bottom, b.bottom),
  left: Math.min(a.left, b.left),
  right: Math.max(a.right, b.right),
})

const fits = ({ top, bottom, left, right }: Part, size: number): boolean => bottom - top < size && right - left < size

/** Ink in parts that hang together. */
const connected = (ink: Float64Array, width: number): ReadonlyArray<Part> => {
  const height = ink.length / width
  const seen = new Uint8Array(ink.length)
  const parts: Array<Part> = []
  for (let first = 0; first < ink.length; first++) {
    if (ink[first] === 0 || seen[first] === 1) continue
    const places = [first]
    seen[first] = 1
    for (const at of places) {
      const [row, col] = [Math.floor(at / width), at % width]
      for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++) {
        for (let x = Math.max(0, col - reach); x <= Math.min(width - 1, col + reach); x++) {
          const next = y * width + x
          if (ink[next] === 0 || seen[next] === 1) continue
          seen[next] = 1
          places.push(next)
        }
      }
    }
    parts.push(partAt(places, width))
  }
  return parts
}

/** The largest parts first, each with the smaller ones that lie in the same digit's room: a stroke may be broken. */
const gathered = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> =>
  parts.toSorted((a, b) => b.places.length - a.places.length || a.places[0]! - b.places[0]!)
    .reduce<ReadonlyArray<Part>>((groups, part) => {
      const home = groups.findIndex((group) => fits(joined(group, part), room))
      return home < 0 ? [...groups, part] : groups.map((group, i) => i === home ? joined(group, part) : group)
    }, [])

// ---- what is found ---------------------------------------------------------------

/** A part alone in its box: ink of others that reaches into it is left out, and so is what the box has no room for. */
const boxed = (frame: Frame, others: ReadonlyArray<Part>, row: number, col: number): Frame => {
  const alone = { ...frame, pixels: frame.pixels.slice() }
  for (const { places } of others) for (const i of places) alone.pixels.fill(0, 3 * i, 3 * i + 3)
  const middle = (box - 1) / 2
  return painted(blank(box, box), alone, -Math.round(row - middle), -Math.round(col - middle))
}

/** What could be digits in a frame, white on black, from left to right (from top to bottom in one column). */
export const digitsIn = (frame: Frame): ReadonlyArray<Found> => {
  const { width } = frame
  const ink = inkOf(frame)
  const parts = gathered(connected(ink, width)).filter(({ places }) => places.length >= least)
  return parts.map((part): Found => {
    const whole = part.places.reduce((sum, i) => sum + ink[i]!, 0)
    const [row, col] = centre(ink, width, part.places, whole)
    const others = parts.filter((other) => other !== part)
    return { frame: fits(part, box) ? boxed(frame, others, row, col) : null, row, col }
  }).toSorted((a, b) => a.col - b.col || a.row - b.row)
}
