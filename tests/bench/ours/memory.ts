/**
 * Memory of a Llama of two layers over long sequences: memory.ts forecast THREADS RANKS TIME... prints what is forecast
 * for its training step, on a local mesh and on one of processes; memory.ts PART THREADS RANKS TIME runs the loss
 * (`forward`) or the training step (`gradient`) on a local mesh and tells what was allocated. One line of JSON.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { compileOn, type Where } from "../../../core/mesh/spmd.ts"
import { type Groups, type Memory, memoryOf } from "../../../core/plan/memory.ts"
import type { Program } from "../../../core/plan/program.ts"
import { hostKey } from "../../../core/random/host.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import type { Config } from "../../../models/llama/config.ts"
import { loss, overRanks } from "../../../models/llama/loss.ts"
import { long, type Plan, spreadOver } from "../../../models/llama/plan.ts"
import { asked, begin, examples, type Recipe, stateSpecs, step } from "../../../models/llama/train.ts"
import { residentNow, residentPeak } from "./memory-of.ts"
import { session } from "./session.ts"

const [part = "forecast", count = "2", among = "1", ...sizes] = process.argv.slice(2)
const threads = Number(count), ranks = Number(among), times = sizes.map(Number)

/** Two layers, wide enough that attention is what its length costs. */
const config: Config = {
  ...{ vocab: 256, model: 128, hidden: 344, layers: 2, groups: 2, share: 1, head: 64 },
  ...{ theta: 10_000, epsilon: 1e-6, context: 2 ** 20 },
}
const plan: Plan = { ...long, loss: { tokens: 1024, vocab: 256 }, spread: spreadOver({ ring: ranks }) }

const recipe = (time: number): Recipe => ({
  ...{ batch: 1, time, steps: 100, warmup: 10, peak: 1e-3, end: 1e-4, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
})

const must = (made: E.Either<ReadonlyArray<{ readonly message: string }>, { readonly program: Program }>): Program => {
  if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
  return made.right.program
}

const trained = (time: number, where: Where): Program => {
  const specs = { state: stateSpecs(config), batch: examples(recipe(time), asked(plan)) }
  return must(compileOn(plan.spread, where, step(config, recipe(time), plan), specs, { donate: ["state"] }))
}

const evaluated = (time: number): Program => {
  const specs = { state: stateSpecs(config), batch: examples(recipe(time), asked(plan)) }
  return must(compileOn(
    plan.spread,
    "local",
    ({ state, batch: { tokens, targets, ...place } }) => ({
      metrics: { loss: overRanks(loss(config, plan)(state.parameters, tokens, targets, place), plan) },
    }),
    { state: { parameters: specs.state.parameters }, batch: specs.batch },
  ))
}

// -----------------------------------------------------------------------------
// forecasts
// -----------------------------------------------------------------------------

interface Forecast extends Memory {
  readonly time: number
  readonly where: Where
  readonly ranks: number
  /** Bytes in all, those of the device's workspace included, and these alone. */
  readonly peak: number
  readonly device: number
  readonly flops: number
}

const groups: Groups = { parameters: "state.parameters", optimiser: "state.optimiser", examples: "batch" }

const forecasts = Effect.scoped(Effect.gen(function* () {
  const device = yield* wasm({ threads })
  const wheres: ReadonlyArray<Where> = ranks === 1 ? ["local"] : ["local", "processes"]
  const results = times.flatMap((time) =>
    wheres.map((where): Forecast => {
      const program = trained(time, where)
      const workspace = device.workspace(program)
      const { peak, flops } = program.forecast
      return { ...memoryOf(program, groups), time, where, ranks, peak: peak + workspace, device: workspace, flops }
    })
  )
  return { version: "0.1.0", results }
}))

// -----------------------------------------------------------------------------
// runs
// -----------------------------------------------------------------------------

/** The state before the first step, tokens that repeat with a period of a prime, and positions. */
const inputs = (time: number): (path: string) => HostArray => {
  const state = new Map(
    (flatten({ state: begin(config, hostKey(1)) }) as ReadonlyArray<readonly [string, AnyHost]>)
      .map(([path, { data }]) => [path, data]),
  )
  const token = (i: number): number => (i * i + 7 * i) % 251
  return (path) =>
    path === "batch.tokens"
      ? Int32Array.from({ length: time }, (_, i) => token(i))
      : path === "batch.targets"
      ? Int32Array.from({ length: time }, (_, i) => token(i + 1))
      : path === "batch.positions"
      ? Int32Array.from({ length: time }, (_, i) => i)
      : state.get(path) ?? (() => {
        throw new Error(`no value for '${path}'`)
      })()
}

const measured = (time: number) =>
  Effect.scoped(Effect.gen(function* () {
    const program = part === "forward" ? evaluated(time) : trained(time, "local")
    const before = residentNow()
    const on = yield* session(program, inputs(time), threads)
    const milliseconds = yield* on.run
    const resident = residentPeak() - before
    const found = (yield* on.output("metrics.loss"))[0]!
    return { version: "0.1.0", forecast: on.forecast, peak: yield* on.peak, resident, milliseconds, loss: found }
  }))

const main = part === "forecast" ? forecasts : measured(times[0] ?? 4096)
process.stdout.write(JSON.stringify(await Effect.runPromise<unknown, unknown>(main)) + "\n")
