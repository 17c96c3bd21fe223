/**
 * What is unusual: a loss that is no number, and one that stands far above those before it. What is usual is a median,
 * and its spread a median of distances, so that one spike does not make the next one usual.
 * @module
 */
import type { Recipe } from "../../models/learn/recipe.ts"

// ---- types -----------------------------------------------------------------

/** When a step is a spike, and when a training has diverged. */
export interface Watch {
  /** Losses that say what is usual; fewer than a quarter of them say nothing yet. */
  readonly window: number
  /** A spike is so many standard deviations above the usual. */
  readonly sigmas: number
  /** Steps in a row whose loss or norm is no number, after which it has diverged. */
  readonly bad: number
}

/**
 * A window of 64, six sigmas. The first step that is no number ends a training in f32; in f16 such steps are how the loss
 * scale finds its way down, from 2^15 to 1 at most.
 */
export const watchOf = ({ storage }: Pick<Recipe, "storage">): Watch => ({
  window: 64,
  sigmas: 6,
  bad: storage === "f16" ? 24 : 1,
})

/** What is usual. */
export interface Usual {
  readonly loss: number
  readonly sigma: number
}

/** The loss is no number any more; what was learned before is kept. */
export interface Diverged {
  readonly _tag: "Diverged"
  readonly stage: string
  readonly step: number
  readonly message: string
}

// ---- what is usual ---------------------------------------------------------------

const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** The deviation of a normal distribution by its median distance from the median. */
const perDistance = 1.4826

/** Losses that lie closer together than this part of their median are taken to lie so far apart. */
const least = 0.01

/** What these losses say is usual; undefined where they are too few. */
export const usual = (losses: ReadonlyArray<number>, { window }: Watch): Usual | undefined => {
  if (losses.length < Math.max(2, window / 4)) return undefined
  const loss = median(losses)
  const distance = median(losses.map((x) => Math.abs(x - loss)))
  return { loss, sigma: Math.max(perDistance * distance, least * Math.abs(loss)) }
}

/** Is a loss like that a spike after these? */
export const isSpike = (loss: number, losses: ReadonlyArray<number>, w: Watch): boolean => {
  const known = usual(losses, w)
  return known !== undefined && loss > known.loss + w.sigmas * known.sigma
}

/** The losses that say what is usual after one more. */
export const remembered = (losses: ReadonlyArray<number>, loss: number, { window }: Watch): ReadonlyArray<number> =>
  Number.isFinite(loss) ? [...losses, loss].slice(-window) : losses

// ---- the sentence ----------------------------------------------------------------

/** A training that ends at a step like that; `kept` says where its last good state lies. */
export const diverged = (
  stage: string,
  step: number,
  told: { readonly loss: number; readonly norm: number },
  { bad }: Watch,
  kept: string,
): Diverged => {
  const what = Number.isFinite(told.loss) ? `the norm of the gradient is ${told.norm}` : `the loss is ${told.loss}`
  const row = bad === 1 ? "" : `, as in ${bad} steps in a row`
  const message = `${stage}: at step ${step} ${what}${row}: training diverged. ${kept}. ` +
    "Try a lower peak rate, a longer warm-up, or a smaller clip in the recipe"
  return { _tag: "Diverged", stage, step, message }
}
