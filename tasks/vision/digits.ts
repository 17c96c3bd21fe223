/**
 * The texts of scenes: captions, what a caption says, questions with their answers, and the answer that is most often right
 * for who does not look.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { captionOf, framesOfScene, questionsOf, scans, sceneOf } from "./digits.ts"
 *
 * const example = Effect.map(scans, (all) => {
 *   const scene = sceneOf(all, { seed: 1, frames: 4 }, "train", 0)
 *   return { frames: framesOfScene(scene), caption: captionOf(scene), questions: questionsOf(scene) }
 * })
 * ```
 * @module
 */
import type { Placed, Scene, Way } from "./scene.ts"
import { ways } from "./scene.ts"

export { box, type Scan, type Scans, scans, type Split } from "./scans.ts"
export {
  type Drawing,
  drawingFault,
  framesOfScene,
  type Placed,
  placesAt,
  type Scene,
  sceneOf,
  side,
  type Way,
  ways,
} from "./scene.ts"

// ---- words -------------------------------------------------------------------

/** Digits by their names. */
export const names: ReadonlyArray<string> = [
  ...["zero", "one", "two", "three", "four"],
  ...["five", "six", "seven", "eight", "nine"],
]

const withArticle = (digit: number): string => `${digit === 8 ? "an" : "a"} ${names[digit]}`

const listed = (parts: ReadonlyArray<string>): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`

// ---- captions ------------------------------------------------------------------

/** What a caption says of a scene, which is all but places and handwriting. */
export interface Said {
  /** Digits in the order of the scene. */
  readonly digits: ReadonlyArray<number>
  /** Which digit moves, and where to; null in a still. */
  readonly moving: { readonly digit: number; readonly way: Way } | null
}

/** What is to be said of a scene. */
export const saidOf = ({ digits, moving }: Scene): Said => ({
  digits: digits.map(({ scan }: Placed) => scan.digit),
  moving: moving === null ? null : { digit: digits[moving.which]!.scan.digit, way: moving.way },
})

/** "a seven", "a seven and a two", "a seven moving left", "a seven, a two and a nine, the two moving up". */
export const captionOfSaid = ({ digits, moving }: Said): string => {
  const all = listed(digits.map(withArticle))
  if (moving === null) return all
  return digits.length === 1 ? `${all} moving ${moving.way}` : `${all}, the ${names[moving.digit]} moving ${moving.way}`
}

/** The caption of a scene. */
export const captionOf = (scene: Scene): string => captionOfSaid(saidOf(scene))

/** What a caption says; undefined where `captionOfSaid` says nothing like it. */
export const readCaption = (caption: string): Said | undefined => {
  const name = `(?:${names.join("|")})`
  const form = new RegExp(`^((?:(?:^|, | and )an? ${name})+?)(?:(?:, the (${name}))? moving (${ways.join("|")}))?$`)
  const [, all, mover, way] = form.exec(caption) ?? []
  if (all === undefined) return undefined
  const digits = [...all.matchAll(new RegExp(name, "g"))].map(([word]) => names.indexOf(word))
  const moves = ways.find((w) => w === way)
  const digit = mover === undefined ? digits[0]! : names.indexOf(mover)
  const said = { digits, moving: moves === undefined ? null : { digit, way: moves } }
  return captionOfSaid(said) === caption && digits.includes(digit) ? said : undefined
}

// ---- questions -----------------------------------------------------------------

/** What is asked: which digit it is (of one alone), how many there are, which way the moving one moves. */
export type QuestionKind = "which" | "count" | "way"

/** A question and its one right answer. */
export interface Question {
  readonly kind: QuestionKind
  readonly question: string
  readonly answer: string
}

/** All that can be asked about a scene. */
export const questionsOf = (scene: Scene): ReadonlyArray<Question> => {
  const { digits, moving } = saidOf(scene)
  const which: Question = { kind: "which", question: "Which digit is this?", answer: names[digits[0]!]! }
  const count: Question = { kind: "count", question: "How many digits are there?", answer: names[digits.length]! }
  const way: ReadonlyArray<Question> = moving === null
    ? []
    : [{ kind: "way", question: `Which way does the ${names[moving.digit]} move?`, answer: moving.way }]
  return [...(digits.length === 1 ? [which] : []), count, ...way]
}

/** For each kind the answer that is right most often, of several the first in the alphabet, and how often it is right. */
export const majority = (
  questions: ReadonlyArray<Question>,
): { readonly [K in QuestionKind]?: { readonly answer: string; readonly share: number } } => {
  const kinds = [...new Set(questions.map(({ kind }) => kind))]
  return Object.fromEntries(kinds.map((kind) => {
    const answers = questions.filter((q) => q.kind === kind).map(({ answer }) => answer)
    const counted = [...new Set(answers)].sort().map((answer) =>
      [answer, answers.filter((a) => a === answer).length] as const
    )
    const [answer, times] = counted.reduce((best, next) => next[1] > best[1] ? next : best)
    return [kind, { answer, share: times / answers.length }]
  }))
}
