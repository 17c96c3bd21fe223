/**
 * The contraction for matrix units: everything but the unit runs with an emulated one, the hardware's form is compiled
 * by Dawn's null backend, and units are used only where they were asked for and gave right numbers.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { webgpu } from "../../../core/device/webgpu.ts"
import { openGpu } from "../../../core/device/webgpu/open.ts"
import { gpuPipelines } from "../../../core/device/webgpu/pipeline.ts"
import type { Contract } from "../../../core/kernel/kernel.ts"
import type { Capability } from "../../../core/wgsl/capability.ts"
import { contract } from "../../../core/wgsl/contract.ts"
import { matrixUnit, unitFits, unitFor, unitTiles } from "../../../core/wgsl/unit.ts"
import { needs } from "../../skip.ts"
import { onDevice } from "../kernel/run.ts"
import { oneKernel } from "../kernel/program.ts"
import { along, generous, load, slots, tuning } from "./build.ts"

const it = suite("core/wgsl/unit")

const product = (m: number, n: number, k: number): Contract => ({
  tag: "contract",
  dtype: "f32",
  batch: [2],
  rows: [m],
  cols: [n],
  depth: [k],
  a: load(0, along(m * k, k, 0, 1)),
  b: load(1, along(0, 0, k, 1)),
  stores: [{
    buffer: 2,
    at: along(m * n, n, 1),
    value: {
      tag: "binary",
      dtype: "f32",
      fn: "add",
      x: { tag: "acc", dtype: "f32", id: 0 },
      y: { tag: "const", dtype: "f32", value: 1 },
    },
  }],
})

const capability: Capability = { ...generous, f16: true, units: "hardware" }
const build = (m: number, n: number, k: number, c: Capability = capability) =>
  ({ slots: slots([2 * m * k, n * k, 2 * m * n], [2]), capability: c, tuning }) as const

it("is taken for products that are worth it, and never unasked", () => {
  assert.ok(unitFor(product(64, 64, 64), build(64, 64, 64)))
  assert.is(unitFor(product(8, 64, 64), build(8, 64, 64)), undefined)
  const { units: _, ...without } = capability
  assert.is(unitFor(product(64, 64, 64), build(64, 64, 64, without)), undefined)
  assert.not.match(contract(product(64, 64, 64), build(64, 64, 64, without)).code, /subgroup_matrix|f16/)
  assert.is(unitFor({ ...product(64, 64, 64), dtype: "i32" }, build(64, 64, 64)), undefined)
})

it("takes no more workgroup memory than there is", () => {
  for (const t of unitTiles) {
    const { code } = matrixUnit(product(64, 64, 64), build(64, 64, 64), t)
    const declared = [...code.matchAll(/var<workgroup> \w+: array<(f16|f32), (\d+)>/g)]
      .reduce((sum, [, type, n]) => sum + Number(n) * (type === "f16" ? 2 : 4), 0)
    const fits = (workgroupBytes: number) => unitFits(t, build(64, 64, 64, { ...capability, workgroupBytes }))
    assert.is(fits(declared), true)
    assert.is(fits(declared - 1), false)
  }
})

const nothing = await Effect.runPromiseExit(Effect.scoped(openGpu({ implementation: "dawn", flags: ["backend=null"] })))
const onNull = needs(it, Exit.isSuccess(nothing), "Dawn cannot be loaded", "npm install webgpu, or run in Deno")

onNull(
  "the hardware's form compiles, operands of any strides, ragged edges",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const gpu = yield* openGpu({ implementation: "dawn", flags: ["backend=null"], precision: "f16-units" })
      assert.ok(gpu.features.includes("chromium-experimental-subgroup-matrix"))
      const pipelines = gpuPipelines(gpu)
      const least = unitTiles.at(-1)!
      for (const [m, n, k] of [[128, 128, 64], [70, 33, 50]] as const) {
        const b = build(m, n, k, { ...gpu.capability, units: "hardware" })
        const { code } = matrixUnit(product(m, n, k), b, least)
        assert.match(code, /subgroupMatrixMultiplyAccumulate/)
        const made = yield* Effect.promise(() => pipelines.compile(code, [false, false, true], 0, "unit"))
        assert.ok("pipeline" in made, "message" in made ? made.message : "")
        const broken = code.replace("subgroupMatrixStore<row_major>", "subgroupMatrixStore<sideways>")
        const fault = yield* Effect.promise(() => pipelines.compile(broken, [false, false, true], 0, "unit"))
        assert.ok("_tag" in fault && fault.reason === "compile")
        assert.match(fault.message, /line \d+: .*sideways/)
      }
    }))),
)

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const options = { implementation, precision: "f16-units", emulate: true } as const
const found = await Effect.runPromiseExit(Effect.scoped(webgpu(options)))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu(
  "with an emulated unit the numbers are right to f16 of the operands",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* webgpu(options)
      assert.match(backend.info.description, /emulated matrix units: f16 operands, f32 sums/)
      assert.ok(backend.info.features.includes("units:emulated"))
      const [m, n, k] = [70, 66, 50]
      const values = (count: number, seed: number) => Array.from({ length: count }, (_, i) => Math.sin(i * seed))
      const [a, b] = [values(2 * m * k, 1.7), values(n * k, 2.3)]
      const [got] = yield* onDevice(
        backend,
        oneKernel(product(m, n, k), [
          { role: "input", dtype: "f32", values: a },
          { role: "input", dtype: "f32", values: b },
          { role: "output", dtype: "f32", elements: 2 * m * n },
        ]),
      )
      let [worst, moved] = [0, 0]
      for (let z = 0; z < 2; z++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 1
            for (let d = 0; d < k; d++) sum += Math.fround(a[(z * m + i) * k + d]!) * Math.fround(b[j * k + d]!)
            const off = Math.abs(got![(z * m + i) * n + j]! - sum)
            worst = Math.max(worst, off)
            moved = Math.max(moved, off)
          }
        }
      }
      // an operand of f16 is off by 2^-11 of itself at most: 50 products of two of them by 50 * 2^-10
      assert.ok(worst < k / 1024, `off by ${worst}`)
      assert.ok(moved > 1e-6, "f32 arithmetic was done: the units were not used")
    }))),
)

gpu("without the declared precision no unit is used", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const { precision: _, ...exact } = options
    const backend = yield* webgpu(exact)
    assert.not.match(backend.info.description, /units/)
    assert.not(backend.info.features.some((f) => f.startsWith("units")))
  }))))

it.run()
