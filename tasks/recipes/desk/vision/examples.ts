/**
 * What the world model learns from: pairs of a scene and its caption in either order, questions about scenes, and the text
 * that it has learned before. Example n is a function of the seed and n, so a position is a number.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { natural } from "../../../../core/files/codec.ts"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import {
  block,
  type Delimiters,
  delimitersOf,
  generationPrompt,
  type Laid,
  type Layout,
  unconditionalPrompt,
  visionChatPrompt,
} from "../../../../models/world/mod.ts"
import type { Tokenizer } from "../../../../models/tokenizers/tokenizer.ts"
import type { Examples } from "../../../data/order.ts"
import { digestOf, placeOf } from "../../../data/source.ts"
import { textAlone, type VisionExample } from "../../../data/vision-example.ts"
import type { Json } from "../../../stage/stage.ts"
import { captionOf, questionsOf, type Scans, type Scene } from "../../../vision/digits.ts"
import { type Ground, needleRow, textRow } from "../curriculum.ts"
import { type Dice, dice } from "../dice.ts"
import { type Filmed, type Filming, sceneIn } from "./codes.ts"

// ---- types -------------------------------------------------------------------

/** What an example teaches. */
export type Task = "text-image" | "text-video" | "image-chat" | "video-chat" | "text"

/** Shares of all examples. */
export type Shares = { readonly [T in Task]: number }

/** What examples are made of. */
export interface Gallery {
  readonly scans: Scans
  readonly filming: Filming
  /** Codes of the scenes of training, scene after scene. */
  readonly stills: Int32Array
  readonly videos: Int32Array
  readonly layout: Layout
  readonly tokenizer: Tokenizer
  readonly ground: Ground
}

/** How pairs come: how often frames come before their caption, and how often it is left out where it would come first. */
export interface Pairing {
  readonly swap: number
  readonly drop: number
}

/** Raised when the example of a number comes to mean something else: it is a part of the keys of trainings. */
export const version = 2

// ---- examples ------------------------------------------------------------------

/** Parts in order, of which the last, or the one that is learned, counts. */
const exampleOf = (
  task: Task,
  parts: ReadonlyArray<readonly [laid: Laid, counts: 0 | 1]>,
): VisionExample => {
  const length = parts.reduce((n, [{ tokens }]) => n + tokens.length, 0)
  const [tokens, vision, counted] = [new Int32Array(length), new Uint8Array(length), new Uint8Array(length)]
  parts.reduce((at, [laid, counts]) => {
    tokens.set(laid.tokens, at)
    vision.set(laid.vision, at)
    counted.fill(counts, at, at + laid.tokens.length)
    return at + laid.tokens.length
  }, 0)
  return { tokens, vision, counted, task }
}

const said = (tokens: ArrayLike<number>): Laid => ({
  tokens: Int32Array.from(tokens),
  vision: new Uint8Array(tokens.length),
})

/** A block without what opens it: a prompt ends with that. */
const opened = ({ tokens, vision }: Laid, { open }: Delimiters): Laid => ({
  tokens: tokens.subarray(open.length),
  vision: vision.subarray(open.length),
})

/** What is asked of someone who sees frames and is to describe them. */
const describe = "What is there?"

/** A scene and its block. */
interface Shot {
  readonly scene: Scene
  readonly block: Laid
}

const shotOf = (g: Gallery, of: Filmed, codes: Int32Array, n: number): Shot => {
  const { frame } = g.layout
  const per = of.drawing.frames
  const frames = Array.from({ length: per }, (_, f) => codes.subarray((n * per + f) * frame, (n * per + f + 1) * frame))
  return { scene: sceneIn(g.scans, of, n), block: block(g.layout, delimitersOf(g.tokenizer), frames) }
}

/** A shot of one digit, if a few draws find one. */
const shotAlone = (g: Gallery, of: Filmed, codes: Int32Array, d: Dice): Shot => {
  const drawn = Array.from({ length: 8 }, () => d.below(of.count))
  return shotOf(g, of, codes, drawn.find((n) => sceneIn(g.scans, of, n).digits.length === 1) ?? drawn[0]!)
}

/** A pair: the caption asks for the frames, or the frames are described, or frames come by themselves. */
const pairOf = (g: Gallery, task: Task, d: Dice, { swap, drop }: Pairing, { scene, block }: Shot): VisionExample => {
  const { tokenizer } = g
  const delimiters = delimitersOf(tokenizer)
  const caption = captionOf(scene)
  const eos = tokenizer.eos ?? 0
  if (d.unit() < swap) {
    const prompt = visionChatPrompt(tokenizer, block, describe)
    return exampleOf(task, [[prompt, 0], [said([...tokenizer.encode(` ${caption}`), eos]), 1]])
  }
  const kind = scene.frames > 1 ? "video" : "image"
  const prompt = d.unit() < drop
    ? unconditionalPrompt(tokenizer, delimiters)
    : generationPrompt(tokenizer, delimiters, kind, caption)
  return exampleOf(task, [[prompt, 0], [opened(block, delimiters), 1]])
}

/** How often it is asked which digit it is where that can be asked: it is harder to learn than how many there are. */
const which = 0.9

/** A question, and what is to be said. */
const chatOf = (g: Gallery, task: Task, d: Dice, { scene, block }: Shot): VisionExample => {
  const all = questionsOf(scene)
  const [hard, others] = [all.filter(({ kind }) => kind === "which"), all.filter(({ kind }) => kind !== "which")]
  const { question, answer } = d.one(hard.length > 0 && d.unit() < which ? hard : others)
  const { tokenizer } = g
  return exampleOf(task, [
    [visionChatPrompt(tokenizer, block, question), 0],
    [said([...tokenizer.encode(` ${answer}`), tokenizer.eos ?? 0]), 1],
  ])
}

/** Example `n` of a mixture; text fills a row of `time` tokens. */
const exampleAt = (g: Gallery, m: Mixing, time: number) => (n: number): VisionExample => {
  const key = hostFold(hostKey(m.seed), n)
  const d = dice(hostFold(key, 0))
  const tasks = Object.entries(m.shares) as ReadonlyArray<readonly [Task, number]>
  let drawn = d.unit() * tasks.reduce((sum, [, share]) => sum + share, 0)
  const [task] = tasks.find(([, share]) => (drawn -= share) < 0) ?? tasks[0]!
  if (task === "text") {
    const row = d.unit() < 0.6 ? textRow : needleRow
    return { ...textAlone(row(g.ground, hostFold(key, 1), time + 1)), task }
  }
  const video = task === "text-video" || task === "video-chat"
  const [of, codes] = video ? [g.filming.videos, g.videos] : [g.filming.stills, g.stills]
  const shot = shotOf(g, of, codes, d.below(of.count))
  // more stills of one digit than are drawn: there it can be asked which it is
  const again = task === "image-chat" && shot.scene.digits.length > 1 && d.unit() < which
  return again
    ? chatOf(g, task, d, shotAlone(g, of, codes, d))
    : task === "text-image" || task === "text-video"
    ? pairOf(g, task, d, m.pairing, shot)
    : chatOf(g, task, d, shot)
}

// ---- many ----------------------------------------------------------------------

/** How kinds are mixed. */
export interface Mixing {
  readonly shares: Shares
  readonly pairing: Pairing
  readonly seed: number
}

/** Examples without end, for rows of `time` tokens. */
export const mixedExamples = (g: Gallery, m: Mixing, time: number): Examples<never, never, VisionExample> => ({
  name: "scenes and text",
  digest: digestOf("desk vision", version, { ...m.shares } as Json, { ...m.pairing }, m.seed, time, g.scans.digest),
  from: (position) =>
    Stream.unwrap(Effect.map(
      position === undefined ? Effect.succeed(0) : placeOf(natural, "scenes and text", position),
      (first) => {
        const at = exampleAt(g, m, time)
        return Stream.unfold(first, (n) => Effect.succeed([{ example: at(n), after: n + 1 }, n + 1] as const))
      },
    )),
})
