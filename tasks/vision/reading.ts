/**
 * A world model as what reads: rows of text and frames, and what comes next under either head. A token of a row is one
 * number: ids of text as they are, and those of the vision vocabulary behind them, so that whatever reads rows of text
 * reads these.
 * @module
 */
import type { I32 } from "../../core/tensor/tensor.ts"
import { dot } from "../../ops/contraction.ts"
import { cast, select, sub } from "../../ops/elementwise.ts"
import { ge } from "../../ops/logic.ts"
import type { Parameters } from "../../models/world/parameters.ts"
import type { WorldConfig } from "../../models/world/config.ts"
import { branches, guided, ofCodebook, readOn } from "../../models/world/decode.ts"
import type { Laid } from "../../models/world/layout.ts"
import { specs } from "../../models/world/parameters.ts"
import { type Mixed, visionHeadOf } from "../../models/world/world.ts"
import { type OfText, ofText, type Readable } from "../language/programs.ts"

/**
 * What is said of what comes next: of texts, logits of the codes (`codes`), and guided ones (`guided`) of rows whose second
 * half has read no wish.
 */
export type OfWorld = OfText | "codes" | "guided"

/** Tokens of both vocabularies as single numbers. */
export const joint = ({ vocab }: Pick<WorldConfig, "vocab">, { tokens, vision }: Laid): Int32Array =>
  tokens.map((id, i) => vision[i] === 1 ? vocab + id : id)

/** And apart again. */
const apart = ({ vocab }: WorldConfig, tokens: I32<"batch time">): Mixed => {
  const seen = ge(tokens, vocab)
  return { tokens: select(seen, sub(tokens, vocab), tokens), vision: cast(seen, "i32") }
}

/** A world model, for readers. */
export const readableWorld = (c: WorldConfig): Readable<Parameters, OfWorld> => {
  const head = (p: Parameters): Parameters["head"] => p.head
  return {
    ...{ config: c, specs: specs(c), head, scaled: ["guided"] },
    readOn: (options) => (p, caches, tokens, place) => readOn(c, options)(p, caches, apart(c, tokens), place),
    says: {
      ...ofText(head),
      codes: (p, last) => ofCodebook(c)(dot(last, visionHeadOf(p), "model")),
      guided: (p, last, scale) => {
        const [conditional, unconditional] = branches(dot(last, visionHeadOf(p), "model"))
        return ofCodebook(c)(guided(conditional, unconditional, scale))
      },
    },
  }
}
