/**
 * A judge that needs no training (the nearest of the training's scans), painters and seers that know, guess or fail, and
 * journals that remember.
 * @module
 */
import * as Effect from "effect/Effect"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import type { Asked, Asking } from "../../../../tasks/evaluate/vision/asked.ts"
import { askedOf, scenesLike } from "../../../../tasks/evaluate/vision/asked.ts"
import type { Says } from "../../../../tasks/evaluate/vision/seen.ts"
import type { Painter } from "../../../../tasks/evaluate/vision/showing.ts"
import type { AskFault } from "../../../../tasks/language/language.ts"
import { dice } from "../../../../tasks/recipes/desk/dice.ts"
import type { Journal } from "../../../../tasks/stage/stage.ts"
import { framesOfScene, type Scans } from "../../../../tasks/vision/digits.ts"
import { blank, type Frame, grey } from "../../../../tasks/vision/frame.ts"

/** Of every digit some scans of the training; a box is what the nearest of them is. */
export const nearestScan = (scans: Scans, each = 150): Says => {
  const known = scans.train.flatMap((own) => own.slice(0, each))
  const far = (frame: Frame, ink: Uint8Array, most: number): number => {
    let sum = 0
    for (let i = 0; i < ink.length && sum < most; i++) sum += (frame.pixels[3 * i]! - ink[i]!) ** 2
    return sum
  }
  const label = (frame: Frame): number =>
    known.reduce((best, { ink, digit }) => {
      const distance = far(frame, ink, best.distance)
      return distance < best.distance ? { distance, digit } : best
    }, { distance: Infinity, digit: 0 }).digit
  return (boxes) => Effect.succeed(boxes.map((frame) => ({ label: label(frame) })))
}

/** A painter by what it draws of each that is asked. */
export const painterOf = (name: string, draw: (asked: Asked) => ReadonlyArray<Frame>): Painter => ({
  ...{ name, digest: name.padEnd(64, "0") },
  show: (asked) => Effect.succeed(asked.map(draw)),
})

/** Draws what is asked for, of held-out scans at other places than the real scenes have. */
export const oracle = (scans: Scans, a: Asking): Painter => {
  const other: Asking = { ...a, still: { ...a.still, seed: 1001 }, video: { ...a.video, seed: 1002 } }
  const found = scenesLike(scans, other, askedOf(other))
  if (found._tag === "Left") throw new Error(found.left.message)
  return painterOf("oracle", ({ number }) => framesOfScene(found.right[number]!))
}

/** Each frame grey noise. */
export const noise: Painter = painterOf("noise", ({ frames, number }) =>
  Array.from({ length: frames }, (_, f) => {
    const d = dice(hostFold(hostFold(hostKey(5), number), f))
    return grey(32, 32, Uint8Array.from({ length: 1024 }, () => d.below(256)))
  }))

/** Each frame black. */
export const black: Painter = painterOf("black", ({ frames }) => Array.from({ length: frames }, () => blank(32, 32)))

const plug: AskFault = { _tag: "AskFault", message: "the test pulled the plug" }

/** A function of batches that fails after so many calls. */
export const failing = <A, B, X>(
  calls: number,
  f: (batch: A) => Effect.Effect<B, X>,
): (batch: A) => Effect.Effect<B, X | AskFault> => {
  let left = calls
  return (batch) => Effect.suspend((): Effect.Effect<B, X | AskFault> => left-- > 0 ? f(batch) : Effect.fail(plug))
}

/** A journal in memory, through its codec as through a file. */
export const remembering = (): Journal => {
  let text: string | undefined
  return {
    last: (codec) =>
      Effect.sync(() => {
        const read = text === undefined ? undefined : codec.decode(JSON.parse(text))
        return read?._tag === "Right" ? read.right : undefined
      }),
    save: (codec, state) => Effect.sync(() => void (text = JSON.stringify(codec.encode(state)))),
  }
}
