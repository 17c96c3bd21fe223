/**
 * What the vision half is asked, all of it about scans and pictures that no training sees: what eyes keep of frames, whether
 * pictures show what was wished for, questions about scenes, what packing and weights are worth, and whether the text is
 * still known.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Device } from "../../../../core/device/device.ts"
import type { BitsPerByte } from "../../../evaluate/perplexity.ts"
import { bitsStage } from "../../../evaluate/stage.ts"
import {
  type Ablation,
  ablationStage,
  type Answered,
  answeredStage,
  type Asking,
  type Drawn,
  type Judged,
  judgedStage,
  type Painter,
  photographed,
  type Questions,
  type Reconstruction,
  reconstructionStage,
  type Says,
  scenes,
  type Seer as Looker,
  type SightFault,
} from "../../../evaluate/vision/mod.ts"
import { greedy } from "../../../language/sampling.ts"
import type { Json, Stage } from "../../../stage/stage.ts"
import type { Store } from "../../../store.ts"
import type { Trained } from "../../../train/training.ts"
import * as Classifier from "../../../../models/classifier/mod.ts"
import { answerEnds } from "../../../vision/ask.ts"
import { type Accuracy, classifierOf } from "../../../vision/classifier.ts"
import { type Coder, coder } from "../../../vision/codes.ts"
import { accuracyStage, judgeStage, judging } from "../../../vision/judge.ts"
import { layoutOf, vqganOf, type WorldFiles, worldOf } from "../../../vision/model.ts"
import { type WorldLanguage, worldLanguage } from "../../../vision/world-language.ts"
import { textOf } from "../book.ts"
import type { Around, Common, DeskFault, Learned } from "../training.ts"
import type { Filming } from "./codes.ts"
import { variants } from "./ablations.ts"
import { type Seer, seer } from "./speakers.ts"
import type { Studio } from "./worlds.ts"

// ---- numbers -----------------------------------------------------------------

/** How much is asked. */
export interface Looking {
  /** Held-out stills and videos whose frames are looked at again, and frames of each kind that the page shows. */
  readonly kept: { readonly stills: number; readonly videos: number; readonly samples: number }
  readonly asking: Pick<Asking, "each" | "pairs" | "videos">
  readonly drawn: Drawn
  /** Held-out scenes that questions are about. */
  readonly questions: { readonly stills: number; readonly videos: number }
  /** Steps of the judge's training. */
  readonly judge: number
  /** Rows of the held-out book. */
  readonly bits: number
}

/** The numbers of `world`. */
export const looking: Looking = {
  kept: { stills: 200, videos: 50, samples: 16 },
  asking: { each: 10, pairs: 20, videos: 40 },
  drawn: { guidance: 4, temperature: 0.9, seed: 90 },
  questions: { stills: 300, videos: 150 },
  judge: judging.steps,
  bits: 64,
}

// ---- models ------------------------------------------------------------------

/** A world model that is ready, with its eyes. */
interface Ready {
  readonly language: WorldLanguage
  readonly eyes: Coder
}

const opened = (name: string, files: WorldFiles): Effect.Effect<Ready, SightFault, Device | Store | Scope.Scope> =>
  Effect.gen(function* () {
    const model = yield* worldOf(name, files)
    const language = yield* worldLanguage({ ...model, layout: layoutOf(model.vqgan.config) })
    return { language, eyes: yield* coder(model.vqgan) }
  })

/** Frames of some clips, by the clip. */
const clipped = <A>(all: ReadonlyArray<A>, lengths: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<A>> => {
  let at = 0
  return lengths.map((length) => all.slice(at, at += length))
}

const painterOf = ({ language, eyes }: Ready): Painter => ({
  name: language.name,
  digest: language.digest,
  show: (asked, drawn) =>
    Effect.gen(function* () {
      const [frames = 1] = asked.map((one) => one.frames)
      const codes = yield* language.generate(asked.map(({ caption }) => ({ text: caption })), { ...drawn, frames })
      const lengths = codes.map(({ length }) => length)
      return clipped(yield* eyes.decode(codes.flat()), lengths)
    }),
  again: (frames) => Effect.flatMap(eyes.encode(frames), (codes) => eyes.decode(codes)),
})

/** Tokens of an answer at most. */
const limit = 8

const lookerOf = ({ language, eyes }: Ready): Looker => ({
  name: language.name,
  digest: language.digest,
  answer: (asked) =>
    Effect.gen(function* () {
      const codes = clipped(
        yield* eyes.encode(asked.flatMap(({ frames }) => frames)),
        asked.map(({ frames }) => frames.length),
      )
      const questions = asked.map(({ question }, i) => ({ frames: codes[i]!, text: question }))
      const said = yield* language.answer(questions, { sampling: greedy, limit, ...answerEnds(language.tokenizer) })
      return said.map((tokens) => language.tokenizer.decode(tokens))
    }),
})

// ---- stages ------------------------------------------------------------------

type Asked<A> = Stage<A, DeskFault, Around>

/** All that is measured of the vision half, in order. */
export interface Measured {
  readonly judge: Asked<Trained>
  readonly trust: Asked<Accuracy>
  readonly kept: Asked<Reconstruction>
  readonly shown: Asked<Judged>
  readonly answered: Asked<Answered>
  readonly ablated: ReadonlyArray<Asked<Answered>>
  readonly ablation: Asked<Ablation>
  readonly bits: Asked<BitsPerByte>
}

const questionsOf = ({ heldStills, heldVideos }: Filming, q: Looking["questions"]): Questions => ({
  stills: { drawing: heldStills.drawing, count: q.stills },
  videos: { drawing: heldVideos.drawing, count: q.videos },
  batch: 64,
})

/** Tests of the last model, and of the variants of the ablation. */
export const measured = (
  studio: Studio,
  { book }: Pick<Common, "book">,
  last: Seer,
  ablations: ReadonlyArray<Learned>,
  l: Looking,
  /** Tokens of a row of text. */
  context: number,
): Measured => {
  const { filming, eyes, vqgan } = studio
  const as: Json = { sees: 1 }
  const asks = (name: string, model: Seer): Asked<Answered> =>
    answeredStage({
      name,
      about: `questions about held-out stills and videos, answered by ${model.name}`,
      subject: { model, open: (files) => Effect.map(opened(model.name, files), lookerOf), as },
      questions: questionsOf(filming, l.questions),
    })
  const judge = judgeStage({
    name: "judge",
    seed: 91,
    recipe: { ...judging, steps: l.judge, warmup: Math.min(judging.warmup, Math.ceil(l.judge / 4)) },
  })
  const trust = accuracyStage({ name: "judge-accuracy", judge })
  const ablated = ablations.map((learned, i) => {
    const { name, about } = variants[i]!
    return asks(`answers-${name}`, seer(studio, `sees-${name}`, about, learned))
  })
  const [reference, ...others] = ablated as [Asked<Answered>, ...ReadonlyArray<Asked<Answered>>]
  return {
    judge,
    trust,
    kept: reconstructionStage({
      name: "reconstructions",
      about: "what the eyes keep of held-out frames",
      subject: {
        model: eyes,
        open: ({ parameters }) =>
          Effect.map(
            Effect.flatMap(vqganOf({ config: vqgan, parameters }), (model) => coder(model)),
            ({ encode, decode }) => ({ digest: parameters.digest, codes: vqgan.codes, encode, decode }),
          ),
        as,
      },
      sets: [
        scenes("stills of digits", filming.heldStills.drawing, l.kept.stills),
        scenes("moving digits", filming.heldVideos.drawing, l.kept.videos),
        ...photographed(vqgan.resolution),
      ],
      samples: l.kept.samples,
    }),
    shown: judgedStage({
      name: "pictures",
      about: "stills and videos that were wished for, under a judge",
      subject: { model: last, open: (files) => Effect.map(opened(last.name, files), painterOf), as },
      judge: {
        model: judge,
        trust,
        open: ({ parameters }: Trained): Effect.Effect<Says, SightFault, Device | Store | Scope.Scope> =>
          classifierOf(Classifier.digits, parameters),
        as,
      },
      showing: {
        asking: {
          ...l.asking,
          seed: 92,
          still: filming.heldStills.drawing,
          video: { ...filming.heldVideos.drawing, most: 1 },
        },
        drawn: l.drawn,
        batch: 1000,
      },
    }),
    answered: asks("answers-pictures", last),
    ablated,
    ablation: ablationStage({
      name: "ablation",
      about: "what masked packing and weights are worth",
      reference,
      variants: Object.fromEntries(others.map((one, i) => [variants[i + 1]!.name, one])),
    }),
    bits: bitsStage({
      name: "bits-vision",
      about: `bits per byte of the held-out book at the base's context, by ${last.name}`,
      subject: {
        model: last,
        open: (files: WorldFiles) => Effect.map(opened(last.name, files), ({ language }) => language.text),
        as,
      },
      text: { from: book, read: (b: { readonly heldOut: Parameters<typeof textOf>[0] }) => textOf(b.heldOut) },
      foretelling: { context, rows: l.bits, batch: 16_384, bins: 2, characters: 2 ** 20 },
    }),
  }
}
