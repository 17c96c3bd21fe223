/**
 * Which pictures are asked of a model, in captions, and real scenes of held-out scans that show the same: the most that a
 * judge can find in them.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural, positive } from "../../../core/files/codec.ts"
import { hostFold, hostKey } from "../../../core/random/host.ts"
import { dice } from "../../recipes/desk/dice.ts"
import { captionOf, captionOfSaid, type Said, type Scans, type Scene, ways } from "../../vision/digits.ts"
import { type Drawing, sceneOf } from "../../vision/scene.ts"
import { type PoseFault, poseFault } from "../task.ts"

// ---- types -------------------------------------------------------------------

/** A still of one digit, a still of two, a video of one digit that moves. */
export type Kind = "single" | "pair" | "video"

/** All kinds, in the order in which they are asked and told. */
export const kinds: ReadonlyArray<Kind> = ["single", "pair", "video"]

/** How much is asked for. */
export interface Asking {
  /** Stills of each digit alone. */
  readonly each: number
  /** Stills of two digits that differ. */
  readonly pairs: number
  /** Videos of one digit that moves, digits and ways in turn. */
  readonly videos: number
  /** Draws the pairs. */
  readonly seed: number
  /** How real stills are drawn, and real videos, whose frames and steps those asked for should have. */
  readonly still: Drawing
  readonly video: Drawing
}

/** One picture that is asked for. */
export interface Asked {
  readonly kind: Kind
  /** "a seven and a two" */
  readonly caption: string
  readonly said: Said
  /** Frames; a still has one. */
  readonly frames: number
  /** Its number among all that are asked. */
  readonly number: number
  /** How many before it have the same caption: what is random in it hangs on its caption, this and a seed alone. */
  readonly turn: number
}

/** The codec of what scenes are drawn by; the rules between its numbers are `drawingFault`'s. */
export const DrawingCodec: t.Type<Drawing, unknown> = t.exact(t.intersection([
  t.type({ seed: natural, frames: positive }),
  t.partial({ least: positive, most: positive, step: positive, grid: positive }),
]))

/** The codec of how much is asked for. */
export const Asking: t.Type<Asking, unknown> = t.strict({
  ...{ each: natural, pairs: natural, videos: natural, seed: natural },
  ...{ still: DrawingCodec, video: DrawingCodec },
})

// ---- what is asked -------------------------------------------------------------

const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const

/** All that is asked for: each digit in turn, then pairs, then videos. */
export const askedOf = (a: Asking): ReadonlyArray<Asked> => {
  const single = Array.from({ length: 10 * a.each }, (_, i): Said => ({ digits: [digits[i % 10]!], moving: null }))
  const pair = Array.from({ length: a.pairs }, (_, i): Said => {
    const d = dice(hostFold(hostKey(a.seed), i))
    return { digits: d.shuffled(digits).slice(0, 2), moving: null }
  })
  const video = Array.from({ length: a.videos }, (_, i): Said => {
    // ten and four have a common divisor: the ways are turned once a round, so that every digit goes every way
    const [digit, way] = [i % 10, ways[(i + Math.floor(i / 10)) % 4]!]
    return { digits: [digit], moving: { digit, way } }
  })
  const all: ReadonlyArray<readonly [Kind, Said]> = [
    ...single.map((said) => ["single", said] as const),
    ...pair.map((said) => ["pair", said] as const),
    ...video.map((said) => ["video", said] as const),
  ]
  const turns = new Map<string, number>()
  return all.map(([kind, said], number) => {
    const caption = captionOfSaid(said)
    const turn = turns.get(caption) ?? 0
    turns.set(caption, turn + 1)
    return { kind, said, caption, frames: kind === "video" ? a.video.frames : 1, number, turn }
  })
}

/** Pixels that a digit goes from the first frame of a scene to the last. */
export const wayOf = ({ frames, moving }: Scene): number => moving === null ? 0 : moving.step * (frames - 1)

// ---- the same in truth -----------------------------------------------------------

/** How a kind's scenes are drawn. */
const drawingOf = (a: Asking, { kind, said }: Asked): Drawing => {
  const many = said.digits.length
  return { ...(kind === "video" ? a.video : a.still), least: many, most: many }
}

/** Scenes that are looked through for one kind. */
const most = 200_000

/**
 * For each that is asked a real scene of held-out scans with its caption, all of them different. Faults: a caption that none
 * of the first 200,000 scenes has.
 */
export const scenesLike = (
  scans: Scans,
  a: Asking,
  asked: ReadonlyArray<Asked>,
): E.Either<PoseFault, ReadonlyArray<Scene>> => {
  const found = new Map<number, Scene>()
  for (const kind of kinds) {
    const wanted = new Map<string, Array<number>>()
    const own = asked.filter((one) => one.kind === kind)
    for (const { caption, number } of own) wanted.set(caption, [...wanted.get(caption) ?? [], number])
    if (own.length === 0) continue
    const drawing = drawingOf(a, own[0]!)
    for (let n = 0; n < most && wanted.size > 0; n++) {
      const scene = sceneOf(scans, drawing, "heldOut", n)
      const caption = captionOf(scene)
      const numbers = wanted.get(caption)
      if (numbers === undefined) continue
      found.set(numbers[0]!, scene)
      if (numbers.length === 1) wanted.delete(caption)
      else wanted.set(caption, numbers.slice(1))
    }
    const [missing] = wanted.keys()
    if (missing !== undefined) {
      return E.left(
        poseFault(
          `no scene of ${most} shows '${missing}'; ask for stills of one digit or two, and videos of ` +
            "several frames",
        ),
      )
    }
  }
  return E.right(asked.map(({ number }) => found.get(number)!))
}
