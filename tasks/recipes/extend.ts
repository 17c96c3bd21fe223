/**
 * How context grows: a table of stages, each longer than the one before, each going on from its parameters with a larger
 * rotary base. The desk recipe, `studio` and `lwm-7b` are three tables of the same kind.
 *
 * ```ts
 * import type { Stage } from "../stage/stage.ts"
 * import type { Trained } from "../train/training.ts"
 *
 * declare const base: Stage<Trained>
 * declare const train: (row: Extension, before: Stage<Trained>) => Stage<Trained>
 *
 * const table: ReadonlyArray<Extension> = [
 *   { name: "1K", context: 1024, theta: 1e5, steps: 200, tokens: 4096, warmup: 20, rate: 3e-4 },
 *   { name: "4K", context: 4096, theta: 1e6, steps: 100, tokens: 4096, warmup: 10, rate: 3e-4 },
 * ]
 * const stages = extend(table, { context: 256, theta: 1e4 }, base, train)
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Recipe } from "../../models/llama/train.ts"
import type { Bin } from "../data/documents.ts"
import type { AnyStage, Needs } from "../stage/stage.ts"

// ---- types -------------------------------------------------------------------

/** One stage of growing: how far it looks, and what it learns in how many steps. */
export interface Extension {
  /** What people call it: `32K`. */
  readonly name: string
  /** Tokens in a row. */
  readonly context: number
  /** Base of the rotary wavelengths; a larger one turns the slow pairs more slowly. */
  readonly theta: number
  readonly steps: number
  /** Tokens in a step: whole rows. */
  readonly tokens: number
  /** Steps in which the rate rises from 0. */
  readonly warmup: number
  /** The rate after that. */
  readonly rate: number
  /** The rate at the end, to which half a cosine falls; without, the rate stays. */
  readonly end?: number
  /** The documents that it reads; all of them without. */
  readonly bin?: Bin
}

/** Where growing begins: what the base was trained for. */
export type Reach = Pick<Config, "context" | "theta">

// ---- numbers -------------------------------------------------------------------

/** Rows in a step. */
export const rowsOf = ({ tokens, context }: Extension): number => tokens / context

/** Tokens of all steps. */
export const tokensOf = ({ steps, tokens }: Extension): number => steps * tokens

/** The model of a row: the same matrices, which look further. */
export const configOf = (c: Config, { context, theta }: Reach): Config => ({ ...c, context, theta })

/** What a step does beside the table: AdamW as LWM's scripts have it, and the mean of rows, each of its own tokens. */
export const standardStep: Pick<Recipe, "clip" | "decay" | "beta1" | "beta2"> & Partial<Recipe> = {
  clip: 1,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  reduction: "rows",
}

/** The recipe of a row: up to its rate in a line, then constant, or down to its end by half a cosine. */
export const recipeOf = (row: Extension, step: typeof standardStep = standardStep): Recipe => ({
  ...step,
  batch: rowsOf(row),
  time: row.context,
  steps: row.steps,
  warmup: row.warmup,
  peak: row.rate,
  end: row.end ?? row.rate,
  ...(row.end === undefined ? { rate: { kind: "constant", peak: row.rate, warmup: row.warmup } as const } : {}),
})

// ---- rules -----------------------------------------------------------------------

const whole = (n: number): boolean => Number.isSafeInteger(n) && n >= 1

/** What must hold of a row beside the one before it, and what to say when it does not. */
const rules: ReadonlyArray<{
  readonly holds: (row: Extension, before: Reach) => boolean
  readonly say: (row: Extension, before: Reach) => string
}> = [
  {
    holds: (r) => whole(r.context) && whole(r.tokens) && whole(r.steps),
    say: (r) => `context ${r.context}, tokens ${r.tokens} and steps ${r.steps} must be whole numbers from 1`,
  },
  {
    holds: (r) => r.tokens % r.context === 0,
    say: (r) =>
      `a step of ${r.tokens} tokens is no whole number of rows of ${r.context}; give a multiple of the context`,
  },
  {
    holds: (r, before) => r.context > before.context,
    say: (r, before) => `a context of ${r.context} follows one of ${before.context}; each stage must look further`,
  },
  {
    holds: (r, before) => r.theta > 1 && r.theta >= before.theta,
    say: (r, before) => `theta ${r.theta} follows ${before.theta}; it must be above 1 and may not fall`,
  },
  {
    holds: (r) => Number.isSafeInteger(r.warmup) && r.warmup >= 0 && r.warmup <= r.steps,
    say: (r) => `a warm-up of ${r.warmup} steps does not fit into ${r.steps}; give 0 to ${r.steps}`,
  },
  {
    holds: (r) => Number.isFinite(r.rate) && r.rate > 0,
    say: (r) => `a rate of ${r.rate}; expected a number above 0, 4e-5 as a rule`,
  },
  {
    holds: (r) => r.end === undefined || (r.end >= 0 && r.end <= r.rate),
    say: (r) => `a rate of ${r.rate} cannot fall to ${r.end}; give 0 to ${r.rate}`,
  },
  {
    holds: ({ bin }) => bin === undefined || (bin.from >= 0 && bin.below > bin.from),
    say: ({ bin }) => `documents from ${bin?.from} and below ${bin?.below} tokens: there are none`,
  },
]

/** All rules that row `i` of a table breaks. */
const faultsAt = (table: ReadonlyArray<Extension>, i: number, base: Reach): Faults => {
  const row = table[i]!
  const before = table[i - 1] ?? base
  const twice = table.findIndex(({ name }) => name === row.name) < i
  return [
    ...rules.filter(({ holds }) => !holds(row, before)).map(({ say }) =>
      fault("ValueFault", "extend", `stage '${row.name}': ${say(row, before)}`)
    ),
    ...(twice ? [fault("NameFault", "extend", `two stages are called '${row.name}'; give each its own name`)] : []),
  ]
}

/** All rules that a table breaks, row by row. */
export const tableFaults = (table: ReadonlyArray<Extension>, base: Reach): Faults =>
  table.flatMap((_, i) => faultsAt(table, i, base))

/** A stage that tells faults where it is planned and where its key is asked for, so that it never runs. */
const held = <S extends AnyStage>(stage: S, faults: Faults): S =>
  faults.length === 0 ? stage : { ...stage, graphs: () => E.left(faults), expects: () => E.left(faults) }

// ---- combinators -----------------------------------------------------------------

/**
 * A chain of stages out of a table: `link` declares the stage of a row after the one before it. Faults of a row are the
 * faults of its stage, told by `plan` and before anything runs.
 */
export const extend = <S extends AnyStage>(
  table: ReadonlyArray<Extension>,
  reach: Reach,
  base: S,
  link: (row: Extension, before: S) => S,
): ReadonlyArray<S> =>
  table.reduce<ReadonlyArray<S>>(
    (chain, row, i) => [...chain, held(link(row, chain.at(-1) ?? base), faultsAt(table, i, reach))],
    [],
  )

/** Stages by their names, as `pipeline` takes them, in their order. */
export const byName = <S extends AnyStage>(stages: ReadonlyArray<S>): Needs & { readonly [name: string]: S } =>
  Object.fromEntries(stages.map((s) => [s.name, s]))
