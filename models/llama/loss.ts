/**
 * Losses of a Llama. Logits are never held for all tokens where the plan cuts the loss; on a mesh each rank speaks of its
 * own tokens, and the sum over ranks is the loss.
 * @module
 */
import { exchange } from "../../core/graph/build.ts"
import { ranksOf } from "../../core/mesh/shape.ts"
import type { F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { linearCrossEntropy, type TokenLosses } from "../../ops/linear-cross-entropy.ts"
import type { Config } from "./config.ts"
import { encode, type Place } from "./llama.ts"
import type { Parameters } from "./parameters.ts"
import { plain, type Plan } from "./plan.ts"
import type { Reduction } from "./recipe.ts"
import { sharesOf } from "./shares.ts"

/** The sum over all ranks of the plan's mesh, on every rank. */
export const overRanks = <T extends Tensor<"f32", ReadonlyArray<string>>>(x: T, { spread }: Plan): T =>
  exchange(x, {
    kind: "allReduce",
    over: Object.keys(spread.shape),
    ranks: ranksOf(spread.shape),
    fn: "sum",
  }) as T

/** What the loss is of. */
export interface Wanted extends Place {
  /** How much each target counts; 1 without. Targets outside of the vocabulary need the weight 0. */
  readonly weights?: F32<"batch time"> | undefined
}

/** Losses of this rank's tokens, which of them the model would have said, and their weighted sum: see `linearCrossEntropy`. */
export const tokenLosses = (c: Config, plan: Plan = plain) =>
(
  p: Parameters,
  tokens: I32<"batch time">,
  targets: I32<"batch time">,
  { weights, ...place }: Wanted = {},
): TokenLosses<["batch", "time"]> =>
  linearCrossEntropy(encode(c, plan)(p, tokens, place), p.head, targets, {
    feature: "model",
    vocab: "vocab",
    along: "time",
    ...(weights === undefined ? {} : { weights }),
    ...(plan.loss === undefined ? {} : { chunk: plan.loss }),
  })

/**
 * Negative log likelihood of the targets in nats: the mean over tokens, over rows, or as the weights share it out (see
 * `Reduction`); 0 where nothing counts. On a mesh it is this rank's share: the sum over ranks is the loss, and the
 * gradient of a program is that of the sum.
 *
 * `rows` is LWM's: each row's weighted mean, and of those the mean; rows in which nothing counts are 0 and take part.
 * `given` goes with rows of several examples whose weights say how much each token is of the whole (`masked` packing).
 */
export const loss =
  (c: Config, plan: Plan = plain, reduction: Reduction = "tokens") =>
  (p: Parameters, tokens: I32<"batch time">, targets: I32<"batch time">, wanted: Wanted = {}): F32 =>
    tokenLosses(c, plan)(p, tokens, targets, {
      ...wanted,
      weights: sharesOf(reduction, tokens, wanted.weights, plan),
    }).total

/** Negative log likelihood of the targets in nats, each times its weight, summed over all ranks: for evaluation. */
export const score = (c: Config, plan: Plan = plain) =>
(
  p: Parameters,
  tokens: I32<"batch time">,
  targets: I32<"batch time">,
  weights: F32<"batch time">,
  place: Place = {},
): F32 => overRanks(tokenLosses(c, plan)(p, tokens, targets, { ...place, weights }).total, plan)
