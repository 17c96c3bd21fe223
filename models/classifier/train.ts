/**
 * How a classifier is trained: the cross entropy of its classes, with smoothed labels where the recipe asks for them, by
 * the step of `models/learn`.
 * @module
 */
import type * as t from "io-ts"
import { type FileFault, finite } from "../../core/files/codec.ts"
import { alone, type Spread } from "../../core/mesh/shape.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { add, cast, mul } from "../../ops/elementwise.ts"
import { eq } from "../../ops/logic.ts"
import { tokenLoss } from "../../ops/loss.ts"
import { argmax, mean } from "../../ops/reduction.ts"
import { logSoftmax } from "../../ops/softmax.ts"
import type { Objective } from "../learn/gradient.ts"
import { type Range, rangeFaults, type Recipe as Common, recipeCodec, recipeFaults as common } from "../learn/recipe.ts"
import type { State } from "../learn/state.ts"
import { stepOf, type Stepped } from "../learn/step.ts"
import type { Specs } from "../learn/tree.ts"
import type { Traits } from "../learn/update.ts"
import { type Frames, inputsAt, type Logits, logits, type Parameters } from "./classifier.ts"
import type { ClassifierConfig } from "./config.ts"

// ---- recipes -----------------------------------------------------------------

/** How it is trained. */
export interface Recipe extends Common {
  /** The part of each label that all classes share (Szegedy et al., 2016); 0 if not given. */
  readonly smoothing?: number
}

/** The codec of recipes; what its numbers must not say together, `recipeFaults` finds. */
export const Recipe: t.Type<Recipe, unknown> = recipeCodec<Recipe>({}, { smoothing: finite })

const ranges: ReadonlyArray<Range<Recipe>> = [["smoothing", (r) => r.smoothing, 0, 1]]

/** All rules that a recipe breaks, in sentences that begin with `where`, its place in a file. */
export const recipeFaults = (r: Recipe, where: string = "recipe"): ReadonlyArray<FileFault> => [
  ...rangeFaults(r, ranges, where),
  ...common(r, where),
]

// ---- the step ----------------------------------------------------------------

/** What a step learns from. A label is the number of its class. */
export interface Batch {
  readonly frames: Frames
  readonly labels: I32<"batch">
}

/** The sizes of a batch. */
export const batchSpecs = (
  { resolution, channels }: ClassifierConfig,
  { batch }: Pick<Recipe, "batch">,
): Specs<Batch> => ({
  frames: f32("batch row col channel", { batch, row: resolution, col: resolution, channel: channels }),
  labels: i32("batch", { batch }),
})

/** Kernels alone decay. */
export const traits: Traits = { inputs: inputsAt, decays: { bias: 0, scale: 0 } }

/**
 * The mean over frames of -sum of label * log softmax, in nats, where a label has 1 - smoothing + smoothing / classes at its
 * class and smoothing / classes elsewhere.
 */
export const loss = (said: Logits, labels: I32<"batch">, smoothing: number = 0): F32 => {
  const sharp = mean(tokenLoss(said, labels, "class"), "batch")
  return smoothing === 0
    ? sharp
    : add(mul(sharp, 1 - smoothing), mul(mean(logSoftmax(said, "class"), "batch class"), -smoothing))
}

/** The part of the frames of whose classes the right one has the most for it. */
export const accuracy = (said: Logits, labels: I32<"batch">): F32 =>
  mean(cast(eq(argmax(said, "class"), labels), "f32"), "batch")

const objective = (c: ClassifierConfig, r: Recipe, spread: Spread): Objective<Parameters, Batch, "accuracy"> => ({
  over: "mean",
  more: ["accuracy"],
  spread,
  judge: (p, { frames, labels }) => {
    const said = logits(c)(p, frames)
    return { loss: loss(said, labels, r.smoothing), more: { accuracy: accuracy(said, labels) } }
  },
})

/** One step; it tells the accuracy on its batch before the step. */
export const step = (c: ClassifierConfig, r: Recipe, spread: Spread = alone): (
  inputs: { readonly state: State<Parameters>; readonly batch: Batch },
) => Stepped<State<Parameters>, "accuracy"> => stepOf(r, traits, objective(c, r, spread))
