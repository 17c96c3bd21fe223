/**
 * One step of training as one function of the graph, for any model: loss and gradient, clipping, the optimiser with its
 * schedule, the average. State goes in and comes out with the same paths, so a program that donates `state` works in
 * place. A step whose loss or gradient is not finite leaves the state as it was.
 *
 * ```ts
 * import type { F32 } from "../../core/tensor/tensor.ts"
 * import { dot } from "../../ops/contraction.ts"
 * import { mul, sub } from "../../ops/elementwise.ts"
 * import { mean } from "../../ops/reduction.ts"
 * import type { Objective } from "./gradient.ts"
 * import type { Recipe } from "./recipe.ts"
 *
 * type Line = { readonly slope: F32<"in"> }
 * type Points = { readonly x: F32<"batch in">; readonly y: F32<"batch"> }
 * declare const recipe: Recipe
 * const line: Objective<Line, Points> = {
 *   over: "mean",
 *   judge: ({ slope }, { x, y }) => {
 *     const far = sub(dot(x, slope, "in"), y)
 *     return { loss: mean(mul(far, far), "batch") }
 *   },
 * }
 * const step = stepOf(recipe, { inputs: () => 0 }, line)
 * ```
 * @module
 */
import { binary, cast } from "../../core/graph/build.ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import type { Host } from "../../core/tensor/host.ts"
import { type Bool, type F32, typed } from "../../core/tensor/tensor.ts"
import { averaged, chosenTree, clipFinite, rescaled } from "../../ops/optimiser.ts"
import { type Objective, type Pass, pass } from "./gradient.ts"
import type { Recipe } from "./recipe.ts"
import type { State } from "./state.ts"
import { type Traits, update } from "./update.ts"

// ---- types -----------------------------------------------------------------

/** What every step tells. */
export interface Metrics {
  /** What is made small; of a language model nats per token, as the recipe's reduction has it. */
  readonly loss: F32
  /** Of the gradient before clipping. */
  readonly norm: F32
  /** 1 where the loss or the norm was not finite, so that nothing was learned; else 0. */
  readonly skipped: F32
  /** The loss scale that the step was computed with, where there is one. */
  readonly scale?: F32
}

/** What a step tells, with further numbers by their names. */
export type Told<M extends string = never> = Metrics & { readonly [K in M]: F32 }

/** What a step gives. */
export interface Stepped<S, M extends string = never> {
  readonly state: S
  readonly metrics: Told<M>
}

/** What a step gives, and whether anything was learned, for what a model updates by itself. */
export interface Advanced<S, M extends string = never> extends Stepped<S, M> {
  readonly finite: Bool
}

// ---- the step ----------------------------------------------------------------

/** What the recipe asks of a state that began with another recipe. */
const lacking = <P>(r: Recipe, state: State<P>): Faults => {
  const lacks = (asks: boolean, key: keyof State<P>, why: string): Faults =>
    !asks || state[key] !== undefined ? [] : [
      fault("NameFault", "step", `the state lacks '${key}', which ${why} needs; begin it with the recipe of the step`),
    ]
  return [...lacks(r.storage === "f16", "scale", "storage f16"), ...lacks(r.ema !== undefined, "average", "ema")]
}

/** What came out where the step was finite, the state as it was where not; the loss scale changes either way. */
const guarded = <S extends State<unknown>>(r: Recipe, finite: Bool, next: S, state: S): S => {
  const kept = chosenTree(finite, next, state)
  return state.scale === undefined ? kept : { ...kept, scale: rescaled(r.scale)(state.scale, finite) }
}

/**
 * The state after a step along a gradient, however that was made. `also` is what else of the state changes, of a step that
 * is finite.
 */
export const advance = (r: Recipe, traits: Traits) =>
<P, S extends State<P>, M extends string = never>(
  state: S & State<P>,
  { loss: told, gradient, more }: Pass<P, M>,
  also: Partial<S> = {},
): Advanced<S, M> => {
  const loss = typed<F32>(marked(told, lacking(r, state)))
  const { clipped, norm, finite } = clipFinite(gradient, r.clip, [loss])
  const { params, state: optimiser } = update(r, traits)(state.parameters, clipped, state.optimiser)
  const { average } = state
  const next: S = {
    ...state,
    ...also,
    parameters: params,
    optimiser,
    ...(average === undefined ? {} : { average: averaged(r.ema ?? 0)(average, params, state.optimiser.step) }),
  }
  const skipped = typed<F32>(binary("sub", 1, cast(finite, "f32")))
  const scale = state.scale === undefined ? {} : { scale: state.scale.value }
  return {
    state: guarded<S>(r, finite, next, state),
    metrics: { loss, norm, skipped, ...scale, ...more } as Told<M>,
    finite,
  }
}

/**
 * One step of an objective: what comes out under `state` takes the place of what went in. On a mesh it is written for one
 * rank: gradients are summed over all of them, and every rank makes the same update.
 */
export const stepOf =
  <P, B, M extends string = never>(r: Recipe, traits: Traits, objective: Objective<P, B, M>) =>
  ({ state, batch }: { readonly state: State<P>; readonly batch: B }): Stepped<State<P>, M> => {
    const { finite: _, ...out } = advance(r, traits)<P, State<P>, M>(state, pass(r, objective)(state, batch))
    return out
  }

/** A scalar on the host as a number. */
export const number = (h: Host<"f32", []>): number => h.data[0]!
