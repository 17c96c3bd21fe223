/**
 * Attention for matrix units: taken only where its operands are halves by the program's own word, within what the adapter
 * has; the hardware's form compiles on Dawn's null backend, and with the emulated unit the numbers are right to what
 * halves of weights allow.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { webgpu } from "../../../core/device/webgpu.ts"
import { openGpu } from "../../../core/device/webgpu/open.ts"
import { gpuPipelines } from "../../../core/device/webgpu/pipeline.ts"
import { checkAttention } from "../../../core/device/webgpu/units-attend.ts"
import type { Attend, Expr } from "../../../core/kernel/kernel.ts"
import { halves, type Policy, rounded } from "../../../core/plan/policy.ts"
import { sidesOf } from "../../../core/wgsl/attend-side.ts"
import { takesHalves, unitTileOf } from "../../../core/wgsl/attend-unit-tile.ts"
import { attend } from "../../../core/wgsl/attend.ts"
import { type Capability, tunings } from "../../../core/wgsl/capability.ts"
import type { Build } from "../../../core/wgsl/shader.ts"
import { needs } from "../../skip.ts"
import { attendFault, type Case } from "../kernel/attends.ts"
import { attention, parts, type Sizes, slotsOf, square } from "./attention.ts"
import { along, generous } from "./build.ts"

const it = suite("core/wgsl/attend-unit")

const capability: Capability = { ...generous, f16: true, subgroups: true, units: "hardware", attends: true }

const inHalves = (k: Attend): Attend => rounded(k, halves) as Attend

const buildOf = (z: Sizes, c: Capability = capability): Build => ({
  slots: slotsOf(z),
  capability: c,
  tuning: tunings.nvidia!,
})

const isUnit = (k: Attend, b: Build): boolean => /subgroupMatrix/.test(attend(k, b).code)

it("is taken where all operands of products are halves and the units have passed their check", () => {
  for (const part of parts) {
    const z = { ...square, part }
    const k = inHalves(attention(z))
    assert.ok(takesHalves(k) && isUnit(k, buildOf(z)), part)
    assert.not(isUnit(attention(z), buildOf(z)))
    assert.not(isUnit({ ...k, v: attention(z).v }, buildOf(z)))
    assert.not(isUnit(k, buildOf(z, { ...capability, attends: false })))
    const brain = rounded(attention(z), { ...halves, compute: "bf16" }) as Attend
    assert.not(isUnit(brain, buildOf(z)))
  }
  const emulating = buildOf(square, { ...capability, units: "emulated", workgroupBytes: 65536 })
  assert.match(attend(inHalves(attention(square)), emulating).code, /o_multiply_keeping_tile0_turned/)
  const few = { ...square, query: 1 }
  assert.not(isUnit(inHalves(attention(few)), buildOf(few)), "a few queries are bound by memory, not by arithmetic")
})

it("takes no more workgroup memory than there is, and says how much it takes", () => {
  for (const part of parts) {
    for (const head of [16, 64, 80, 128]) {
      for (const workgroupBytes of [16384, 32768, 49152, 65536]) {
        const z = { ...square, part, head, value: head }
        const k = inHalves(attention(z))
        const b = buildOf(z, { ...capability, workgroupBytes })
        const t = unitTileOf(k, sidesOf(k), b)
        if (t === undefined) {
          assert.ok(head > 64, `${part} with heads of ${head} in ${workgroupBytes} bytes`)
          continue
        }
        const width: { readonly [type: string]: number } = { f16: 2, f32: 4, "vec4<i32>": 16, "vec4<f32>": 16 }
        const declared = [...attend(k, b).code.matchAll(/var<workgroup> \w+: array<([^,]+), (\d+)>/g)]
          .reduce((sum, [, type, n]) => sum + width[type!]! * Number(n), 8)
        assert.ok(declared <= t.bytes && t.bytes <= workgroupBytes, `${part} ${head}: ${declared} of ${t.bytes}`)
      }
    }
  }
})

const nothing = await Effect.runPromiseExit(Effect.scoped(openGpu({ implementation: "dawn", flags: ["backend=null"] })))
const onNull = needs(it, Exit.isSuccess(nothing), "Dawn cannot be loaded", "npm install webgpu, or run in Deno")

onNull(
  "the hardware's form compiles, with all masks, of any features",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const gpu = yield* openGpu({ implementation: "dawn", flags: ["backend=null"], precision: "f16-units" })
      const pipelines = gpuPipelines(gpu)
      const segment: Expr = { tag: "load", dtype: "f32", buffer: 3, at: along(0, 0, 1), guards: [] }
      const label: Expr = { tag: "cast", dtype: "i32", x: segment }
      const masked: Partial<Attend> = {
        ...{ queryPosition: label, keyPosition: label, querySegment: label, keySegment: label },
        ...{ causal: 4, window: 9, cap: 30, bias: segment },
      }
      for (const part of parts) {
        for (const [head, more] of [[64, {}], [40, masked]] as const) {
          const z = { ...square, part, head, value: 33 }
          const units = { units: "hardware", attends: true } as const
          const b = { ...buildOf(z), capability: { ...gpu.capability, ...units } }
          const { code } = attend(inHalves(attention(z, more)), b)
          assert.match(code, /subgroupMatrixMultiplyAccumulate/)
          assert.match(code, /col_major/)
          const used = b.slots.filter((s) => code.includes(`@binding(${s.binding}) var<storage`)).map((s) => s.binding)
          const modes = Array.from({ length: Math.max(...used) + 1 }, (_, n) => b.slots[n]!.writable)
          const made = yield* Effect.promise(() => pipelines.compile(code, modes, 0, part))
          assert.ok("pipeline" in made, "message" in made ? made.message : "")
          const broken = code.replace("col_major", "sideways")
          const fault = yield* Effect.promise(() => pipelines.compile(broken, modes, 0, part))
          assert.ok("_tag" in fault && fault.reason === "compile")
        }
      }
    }))),
)

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const options = { implementation, precision: "f16-units", emulate: true } as const
const found = await Effect.runPromiseExit(Effect.scoped(openGpu(options)))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu(
  "the check that hardware has to pass is passed by the emulated unit",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* webgpu(options)
      assert.is(yield* checkAttention(backend), undefined)
    }))),
)

/** Halves go in, and nothing else is narrower. */
const policy: Policy = { storage: "f32", compute: "f16", accumulate: "f32" }

/** A weight as a half is off by 2^-11 of itself; what is summed with it may cancel, to a quarter in these cases. */
const BOUND = 2 ** -9

const plain: Case = {
  ...{ part: "forward", batch: 2, groups: 2, share: 1, query: 70, key: 45, head: 20, value: 36 },
  ...{ causal: 1, window: 0, cap: 0, scale: 1, queryBlock: 0, keyBlock: 0 },
  ...{ positions: false, segments: false, bias: false, order: "time", dtype: "f16" },
}

gpu(
  "with an emulated unit the numbers are right to halves of the weights",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* webgpu(options)
      assert.ok(backend.info.features.includes("units:emulated"))
      const masked: Partial<Case> = { share: 2, batch: 1, query: 23, positions: true, segments: true, window: 7 }
      const cases: ReadonlyArray<Case> = [
        plain,
        { ...plain, part: "query", scale: 0.5, order: "heads" },
        { ...plain, part: "keys", query: 20, key: 66, value: 16, causal: 0 },
        { ...plain, ...masked, bias: true },
        { ...plain, ...masked, part: "query", cap: 2, causal: 2 },
        { ...plain, ...masked, part: "keys", cap: 2 },
      ]
      for (const c of cases) {
        const wrong = yield* Effect.promise(() => attendFault(backend, c, BOUND, policy))
        assert.is(wrong, undefined, JSON.stringify(c))
      }
    }))),
)

it.run()
