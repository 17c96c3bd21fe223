/**
 * One step of training as one function of the graph: loss and gradient, clipping, the optimiser with its schedule. State
 * goes in and comes out with the same paths, so a program that donates `state` works in place. A step whose loss or
 * gradient is not finite leaves the state as it was.
 * @module
 */
import { binary, cast } from "../../core/graph/build.ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import type { Host } from "../../core/tensor/host.ts"
import { type Bool, type F32, typed } from "../../core/tensor/tensor.ts"
import { averaged, chosenTree, clipFinite, rescaled } from "../../ops/optimiser.ts"
import type { Config } from "./config.ts"
import type { Examples } from "./examples.ts"
import { pass } from "./gradient.ts"
import { plain, type Plan } from "./plan.ts"
import type { Recipe } from "./recipe.ts"
import type { State } from "./state.ts"
import { update } from "./update.ts"

export { asked, type Examples, examples, type With } from "./examples.ts"
export { decayAt, decodeRecipe, type OptimiserName, Recipe, recipeFaults, type Reduction, schedule } from "./recipe.ts"
export { sharesOf } from "./shares.ts"
export { begin, beginFrom, type Keeps, type State, stateSpecs } from "./state.ts"
export type { OptimiserState } from "./update.ts"

/** What a step tells. */
export interface Metrics {
  /** Nats per token, as the recipe's reduction has it. */
  readonly loss: F32
  /** Of the gradient before clipping. */
  readonly norm: F32
  /** 1 where the loss or the norm was not finite, so that nothing was learned; else 0. */
  readonly skipped: F32
  /** The loss scale that the step was computed with, where there is one. */
  readonly scale?: F32
}

/** What the recipe asks of a state that began with another recipe. */
const lacking = (r: Recipe, state: State): Faults => {
  const lacks = (asks: boolean, key: keyof State, why: string): Faults =>
    !asks || state[key] !== undefined ? [] : [
      fault("NameFault", "step", `the state lacks '${key}', which ${why} needs; begin it with the recipe of the step`),
    ]
  return [...lacks(r.storage === "f16", "scale", "storage f16"), ...lacks(r.ema !== undefined, "average", "ema")]
}

/** What came out where the step was finite, the state as it was where not; the loss scale changes either way. */
const guarded = (r: Recipe, finite: Bool, next: State, state: State): State => {
  const kept = chosenTree(finite, next, state)
  return state.scale === undefined ? kept : { ...kept, scale: rescaled(r.scale)(state.scale, finite) }
}

/**
 * One step: what comes out under `state` takes the place of what went in. On a mesh it is written for one rank: gradients
 * are summed over all of them, and every rank makes the same update.
 */
export const step =
  (c: Config, r: Recipe, plan: Plan = plain) =>
  ({ state, batch }: { readonly state: State; readonly batch: Examples }): {
    readonly state: State
    readonly metrics: Metrics
  } => {
    const { loss: told, gradient } = pass(c, r, plan)(state, batch)
    const loss = typed<F32>(marked(told, lacking(r, state)))
    const { clipped, norm, finite } = clipFinite(gradient, r.clip, [loss])
    const { params, state: optimiser } = update(r)(state.parameters, clipped, state.optimiser)
    const { average } = state
    const next: State = {
      ...state,
      parameters: params,
      optimiser,
      ...(average === undefined ? {} : { average: averaged(r.ema ?? 0)(average, params, state.optimiser.step) }),
    }
    const skipped = typed<F32>(binary("sub", 1, cast(finite, "f32")))
    return {
      state: guarded(r, finite, next, state),
      metrics: { loss, norm, skipped, ...(state.scale === undefined ? {} : { scale: state.scale.value }) },
    }
  }

/** A scalar on the host as a number. */
export const number = (h: Host<"f32", []>): number => h.data[0]!
