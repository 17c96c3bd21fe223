/**
 * What a report tells of models that see and show: plain data with a codec, pictures in it. A pipeline without such stages
 * has none of it.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../../core/files/codec.ts"
import { BitsPerByte } from "../../evaluate/perplexity.ts"
import { Result } from "../../evaluate/result.ts"
import { Ablation, Answered, Judged, Reconstruction } from "../../evaluate/vision/mod.ts"
import { Point } from "../../train/training.ts"
import { type Found, found } from "../found.ts"
import { Picture } from "./picture.ts"

// ---- types -------------------------------------------------------------------

/** What a stage is there for. */
export type Purpose = "eyes" | "world" | "kept" | "shown" | "answered" | "ablation" | "other"

/** How a stage of this half stands. */
export interface Standing {
  readonly stage: string
  readonly purpose: Purpose
  readonly state: "made" | "failed" | "missing"
  /** Why it failed. */
  readonly why: string
}

/** A training of a model that is not a Llama. */
export interface LessonFacts {
  readonly stage: string
  readonly about: string
  /** What learned: "vqgan", "world". */
  readonly learner: string
  /** What is counted: "frames", "tokens". */
  readonly unit: string
  readonly steps: number
  /** Rows or frames of a step; null where the settings do not say. */
  readonly batch: number | null
  /** Tokens of a row; null of a learner that reads none. */
  readonly context: number | null
  /** Of the unit, all that was learned from. */
  readonly counted: number
  readonly curve: ReadonlyArray<Point>
  readonly seconds: number | null
  readonly cached: boolean
  /** Of the unit. */
  readonly perSecond: number | null
}

/** What eyes keep, and some of it to look at. */
export interface KeptFacts {
  readonly stage: string
  readonly result: Reconstruction
  /** By the names of the sets: frames, and what became of them. */
  readonly pictures: ReadonlyArray<{
    readonly set: string
    readonly pairs: ReadonlyArray<{ readonly before: Picture; readonly after: Picture }>
  }>
}

/** What a model shows, and some of it to look at. */
export interface ShownFacts {
  readonly stage: string
  readonly result: Judged
  /** By their numbers among all that were made. */
  readonly pictures: ReadonlyArray<{ readonly number: number; readonly picture: Picture }>
}

/** Something that a stage measured. */
export interface Of<A> {
  readonly stage: string
  readonly about: string
  readonly result: A
}

/** All of it. */
export interface VisionData {
  readonly stages: ReadonlyArray<Standing>
  readonly lessons: ReadonlyArray<LessonFacts>
  readonly kept: ReadonlyArray<KeptFacts>
  readonly shown: ReadonlyArray<ShownFacts>
  readonly answered: ReadonlyArray<Of<Answered>>
  readonly ablations: ReadonlyArray<Of<Ablation>>
  /** Bits per byte of text, after frames were learned. */
  readonly bits: ReadonlyArray<Found<BitsPerByte>>
  /** Needles and other tests over a grid, after frames were learned. */
  readonly tests: ReadonlyArray<Found<Result>>
}

// ---- codecs ------------------------------------------------------------------

const orNull: t.Type<number | null, unknown> = t.union([finite, t.null])

const Standing: t.Type<Standing, unknown> = t.strict({
  stage: t.string,
  purpose: t.keyof(
    { eyes: null, world: null, kept: null, shown: null, answered: null, ablation: null, other: null },
  ) as t.Type<Purpose, unknown>,
  state: t.keyof({ made: null, failed: null, missing: null }) as t.Type<Standing["state"], unknown>,
  why: t.string,
})

const LessonFacts: t.Type<LessonFacts, unknown> = t.strict({
  ...{ stage: t.string, about: t.string, learner: t.string, unit: t.string, steps: natural },
  ...{ batch: orNull, context: orNull, counted: natural, curve: t.readonlyArray(Point) },
  ...{ seconds: orNull, cached: t.boolean, perSecond: orNull },
})

const of = <A>(result: t.Type<A, unknown>): t.Type<Of<A>, unknown> =>
  t.strict({ stage: t.string, about: t.string, result })

/** The codec of it. */
export const VisionData: t.Type<VisionData, unknown> = t.strict({
  stages: t.readonlyArray(Standing),
  lessons: t.readonlyArray(LessonFacts),
  kept: t.readonlyArray(t.strict({
    stage: t.string,
    result: Reconstruction,
    pictures: t.readonlyArray(
      t.strict({ set: t.string, pairs: t.readonlyArray(t.strict({ before: Picture, after: Picture })) }),
    ),
  })),
  shown: t.readonlyArray(t.strict({
    stage: t.string,
    result: Judged,
    pictures: t.readonlyArray(t.strict({ number: natural, picture: Picture })),
  })),
  answered: t.readonlyArray(of(Answered)),
  ablations: t.readonlyArray(of(Ablation)),
  bits: t.readonlyArray(found(BitsPerByte)),
  tests: t.readonlyArray(found(Result)),
})
