/**
 * Learning rates by step: the number of updates made before, so the first update is step 0. A schedule is a value; it
 * can be computed in the graph, for a training step that is one program, and on the host, for reports.
 * @module
 */
import { binary, constant, select, unary } from "../core/graph/build.ts"
import type { F32 } from "../core/tensor/tensor.ts"
import { typed } from "../core/tensor/tensor.ts"

/** Linear from `start` to `peak` over `warmup` steps, then half a cosine down to `end` at step `decay`, and constant. */
export interface WarmupCosine {
  readonly start?: number
  readonly peak: number
  readonly warmup: number
  /** The step at which `end` is reached; it counts the warm-up in. */
  readonly decay: number
  readonly end: number
}

const cosineLength = ({ warmup, decay }: WarmupCosine): number => Math.max(1, decay - warmup)

/**
 * The rate of a step in the graph:
 * start + (peak - start) step / warmup while step < warmup, then
 * end + (peak - end) (1 + cos(pi t)) / 2 where t = min(1, (step - warmup) / (decay - warmup)).
 */
export const warmupCosine = (schedule: WarmupCosine) => (step: F32): F32 => {
  const { start = 0, peak, warmup, end } = schedule
  const rising = binary("add", binary("mul", step, (peak - start) / Math.max(1, warmup)), start)
  const place = binary("min", binary("mul", binary("sub", step, warmup), 1 / cosineLength(schedule)), 1)
  const wave = binary("add", unary("cos", binary("mul", place, Math.PI)), 1)
  const falling = binary("add", binary("mul", wave, (peak - end) / 2), end)
  return typed(select(binary("lt", step, warmup), rising, falling))
}

/** The rate of a step on the host. */
export const warmupCosineAt = (schedule: WarmupCosine, step: number): number => {
  const { start = 0, peak, warmup, end } = schedule
  if (step < warmup) return start + (peak - start) * step / warmup
  const place = Math.min(1, (step - warmup) / cosineLength(schedule))
  return end + (peak - end) * (1 + Math.cos(Math.PI * place)) / 2
}

/** The same rate at every step. */
export const constantRate = (rate: number) => (_step: F32): F32 => typed(constant("f32", rate))
