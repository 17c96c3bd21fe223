/**
 * The base: what Llama-2 was to LWM. It begins with heads that look back (`begin.ts`), learns to repeat and to look up on
 * short rows, then reads the book and finds needles over its whole context. From nothing, in the main job itself.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { type FileFault, natural } from "../../../core/files/codec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { putTensors } from "../../objects.ts"
import { type Stage, stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { tensorsOf } from "../../train/parameters.ts"
import { ConfigCodec } from "../../train/settings.ts"
import { Trained } from "../../train/training.ts"
import { begun } from "./begin.ts"
import { reach } from "./model.ts"
import { type Common, type Learned, type Lesson, lesson } from "./training.ts"

/** Parameters before the first step. */
export const beginning = (model: Config): Stage<Trained, StoreFault | FileFault, Store> =>
  stage({
    name: "begin",
    version: "1",
    about: "parameters whose first heads look back one to three tokens",
    codec: t.strict({ config: ConfigCodec, seed: natural }),
    settings: { config: model, seed: 1 },
    seeds: [1],
    needs: {},
    output: Trained,
    make: (_, { config, seed }) =>
      Effect.map(
        putTensors(tensorsOf(begun(config, seed))),
        (parameters): Trained => ({ parameters, steps: 0, tokens: 0, curve: [] }),
      ),
  })

/** Looking back, on rows of half the context: repeats and pairs, where most tokens can be known. */
export const recall: Lesson = {
  name: "recall",
  about: "repeats and pairs on short rows: looking back",
  reach: { ...reach, context: 128 },
  rows: 32,
  steps: 600,
  rate: { kind: "constant", peak: 2e-3, warmup: 50 },
  mixture: { text: 0.2, repeats: 0.35, pairs: 0.25, needles: 0.2 },
  seed: 1,
}

/** The book, and needles in it, over the base's whole context. */
export const reading: Lesson = {
  name: "base",
  about: "the book, and needles in it",
  reach,
  rows: 16,
  steps: 1200,
  rate: { kind: "cosine", peak: 2e-3, warmup: 20, decay: 1200, end: 7e-4 },
  mixture: { text: 0.55, repeats: 0.15, pairs: 0.05, needles: 0.25 },
  seed: 2,
}

/** A base: how it begins, and then a lesson after the other. */
export const based = (common: Common, begin: Learned, lessons: ReadonlyArray<Lesson>): Learned =>
  lessons.reduce((before, l) => lesson(common, l, before), begin)
