/**
 * What the report of the pipeline `world` says beside its numbers, and what its model is given to go on with.
 * @module
 */
import { grouped } from "../../numbers.ts"
import type { Outline } from "../../report/outline.ts"
import { samplesStage } from "../../report/samples.ts"
import type { Sample } from "../../report/data.ts"
import type { Stage } from "../../stage/stage.ts"
import { languageOf, type Speaker } from "./models.ts"
import type { Around, DeskFault } from "./training.ts"

/** The outline of a recipe whose context grows from `first` tokens to `last` in so many stages. */
export const outline = (first: number, last: number, stages: number): Outline => ({
  title: `A small model learns to look back over ${grouped(last)} tokens, to see and to show`,
  says:
    `A base that reads ${first} tokens of Moby-Dick at a time is extended to ${grouped(last)} in ${stages} stages, ` +
    "tuned on questions about the book, and asked for needles hidden in chapters that no training has seen. " +
    "Beside it stands a control that was tuned alike and never extended. Then it gets a second vocabulary, the codes of " +
    "frames, and learns stills, videos, captions and questions about handwritten digits.",
  control: ["needles-control", "positions-control"],
  stages: {
    needles: {
      name: "Extended",
      says: `${stages} extensions, each with a larger rotary base, then tuned on questions.`,
    },
    "needles-control": {
      name: "Control: never extended",
      says: `The base, tuned alike on rows of ${first}: no extension, the same rotary base.`,
    },
    "bits-before": { name: "base" },
    "bits-after": { name: "after tuning" },
    "bits-vision": { name: "after vision" },
    positions: { name: "extended" },
    "positions-control": { name: "control" },
    "two-of-four": { name: "Extended", says: "Four needles are hidden, and two of them asked for in one question." },
    "key-value": { name: "Extended", says: "Eight invented names with numbers are hidden, and one is asked for." },
    variables: {
      name: "Extended",
      says:
        "Variables are set to each other in chains, and all names of one value asked for: nothing like it was trained.",
    },
  },
  commands: ["plan world", "world", "report world"].map((line) => `npx -y deno task ${line}`),
})

const drawn = { temperature: 0.7, topP: 0.95 }

/** Beginnings that a model goes on with. */
export const samples = (model: Speaker): Stage<ReadonlyArray<Sample>, DeskFault, Around> =>
  samplesStage({
    name: "samples",
    subject: { model, open: (files) => languageOf(model.name, files), as: null },
    prompts: [
      { text: "It was a dark and stormy night, and the captain", limit: 60, sampling: { ...drawn, seed: 1 } },
      { text: "The white whale rose out of the sea, and", limit: 60, sampling: { ...drawn, seed: 2 } },
    ],
  })
