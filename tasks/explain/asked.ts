/**
 * Programs that somebody asks about, compiled without any values, so that a model of any size can be explained on any
 * machine: the step of a training, as it is declared or with other sizes, and the decoding of what it learns.
 * @module
 */
import { either as E } from "fp-ts"
import type { Faults } from "../../core/graph/fault.ts"
import type { Spread } from "../../core/mesh/shape.ts"
import { compileOn, type Where } from "../../core/mesh/spmd.ts"
import type { Program } from "../../core/plan/program.ts"
import type { Plan } from "../../models/llama/plan.ts"
import { type Preset, presets } from "../../models/llama/presets.ts"
import { programOf, readableLlama } from "../language/programs.ts"
import { donated, stepInputs, stepOf, type Stepping } from "../train/step.ts"

/** What is asked of a training instead of what it was declared with. */
export interface Other {
  readonly preset?: Preset | undefined
  /** Tokens in a row, and rows in a step. */
  readonly time?: number | undefined
  readonly batch?: number | undefined
  readonly mesh?: Spread | undefined
  /** Tokens that a layer and the loss work on at once. */
  readonly chunk?: number | undefined
  readonly remat?: Plan["remat"] | undefined
}

/** The training with other sizes; those of a preset are its own context and one row. */
export const other = (s: Stepping, o: Other): Stepping => {
  const own = o.preset === undefined ? s.config : presets[o.preset]
  const time = o.time ?? (o.preset === undefined ? s.recipe.time : own.context)
  const batch = o.batch ?? (o.preset === undefined ? s.recipe.batch : 1)
  const cut = o.chunk === undefined ? {} : { chunk: o.chunk, loss: { tokens: o.chunk, vocab: 8192 } }
  return {
    ...s,
    config: { ...own, context: Math.max(own.context, time) },
    recipe: { ...s.recipe, time, batch },
    plan: { ...s.plan, ...cut, remat: o.remat ?? s.plan.remat, spread: o.mesh ?? s.plan.spread },
  }
}

/** The step of a training. Faults: those of the mesh and of compiling. */
export const stepProgram = (s: Stepping, where: Where, maxBindings: number): E.Either<Faults, Program> =>
  E.map((c: { readonly program: Program }) => c.program)(
    compileOn(s.plan.spread, where, stepOf(s), stepInputs(s), { ...donated, maxBindings }) as E.Either<
      Faults,
      { readonly program: Program }
    >,
  )

/** The next token of rows that have room for the model's whole context. */
export const decodeProgram = (
  { config }: Stepping,
  rows: number,
  maxBindings: number,
): E.Either<Faults, Program> =>
  E.map((c: { readonly program: Program }) => c.program)(
    programOf(readableLlama(config), "f32", { kind: "ids", rows, capacity: config.context, time: 1 }, maxBindings),
  )
