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
import { book, textOf } from "./book.ts"
import { reach } from "./model.ts"
import { last } from "./growing.ts"
import { languageOf, lookingOver, type Speaker } from "./models.ts"

// deno-lint-ignore no-explicit-any -- faults and services add up along the chain; a pipeline provides them all
type Asked<A> = Stage<A, any, any>

/** From the base's context to the last one. */
export const lengths: ReadonlyArray<number> = [1, 2, 4, 6, 8].map((n) => n * reach.context)

const text = { from: book, read: (b: { readonly heldOut: Parameters<typeof textOf>[0] }) => textOf(b.heldOut) }

const subject = (model: Speaker) => ({
  model,
  open: (files: Parameters<typeof lookingOver>[0]) => languageOf(model.name, lookingOver(files, last.context)),
  as: { context: last.context },
})

const evaluation = (probe: Probe, lengths: ReadonlyArray<number>, rounds: number, seed: number): Evaluation => ({
  probe,
  grid: { lengths, depths: depths(9), rounds },
  seed,
  buffer: 32,
  limit: 32,
  reach: 64,
  batch: 32_768,
  until: [" USER:"],
})

/** LWM's needle in its own words, at nine depths of every length. */
export const needles = (name: string, model: Speaker): Asked<Result> =>
  needleStage({
    name,
    about: `needles in the held-out book, asked of ${model.name}`,
    subject: subject(model),
    text,
    evaluation: evaluation(singleNeedle(lwmSingle), lengths, 4, 1234),
  })

/** Bits per byte at the base's context, for the model before and after it grew. */
export const bits = (name: string, model: Speaker): Asked<BitsPerByte> =>
  bitsStage({
    name,
    about: `bits per byte of the held-out book at the base's context, by ${model.name}`,
    subject: subject(model),
    text,
    foretelling: { context: reach.context, batch: 16_384, rows: 64, bins: 2, characters: 2 ** 20 },
  })

/** Nats by position over the last context. */
export const byPosition = (name: string, model: Speaker): Asked<ByPosition> =>
  positionStage({
    name,
    about: `nats by position of the held-out book, by ${model.name}`,
    subject: subject(model),
    text,
    foretelling: { context: last.context, batch: 16_384, rows: 24, bins: 2, characters: 2 ** 20 },
  })

/** Harder tests: two of four needles, a name among eight in a chat's words, chains of variables. */
export const asked = (model: Speaker): ReadonlyArray<Asked<Result>> => {
  const short = lengths.filter((_, i) => i % 2 === 0)
  const test = (name: string, about: string, probe: Probe): Asked<Result> =>
    needleStage({ name, about, subject: subject(model), text, evaluation: evaluation(probe, short, 2, 4321) })
  return [
    test("two-of-four", "four needles, two asked for", multiNeedle(4, 2, lwmMulti)),
    test("key-value", "one name among eight, in a chat's words", multiKey(8, chat)),
    test("variables", "chains of variables, in the manner of RULER", trackVariables()),
  ]
}
