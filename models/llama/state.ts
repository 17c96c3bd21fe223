/**
 * What a step of training changes: parameters, the optimiser's state, and what else the recipe asks for. It is one tree of
 * tensors, so a checkpoint is that tree.
 * @module
 */
import type { HostKey } from "../../core/random/host.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { scaleStart, type ScaleState, zerosLike } from "../../ops/optimiser.ts"
import type { Config } from "./config.ts"
import { type Hosts, initialise, type Parameters, type Specs, specs } from "./parameters.ts"
import type { Recipe } from "./recipe.ts"
import { type Chosen, optimiserSpecs, type OptimiserState } from "./update.ts"

/** What a step changes. */
export interface State {
  /** In f32 whatever the passes keep them in: these are the ones that the optimiser moves. */
  readonly parameters: Parameters
  readonly optimiser: OptimiserState
  /** The loss scale, where the recipe stores f16. */
  readonly scale?: ScaleState
  /** The average of the parameters, corrected for its beginning, where the recipe has `ema`. */
  readonly average?: Parameters
}

/** What of a recipe the state depends on; without it, AdamW in f32 and nothing else. */
export type Keeps = Chosen & Pick<Recipe, "storage" | "scale" | "ema">

/** The state as `begin` gives it, without its values: for what is known before anything runs. */
export const stateSpecs = (c: Config, r: Keeps = {}): Specs<State> => {
  const parameters = specs(c)
  return {
    parameters,
    optimiser: optimiserSpecs(r, parameters),
    ...(r.storage === "f16" ? { scale: { value: f32(), good: i32() } } : {}),
    ...(r.ema === undefined ? {} : { average: parameters }),
  }
}

/** The state of a training that begins with these parameters: the optimiser knows nothing yet, no update was made. */
export const beginFrom = (c: Config, parameters: Hosts<Parameters>, r: Keeps = {}): Hosts<State> => ({
  parameters,
  optimiser: zerosLike(optimiserSpecs(r, specs(c))) as unknown as Hosts<OptimiserState>,
  ...(r.storage === "f16" ? { scale: scaleStart(r.scale) } : {}),
  ...(r.ema === undefined ? {} : { average: parameters }),
})

/** The state before the first step. */
export const begin = (c: Config, key: HostKey, r: Keeps = {}): Hosts<State> => beginFrom(c, initialise(c, key), r)
