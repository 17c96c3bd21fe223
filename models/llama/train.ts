/**
 * One step of training as one function of the graph: loss and gradient, clipping, AdamW with its schedule. State goes in
 * and comes out with the same paths, so a program that donates `state` works in place.
 * @module
 */
import { valueAndGrad } from "../../core/grad/grad.ts"
import type { HostKey } from "../../core/random/host.ts"
import type { Host } from "../../core/tensor/host.ts"
import { i32, type Spec } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { adamStart, type AdamState, adamW, clipByGlobalNorm } from "../../ops/optimiser.ts"
import { type WarmupCosine, warmupCosine } from "../../ops/schedule.ts"
import type { Config } from "./config.ts"
import { loss } from "./llama.ts"
import { type Hosts, initialise, type Parameters } from "./parameters.ts"

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

/** Specs of the examples of one step. */
export const examples = (r: Pick<Recipe, "batch" | "time">): {
  readonly tokens: Spec<"i32", ["batch", "time"]>
  readonly targets: Spec<"i32", ["batch", "time"]>
} => ({ tokens: i32("batch time", r), targets: i32("batch time", r) })

/** The learning rate by step, as in LWM's trainer: from 0 in a line to the peak, then half a cosine down to the end. */
export const schedule = ({ peak, warmup, steps, end }: Recipe): WarmupCosine => ({ peak, warmup, decay: steps, end })

/** Norms are scales, not directions: they do not decay. */
const decays = (path: string): boolean => !path.toLowerCase().endsWith("norm")

/** One step: what comes out under `state` takes the place of what went in. */
export const step = (c: Config, r: Recipe) =>
({ state, batch }: { readonly state: State; readonly batch: Examples }): {
  readonly state: State
  readonly metrics: Metrics
} => {
  const { value, gradient } = valueAndGrad((p: Parameters) => loss(c)(p, batch.tokens, batch.targets))(state.parameters)
  const { clipped, norm } = clipByGlobalNorm(gradient, r.clip)
  const update = adamW({ ...r, rate: warmupCosine(schedule(r)), decays })
  const { params, state: optimiser } = update(state.parameters, clipped, state.optimiser)
  return { state: { parameters: params, optimiser }, metrics: { loss: value, norm } }
}

/** A scalar on the host as a number. */
export const number = (h: Host<"f32", []>): number => h.data[0]!
