/**
 * What a choice is worth: the same questions put to models that were made with it and without, and whether the difference is
 * more than chance would bring.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { finite, natural } from "../../../core/files/codec.ts"
import { orFail } from "../../known.ts"
import { type Stage, stage } from "../../stage/stage.ts"
import { type PoseFault, poseFault } from "../task.ts"
import type { Answered } from "./answered.ts"

// ---- types -------------------------------------------------------------------

/** A variant beside the reference, over some questions. */
export interface Difference {
  /** "all", or medium and kind: "still which". */
  readonly of: string
  readonly asked: number
  readonly reference: number
  readonly variant: number
  /** Questions that only the variant, and only the reference, has right. */
  readonly better: number
  readonly worse: number
  /** The variant's share less the reference's, and the interval that holds 95 of 100 such differences. */
  readonly difference: number
  readonly low: number
  readonly high: number
  /** Of the difference: -1, 0 or 1. */
  readonly sign: number
  /** Is 0 outside of the interval? */
  readonly certain: boolean
}

/** One variant. */
export interface Variant {
  readonly name: string
  readonly differences: ReadonlyArray<Difference>
}

/** Variants beside a reference. */
export interface Ablation {
  readonly reference: string
  readonly variants: ReadonlyArray<Variant>
}

/** The codec of ablations. */
export const Ablation: t.Type<Ablation, unknown> = t.strict({
  reference: t.string,
  variants: t.readonlyArray(t.strict({
    name: t.string,
    differences: t.readonlyArray(t.strict({
      ...{ of: t.string, asked: natural, reference: natural, variant: natural, better: natural, worse: natural },
      ...{ difference: finite, low: finite, high: finite, sign: finite, certain: t.boolean },
    })),
  })),
})

// ---- intervals -----------------------------------------------------------------

/** 95 of 100 lie so many standard deviations around the mean. */
const z = 1.959963984540054

/** Wilson's interval (1927) of a share of which `right` of `of` were seen; 0 to 1 of nothing. */
export const wilson = (right: number, of: number): readonly [low: number, high: number] => {
  if (of === 0) return [0, 1]
  const share = right / of
  const middle = (share + z * z / (2 * of)) / (1 + z * z / of)
  const half = z / (1 + z * z / of) * Math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
  // at the ends the interval is closed by the share itself, whatever the rounding
  return [right === 0 ? 0 : Math.max(0, middle - half), right === of ? 1 : Math.min(1, middle + half)]
}

/**
 * Newcombe's interval (1998, method 10) of the difference of two shares over as many: as if they had been seen over different
 * questions, so it is rather too wide for two models that are asked the same.
 */
export const differenceInterval = (
  variant: number,
  reference: number,
  of: number,
): readonly [low: number, high: number] => {
  if (of === 0) return [-1, 1]
  const [p, q] = [variant / of, reference / of]
  const [[pl, ph], [ql, qh]] = [wilson(variant, of), wilson(reference, of)]
  return [p - q - Math.sqrt((p - pl) ** 2 + (qh - q) ** 2), p - q + Math.sqrt((ph - p) ** 2 + (q - ql) ** 2)]
}

// ---- comparing -----------------------------------------------------------------

const ones = (marks: string): number => marks.split("1").length - 1

const differenceOf = (of: string, reference: string, variant: string): Difference => {
  const [r, v, n] = [ones(reference), ones(variant), reference.length]
  const only = (a: string, b: string): number => [...a].filter((mark, i) => mark === "1" && b[i] === "0").length
  const [low, high] = differenceInterval(v, r, n)
  return {
    ...{ of, asked: n, reference: r, variant: v, better: only(variant, reference), worse: only(reference, variant) },
    ...{ difference: n === 0 ? 0 : (v - r) / n, low, high, sign: Math.sign(v - r) },
    certain: low > 0 || high < 0,
  }
}

/** Answers of a name. */
export interface Named {
  readonly name: string
  readonly answered: Answered
}

const marksOf = ({ kinds }: Answered): ReadonlyArray<readonly [string, string]> => [
  ["all", kinds.map(({ marks }) => marks).join("")],
  ...kinds.map(({ medium, kind, marks }) => [`${medium} ${kind}`, marks] as const),
]

/** Variants beside a reference. Faults: answers to other questions. */
export const ablation = (reference: Named, variants: ReadonlyArray<Named>): E.Either<PoseFault, Ablation> => {
  const other = variants.find(({ answered }) => answered.questions !== reference.answered.questions)
  if (other !== undefined) {
    return E.left(poseFault(`'${other.name}' and '${reference.name}' answered other questions; ask both the same`))
  }
  const own = marksOf(reference.answered)
  return E.right({
    reference: reference.name,
    variants: variants.map(({ name, answered }) => {
      const theirs = new Map(marksOf(answered))
      return { name, differences: own.map(([of, marks]) => differenceOf(of, marks, theirs.get(of)!)) }
    }),
  })
}

// ---- the stage -----------------------------------------------------------------

/** Answers by the names of what gave them. */
export interface AblationStage<X, R> {
  readonly name: string
  readonly about?: string
  readonly reference: Stage<Answered, X, R>
  /** By what is different: "naive packing". */
  readonly variants: { readonly [name: string]: Stage<Answered, X, R> }
}

/** Variants beside a reference, as a stage. */
export const ablationStage = <X, R>(d: AblationStage<X, R>): Stage<Ablation, X | PoseFault, R> => {
  const names = Object.keys(d.variants)
  const needs: { readonly [name: string]: Stage<Answered, X, R> } = {
    reference: d.reference,
    ...Object.fromEntries(names.map((name, i) => [`variant${i}`, d.variants[name]!])),
  }
  return stage({
    name: d.name,
    version: "1",
    about: d.about ?? "what choices are worth: the same questions with and without",
    codec: t.strict({ variants: t.readonlyArray(t.string) }),
    settings: { variants: names },
    needs,
    output: Ablation,
    make: (made, { variants }) => {
      const answers = made as { readonly [name: string]: Answered }
      const reference = { name: d.reference.name, answered: answers["reference"]! }
      return orFail(ablation(reference, variants.map((name, i) => ({ name, answered: answers[`variant${i}`]! }))))
    },
  }) as Stage<Ablation, X | PoseFault, R>
}
