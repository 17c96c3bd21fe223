/**
 * What is wished for and how it is drawn: checked before anything runs, and laid out as the prompts that a model was taught.
 * Pure.
 * @module
 */
import { either as E } from "fp-ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { WorldConfig } from "../../models/world/config.ts"
import { type Delimiters, delimitersOf, eofOf, framesOf, type Laid, type Layout } from "../../models/world/layout.ts"
import { generationPrompt, lwmWording, unconditionalPrompt, type Wording } from "../../models/world/prompt.ts"
import type { Sampling } from "../language/language.ts"
import { samplingFaults } from "../language/sampling.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { joint } from "./reading.ts"

// ---- types -------------------------------------------------------------------

/** A picture or a video that is wished for. */
export interface Wish {
  /** What it is to show. */
  readonly text: string
  /** The codes of frames that it begins with. */
  readonly frames?: ReadonlyArray<ArrayLike<number>>
  /** A seed of its own: it is drawn as it would be alone with this seed, however many equal ones there are. */
  readonly seed?: number
}

/** How codes are drawn: of the guided logits u + guidance * (c - u). */
export interface Drawn extends Omit<Sampling, "seed"> {
  /** 1 is the model as it is, without a second half of rows; more keeps closer to the wish (LWM draws stills with 5). */
  readonly guidance: number
}

/** How wishes are fulfilled. */
export interface Generating extends Drawn {
  /** Frames of each, those that it begins with among them. 1: a still. */
  readonly frames: number
  readonly seed: number
  /**
   * How the first frame is drawn, as LWM does: by itself, asked for as an image; the others follow it in a video. Without it
   * all frames are drawn alike, in one go.
   */
  readonly first?: Drawn
  readonly wording?: Wording
}

/** A wish as tokens, text's and then those of frames (see `joint`). */
export interface Laying {
  /** Knows what is wished for. */
  readonly asked: Int32Array
  /** Knows nothing of it. */
  readonly free: Int32Array
  /** Frames that are there. */
  readonly frames: ReadonlyArray<Int32Array>
}

/** What wishes are held to. */
export interface Seer {
  readonly name: string
  readonly config: WorldConfig
  readonly layout: Layout
  readonly tokenizer: Tokenizer
}

// ---- rules -------------------------------------------------------------------

const settingsFault = (where: string, message: string): VisionFault => visionFault("settings", where, message)

const drawnFaults = (name: string, d: Drawn, seed: number): ReadonlyArray<VisionFault> => [
  ...samplingFaults({ ...d, seed }).map(({ message }) => settingsFault(name, message)),
  ...(Number.isFinite(d.guidance) && d.guidance >= 0 ? [] : [settingsFault(
    name,
    `guidance is ${d.guidance}; expected a number from 0: 1 draws as the model was trained, 3 to 7 keep closer to the wish`,
  )]),
]

/** All that is wrong with settings, whatever is wished. */
export const generatingFaults = (g: Generating): ReadonlyArray<VisionFault> => [
  ...drawnFaults("generate", g, g.seed),
  ...(g.first === undefined ? [] : drawnFaults("first", g.first, g.seed)),
  ...(Number.isSafeInteger(g.frames) && g.frames >= 1
    ? []
    : [settingsFault("frames", `frames is ${g.frames}; expected a whole number from 1: 1 is a still`)]),
]

/** Tokens of a prompt, and of so many frames with their ends. */
const tokensOf = (prompt: number, { frame }: Layout, frames: number): number => prompt + (frame + 1) * frames

/** What is wrong with frames that a wish begins with. */
const givenFault = ({ layout }: Seer, i: number, given: ReadonlyArray<ArrayLike<number>>): VisionFault | undefined => {
  for (const [n, codes] of given.entries()) {
    const where = `wish ${i}, frame ${n}`
    if (codes.length !== layout.frame) {
      const message =
        `${where} has ${codes.length} codes, a frame of this model ${layout.frame}; encode it with its VQGAN`
      return visionFault("codes", where, message)
    }
    const read = framesOf(layout, codes)
    if (E.isLeft(read)) return visionFault("codes", where, `${where}: ${read.left.message}; encode it with its VQGAN`)
  }
  return undefined
}

/** The first thing that is wrong with wishes. */
export const wishFault = (s: Seer, wishes: ReadonlyArray<Wish>, g: Generating): VisionFault | undefined => {
  const [wrong] = generatingFaults(g)
  if (wrong !== undefined) return wrong
  for (const [i, wish] of wishes.entries()) {
    const given = wish.frames ?? []
    const odd = givenFault(s, i, given)
    if (odd !== undefined) return odd
    const [seedless] = wish.seed === undefined ? [] : drawnFaults(`wish ${i}`, g, wish.seed)
    if (seedless !== undefined) return seedless
    if (given.length > 0 && given.length >= g.frames) {
      const message = `wish ${i} begins with ${given.length} frames, and ${g.frames} are asked for in all; ask for ` +
        `${given.length + 1} at least`
      return settingsFault("frames", message)
    }
    const { asked } = laid(s, { text: wish.text }, g)
    const over = tokensOf(asked.length, s.layout, g.frames) - s.config.context
    if (over > 0) {
      const most = Math.max(0, Math.floor((s.config.context - asked.length) / (s.layout.frame + 1)))
      const message =
        `${g.frames} frames of ${s.layout.frame + 1} tokens and a prompt of ${asked.length} are ${over} ` +
        `tokens more than the context of ${s.name}, ${s.config.context}; ask for ${most} frames at most` +
        (most === 0 ? ": none fits, so give another model" : "")
      return settingsFault("frames", message)
    }
  }
  return undefined
}

// ---- prompts -----------------------------------------------------------------

/** Frames that others follow, each with its end. */
const followed = (
  { config: { vocab }, layout }: Seer,
  frames: ReadonlyArray<ArrayLike<number>>,
): ReadonlyArray<number> => frames.flatMap((codes) => [...Array.from(codes, (id) => vocab + id), vocab + eofOf(layout)])

/** A wish as tokens. */
export const laid = (
  s: Seer,
  { text, frames = [] }: Wish,
  { frames: all, wording = lwmWording }: Pick<Generating, "frames" | "wording">,
  delimiters: Delimiters = delimitersOf(s.tokenizer),
): Laying => {
  const seen = followed(s, frames)
  const whole = (prompt: Laid): Int32Array => Int32Array.from([...joint(s.config, prompt), ...seen])
  return {
    asked: whole(generationPrompt(s.tokenizer, delimiters, all === 1 ? "image" : "video", text, wording)),
    free: whole(unconditionalPrompt(s.tokenizer, delimiters)),
    frames: frames.map((codes) => Int32Array.from(codes)),
  }
}
