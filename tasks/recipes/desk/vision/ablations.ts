/**
 * What packing and weights are worth: the same model learns the same questions for as many steps, once with rows whose
 * examples see themselves only and count alike, once with naive rows, once with every token counting alike (the paper's
 * table 10, at a desk's scale).
 * @module
 */
import type { Learned } from "../training.ts"
import { type Sight, sighted, type Studio } from "./worlds.ts"

/** What one variant does otherwise than the reference. */
export interface Variant {
  readonly name: string
  readonly about: string
  readonly change: Partial<Pick<Sight, "packing" | "weighted">>
}

/** The reference first. */
export const variants: ReadonlyArray<Variant> = [
  { name: "masked", about: "examples see themselves only and count alike", change: {} },
  { name: "naive", about: "examples of a row see those before them", change: { packing: "naive" } },
  {
    name: "unweighted",
    about: "every token counts alike, so long examples count more",
    change: { weighted: false },
  },
]

/** How long each variant learns. */
export interface Ablating {
  readonly steps: number
  readonly time: number
  readonly rows: number
}

/** The numbers of `world`. */
export const ablating: Ablating = { steps: 100, time: 512, rows: 8 }

/** One training each, all from the same parameters, on the same examples. */
export const ablations = (
  studio: Studio,
  { steps, time, rows }: Ablating,
  before: Learned,
): ReadonlyArray<Learned> => {
  const reference: Omit<Sight, "name" | "about"> = {
    ...{
      time,
      rows,
      steps,
      rate: { kind: "linear", peak: 3e-3, warmup: Math.min(10, steps), decay: steps, end: 1e-4 },
    },
    ...{ packing: "masked", weighted: true, shares: { vision: 0.5, text: 0.5 } },
    mixing: {
      shares: { "text-image": 0.2, "text-video": 0.2, "image-chat": 0.3, "video-chat": 0.3, text: 0 },
      pairing: { swap: 0.5, drop: 0 },
      seed: 84,
    },
  }
  return variants.map(({ name, about, change }) =>
    sighted(studio, { ...reference, name: `questions-${name}`, about, ...change }, before)
  )
}
