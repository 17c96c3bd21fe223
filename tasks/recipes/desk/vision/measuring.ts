/**
 * What the vision half is asked, all of it about scans and pictures that no training sees: what eyes keep of frames, whether
 * pictures show what was wished for, questions about scenes, what packing and weights are worth, and whether the text is
 * still known.
 * @module
 */
import type { BitsPerByte } from "../../../evaluate/perplexity.ts"
import { bitsStage } from "../../../evaluate/stage.ts"
import {
  type Ablation,
  ablationStage,
  type Answered,
  answeredStage,
  type Asking,
  type Drawn,
  eyesOf,
  type Judged,
  judgedStage,
  judgeOf,
  painterOf,
  type Questions,
  type Reconstruction,
  reconstructionStage,
  scenes,
  seerOf,
  textOf as wordsOf,
} from "../../../evaluate/vision/mod.ts"
import type { Stage } from "../../../stage/stage.ts"
import type { Trained } from "../../../train/training.ts"
import type { Accuracy } from "../../../vision/classifier.ts"
import { accuracyStage, judgeStage, judging } from "../../../vision/judge.ts"
import { textOf } from "../book.ts"
import type { Around, Common, DeskFault, Learned } from "../training.ts"
import { variants } from "./ablations.ts"
import type { Filming } from "./codes.ts"
import { heldOutPhotographs } from "./photographs.ts"
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
  drawn: { guidance: 3, temperature: 0.4, seed: 97 },
  questions: { stills: 600, videos: 150 },
  judge: judging.steps,
  bits: 64,
}

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
  const asks = (name: string, model: Seer): Asked<Answered> =>
    answeredStage({
      name,
      about: `questions about held-out stills and videos, answered by ${model.name}`,
      subject: seerOf(model),
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
      subject: eyesOf(eyes, vqgan),
      sets: [
        scenes("stills of digits", filming.heldStills.drawing, l.kept.stills),
        scenes("moving digits", filming.heldVideos.drawing, l.kept.videos),
        ...heldOutPhotographs,
      ],
      samples: l.kept.samples,
    }),
    shown: judgedStage({
      name: "pictures",
      about: "stills and videos that were wished for, under a judge",
      subject: painterOf(last),
      judge: judgeOf(judge, trust),
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
      subject: wordsOf(last),
      text: { from: book, read: (b: { readonly heldOut: Parameters<typeof textOf>[0] }) => textOf(b.heldOut) },
      foretelling: { context, rows: l.bits, batch: 16_384, bins: 2, characters: 2 ** 20 },
    }),
  }
}
