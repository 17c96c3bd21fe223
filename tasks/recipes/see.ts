/**
 * Stages of a recipe that learn to see: a row of the table learned from kinds of examples, as a model with two vocabularies that
 * grows out of the one before it, text model or world model.
 * @module
 */
import { either as E } from "fp-ts"
import { parameterCount, type WorldConfig } from "../../models/world/config.ts"
import type { Plan } from "../../models/llama/plan.ts"
import type { Recipe } from "../../models/world/recipe.ts"
import type { Balance } from "../data/vision-example.ts"
import { lazily } from "../known.ts"
import { grouped, short } from "../numbers.ts"
import type { Expectation, Json } from "../stage/stage.ts"
import { learningStage } from "../train/stage.ts"
import { worldLearner } from "../vision/learners.ts"
import { type Extension, type Reach, recipeOf, rowsOf, standardStep } from "./extend.ts"
import { fewDigests, forecast, type Stack } from "./forecast.ts"
import type { Model } from "./grow.ts"
import { SeenMaterial, seenRows, type SeenStage } from "./seen.ts"

// ---- types -------------------------------------------------------------------

/** What the stages that see share. */
export interface SeeingStages {
  /** The recipe's name: stages are called `name-vision-1K`. */
  readonly name: string
  readonly config: WorldConfig
  readonly seed: number
  readonly balance: Balance
  readonly step?: typeof standardStep
  readonly plan: (row: Pick<Extension, "name">) => Plan
  /** What people should know of a row beside what is known of all. */
  readonly notes?: (row: Extension) => ReadonlyArray<string>
}

/** What a row learns from: what is seen, and the stage that makes it into tokens. */
export interface Seeing {
  readonly material: SeenMaterial
  readonly from: SeenStage
}

// ---- numbers -------------------------------------------------------------------

/** The recipe of a row: weights are shares already, and the two losses have those of the balance. */
export const seeingRecipe = (
  row: Extension,
  { vision, text }: Pick<Balance, "vision" | "text">,
  step: typeof standardStep = standardStep,
): Recipe => ({ ...recipeOf(row, step), reduction: "given", shares: { vision, text } })

const worldOf = (c: WorldConfig, { context, theta }: Reach): WorldConfig => ({ ...c, context, theta })

const rateText = ({ warmup, rate, end = rate }: Extension): string =>
  `warm-up ${warmup}, then ${rate.toExponential()}` + (end === rate ? "" : `, falling to ${end.toExponential()}`)

const notesOf = (s: SeeingStages, row: Extension): ReadonlyArray<string> => [
  `${grouped(parameterCount(s.config))} parameters`,
  `theta ${short(row.theta)}`,
  rateText(row),
  `${grouped(rowsOf(row))} rows a step`,
  ...(s.notes?.(row) ?? []),
]

// ---- the stage -----------------------------------------------------------------

/** Learns text and frames in rows of a length, from the parameters of the stage before it. */
export const seeStage =
  (s: SeeingStages, seeing: (row: Extension) => Seeing) => (row: Extension, before: Model): Model => {
    const { material, from } = seeing(row)
    const { tasks } = s.balance
    const lesson = (layers: number) => ({
      config: { ...worldOf(s.config, row), layers },
      recipe: seeingRecipe(row, s.balance, s.step),
      plan: s.plan(row),
      packed: true,
    })
    const stack: Stack = { layers: s.config.layers, of: (layers) => worldLearner(lesson(layers)) }
    const declared = learningStage({
      name: `${s.name}-${row.name}`,
      about: `${row.name}: learns ${material.kinds.map(({ task }) => task).join(", ")}`,
      learner: worldLearner(lesson(s.config.layers)),
      seed: s.seed,
      needs: { before, from },
      start: (outputs) => outputs.before.parameters,
      data: {
        settings: { material: SeenMaterial.encode(material) as Json, tasks },
        batches: () => seenRows(material, { batch: rowsOf(row), seed: s.seed, tasks }),
      },
    })
    return {
      ...declared,
      graphs: lazily(() => fewDigests(stack)),
      expects: lazily(() =>
        E.map((x: Expectation): Expectation => ({ ...x, notes: notesOf(s, row) }))(forecast(stack))
      ),
    }
  }
