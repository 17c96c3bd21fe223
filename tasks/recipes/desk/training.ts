/**
 * A training of the desk recipe: where it begins, how far it looks, and what it reads.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Device } from "../../../core/device/device.ts"
import type { FileFault } from "../../../core/files/codec.ts"
import type { Config } from "../../../models/llama/config.ts"
import type { Schedule } from "../../../ops/schedule.ts"
import type { Batches } from "../../data/example.ts"
import type { DataFault } from "../../data/fault.ts"
import type { PoseFault } from "../../evaluate/task.ts"
import type { Events } from "../../events.ts"
import type { AskFault } from "../../language/language.ts"
import type { WriterFault } from "../../questions/writer.ts"
import type { Stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import type { TrainingFault } from "../../train/loop.ts"
import { trainingStage } from "../../train/stage.ts"
import type { Trained } from "../../train/training.ts"
import type { VisionFault } from "../../vision/fault.ts"
import { configOf, type Reach } from "../extend.ts"
import { type Footing, groundOf, type Tokens, type Vocabulary } from "./book.ts"
import { type Mixture, version } from "./curriculum.ts"
import { optimiser } from "./model.ts"
import { curriculum, type Stretch } from "./rows.ts"

/** Why a stage of a desk recipe can fail. */
export type DeskFault = TrainingFault | DataFault | WriterFault | AskFault | PoseFault | VisionFault

/** What stages of a desk recipe need around them. */
export type Around = Device | Store | Events

/** A stage that makes a model. */
export type Learned = Stage<Trained, DeskFault, Around>

/** What the stages of one recipe have in common. */
export interface Common extends Footing {
  /** The base's numbers. */
  readonly model: Config
}

/** What one training is. */
export interface Lesson {
  readonly name: string
  readonly about: string
  /** Tokens of a row, and the rotary base that positions have in it. */
  readonly reach: Reach
  readonly rows: number
  readonly steps: number
  readonly rate: Schedule
  readonly mixture: Mixture
  readonly seed: number
}

/** What is made of something learned: a training that goes on, a model to talk to. */
export interface Sequel {
  readonly name: string
  readonly about: string
  readonly learned: Learned
  /** How far it looks. */
  readonly reach: Reach
}

/** Rows that are made of what the first stages made. */
export const rowsFrom = (
  vocabulary: Vocabulary,
  tokens: Tokens,
  stretch: Stretch,
): Batches<DataFault | StoreFault | FileFault, Store> => ({
  from: (position) =>
    Stream.unwrap(Effect.map(groundOf(vocabulary, tokens), (ground) => curriculum(ground, stretch).from(position))),
})

/** The training of a lesson, from the parameters of the stage before it. */
export const lesson = ({ vocabulary, tokens, model }: Common, l: Lesson, before: Learned): Learned => {
  const time = l.reach.context
  const stretch: Stretch = { mixture: l.mixture, seed: l.seed, batch: l.rows, time }
  const { peak, warmup } = l.rate
  return trainingStage({
    name: l.name,
    about: l.about,
    config: configOf(model, l.reach),
    recipe: { ...optimiser, batch: l.rows, time, steps: l.steps, warmup, peak, end: peak, rate: l.rate },
    seed: l.seed,
    needs: { vocabulary, tokens, before },
    start: ({ before }) => before.parameters,
    data: {
      settings: { curriculum: version, mixture: { ...l.mixture }, seed: l.seed },
      batches: ({ vocabulary, tokens }) => rowsFrom(vocabulary, tokens, stretch),
    },
  })
}
