/**
 * The desk model's second half: the text model gets a second vocabulary and learns pairs of scenes and captions, videos, and
 * questions about either, in rows that grow from stage to stage, as LWM's table 13 does from 1K on.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as t from "io-ts"
import { type FileFault, fileFault, natural } from "../../../../core/files/codec.ts"
import type { Schedule } from "../../../../ops/schedule.ts"
import type { VqganConfig } from "../../../../models/vqgan/mod.ts"
import { tokensOf } from "../../../../models/vqgan/mod.ts"
import { type Recipe, WorldConfig } from "../../../../models/world/mod.ts"
import type { Tokenizer } from "../../../../models/tokenizers/tokenizer.ts"
import type { Batches } from "../../../data/example.ts"
import type { DataFault } from "../../../data/fault.ts"
import { batches } from "../../../data/loader.ts"
import type { VisionPacking } from "../../../data/vision-packing.ts"
import { visionMasked, visionStream } from "../../../data/vision-packing.ts"
import type { VisionRows } from "../../../data/vision-example.ts"
import { getTensors, putTensors } from "../../../objects.ts"
import { type Json, stage } from "../../../stage/stage.ts"
import type { Store, StoreFault } from "../../../store.ts"
import { readParameters, tensorsOf } from "../../../train/parameters.ts"
import { learningStage } from "../../../train/stage.ts"
import { Trained } from "../../../train/training.ts"
import { scans } from "../../../vision/digits.ts"
import { worldLearner } from "../../../vision/learners.ts"
import { groundOf, tokenizerOf, type Tokens, type Vocabulary } from "../book.ts"
import { version as curriculumVersion } from "../curriculum.ts"
import type { Common, Learned } from "../training.ts"
import { seeing } from "./begin.ts"
import { type Codes, codesIn, type Coding, type Filming } from "./codes.ts"
import { type Gallery, mixedExamples, type Mixing, version } from "./examples.ts"
import type { Eyes } from "./eyes.ts"

// ---- types -------------------------------------------------------------------

/** One stage of learning to see and to show. */
export interface Sight {
  readonly name: string
  readonly about: string
  /** Tokens of a row. */
  readonly time: number
  readonly rows: number
  readonly steps: number
  readonly rate: Schedule
  readonly mixing: Mixing
  /** Examples share rows and see only themselves, or are one stream that is cut anywhere. */
  readonly packing: "masked" | "naive"
  /** How much each vocabulary's loss counts. */
  readonly shares: NonNullable<Recipe["shares"]>
  /** Each example counts as if it stood alone; else every token counts alike. */
  readonly weighted: boolean
}

/** What all stages stand on. */
export interface Studio extends Common {
  readonly eyes: Eyes
  readonly codes: Coding
  readonly vqgan: VqganConfig
  readonly filming: Filming
  readonly world: WorldConfig
}

// ---- rows --------------------------------------------------------------------

/** A tokenizer that encodes each text once: scenes are said in a few thousand ways, and examples are made beside the steps. */
const remembering = (tokenizer: Tokenizer): Tokenizer => {
  const known = new Map<string, Int32Array>()
  const encode = (text: string): Int32Array => {
    const found = known.get(text) ?? tokenizer.encode(text)
    if (!known.has(text) && known.size < most) known.set(text, found)
    return found
  }
  return { ...tokenizer, encode }
}

/** Texts that are remembered. */
const most = 2 ** 14

const galleryOf = (
  { filming, vqgan }: Pick<Studio, "filming" | "vqgan">,
  made: { readonly vocabulary: Vocabulary; readonly tokens: Tokens; readonly codes: Codes },
): Effect.Effect<Gallery, DataFault | StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    return {
      scans: yield* scans,
      filming,
      stills: yield* codesIn(made.codes.stills),
      videos: yield* codesIn(made.codes.videos),
      layout: { codes: vqgan.codes, frame: tokensOf(vqgan) },
      tokenizer: remembering(yield* tokenizerOf(made.vocabulary)),
      ground: yield* groundOf(made.vocabulary, made.tokens),
    }
  })

const packingOf = ({ packing }: Sight, pad: number): VisionPacking =>
  packing === "masked" ? visionMasked({ pad, long: "cut" }) : visionStream()

const rowsOf = (
  s: Pick<Studio, "filming" | "vqgan">,
  sight: Sight,
  made: { readonly vocabulary: Vocabulary; readonly tokens: Tokens; readonly codes: Codes },
): Batches<DataFault | StoreFault | FileFault, Store, VisionRows> => ({
  from: (position) =>
    Stream.unwrap(Effect.map(galleryOf(s, made), (gallery) => {
      const packing = packingOf(sight, gallery.tokenizer.pad ?? 0)
      const examples = mixedExamples(gallery, sight.mixing, sight.time)
      return batches(examples, packing, { batch: sight.rows, time: sight.time }).from(position)
    })),
})

// ---- stages ------------------------------------------------------------------

/** The text model with a second vocabulary, which begins with the codebook. */
export const opening = ({ eyes, world, model, vqgan }: Studio, text: Learned): Learned =>
  stage({
    name: "eyes-open",
    version: "1",
    about: "the text model with an embedding and a head of the codes",
    codec: t.strict({ config: WorldConfig, seed: natural }),
    settings: { config: world, seed: 74 },
    seeds: [74],
    needs: { eyes, text },
    output: Trained,
    make: ({ eyes, text }, { config, seed }) =>
      Effect.gen(function* () {
        const words = yield* readParameters({ ...model, context: config.context, theta: config.theta }, text.parameters)
        const found = (yield* getTensors(eyes.parameters)).find(({ name }) => name === "codebook")
        if (found === undefined) {
          return yield* Effect.fail(fileFault("missing", "codebook", "what the eyes have learned has no codebook"))
        }
        const data = found.data as ArrayLike<number>
        const grown = seeing(config, words, { codes: vqgan.codes, embed: vqgan.embed, data }, seed)
        return { parameters: yield* putTensors(tensorsOf(grown)), steps: 0, tokens: 0, curve: [] }
      }),
  })

/** What all trainings of this half have in common: hidden matrices are turned by Muon, which learns in a fifth of the steps. */
const optimiser = { clip: 1, decay: 0.05, beta1: 0.9, beta2: 0.98, optimiser: "muon" } as const

/** The training of a stage, from the parameters of the one before it. */
export const sighted = (s: Studio, sight: Sight, before: Learned): Learned => {
  const { vocabulary, tokens, codes, world: config } = s
  const { peak, warmup } = sight.rate
  const recipe: Recipe = {
    ...optimiser,
    ...{ batch: sight.rows, time: sight.time, steps: sight.steps, warmup, peak, end: 0, rate: sight.rate },
    reduction: sight.weighted ? "given" : "tokens",
    shares: sight.shares,
  }
  return learningStage({
    name: sight.name,
    about: sight.about,
    learner: worldLearner({ config, recipe, packed: sight.packing === "masked" }),
    seed: sight.mixing.seed,
    needs: { vocabulary, tokens, codes, before },
    start: ({ before }) => before.parameters,
    data: {
      settings: {
        ...{ examples: version, curriculum: curriculumVersion, packing: sight.packing },
        mixing: { ...sight.mixing, shares: { ...sight.mixing.shares }, pairing: { ...sight.mixing.pairing } } as Json,
      },
      batches: ({ vocabulary, tokens, codes }) => rowsOf(s, sight, { vocabulary, tokens, codes }),
    },
  })
}
