/**
 * Questions about stills and videos as prompts, in the form that LWM's models were taught: the question, then the frames, then
 * the answer. Questions of any length go together: a row begins at place 0 of its cache and is read with padding behind it,
 * so an answer depends on neither the padding nor on what is asked beside it.
 * @module
 */
import { either as E } from "fp-ts"
import { block, delimitersOf, framesOf, sampledFrames } from "../../models/world/layout.ts"
import { lwmWording, visionChatPrompt, type Wording } from "../../models/world/prompt.ts"
import type { Ask } from "../language/language.ts"
import { several } from "../numbers.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { joint } from "./reading.ts"
import type { Seer } from "./wish.ts"

/** A question about frames. */
export interface Question {
  /** The codes of a still, or of a video's frames. */
  readonly frames: ReadonlyArray<ArrayLike<number>>
  readonly text: string
}

/** How questions are asked. */
export interface Asking extends Ask {
  /** Frames of a video at most: of more so many are taken, evenly from the first to the last; all that there are without. */
  readonly frames?: number
  readonly wording?: Wording
}

/** Where answers end: at the end of the text, at the next user's turn, and at a line's end. */
export const answerEnds = (s: Pick<Seer["tokenizer"], "eos">): Pick<Ask, "stop"> & {
  readonly until: ReadonlyArray<string>
} => ({ stop: s.eos === undefined ? [] : [s.eos], until: [" USER:"] })

/** A question as tokens (see `joint`). Faults: no frames, codes of another codebook, too many for the context. */
export const questionTokens = (
  s: Seer,
  { frames, text }: Question,
  { frames: most = Infinity, wording = lwmWording, limit }: Pick<Asking, "frames" | "wording" | "limit">,
  where: string,
): E.Either<VisionFault, Int32Array> => {
  if (!(most === Infinity || Number.isInteger(most) && most >= 1)) {
    return E.left(visionFault("settings", "frames", `frames is ${most}; expected a whole number from 1`))
  }
  const seen = sampledFrames(frames.length, most).map((i) => frames[i]!)
  if (seen.length === 0) {
    return E.left(visionFault("empty", where, `${where} is about no frames; give a still or a video with one at least`))
  }
  for (const [n, codes] of seen.entries()) {
    const read = framesOf(s.layout, codes)
    const why = E.isLeft(read)
      ? read.left.message
      : codes.length === s.layout.frame
      ? undefined
      : `it has ${codes.length} codes, a frame of this model ${s.layout.frame}`
    if (why === undefined) continue
    return E.left(visionFault("codes", where, `${where}, frame ${n}: ${why}; encode it with the model's VQGAN`))
  }
  const shown = block(s.layout, delimitersOf(s.tokenizer), seen)
  const tokens = joint(s.config, visionChatPrompt(s.tokenizer, shown, text, wording))
  const over = tokens.length + limit - s.config.context
  if (over <= 0) return E.right(tokens)
  const fit = Math.max(0, seen.length - Math.ceil(over / (s.layout.frame + 1)))
  const message =
    `${where}: ${
      several(seen.length, "frame")
    }, the question and an answer of up to ${limit} tokens are ${over} tokens ` +
    `more than the context of ${s.name}, ${s.config.context}; take ${fit} frames at most` +
    (fit === 0 ? ": none fits, so shorten the question or the answer, or give another model" : "")
  return E.left(visionFault("settings", "frames", message))
}
