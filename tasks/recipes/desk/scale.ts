/**
 * The numbers of a desk recipe, which lie where their stages are declared, together: those of `world`, and others that take
 * seconds, teach nothing, and show that all stages connect.
 * @module
 */
import type { Config } from "../../../models/llama/config.ts"
import { reading, recall } from "./base.ts"
import { type Measuring, measuring } from "./evaluating.ts"
import { type Growing, mixture, table } from "./growing.ts"
import { model } from "./model.ts"
import type { Lesson } from "./training.ts"
import { type Tuning, tuning } from "./tuning.ts"

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
}

/** The numbers of `world`. */
export const standard: Scale = {
  name: "world",
  about: "Moby-Dick, a context that grows eightfold, questions, needles: minutes on two cores",
  chapters: null,
  model,
  lessons: [recall, reading],
  growing: { table, mixture },
  tuning,
  measuring,
}

const small: Config = { ...model, model: 48, hidden: 64, head: 12, context: 128 }

/** A few chapters, a model of a thirtieth, two steps of everything. */
export const quick: Scale = {
  name: "world-quick",
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
}
