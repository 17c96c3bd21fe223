/**
 * `deno task bench:gpu [--implementation=dawn|navigator] [--precision=f16-units] [--json]`: what the WGSL kernels reach
 * on this machine's GPU, beside what the same adapter reaches in a plain copy and in a chain of multiply-adds. Sizes are
 * small on a software adapter, where the figures say that it works and nothing more.
 * @module
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import { attention } from "../../core/device/webgpu/measure-attend.ts"
import { fused, product, slotsOf, softmax, type Subject, sums, timed } from "../../core/device/webgpu/measure.ts"
import { type Gpu, openGpu } from "../../core/device/webgpu/open.ts"
import type { Kernel } from "../../core/kernel/kernel.ts"
import { exact, halves } from "../../core/plan/policy.ts"
import { wgsl } from "../../core/wgsl/kernel.ts"
import { fold2, type Shader } from "../../core/wgsl/shader.ts"
import { keep, type Report, type Row, table } from "./table.ts"

const words = process.argv.slice(2)
const option = (name: string): string | undefined =>
  words.find((w) => w.startsWith(`--${name}=`))?.slice(name.length + 3)
const known = ["--implementation=dawn", "--implementation=navigator", "--precision=f16-units", "--json"]
const unknown = words.filter((w) => !known.includes(w))
if (unknown.length > 0) {
  process.stderr.write(`bench:gpu: expected some of ${known.join(" ")}; got ${unknown.join(" ")}\n`)
  process.exit(2)
}

/** A plain copy, 16 bytes an invocation at a time. */
const copying = (gpu: Gpu, elements: number): Shader => {
  const groups = Math.ceil(elements / 4 / 256)
  const grid = fold2(groups, gpu.capability.maxGroups)
  return {
    code: `@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4f>;
@compute @workgroup_size(256) fn main(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let i = (g.y * ${grid[0]}u + g.x) * 256u + l;
  if (i < ${elements / 4}u) { b[i] = a[i]; }
}`,
    grid,
    turns: 0,
    clear: [],
  }
}

/** Sixteen chains of multiply-adds in registers: `2 * 4 * 16 * turns` operations an invocation. */
const adding = (gpu: Gpu, groups: number, turns: number): Shader => {
  const names = Array.from({ length: 16 }, (_, i) => `x${i}`)
  return {
    code: `@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4f>;
@compute @workgroup_size(256) fn main(@builtin(workgroup_id) g: vec3u, @builtin(local_invocation_index) l: u32) {
  let m = a[0]; let n = a[1];
  ${names.map((x, i) => `var ${x} = vec4f(f32(l + ${i}u));`).join(" ")}
  for (var i = 0u; i < ${turns}u; i++) { ${names.map((x) => `${x} = fma(${x}, m, n);`).join(" ")} }
  b[g.x * 256u + l] = ${names.join(" + ")};
}`,
    grid: fold2(groups, gpu.capability.maxGroups),
    turns: 0,
    clear: [],
  }
}

const bench = (gpu: Gpu) =>
  Effect.gen(function* () {
    const software = gpu.adapterClass === "software"
    const span = software ? 0.1 : 0.3
    const who = `${gpu.implementation}${gpu.capability.units ? ", matrix units" : ""}`
    const rows: Array<Row> = []
    const absent: Array<string> = []
    const run = (
      what: string,
      shader: Shader,
      slots: Subject<Kernel>["slots"],
      work: number,
      unit: string,
      ceiling?: number,
    ) =>
      Effect.promise(async () => {
        const made = await timed(gpu, shader, slots)
        if ("_tag" in made) {
          absent.push(`${what}: ${made.message}`)
          return 0
        }
        const seconds = await made.seconds(3, span)
        made.dispose()
        const best = work / seconds / 1e9
        const note = ceiling === undefined ? "" : `${(100 * best / ceiling).toFixed(0)} % of the ceiling`
        rows.push({ what, who, unit, median: best, best, note })
        return best
      })
    const subject = (what: string, s: Subject<Kernel>, of: "flops" | "bytes", ceiling: number) => {
      const shader = wgsl(s.kernel, { slots: s.slots, capability: gpu.capability, tuning: gpu.tuning })
      return run(what, shader, s.slots, s[of], of === "flops" ? "GFLOP/s" : "GB/s", ceiling)
    }

    const elements = software ? 2 ** 20 : Math.min(2 ** 28, gpu.capability.bindingBytes / 4 & ~1023)
    const stream = yield* run(
      "copy (ceiling)",
      copying(gpu, elements),
      slotsOf(elements, elements),
      8 * elements,
      "GB/s",
    )
    const [groups, turns] = software ? [8, 64] : [16384, 1024]
    const flops = 2 * 4 * 16 * turns * groups * 256
    const chains = adding(gpu, groups, turns)
    const most = yield* run("multiply-add (ceiling)", chains, slotsOf(8, groups * 1024), flops, "GFLOP/s")
    for (const n of software ? [64, 128] : [256, 512, 1024, 2048, 4096, 8192]) {
      yield* subject(`product ${n}`, product(1, n, n, n, false), "flops", most)
      yield* subject(`product ${n}, second transposed`, product(1, n, n, n, true), "flops", most)
    }
    const heads = software ? { heads: 2, tokens: 64 } : { heads: 32, tokens: 4096 }
    for (const features of software ? [32] : [64, 128]) {
      for (const part of ["forward", "query", "keys"] as const) {
        const name = `causal attention, ${part}, ${heads.heads} heads of ${features}, ${heads.tokens} tokens`
        yield* subject(name, attention(part, { ...heads, features }, exact), "flops", most)
        if (gpu.capability.units === undefined) continue
        yield* subject(`${name}, halves`, attention(part, { ...heads, features }, halves), "flops", most)
      }
    }
    const [batch, edge] = software ? [4, 32] : [512, 128]
    yield* subject(`${batch} products of ${edge}`, product(batch, edge, edge, edge, false), "flops", most)
    const wide = software ? 256 : 8192
    yield* subject(`one row times ${wide} x ${wide}`, product(1, 1, wide, wide, false), "bytes", stream)
    yield* subject(`one row times ${wide} x ${wide} transposed`, product(1, 1, wide, wide, true), "bytes", stream)
    const some = elements / 4
    yield* subject("x * y + x", fused(some), "bytes", stream)
    yield* subject("softmax of rows of 1,024", softmax(some / 1024, 1024), "bytes", stream)
    yield* subject("sums of rows of 1,024", sums(some / 1024, 1024, false), "bytes", stream)
    yield* subject("sums of columns of 1,024", sums(1024, some / 1024, true), "bytes", stream)
    yield* subject("one sum", sums(1, some, false), "bytes", stream)
    return { bench: "gpu", rows, absent } satisfies Report
  })

const implementation = option("implementation") as "dawn" | "navigator" | undefined
const units = option("precision") === "f16-units"
await Effect.runPromise(Effect.match(
  Effect.scoped(Effect.gen(function* () {
    const gpu = yield* openGpu({
      ...(implementation ? { implementation } : {}),
      ...(units ? { precision: "f16-units" as const } : {}),
    })
    process.stdout.write(`${gpu.adapter} by ${gpu.implementation}, class ${gpu.adapterClass}\n`)
    const report = yield* bench(
      units ? { ...gpu, capability: { ...gpu.capability, units: "hardware", attends: true } } : gpu,
    )
    process.stdout.write(`\n${table(report)}\n${words.includes("--json") ? `kept in ${keep(report)}\n` : ""}`)
  })),
  {
    onSuccess: () => undefined,
    onFailure: (fault) => {
      process.stderr.write(`${fault.message}\n`)
      process.exitCode = 1
    },
  },
))
