/**
 * The pipeline `world`: LWM's language half at a scale that two cores finish in minutes. A base reads a book, its context
 * grows in stages by the table, it is tuned on questions, and is asked for needles over its whole context; beside it stands
 * a control that was tuned alike and never grew.
 *
 *     deno task plan world && deno task world
 *     deno task world --quick                      every stage at smaller targets, in minutes
 *     deno task run world --with=scale=tiny        all stages in seconds; nothing is learned
 * @module
 */
import { either as E } from "fp-ts"
import { type Reported, reported } from "../../report/outline.ts"
import { type Pipeline, pipeline } from "../../stage/stage.ts"
import { type Adjustable, adjustable } from "../adjust.ts"
import { byName, type Reach } from "../extend.ts"
import { based, beginning } from "./base.ts"
import { footing } from "./book.ts"
import { tests } from "./evaluating.ts"
import { grown } from "./growing.ts"
import { type Speaker, speaker } from "./models.ts"
import { quick, type Scale, standard, tiny } from "./scale.ts"
import { outline, samples } from "./told.ts"
import type { Common, Learned, Sequel } from "./training.ts"
import { questioning, tuned } from "./tuning.ts"
import { half } from "./vision/half.ts"

/** The stages at a scale, and what the report says of them. */
export const desk = (scale: Scale): Pipeline & Reported => {
  const { model, growing } = scale
  const { book, vocabulary, tokens } = footing(scale.chapters)
  const common: Common = { book, vocabulary, tokens, model }
  const last: Reach = growing.table.at(-1) ?? model
  const begin = beginning(model)
  const base = based(common, begin, scale.lessons)
  const longer = grown(common, base, growing)
  const questions = questioning(common, scale.tuning)
  const tune = (sequel: Sequel): Learned => tuned(common, questions, scale.tuning, sequel)
  const tuning = tune({
    name: "tuning",
    about: "questions from the book and needles, over the last context",
    ...{ learned: longer.at(-1) ?? base, reach: last },
  })
  const tuningOfControl = tune({
    name: "tuning-control",
    about: "the same over the base's context",
    ...{ learned: base, reach: model },
  })

  const speak = (sequel: Sequel): Speaker => speaker(common, sequel)
  const chat = speak({ name: "chat", about: "the model after all stages", learned: tuning, reach: last })
  const control = speak({
    name: "control",
    about: "the base, tuned alike, whose context never grew",
    ...{ learned: tuningOfControl, reach: model },
  })
  const before = speak({ name: "reader", about: "the base as it is", learned: base, reach: model })

  const onTheWay = growing.table.map((row, i) =>
    speak({ name: `reader-${row.name}`, about: `${row.name} as it is`, learned: longer[i]!, reach: row })
  )

  const vision = half(common, scale.sighting, tuning, last)

  const { needles, bits, byPosition, harder } = tests(common, scale.measuring, model.context, last.context)
  const stages = {
    ...byName([book, vocabulary, tokens, begin, base, ...longer]),
    ...byName([questions, tuning, chat, tuningOfControl, control]),
    ...byName([needles("needles", chat), needles("needles-control", control)]),
    ...byName([
      bits("bits-before", before),
      ...growing.table.map(({ name }, i) => bits(`bits-${name}`, onTheWay[i]!)),
      bits("bits-after", chat),
    ]),
    ...byName([byPosition("positions", chat), byPosition("positions-control", control)]),
    ...byName([...harder(chat), samples(onTheWay.at(-1) ?? before)]),
    ...byName([vision.photographs]),
    ...byName([vision.studio.eyes]),
    ...byName([vision.studio.codes]),
    ...byName([vision.eyesOpen, ...vision.sights, vision.last]),
    ...byName([vision.measured.kept, vision.measured.judge, vision.measured.trust]),
    ...byName([vision.measured.shown, vision.measured.answered]),
    ...byName([...vision.ablations, ...vision.measured.ablated]),
    ...byName([vision.measured.ablation, vision.measured.bits]),
  }
  const told = outline(model.context, last.context, growing.table.length)
  return reported(pipeline(scale.name, scale.about, stages), told)
}

/** The pipeline. */
export const world: Adjustable & Reported = adjustable(desk, {
  standard,
  settings: {
    scale: {
      about: "quick: most stages at an eighth of their steps; tiny: all stages in seconds, nothing is learned",
      set: (_, name) => name === "quick" ? E.right(quick) : name === "tiny" ? E.right(tiny) : E.left("quick or tiny"),
    },
  },
})
