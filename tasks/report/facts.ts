/**
 * What is known of stages: how each stands in the store, what trainings among them are, and what each measurement is of.
 * @module
 */
import { either as E } from "fp-ts"
import type * as t from "io-ts"
import { parameterCount } from "../../models/llama/config.ts"
import { schedule } from "../../models/llama/recipe.ts"
import { expectationOf } from "../stage/guard.ts"
import type { AnyStage, Json } from "../stage/stage.ts"
import { declared } from "../train/declared.ts"
import { Trained } from "../train/training.ts"
import type { Found, Lane, StageFacts, TrainingFacts } from "./data.ts"
import type { Outline } from "./outline.ts"
import type { Spent } from "./times.ts"

// ---- types -------------------------------------------------------------------

/** A stage as it lies in the store. */
export interface Stood {
  readonly stage: AnyStage
  readonly key: string | undefined
  readonly digest: string | undefined
  /** Its output; undefined where it is not made. */
  readonly value: Json | undefined
  readonly made: string
  readonly spent: Spent
}

// ---- trainings -----------------------------------------------------------------

/** The stages that one is made of: itself, what it needs, what those need; the nearest first, each once. */
export const behind = (s: AnyStage): ReadonlyArray<AnyStage> => {
  const seen = new Set<AnyStage>([s])
  for (const one of seen) for (const need of Object.values(one.needs)) seen.add(need)
  return [...seen]
}

/** The training that was last before a stage. */
const lastTraining = (s: AnyStage): AnyStage | undefined => behind(s).find((x) => declared(x) !== undefined)

// ---- lanes -----------------------------------------------------------------------

const saidControl = ({ control }: Outline, { name }: AnyStage): boolean =>
  control === undefined ? /control/i.test(name) : control.includes(name)

/** Which stages are the control's alone: what its measurements are made of, and the model's are not. */
export const lanes = (stages: ReadonlyArray<AnyStage>, outline: Outline): (s: AnyStage) => Lane => {
  const of = (measured: ReadonlyArray<AnyStage>): ReadonlySet<AnyStage> => new Set(measured.flatMap(behind))
  const ends = stages.filter((s) => !stages.some((other) => Object.values(other.needs).includes(s)))
  const control = of(stages.filter((s) => saidControl(outline, s)))
  const model = of(ends.filter((s) => !saidControl(outline, s) && ![...control].includes(s)))
  return (s) => saidControl(outline, s) || (control.has(s) && !model.has(s)) ? "control" : "model"
}

// ---- facts -----------------------------------------------------------------------

const training = (s: Stood, lane: Lane): TrainingFacts | null => {
  const written = declared(s.stage)
  if (written === undefined) return null
  const { config, recipe } = written
  const output = Trained.decode(s.value)
  const expected = expectationOf(s.stage)
  return {
    lane,
    ...{ context: recipe.time, theta: config.theta, rows: recipe.batch, steps: recipe.steps },
    tokens: recipe.steps * recipe.batch * recipe.time,
    rate: schedule(recipe).peak,
    parameters: parameterCount(config),
    curve: E.isRight(output) ? output.right.curve : [],
    tokensPerSecond: s.spent.tokensPerSecond,
    forecast: E.isRight(expected) ? expected.right.memory ?? null : null,
    measured: s.spent.measured,
  }
}

/** A stage as the page shows it. */
export const factsOf = (s: Stood, lane: Lane): StageFacts => ({
  ...{ name: s.stage.name, about: s.stage.about, version: s.stage.version },
  ...{ key: s.key ?? null, digest: s.digest ?? null, made: s.made },
  needs: Object.values(s.stage.needs).map((n) => n.name),
  ...{ cached: s.digest !== undefined && s.spent.cached, seconds: s.spent.seconds, settings: s.stage.settings },
  training: training(s, lane),
})

/** The outputs of all stages of a codec, each as a finding. */
export const findings = <A extends { readonly language: string }>(
  all: ReadonlyArray<Stood>,
  codec: t.Type<A, unknown>,
  lane: (s: AnyStage) => Lane,
  outline: Outline,
): ReadonlyArray<Found<A>> =>
  all.flatMap(({ stage, value }) => {
    const result = stage.output === codec && value !== undefined ? codec.decode(value) : undefined
    if (result === undefined || E.isLeft(result)) return []
    const last = lastTraining(stage)
    const said = outline.stages?.[stage.name]
    return [{
      stage: stage.name,
      name: said?.name ?? result.right.language,
      says: said?.says ?? (stage.about === "" ? "" : `${stage.about[0]!.toUpperCase()}${stage.about.slice(1)}.`),
      lane: lane(stage),
      reach: last === undefined ? null : declared(last)!.recipe.time,
      result: result.right,
    }]
  })
