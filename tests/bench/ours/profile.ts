/**
 * Where the time of the training step goes: every kernel of its program alone, the slowest first.
 *
 *     deno run -A tests/bench/ours/profile.ts [s|m] [threads] [rows]
 *
 * A kernel alone finds its data in the cache more often than in the whole step: the sum is a lower bound.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { describe } from "../../../core/plan/explain.ts"
import { flopsOf, trafficOf } from "../../../core/plan/forecast.ts"
import type { Step } from "../../../core/plan/program.ts"
import { median } from "../table.ts"
import { sizes } from "../training.ts"
import { beginning, program } from "./llama-step.ts"
import { session } from "./session.ts"

const [name = "m", threads = "2", rows = "40"] = process.argv.slice(2)
const size = sizes[name === "s" ? "s" : "m"]
const whole = program(size), inputs = beginning(size)

type Dispatch = Extract<Step, { readonly tag: "dispatch" }>
const dispatches = (steps: ReadonlyArray<Step>): ReadonlyArray<Dispatch> =>
  steps.flatMap((s) => s.tag === "dispatch" ? [s] : dispatches(s.steps))
const all = dispatches(whole.steps)

/** Milliseconds of some steps alone: the median of some runs after others that warm up. */
const timed = (steps: ReadonlyArray<Step>) =>
  Effect.scoped(Effect.gen(function* () {
    const on = yield* session({ ...whole, steps }, inputs, Number(threads))
    const warm = performance.now() + 60, milliseconds: Array<number> = []
    while (performance.now() < warm) yield* on.run
    for (let i = 0; i < 9; i++) milliseconds.push(yield* on.run)
    return { milliseconds: median(milliseconds), device: on.description }
  }))

const main = Effect.gen(function* () {
  const { milliseconds, device } = yield* timed(whole.steps)
  const known = new Map<number, number>()
  for (const step of all) {
    if (!known.has(step.kernel)) known.set(step.kernel, (yield* timed([step])).milliseconds)
  }
  const lines = [...known].map(([kernel, alone]) => {
    const runs = all.filter((s) => s.kernel === kernel), k = whole.kernels[kernel]!
    const buffers = runs[0]!.buffers.map((b) => whole.buffers[b]!)
    const rate = (amount: number): string => (amount / alone / 1e6).toFixed(1).padStart(6)
    return {
      total: alone * runs.length,
      text: `${(alone * runs.length).toFixed(2).padStart(8)} ms ${String(runs.length).padStart(3)} x ` +
        `${alone.toFixed(2).padStart(6)} ms ${rate(flopsOf(k))} GFLOP/s ${rate(trafficOf(k, buffers))} GB/s  ${
          describe(k)
        }`,
    }
  }).sort((a, b) => b.total - a.total)
  const sum = lines.reduce((n, l) => n + l.total, 0)
  process.stdout.write(lines.slice(0, Number(rows)).map((l) => l.text + "\n").join(""))
  process.stdout.write(
    `${device}; model ${size.name}: ${milliseconds.toFixed(1)} ms a step, ` +
      `${sum.toFixed(1)} ms the sum of ${all.length} kernel runs alone\n`,
  )
})

await Effect.runPromise(main)
