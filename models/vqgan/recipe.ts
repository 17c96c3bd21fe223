/**
 * How a VQGAN is trained, as data: what every recipe says, what the losses weigh, how codes are learned, and when a
 * discriminator joins.
 *
 * ```ts
 * // codes as running means, revived; a discriminator from step 500 on
 * const recipe: Recipe = {
 *   ...{ batch: 16, steps: 1000, warmup: 50, peak: 1e-3, end: 1e-4, clip: 1, decay: 0, beta1: 0.9, beta2: 0.95 },
 *   ...{ absolute: 1, squared: 1, commitment: 0.25 },
 *   codebook: { kind: "mean", memory: 0.98, revive: 0.05 },
 *   adversary: { width: 16, layers: 2, groups: 8, start: 500, weight: 0.8 },
 * }
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, finite, natural, positive } from "../../core/files/codec.ts"
import type { Schedule } from "../../ops/schedule.ts"
import {
  type Range,
  rangeFaults,
  type Recipe as Common,
  recipeCodec,
  recipeFaults as commonFaults,
  schedule,
} from "../learn/recipe.ts"
import type { Codebook } from "./codebook.ts"
import type { VqganConfig } from "./config.ts"
import { type Patches, patchWidths } from "./discriminator.ts"
import type { Pixels } from "./losses.ts"

// ---- types -------------------------------------------------------------------

/** A discriminator, and what it has to say. */
export interface Adversary extends Patches {
  /** The step at which it begins to learn and to be listened to: reconstructions should be fair before. */
  readonly start: number
  /** Its weight beside the adaptive one: 0.8 in taming's settings for 16 x 16 codes. */
  readonly weight: number
  /** The adaptive weight is at most this; 10000. */
  readonly most?: number
  /** Its learning rate as a part of the generator's; 1. */
  readonly rate?: number
}

/** How a VQGAN is trained. */
export interface Recipe extends Common, Pixels {
  /** Weight of the mean squared distance of latents from their codes: 0.25 as a rule. */
  readonly commitment: number
  readonly codebook: Codebook
  readonly adversary?: Adversary
  /** Weight of the distance that a given network sees; 0 if not given. */
  readonly perceptual?: number
}

/**
 * The discriminator's learning rate by its own step, which counts from when it joins: it has the generator's warm-up again,
 * and ends when the generator does.
 */
export const sharpening = (r: Recipe): Schedule => {
  const [whole, part, start] = [schedule(r), r.adversary?.rate ?? 1, r.adversary?.start ?? 0]
  return {
    ...whole,
    peak: whole.peak * part,
    ...(whole.start === undefined ? {} : { start: whole.start * part }),
    ...("end" in whole ? { end: whole.end * part, decay: Math.max(whole.warmup, whole.decay - start) } : {}),
  }
}

// ---- codec -------------------------------------------------------------------

const CodebookCodec = t.exact(t.intersection([
  t.type({ kind: t.keyof({ loss: null, mean: null }) }),
  t.partial({ weight: finite, memory: finite, revive: finite }),
]))

const AdversaryCodec = t.exact(t.intersection([
  t.type({ width: positive, layers: positive, groups: positive, start: natural, weight: finite }),
  t.partial({ most: finite, rate: finite }),
]))

/** The codec of recipes; what its numbers must not say together, `recipeFaults` finds. */
export const Recipe: t.Type<Recipe, unknown> = recipeCodec<Recipe>(
  { absolute: finite, squared: finite, commitment: finite, codebook: CodebookCodec },
  { adversary: AdversaryCodec, perceptual: finite },
)

// ---- rules -------------------------------------------------------------------

const huge = Number.MAX_VALUE

const ranges: ReadonlyArray<Range<Recipe>> = [
  ["absolute", (r) => r.absolute, 0, huge],
  ["squared", (r) => r.squared, 0, huge],
  ["commitment", (r) => r.commitment, 0, huge],
  ["perceptual", (r) => r.perceptual, 0, huge],
  ["codebook.weight", (r) => r.codebook.weight, 0, huge],
  ["codebook.memory", (r) => r.codebook.memory, 0, 0.9999999],
  ["codebook.revive", (r) => r.codebook.revive, 0, 1],
  ["adversary.weight", (r) => r.adversary?.weight, 0, huge],
  ["adversary.most", (r) => r.adversary?.most, 0, huge],
  ["adversary.rate", (r) => r.adversary?.rate, 0, huge],
]

/** What must hold between numbers, and what to say when it does not. */
const rules: ReadonlyArray<readonly [name: string, holds: (r: Recipe) => boolean, say: (r: Recipe) => string]> = [
  [
    "absolute",
    (r) => r.absolute + r.squared > 0,
    () => "absolute and squared are both 0, so that nothing asks for likeness; give one of them a weight",
  ],
  [
    "codebook.weight",
    (r) => r.codebook.kind === "loss" || r.codebook.weight === undefined,
    () => "running means have no loss to weigh; leave it out",
  ],
  [
    "adversary.groups",
    ({ adversary: a }) => a === undefined || patchWidths(a).slice(1).every((w) => w % a.groups === 0),
    ({ adversary: a }) => `its convolutions are ${patchWidths(a!).slice(1).join(", ")} wide; give a divisor of all`,
  ],
  [
    "accumulate",
    (r) => (r.accumulate ?? 1) === 1,
    () => "codes and discriminator are renewed once a batch, which is not cut; give smaller batches",
  ],
  [
    "storage",
    (r) => (r.storage ?? "f32") === "f32",
    (r) => `${r.storage} is not known to VQGAN's step, which stores f32; leave it out`,
  ],
]

/** All rules that a recipe breaks, in sentences that begin with `where`, its place in a file. */
export const recipeFaults = (r: Recipe, where: string = "recipe"): ReadonlyArray<FileFault> => [
  ...rangeFaults(r, ranges, where),
  ...rules.filter(([, holds]) => !holds(r)).map(([name, , say]) =>
    fileFault("value", `${where}.${name}`, `${where}.${name}: ${say(r)}`)
  ),
  ...commonFaults(r, where),
]

/** What keeps a recipe from training a model: frames must be large enough for the patches of its discriminator. */
export const fitFaults = (c: VqganConfig, { adversary: a }: Recipe): ReadonlyArray<FileFault> =>
  a === undefined || Math.floor(c.resolution / 2 ** a.layers) >= 3 ? [] : [
    fileFault(
      "value",
      "recipe.adversary.layers",
      `recipe.adversary.layers: ${a.layers} halve ${c.resolution} pixels to ${
        Math.floor(c.resolution / 2 ** a.layers)
      }, but two more convolutions need 3; give fewer`,
    ),
  ]

/** A recipe out of a value that was read, where it keeps all rules. */
export const decodeRecipe = (value: unknown): E.Either<ReadonlyArray<FileFault>, Recipe> =>
  E.flatMap((r: Recipe): E.Either<ReadonlyArray<FileFault>, Recipe> => {
    const faults = recipeFaults(r)
    return faults.length > 0 ? E.left(faults) : E.right(r)
  })(decodeValue(Recipe, value))
