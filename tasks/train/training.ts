/**
 * What a training is given and what it gives: of any model, and of a Llama. The loop that runs it (`loop.ts`) is resumable at every step that it saves:
 * parameters, optimiser, average, position of the rows and the numbers of the step are one state.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../core/files/codec.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Plan } from "../../models/llama/plan.ts"
import type { Recipe } from "../../models/llama/train.ts"
import type { Batches } from "../data/example.ts"
import { FileRef } from "../objects.ts"
import type { Learner } from "./learner.ts"
import type { Given } from "./rows.ts"

/** A training of any model as a value. */
export interface Learning<X, R, B = Given> {
  /** The stage that it belongs to; events carry it. */
  readonly stage: string
  readonly learner: Learner<B>
  readonly seed: number
  /** Parameters to begin with; drawn from the seed where there are none. */
  readonly start: FileRef | undefined
  readonly batches: Batches<X, R, B>
  /** Steps between two saved states. */
  readonly save: number
}

/** A training of a Llama as a value. */
export interface Training<X, R> {
  /** The stage that it belongs to; events carry it. */
  readonly stage: string
  readonly config: Config
  readonly recipe: Recipe
  readonly plan: Plan
  readonly seed: number
  /** Parameters to begin with; drawn from the seed where there are none. They must be of the config's shapes. */
  readonly start: FileRef | undefined
  readonly batches: Batches<X, R>
  /** Do the rows have segments and positions? The program is made before the first of them is read. */
  readonly packed?: boolean
  /** Steps between two saved states. */
  readonly save: number
}

/** A point of a curve. */
export interface Point {
  readonly step: number
  readonly loss: number
  readonly rate: number
  readonly norm: number
  /** Further numbers that the step tells, by name; of those that were finite. */
  readonly more?: { readonly [name: string]: number }
}

/** The codec of points. */
export const Point: t.Type<Point, unknown> = t.exact(t.intersection([
  t.type({ step: natural, loss: finite, rate: finite, norm: finite }),
  t.partial({ more: t.record(t.string, finite) }),
]))

/** What was learned: parameters by digest, and how it went. It holds no times, so that equal runs give equal bytes. */
export interface Trained {
  /** Parameters as Hugging Face's readers know them are made by `publish`; these are named by their paths in the tree. */
  readonly parameters: FileRef
  readonly steps: number
  /** Tokens that were read, or what else the learner counts. */
  readonly tokens: number
  /** What was counted where it is not tokens: "frames". */
  readonly unit?: string
  /** At most 512 points of the loss, each the mean of the steps since the one before. */
  readonly curve: ReadonlyArray<Point>
}

/** The codec of what was learned. */
export const Trained: t.Type<Trained, unknown> = t.exact(t.intersection([
  t.type({ parameters: FileRef, steps: natural, tokens: natural, curve: t.readonlyArray(Point) }),
  t.partial({ unit: t.string }),
]))
