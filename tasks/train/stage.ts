/**
 * A training as a stage: what recipes are made of. Its key is the digest of the settings, the graph of a step and the
 * digests of what it needs. `trainingStage` is for Llamas, `learningStage` for whatever is a `Learner`.
 *
 * ```ts
 * import * as t from "io-ts"
 * import * as Effect from "effect/Effect"
 * import type { Batches, Rows } from "../data/example.ts"
 * import { FileRef } from "../objects.ts"
 * import { stage } from "../stage/stage.ts"
 * import { presets } from "../../models/llama/presets.ts"
 * import { trainingStage } from "./stage.ts"
 *
 * declare const rowsOf: (corpus: FileRef) => Batches
 * declare const corpus: FileRef
 * const book = stage({
 *   ...{ name: "book", version: "1", codec: t.null, settings: null, needs: {}, output: FileRef },
 *   make: () => Effect.succeed(corpus),
 * })
 * const recipe = { batch: 8, time: 256, steps: 3000, warmup: 200, peak: 2e-3, end: 4e-5 }
 * const base = trainingStage({
 *   name: "base",
 *   config: presets.debug,
 *   recipe: { ...recipe, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.99 },
 *   seed: 1,
 *   needs: { book },
 *   data: { settings: { packing: "stream" }, batches: ({ book }) => rowsOf(book) },
 * })
 * const longer = trainingStage({
 *   name: "longer",
 *   config: { ...presets.debug, theta: 1e6 },
 *   recipe: { ...recipe, time: 512, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.99 },
 *   seed: 1,
 *   needs: { book, base },
 *   start: ({ base }) => base.parameters,
 *   data: { settings: { packing: "stream" }, batches: ({ book }) => rowsOf(book) },
 * })
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import type { Device } from "../../core/device/device.ts"
import { type Config, parameterCount } from "../../models/llama/config.ts"
import { plain, type Plan } from "../../models/llama/plan.ts"
import type { Recipe } from "../../models/llama/train.ts"
import type { Batches, Rows } from "../data/example.ts"
import type { Events } from "../events.ts"
import { lazily } from "../known.ts"
import { grouped, short } from "../numbers.ts"
import type { FileRef } from "../objects.ts"
import type { Expectation, FaultsOf, Json, Needs, Outputs, ServicesOf } from "../stage/stage.ts"
import { type Stage, stage } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import { Declared, Lesson } from "./declared.ts"
import { digestOf, expected, type Learner, notesOf } from "./learner.ts"
import { learn, train, type TrainingFault } from "./loop.ts"
import type { Given } from "./rows.ts"
import { expectation, stepDigest } from "./step.ts"
import { Trained } from "./training.ts"
import type { Watch } from "./watch.ts"

// ---- types -----------------------------------------------------------------

/** Where rows come from; tokens if not said otherwise. */
export interface Data<X, R, N extends Needs, B = Rows> {
  /** All that the rows depend on beside what is needed: packing, mixture, seeds. It is a part of the key. */
  readonly settings: Json
  readonly batches: (outputs: Outputs<N>) => Batches<X, R, B>
}

/** What every training is declared with. */
interface Common<X, R, N extends Needs, B> {
  readonly name: string
  /** "1" if not given. */
  readonly version?: string
  readonly about?: string
  readonly seed: number
  readonly needs: N
  readonly data: Data<X, R, N, B>
  /** Parameters to begin with; drawn from the seed if not given. */
  readonly start?: (outputs: Outputs<N>) => FileRef
  /** Steps between two saved states; a tenth of all, 250 at most, if not given. Not a part of the key. */
  readonly save?: number
  /** What is a spike, and when it has diverged. Not a part of the key. */
  readonly watch?: Watch
  /** For `deno task plan`, after the model's size. */
  readonly notes?: ReadonlyArray<string>
}

/** A training of any model, declared. */
export interface LearningDeclaration<X, R, N extends Needs, B = Given> extends Common<X, R, N, B> {
  readonly learner: Learner<B>
}

/** A training of a Llama, declared. */
export interface TrainingDeclaration<X, R, N extends Needs> extends Common<X, R, N, Rows> {
  readonly config: Config
  readonly recipe: Recipe
  /** `plain` if not given. */
  readonly plan?: Plan
  /** Do rows have segments and positions? */
  readonly packed?: boolean
}

// ---- the stages ------------------------------------------------------------------

/** Steps between two saved states. */
const saving = (steps: number): number => Math.min(250, Math.max(1, Math.ceil(steps / 10)))

/** Declares a training of a Llama as a stage; nothing runs. */
export const trainingStage = <X, R, const N extends Needs>(
  d: TrainingDeclaration<X, R, N>,
): Stage<Trained, TrainingFault | X | FaultsOf<N>, Device | Store | Events | R | ServicesOf<N>> => {
  const { config, recipe, plan = plain, packed = false, seed } = d
  const stepping = { config, recipe, plan, packed }
  const save = d.save ?? saving(recipe.steps)
  const notes = [`${grouped(parameterCount(config))} parameters`, `theta ${short(config.theta)}`, ...(d.notes ?? [])]
  return stage({
    name: d.name,
    version: d.version ?? "1",
    ...(d.about === undefined ? {} : { about: d.about }),
    codec: Declared,
    settings: { ...stepping, seed, data: d.data.settings },
    seeds: [seed],
    graphs: lazily(() => E.map((x: string) => [x])(stepDigest(stepping))),
    needs: d.needs,
    output: Trained,
    expects: lazily(() => E.map((x: Expectation): Expectation => ({ ...x, notes }))(expectation(stepping))),
    make: (outputs, _, journal) =>
      train(
        {
          ...{ ...stepping, stage: d.name, seed, save },
          start: d.start?.(outputs),
          batches: d.data.batches(outputs),
        },
        journal,
        d.watch,
      ),
  })
}

/** Declares a training of any model as a stage; nothing runs. */
export const learningStage = <X, R, const N extends Needs, B = Given>(
  d: LearningDeclaration<X, R, N, B>,
): Stage<Trained, TrainingFault | X | FaultsOf<N>, Device | Store | Events | R | ServicesOf<N>> => {
  const { learner, seed } = d
  const save = d.save ?? saving(learner.steps)
  const notes = [...notesOf(learner), ...(d.notes ?? [])]
  return stage({
    name: d.name,
    version: d.version ?? "1",
    ...(d.about === undefined ? {} : { about: d.about }),
    codec: Lesson,
    settings: { learner: learner.name, model: learner.settings, seed, data: d.data.settings },
    seeds: [seed],
    graphs: lazily(() => E.map((x: string) => [x])(digestOf(learner))),
    needs: d.needs,
    output: Trained,
    expects: lazily(() => E.map((x: Expectation): Expectation => ({ ...x, notes }))(expected(learner))),
    make: (outputs, _, journal) =>
      learn(
        { stage: d.name, learner, seed, save, start: d.start?.(outputs), batches: d.data.batches(outputs) },
        journal,
        d.watch,
      ),
  })
}
