/**
 * What a step of training changes: parameters, the optimiser's state, and what else the recipe asks for. It is one tree of
 * tensors, so a checkpoint is that tree. A model may have more beside it.
 * @module
 */
import { f32, i32 } from "../../core/tensor/spec.ts"
import { scaleStart, type ScaleState, zerosLike } from "../../ops/optimiser.ts"
import type { Recipe } from "./recipe.ts"
import type { Hosts, Specs } from "./tree.ts"
import { type Chosen, optimiserSpecs, type OptimiserState, type Traits } from "./update.ts"

/** What a step changes. */
export interface State<P> {
  /** In f32 whatever the passes keep them in: these are the ones that the optimiser moves. */
  readonly parameters: P
  readonly optimiser: OptimiserState<P>
  /** The loss scale, where the recipe stores f16. */
  readonly scale?: ScaleState
  /** The average of the parameters, corrected for its beginning, where the recipe has `ema`. */
  readonly average?: P
}

/** What of a recipe the state depends on; without it, AdamW in f32 and nothing else. */
export type Keeps = Chosen & Pick<Recipe, "storage" | "scale" | "ema">

/** The state without its values, from the specs of the parameters: for what is known before anything runs. */
export const stateSpecs = (r: Keeps, traits: Traits) => <P>(parameters: Specs<P>): Specs<State<P>> =>
  ({
    parameters,
    optimiser: optimiserSpecs(r, traits)<P>(parameters),
    ...(r.storage === "f16" ? { scale: { value: f32(), good: i32() } } : {}),
    ...(r.ema === undefined ? {} : { average: parameters }),
  }) as unknown as Specs<State<P>>

/** The state of a training that begins with these parameters: the optimiser knows nothing yet, no update was made. */
export const beginFrom = (r: Keeps, traits: Traits) => <P>(specs: Specs<P>, parameters: Hosts<P>): Hosts<State<P>> =>
  ({
    parameters,
    optimiser: zerosLike(optimiserSpecs(r, traits)<P>(specs)),
    ...(r.storage === "f16" ? { scale: scaleStart(r.scale) } : {}),
    ...(r.ema === undefined ? {} : { average: parameters }),
  }) as unknown as Hosts<State<P>>
