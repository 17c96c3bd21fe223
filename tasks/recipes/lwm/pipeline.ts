/**
 * The Large World Model as the paper has it. Stage I: Llama-2 7B, its context grown from 4K to 1M in five stages, tuned for
 * chat at four lengths on questions about books, measured by needles at each. Stage II (`vision.ts`): the text model of 1M
 * learns to see, from single images to videos of a million tokens. It can be planned on any machine; to be run it needs the
 * weights, books, codes of pictures, and 256 ranks for text, 512 for pictures.
 *
 * Ranks: LWM divides rows among `fsdp`, heads among `tp`, places among `sp`; parameters lie in parts on all of them. Here
 * `data` is LWM's `fsdp` and `ring` its `tp` times `sp` (`mesh.ts`), and every rank has the whole of parameters and moments.
 * @module
 */
import { either as E } from "fp-ts"
import { parameterCount } from "../../../models/llama/config.ts"
import { long, type Plan } from "../../../models/llama/plan.ts"
import { presets } from "../../../models/llama/presets.ts"
import { paper as paperBins } from "../../data/documents.ts"
import { stream } from "../../data/packing.ts"
import { standardSize } from "../../questions/chunks.ts"
import type { WriterChoice } from "../../questions/choice.ts"
import { standardShares } from "../../questions/stage.ts"
import { regressionStage } from "../../evaluate/stage.ts"
import { type AnyStage, type Pipeline, pipeline } from "../../stage/stage.ts"
import { questionsOf } from "../ask.ts"
import { type Adjustable, adjustable } from "../adjust.ts"
import { byName, configOf, extend, type Extension } from "../extend.ts"
import { chatStage, type Growing, type Model, textStage } from "../grow.ts"
import { documentsStage, heldOutStage, type Material } from "../material.ts"
import { bitsOf, needlesOf } from "../measure.ts"
import { lwmMesh, ours } from "../mesh.ts"
import { sayable, served } from "../sayable.ts"
import { weightsStage } from "../weights.ts"
import { nothingSeen, seeable, visionOf, type VisionSettings } from "./vision.ts"
import { chatStages, devices, paperBillions, reach, type Row, textStages } from "./table.ts"

// ---- settings ------------------------------------------------------------------

/** What the paper does not say, or only its authors have. */
export interface LwmSettings extends VisionSettings {
  /** Folder of Llama-2 7B as Hugging Face's readers know it. */
  readonly weights: string | undefined
  /** Books to learn from: the paper's cannot be had any more, PG-19 stands in for them. */
  readonly books: ReadonlyArray<string>
  /** Dialogues as UltraChat has them; without, they are made of the books by rule. */
  readonly dialogues: ReadonlyArray<string>
  /** Who writes questions: in the paper a language model of short context. */
  readonly writer: WriterChoice
  readonly seed: number
}

/** Nothing is brought yet; questions are written by a model that is served on this machine. */
export const lwmSettings: LwmSettings = {
  ...nothingSeen,
  weights: undefined,
  books: [],
  dialogues: [],
  writer: served,
  seed: 42,
}

// ---- numbers -------------------------------------------------------------------

/** LWM's 7B: Llama-2's matrices, with LWM's epsilon. */
const config = presets["7b"]

const rowNamed = (name: string): Row => [...textStages, ...chatStages].find((r) => r.name === name)!

/** The mesh of a row, ours. The table's meshes fit their devices: a test holds them to it. */
const spreadOf = ({ mesh }: Row): Plan["spread"] => {
  const found = lwmMesh(mesh, devices)
  return E.isRight(found) ? ours(found.right) : long.spread
}

const planOf = ({ name }: Pick<Extension, "name">): Plan => ({ ...long, spread: spreadOf(rowNamed(name)) })

/** What `plan` says of a row: the paper's figures, and what becomes of its mesh. */
export const paperNotes = ({ name, steps, tokens }: Extension): ReadonlyArray<string> => [
  `${steps} x 4M = ${Number(paperBillions({ steps, tokens }).toFixed(2))}B tokens (M is 2^20)`,
  `LWM's mesh ${rowNamed(name).mesh} on ${devices} chips: ${tokens / devices} tokens a rank there and here`,
  `${Math.round((3 * 4 * parameterCount(config)) / 2 ** 30)} GiB a rank are parameters and moments, which LWM divides`,
]

// ---- stages --------------------------------------------------------------------

const materialOf = ({ books }: LwmSettings): Material => ({
  ...{ flag: "books", names: books, joined: false, tokenizer: "llama2", held: { heldOut: 0.01, by: "document" } },
})

const growingOf = (s: LwmSettings): Growing => ({
  name: "lwm",
  config,
  reach,
  material: materialOf(s),
  documents: documentsStage("lwm-books", materialOf(s), paperBins),
  seed: s.seed,
  plan: planOf,
  notes: paperNotes,
})

/** Characters of books that are kept for haystacks: more than a million tokens. */
const haystack = 6_000_000

/** The pipeline of some settings. */
export const lwmOf = (s: LwmSettings): Pipeline => {
  const growing = growingOf(s)
  const base: Model = weightsStage({ name: "llama-2-7b", model: "Llama-2 7B", config, folder: s.weights })
  const heldOut = heldOutStage("lwm-held-out", growing.material, haystack)
  const text = extend(textStages, reach, base, textStage(growing, stream))
  const chatting = {
    questions: questionsOf(growing, s.writer, base, standardSize),
    size: standardSize,
    dialogues: s.dialogues,
    shares: standardShares,
  }
  const chat = chatStages.map((row, i) => chatStage(growing, chatting)(row, text[i + 1]!))
  const needles = chat.map((model, i) => {
    const row = chatStages[i]!
    return needlesOf(`lwm-needles-${row.name}`, model, configOf(config, row), "llama2", heldOut)
  })
  const bits = (name: string, model: Model, at: { readonly context: number; readonly theta: number }) =>
    bitsOf(`lwm-bits-${name}`, model, configOf(config, at), "llama2", heldOut, reach.context)
  const before = bits("base", base, reach)
  const after = text.map((model, i) => bits(textStages[i]!.name, model, textStages[i]!))
  const regressions = after.map((stage, i) =>
    regressionStage({ name: `lwm-short-${textStages[i]!.name}`, before, after: stage })
  )
  const vision = visionOf(s, text.at(-1)!)
  const stages: ReadonlyArray<AnyStage> = [
    ...[base, growing.documents, heldOut, ...text, chatting.questions, ...chat],
    ...[before, ...after, ...regressions, ...needles],
    ...[vision.vqgan, ...vision.seen, ...vision.models],
  ]
  const about = "The Large World Model: Llama-2 7B from 4K to 1M tokens, tuned for chat, found needles; then it sees"
  return pipeline("lwm-7b", about, byName(stages))
}

/** The declared pipeline. Without weights and books it is planned; run, it says what to bring. */
export const lwm7b: Adjustable = adjustable(lwmOf, {
  standard: lwmSettings,
  settings: {
    weights: {
      about: "a folder of Llama-2 7B: config.json and .safetensors",
      set: (s, weights) => E.right({ ...s, weights }),
    },
    ...sayable(),
    ...seeable(),
  },
})
