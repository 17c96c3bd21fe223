/**
 * Learning rates by step: the number of updates made before, so the first update is step 0. A schedule is a value; it
 * can be computed in the graph, for a training step that is one program, and on the host, for reports.
 *
 * ```ts
 * import { rateAt, type Schedule } from "@orrery/orrery"
 * // LWM's text stages: constant after a warm-up
 * const text: Schedule = { kind: "constant", peak: 4e-5, warmup: 100 }
 * console.log(rateAt(text, 50)) // => 0.00002
 * ```
 * @module
 */
import { binary, constant, select, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import { cos } from "../core/tensor/elementary.ts"
import type { F32 } from "../core/tensor/tensor.ts"
import { typed } from "../core/tensor/tensor.ts"

/** How every schedule begins: linear from `start` (0 if not given) to `peak` over `warmup` steps. */
export interface Warmup {
  readonly start?: number
  readonly peak: number
  readonly warmup: number
}

/** A schedule that falls to `end`. */
export interface Falling extends Warmup {
  /** The step at which `end` is reached; it counts the warm-up in. */
  readonly decay: number
  readonly end: number
}

/** Linear from `start` to `peak` over `warmup` steps, then half a cosine down to `end` at step `decay`, and constant. */
export type WarmupCosine = Falling

/**
 * A schedule as data. After the warm-up: half a cosine down to `end` (Loshchilov and Hutter, 2017), a line down to
 * `end`, the same for ever, or falling with the root of the step (Vaswani et al., 2017, as PaLM has it).
 */
export type Schedule =
  | { readonly kind: "cosine" | "linear" } & Falling
  | { readonly kind: "constant" | "root" } & Warmup

type Kind = Schedule["kind"]

/** A schedule whose absent parts are filled in. */
type Whole = Required<Falling>

const whole = (s: Schedule): Whole => ({ start: 0, decay: s.warmup, end: s.peak, ...s })

/** Steps from the peak to the end. */
const length = ({ warmup, decay }: Whole): number => Math.max(1, decay - warmup)

/** After the warm-up, in the graph and on the host; `place` goes from 0 at the peak to 1 at the end. */
interface Form {
  readonly graph: (s: Whole, place: Node, step: Node) => Node
  readonly host: (s: Whole, place: number, step: number) => number
}

const forms: { readonly [K in Kind]: Form } = {
  cosine: {
    graph: ({ peak, end }, place) =>
      binary(
        "add",
        binary("mul", binary("add", unary("cos", binary("mul", place, Math.PI)), 1), (peak - end) / 2),
        end,
      ),
    host: ({ peak, end }, place) => end + (peak - end) * (1 + cos(Math.PI * place)) / 2,
  },
  linear: {
    graph: ({ peak, end }, place) => binary("add", binary("mul", place, end - peak), peak),
    host: ({ peak, end }, place) => peak + (end - peak) * place,
  },
  constant: {
    graph: ({ peak }) => constant("f32", peak),
    host: ({ peak }) => peak,
  },
  root: {
    graph: ({ peak, warmup }, _place, step) =>
      binary("mul", unary("rsqrt", binary("max", step, Math.max(1, warmup))), peak * Math.sqrt(Math.max(1, warmup))),
    host: ({ peak, warmup }, _place, step) => peak * Math.sqrt(Math.max(1, warmup) / Math.max(1, warmup, step)),
  },
}

/**
 * The rate of a step in the graph: start + (peak - start) step / warmup while step < warmup, then with
 * t = min(1, (step - warmup) / (decay - warmup))
 * cosine: end + (peak - end) (1 + cos(pi t)) / 2; linear: peak + (end - peak) t; constant: peak;
 * root: peak sqrt(warmup / step).
 */
export const learningRate = (schedule: Schedule) => (step: F32): F32 => {
  const s = whole(schedule)
  const now = tensor("learningRate", step)
  const rising = binary("add", binary("mul", now, (s.peak - s.start) / Math.max(1, s.warmup)), s.start)
  const place = binary("min", binary("mul", binary("sub", now, s.warmup), 1 / length(s)), 1)
  return typed(select(binary("lt", now, s.warmup), rising, forms[schedule.kind].graph(s, place, now)))
}

/** The rate of a step on the host. */
export const rateAt = (schedule: Schedule, step: number): number => {
  const s = whole(schedule)
  if (step < s.warmup) return s.start + (s.peak - s.start) * step / s.warmup
  return forms[schedule.kind].host(s, Math.min(1, (step - s.warmup) / length(s)), step)
}

/** `learningRate` of a cosine. */
export const warmupCosine = (schedule: WarmupCosine): (step: F32) => F32 =>
  learningRate({ ...schedule, kind: "cosine" })

/** `rateAt` of a cosine. */
export const warmupCosineAt = (schedule: WarmupCosine, step: number): number =>
  rateAt({ ...schedule, kind: "cosine" }, step)

/** The same rate at every step. */
export const constantRate = (rate: number) => (_step: F32): F32 => typed(constant("f32", rate))
