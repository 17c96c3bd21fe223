/**
 * The step of a training on its mesh, before anything runs: its inputs, the digest of its graph, its program and what
 * that takes.
 * @module
 */
import { either as E } from "fp-ts"
import { digest } from "../../core/graph/digest.ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import { inputLike } from "../../core/graph/given.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { topological } from "../../core/graph/node.ts"
import { localKind, ranksOf, type Spread } from "../../core/mesh/shape.ts"
import { compileOn, type MeshCompiled } from "../../core/mesh/spmd.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { map, type Tensors } from "../../core/tensor/tree.ts"
import { configFaults } from "../../models/llama/config.ts"
import type { Hosts, Parameters, Specs } from "../../models/llama/parameters.ts"
import {
  asked,
  beginFrom,
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
import type { Training } from "./training.ts"

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

/** The program of a step. */
export type StepProgram = MeshCompiled<Tensors<StepInputs>, StepOutputs>

// ---- the program ---------------------------------------------------------------

/** Specs of the state and of the rows, whole. */
export const stepInputs = ({ config, recipe, plan, packed }: Stepping): StepInputs => ({
  state: stateSpecs(config, recipe),
  batch: examples(recipe, asked(plan, { weights: true, packed: packed === true })),
})

/** The step as a function of the graph, written for one rank of the plan's mesh. */
export const stepOf = ({ config, recipe, plan }: Stepping) => (inputs: Tensors<StepInputs>): StepOutputs =>
  step(config, recipe, plan)(inputs as never)

/** The state's places are taken over, so that a step works in place. */
export const donated: { readonly donate: ReadonlyArray<string> } = { donate: ["state"] }

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

/**
 * The digest of the step's graph on one rank, traced without values: the same on every device, with any number of
 * threads. Faults: sizes that do not fit each other.
 */
export const stepDigest = (s: Stepping): E.Either<Faults, string> => {
  const wrong = numberFaults(s)
  if (wrong.length > 0) return E.left(wrong)
  const local = map(stepInputs(s), (leaf, path) => inputLike(path, localKind(s.plan.spread, leaf as AnySpec)))
  const roots = leaves(stepOf(s)(local as unknown as Tensors<StepInputs>))
  const faults = topological(roots).flatMap((n) => n.faults)
  return faults.length > 0 ? E.left(faults) : E.right(digest(roots))
}

/** The state before the first step, from these parameters. */
export const firstState = ({ config, recipe }: Stepping, parameters: Hosts<Parameters>): Hosts<State> =>
  beginFrom(config, parameters, recipe)

/** The learning rate of step 0, 1, ... */
export const rateAt = (recipe: Recipe, step: number): number => rateOf(schedule(recipe), step)

// ---- what is known before ---------------------------------------------------------

/** A mesh as `deno task plan` shows it: `data=2,ring=4`; undefined for one rank. */
const meshText = ({ shape }: Spread): string | undefined => {
  const axes = Object.entries(shape).filter(([, n]) => n > 1).map(([a, n]) => `${a}=${n}`)
  return axes.length === 0 ? undefined : axes.join(",")
}

/**
 * Steps, tokens, operations of all ranks, and the most bytes of arrays that one rank holds, each rank a process of its
 * own; a device's workspace comes on top. Faults: what does not compile.
 */
export const expectation = (s: Stepping): E.Either<Faults, Expectation> => {
  const { batch, time, steps } = s.recipe
  const { spread } = s.plan
  const wrong = numberFaults(s)
  if (wrong.length > 0) return E.left(wrong)
  const compiled = compileOn(spread, "processes", stepOf(s), stepInputs(s), { ...donated, maxBindings: 256 })
  return E.map(({ program }: StepProgram): Expectation => {
    const mesh = meshText(spread)
    return {
      tokens: steps * batch * time,
      steps,
      context: time,
      flops: program.forecast.flops * ranksOf(spread.shape) * steps,
      memory: program.forecast.peak,
      ...(mesh === undefined ? {} : { mesh }),
    }
  })(compiled as E.Either<Faults, StepProgram>)
}
