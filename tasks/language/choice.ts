/**
 * Which model is talked to: the folder or the stage that is named; else the one that the main pipeline has made, or the base
 * that comes with the house.
 * @module
 */
import * as Effect from "effect/Effect"
import { stageFault } from "../stage/fault.ts"
import type { Pipeline } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import { type Model, modelIn } from "./model.ts"
import { modelOfStage, type StagedFault } from "./staged.ts"

/** What was said. */
export interface Choice {
  readonly model: string | undefined
  /** `pipeline` or `pipeline/stage`. */
  readonly stage: string | undefined
  readonly tokenizer: string | undefined
}

/** What there is. */
export interface Offer {
  readonly pipelines: ReadonlyArray<Pipeline>
  /** The pipeline that is meant where nothing is said. */
  readonly main: string
  /** The folder of a model that comes with the house. */
  readonly shipped: string | undefined
}

/** The model that is meant. Faults: it is not there, and the sentence says how to get one. */
export const chosenModel = (
  { model, stage, tokenizer }: Choice,
  { pipelines, main, shipped }: Offer,
): Effect.Effect<Model, StagedFault, Store> => {
  if (model !== undefined) return modelIn(model, tokenizer)
  const [name, ...rest] = (stage ?? main).split("/")
  const pipeline = pipelines.find((p) => p.name === name)
  if (pipeline !== undefined) {
    const made = modelOfStage(pipeline, rest.length === 0 ? undefined : rest.join("/"), tokenizer)
    if (stage !== undefined) return made
    return Effect.catch(
      made,
      (fault) =>
        shipped !== undefined
          ? modelIn(shipped, tokenizer)
          : Effect.fail({ ...fault, message: `${fault.message}; or give --model=FOLDER` }),
    )
  }
  if (stage === undefined && shipped !== undefined) return modelIn(shipped, tokenizer)
  const names = pipelines.map((p) => p.name)
  return Effect.fail(stageFault(
    "unknown",
    name!,
    `there is no such pipeline; there ${names.length === 0 ? "are none" : `are ${names.join(", ")}`}: give ` +
      "--stage=PIPELINE/STAGE, or --model=FOLDER",
  ))
}
