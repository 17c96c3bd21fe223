/**
 * The desk model: two layers, as many as induction needs, and two thirds of a million parameters.
 * @module
 */
import type { Config } from "../../../models/llama/config.ts"
import type { Recipe } from "../../../models/llama/train.ts"

/** Tokens that the base looks back over. */
export const reach = { context: 256, theta: 10_000 } as const

/** The base's numbers; extensions change context and theta and nothing else. */
export const model: Config = {
  vocab: 1056,
  model: 128,
  hidden: 352,
  layers: 2,
  groups: 4,
  share: 1,
  head: 32,
  epsilon: 1e-6,
  ...reach,
}

/** What all trainings of the desk recipe have in common. */
export const optimiser: Pick<Recipe, "clip" | "decay" | "beta1" | "beta2" | "reduction"> = {
  clip: 1,
  decay: 0.05,
  beta1: 0.9,
  beta2: 0.98,
  reduction: "rows",
}
