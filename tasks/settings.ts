/**
 * What a run of the world task depends on: the model, the recipe, the seed, and when it looks and saves. It is written
 * beside the checkpoints, so that a run goes on with what it began with.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, decodeValue, type FileFault, fileFault, natural, positive } from "../core/files/codec.ts"
import { type Config, configFaults } from "../models/llama/config.ts"
import { type Recipe, Recipe as RecipeCodec, recipeFaults } from "../models/llama/recipe.ts"
import * as bytes from "../models/tokenizers/bytes.ts"
import { ConfigCodec } from "./train/settings.ts"

/** Everything that the outcome depends on. */
export interface Settings {
  readonly version: 1
  readonly task: "world"
  readonly seed: number
  readonly model: Config
  readonly recipe: Recipe
  /** Steps between two looks at the first `glance` held-out bytes. */
  readonly look: number
  readonly glance: number
  /** Steps between two checkpoints. */
  readonly save: number
}

const model: Config = {
  vocab: bytes.vocab,
  model: 128,
  hidden: 352,
  layers: 2,
  groups: 4,
  share: 1,
  head: 32,
  theta: 10_000,
  epsilon: 1e-6,
  context: 128,
}

const recipe: Recipe = {
  batch: 8,
  time: 128,
  steps: 3000,
  warmup: 200,
  peak: 2e-3,
  end: 4e-5,
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
}

/** A run of a few minutes on two cores. */
export const standard: Settings = {
  version: 1,
  task: "world",
  seed: 42,
  model,
  recipe,
  look: 250,
  glance: 8192,
  save: 250,
}

/** The same with another number of steps: the warm-up is a tenth of them at most. */
export const withSteps = (s: Settings, steps: number): Settings => ({
  ...s,
  recipe: { ...s.recipe, steps, warmup: Math.min(s.recipe.warmup, Math.ceil(steps / 10)) },
  look: Math.min(s.look, Math.max(1, Math.ceil(steps / 10))),
  save: Math.min(s.save, Math.max(1, Math.ceil(steps / 10))),
})

// ---- codec -------------------------------------------------------------------

const Codec: t.Type<Settings, unknown> = t.strict({
  version: t.literal(1),
  task: t.literal("world"),
  seed: natural,
  model: ConfigCodec,
  recipe: RecipeCodec,
  look: positive,
  glance: positive,
  save: positive,
})

const within = (name: string, value: number, low: number, high: number): ReadonlyArray<FileFault> =>
  value >= low && value <= high
    ? []
    : [fileFault("value", name, `settings: ${name} is ${value}; expected ${low} to ${high}`)]

/** What numbers that are each well do not say together. */
const faultsOf = ({ model: m, recipe: r }: Settings): ReadonlyArray<FileFault> => [
  ...configFaults(m),
  ...within("recipe.time", r.time, 2, m.context),
  ...recipeFaults(r),
]

type Checked = E.Either<ReadonlyArray<FileFault>, Settings>

const checked = E.flatMap((s: Settings): Checked => {
  const faults = faultsOf(s)
  return faults.length > 0 ? E.left(faults) : E.right(s)
})

/** Settings out of text. */
export const decodeSettings = (text: string): Checked => checked(decodeJson(Codec, text))

/** Settings that were put together by a program. */
export const checkSettings = (s: Settings): Checked => checked(decodeValue(Codec, s))

/** Settings as text; equal settings, equal text. */
export const encodeSettings = (s: Settings): string => JSON.stringify(Codec.encode(s), null, 2) + "\n"

/** Settings for people. */
export const listed = ({ model: m, recipe: r, ...s }: Settings): ReadonlyArray<readonly [string, string]> => [
  ["layers", String(m.layers)],
  ["model", String(m.model)],
  ["hidden", String(m.hidden)],
  ["heads", m.share === 1 ? `${m.groups} of ${m.head}` : `${m.groups * m.share} of ${m.head}, ${m.groups} of keys`],
  ["rotary base", String(m.theta)],
  ["batch", `${r.batch} rows of ${r.time} bytes`],
  ["steps", `${r.steps}, ${r.warmup} of them warm-up`],
  ["rate", `${r.peak} down to ${r.end}`],
  ["AdamW", `betas ${r.beta1} and ${r.beta2}, decay ${r.decay}`],
  ["clip", `global norm ${r.clip}`],
  ["seed", String(s.seed)],
  ["score", `windows of ${r.time} bytes that slide by ${Math.floor(r.time / 2)}; the first byte counts 8 bits`],
]
