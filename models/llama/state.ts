/**
 * What a step of training changes: parameters, the optimiser's state, and what else the recipe asks for. It is one tree of
 * tensors, so a checkpoint is that tree.
 * @module
 */
import type { HostKey } from "../../core/random/host.ts"
import * as Learn from "../learn/state.ts"
import type { Config } from "./config.ts"
import { type Hosts, initialise, type Parameters, type Specs, specs } from "./parameters.ts"
import { traits } from "./update.ts"

/** What of a recipe the state depends on; without it, AdamW in f32 and nothing else. */
export type Keeps = Learn.Keeps

/** What a step changes. */
export type State = Learn.State<Parameters>

/** The state as `begin` gives it, without its values: for what is known before anything runs. */
export const stateSpecs = (c: Config, r: Keeps = {}): Specs<State> => Learn.stateSpecs(r, traits)<Parameters>(specs(c))

/** The state of a training that begins with these parameters: the optimiser knows nothing yet, no update was made. */
export const beginFrom = (c: Config, parameters: Hosts<Parameters>, r: Keeps = {}): Hosts<State> =>
  Learn.beginFrom(r, traits)<Parameters>(specs(c), parameters)

/** The state before the first step. */
export const begin = (c: Config, key: HostKey, r: Keeps = {}): Hosts<State> => beginFrom(c, initialise(c, key), r)
