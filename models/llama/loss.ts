/**
 * Losses of a Llama. Logits are never held for all tokens where the plan cuts the loss; on a mesh each rank speaks of its
 * own tokens, and the sum over ranks is the loss.
 * @module
 */
import { exchange, stop } from "../../core/graph/build.ts"
import { sizeOf } from "../../core/graph/node.ts"
import { ranksOf } from "../../core/mesh/shape.ts"
import type { F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { div, mul, select } from "../../ops/elementwise.ts"
import { chunked } from "../../ops/chunked.ts"
import { dot } from "../../ops/contraction.ts"
import { tokenLoss } from "../../ops/loss.ts"
import { gt } from "../../ops/logic.ts"
import { sum } from "../../ops/reduction.ts"
import type { Config } from "./config.ts"
import { encode, type Place } from "./llama.ts"
import type { Parameters } from "./parameters.ts"
import { plain, type Plan } from "./plan.ts"

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

/** The loss of this rank's tokens, and which of them the model would have said. */
export interface TokenLosses {
  /** Negative log likelihood in nats, per token. */
  readonly losses: F32<"batch time">
  /** 1 where the target has the highest logit. */
  readonly correct: F32<"batch time">
}

/** Negative log likelihood and correctness of each target. */
export const tokenLosses =
  (c: Config, plan: Plan = plain) =>
  (p: Parameters, tokens: I32<"batch time">, targets: I32<"batch time">, place: Place = {}): TokenLosses => {
    const f = ({ x, y }: { readonly x: F32<"batch time model">; readonly y: I32<"batch time"> }): F32<"batch time"> =>
      tokenLoss(dot(x, p.head, "model"), y, "vocab")
    const inputs = { x: encode(c, plan)(p, tokens, place), y: targets }
    const losses = plan.loss === undefined ? f(inputs) : chunked(f, "time", plan.loss.tokens)(inputs)
    return { losses, correct: losses }
  }

/**
 * Mean negative log likelihood of the targets, weighted, in nats per token. On a mesh it is this rank's share of the mean
 * over the tokens of all ranks: the shares' sum is the loss, and the gradient of a program is that of the sum.
 */
export const loss =
  (c: Config, plan: Plan = plain) =>
  (p: Parameters, tokens: I32<"batch time">, targets: I32<"batch time">, wanted: Wanted = {}): F32 => {
    const { losses } = tokenLosses(c, plan)(p, tokens, targets, wanted)
    const { weights } = wanted
    if (weights === undefined) {
      const all = (sizeOf(tokens, "batch") ?? 1) * (sizeOf(tokens, "time") ?? 1) * ranksOf(plan.spread.shape)
      return div(sum(losses), Math.max(1, all))
    }
    const total = stop(overRanks(sum(weights), plan)) as F32
    // where nothing counts the loss is 0
    return div(sum(mul(losses, weights)), select(gt(total, 0), total, 1))
  }

/** Negative log likelihood of the targets in nats, each times its weight, summed: for evaluation. */
export const score = (c: Config, plan: Plan = plain) =>
(
  p: Parameters,
  tokens: I32<"batch time">,
  targets: I32<"batch time">,
  weights: F32<"batch time">,
  place: Place = {},
): F32 => overRanks(sum(mul(tokenLosses(c, plan)(p, tokens, targets, place).losses, weights)), plan)
