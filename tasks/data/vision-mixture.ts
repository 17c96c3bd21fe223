/**
 * Kinds of examples, by shares: pairs of text and image, of text and video, questions about either, pure text. Each draw is
 * known by its number, every kind goes on by itself, and each example says which task it teaches.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Json } from "../stage/stage.ts"
import type { Example } from "./example.ts"
import { type Examples, mixture } from "./order.ts"
import { digestOf } from "./source.ts"
import { textAlone, type VisionExample } from "./vision-example.ts"

// ---- types -------------------------------------------------------------------

/** A kind of examples, and its share of all. */
export interface Kind<X = never, R = never> {
  /** What its examples teach: `text-image`. */
  readonly task: string
  readonly share: number
  readonly examples: Examples<X, R, VisionExample>
}

/** Shares by the names of tasks. */
export interface Shares {
  readonly [task: string]: number
}

/**
 * LWM's: 16 % of text beside images at 1K and videos at 8K, a quarter of each kind in chat (Liu et al., 2024, section 4 and
 * appendix).
 */
export const paperMixes: {
  readonly images: Shares
  readonly videos: Shares
  readonly chat: Shares
} = {
  images: { "text-image": 0.84, text: 0.16 },
  videos: { "text-video": 0.84, text: 0.16 },
  chat: { "text-image": 0.25, "image-chat": 0.25, "text-video": 0.25, "video-chat": 0.25 },
}

// ---- combinators -----------------------------------------------------------------

/** Every example changed by a function that `meaning` names. */
const changed = <X, R, A extends Example, B extends Example>(
  examples: Examples<X, R, A>,
  meaning: Json,
  f: (example: A) => B,
): Examples<X, R, B> => ({
  name: examples.name,
  digest: Effect.flatMap(examples.digest, (below) => digestOf("changed", below, meaning)),
  from: (position) => Stream.map(examples.from(position), ({ example, after }) => ({ example: f(example), after })),
})

/** Examples that say which task they teach. */
export const tasked = <X, R>(examples: Examples<X, R, VisionExample>, task: string): Examples<X, R, VisionExample> =>
  changed(examples, ["task", task], (example) => ({ ...example, task }))

/** Examples of text among those of two vocabularies. */
export const ofText = <X, R>(examples: Examples<X, R>): Examples<X, R, VisionExample> =>
  changed(examples, "text alone", textAlone)

/** All kinds as one, each example drawn by its number in proportion: see `mixture`. */
export const mixedKinds = <X, R>(kinds: ReadonlyArray<Kind<X, R>>, seed: number): Examples<X, R, VisionExample> =>
  mixture(kinds.map(({ task, share, examples }) => [tasked(examples, task), share] as const), seed)
