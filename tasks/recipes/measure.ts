/**
 * How a recipe's models are measured: needles at every length up to their context, and whether short texts are still
 * foretold as well as before.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Device } from "../../core/device/device.ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Config } from "../../models/llama/config.ts"
import type { KeptFault } from "../data/documents.ts"
import type { DataFault } from "../data/fault.ts"
import { tokenizerNamed } from "../data/tokenizers.ts"
import { type Evaluation, type EvaluationFault, lwmEvaluation } from "../evaluate/grid.ts"
import { type Probe, singleNeedle } from "../evaluate/probe.ts"
import type { BitsPerByte } from "../evaluate/perplexity.ts"
import type { Result } from "../evaluate/result.ts"
import { bitsStage, needleStage } from "../evaluate/stage.ts"
import { depths, linear } from "../evaluate/task.ts"
import type { AskFault, Language } from "../language/language.ts"
import { llamaLanguage } from "../language/llama.ts"
import type { FileRef } from "../objects.ts"
import type { Json, Stage } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { readParameters } from "../train/parameters.ts"
import type { Trained } from "../train/training.ts"
import type { Around, GrowingFault, Model } from "./grow.ts"
import { readText } from "./material.ts"

/** Text that no training has seen. */
export type HeldOutText = Stage<FileRef, DataFault | StoreFault, Store>

/** Faults of a recipe's measures. */
export type MeasureFault = GrowingFault | EvaluationFault

/** A model as what answers, for as long as it is open. */
export const openModel = (config: Config, tokenizer: string) =>
({ parameters }: Trained): Effect.Effect<
  Language,
  DataFault | KeptFault | DeviceFault | AskFault,
  Device | Store | Scope.Scope
> =>
  Effect.gen(function* () {
    const words = yield* tokenizerNamed(tokenizer)
    const values = yield* readParameters(config, parameters)
    return yield* llamaLanguage({ config, parameters: values, tokenizer: words, digest: parameters.digest })
  })

const subjectOf = (model: Model, config: Config, tokenizer: string) => ({
  model,
  open: openModel(config, tokenizer),
  as: { config: { ...config }, tokenizer } as Json,
})

const textOf = (from: HeldOutText) => ({ from, read: readText })

/** Needles over a grid that ends at a context: lengths at equal distances, depths as LWM's. */
export const gridUpTo = (
  context: number,
  { lengths = 8, deep = 10, rounds = 3, probe = singleNeedle() }: {
    readonly lengths?: number
    readonly deep?: number
    readonly rounds?: number
    readonly probe?: Probe
  } = {},
): Evaluation => ({
  ...lwmEvaluation(probe),
  grid: { lengths: linear(Math.floor(context / lengths), context, lengths), depths: depths(deep), rounds },
})

/** Needles for a model of a context. */
export const needlesOf = (
  name: string,
  model: Model,
  config: Config,
  tokenizer: string,
  text: HeldOutText,
  evaluation: Evaluation = gridUpTo(config.context),
): Stage<Result, MeasureFault, Around> =>
  needleStage({ name, subject: subjectOf(model, config, tokenizer), text: textOf(text), evaluation })

/** Bits per byte at the base's context. */
export const bitsOf = (
  name: string,
  model: Model,
  config: Config,
  tokenizer: string,
  text: HeldOutText,
  context: number,
  characters = 1_000_000,
): Stage<BitsPerByte, MeasureFault, Around> =>
  bitsStage({
    name,
    subject: subjectOf(model, config, tokenizer),
    text: textOf(text),
    foretelling: { context, batch: 16 * context, rows: 256, bins: 4, characters },
  })
