/**
 * Stages of trainings as recipes have them: a row of the table learned from documents of its length, and tuning on questions
 * about them. Of large models the forecast is that of `forecast.ts`, so that a plan takes seconds.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { Device } from "../../core/device/device.ts"
import { type Config, parameterCount } from "../../models/llama/config.ts"
import type { Plan } from "../../models/llama/plan.ts"
import type { Recipe } from "../../models/llama/train.ts"
import type { Bin, KeptFault } from "../data/documents.ts"
import type { Batches, Packing } from "../data/example.ts"
import type { DataFault } from "../data/fault.ts"
import { named } from "../data/named.ts"
import type { Source } from "../data/source.ts"
import type { Events } from "../events.ts"
import { lazily, orFail } from "../known.ts"
import type { AskFault } from "../language/language.ts"
import { grouped, short } from "../numbers.ts"
import type { Pairs } from "../questions/pairs.ts"
import { composedOf, dialoguesOf, documentsOf, inventedOf } from "../questions/sequences.ts"
import { type Tuning, tuningRows, writtenOf } from "../questions/stage.ts"
import type { WriterFault } from "../questions/writer.ts"
import type { Expectation, Json, Stage } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import type { TrainingFault } from "../train/loop.ts"
import { trainingStage } from "../train/stage.ts"
import type { Stepping } from "../train/step.ts"
import type { Trained } from "../train/training.ts"
import { cacheBytes, costRatio } from "./costs.ts"
import { configOf, type Extension, type Reach, recipeOf, standardStep } from "./extend.ts"
import { stackedDigests, stackedExpectation } from "./forecast.ts"
import { type Documents, Material, openMaterial, textRows } from "./material.ts"

// ---- types -------------------------------------------------------------------

/** Faults of a recipe's trainings. */
export type GrowingFault = TrainingFault | DataFault | KeptFault | WriterFault | AskFault

/** What a recipe needs around it. */
export type Around = Device | Store | Events

/** A stage that makes a model. */
export type Model = Stage<Trained, GrowingFault, Around>

/** What the trainings of a recipe share. */
export interface Growing {
  /** The recipe's name: stages are called `name-32K`. */
  readonly name: string
  readonly config: Config
  /** Where the base's context ends: what a token costs is told beside it. */
  readonly reach: Reach
  readonly material: Material
  readonly documents: Stage<Documents, DataFault | KeptFault, Store | Events>
  readonly seed: number
  readonly step?: typeof standardStep
  readonly plan: (row: Pick<Extension, "name">) => Plan
  /** What people should know of a row beside what is known of all. */
  readonly notes?: (row: Extension) => ReadonlyArray<string>
}

// ---- notes -------------------------------------------------------------------

const few = (n: number): string => Number(n.toFixed(2)).toString()

const parametersOf = (c: Config): string => `${grouped(parameterCount(c))} parameters`

const notesOf = (g: Growing, row: Extension): ReadonlyArray<string> => [
  parametersOf(g.config),
  `theta ${short(row.theta)}`,
  `warm-up ${row.warmup}, then ${row.rate.toExponential()}`,
  `a token costs ${few(costRatio(g.config, g.reach.context, row.context))} x one at ${g.reach.context / 1024}K`,
  `keys and values ${few(cacheBytes(g.config, row.context, 4) / 2 ** 30)} GiB in f32`,
  ...(row.bin === undefined ? [] : [
    `documents of ${short(row.bin.from)}${Number.isFinite(row.bin.below) ? ` to ${short(row.bin.below)}` : "+"} tokens`,
  ]),
  ...(g.notes?.(row) ?? []),
]

/** What is particular to a training: what it reads, and how that becomes rows. */
interface Reading<D> {
  readonly about: string
  readonly packed: boolean
  /** All that the rows depend on beside what `from` makes. */
  readonly settings: Json
  readonly from: Stage<D, GrowingFault, Around>
  readonly rows: (made: D) => Batches<DataFault | KeptFault, Store | Events>
}

/** A stage that tells what the forecast of a stack says, and these notes. */
const planned = (declared: Model, stepping: Stepping, notes: ReadonlyArray<string>): Model => ({
  ...declared,
  graphs: lazily(() => stackedDigests(stepping)),
  expects: lazily(() => E.map((x: Expectation): Expectation => ({ ...x, notes }))(stackedExpectation(stepping))),
})

/** A training of a row: the model of the row, from the parameters of the one before it. */
const trained = <D>(g: Growing, row: Extension, before: Model, r: Reading<D>): Model => {
  const stepping: Stepping = {
    config: configOf(g.config, row),
    recipe: recipeOf(row, g.step ?? standardStep),
    plan: g.plan(row),
    packed: r.packed,
  }
  const declared = trainingStage({
    ...stepping,
    name: `${g.name}-${row.name}`,
    about: r.about,
    seed: g.seed,
    needs: { before, from: r.from },
    start: (outputs) => outputs.before.parameters,
    data: { settings: r.settings, batches: (outputs) => r.rows(outputs.from) },
  })
  return planned(declared, stepping, notesOf(g, row))
}

// ---- text --------------------------------------------------------------------

/** What is read of text: the documents of a bin, in rows of a recipe. */
const textOf = (
  g: Growing,
  packing: Packing,
  bin: Bin | undefined,
  { batch, time }: Pick<Recipe, "batch" | "time">,
) => {
  const top = bin === undefined || !Number.isFinite(bin.below) ? null : bin.below
  return {
    packed: packing.name === "masked",
    settings: {
      ...{ material: Material.encode(g.material) as Json, from: bin?.from ?? 0, below: top, packing: packing.name },
    },
    from: g.documents,
    rows: () => textRows(g.material, bin, packing, { batch, time, seed: g.seed }),
  }
}

/** A base that begins from nothing, where nobody brings one: `name-base`. */
export const baseStage = (g: Growing, packing: Packing, recipe: Recipe): Model => {
  const { packed, settings, from, rows } = textOf(g, packing, undefined, recipe)
  const stepping: Stepping = { config: g.config, recipe, plan: g.plan({ name: "base" }), packed }
  const declared = trainingStage({
    ...stepping,
    name: `${g.name}-base`,
    about: "base: learns from text, from nothing",
    seed: g.seed,
    needs: { from },
    data: { settings, batches: rows },
  })
  return planned(declared, stepping, [parametersOf(g.config), `theta ${short(g.config.theta)}`])
}

/** Learns from the documents of a row's bin, as LWM's text stages do. */
export const textStage = (g: Growing, packing: Packing) => (row: Extension, before: Model): Model =>
  trained(g, row, before, {
    about: `${row.name}: learns from text`,
    ...textOf(g, packing, row.bin, { batch: row.tokens / row.context, time: row.context }),
  })

// ---- chat --------------------------------------------------------------------

/** What chat is tuned on. */
export interface Chatting {
  readonly questions: Stage<Pairs, GrowingFault, Around>
  /** Tokens of a chunk. */
  readonly size: number
  /** Records of dialogues, as UltraChat has them; without, dialogues are made of the documents by rule. */
  readonly dialogues: ReadonlyArray<string>
  readonly shares: readonly [chat: number, questions: number]
  /** Tokens of a passage and questions about it, where dialogues are made of documents; 200 and 3. */
  readonly invented?: { readonly size: number; readonly turns: number }
}

const standardInvented = { size: 200, turns: 3 }

const openTuning = (
  g: Growing,
  c: Chatting,
  pairs: Pairs,
  target: number,
): Effect.Effect<Tuning<never>, DataFault | KeptFault, Store> =>
  Effect.gen(function* () {
    const { train, tokenizer } = yield* openMaterial(g.material)
    const documents = documentsOf(train, tokenizer)
    const questions = composedOf(documents, tokenizer, yield* writtenOf(pairs, c.size), target)
    if (c.dialogues.length === 0) {
      return {
        tokenizer,
        questions,
        chat: inventedOf(documents, tokenizer, { seed: g.seed, ...(c.invented ?? standardInvented) }),
      }
    }
    const source: Source = yield* orFail(named(c.dialogues))
    return { tokenizer, questions, chat: dialoguesOf(source, tokenizer) }
  })

/** Tunes a model of a length on questions about documents and on short chat. */
export const chatStage = (g: Growing, c: Chatting) => (row: Extension, before: Model): Model => {
  const { context: time, tokens } = row
  const [chat, questions] = c.shares
  return trained(g, row, before, {
    about: `${row.name}: learns to answer, ${chat} rows of chat to ${questions} of questions`,
    packed: true,
    settings: {
      material: Material.encode(g.material) as Json,
      dialogues: c.dialogues,
      size: c.size,
      shares: c.shares,
      ...(c.dialogues.length === 0 ? { invented: c.invented ?? standardInvented } : {}),
    },
    from: c.questions,
    rows: (pairs) =>
      tuningRows(openTuning(g, c, pairs, time), {
        ...{ batch: tokens / time, time, seed: g.seed, shares: c.shares },
      }),
  })
}
