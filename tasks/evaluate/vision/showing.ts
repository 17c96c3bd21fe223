/**
 * Pictures are asked of a model, and a judge that was trained apart looks at them: as an effect that goes on where it was
 * stopped, and as a stage.
 *
 * ```ts
 * import type * as Effect from "effect/Effect"
 * import type * as Scope from "effect/Scope"
 * import * as t from "io-ts"
 * import type { Stage } from "../../stage/stage.ts"
 * import type { Says } from "./seen.ts"
 * import { judgedStage, type Painter } from "./showing.ts"
 *
 * declare const world: Stage<{ readonly digest: string }>
 * declare const classifier: Stage<{ readonly digest: string }>
 * declare const trust: Stage<{ readonly right: number; readonly of: number }>
 * declare const painter: (model: { readonly digest: string }) => Effect.Effect<Painter, never, Scope.Scope>
 * declare const says: (model: { readonly digest: string }) => Effect.Effect<Says, never, Scope.Scope>
 * const judged = judgedStage({
 *   name: "generated",
 *   subject: { model: world, open: painter, as: {} },
 *   judge: { model: classifier, trust, open: says, as: {} },
 *   showing: {
 *     asking: { each: 10, pairs: 20, videos: 40, seed: 1, still: { seed: 2, frames: 1 }, video: { seed: 3, frames: 5 } },
 *     drawn: { guidance: 3, temperature: 1, topK: 64, seed: 4 },
 *     batch: 20,
 *   },
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import type { DeviceFault } from "../../../core/device/backend.ts"
import { type FileFault, positive } from "../../../core/files/codec.ts"
import type { Faults as GraphFaults } from "../../../core/graph/fault.ts"
import type { DataFault } from "../../data/fault.ts"
import { type Events, say } from "../../events.ts"
import { orFail } from "../../known.ts"
import type { AskFault } from "../../language/language.ts"
import { type Journal, type Json, type Stage, stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { framesOfScene, type Scans, scans } from "../../vision/digits.ts"
import type { VisionFault } from "../../vision/fault.ts"
import type { Frame } from "../../vision/frame.ts"
import { drawingFault } from "../../vision/scene.ts"
import { type PoseFault, poseFault } from "../task.ts"
import { type Asked, askedOf, Asking, scenesLike, wayOf } from "./asked.ts"
import { Film, framesIn, putFilm } from "./film.ts"
import { Drawn, Judged, made, partsOf } from "./judged.ts"
import { look, type Says, Seen } from "./seen.ts"

// ---- types -------------------------------------------------------------------

/** Why looking, showing and answering can fail. */
export type SightFault = DeviceFault | AskFault | PoseFault | VisionFault | DataFault | FileFault | StoreFault

/** A model that makes pictures of captions. */
export interface Painter {
  /** For people. */
  readonly name: string
  /** Digest of the parameters, or of what stands for them. */
  readonly digest: string
  /** A clip for each, of as many frames as are asked for. */
  readonly show: (
    asked: ReadonlyArray<Asked>,
    drawn: Drawn,
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<Frame>>, SightFault>
  /** Frames as its eyes see them: encoded and decoded. */
  readonly again?: (frames: ReadonlyArray<Frame>) => Effect.Effect<ReadonlyArray<Frame>, SightFault>
}

/** What is asked for, how it is drawn, and how many clips are made at once. */
export interface Showing {
  readonly asking: Asking
  readonly drawn: Drawn
  readonly batch: number
}

/** The codec of these settings. */
export const Showing: t.Type<Showing, unknown> = t.strict({ asking: Asking, drawn: Drawn, batch: positive })

/** A model out of a stage, opened for as long as the evaluation lasts. */
export interface Opened<A, M, X, R, X2, R2> {
  readonly model: Stage<M, X, R>
  readonly open: (model: M) => Effect.Effect<A, X2, R2 | Scope.Scope>
  /** What `open` depends on besides the model: configs, precision. It is a part of the key. */
  readonly as: Json
  /** Digests of the graphs that it runs. */
  readonly graphs?: () => E.Either<GraphFaults, ReadonlyArray<string>>
}

// ---- clips -------------------------------------------------------------------

/** What is wrong with settings; the first of it. */
export const showingFault = ({ asking }: Showing): string | undefined => {
  const { each, pairs, videos, still, video } = asking
  if (each + pairs + videos === 0) return "nothing is asked for; ask for a still or a video at least"
  if (still.frames !== 1) return `a still has one frame, not ${still.frames}`
  if (videos > 0 && video.frames < 2) return `a video has two frames at least, not ${video.frames}`
  return drawingFault(still)?.message ?? drawingFault(video)?.message
}

interface State {
  readonly done: ReadonlyArray<{ readonly seen: ReadonlyArray<Seen>; readonly film: Film }>
}

const State: t.Type<State, unknown> = t.strict({
  done: t.readonlyArray(t.strict({ seen: t.readonlyArray(Seen), film: Film })),
})

/** In runs of at most so many; those of several frames do not go together with stills. */
const batches = (asked: ReadonlyArray<Asked>, size: number): ReadonlyArray<ReadonlyArray<Asked>> =>
  [...new Set(asked.map(({ frames }) => frames))].flatMap((frames) => {
    const own = asked.filter((one) => one.frames === frames)
    return Array.from({ length: Math.ceil(own.length / size) }, (_, i) => own.slice(i * size, (i + 1) * size))
  })

const clipsOf = (painter: Painter, batch: ReadonlyArray<Asked>, drawn: Drawn) =>
  Effect.flatMap(painter.show(batch, drawn), (clips) => {
    const odd = batch.findIndex(({ frames }, i) => clips[i]?.length !== frames)
    const { frames, caption } = batch[odd] ?? { frames: 0, caption: "" }
    return odd < 0 ? Effect.succeed(clips) : Effect.fail(
      poseFault(
        `${painter.name} was asked for ${frames} frames of '${caption}' and made ${clips[odd]?.length ?? "none"}`,
      ),
    )
  })

/** A model's clips as a judge sees them, in the order in which they were asked for. */
const painted = (painter: Painter, says: Says, { asking, drawn, batch }: Showing, journal?: Journal) =>
  Effect.gen(function* () {
    const asked = askedOf(asking)
    const all = batches(asked, batch)
    const before = journal === undefined ? undefined : yield* journal.last(State)
    const done = [...before?.done ?? []].slice(0, all.length)
    for (const own of all.slice(done.length)) {
      const clips = yield* clipsOf(painter, own, drawn)
      done.push({ seen: yield* look(says, clips), film: yield* putFilm(clips.flat()) })
      if (journal !== undefined) yield* journal.save(State, { done })
      const finished = all.slice(0, done.length).flat().length
      yield* say({ _tag: "Progress", what: "pictures", done: finished, total: asked.length, unit: "clips" })
    }
    const frames: Array<Frame> = []
    for (const { film } of done) frames.push(...yield* framesIn(film))
    // stills are asked for before videos, so the batches follow each other as the pictures do
    return { seen: done.flatMap(({ seen }) => seen), film: yield* putFilm(frames) }
  })

// ---- the run -------------------------------------------------------------------

const clips = (frames: ReadonlyArray<Frame>, lengths: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<Frame>> => {
  let at = 0
  return lengths.map((length) => frames.slice(at, at += length))
}

/**
 * Asks a model for pictures and tells how many of them show what was asked for. Real ones are made of the held-out scans of
 * `all`; `trust` is how often the judge is right on these scans. With a journal, it goes on where it was stopped.
 */
export const judged = (
  all: Scans,
  painter: Painter,
  says: Says,
  trust: { readonly right: number; readonly of: number },
  s: Showing,
  journal?: Journal,
): Effect.Effect<Judged, SightFault, Events | Store> =>
  Effect.gen(function* () {
    const fault = showingFault(s)
    if (fault !== undefined) return yield* Effect.fail(poseFault(fault))
    const asked = askedOf(s.asking)
    const scenes = yield* orFail(scenesLike(all, s.asking, asked))
    const far = Math.max(0, ...scenes.map(wayOf))
    const { seen, film } = yield* painted(painter, says, s, journal)
    const real = scenes.map(framesOfScene)
    const realSeen = yield* look(says, real)
    const again = painter.again === undefined
      ? null
      : yield* look(says, clips(yield* painter.again(real.flat()), real.map(({ length }) => length)))
    const own = made(asked, seen, far)
    return {
      ...{ model: painter.name, digest: painter.digest, drawn: s.drawn },
      judge: { right: trust.right, of: trust.of },
      parts: partsOf(asked, own, made(asked, realSeen, far), again === null ? null : made(asked, again, far)),
      ...{ made: own, film },
    }
  })

// ---- the stage -----------------------------------------------------------------

/** Generated pictures under a judge. */
export interface JudgedStage<M, X, R, X2, R2, J, X3, R3, X4, R4, T, X5, R5> {
  readonly name: string
  readonly about?: string
  readonly subject: Opened<Painter, M, X, R, X2, R2>
  /** The judge, and the stage that tells how often it is right on held-out scans. */
  readonly judge: Opened<Says, J, X3, R3, X4, R4> & { readonly trust: Stage<T, X5, R5> }
  readonly showing: Showing
}

/** What a model shows, under a judge, as a stage; it goes on where it was stopped. */
export const judgedStage = <
  M,
  X,
  R,
  X2,
  R2,
  J,
  X3,
  R3,
  X4,
  R4,
  T extends { readonly right: number; readonly of: number },
  X5,
  R5,
>(
  d: JudgedStage<M, X, R, X2, R2, J, X3, R3, X4, R4, T, X5, R5>,
): Stage<Judged, X | X2 | X3 | X4 | X5 | SightFault, Exclude<R | R2 | R3 | R4 | R5, Scope.Scope> | Events | Store> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? "how many generated pictures show what was asked for",
    codec: t.strict({ showing: Showing, subject: t.unknown, judge: t.unknown }),
    settings: { showing: d.showing, subject: d.subject.as, judge: d.judge.as },
    seeds: [d.showing.drawn.seed, d.showing.asking.seed],
    ...(d.subject.graphs === undefined ? {} : { graphs: d.subject.graphs }),
    needs: { model: d.subject.model, judge: d.judge.model, trust: d.judge.trust },
    output: Judged,
    expects: () => {
      const asked = askedOf(d.showing.asking)
      return E.right({
        steps: batches(asked, d.showing.batch).length,
        notes: [`${asked.length} clips, ${asked.reduce((n, { frames }) => n + frames, 0)} frames`],
      })
    },
    make: ({ model, judge, trust }, { showing }, journal) =>
      Effect.scoped(Effect.gen(function* () {
        const painter = yield* d.subject.open(model)
        const says = yield* d.judge.open(judge)
        return yield* judged(yield* scans, painter, says, trust, showing, journal)
      })),
  }) as never
