/**
 * The pipeline `world`: LWM's language half at a scale that two cores finish in minutes. A base reads a book, its context
 * grows in stages by the table, it is tuned on questions, and is asked for needles over its whole context; beside it stands
 * a control that was tuned alike and never grew.
 * @module
 */
import { type Reported, reported } from "../../report/outline.ts"
import { type Pipeline, pipeline } from "../../stage/stage.ts"
import { base, beginning } from "./base.ts"
import { book, tokens, vocabulary } from "./book.ts"
import { asked, bits, byPosition, needles } from "./evaluating.ts"
import { grown, last } from "./growing.ts"
import { reach } from "./model.ts"
import { type Speaker, speaker } from "./models.ts"
import { byName } from "../extend.ts"
import { outline, samples } from "./told.ts"
import { questions, tuned } from "./tuning.ts"
import type { Learned } from "./training.ts"

const tuning: Learned = tuned(
  "tuning",
  "questions from the book and needles, over the last context",
  grown.at(-1)!,
  last,
)

const tuningOfControl: Learned = tuned("tuning-control", "the same over the base's context", base, reach)

/** What people talk to. */
export const chat: Speaker = speaker("chat", "the model after all stages", tuning, last)

/** What it is compared with. */
export const control: Speaker = speaker(
  "control",
  "the base, tuned alike, whose context never grew",
  tuningOfControl,
  reach,
)

const before: Speaker = speaker("reader", "the base as it is", base, reach)

const declared: Pipeline = pipeline(
  "world",
  "Moby-Dick, a context that grows eightfold, questions, needles: minutes on two cores",
  {
    ...byName([book, vocabulary, tokens, beginning]),
    base,
    ...byName(grown),
    ...byName([questions, tuning, chat, tuningOfControl, control]),
    ...byName([needles("needles", chat), needles("needles-control", control)]),
    ...byName([bits("bits-before", before), bits("bits-after", chat)]),
    ...byName([byPosition("positions", chat), byPosition("positions-control", control)]),
    ...byName([...asked(chat), samples(chat)]),
  },
)

/** The pipeline, and what its report says of it. */
export const world: Pipeline & Reported = reported(declared, outline)
