/**
 * A recipe's questions: about the documents that it learns from, by the writer that its settings choose.
 * @module
 */
import * as Effect from "effect/Effect"
import { type WriterChoice, writerOf, writerText } from "../questions/choice.ts"
import type { Pairs } from "../questions/pairs.ts"
import { standardAsking } from "../questions/pairs.ts"
import { documentsOf } from "../questions/sequences.ts"
import { questionsStage } from "../questions/stage.ts"
import type { Json, Stage } from "../stage/stage.ts"
import type { Around, Growing, GrowingFault, Model } from "./grow.ts"
import { Material, openMaterial } from "./material.ts"
import { openModel } from "./measure.ts"

/** The stage `name-questions`: one pair for each chunk of `size` tokens. Only a writer that is the base itself needs the base. */
export const questionsOf = (
  { name, config, material, seed }: Growing,
  choice: WriterChoice,
  base: Model,
  size: number,
): Stage<Pairs, GrowingFault, Around> => {
  const shared = {
    name: `${name}-questions`,
    material: {
      of: Material.encode(material) as Json,
      open: Effect.map(
        openMaterial(material),
        ({ train, tokenizer }) => ({ documents: documentsOf(train, tokenizer), tokenizer }),
      ),
    },
    size,
    asking: { ...standardAsking, seed, together: choice.kind === "endpoint" ? choice.together : 1 },
  }
  const named = { as: { ...choice }, about: writerText(choice) }
  return choice.kind !== "own"
    ? questionsStage({ ...shared, needs: {}, writer: { ...named, layer: () => writerOf(choice) } })
    : questionsStage({
      ...shared,
      needs: { base },
      writer: { ...named, layer: (made) => writerOf(choice, openModel(config, material.tokenizer)(made.base)) },
    })
}
