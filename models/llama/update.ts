/**
 * What the optimisers know of a Llama's parameters.
 * @module
 */
import type * as Learn from "../learn/update.ts"
import { inputsAt, type Parameters } from "./parameters.ts"

/** The state of an optimiser. */
export type OptimiserState = Learn.OptimiserState<Parameters>

/** Matrices by what they take; Muon turns nothing outside of the blocks. */
export const traits: Learn.Traits = {
  inputs: inputsAt,
  hidden: (path) => path.startsWith("blocks.") ? inputsAt(path) : 0,
}
