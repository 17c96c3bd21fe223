/**
 * Classifiers of frames as learners, and what they say when they have learned.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { digits } from "../../models/classifier/mod.ts"
 * import type { FileRef } from "../objects.ts"
 * import type { Frame } from "./frame.ts"
 *
 * const labels = (parameters: FileRef, frames: ReadonlyArray<Frame>) =>
 *   Effect.scoped(Effect.gen(function* () {
 *     const says = yield* classifierOf(digits, parameters)
 *     return (yield* says(frames)).map(({ label }) => label)
 *   }))
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import { Device } from "../../core/device/device.ts"
import { type FileFault, finite, natural } from "../../core/files/codec.ts"
import { sentence } from "../../core/graph/fault.ts"
import { compile } from "../../core/plan/compile.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import * as Classifier from "../../models/classifier/mod.ts"
import type { Hosts } from "../../models/learn/tree.ts"
import { orFail, orFirst } from "../known.ts"
import { type FileRef, getTensors } from "../objects.ts"
import type { Json } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { type Learner, learnerOf } from "../train/learner.ts"
import { ownTensors, treeOf } from "../train/parameters.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { type Frame, tensorOf } from "./frame.ts"

// ---- the learner ---------------------------------------------------------------

/** A classifier and how it is trained. */
export interface ClassifierLesson {
  readonly config: Classifier.ClassifierConfig
  readonly recipe: Classifier.Recipe
}

/** A classifier that learns labelled frames: batches are `{ frames, labels }`. */
export const classifierLearner = ({ config, recipe }: ClassifierLesson): Learner =>
  learnerOf<Classifier.Parameters, Classifier.Batch>({
    ...{ name: "classifier", recipe, traits: Classifier.traits, shown: ["accuracy"] },
    settings: {
      config: Classifier.ClassifierConfig.encode(config) as Json,
      recipe: Classifier.Recipe.encode(recipe) as Json,
    },
    faults: [...Classifier.configFaults(config), ...Classifier.recipeFaults(recipe)],
    parameters: Classifier.specs(config),
    batch: Classifier.batchSpecs(config, recipe),
    initialise: (key) => Classifier.initialise(config, key),
    step: (spread) => Classifier.step(config, recipe, spread),
    counted: { unit: "frames", each: recipe.batch },
  })

// ---- what it says -------------------------------------------------------------------

/** What a classifier says of a frame. */
export interface Verdict {
  /** The class that has the most for it. */
  readonly label: number
  /** How likely it takes each class to be; they sum up to 1. */
  readonly shares: ReadonlyArray<number>
}

/** Says of frames what they show. Faults: frames of another size. */
export type Says = (
  frames: ReadonlyArray<Frame>,
) => Effect.Effect<ReadonlyArray<Verdict>, DeviceFault | VisionFault>

const sizeFault = ({ width, height }: Frame, resolution: number): VisionFault =>
  visionFault(
    "settings",
    "frames",
    `the classifier looks at ${resolution} x ${resolution} pixels, a frame has ${width} x ${height}; cut out what it is to judge`,
  )

/** Frames that are judged at once. */
const together = 64

const verdictOf = (logits: ArrayLike<number>): Verdict => {
  const all = Array.from(logits)
  const top = Math.max(...all)
  const parts = all.map((x) => Math.exp(x - top))
  const whole = parts.reduce((a, b) => a + b, 0)
  return { label: all.indexOf(top), shares: parts.map((x) => x / whole) }
}

/** What learned parameters say, for the life of the scope. Faults: parameters of another classifier, no memory. */
export const classifierOf = (
  config: Classifier.ClassifierConfig,
  parameters: FileRef,
): Effect.Effect<Says, DeviceFault | StoreFault | FileFault, Device | Store | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const like = Classifier.specs(config)
    const tensors = yield* getTensors(parameters)
    const read: Hosts<Classifier.Parameters> = yield* orFirst(
      treeOf<Classifier.Parameters>(like, ownTensors(like, tensors), true),
    )
    const { frames } = Classifier.batchSpecs(config, { batch: together })
    const compiled = compile(
      ({ p, frames }: { readonly p: Classifier.Parameters; readonly frames: Classifier.Frames }) => ({
        logits: Classifier.logits(config)(p, frames),
      }),
      { p: like, frames } as never,
      { maxBindings: device.info.maxBindings },
    )
    if (E.isLeft(compiled)) return yield* Effect.fail(deviceFault("compile", compiled.left.map(sentence).join("\n")))
    const run = yield* device.load(compiled.right)
    const p = yield* device.place(read)
    const { resolution } = config
    const some = (part: ReadonlyArray<Frame>) =>
      Effect.gen(function* () {
        const filled = [...part, ...Array.from({ length: together - part.length }, () => part[0]!)]
        const given = yield* orFail(tensorOf(filled))
        const out = yield* device.fetch(yield* run({ p, frames: given } as never))
        const { data } = (out as unknown as { readonly logits: AnyHost }).logits
        return part.map((_, i) => verdictOf(data.subarray(i * config.classes, (i + 1) * config.classes)))
      })
    return (all) =>
      Effect.gen(function* () {
        const odd = all.find(({ width, height }) => width !== resolution || height !== resolution)
        if (odd !== undefined) return yield* Effect.fail(sizeFault(odd, resolution))
        const said: Array<Verdict> = []
        for (let i = 0; i < all.length; i += together) said.push(...yield* some(all.slice(i, i + together)))
        return said
      })
  })

// ---- how good it is --------------------------------------------------------------

/** How often a classifier is right on frames that it has not seen. */
export interface Accuracy {
  readonly accuracy: number
  readonly right: number
  readonly of: number
  /** The part of each class's frames that it recognises. */
  readonly byClass: ReadonlyArray<number>
}

/** The codec of accuracies. */
export const Accuracy: t.Type<Accuracy, unknown> = t.strict({
  accuracy: finite,
  right: natural,
  of: natural,
  byClass: t.readonlyArray(finite),
})

/** How often what is said is the label. */
export const accuracyOf = (labels: ReadonlyArray<number>, said: ReadonlyArray<Verdict>, classes: number): Accuracy => {
  const hits = labels.map((label, i) => Number(said[i]!.label === label))
  const right = hits.reduce((a, b) => a + b, 0)
  const byClass = Array.from({ length: classes }, (_, c) => {
    const own = hits.filter((_, i) => labels[i] === c)
    return own.length === 0 ? 0 : own.reduce((a, b) => a + b, 0) / own.length
  })
  return { accuracy: labels.length === 0 ? 0 : right / labels.length, right, of: labels.length, byClass }
}
