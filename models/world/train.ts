/**
 * One step of training a world model as one function of the graph: `models/learn`'s, of the loss of both modalities.
 *
 * ```ts
 * import type { WorldConfig } from "./config.ts"
 * import type { Examples } from "./examples.ts"
 * import type { Recipe } from "./recipe.ts"
 * const train = (c: WorldConfig, r: Recipe, state: State, batch: Examples) => step(c, r)({ state, batch })
 * ```
 * @module
 */
import type { HostKey } from "../../core/random/host.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { sum } from "../../ops/reduction.ts"
import { type Objective, type Pass, pass as passOf } from "../learn/gradient.ts"
import * as Learn from "../learn/state.ts"
import { advance, type Stepped } from "../learn/step.ts"
import type { Hosts, Specs } from "../learn/tree.ts"
import type { Traits } from "../learn/update.ts"
import { overRanks } from "../llama/loss.ts"
import { plain, type Plan, ringOf } from "../llama/plan.ts"
import type { WorldConfig } from "./config.ts"
import type { Examples } from "./examples.ts"
import { halves, hitsOf, modalShares, ratio, together, tokenLosses } from "./loss.ts"
import { initialise, inputsAt, type Parameters, specs } from "./parameters.ts"
import type { Recipe } from "./recipe.ts"

// ---- state -------------------------------------------------------------------

/** What the optimisers know of the parameters: matrices by what they take; Muon turns nothing outside of the blocks. */
export const traits: Traits = {
  inputs: inputsAt,
  hidden: (path) => path.startsWith("blocks.") ? inputsAt(path) : 0,
}

/** What a step changes. */
export type State = Learn.State<Parameters>

/** The state as `begin` gives it, without its values. */
export const stateSpecs = (c: WorldConfig, r: Learn.Keeps = {}): Specs<State> =>
  Learn.stateSpecs(r, traits)<Parameters>(specs(c))

/** The state of a training that begins with these parameters: those of a world model, or of a text model that was grown. */
export const beginFrom = (c: WorldConfig, parameters: Hosts<Parameters>, r: Learn.Keeps = {}): Hosts<State> =>
  Learn.beginFrom(r, traits)<Parameters>(specs(c), parameters)

/** The state before the first step of a model that has read and seen nothing. */
export const begin = (c: WorldConfig, key: HostKey, r: Learn.Keeps = {}): Hosts<State> =>
  beginFrom(c, initialise(c, key), r)

// ---- the pass ----------------------------------------------------------------

/**
 * What a step tells beside the loss: of each modality the mean nats of its targets and the part of them that the model would
 * have said, both weighted by what the targets count; 0 where none counts. The loss counts rows without a modality as 0, so
 * it is the sum by shares of these where all rows have both.
 */
export type ModalMetric = "visionLoss" | "textLoss" | "visionAccuracy" | "textAccuracy"

/** Sums that become these. */
const sums: ReadonlyArray<ModalMetric> = ["visionLoss", "textLoss", "visionAccuracy", "textAccuracy"]

/** Examples with each target's share in its modality's loss. */
interface Shared extends Omit<Examples, "weights"> {
  readonly visionWeights: F32<"batch time">
  readonly textWeights: F32<"batch time">
}

const objective = (c: WorldConfig, r: Recipe, plan: Plan): Objective<Parameters, Shared, ModalMetric> => ({
  over: "sum",
  more: sums,
  spread: plan.spread,
  meets: ringOf(plan).ranks > 1,
  judge: (p, { visionWeights, textWeights, ...batch }) => {
    const { vision, text } = tokenLosses(c, plan)(p, batch, { vision: visionWeights, text: textWeights })
    return {
      loss: together(r.shares ?? halves, { vision: vision.total, text: text.total }),
      more: {
        visionLoss: vision.total,
        textLoss: text.total,
        visionAccuracy: hitsOf(vision.correct, visionWeights),
        textAccuracy: hitsOf(text.correct, textWeights),
      },
    }
  },
})

/** Loss, gradient and what is told of both modalities, of the whole batch, on every rank. */
export const pass =
  (c: WorldConfig, r: Recipe, plan: Plan = plain) => (state: State, batch: Examples): Pass<Parameters, ModalMetric> => {
    const { weights: _, ...rest } = batch
    const shares = modalShares(r.reduction ?? "rows", batch, plan)
    const given: Shared = { ...rest, visionWeights: shares.vision, textWeights: shares.text }
    const { more, ...passed } = passOf(r, objective(c, r, plan))(state, given)
    const counted = {
      vision: overRanks(sum(shares.vision, "batch time"), plan),
      text: overRanks(sum(shares.text, "batch time"), plan),
    }
    return {
      ...passed,
      more: {
        visionLoss: ratio(more.visionLoss, counted.vision),
        textLoss: ratio(more.textLoss, counted.text),
        visionAccuracy: ratio(more.visionAccuracy, counted.vision),
        textAccuracy: ratio(more.textAccuracy, counted.text),
      },
    }
  }

/**
 * One step: what comes out under `state` takes the place of what went in. On a mesh it is written for one rank: gradients
 * are summed over all of them, and every rank makes the same update. A step whose loss or gradient is not finite leaves the
 * state as it was.
 */
export const step =
  (c: WorldConfig, r: Recipe, plan: Plan = plain) =>
  ({ state, batch }: { readonly state: State; readonly batch: Examples }): Stepped<State, ModalMetric> => {
    const { finite: _, ...out } = advance(r, traits)<Parameters, State, ModalMetric>(
      state,
      pass(c, r, plan)(state, batch),
    )
    return out
  }
