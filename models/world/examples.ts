/**
 * What a step of a world model learns from, as tensors and as specs.
 * @module
 */
import { i32, type Spec } from "../../core/tensor/spec.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import { type Examples as TextExamples, examples as textExamples, type With } from "../llama/examples.ts"
import type { Recipe } from "../llama/recipe.ts"

/** What a step learns from: tokens and targets are ids of their own vocabularies. */
export interface Examples extends TextExamples {
  /** 1 where a token is of the vision vocabulary, else 0. */
  readonly vision: I32<"batch time">
  /** 1 where a target is of the vision vocabulary, else 0. */
  readonly visionTargets: I32<"batch time">
}

/** Specs of the examples of one step. */
export const examples = (r: Pick<Recipe, "batch" | "time">, parts: With = {}): ReturnType<typeof textExamples> & {
  readonly vision: Spec<"i32", ["batch", "time"]>
  readonly visionTargets: Spec<"i32", ["batch", "time"]>
} => ({
  ...textExamples(r, parts),
  vision: i32("batch time", r),
  visionTargets: i32("batch time", r),
})
