/**
 * The desk model's eyes: a VQGAN that turns frames of 32 x 32 into 16 codes, each of which stands for 8 x 8 pixels, so that
 * a frame is as long as a sentence. It learns from scenes of handwritten digits; frame n is a function of the seed and n.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { type FileFault, natural } from "../../../../core/files/codec.ts"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import type { Recipe, VqganConfig } from "../../../../models/vqgan/mod.ts"
import type { Batch, Batches } from "../../../data/example.ts"
import type { DataFault } from "../../../data/fault.ts"
import { dataFault } from "../../../data/fault.ts"
import { placeOf } from "../../../data/source.ts"
import type { FileRef } from "../../../objects.ts"
import type { Json, Stage } from "../../../stage/stage.ts"
import type { Store, StoreFault } from "../../../store.ts"
import type { Given } from "../../../train/rows.ts"
import { learningStage } from "../../../train/stage.ts"
import type { Trained } from "../../../train/training.ts"
import { type Drawing, framesOfScene, type Scans, scans, sceneOf } from "../../../vision/digits.ts"
import { type Frame, tensorOf } from "../../../vision/frame.ts"
import { vqganLearner } from "../../../vision/learners.ts"
import { dice } from "../dice.ts"
import type { Around, DeskFault } from "../training.ts"
import { photographedIn, type Photographs } from "./photographs.ts"

// ---- numbers -----------------------------------------------------------------

/** What eyes are, how they learn, and from which scenes. */
export interface Seeing {
  readonly config: VqganConfig
  readonly recipe: Recipe
  readonly drawing: Drawing
  /** How many of all frames are parts of photographs. */
  readonly photographs: number
}

/** Codes that stand for 8 x 8 pixels, and digits on a grid of 4: blocks meet digits in four ways, not in 64. */
export const seeing: Seeing = {
  config: {
    ...{ resolution: 32, channels: 3, hidden: 8, multipliers: [1, 2, 4, 8], blocks: 1 },
    ...{ latent: 16, codes: 512, embed: 16, groups: 4, epsilon: 1e-6 },
  },
  recipe: {
    ...{ batch: 32, steps: 1500, warmup: 30, peak: 6e-3, end: 3e-4, clip: 1, decay: 0, beta1: 0.9, beta2: 0.95 },
    ...{ absolute: 0, squared: 1, commitment: 0.025, optimiser: "muon" },
    codebook: { kind: "mean", memory: 0.98, revive: 0.2 },
  },
  drawing: { seed: 71, frames: 1, grid: 4 },
  photographs: 1 / 8,
}

// ---- frames ------------------------------------------------------------------

/** Frame `n`: a scene, or a part of a photograph. */
const frameAt = (all: Scans, real: ReadonlyArray<Frame>, { drawing, photographs }: Seeing, n: number): Frame => {
  const d = dice(hostFold(hostFold(hostKey(drawing.seed), 2), n))
  return d.unit() < photographs ? d.one(real) : framesOfScene(sceneOf(all, drawing, "train", n))[0]!
}

/** Frames for ever. A position is the number of the next one. */
export const frameBatches = (
  s: Seeing,
  photographed: FileRef,
): Batches<DataFault | StoreFault | FileFault, Store, Given> => ({
  from: (position) =>
    Stream.unwrap(Effect.gen(function* () {
      const all = yield* scans
      const real = yield* photographedIn(photographed)
      const begin = position === undefined ? 0 : yield* placeOf(natural, "the scenes", position)
      return Stream.unfold(begin, (n) => {
        const tensor = tensorOf(Array.from({ length: s.recipe.batch }, (_, i) => frameAt(all, real, s, n + i)))
        if (E.isLeft(tensor)) return Effect.fail(dataFault("rows", "scenes", tensor.left.message))
        const after = n + s.recipe.batch
        const batch: Batch<Given> = { rows: { frames: tensor.right }, after }
        return Effect.succeed([batch, after] as const)
      })
    })),
})

// ---- the stage -----------------------------------------------------------------

/** A stage that makes a model of pictures. */
export type Eyes = Stage<Trained, DeskFault, Around>

/** The VQGAN's training. */
export const eyes = (s: Seeing, photographs: Photographs): Eyes =>
  learningStage({
    name: "vqgan",
    about: "frames of 32 x 32 become 16 codes of 512",
    learner: vqganLearner({ config: s.config, recipe: s.recipe }),
    seed: s.drawing.seed,
    needs: { photographs },
    data: {
      settings: { scenes: 1, drawing: { ...s.drawing } as Json, photographs: s.photographs },
      batches: ({ photographs }) => frameBatches(s, photographs.train),
    },
  })
