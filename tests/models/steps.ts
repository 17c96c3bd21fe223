/**
 * One step of a small Llama on the oracle, by paths: whatever the recipe, the plan and the state.
 * @module
 */
import { either as E } from "fp-ts"
import { compileOn } from "../../core/mesh/spmd.ts"
import type { Program } from "../../core/plan/program.ts"
import { hostKey } from "../../core/random/host.ts"
import { type AnyHost, numbers } from "../../core/tensor/host.ts"
import { flatten } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { plain, type Plan } from "../../models/llama/plan.ts"
import { asked, begin, examples, type Recipe, stateSpecs, step, type With } from "../../models/llama/train.ts"
import { runOracle } from "../core/plan/same.ts"
import { noise, type Numbers } from "../ops/updates.ts"

export const config: Config = {
  ...{ vocab: 11, model: 8, hidden: 12, layers: 1, groups: 1, share: 2, head: 4, theta: 100, epsilon: 1e-5 },
  context: 16,
}

export const recipe: Recipe = {
  ...{ batch: 4, time: 8, steps: 20, warmup: 2, peak: 0.05, end: 0.005, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}

/** Rows of two examples and a half; weights of which some are 0, and all of the third row. */
export const batchOf = ({ batch, time }: Pick<Recipe, "batch" | "time">): Numbers => {
  const of = (f: (row: number, t: number) => number): ReadonlyArray<number> =>
    Array.from({ length: batch * time }, (_, i) => f(Math.floor(i / time), i % time))
  return {
    "batch.tokens": of((r, t) => (t * 7 + r * 3 + 2) % config.vocab),
    "batch.targets": of((r, t) => (t * 5 + r + 1) % config.vocab),
    "batch.weights": of((r, t) => r === 2 ? 0 : ((r + t) % 3) / 2),
    "batch.segments": of((_, t) => Math.floor(t * 2.5 / time)),
    "batch.positions": of((_, t) => t),
  }
}

/** The state in the middle of a training: parameters large enough to matter, means of some gradients. */
export const midway = (r: Recipe, c: Config = config): Numbers => {
  const state = flatten({ state: begin(c, hostKey(1), r) }) as ReadonlyArray<readonly [string, AnyHost]>
  return Object.fromEntries(state.map(([path, h], i) => {
    const xs = numbers(h)
    if (path.includes("parameters")) return [path, xs.map((x) => x === 1 ? x : 12 * x)]
    if (/second|rows|columns|whole/.test(path)) {
      return [
        path,
        noise(xs.length, i).map((x) => 1e-3 * (Math.abs(x) + 0.1)),
      ]
    }
    if (path.includes("first")) return [path, noise(xs.length, i).map((x) => 0.01 * x)]
    return [path, path.endsWith("optimiser.step") ? [3] : xs]
  }))
}

/** How a step is asked for. */
export interface Asked {
  readonly recipe: Recipe
  readonly plan?: Plan
  readonly parts?: With
}

/** The program of a step. Throws its faults. */
export const programOf = ({ recipe: r, plan = plain, parts = {} }: Asked): Program => {
  const specs = { state: stateSpecs(config, r), batch: examples(r, asked(plan, parts)) }
  const compiled = compileOn(plan.spread, "local", step(config, r, plan), specs, { donate: ["state"] })
  if (E.isLeft(compiled)) throw new Error(compiled.left.map((f) => f.message).join("\n"))
  return compiled.right.program
}

/** Steps of one program, each from a state and a batch by path. */
export const stepsOf = (a: Asked): (state?: Numbers, batch?: Numbers) => Promise<Numbers> => {
  const program = programOf(a)
  return async (state = midway(a.recipe), batch = batchOf(a.recipe)) => {
    const all: Numbers = { ...state, ...batch }
    const given = program.inputs.map(({ path, shape }) =>
      path === "batch.positions" && shape.length === 1 ? all[path]!.slice(0, shape[0]) : all[path]!
    )
    const got = await runOracle(program, given)
    return Object.fromEntries(program.outputs.map(({ path }, i) => [path, got[i]!]))
  }
}

/** What one step gives. */
export const stepOn = (a: Asked): Promise<Numbers> => stepsOf(a)()
