/**
 * What a step learns from, as tensors and as specs.
 * @module
 */
import { f32, i32, type Spec } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { type Plan, ringOf } from "./plan.ts"
import type { Recipe } from "./recipe.ts"

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
