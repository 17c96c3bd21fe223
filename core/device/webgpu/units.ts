/**
 * May the matrix units be used? Only where the program's owner declared that precision, the adapter has the configuration
 * the kernel is written for, and the kernel gives the right numbers on this very device: a product with ragged edges of
 * operands that f16 holds exactly must be exact.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Contract } from "../../kernel/kernel.ts"
import type { Program } from "../../plan/program.ts"
import type { Backend, DeviceFault } from "../backend.ts"
import type { Gpu } from "./open.ts"

/** What the kernel is written for. */
const NEEDED = "f16->f32 16x16x16"

const [M, N, K] = [70, 92, 50]

const index = (row: number, col: number, depth: number) => ({
  base: 0,
  terms: [row, col, depth].flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})

const kernel: Contract = {
  tag: "contract",
  dtype: "f32",
  batch: [],
  rows: [M],
  cols: [N],
  depth: [K],
  a: { tag: "load", dtype: "f32", buffer: 0, at: index(K, 0, 1), guards: [] },
  b: { tag: "load", dtype: "f32", buffer: 1, at: index(0, 1, N), guards: [] },
  stores: [{ buffer: 2, at: index(N, 1, 0), value: { tag: "acc", dtype: "f32", id: 0 } }],
}

const sizes = [M * K, K * N, M * N] as const

const slot = (path: string, buffer: number) =>
  ({ path, dtype: "f32", axes: ["i"], shape: [sizes[buffer]!], buffer }) as const

const program: Program = {
  version: 2,
  inputs: [slot("a", 0), slot("b", 1)],
  outputs: [slot("c", 2)],
  buffers: [
    { dtype: "f32", elements: sizes[0], place: { tag: "input", index: 0 } },
    { dtype: "f32", elements: sizes[1], place: { tag: "input", index: 1 } },
    { dtype: "f32", elements: sizes[2], place: { tag: "output", index: 0 } },
  ],
  kernels: [kernel],
  steps: [{ tag: "dispatch", kernel: 0, buffers: [0, 1, 2] }],
  exchanges: [],
  arena: 0,
  forecast: {
    inputs: 0,
    outputs: 0,
    constants: 0,
    arena: 0,
    peak: 0,
    flops: 0,
    traffic: 0,
    dispatches: 1,
    depth: 1,
    sent: 0,
  },
}

/** Eighths between -0.75 and 0.75: their products and sums are exact in f32. */
const left = Float32Array.from({ length: sizes[0] }, (_, i) => (i * 7 % 13 - 6) / 8)
const right = Float32Array.from({ length: sizes[1] }, (_, i) => (i * 5 % 11 - 5) / 8)

/** Runs the check on a backend that would use the units: what is wrong, or undefined. */
export const checkUnits = <H>(backend: Backend<H>): Effect.Effect<string | undefined> =>
  Effect.scoped(Effect.gen(function* () {
    const array = (n: number) => Effect.acquireRelease(backend.allocate("f32", n), backend.free)
    const [a, b, c] = [yield* array(sizes[0]), yield* array(sizes[1]), yield* array(sizes[2])]
    yield* backend.write(a, left)
    yield* backend.write(b, right)
    const made = yield* Effect.acquireRelease(backend.prepare(program), (p) => p.dispose)
    yield* made.run([a, b], [c])
    const got = yield* backend.read(c)
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++) {
        let sum = 0
        for (let k = 0; k < K; k++) sum += left[i * K + k]! * right[k * N + j]!
        if (got[i * N + j] !== sum) return `row ${i}, column ${j} of the check is ${got[i * N + j]}, expected ${sum}`
      }
    }
    return undefined
  })).pipe(Effect.catch((fault: DeviceFault) => Effect.succeed(fault.message)))

/** Which units the adapter offers, before the check; a sentence where it has none. */
export const offered = (
  gpu: Gpu,
  emulate: boolean,
): { readonly units?: "hardware" | "emulated"; readonly why: string } => {
  if (!gpu.capability.f16) return { why: "the adapter lacks shader-f16" }
  if (emulate) return { units: "emulated", why: "" }
  if (!gpu.features.includes("chromium-experimental-subgroup-matrix")) return { why: "the adapter offers none" }
  if (!gpu.features.includes("subgroup-size-control")) return { why: "subgroup sizes cannot be set" }
  if (!gpu.configurations.includes(NEEDED)) {
    return { why: `the adapter lacks ${NEEDED}; it has ${gpu.configurations.join(", ") || "none"}` }
  }
  return { units: "hardware", why: "" }
}
