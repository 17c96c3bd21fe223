/**
 * The step of a Llama's training on its mesh, before anything runs: its inputs, the digest of its graph, its program and
 * what that takes.
 * @module
 */
import type { either as E } from "fp-ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { configFaults } from "../../models/llama/config.ts"
import type { Specs } from "../../models/llama/parameters.ts"
import {
  asked,
  examples,
  type Metrics,
  type Recipe,
  recipeFaults,
  schedule,
  type State,
  stateSpecs,
  step,
} from "../../models/llama/train.ts"
import { rateAt as rateOf } from "../../ops/schedule.ts"
import type { Expectation } from "../stage/stage.ts"
import { digestOf, expected, type Expecting, type Learner } from "./learner.ts"
import type { Training } from "./training.ts"

export { donated } from "./learner.ts"

// ---- types -----------------------------------------------------------------

/** As much of a training as its program depends on. */
export type Stepping = Pick<Training<never, never>, "config" | "recipe" | "plan" | "packed">

/** Inputs of the step. */
export interface StepInputs {
  readonly state: Specs<State>
  readonly batch: ReturnType<typeof examples>
}

/** What the step gives. */
export interface StepOutputs {
  readonly state: State
  readonly metrics: Metrics
}

// ---- the program ---------------------------------------------------------------

/** Specs of the state and of the rows, whole. */
export const stepInputs = ({ config, recipe, plan, packed }: Stepping): StepInputs => ({
  state: stateSpecs(config, recipe),
  batch: examples(recipe, asked(plan, { weights: true, packed: packed === true })),
})

/** The step as a function of the graph, written for one rank of the plan's mesh. */
export const stepOf = ({ config, recipe, plan }: Stepping) => (inputs: Tensors<StepInputs>): StepOutputs =>
  step(config, recipe, plan)(inputs as never)

/** What a config and a recipe say that does not fit together, before a graph is made of it. */
export const numberFaults = ({ config, recipe }: Stepping): Faults => [
  ...[...configFaults(config), ...recipeFaults(recipe)].map((f) => fault("ValueFault", "training", f.message)),
  ...(recipe.time <= config.context ? [] : [
    fault(
      "SizeFault",
      "training",
      `rows have ${recipe.time} tokens, the model's context is ${config.context}; raise config.context, and theta with it`,
    ),
  ]),
]

/** What is known of it before anything runs. */
export const expecting = (s: Stepping): Expecting => ({
  faults: numberFaults(s),
  spread: s.plan.spread,
  inputs: stepInputs(s) as unknown as Learner["inputs"],
  step: stepOf(s) as unknown as Learner["step"],
  steps: s.recipe.steps,
  counted: { unit: "tokens", each: s.recipe.batch * s.recipe.time },
  context: s.recipe.time,
})

/** The digest of the step's graph on one rank. Faults: sizes that do not fit each other. */
export const stepDigest = (s: Stepping): E.Either<Faults, string> => digestOf(expecting(s))

/** What a training will take: see `expected`. Faults: what does not compile. */
export const expectation = (s: Stepping): E.Either<Faults, Expectation> => expected(expecting(s))

/** The learning rate of step 0, 1, ... */
export const rateAt = (recipe: Recipe, step: number): number => rateOf(schedule(recipe), step)
