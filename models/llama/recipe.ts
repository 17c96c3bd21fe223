/**
 * How a Llama is trained, as data: what every recipe says, the length of rows, and what the loss is the mean of.
 *
 * ```ts
 * // one row of the paper's table: constant after a warm-up
 * const text: Partial<Recipe> = { rate: { kind: "constant", peak: 4e-5, warmup: 100 }, reduction: "rows" }
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, positive } from "../../core/files/codec.ts"
import {
  type Range,
  rangeFaults,
  type Recipe as Common,
  recipeCodec,
  recipeFaults as commonFaults,
} from "../learn/recipe.ts"

export { decayAt, type OptimiserName, schedule, undecayed } from "../learn/recipe.ts"

/**
 * What the loss is the mean of. `rows`: of each row's weighted mean, as in LWM; a row in which nothing counts is 0.
 * `tokens`: of all tokens, weighted. `given`: the weights are the shares themselves, so the loss is their weighted sum.
 */
export type Reduction = "rows" | "tokens" | "given"

/** How a Llama is trained. What is optional and left out is as a step was before it could be said. */
export interface Recipe extends Common {
  /** Tokens in a row. */
  readonly time: number
  /** `tokens` if not given. */
  readonly reduction?: Reduction
}

/** The codec of recipes; what its numbers must not say together, `recipeFaults` finds. */
export const Recipe: t.Type<Recipe, unknown> = recipeCodec<Recipe>({ time: positive }, {
  reduction: t.keyof({ rows: null, tokens: null, given: null }),
})

const ranges: ReadonlyArray<Range<Recipe>> = [["time", (r) => r.time, 2, Number.MAX_VALUE]]

/** All rules that a recipe breaks, in sentences that begin with `where`, its place in a file. */
export const recipeFaults = (r: Recipe, where: string = "recipe"): ReadonlyArray<FileFault> => [
  ...rangeFaults(r, ranges, where),
  ...commonFaults(r, where),
]

/** A recipe out of a value that was read, where it keeps all rules. */
export const decodeRecipe = (value: unknown): E.Either<ReadonlyArray<FileFault>, Recipe> =>
  E.flatMap((r: Recipe): E.Either<ReadonlyArray<FileFault>, Recipe> => {
    const faults = recipeFaults(r)
    return faults.length > 0 ? E.left(faults) : E.right(r)
  })(decodeValue(Recipe, value))
