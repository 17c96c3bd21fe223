/**
 * One step of training as one function of the graph: loss and gradient, clipping, the optimiser with its schedule. State
 * goes in and comes out with the same paths, so a program that donates `state` works in place. A step whose loss or
 * gradient is not finite leaves the state as it was.
 * @module
 */
import { advance, type Stepped } from "../learn/step.ts"
import type { Config } from "./config.ts"
import type { Examples } from "./examples.ts"
import { pass } from "./gradient.ts"
import { plain, type Plan } from "./plan.ts"
import type { Recipe } from "./recipe.ts"
import type { State } from "./state.ts"
import { traits } from "./update.ts"

export { type Metrics, number } from "../learn/step.ts"
export { asked, type Examples, examples, type With } from "./examples.ts"
export { decayAt, decodeRecipe, type OptimiserName, Recipe, recipeFaults, type Reduction, schedule } from "./recipe.ts"
export { sharesOf } from "./shares.ts"
export { begin, beginFrom, type Keeps, type State, stateSpecs } from "./state.ts"
export type { OptimiserState } from "./update.ts"

/**
 * One step: what comes out under `state` takes the place of what went in. On a mesh it is written for one rank: gradients
 * are summed over all of them, and every rank makes the same update.
 */
export const step =
  (c: Config, r: Recipe, plan: Plan = plain) =>
  ({ state, batch }: { readonly state: State; readonly batch: Examples }): Stepped<State> => {
    const { finite: _, ...out } = advance(r, traits)(state, pass(c, r, plan)(state, batch))
    return out
  }
