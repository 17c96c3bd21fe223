/**
 * The loss of a batch and its gradient: each token has its share, so parts of a batch are simply added.
 * @module
 */
import type { F32 } from "../../core/tensor/tensor.ts"
import { type Objective, type Pass, pass as passOf } from "../learn/gradient.ts"
import type { Config } from "./config.ts"
import type { Examples } from "./examples.ts"
import { tokenLosses } from "./loss.ts"
import type { Parameters } from "./parameters.ts"
import { type Plan, ringOf } from "./plan.ts"
import type { Recipe } from "./recipe.ts"
import { sharesOf } from "./shares.ts"
import type { State } from "./state.ts"

/** Examples whose weights are shares of the whole. */
type Shared = Examples & { readonly weights: F32<"batch time"> }

const objective = (c: Config, plan: Plan): Objective<Parameters, Shared> => ({
  over: "sum",
  spread: plan.spread,
  meets: ringOf(plan).ranks > 1,
  judge: (p, { tokens, targets, weights, segments, positions }) => ({
    loss: tokenLosses(c, plan)(p, tokens, targets, { weights, segments, positions }).total,
  }),
})

/** Loss and gradient of the whole batch, on every rank: see `pass` of `models/learn`. */
export const pass = (c: Config, r: Recipe, plan: Plan) => (state: State, examples: Examples): Pass<Parameters> => {
  const { tokens, targets, weights, ...rest } = examples
  const shares = sharesOf(r.reduction ?? "tokens", tokens, weights, plan)
  return passOf(r, objective(c, plan))(state, { tokens, targets, weights: shares, ...rest })
}
