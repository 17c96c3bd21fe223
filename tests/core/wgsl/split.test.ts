/** Folds and products in two kernels mean what they mean in one, and take the workspace that is forecast. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { oracle } from "../../../core/device/oracle.ts"
import { webgpu } from "../../../core/device/webgpu.ts"
import type { Tuning } from "../../../core/wgsl/capability.ts"
import { divisor, splitProgram } from "../../../core/wgsl/split.ts"
import { forecastOf } from "../../../core/plan/forecast.ts"
import type { Program } from "../../../core/plan/program.ts"
import { needs } from "../../skip.ts"
import { agrees } from "../device/ranks.ts"
import { programs } from "../device/rings.ts"
import { everything, kernelOf } from "../kernel/arbitrary.ts"
import { type Case, oneKernel } from "../kernel/program.ts"
import { judge, onDevice, wanted } from "../kernel/run.ts"
import { along, load, tuning } from "./build.ts"

const it = suite("core/wgsl/split")

/** Splits whatever can be split, into as many pieces as it has. */
const eager: Tuning = {
  ...tuning,
  fill: 1e12,
  row: 1,
  perLane: 1e-3,
  groups: 1e9,
  tiles: tuning.tiles.map((t) => ({ ...t, depth: 1e-3 })),
}

it("random kernels mean the same in two", async () => {
  const reference = await Effect.runPromise(oracle)
  for (const kind of ["fold", "contract"] as const) {
    let halved = 0
    await fc.assert(
      fc.asyncProperty(kernelOf(kind, everything), async (c) => {
        const program = splitProgram(c.program, eager)
        if (program === c.program) return
        halved++
        const got = await Effect.runPromise(onDevice(reference, { ...c, program }))
        assert.is(judge(c, wanted(c), got).fault, undefined)
      }),
      { numRuns: 150, seed: 5 },
    )
    assert.ok(halved > 10, `only ${halved} of 150 random ${kind} kernels were split`)
  }
})

it("collectives stay between the steps that they were between", async () => {
  let moved = 0
  for (const [, of] of programs) {
    const change = (p: Program): Program => {
      const split = splitProgram(p, eager)
      if (split.exchanges.some((e, i) => e.start !== p.exchanges[i]!.start)) moved++
      return { ...split, forecast: forecastOf(split) }
    }
    await agrees({ shape: { ring: 2 }, ...of(2), change }, oracle, 1e-9)
  }
  assert.ok(moved > 0, "none came after a kernel in two")
})

it("what fills the device stays as it is", () => {
  const c = summing(4096, 64)
  assert.is(splitProgram(c.program, { ...tuning, fill: 1024 }), c.program)
})

it("pieces are of one size", () => {
  assert.equal([divisor(12, 5), divisor(12, 100), divisor(7, 6), divisor(1, 4), divisor(64, 8.9)], [4, 12, 1, 1, 8])
})

const summing = (rows: number, cols: number): Case =>
  oneKernel({
    tag: "loop",
    dims: [rows],
    over: [cols],
    stages: [
      {
        tag: "fold",
        folds: [
          { id: 0, fn: "sum", dtype: "f32", value: load(0, along(cols, 1)) },
          { id: 1, fn: "max", dtype: "f32", value: load(0, along(cols, 1)) },
        ],
      },
      {
        tag: "point",
        stores: [0, 1].map((id) => ({
          buffer: id + 1,
          at: along(1),
          value: { tag: "acc", dtype: "f32", id } as const,
        })),
      },
    ],
  }, [
    { role: "input", dtype: "f32", values: Array.from({ length: rows * cols }, (_, i) => ((i * 7) % 31 - 15) / 16) },
    { role: "output", dtype: "f32", elements: rows },
    { role: "output", dtype: "f32", elements: rows },
  ])

const deep = (m: number, n: number, k: number): Case =>
  oneKernel({
    tag: "contract",
    dtype: "f32",
    batch: [],
    rows: [m],
    cols: [n],
    depth: [k],
    a: load(0, along(1, 0, m)),
    b: load(1, along(0, 1, n)),
    stores: [{ buffer: 2, at: along(n, 1), value: { tag: "acc", dtype: "f32", id: 0 } }],
  }, [
    { role: "input", dtype: "f32", values: Array.from({ length: k * m }, (_, i) => ((i * 5) % 17 - 8) / 8) },
    { role: "input", dtype: "f32", values: Array.from({ length: k * n }, (_, i) => ((i * 3) % 13 - 6) / 8) },
    { role: "output", dtype: "f32", elements: m * n },
  ])

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const found = await Effect.runPromiseExit(Effect.scoped(webgpu({ implementation })))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu(
  "long sums and deep products run in two, in the workspace that was forecast",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* webgpu({ implementation, tuning: { ...tuning, unroll: false, groups: 16, fill: 4096 } })
      for (const c of [summing(2, 1 << 17), deep(24, 40, 2048)]) {
        assert.ok(backend.workspace(c.program) > 0, "this case is to be split")
        const made = yield* backend.prepare(c.program)
        assert.is((yield* backend.memory).bytes, backend.workspace(c.program))
        yield* made.dispose
        assert.is(judge(c, wanted(c), yield* onDevice(backend, c, 2)).fault, undefined)
      }
    }))),
)

it.run()
