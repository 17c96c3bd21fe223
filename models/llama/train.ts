/**
 * One step of training as one function of the graph: loss and gradient, clipping, AdamW with its schedule. State goes in
 * and comes out with the same paths, so a program that donates `state` works in place.
 * @module
 */
import { valueAndGrad } from "../../core/grad/grad.ts"
import type { HostKey } from "../../core/random/host.ts"
import type { Host } from "../../core/tensor/host.ts"
import { f32, i32, type Spec } from "../../core/tensor/spec.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import type { F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { mapSame } from "../../core/tensor/tree.ts"
import { adamStart, type AdamState, adamW, clipByGlobalNorm } from "../../ops/optimiser.ts"
import { type WarmupCosine, warmupCosine } from "../../ops/schedule.ts"
import type { Config } from "./config.ts"
import { loss, overRanks } from "./loss.ts"
import { type Hosts, initialise, type Parameters, type Specs, specs } from "./parameters.ts"
import { plain, type Plan, ringOf } from "./plan.ts"

// ---- types -----------------------------------------------------------------

/** How it is trained. */
export interface Recipe {
  /** Rows in a step, and tokens in a row. */
  readonly batch: number
  readonly time: number
  /** Steps in all, warm-up included. */
  readonly steps: number
  /** Steps in which the rate rises from 0 to its peak. */
  readonly warmup: number
  /** The peak of the learning rate, and where the cosine ends. */
  readonly peak: number
  readonly end: number
  /** Longest global norm of a gradient. */
  readonly clip: number
  /** Weight decay, of matrices only. */
  readonly decay: number
  readonly beta1: number
  readonly beta2: number
}

/** What a step changes. */
export interface State {
  readonly parameters: Parameters
  readonly optimiser: AdamState<Parameters>
}

/** What a step learns from. */
export interface Examples {
  readonly tokens: I32<"batch time">
  readonly targets: I32<"batch time">
  /** How much each target counts; 1 without. */
  readonly weights?: F32<"batch time">
  /** Examples of a packed row, and the places in them; a sequence on a ring needs positions. */
  readonly segments?: I32<"batch time">
  readonly positions?: I32<"time"> | I32<"batch time">
}

/** What a step tells: nats per token, norm of the gradient before clipping. */
export interface Metrics {
  readonly loss: F32
  readonly norm: F32
}

// ---- the step ----------------------------------------------------------------

/** The state before the first step. */
export const begin = (c: Config, key: HostKey): Hosts<State> => {
  const parameters = initialise(c, key)
  return { parameters, optimiser: adamStart(parameters) as unknown as Hosts<AdamState<Parameters>> }
}

/** The state as `begin` gives it, without its values: for what is known before anything runs. */
export const stateSpecs = (c: Config): Specs<State> => {
  const parameters = specs(c)
  return { parameters, optimiser: { step: i32(), first: parameters, second: parameters } }
}

/** What the examples of a step have beside tokens and targets. */
export interface With {
  readonly weights?: boolean
  /** Packed rows: segments, and positions that restart. */
  readonly packed?: boolean
  /** Positions that are the same for all rows. */
  readonly positions?: boolean
}

type Optional<K extends string, V> = { readonly [P in K]?: V }

/** Specs of the examples of one step. */
export const examples = (r: Pick<Recipe, "batch" | "time">, parts: With = {}):
  & {
    readonly tokens: Spec<"i32", ["batch", "time"]>
    readonly targets: Spec<"i32", ["batch", "time"]>
  }
  & Optional<"weights", Spec<"f32", ["batch", "time"]>>
  & Optional<"segments", Spec<"i32", ["batch", "time"]>>
  & Optional<"positions", Spec<"i32", ["batch", "time"]> | Spec<"i32", ["time"]>> => ({
    tokens: i32("batch time", r),
    targets: i32("batch time", r),
    ...(parts.weights ? { weights: f32("batch time", r) } : {}),
    ...(parts.packed ? { segments: i32("batch time", r), positions: i32("batch time", r) } : {}),
    ...(parts.positions && !parts.packed ? { positions: i32("time", r) } : {}),
  })

/** What a plan asks of the examples: on a ring, a rank does not know by itself which places it has. */
export const asked = (plan: Plan, parts: With = {}): With =>
  ringOf(plan).ranks > 1 ? { ...parts, positions: true } : parts

/** The learning rate by step, as in LWM's trainer: from 0 in a line to the peak, then half a cosine down to the end. */
export const schedule = ({ peak, warmup, steps, end }: Recipe): WarmupCosine => ({ peak, warmup, decay: steps, end })

/** Norms are scales, not directions: they do not decay. */
const decays = (path: string): boolean => !path.toLowerCase().endsWith("norm")

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
    const { tokens, targets, ...wanted } = batch
    const { value, gradient } = valueAndGrad((p: Parameters) => loss(c, plan)(p, tokens, targets, wanted))(
      state.parameters,
    )
    const whole = mapSame(gradient, (g) => overRanks(g as Tensor<"f32", Axes>, plan) as typeof g)
    const { clipped, norm } = clipByGlobalNorm(whole, r.clip)
    const update = adamW({ ...r, rate: warmupCosine(schedule(r)), decays })
    const { params, state: optimiser } = update(state.parameters, clipped, state.optimiser)
    return { state: { parameters: params, optimiser }, metrics: { loss: overRanks(value, plan), norm } }
  }

/** A scalar on the host as a number. */
export const number = (h: Host<"f32", []>): number => h.data[0]!
