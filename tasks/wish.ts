/**
 * A training step that somebody asks about: a preset, lengths, a mesh and a plan from the command line, compiled without
 * any values, so that a model of any size can be forecast on any machine.
 * @module
 */
import { either as E } from "fp-ts"
import type { Faults } from "../core/graph/fault.ts"
import { layouts } from "../core/mesh/shape.ts"
import { compileOn, type Where } from "../core/mesh/spmd.ts"
import type { Program } from "../core/plan/program.ts"
import type { Config } from "../models/llama/config.ts"
import { plain, type Plan, spreadOver } from "../models/llama/plan.ts"
import { type Preset, presets } from "../models/llama/presets.ts"
import { asked, examples, type Recipe, stateSpecs, step } from "../models/llama/train.ts"
import type { Settings } from "./settings.ts"

/** Flags of the command line, as text. */
export type Flags = {
  readonly [K in "preset" | "time" | "batch" | "mesh" | "where" | "chunk" | "remat"]?: string | undefined
}

/** What is asked about. */
export interface Wish {
  readonly config: Config
  readonly recipe: Recipe
  readonly plan: Plan
  readonly where: Where
}

const known = ["preset", "time", "batch", "mesh", "where", "chunk", "remat"] as const

const counted = (flag: string, text: string | undefined, otherwise: number): E.Either<string, number> => {
  if (text === undefined) return E.right(otherwise)
  const n = Number(text)
  return Number.isSafeInteger(n) && n >= 1
    ? E.right(n)
    : E.left(`--${flag} is '${text}'; expected a whole number from 1`)
}

/** `ring=4,data=2` as a shape, with a layout where one is named: `ring=4,striped`. */
export const meshOf = (text: string): E.Either<string, Plan["spread"]> => {
  const parts = text.split(",").map((p) => p.trim()).filter((p) => p !== "")
  const sizes = parts.filter((p) => p.includes("=")).map((p) => p.split("="))
  const named = parts.filter((p) => !p.includes("="))
  const isSize = ([axis, n, ...rest]: ReadonlyArray<string>): boolean =>
    ["ring", "data"].includes(axis!) && Number.isSafeInteger(Number(n)) && Number(n) >= 1 && rest.length === 0
  const once = new Set(sizes.map(([axis]) => axis)).size === sizes.length
  const odd = layouts.find((l) => l === (named[0] ?? "zigzag"))
  if (!sizes.every(isSize) || !once || named.length > 1 || odd === undefined || sizes.length === 0) {
    return E.left(`--mesh is '${text}'; expected sizes of ring and data, and a layout: ring=4,data=2,zigzag`)
  }
  return E.right(spreadOver(Object.fromEntries(sizes.map(([axis, n]) => [axis!, Number(n)])), odd))
}

/** What the flags ask for; nothing where they ask for the world task as it is. */
export const wishOf = (flags: Flags, s: Settings): E.Either<string, Wish | undefined> => {
  if (known.every((k) => flags[k] === undefined)) return E.right(undefined)
  const { preset, mesh = "ring=1", where = "processes", remat = "none" } = flags
  if (preset !== undefined && !Object.hasOwn(presets, preset)) {
    return E.left(`--preset is '${preset}'; expected one of ${Object.keys(presets).join(", ")}`)
  }
  if (where !== "local" && where !== "processes") return E.left(`--where is '${where}'; expected local or processes`)
  if (remat !== "none" && remat !== "layer" && remat !== "all") {
    return E.left(`--remat is '${remat}'; expected none, layer or all`)
  }
  const config = preset === undefined ? s.model : presets[preset as Preset]
  const time = counted("time", flags.time, preset === undefined ? s.recipe.time : config.context)
  const batch = counted("batch", flags.batch, preset === undefined ? s.recipe.batch : 1)
  const chunk = counted("chunk", flags.chunk, Infinity)
  const spread = meshOf(mesh)
  if (E.isLeft(time)) return time
  if (E.isLeft(batch)) return batch
  if (E.isLeft(chunk)) return chunk
  if (E.isLeft(spread)) return spread
  const tokens = chunk.right
  const cut = tokens === Infinity ? {} : { chunk: tokens, loss: { tokens, vocab: 8192 } }
  const recipe = { ...s.recipe, time: time.right, batch: batch.right }
  return E.right({ config, recipe, plan: { ...plain, ...cut, remat, spread: spread.right }, where })
}

/** The step, compiled without values. Faults: those of the mesh and of compiling. */
export const wishedStep = (
  { config, recipe, plan, where }: Wish,
  maxBindings: number,
): E.Either<Faults, { readonly program: Program }> =>
  compileOn(
    plan.spread,
    where,
    step(config, recipe, plan),
    { state: stateSpecs(config), batch: examples(recipe, asked(plan)) },
    { donate: ["state"], maxBindings },
  )
