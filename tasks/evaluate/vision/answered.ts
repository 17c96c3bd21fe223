/**
 * Questions about held-out scenes, and how they were answered, as data: by medium and kind, beside what somebody would get
 * who never looks and always says what is right most often.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../../core/files/codec.ts"
import { captionOf, majority, names, type Question, type QuestionKind, questionsOf } from "../../vision/digits.ts"
import type { Scans } from "../../vision/scans.ts"
import { type Drawing, type Scene, sceneOf } from "../../vision/scene.ts"
import { DrawingCodec } from "./asked.ts"

// ---- types -------------------------------------------------------------------

/** Scenes that questions are about. */
export interface Shown {
  readonly drawing: Drawing
  /** Scenes 0 up to this of the held-out ones. */
  readonly count: number
}

/** The codec of these settings. */
export const Shown: t.Type<Shown, unknown> = t.strict({ drawing: DrawingCodec, count: natural })

/** A still or a video. */
export type Medium = "still" | "video"

/** A question about a scene. */
export interface Posed extends Question {
  readonly medium: Medium
  readonly scene: Scene
}

/** How one kind of questions was answered. */
export interface Kind {
  readonly medium: Medium
  readonly kind: QuestionKind
  readonly of: number
  /** Answers that are right but for case, spaces around them and a full stop. */
  readonly right: number
  /** Answers whose text is right to the letter, spaces around it aside. */
  readonly exact: number
  /** What is right most often, and the share of questions to which it is. */
  readonly majority: { readonly answer: string; readonly share: number }
  /** One letter a question in their order: 1 where the answer is right, else 0. */
  readonly marks: string
  /** What was said where what is right; answers that are right to no question of this kind are "?". */
  readonly confusion: ReadonlyArray<{ readonly answer: string; readonly said: string; readonly times: number }>
  /** Some answers, wrong ones first. */
  readonly samples: ReadonlyArray<{
    readonly caption: string
    readonly question: string
    readonly answer: string
    readonly said: string
    readonly right: boolean
  }>
}

/** What was answered. */
export interface Answered {
  /** Whose answers these are: name and digest. */
  readonly model: string
  readonly digest: string
  /** Digest of the questions and the scenes, so that answers to the same ones can be told. */
  readonly questions: string
  readonly kinds: ReadonlyArray<Kind>
}

const Sample = t.strict({
  ...{ caption: t.string, question: t.string, answer: t.string, said: t.string, right: t.boolean },
})

/** The codec of what was answered. */
export const Answered: t.Type<Answered, unknown> = t.strict({
  model: t.string,
  digest: t.string,
  questions: t.string,
  kinds: t.readonlyArray(t.strict({
    medium: t.keyof({ still: null, video: null }) as t.Type<Medium, unknown>,
    kind: t.keyof({ which: null, count: null, way: null }) as t.Type<QuestionKind, unknown>,
    of: natural,
    right: natural,
    exact: natural,
    majority: t.strict({ answer: t.string, share: finite }),
    marks: t.string,
    confusion: t.readonlyArray(t.strict({ answer: t.string, said: t.string, times: natural })),
    samples: t.readonlyArray(Sample),
  })),
})

// ---- questions -----------------------------------------------------------------

/** All questions about the held-out scenes of one drawing. */
export const posedOf = (scans: Scans, { drawing, count }: Shown): ReadonlyArray<Posed> =>
  Array.from({ length: count }, (_, n) => {
    const scene = sceneOf(scans, drawing, "heldOut", n)
    const medium: Medium = scene.frames > 1 ? "video" : "still"
    return questionsOf(scene).map((question): Posed => ({ ...question, medium, scene }))
  }).flat()

// ---- counting ------------------------------------------------------------------

/** An answer without what does not matter: case, spaces around it, a full stop. */
export const bare = (answer: string): string => answer.trim().replace(/\s*\.$/, "").toLowerCase()

const [samplesOfKind, letters] = [6, 60]

/** Known answers in the order in which people name them: digits and numbers by value, others by the alphabet. */
const known = (answers: ReadonlyArray<string>): ReadonlyArray<string> => {
  const place = (answer: string): number => names.indexOf(answer)
  return [...new Set(answers)].toSorted((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
}

const confusionOf = (
  posed: ReadonlyArray<Posed>,
  said: ReadonlyArray<string>,
): Kind["confusion"] => {
  const all = known(posed.map(({ answer }) => answer))
  const heard = said.map((one) => all.includes(bare(one)) ? bare(one) : "?")
  return all.flatMap((answer) =>
    [...all, "?"].flatMap((other) => {
      const times = posed.filter((one, i) => one.answer === answer && heard[i] === other).length
      return times === 0 ? [] : [{ answer, said: other, times }]
    })
  )
}

const kindOf = (posed: ReadonlyArray<Posed>, said: ReadonlyArray<string>): Kind => {
  const { medium, kind } = posed[0]!
  const right = posed.map(({ answer }, i) => bare(said[i]!) === answer)
  const order = [...posed.keys()].toSorted((a, b) => Number(right[a]) - Number(right[b]) || a - b)
  return {
    ...{ medium, kind, of: posed.length },
    right: right.filter(Boolean).length,
    exact: posed.filter(({ answer }, i) => said[i]!.trim() === answer).length,
    majority: majority(posed)[kind]!,
    marks: right.map(Number).join(""),
    confusion: confusionOf(posed, said),
    samples: order.slice(0, samplesOfKind).map((i) => {
      const { scene, question, answer } = posed[i]!
      return { caption: captionOf(scene), question, answer, said: said[i]!.slice(0, letters), right: right[i]! }
    }),
  }
}

/** What was said to questions, in their order, by medium and kind. */
export const answersOf = (posed: ReadonlyArray<Posed>, said: ReadonlyArray<string>): ReadonlyArray<Kind> => {
  const keys = posed.map(({ medium, kind }) => `${medium} ${kind}`)
  return [...new Set(keys)].map((key) => {
    const own = posed.flatMap((_, i) => keys[i] === key ? [i] : [])
    return kindOf(own.map((i) => posed[i]!), own.map((i) => said[i]!))
  })
}
