/**
 * What a judge sees in a clip: the digits of every frame, and how far the ink went. Whether that is what was asked for is a
 * function of it.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type { DeviceFault } from "../../../core/device/backend.ts"
import { finite, natural } from "../../../core/files/codec.ts"
import { centreOf, digitsIn } from "../../vision/boxes.ts"
import type { Said, Way } from "../../vision/digits.ts"
import type { VisionFault } from "../../vision/fault.ts"
import type { Frame } from "../../vision/frame.ts"

// ---- types -------------------------------------------------------------------

/** Says of boxes of 16 x 16 which digit each shows. */
export type Says = (
  boxes: ReadonlyArray<Frame>,
) => Effect.Effect<ReadonlyArray<{ readonly label: number }>, DeviceFault | VisionFault>

/** What is seen in a clip. */
export interface Seen {
  /** Of each frame what is found in it, from left to right; null of what is no digit. */
  readonly found: ReadonlyArray<ReadonlyArray<number | null>>
  /** Pixels that the ink's centre goes from the first frame to the last; 0 where one of them has no ink. */
  readonly down: number
  readonly right: number
}

/** The codec of what is seen. */
export const Seen: t.Type<Seen, unknown> = t.strict({
  found: t.readonlyArray(t.readonlyArray(t.union([natural, t.null]))),
  down: finite,
  right: finite,
})

// ---- looking -----------------------------------------------------------------

const gone = (clip: ReadonlyArray<Frame>): Pick<Seen, "down" | "right"> => {
  const [first, last] = [clip[0], clip.at(-1)].map((frame) => frame === undefined ? undefined : centreOf(frame))
  return first === undefined || last === undefined
    ? { down: 0, right: 0 }
    : { down: last[0] - first[0], right: last[1] - first[1] }
}

/** What a judge sees in clips; each is seen as it would be alone. */
export const look = (
  says: Says,
  clips: ReadonlyArray<ReadonlyArray<Frame>>,
): Effect.Effect<ReadonlyArray<Seen>, DeviceFault | VisionFault> => {
  const found = clips.map((clip) => clip.map(digitsIn))
  const boxes = found.flat(2).flatMap(({ frame }) => frame === null ? [] : [frame])
  return Effect.map(boxes.length === 0 ? Effect.succeed([]) : says(boxes), (verdicts) => {
    let next = 0
    return found.map((frames, i) => ({
      found: frames.map((all) => all.map(({ frame }) => frame === null ? null : verdicts[next++]!.label)),
      ...gone(clips[i]!),
    }))
  })
}

// ---- is it what was asked ----------------------------------------------------------

const same = (found: ReadonlyArray<number | null>, digits: ReadonlyArray<number>): boolean =>
  found.length === digits.length &&
  found.toSorted((a, b) => (a ?? -1) - (b ?? -1)).join() === digits.toSorted((a, b) => a - b).join()

/** Does it show the digits that were asked for, all of them and nothing else, in more than half of its frames? */
export const shows = ({ digits }: Said, { found }: Seen): boolean =>
  2 * found.filter((frame) => same(frame, digits)).length > found.length

const alongOf: { readonly [W in Way]: (s: Seen) => readonly [along: number, across: number] } = {
  left: ({ down, right }) => [-right, down],
  right: ({ down, right }) => [right, down],
  up: ({ down, right }) => [-down, right],
  down: ({ down, right }) => [down, right],
}

/**
 * Does the ink move the asked way: at least half as far as it should (`far` pixels), and further than across? Of a clip in
 * which nothing should move, no.
 */
export const moves = ({ moving }: Said, seen: Seen, far: number): boolean => {
  if (moving === null) return false
  const [along, across] = alongOf[moving.way](seen)
  return along > 0 && 2 * along >= far && along > Math.abs(across)
}
