/**
 * How attention is cut for adapters of all kinds, and that what is written for them compiles: Dawn's null backend checks
 * the whole of WGSL (types, limits, uniform control flow around barriers) without a GPU.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { openGpu } from "../../../core/device/webgpu/open.ts"
import { gpuPipelines } from "../../../core/device/webgpu/pipeline.ts"
import type { Attend, Expr } from "../../../core/kernel/kernel.ts"
import { sidesOf } from "../../../core/wgsl/attend-side.ts"
import { tileOf } from "../../../core/wgsl/attend-tile.ts"
import { attend } from "../../../core/wgsl/attend.ts"
import { type Capability, tunings, within } from "../../../core/wgsl/capability.ts"
import type { Build } from "../../../core/wgsl/shader.ts"
import { needs } from "../../skip.ts"
import { attention, parts, type Sizes, slotsOf, square } from "./attention.ts"
import { along, generous, load } from "./build.ts"

const it = suite("core/wgsl/attend")

/** Adapters: the least that WebGPU promises, and those of the table's classes. */
const plain: Capability = { ...generous, maxInvocations: 256, maxSizeX: 256, workgroupBytes: 16384, bindings: 8 }
const adapters: ReadonlyArray<readonly [kind: string, capability: Capability]> = [
  ["default", plain],
  ["default", { ...generous, workgroupBytes: 32768 }],
  ["nvidia", { ...generous, subgroups: true }],
  ["apple", { ...generous, workgroupBytes: 32768, subgroups: true }],
  ["intel", { ...generous, workgroupBytes: 32768, subgroups: true, subgroupMin: 8, subgroupMax: 32 }],
  ["software", { ...generous, workgroupBytes: 32768, subgroups: true, subgroupMin: 8, subgroupMax: 8 }],
]

const buildOf = (z: Sizes, kind: string, capability: Capability): Build => ({
  slots: slotsOf(z),
  capability,
  tuning: within(tunings[kind]!, capability),
})

it("takes no more lanes and workgroup memory than there are, whatever the sizes", () => {
  const shapes: ReadonlyArray<Partial<Sizes>> = [
    ...[3, 64, 80, 128, 256, 576, 4096].map((n) => ({ head: n, value: n })),
    ...[1, 3, 16, 17].map((query) => ({ query, share: 1 })),
    { key: 1 },
    { batch: 1, share: 1, query: 100, key: 100, value: 5 },
  ]
  for (const [kind, capability] of adapters) {
    for (const part of parts) {
      for (const shape of shapes) {
        const z = { ...square, ...shape, part }
        const { code } = attend(attention(z, { querySegment: load(3, along(1)), keySegment: load(3, along(1)) }), {
          ...buildOf(z, kind, capability),
        })
        const bytes: { readonly [type: string]: number } = { "vec4<f32>": 16, f32: 4, "atomic<i32>": 4 }
        const declared = [...code.matchAll(/var<workgroup> \w+: array<([^,]+), (\d+)>/g)]
          .reduce((sum, [, type, n]) => sum + bytes[type!]! * Number(n), 8)
        const lanes = Number(/@workgroup_size\((\d+)\)/.exec(code)![1])
        assert.ok(declared <= capability.workgroupBytes, `${kind} ${JSON.stringify(z)}: ${declared} bytes`)
        assert.ok(lanes <= capability.maxInvocations, `${kind} ${JSON.stringify(z)}: ${lanes} lanes`)
      }
    }
  }
})

it("few queries are one tile with their share heads; wishes are followed where they fit", () => {
  const [kind, capability] = adapters[2]!
  const cut = (z: Partial<Sizes>, more: Partial<Attend> = {}) => {
    const k = attention({ ...square, ...z }, more)
    return tileOf(k, sidesOf(k), buildOf({ ...square, ...z }, kind, capability))
  }
  const decode = cut({ query: 1, share: 8 })
  assert.is(decode.own, 8)
  assert.ok(decode.other >= 128, `${decode.other} keys at a time`)
  assert.is(cut({}).own, 64)
  assert.is(cut({ share: 1 }, { queryBlock: 32 }).own, 32)
  assert.is(cut({ share: 2 }, { queryBlock: 16 }).own, 32)
  const narrow = cut({}, { keyBlock: 32 })
  assert.is(narrow.other, 32)
  assert.is(cut({ part: "keys" }, { keyBlock: 16 }).own, 16)
  assert.ok(cut({}, { queryBlock: 1, keyBlock: 1 }).own >= 1)
})

it("heads that are too large for one workgroup are shared out, and large grids are cut in two", () => {
  const k = attention({ ...square, value: 600 })
  const b = buildOf({ ...square, value: 600 }, ...adapters[2]!)
  const t = tileOf(k, sidesOf(k), b)
  assert.is(t.chunks, 3)
  const { grid } = attend(k, b)
  assert.is(grid[0] * grid[1], 3 * 8 * Math.ceil(4 * 2048 / t.own))
  const many = { ...square, batch: 4096 }
  const wide = attend(attention(many), buildOf(many, ...adapters[2]!))
  assert.ok(wide.grid[0] === 65535 && wide.grid[1] > 1, String(wide.grid))
})

it("places bound the walk before anything is read; other masks look block by block", () => {
  const [kind, capability] = adapters[2]!
  const code = (more: Partial<Attend>) => attend(attention(square, more), buildOf(square, kind, capability)).code
  assert.match(code({}), /let high = min\(2048u, \(p1 \/ 1u \+ 1u\) \* 1u\)/)
  assert.match(code({ window: 100 }), /let low = select\(0u, p0 \+ 1u - 100u/)
  assert.match(code({ causal: 0 }), /let low = 0u;/)
  assert.not.match(code({ causal: 0 }), /if \(!whole\)/)
  assert.not.match(code({}), /atomic/)
  const elsewhere: Expr = { tag: "load", dtype: "i32", buffer: 3, at: along(0, 0, 1), guards: [] }
  assert.match(code({ queryPosition: elsewhere }), /workgroupUniformLoad/)
  assert.match(code({ querySegment: elsewhere, keySegment: elsewhere }), /let high = min[^]*workgroupUniformLoad/)
})

const nothing = await Effect.runPromiseExit(Effect.scoped(openGpu({ implementation: "dawn", flags: ["backend=null"] })))
const onNull = needs(it, Exit.isSuccess(nothing), "Dawn cannot be loaded", "npm install webgpu, or run in Deno")

onNull(
  "what is written for adapters of all kinds compiles",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const gpu = yield* openGpu({ implementation: "dawn", flags: ["backend=null"] })
      const pipelines = gpuPipelines(gpu)
      const segment: Expr = { tag: "load", dtype: "f32", buffer: 3, at: along(0, 0, 1), guards: [] }
      const label: Expr = { tag: "cast", dtype: "i32", x: segment }
      const masks: ReadonlyArray<Partial<Attend>> = [
        { causal: 0 },
        { window: 64, cap: 30 },
        { queryPosition: label, keyPosition: label, querySegment: label, keySegment: label, causal: 4, bias: segment },
      ]
      for (const [i, [kind, capability]] of adapters.entries()) {
        for (const [j, part] of parts.entries()) {
          const z = { ...square, part, head: [64, 80, 256][(i + j) % 3]!, value: [128, 70, 64][(i + j) % 3]! }
          const bounds = { maxInvocations: gpu.capability.maxInvocations, maxSizeX: gpu.capability.maxSizeX }
          const c: Capability = { ...capability, ...(i === 0 ? {} : bounds), subgroups: gpu.capability.subgroups }
          const k = attention(z, masks[(i + 2 * j) % 3]!)
          const b = buildOf(z, kind, {
            ...c,
            workgroupBytes: Math.min(c.workgroupBytes, gpu.capability.workgroupBytes),
          })
          const { code, turns } = attend(k, b)
          const used = b.slots.filter((s) => code.includes(`@binding(${s.binding}) var<storage`)).map((s) => s.binding)
          const modes = Array.from({ length: Math.max(...used) + 1 }, (_, n) => b.slots[n]!.writable)
          const made = yield* Effect.promise(() => pipelines.compile(code, modes, turns, `${kind} ${part}`))
          assert.ok("pipeline" in made, "message" in made ? made.message : "")
        }
      }
    }))),
)

it.run()
