/**
 * Models that see as learners: what the loop of a training must know of a VQGAN and of a world model.
 *
 * ```ts
 * import { presets, type Recipe } from "../../models/vqgan/mod.ts"
 * import type { Batches } from "../data/example.ts"
 * import type { Given } from "../train/rows.ts"
 * import { learningStage } from "../train/stage.ts"
 *
 * declare const recipe: Recipe
 * declare const framesFrom: (seed: number) => Batches<never, never, Given>
 * const eyes = learningStage({
 *   name: "eyes",
 *   learner: vqganLearner({ config: presets.tiny32, recipe }),
 *   seed: 1,
 *   needs: {},
 *   data: { settings: { digits: 1 }, batches: () => framesFrom(1) },
 * })
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { fileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import { ranksOf, type Spread } from "../../core/mesh/shape.ts"
import { hostFold, type HostKey } from "../../core/random/host.ts"
import type { Hosts } from "../../models/learn/tree.ts"
import { asked } from "../../models/llama/examples.ts"
import type { Parameters as TextParameters } from "../../models/llama/parameters.ts"
import { plain, type Plan } from "../../models/llama/plan.ts"
import * as Vqgan from "../../models/vqgan/mod.ts"
import * as World from "../../models/world/mod.ts"
import { short } from "../numbers.ts"
import type { Json } from "../stage/stage.ts"
import type { VisionRows } from "../data/vision-example.ts"
import { type Learner, type LearnerOf, learnerOf } from "../train/learner.ts"
import { adviceOf, rowsFor } from "../train/llama.ts"
import { ownTensors, parametersIn, type Read, treeOf } from "../train/parameters.ts"
import { PlanCodec } from "../train/settings.ts"

// ---- VQGAN -------------------------------------------------------------------

/** A VQGAN and how it is trained. */
export interface VqganLesson {
  readonly config: Vqgan.VqganConfig
  readonly recipe: Vqgan.Recipe
  /** The network of the perceptual loss, where the recipe weighs it: its parameters are constants of the step. */
  readonly sight?: NamedSight
}

/** A network to see through, and a name for keys: another network, or other parameters, have another name. */
export interface NamedSight {
  readonly name: string
  readonly see: Vqgan.Sight<undefined>
}

/** What a recipe weighs must be there. */
const blind = ({ recipe: { perceptual = 0 }, sight }: VqganLesson): ReadonlyArray<ReturnType<typeof fileFault>> =>
  perceptual === 0 || sight !== undefined ? [] : [
    fileFault(
      "value",
      "recipe.perceptual",
      `recipe.perceptual is ${perceptual}, but there is no network to see through; give the lesson a sight, or leave it out`,
    ),
  ]

/** Its step renews codes and discriminator once a batch, on one rank. */
const onRanks = (spread: Spread): ReturnType<typeof fileFault> =>
  fileFault("value", "mesh", `a VQGAN learns on one rank, not on ${ranksOf(spread.shape)}; leave --mesh out`)

const vqganOn = (lesson: VqganLesson, spread?: Spread): Learner => {
  const { config, recipe, sight } = lesson
  const faults = [
    ...blind(lesson),
    ...Vqgan.configFaults(config),
    ...Vqgan.recipeFaults(recipe),
    ...Vqgan.fitFaults(config, recipe),
    ...(spread === undefined || ranksOf(spread.shape) === 1 ? [] : [onRanks(spread)]),
  ]
  const own: LearnerOf<Vqgan.Parameters, Vqgan.Batch, Vqgan.State> = {
    ...{ name: "vqgan", recipe, traits: Vqgan.traits, faults },
    settings: {
      config: Vqgan.VqganConfig.encode(config) as Json,
      recipe: Vqgan.Recipe.encode(recipe) as Json,
      ...(sight === undefined ? {} : { sight: sight.name }),
    },
    parameters: Vqgan.specs(config),
    state: Vqgan.stateSpecs(config, recipe),
    batch: Vqgan.batchSpecs(config, recipe),
    initialise: (key) => Vqgan.initialise(config, hostFold(key, 0)),
    begin: (parameters, key) => Vqgan.beginFrom(config, parameters, recipe, key),
    step: () => Vqgan.step(config, recipe, sight?.see),
    counted: { unit: "frames", each: recipe.batch },
    shown: ["psnr", "usage"],
    notes: [`${Vqgan.tokensOf(config)} codes of ${config.codes} a frame`],
    advice: [`take fewer frames in a step (recipe.batch, now ${recipe.batch})`],
    ...(spread === undefined ? {} : { spread }),
  }
  return { ...learnerOf(own), on: (other) => vqganOn(lesson, other) }
}

/**
 * A VQGAN that learns frames: batches are `{ frames }`, from -1 to 1. Progress shows its PSNR in dB and which part of the
 * codes a batch used.
 */
export const vqganLearner = (lesson: VqganLesson): Learner => vqganOn(lesson)

// ---- the world model -----------------------------------------------------------

/** A world model, how it is trained and computed. */
export interface WorldLesson {
  readonly config: World.WorldConfig
  readonly recipe: World.Recipe
  /** `plain` if not given. */
  readonly plan?: Plan
  /** Do rows have segments and positions? */
  readonly packed?: boolean
}

const has = (tensors: ReadonlyArray<Stored>, name: string): boolean => tensors.some((x) => x.name === name)

/**
 * Parameters of a world model out of a file's tensors: its own, those of a saved state, or Hugging Face's. A text model's
 * grow: what they lack for the second vocabulary is drawn from the key.
 */
export const worldParametersIn =
  (c: World.WorldConfig) => (tensors: ReadonlyArray<Stored>, key: HostKey): Read<Hosts<World.Parameters>> => {
    const like = World.specs(c)
    const own = ownTensors(like, tensors)
    if (has(own, "visionEmbedding")) return treeOf<World.Parameters>(like, own, true)
    return has(tensors, "model.embed_vision.weight")
      ? World.fromHuggingFace(c, tensors)
      : E.map((text: Hosts<TextParameters>) => World.grow(c, text, key))(
        parametersIn(c, tensors),
      )
  }

/**
 * A world model that learns text and frames as tokens: rows are those of `tasks/data`'s packings of pictures. Progress
 * shows the loss of each modality.
 */
export const worldLearner = (lesson: WorldLesson): Learner<VisionRows> => {
  const { config, recipe, plan = plain, packed = false } = lesson
  const { batch, time } = recipe
  const specs = World.examples(recipe, asked(plan, { weights: true, packed }))
  const far = time <= config.context ? [] : [fileFault(
    "size",
    "recipe.time",
    `rows have ${time} tokens, the model's context is ${config.context}; raise config.context, and theta with it`,
  )]
  const own = learnerOf<World.Parameters, World.Examples, World.State>({
    ...{ name: "world", recipe, traits: World.traits },
    settings: {
      config: World.WorldConfig.encode(config) as Json,
      recipe: World.Recipe.encode(recipe) as Json,
      plan: PlanCodec.encode(plan) as Json,
      packed,
    },
    faults: [...World.configFaults(config), ...World.recipeFaults(recipe), ...far],
    parameters: World.specs(config),
    batch: specs as never,
    initialise: (key) => World.initialise(config, key),
    read: worldParametersIn(config),
    step: (spread) => World.step(config, recipe, { ...plan, spread }),
    counted: { unit: "tokens", each: batch * time },
    context: time,
    shown: ["visionLoss", "textLoss"],
    notes: [`theta ${short(config.theta)}`, `${config.codes} codes`],
    advice: adviceOf({ config, recipe, plan, packed }),
    spread: plan.spread,
  })
  return {
    ...own,
    on: (spread) => worldLearner({ ...lesson, plan: { ...plan, spread } }),
    given: rowsFor(specs as never, recipe, packed),
  }
}
