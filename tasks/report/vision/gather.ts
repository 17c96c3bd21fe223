/**
 * What a report tells of models that see, out of the store and the log: stages are known by their outputs' codecs and by what
 * learned in them.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type FileFault, natural } from "../../../core/files/codec.ts"
import { BitsPerByte } from "../../evaluate/perplexity.ts"
import { Result } from "../../evaluate/result.ts"
import {
  Ablation,
  Answered,
  type Film,
  framesIn,
  Judged,
  type Made,
  Reconstruction,
} from "../../evaluate/vision/mod.ts"
import type { Event } from "../../events.ts"
import type { AnyStage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { lessonOf } from "../../train/declared.ts"
import { Trained } from "../../train/training.ts"
import type { Frame } from "../../vision/frame.ts"
import { behind, findings, type Stood } from "../facts.ts"
import type { Lane } from "../found.ts"
import type { Outline } from "../outline.ts"
import type { KeptFacts, LessonFacts, Of, Purpose, ShownFacts, Standing, VisionData } from "./data.ts"
import { pictureOf } from "./picture.ts"

// ---- what is of this half --------------------------------------------------------

const learners: { readonly [name: string]: Purpose } = { vqgan: "eyes", world: "world" }

const outputs: ReadonlyArray<readonly [codec: unknown, Purpose]> = [
  [Reconstruction, "kept"],
  [Judged, "shown"],
  [Answered, "answered"],
  [Ablation, "ablation"],
]

const learns = (s: AnyStage): boolean => learners[lessonOf(s)?.learner ?? ""] !== undefined

/** Is it a model that sees, or made of one? */
export const sees = (s: AnyStage): boolean =>
  outputs.some(([codec]) => s.output === codec) || behind(s).some((one) => learns(one))

const purposeOf = (s: AnyStage): Purpose =>
  outputs.find(([codec]) => s.output === codec)?.[1] ?? learners[lessonOf(s)?.learner ?? ""] ??
    (s.output === Trained ? "world" : "other")

/** Why the last attempt under this key failed; undefined where it did not, or there was none. */
const whyFailed = (log: ReadonlyArray<Event>, { stage, key }: Stood): string | undefined => {
  const last = log.findLast((e) =>
    e.stage === stage.name && (e._tag === "StageStarted" || e._tag === "StageFinished" || e._tag === "StageFailed") &&
    e.key === key
  )
  return last?._tag === "StageFailed" ? last.why : undefined
}

const standing = (log: ReadonlyArray<Event>, s: Stood): Standing => {
  const why = s.value === undefined ? whyFailed(log, s) : undefined
  const state = s.value !== undefined ? "made" : why === undefined ? "missing" : "failed"
  return { stage: s.stage.name, purpose: purposeOf(s.stage), state, why: why ?? "" }
}

// ---- lessons -------------------------------------------------------------------

const Model = t.partial({ recipe: t.partial({ batch: natural, time: natural, steps: natural }) })

const lessonFacts = (s: Stood): ReadonlyArray<LessonFacts> => {
  const lesson = lessonOf(s.stage)
  if (lesson === undefined) return []
  const read = Model.decode(lesson.model)
  const { batch, time, steps } = E.isRight(read) ? read.right.recipe ?? {} : {}
  const made = Trained.decode(s.value)
  const trained = E.isRight(made) ? made.right : undefined
  return [{
    ...{ stage: s.stage.name, about: s.stage.about, learner: lesson.learner },
    unit: trained?.unit ?? (trained !== undefined || time !== undefined ? "tokens" : "frames"),
    steps: trained?.steps ?? steps ?? 0,
    ...{ batch: batch ?? null, context: time ?? null },
    counted: trained?.tokens ?? (steps ?? 0) * (batch ?? 0) * (time ?? 1),
    curve: trained?.curve ?? [],
    ...{ seconds: s.spent.seconds, cached: s.digest !== undefined && s.spent.cached },
    perSecond: s.spent.tokensPerSecond,
  }]
}

// ---- pictures ------------------------------------------------------------------

/** Pixels of all pictures of a kind: a page of larger frames shows fewer of them. */
const room = 2 ** 18

/** Frames of a film; a file that is gone is no reason to show nothing else. */
const framesOf = (film: Film): Effect.Effect<ReadonlyArray<Frame>, StoreFault, Store> =>
  Effect.catch(
    framesIn(film),
    (fault): Effect.Effect<ReadonlyArray<Frame>, StoreFault> =>
      fault._tag === "FileFault" ? Effect.succeed([]) : Effect.fail(fault),
  )

const most = (film: Film, each: number): number =>
  Math.max(1, Math.floor(room / Math.max(1, each * film.width * film.height)))

const keptFacts = (stage: string, result: Reconstruction) =>
  Effect.map(
    Effect.forEach(result.sets, ({ name, samples }) =>
      Effect.map(framesOf(samples), (frames) => ({
        set: name,
        pairs: Array.from({ length: Math.min(Math.floor(frames.length / 2), most(samples, 2), 16) }, (_, i) => ({
          before: pictureOf([frames[2 * i]!]),
          after: pictureOf([frames[2 * i + 1]!]),
        })),
      }))),
    (pictures): KeptFacts => ({ stage, result, pictures }),
  )

/** How many of each kind are shown, if frames are small: those that were asked for first, and none chosen. */
const shownOf: { readonly [K in Made["kind"]]: number } = { single: 20, pair: 10, video: 8 }

const shownFacts = (stage: string, result: Judged) =>
  Effect.map(framesOf(result.film), (frames): ShownFacts => {
    const starts = result.made.map((_, i) => result.made.slice(0, i).reduce((n, one) => n + one.frames, 0))
    const numbers = (Object.keys(shownOf) as ReadonlyArray<Made["kind"]>).flatMap((kind) => {
      const own = [...result.made.keys()].filter((i) => result.made[i]!.kind === kind)
      const each = Math.max(1, ...own.map((i) => result.made[i]!.frames))
      return own.slice(0, Math.min(shownOf[kind], Math.max(2, most(result.film, each))))
    })
    return {
      ...{ stage, result },
      pictures: frames.length === 0 ? [] : numbers.map((number) => {
        const from = starts[number]!
        return { number, picture: pictureOf(frames.slice(from, from + result.made[number]!.frames)) }
      }),
    }
  })

// ---- all of it -----------------------------------------------------------------

/** Outputs of a codec with the stages that made them. */
const outputsOf = <A>(all: ReadonlyArray<Stood>, codec: t.Type<A, unknown>): ReadonlyArray<Of<A>> =>
  all.flatMap(({ stage, value }) => {
    const read = stage.output === codec && value !== undefined ? codec.decode(value) : undefined
    return read === undefined || E.isLeft(read) ? [] : [{ stage: stage.name, about: stage.about, result: read.right }]
  })

/** Answers of the model itself: those that are there to be compared belong to the comparison. */
const answersIn = (all: ReadonlyArray<Stood>): ReadonlyArray<Of<Answered>> => {
  const compared = new Set(
    all.flatMap(({ stage }) => stage.output === Ablation ? Object.values(stage.needs).map(({ name }) => name) : []),
  )
  const answers = outputsOf(all, Answered)
  const own = answers.filter(({ stage }) => !compared.has(stage))
  return own.length > 0 || all.some(({ stage }) => stage.output === Answered && !compared.has(stage.name))
    ? own
    : answers
}

/** The half's data; undefined of a pipeline in which nothing sees. */
export const gatherVision = (
  all: ReadonlyArray<Stood>,
  log: ReadonlyArray<Event>,
  lane: (s: AnyStage) => Lane,
  outline: Outline,
): Effect.Effect<VisionData | undefined, StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    const own = all.filter(({ stage }) => sees(stage))
    if (own.length === 0) return undefined
    return {
      stages: own.map((s) => standing(log, s)),
      lessons: all.flatMap(lessonFacts),
      kept: yield* Effect.forEach(outputsOf(own, Reconstruction), (k) => keptFacts(k.stage, k.result)),
      shown: yield* Effect.forEach(outputsOf(own, Judged), (s) => shownFacts(s.stage, s.result)),
      answered: answersIn(own),
      ablations: outputsOf(own, Ablation),
      bits: findings(own, BitsPerByte, lane, outline),
      tests: findings(own, Result, lane, outline),
    }
  })
