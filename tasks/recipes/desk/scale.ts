/**
 * The numbers of a desk recipe, which lie where their stages are declared, together: those of `world`, an eighth of them, and
 * others that take seconds, teach nothing, and show that all stages connect.
 * @module
 */
import type { Schedule } from "../../../ops/schedule.ts"
import type { Config } from "../../../models/llama/config.ts"
import { depths } from "../../evaluate/task.ts"
import { reading, recall } from "./base.ts"
import { type Measuring, measuring } from "./evaluating.ts"
import { type Growing, mixture, table as growing } from "./growing.ts"
import { model } from "./model.ts"
import type { Lesson } from "./training.ts"
import { type Tuning, tuning } from "./tuning.ts"
import { type Sighting, sighting } from "./vision/half.ts"

/** The numbers of a recipe. */
export interface Scale {
  /** The pipeline's name, and a line about it. */
  readonly name: string
  readonly about: string
  /** So many of the book's first chapters; null is all of it. */
  readonly chapters: number | null
  /** The base's numbers. */
  readonly model: Config
  /** What the base learns, one after the other. */
  readonly lessons: ReadonlyArray<Lesson>
  readonly growing: Growing
  readonly tuning: Tuning
  readonly measuring: Measuring
  readonly sighting: Sighting
}

/** The numbers of `world`. */
export const standard: Scale = {
  name: "world",
  about: "Moby-Dick, a context that grows eightfold, needles; then frames as codes, pictures, videos, questions",
  chapters: null,
  model,
  lessons: [recall, reading],
  growing: { table: growing, mixture },
  tuning,
  measuring,
  sighting,
}

const small: Config = { ...model, model: 48, hidden: 64, head: 12, context: 128 }

/** Fewer steps, of which fewer are warm-up; what falls to an end falls there sooner. */
const shorter = (rate: Schedule, part: number): Schedule => {
  const warmup = Math.ceil(rate.warmup * part)
  return "decay" in rate ? { ...rate, warmup, decay: Math.round(rate.decay * part) } : { ...rate, warmup }
}

const shortened = <A extends { readonly steps: number; readonly rate: Schedule }>(a: A, part: number): A => ({
  ...a,
  steps: Math.round(a.steps * part),
  rate: shorter(a.rate, part),
})

/** The part of the steps that is left of `world`'s. */
const part = 1 / 8

/**
 * The same models and stages, an eighth of the learning: minutes, and smaller targets. Looking back is learned as in `world`,
 * for needles are found with nothing less.
 */
export const quick: Scale = {
  ...standard,
  name: "world-quick",
  about: "every stage of world, most at an eighth of its steps: minutes on two cores, and less is learned",
  lessons: [recall, shortened(reading, part)],
  growing: {
    ...standard.growing,
    table: growing.map((row) => ({
      ...row,
      steps: Math.round(row.steps * part),
      warmup: Math.ceil(row.warmup * part),
    })),
  },
  tuning: { ...tuning, steps: Math.round(tuning.steps * part), warmup: Math.ceil(tuning.warmup * part) },
  measuring: { ...measuring, depths: depths(3), rounds: 2, rows: { bits: 16, positions: 8 } },
  sighting: {
    ...sighting,
    seeing: {
      ...sighting.seeing,
      recipe: {
        ...sighting.seeing.recipe,
        steps: Math.round(sighting.seeing.recipe.steps * part),
        warmup: Math.ceil(sighting.seeing.recipe.warmup * part),
      },
    },
    filming: {
      ...sighting.filming,
      stills: { ...sighting.filming.stills, count: sighting.filming.stills.count * part },
      videos: { ...sighting.filming.videos, count: sighting.filming.videos.count * part },
    },
    sights: sighting.sights.map((s) => shortened(s, part)),
    ablating: { ...sighting.ablating, steps: Math.round(sighting.ablating.steps * part) },
    looking: {
      ...sighting.looking,
      asking: { each: 3, pairs: 5, videos: 12 },
      questions: { stills: 100, videos: 50 },
      judge: Math.round(sighting.looking.judge * part),
      bits: 16,
    },
  },
}

/** A few chapters, a model of a thirtieth, two steps of everything. */
export const tiny: Scale = {
  name: "world-tiny",
  about: "all stages of world in seconds, to see that they run; nothing is learned",
  chapters: 8,
  model: small,
  lessons: [{ ...reading, reach: small, rows: 2, steps: 2, rate: { kind: "constant", peak: 1e-3, warmup: 1 } }],
  growing: {
    table: [{ name: "text-256", context: 256, theta: 40_000, steps: 2, tokens: 256, warmup: 1, rate: 1e-3 }],
    mixture,
  },
  tuning: { ...tuning, steps: 2, tokens: 256, warmup: 1 },
  measuring: { lengths: [256], depths: [0, 100], rounds: 1, harder: 1, rows: { bits: 2, positions: 2 } },
  sighting: {
    ...sighting,
    seeing: {
      ...sighting.seeing,
      config: { ...sighting.seeing.config, codes: 32 },
      recipe: { ...sighting.seeing.recipe, batch: 4, steps: 2, warmup: 1 },
    },
    filming: {
      stills: { ...sighting.filming.stills, count: 40 },
      videos: { ...sighting.filming.videos, count: 8 },
      heldStills: { ...sighting.filming.heldStills, count: 20 },
      heldVideos: { ...sighting.filming.heldVideos, count: 4 },
    },
    ablating: { steps: 2, time: 256, rows: 2 },
    looking: {
      kept: { stills: 4, videos: 2, samples: 2 },
      asking: { each: 1, pairs: 1, videos: 2 },
      drawn: sighting.looking.drawn,
      questions: { stills: 4, videos: 2 },
      judge: 2,
      bits: 2,
    },
    parts: 2,
    sights: sighting.sights.slice(-1).map((sight) => ({
      ...sight,
      ...{ time: 256, rows: 2, steps: 2, rate: { kind: "constant", peak: 1e-3, warmup: 1 } },
    })),
  },
}
