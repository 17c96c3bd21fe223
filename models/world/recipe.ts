/**
 * How a world model is trained, as data: what a Llama's recipe says, and how much each modality counts.
 *
 * ```ts
 * // pictures count three times as much as what is said about them
 * const seen: Partial<Recipe> = { reduction: "given", shares: { vision: 0.75, text: 0.25 } }
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, finite, positive } from "../../core/files/codec.ts"
import { recipeCodec } from "../learn/recipe.ts"
import { type Recipe as TextRecipe, recipeFaults as textFaults, type Reduction } from "../llama/recipe.ts"
import type { ModalShares } from "./loss.ts"

/** How a world model is trained. */
export interface Recipe extends TextRecipe {
  /** As a Llama's, of each modality by itself; `rows` if not given, which is LWM's. */
  readonly reduction?: Reduction
  /** How much each modality's loss counts; half and half if not given, which is LWM's. */
  readonly shares?: ModalShares
}

/** The codec of recipes; what its numbers must not say together, `recipeFaults` finds. */
export const Recipe: t.Type<Recipe, unknown> = recipeCodec<Recipe>({ time: positive }, {
  reduction: t.keyof({ rows: null, tokens: null, given: null }),
  shares: t.strict({ vision: finite, text: finite }),
})

/** All rules that a recipe breaks, in sentences that begin with `where`, its place in a file. */
export const recipeFaults = (r: Recipe, where: string = "recipe"): ReadonlyArray<FileFault> => {
  const { vision, text } = r.shares ?? { vision: 1, text: 1 }
  const fair = vision >= 0 && text >= 0 && Number.isFinite(vision + text) && vision + text > 0
  return [
    ...textFaults(r, where),
    ...(fair ? [] : [fileFault(
      "value",
      `${where}.shares`,
      `${where}.shares are ${vision} of vision and ${text} of text; expected numbers from 0 of which one is above 0, ` +
        "0.5 and 0.5 as a rule",
    )]),
  ]
}

/** A recipe out of a value that was read, where it keeps all rules. */
export const decodeRecipe = (value: unknown): E.Either<ReadonlyArray<FileFault>, Recipe> =>
  E.flatMap((r: Recipe): E.Either<ReadonlyArray<FileFault>, Recipe> => {
    const faults = recipeFaults(r)
    return faults.length > 0 ? E.left(faults) : E.right(r)
  })(decodeValue(Recipe, value))
