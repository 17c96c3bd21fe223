/**
 * Who is evaluated, out of what stages make: a VQGAN as eyes, a world model as a painter, a seer and a language of texts, a
 * classifier as a judge.
 *
 * ```ts
 * import type { Stage } from "../../stage/stage.ts"
 * import type { WorldFiles } from "../../vision/model.ts"
 * import { answeredStage, type Questions } from "./asking.ts"
 * import { seerOf } from "./subjects.ts"
 *
 * declare const world: Stage<WorldFiles>
 * declare const questions: Questions
 * const answered = answeredStage({ name: "questions", subject: seerOf(world), questions })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Device } from "../../../core/device/device.ts"
import { hostFold, hostKey } from "../../../core/random/host.ts"
import { digits } from "../../../models/classifier/mod.ts"
import type { VqganConfig } from "../../../models/vqgan/mod.ts"
import { greedy } from "../../language/sampling.ts"
import type { FileRef } from "../../objects.ts"
import type { Stage } from "../../stage/stage.ts"
import type { Store } from "../../store.ts"
import { answerEnds } from "../../vision/ask.ts"
import { classifierOf } from "../../vision/classifier.ts"
import { type Coder, coder } from "../../vision/codes.ts"
import { layoutOf, vqganOf, type WorldFiles, worldOf } from "../../vision/model.ts"
import { type WorldLanguage, worldLanguage } from "../../vision/world-language.ts"
import type { Subject } from "../stage.ts"
import type { Asked } from "./asked.ts"
import type { Seer } from "./asking.ts"
import type { Drawn } from "./judged.ts"
import type { Eyes } from "./reconstruction.ts"
import type { Says } from "./seen.ts"
import type { Opened, Painter, SightFault } from "./showing.ts"

/** What is needed around whoever is evaluated. */
type Around = Device | Store | Scope.Scope

/** What is learned by a stage that trains. */
interface Learned {
  readonly parameters: FileRef
}

// ---- eyes --------------------------------------------------------------------

/** A coder's eyes; the digest is of its parameters. */
export const eyesBy = ({ config, encode, decode }: Coder, digest: string): Eyes => ({
  ...{ digest, codes: config.codes },
  encode: (frames) => encode(frames),
  decode: (codes) => decode(codes),
})

/** The eyes that a training of a VQGAN makes. */
export const eyesOf = <M extends Learned, X, R>(
  model: Stage<M, X, R>,
  config: VqganConfig,
): Opened<Eyes, M, X, R, SightFault, Around> => ({
  ...{ model, as: { config: { ...config, multipliers: [...config.multipliers] } } },
  open: ({ parameters }) =>
    Effect.gen(function* () {
      return eyesBy(yield* coder(yield* vqganOf({ config, parameters })), parameters.digest)
    }),
})

// ---- world models ----------------------------------------------------------------

/** A seed for the pictures of one turn. */
const seedOf = (seed: number, turn: number): number => hostFold(hostKey(seed), turn).data[0]! >>> 0

/** Of each list of a batch that is equal: its places. */
const groupsBy = <A>(all: ReadonlyArray<A>, key: (one: A) => string): ReadonlyArray<ReadonlyArray<number>> =>
  [...new Set(all.map(key))].map((own) => all.flatMap((one, i) => key(one) === own ? [i] : []))

/**
 * A world model as a painter. A clip hangs on its caption, its turn and the seed, never on what is drawn beside it: equal
 * captions are drawn in turns, each with a seed of its own.
 */
export const painterBy = (world: WorldLanguage, { encode, decode }: Coder): Painter => ({
  ...{ name: world.name, digest: world.digest },
  show: (asked: ReadonlyArray<Asked>, { first, seed, ...drawn }: Drawn) =>
    Effect.gen(function* () {
      const clips = new Map<number, ReadonlyArray<Int32Array>>()
      for (const places of groupsBy(asked, ({ turn, frames }) => `${turn} ${frames}`)) {
        const { turn, frames } = asked[places[0]!]!
        const made = yield* world.generate(places.map((i) => ({ text: asked[i]!.caption })), {
          ...{ ...drawn, frames, seed: seedOf(seed, turn) },
          ...(first === undefined || frames === 1 ? {} : { first }),
        })
        places.forEach((place, i) => clips.set(place, made[i]!))
      }
      const codes = asked.map((_, i) => clips.get(i)!)
      const frames = yield* decode(codes.flat())
      let at = 0
      return codes.map(({ length }) => frames.slice(at, at += length))
    }),
  again: (frames) => Effect.flatMap(encode(frames), (codes) => decode(codes)),
})

/** Tokens of an answer at most: a word or two. */
const limit = 12

/** A world model as one that looks and answers, always with what it takes to be likeliest. */
export const seerBy = (world: WorldLanguage, { encode }: Coder): Seer => ({
  ...{ name: world.name, digest: world.digest },
  answer: (asked) =>
    Effect.gen(function* () {
      const clips = [...new Set(asked.map(({ frames }) => frames))]
      const codes = yield* encode(clips.flat())
      let at = 0
      const seen = new Map(clips.map((frames) => [frames, codes.slice(at, at += frames.length)] as const))
      const questions = asked.map(({ frames, question }) => ({ frames: seen.get(frames)!, text: question }))
      const answers = yield* world.answer(questions, { sampling: greedy, limit, ...answerEnds(world.tokenizer) })
      return answers.map((tokens) => world.tokenizer.decode(tokens))
    }),
})

/** A world model and its eyes, opened. */
const openWorld = (
  name: string,
  files: WorldFiles,
): Effect.Effect<{ readonly world: WorldLanguage; readonly coder: Coder }, SightFault, Around> =>
  Effect.gen(function* () {
    const { config, parameters, tokenizer, vqgan } = yield* worldOf(name, files)
    const world = yield* worldLanguage({
      ...{ name, config, parameters, tokenizer },
      layout: layoutOf(vqgan.config),
      digest: files.parameters.digest,
    })
    return { world, coder: yield* coder(vqgan) }
  })

/** A world model that is asked for pictures. */
export const painterOf = <X, R>(
  model: Stage<WorldFiles, X, R>,
): Opened<Painter, WorldFiles, X, R, SightFault, Around> => ({
  ...{ model, as: { prompts: "lwm" } },
  open: (files) => Effect.map(openWorld(model.name, files), ({ world, coder }) => painterBy(world, coder)),
})

/** A world model that is asked about pictures. */
export const seerOf = <X, R>(
  model: Stage<WorldFiles, X, R>,
): Opened<Seer, WorldFiles, X, R, SightFault, Around> => ({
  ...{ model, as: { prompts: "lwm", limit } },
  open: (files) => Effect.map(openWorld(model.name, files), ({ world, coder }) => seerBy(world, coder)),
})

/** A world model as a language of texts, for bits per byte and needles. */
export const textOf = <X, R>(
  model: Stage<WorldFiles, X, R>,
): Subject<WorldFiles, X, R, SightFault, Exclude<Around, Scope.Scope>> => ({
  ...{ model, as: { text: true } },
  open: (files) => Effect.map(openWorld(model.name, files), ({ world }) => world.text),
})

// ---- judges ------------------------------------------------------------------

/** A classifier of digits that a training makes as a judge, with the stage that tells how often it is right. */
export const judgeOf = <
  M extends Learned,
  X,
  R,
  T extends { readonly right: number; readonly of: number },
  X2,
  R2,
>(
  model: Stage<M, X, R>,
  trust: Stage<T, X2, R2>,
): Opened<Says, M, X, R, SightFault, Around> & { readonly trust: Stage<T, X2, R2> } => ({
  ...{ model, trust, as: { boxes: 1, config: { ...digits, widths: [...digits.widths] } } },
  open: ({ parameters }) => classifierOf(digits, parameters),
})
