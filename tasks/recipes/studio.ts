/**
 * The recipe at the scale of one large GPU: LWM's 200m from nothing to 128K tokens, with the same kinds of stages as
 * `lwm-7b`. It fits into 80 GB and takes less than a day where the card does 40 % of what an H100 does in f32. With 128K tokens
 * a step, no array is larger than half a gibibyte, so the sequence needs no ring on one card.
 * @module
 */
import { either as E } from "fp-ts"
import { long } from "../../models/llama/plan.ts"
import { type Preset, presets } from "../../models/llama/presets.ts"
import type { Recipe } from "../../models/llama/train.ts"
import { stream } from "../data/packing.ts"
import { regressionStage } from "../evaluate/stage.ts"
import { standardSize } from "../questions/chunks.ts"
import type { WriterChoice } from "../questions/choice.ts"
import { standardShares } from "../questions/stage.ts"
import { type AnyStage, type Expectation, type Pipeline, pipeline } from "../stage/stage.ts"
import { questionsOf } from "./ask.ts"
import { type Adjustable, adjustable } from "./adjust.ts"
import { byName, configOf, extend, type Extension, type Reach, standardStep } from "./extend.ts"
import { baseStage, chatStage, type Growing, type Model, textStage } from "./grow.ts"
import { documentsStage, heldOutStage, type Material } from "./material.ts"
import { bitsOf, gridUpTo, needlesOf } from "./measure.ts"
import { sayable } from "./sayable.ts"

// ---- settings ------------------------------------------------------------------

/** What may be chosen. */
export interface StudioSettings {
  /** `200m`; `1b` fits as well, and takes four times as long. */
  readonly preset: Preset
  /** The speeches that come with npm, if nobody brings more: 2.7 million tokens, which are read a hundred times. */
  readonly books: ReadonlyArray<string>
  /** Dialogues as UltraChat has them; without, they are made of the books by rule. */
  readonly dialogues: ReadonlyArray<string>
  readonly writer: WriterChoice
  readonly seed: number
}

/** What comes with npm, and rules. */
export const studioSettings: StudioSettings = {
  ...{ preset: "200m", books: ["speeches"], dialogues: [], writer: { kind: "rules" }, seed: 42 },
}

// ---- numbers -------------------------------------------------------------------

const K = 1024

/** Where growing begins. */
export const studioReach: Reach = { context: 4 * K, theta: 10_000 }

const tokens = 128 * K

const row = (
  [name, context, theta, steps, warmup]: readonly [string, number, number, number, number],
  rate = 1e-4,
): Extension => ({ name, context, theta, steps, warmup, tokens, rate })

/** The table: each stage looks twice as far as the last at least; at 128K theta is LWM's. */
export const studioStages: ReadonlyArray<Extension> = [
  row(["16K", 16 * K, 5e5, 400, 40]),
  row(["64K", 64 * K, 5e6, 200, 20]),
  row(["128K", 128 * K, 1e7, 150, 15]),
]

const chatRow = row(["chat-128K", 128 * K, 1e7, 100, 10], 5e-5)

const baseRecipe: Recipe = {
  ...standardStep,
  ...{
    batch: tokens / studioReach.context,
    time: studioReach.context,
    steps: 3000,
    warmup: 200,
    peak: 6e-4,
    end: 6e-5,
  },
}

/** Operations in a second of an H100, without sparsity, and how much of it training gets. */
export const card: { readonly f32: number; readonly bf16: number; readonly share: number } = {
  f32: 67e12,
  bf16: 989e12,
  share: 0.4,
}

/** Hours of so many operations. */
export const hours = (flops: number, perSecond: number): number => flops / (perSecond * card.share) / 3600

/** Tells how long a stage takes on an H100. */
const timed = (model: Model): Model => ({
  ...model,
  expects: () =>
    E.map((x: Expectation): Expectation => {
      const [wide, narrow] = [card.f32, card.bf16].map((speed) => hours(x.flops ?? 0, speed).toFixed(1))
      const time = `${wide} h at 40 % of an H100 in f32, ${narrow} h in bf16`
      return { ...x, notes: [...(x.notes ?? []), time] }
    })(model.expects()),
})

// ---- stages --------------------------------------------------------------------

/** The pipeline of some settings. */
export const studioOf = (s: StudioSettings): Pipeline => {
  const config = { ...presets[s.preset], ...studioReach }
  const material: Material = {
    ...{ flag: "books", names: s.books, joined: false, tokenizer: "llama2", held: { heldOut: 0.02, by: "document" } },
  }
  const documents = documentsStage("studio-books", material, [])
  const heldOut = heldOutStage("studio-held-out", material, 1_000_000)
  const growing: Growing = {
    ...{ name: "studio", config, reach: studioReach, material, documents, seed: s.seed, plan: () => long },
  }
  const base = timed(baseStage(growing, stream, baseRecipe))
  const text = extend(studioStages, studioReach, base, (row, before) => timed(textStage(growing, stream)(row, before)))
  const questions = questionsOf(growing, s.writer, base, standardSize)
  const chatting = { questions, size: standardSize, dialogues: s.dialogues, shares: standardShares }
  const chat = timed(chatStage(growing, chatting)(chatRow, text.at(-1)!))
  const longest = configOf(config, chatRow)
  const bits = (name: string, model: Model, at: Reach) =>
    bitsOf(`studio-bits-${name}`, model, configOf(config, at), material.tokenizer, heldOut, studioReach.context)
  const before = bits("base", base, studioReach)
  const after = bits("128K", text.at(-1)!, chatRow)
  const stages: ReadonlyArray<AnyStage> = [
    ...[documents, heldOut, base, ...text, questions, chat, before, after],
    regressionStage({ name: "studio-short-128K", before, after }),
    needlesOf("studio-needles", chat, longest, material.tokenizer, heldOut, gridUpTo(chatRow.context, { rounds: 1 })),
  ]
  return pipeline("studio", `LWM's stages on one large GPU: ${s.preset} from 4K to 128K tokens`, byName(stages))
}

/** The declared pipeline. */
export const studio: Adjustable = adjustable(studioOf, {
  standard: studioSettings,
  settings: {
    preset: {
      about: Object.keys(presets).join(", "),
      set: (s, text) =>
        Object.hasOwn(presets, text)
          ? E.right({ ...s, preset: text as Preset })
          : E.left(`one of ${Object.keys(presets).join(", ")}`),
    },
    ...sayable(),
  },
})
