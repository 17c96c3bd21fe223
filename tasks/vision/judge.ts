/**
 * A judge of digits: a small classifier that is trained on scans alone and knows nothing of the models whose pictures it
 * judges. How good it is, it tells on scans that no training sees.
 *
 * ```ts
 * import { pipeline } from "../stage/stage.ts"
 *
 * const judge = judgeStage({ name: "judge", seed: 1 })
 * const trust = accuracyStage({ name: "judge-accuracy", judge })
 * const all = pipeline("judges", "A judge of digits, and how good it is", { judge, trust })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as t from "io-ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Device } from "../../core/device/device.ts"
import type { FileFault } from "../../core/files/codec.ts"
import { hostFold, type HostKey, hostKey } from "../../core/random/host.ts"
import * as Classifier from "../../models/classifier/mod.ts"
import type { Batches } from "../data/example.ts"
import type { DataFault } from "../data/fault.ts"
import type { Events } from "../events.ts"
import { orFail } from "../known.ts"
import { dice } from "../recipes/desk/dice.ts"
import { type Stage, stage } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import type { TrainingFault } from "../train/loop.ts"
import type { Given } from "../train/rows.ts"
import { learningStage } from "../train/stage.ts"
import type { Trained } from "../train/training.ts"
import { Accuracy, accuracyOf, classifierLearner, classifierOf } from "./classifier.ts"
import type { VisionFault } from "./fault.ts"
import { blank, type Frame, grey, painted, tensorOf } from "./frame.ts"
import { box, type Scan, type Scans, scans, type Split } from "./scans.ts"

// ---- labelled digits -------------------------------------------------------------

/** A frame and the number of its class. */
export interface Labelled {
  readonly frame: Frame
  readonly label: number
}

/** A scan as a frame of its box, moved by some pixels; what leaves the box is cut off. */
export const boxOf = ({ ink }: Scan, down = 0, right = 0): Frame =>
  painted(blank(box, box), grey(box, box, ink), down, right)

/** All scans of a split, at their places. */
export const labelledScans = (all: Scans, split: Split): ReadonlyArray<Labelled> =>
  all[split].flatMap((own, label) => own.map((scan) => ({ frame: boxOf(scan), label })))

/** How labelled digits are drawn. */
export interface Drawn {
  readonly seed: number
  readonly batch: number
  /** Pixels that a digit is moved by at most, each way: what is generated stands not always where a scan would. */
  readonly shift: number
}

const batchOf = (
  all: Scans,
  { batch, shift }: Drawn,
  key: HostKey,
): Effect.Effect<Given, VisionFault> => {
  const d = dice(key)
  const move = (): number => d.below(2 * shift + 1) - shift
  const drawn = Array.from({ length: batch }, (): Labelled => {
    const label = d.below(10)
    return { label, frame: boxOf(d.one(all.train[label]!), move(), move()) }
  })
  const labels = Int32Array.from(drawn, ({ label }) => label)
  return Effect.map(
    orFail(tensorOf(drawn.map(({ frame }) => frame))),
    (frames) => ({ frames, labels: { dtype: "i32", axes: ["batch"], shape: [batch], data: labels } }),
  )
}

/** Batches of training scans without end; batch `n` is a function of the seed and `n`. */
export const digitBatches = (drawn: Drawn): Batches<DataFault | VisionFault, never, Given> => ({
  from: (position) =>
    Stream.unwrap(Effect.map(scans, (all) =>
      Stream.unfold((position ?? 0) as number, (n) =>
        Effect.map(
          batchOf(all, drawn, hostFold(hostKey(drawn.seed), n)),
          (rows) => [{ rows, after: n + 1 }, n + 1] as const,
        )))),
})

// ---- the stages ------------------------------------------------------------------

/** The recipe of the judge: a few passes over the scans. */
export const judging: Classifier.Recipe = {
  ...{ batch: 64, steps: 600, warmup: 20, peak: 4e-3, end: 1e-4, clip: 5, decay: 0.01, beta1: 0.9, beta2: 0.99 },
  smoothing: 0.05,
}

/** A judge, declared. */
export interface Judge {
  readonly name: string
  readonly seed: number
  readonly about?: string
  /** `judging` if not given. */
  readonly recipe?: Classifier.Recipe
  /** 1 if not given. */
  readonly shift?: number
}

/** A stage that trains a judge of digits on scans of 16 x 16. */
export const judgeStage = (
  { name, seed, about = "a small classifier learns digits from scans", recipe = judging, shift = 1 }: Judge,
): Stage<Trained, TrainingFault | DataFault | VisionFault, Device | Store | Events> =>
  learningStage({
    ...{ name, about, seed, needs: {} },
    learner: classifierLearner({ config: Classifier.digits, recipe }),
    data: {
      settings: { digits: 1, shift },
      batches: () => digitBatches({ seed, batch: recipe.batch, shift }),
    },
  })

/** A stage that tells how often a judge is right on held-out scans. */
export const accuracyStage = <X, R>(
  { name, judge }: { readonly name: string; readonly judge: Stage<Trained, X, R> },
): Stage<Accuracy, X | DataFault | VisionFault | DeviceFault | StoreFault | FileFault, R | Device | Store> =>
  stage({
    ...{ name, version: "1", about: "how often the judge is right on scans that no training sees" },
    ...{ codec: t.null, settings: null, needs: { judge }, output: Accuracy },
    make: ({ judge }) =>
      Effect.scoped(Effect.gen(function* () {
        const says = yield* classifierOf(Classifier.digits, judge.parameters)
        const held = labelledScans(yield* scans, "heldOut")
        const said = yield* says(held.map(({ frame }) => frame))
        return accuracyOf(held.map(({ label }) => label), said, Classifier.digits.classes)
      })),
  })
