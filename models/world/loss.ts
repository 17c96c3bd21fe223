/**
 * Losses of a world model: of text and of vision, each the mean that the reduction says over what counts of it, and their
 * weighted sum. A modality of which nothing counts has the loss 0, never NaN, and so has its gradient.
 *
 * LWM's loss is half of either, with `rows`: of each row the mean over its targets of the modality, and of those the mean
 * over rows, where rows that have none are 0 and take part. With `given` the weights are the shares themselves, in each
 * modality: a packing in which every example weighs as if it stood alone gives a target 1 / (targets of its modality that
 * count in its example) / (examples).
 * @module
 */
import { binary, constant } from "../../core/graph/build.ts"
import { sizeOf } from "../../core/graph/node.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { add, mul, select } from "../../ops/elementwise.ts"
import { linearCrossEntropy, type TokenLosses } from "../../ops/linear-cross-entropy.ts"
import { eq, ne } from "../../ops/logic.ts"
import { sum } from "../../ops/reduction.ts"
import { overRanks } from "../llama/loss.ts"
import { plain, type Plan } from "../llama/plan.ts"
import type { Reduction } from "../llama/recipe.ts"
import { sharesOf } from "../llama/shares.ts"
import type { WorldConfig } from "./config.ts"
import type { Examples } from "./examples.ts"
import type { Parameters } from "./parameters.ts"
import { encode, visionHeadOf } from "./world.ts"

/** Something of each modality. */
export interface Modal<T> {
  readonly vision: T
  readonly text: T
}

/** How much each modality's loss counts: half and half in LWM. */
export type ModalShares = Modal<number>

/** LWM's shares. */
export const halves: ModalShares = { vision: 0.5, text: 0.5 }

/** Weights of targets, by modality. */
export type ModalWeights = Modal<F32<"batch time">>

/** The weights of each modality's targets: as given (1 without), and 0 for those of the other. */
export const modalWeights = ({ tokens, visionTargets, weights }: Examples): ModalWeights => {
  const axes = ["batch", "time"]
  const ones = constant("f32", 1, axes, axes.map((a) => sizeOf(tokens, a) ?? 1))
  const all = typed<F32<"batch time">>(weights === undefined ? ones : weights)
  const seen = ne(visionTargets, 0)
  return { vision: select(seen, all, 0), text: select(seen, 0, all) }
}

/** The share of each target of this rank in its modality's loss: see `sharesOf`. Those of a modality without weights are 0. */
export const modalShares = (reduction: Reduction, batch: Examples, plan: Plan = plain): ModalWeights => {
  const { vision, text } = modalWeights(batch)
  const of = (w: F32<"batch time">): F32<"batch time"> => sharesOf(reduction, batch.tokens, w, plan)
  return { vision: of(vision), text: of(text) }
}

/**
 * Losses of this rank's targets under each head, which of them it would have said, and their sums by these weights. Of a
 * target of the other modality the loss says nothing; its weight is 0.
 */
export const tokenLosses = (c: WorldConfig, plan: Plan = plain) =>
(
  p: Parameters,
  batch: Omit<Examples, "weights">,
  weights: ModalWeights,
): Modal<TokenLosses<["batch", "time"]>> => {
  const { tokens, vision, targets, segments, positions } = batch
  const stream = encode(c, plan)(p, { tokens, vision }, { segments, positions })
  const cut = plan.loss === undefined ? {} : { chunk: plan.loss }
  const common = { feature: "model", along: "time", ...cut } as const
  return {
    vision: linearCrossEntropy(stream, visionHeadOf(p), targets, { ...common, vocab: "code", weights: weights.vision }),
    text: linearCrossEntropy(stream, p.head, targets, { ...common, vocab: "vocab", weights: weights.text }),
  }
}

/** The weighted sum of both modalities' losses. */
export const together = (shares: ModalShares, each: Modal<F32>): F32 =>
  add(mul(each.vision, shares.vision), mul(each.text, shares.text))

/** Each modality's loss in nats; on a mesh this rank's share of it, and the sum over ranks is the loss. */
export const modalLosses = (c: WorldConfig, plan: Plan = plain, reduction: Reduction = "rows") =>
(
  p: Parameters,
  batch: Examples,
): Modal<F32> => {
  const { vision, text } = tokenLosses(c, plan)(p, batch, modalShares(reduction, batch, plan))
  return { vision: vision.total, text: text.total }
}

/** Negative log likelihood of the targets in nats: shares.vision * vision + shares.text * text. On a mesh as `modalLosses`. */
export const loss =
  (c: WorldConfig, plan: Plan = plain, reduction: Reduction = "rows", shares: ModalShares = halves) =>
  (p: Parameters, batch: Examples): F32 => together(shares, modalLosses(c, plan, reduction)(p, batch))

/** Sums over the targets of a modality that count, over all ranks. */
export interface Tally {
  /** Negative log likelihoods in nats, each times its weight. */
  readonly nats: F32
  /** Weights of targets that the model would have said. */
  readonly hits: F32
  /** Weights of all. */
  readonly weight: F32
}

/** What a modality's targets weigh, and what of that is hit. */
export const hitsOf = (correct: TokenLosses<["batch", "time"]>["correct"], weights: F32<"batch time">): F32 =>
  sum(select(correct, weights, 0), "batch time")

/** Sums of both modalities over all ranks, for evaluation: nats / weight is a mean, hits / weight an accuracy. */
export const score = (c: WorldConfig, plan: Plan = plain) => (p: Parameters, batch: Examples): Modal<Tally> => {
  const weights = modalWeights(batch)
  const losses = tokenLosses(c, plan)(p, batch, weights)
  const tally = (of: keyof Modal<never>): Tally => ({
    nats: overRanks(losses[of].total, plan),
    hits: overRanks(hitsOf(losses[of].correct, weights[of]), plan),
    weight: overRanks(losses[of].weight, plan),
  })
  return { vision: tally("vision"), text: tally("text") }
}

/** part / whole, and 0 where the whole is 0. */
export const ratio = (part: F32, whole: F32): F32 => {
  const safe: F32 = select(eq(whole, 0), 1, whole)
  return typed(binary("div", part, safe))
}
