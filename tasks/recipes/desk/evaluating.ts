/**
 * What the desk recipe asks of its models, all of it held out: the end of the book, cities that no needle in training was
 * named after, numbers drawn anew.
 * @module
 */
import type { Evaluation } from "../../evaluate/grid.ts"
import type { BitsPerByte, ByPosition } from "../../evaluate/perplexity.ts"
import { multiKey, multiNeedle, type Probe, singleNeedle, trackVariables } from "../../evaluate/probe.ts"
import type { Result } from "../../evaluate/result.ts"
import { bitsStage, needleStage, positionStage } from "../../evaluate/stage.ts"
import { depths } from "../../evaluate/task.ts"
import { chat, lwmMulti, lwmSingle } from "../../evaluate/wording.ts"
import type { Stage } from "../../stage/stage.ts"
import { type Footing, textOf } from "./book.ts"
import { reach } from "./model.ts"
import { languageOf, lookingOver, type Speaker } from "./models.ts"
import type { Around, DeskFault } from "./training.ts"

// ---- numbers -----------------------------------------------------------------

/** How much is asked. */
export interface Measuring {
  readonly lengths: ReadonlyArray<number>
  readonly depths: ReadonlyArray<number>
  /** Needles at each length and depth. */
  readonly rounds: number
  /** Prompts of each harder test at every other length. */
  readonly harder: number
  /** Rows that are foretold at the base's context, and over the last one. */
  readonly rows: { readonly bits: number; readonly positions: number }
}

/** The numbers of `world`: from the base's context to the last one. */
export const measuring: Measuring = {
  lengths: [1, 2, 4, 6, 8].map((n) => n * reach.context),
  depths: depths(9),
  rounds: 4,
  harder: 2,
  rows: { bits: 64, positions: 24 },
}

const [seed, seedOfHarder] = [1234, 4321]

// ---- stages ------------------------------------------------------------------

/** A stage that asks something of a model. */
type Asked<A> = Stage<A, DeskFault, Around>

/** What is asked of models. */
export interface Tests {
  /** LWM's needle in its own words, at each depth of every length. */
  readonly needles: (name: string, model: Speaker) => Asked<Result>
  /** Bits per byte at the base's context, for the model before and after it grew. */
  readonly bits: (name: string, model: Speaker) => Asked<BitsPerByte>
  /** Nats by position over the last context. */
  readonly byPosition: (name: string, model: Speaker) => Asked<ByPosition>
  /** Two of four needles, a name among eight in a chat's words, chains of variables. */
  readonly harder: (model: Speaker) => ReadonlyArray<Asked<Result>>
}

/** Tests of models that are believed to look over `last` tokens, and whose base looked over `first`. */
export const tests = ({ book }: Pick<Footing, "book">, m: Measuring, first: number, last: number): Tests => {
  const text = { from: book, read: (b: { readonly heldOut: Parameters<typeof textOf>[0] }) => textOf(b.heldOut) }
  const subject = (model: Speaker) => ({
    model,
    open: (files: Parameters<typeof lookingOver>[0]) => languageOf(model.name, lookingOver(files, last)),
    as: { context: last },
  })
  const evaluation = (probe: Probe, grid: Partial<Evaluation["grid"]>, seed: number): Evaluation => ({
    probe,
    grid: { lengths: m.lengths, depths: m.depths, rounds: m.rounds, ...grid },
    seed,
    buffer: 32,
    limit: 32,
    reach: 64,
    batch: 32_768,
    until: [" USER:"],
  })
  const foretelling = (context: number, rows: number) => ({
    ...{ context, rows, batch: 16_384, bins: 2, characters: 2 ** 20 },
  })
  return {
    needles: (name, model) =>
      needleStage({
        name,
        about: `needles in the held-out book, asked of ${model.name}`,
        subject: subject(model),
        text,
        evaluation: evaluation(singleNeedle(lwmSingle), {}, seed),
      }),
    bits: (name, model) =>
      bitsStage({
        name,
        about: `bits per byte of the held-out book at the base's context, by ${model.name}`,
        subject: subject(model),
        text,
        foretelling: foretelling(first, m.rows.bits),
      }),
    byPosition: (name, model) =>
      positionStage({
        name,
        about: `nats by position of the held-out book, by ${model.name}`,
        subject: subject(model),
        text,
        foretelling: foretelling(last, m.rows.positions),
      }),
    harder: (model) => {
      const lengths = m.lengths.filter((_, i) => i % 2 === 0)
      const test = (name: string, about: string, probe: Probe): Asked<Result> => {
        const asked = evaluation(probe, { lengths, rounds: m.harder }, seedOfHarder)
        return needleStage({ name, about, subject: subject(model), text, evaluation: asked })
      }
      return [
        test("two-of-four", "four needles, two asked for", multiNeedle(4, 2, lwmMulti)),
        test("key-value", "one name among eight, in a chat's words", multiKey(8, chat)),
        test("variables", "chains of variables, in the manner of RULER", trackVariables()),
      ]
    },
  }
}
