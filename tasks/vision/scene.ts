/**
 * Scenes: which digits are where in a frame of 32 x 32, and how one of them moves. A scene is a function of a seed and a
 * number; frames are functions of a scene. The digits of a scene differ, and their boxes never meet, in no frame.
 * @module
 */
import { hostFold, hostKey } from "../../core/random/host.ts"
import { type Dice, dice } from "../recipes/desk/dice.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { type Frame, grey } from "./frame.ts"
import { box, type Scan, type Scans, type Split } from "./scans.ts"

// ---- types -------------------------------------------------------------------

/** Pixels of a frame's side. */
export const side = 32

/** Where a box can begin: 0 to 16. */
const room = side - box

/** A direction. */
export type Way = "left" | "right" | "up" | "down"

/** All directions. */
export const ways: ReadonlyArray<Way> = ["left", "right", "up", "down"]

const steps: { readonly [W in Way]: readonly [row: number, col: number] } = {
  left: [0, -1],
  right: [0, 1],
  up: [-1, 0],
  down: [1, 0],
}

/** What is drawn. */
export interface Drawing {
  readonly seed: number
  /** Frames of a scene; of one frame, nothing moves. */
  readonly frames: number
  /** Digits of a scene, drawn evenly from `least` to `most`, 1 to 3. */
  readonly least?: number
  readonly most?: number
  /** Pixels that the moving digit goes from frame to frame; as many as let it cross the frame where it is left out. */
  readonly step?: number
  /** Boxes begin at multiples of so many pixels of both sides; 1 if not given. It divides 16, and every step. */
  readonly grid?: number
}

/** A digit at its place in the first frame: the row and column of its box's upper left pixel. */
export interface Placed {
  readonly scan: Scan
  readonly row: number
  readonly col: number
}

/** Digits from left to right, and from top to bottom where they begin in the same column. */
export interface Scene {
  readonly digits: ReadonlyArray<Placed>
  readonly frames: number
  /** Which of the digits moves, where to, and how many pixels a frame; null in a still. */
  readonly moving: { readonly which: number; readonly way: Way; readonly step: number } | null
}

// ---- settings ------------------------------------------------------------------

/** Four frames, in which a digit goes 15 of 16 pixels. */
const stepOf = ({ frames, step, grid = 1 }: Drawing): number =>
  step ?? (frames > 1 ? grid * Math.floor(room / (frames - 1) / grid) : 0)

const whole = (n: number, low: number, high: number): boolean => Number.isInteger(n) && n >= low && n <= high

/** What contradicts itself in what is to be drawn; undefined where all is well. */
export const drawingFault = (drawing: Drawing): VisionFault | undefined => {
  const { frames, least = 1, most = 3 } = drawing
  const fault = (where: string, message: string): VisionFault => visionFault("settings", where, message)
  if (!whole(least, 1, 3) || !whole(most, least, 3)) {
    return fault("least, most", `scenes have ${least} to ${most} digits; expected 1 <= least <= most <= 3`)
  }
  if (!whole(frames, 1, 2 ** 20)) return fault("frames", `a scene has ${frames} frames; expected a whole number from 1`)
  const { grid = 1 } = drawing
  if (!whole(grid, 1, room) || room % grid !== 0) {
    return fault("grid", `boxes begin at multiples of ${grid} pixels; expected a divisor of ${room}`)
  }
  const step = stepOf(drawing)
  if (step % grid !== 0) {
    return fault(
      "step",
      `a digit goes ${step} pixels a frame, but boxes stand at multiples of ${grid}; give one of these`,
    )
  }
  if (frames > 1 && !whole(step, 1, Math.floor(room / (frames - 1)))) {
    const message =
      `a digit that goes ${step} pixels a frame in ${frames} frames would not stay in the frame or stand ` +
      `still; it has ${room} pixels: at most ${room + 1} frames, and steps of 1 to ${room} / (frames - 1)`
    return fault("step", message)
  }
  return undefined
}

// ---- drawing -------------------------------------------------------------------

type Place = readonly [row: number, col: number]

/** Along one axis, where a box begins that must not meet the others: at one end, and they at the other. */
const ends = (d: Dice): readonly [number, number] => d.below(2) === 0 ? [0, room] : [room, 0]

const flipped = ([row, col]: Place): Place => [col, row]

/** Places of `count` boxes that lie apart. The first alone has one half of the frame, the others share the other half. */
const apart = (
  d: Dice,
  count: number,
  any: (d: Dice) => number,
  first: (d: Dice) => number,
): ReadonlyArray<Place> => {
  if (count === 1) return [[any(d), first(d)]]
  const [own, rest] = ends(d)
  const alone: Place = [own, first(d)]
  if (count === 2) return [alone, [rest, any(d)]]
  const [one, two] = ends(d)
  return [alone, [rest, one], [rest, two]]
}

/** A multiple of the grid from 0 to `most`. */
const onGrid = (grid: number, most: number) => (d: Dice): number => grid * d.below(Math.floor(most / grid) + 1)

const places = (d: Dice, count: number, grid: number): ReadonlyArray<Place> => {
  const turned = d.below(2) === 1
  const found = apart(d, count, onGrid(grid, room), onGrid(grid, room))
  return turned ? found.map(flipped) : found
}

/** Places where the first box has its way free: its half of the frame is its own, and `length` pixels lie before it. */
const placesWithWay = (d: Dice, count: number, grid: number, way: Way, length: number): ReadonlyArray<Place> => {
  const back = way === "left" || way === "up"
  const free = onGrid(grid, room - length)
  const found = apart(d, count, onGrid(grid, room), (dice) => free(dice) + (back ? length : 0))
  return way === "up" || way === "down" ? found.map(flipped) : found
}

/** Scene number `n` (0 to 2^32 - 1) of a drawing. The same seed, split and number give the same scene on every machine. */
export const sceneOf = (scans: Scans, drawing: Drawing, split: Split, n: number): Scene => {
  const { seed, frames, least = 1, most = 3, grid = 1 } = drawing
  const d = dice(hostFold(hostFold(hostKey(seed), split === "train" ? 0 : 1), n))
  const count = least + d.below(most - least + 1)
  const digits = d.shuffled([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).slice(0, count)
  const step = stepOf(drawing)
  const way = frames > 1 ? d.one(ways) : undefined
  const found = way === undefined ? places(d, count, grid) : placesWithWay(d, count, grid, way, step * (frames - 1))
  const placed = digits.map((digit, i): Placed => ({
    scan: d.one(scans[split][digit]!),
    row: found[i]![0],
    col: found[i]![1],
  }))
  const sorted = placed.toSorted((a, b) => a.col - b.col || a.row - b.row)
  const moving = way === undefined ? null : { which: sorted.indexOf(placed[0]!), way, step }
  return { digits: sorted, frames, moving }
}

/** Where the digits of a scene are in a frame, counted from 0. */
export const placesAt = ({ digits, moving }: Scene, frame: number): ReadonlyArray<Placed> => {
  if (moving === null) return digits
  const [down, right] = steps[moving.way]
  const gone = moving.step * frame
  return digits.map((p, i) => i === moving.which ? { ...p, row: p.row + down * gone, col: p.col + right * gone } : p)
}

/** The frames of a scene: 32 x 32, white ink on black. */
export const framesOfScene = (scene: Scene): ReadonlyArray<Frame> =>
  Array.from({ length: scene.frames }, (_, frame) => {
    const values = new Uint8Array(side * side)
    for (const { scan, row, col } of placesAt(scene, frame)) {
      for (let y = 0; y < box; y++) values.set(scan.ink.subarray(y * box, (y + 1) * box), (row + y) * side + col)
    }
    return grey(side, side, values)
  })
