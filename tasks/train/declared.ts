/**
 * What a training stage is declared with, as its settings are written down and read back.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Plan } from "../../models/llama/plan.ts"
import { Recipe } from "../../models/llama/recipe.ts"
import type { AnyStage, Json } from "../stage/stage.ts"
import { ConfigCodec, JsonCodec, PlanCodec } from "./settings.ts"
import { Trained } from "./training.ts"

/** Settings of a training stage. */
export interface Declared {
  readonly config: Config
  readonly recipe: Recipe
  readonly plan: Plan
  /** Do its rows have segments and positions? */
  readonly packed: boolean
  readonly seed: number
  /** All that its rows depend on beside what it needs. */
  readonly data: Json
}

/** The codec of such settings. */
export const Declared: t.Type<Declared, unknown> = t.strict({
  config: ConfigCodec,
  recipe: Recipe,
  plan: PlanCodec,
  packed: t.boolean,
  seed: natural,
  data: JsonCodec,
})

/** Settings of a stage that trains whatever is a `Learner`. */
export interface Lesson {
  /** What learns: "vqgan". */
  readonly learner: string
  /** The learner's own settings. */
  readonly model: Json
  readonly seed: number
  /** All that its rows depend on beside what it needs. */
  readonly data: Json
}

/** The codec of such settings. */
export const Lesson: t.Type<Lesson, unknown> = t.strict({
  learner: t.string,
  model: JsonCodec,
  seed: natural,
  data: JsonCodec,
})

/** What a training of any model but a Llama was declared with; undefined for any other stage. */
export const lessonOf = (s: AnyStage): Lesson | undefined => {
  if (s.output !== Trained) return undefined
  const written = Lesson.decode(s.settings)
  return E.isRight(written) ? written.right : undefined
}

/** What a training of a Llama was declared with; undefined for any other stage. */
export const declared = (s: AnyStage): Declared | undefined => {
  if (s.output !== Trained) return undefined
  const written = Declared.decode(s.settings)
  return E.isRight(written) ? written.right : undefined
}
