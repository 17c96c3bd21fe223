/**
 * Questions about held-out scenes are put to a model: as an effect that goes on where it was stopped, and as a stage.
 *
 * ```ts
 * import type * as Effect from "effect/Effect"
 * import type * as Scope from "effect/Scope"
 * import type { Stage } from "../../stage/stage.ts"
 * import { answeredStage, type Seer } from "./asking.ts"
 *
 * declare const world: Stage<{ readonly digest: string }>
 * declare const seer: (model: { readonly digest: string }) => Effect.Effect<Seer, never, Scope.Scope>
 * const answered = answeredStage({
 *   name: "questions",
 *   subject: { model: world, open: seer, as: {} },
 *   questions: {
 *     stills: { drawing: { seed: 2, frames: 1 }, count: 400 },
 *     videos: { drawing: { seed: 3, frames: 5 }, count: 200 },
 *     batch: 32,
 *   },
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { positive } from "../../../core/files/codec.ts"
import { digestOf } from "../../data/source.ts"
import { type Events, say } from "../../events.ts"
import { type Journal, type Stage, stage } from "../../stage/stage.ts"
import type { Store } from "../../store.ts"
import { captionOf, framesOfScene, type Scans, scans } from "../../vision/digits.ts"
import type { Frame } from "../../vision/frame.ts"
import { drawingFault, type Scene } from "../../vision/scene.ts"
import { poseFault } from "../task.ts"
import { Answered, answersOf, type Posed, posedOf, Shown } from "./answered.ts"
import type { Opened, SightFault } from "./showing.ts"

// ---- types -------------------------------------------------------------------

/** A question about a clip. Questions about one clip hold the same list of frames. */
export interface Asks {
  readonly frames: ReadonlyArray<Frame>
  readonly question: string
}

/** A model that looks at clips and answers. */
export interface Seer {
  /** For people. */
  readonly name: string
  /** Digest of the parameters, or of what stands for them. */
  readonly digest: string
  /** Answers as texts; they must not depend on what is asked together. */
  readonly answer: (asked: ReadonlyArray<Asks>) => Effect.Effect<ReadonlyArray<string>, SightFault>
}

/** Which questions are asked, and how many at once. */
export interface Questions {
  readonly stills: Shown
  readonly videos: Shown
  readonly batch: number
}

/** The codec of these settings. */
export const Questions: t.Type<Questions, unknown> = t.strict({ stills: Shown, videos: Shown, batch: positive })

// ---- the run -------------------------------------------------------------------

interface State {
  readonly said: ReadonlyArray<string>
}

const State: t.Type<State, unknown> = t.strict({ said: t.readonlyArray(t.string) })

const letters = 240

/** What is wrong with settings; the first of it. */
export const questionsFault = ({ stills, videos }: Questions): string | undefined => {
  if (stills.count + videos.count === 0) return "there are no scenes to ask about; give a count above 0"
  if (stills.drawing.frames !== 1) return `a still has one frame, not ${stills.drawing.frames}`
  if (videos.count > 0 && videos.drawing.frames < 2) {
    return `a video has two frames at least, not ${videos.drawing.frames}`
  }
  return drawingFault(stills.drawing)?.message ?? drawingFault(videos.drawing)?.message
}

/** What tells questions apart: what is asked, what is right, and where which scan lies. */
const digestOfPosed = (posed: ReadonlyArray<Posed>): Effect.Effect<string> => {
  const sceneOf = ({ digits }: Scene) => digits.map(({ scan, row, col }) => [scan.digit, scan.number, row, col])
  return digestOf(posed.map(({ question, scene }) => [captionOf(scene), question, sceneOf(scene)]))
}

/** Puts questions to a model. With a journal, it goes on where it was stopped. */
export const answered = (
  all: Scans,
  seer: Seer,
  q: Questions,
  journal?: Journal,
): Effect.Effect<Answered, SightFault, Events> =>
  Effect.gen(function* () {
    const fault = questionsFault(q)
    if (fault !== undefined) return yield* Effect.fail(poseFault(fault))
    const posed = [...posedOf(all, q.stills), ...posedOf(all, q.videos)]
    const before = journal === undefined ? undefined : yield* journal.last(State)
    const said = (before?.said ?? []).slice(0, posed.length)
    while (said.length < posed.length) {
      const { medium } = posed[said.length]!
      const next = posed.slice(said.length, said.length + q.batch).filter((one) => one.medium === medium)
      const clips = new Map([...new Set(next.map(({ scene }) => scene))].map((scene) => [scene, framesOfScene(scene)]))
      const answers = yield* seer.answer(
        next.map(({ scene, question }) => ({ frames: clips.get(scene)!, question })),
      )
      if (answers.length !== next.length) {
        const message = `${seer.name} was asked ${next.length} questions and gave ${answers.length} answers`
        return yield* Effect.fail(poseFault(message))
      }
      said.push(...answers.map((answer) => answer.slice(0, letters)))
      if (journal !== undefined) yield* journal.save(State, { said })
      yield* say({ _tag: "Progress", what: "questions", done: said.length, total: posed.length, unit: "questions" })
    }
    const { name, digest } = seer
    return { model: name, digest, questions: yield* digestOfPosed(posed), kinds: answersOf(posed, said) }
  })

// ---- the stage -----------------------------------------------------------------

/** Questions to a model. */
export interface AnsweredStage<M, X, R, X2, R2> {
  readonly name: string
  readonly about?: string
  readonly subject: Opened<Seer, M, X, R, X2, R2>
  readonly questions: Questions
}

/** Questions about held-out scenes, as a stage; it goes on where it was stopped. */
export const answeredStage = <M, X, R, X2, R2>(
  d: AnsweredStage<M, X, R, X2, R2>,
): Stage<Answered, X | X2 | SightFault, Exclude<R | R2, Scope.Scope> | Events | Store> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? "questions about held-out stills and videos",
    codec: t.strict({ questions: Questions, subject: t.unknown }),
    settings: { questions: d.questions, subject: d.subject.as },
    seeds: [d.questions.stills.drawing.seed, d.questions.videos.drawing.seed],
    ...(d.subject.graphs === undefined ? {} : { graphs: d.subject.graphs }),
    needs: { model: d.subject.model },
    output: Answered,
    expects: () => {
      const { stills, videos } = d.questions
      return E.right({ notes: [`about ${stills.count} stills and ${videos.count} videos`] })
    },
    make: ({ model }, { questions }, journal) =>
      Effect.scoped(Effect.gen(function* () {
        return yield* answered(yield* scans, yield* d.subject.open(model), questions, journal)
      })),
  }) as never
