/**
 * What the webgpu device must pass over each implementation: conformance, faults with a sentence, memory, and a process
 * that ends by itself. Where no adapter is found the tests are skipped with a word on how to get one; where `CI` or
 * `ORRERY_REQUIRE_GPU` is set that is a failure.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import process from "node:process"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { webgpu, webgpuBackend } from "../../../core/device/webgpu.ts"
import { openGpu } from "../../../core/device/webgpu/open.ts"
import type { Expr, Index, Kernel } from "../../../core/kernel/kernel.ts"
import type { Program } from "../../../core/plan/program.ts"
import { needs } from "../../skip.ts"
import { conforms } from "../kernel/conformance.ts"
import { empty } from "../kernel/large.ts"
import { type Case, oneKernel } from "../kernel/program.ts"
import { onDevice } from "../kernel/run.ts"
import { agrees } from "./ranks.ts"
import { programs } from "./rings.ts"

/** Which WebGPU. */
export type Implementation = "dawn" | "navigator"

const opened = (implementation: Implementation): Effect.Effect<Backend, DeviceFault, Scope.Scope> =>
  webgpu({ implementation })

const run = <A>(e: Effect.Effect<A, DeviceFault, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(e))

/** The fault of an effect that must fail. */
const faultOf = <A>(e: Effect.Effect<A, DeviceFault, Scope.Scope>): Effect.Effect<DeviceFault, never, Scope.Scope> =>
  Effect.map(Effect.flip(e), (f) => f) as Effect.Effect<DeviceFault, never, Scope.Scope>

const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})
const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
const acc: Expr = { tag: "acc", dtype: "f32", id: 0 }

/** x + 1, elements in place. */
const successor = (n: number): Kernel => ({
  tag: "loop",
  dims: [n],
  over: [],
  stages: [{
    tag: "point",
    stores: [{
      buffer: 0,
      at: along(1),
      value: {
        tag: "binary",
        dtype: "f32",
        fn: "add",
        x: load(0, along(1)),
        y: { tag: "const", dtype: "f32", value: 1 },
      },
    }],
  }],
})

/** One input taken over by the output: `times` successors. */
const counting = (n: number, times: number): Program => ({
  version: 2,
  inputs: [{ path: "x", dtype: "f32", axes: ["i"], shape: [n], buffer: 0 }],
  outputs: [{ path: "x", dtype: "f32", axes: ["i"], shape: [n], buffer: 0, donated: 0 }],
  buffers: [{ dtype: "f32", elements: n, place: { tag: "input", index: 0 } }],
  kernels: [successor(n)],
  steps: [{ tag: "repeat", times, reverse: false, steps: [{ tag: "dispatch", kernel: 0, buffers: [0] }] }],
  exchanges: [],
  arena: 0,
  forecast: {
    inputs: 4 * n,
    outputs: 0,
    constants: 0,
    arena: 0,
    peak: 4 * n,
    flops: 0,
    traffic: 0,
    dispatches: 1,
    depth: 1,
    sent: 0,
  },
})

/** A product of several tiles in every direction, rows and columns of odd sizes or whole vectors, operands any way. */
const product = (m: number, n: number, k: number, flipA: boolean, flipB: boolean, flipC: boolean): Case => {
  const value = (seed: number) => (_: unknown, i: number): number => ((i * seed) % 17 - 8) / 8
  return oneKernel({
    tag: "contract",
    dtype: "f32",
    batch: [],
    rows: [m],
    cols: [n],
    depth: [k],
    a: load(0, flipA ? along(1, 0, m) : along(k, 0, 1)),
    b: load(1, flipB ? along(0, k, 1) : along(0, 1, n)),
    stores: [{ buffer: 2, at: flipC ? along(1, m) : along(n, 1), value: acc }],
  }, [
    { role: "input", dtype: "f32", values: Array.from({ length: m * k }, value(7)) },
    { role: "input", dtype: "f32", values: Array.from({ length: k * n }, value(5)) },
    { role: "output", dtype: "f32", elements: m * n },
  ])
}

const expected = (c: Case, m: number, n: number, k: number, flipA: boolean, flipB: boolean, flipC: boolean) => {
  const [a, b] = c.inputs as readonly [ReadonlyArray<number>, ReadonlyArray<number>]
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let l = 0; l < k; l++) sum += a[flipA ? l * m + i : i * k + l]! * b[flipB ? j * k + l : l * n + j]!
      out[flipC ? j * m + i : i * n + j] = sum
    }
  }
  return out
}

/** Registers and runs the tests over one implementation. */
export const suites = async (implementation: Implementation, runs: number): Promise<void> => {
  const found = await Effect.runPromiseExit(Effect.scoped(Effect.map(opened(implementation), (b) => b.info)))
  const name = `webgpu by ${implementation}`
  const it = suite(name)
  const remedy = "a GPU with its Vulkan driver, or the software Vulkan that `bash .ci/vulkan` installs"
  const why = Exit.isSuccess(found) ? "" : String(found.cause)
  const required = process.env.ORRERY_REQUIRE_GPU !== undefined && Exit.isFailure(found)
  if (required) {
    it("finds an adapter", () => {
      throw new Error(`ORRERY_REQUIRE_GPU is set, but ${implementation} finds no adapter (${why}); it takes ${remedy}`)
    })
  }
  const gpu = needs(it, Exit.isSuccess(found), `${implementation} finds no adapter (${why})`, `it takes ${remedy}`)
  if (Exit.isSuccess(found)) {
    conforms(name, opened(implementation), { runs, signedZeros: false, searches: { runs: 4 } })
  }

  for (const [what, of] of programs) {
    gpu(
      `ranks with a device each: ${what}`,
      () => agrees({ shape: { ring: 2 }, ...of(2) }, opened(implementation), 1e-4, 2),
    )
  }

  gpu("tells what it is, by the adapter's own limits", () =>
    run(Effect.gen(function* () {
      const { info } = yield* opened(implementation)
      assert.is(info.kind, "webgpu")
      assert.ok(info.description.startsWith("webgpu: "), info.description)
      assert.ok(info.maxBindings >= 8 && info.maxBufferBytes >= 2 ** 27, JSON.stringify(info))
      assert.ok(info.features.includes(implementation))
    })))

  gpu("products of several tiles, operands and results any way", () =>
    run(Effect.gen(function* () {
      const backend = yield* opened(implementation)
      for (const [m, n, k] of [[68, 132, 40], [37, 70, 35]] as const) {
        for (const flips of [[false, true, false], [true, false, true]]) {
          const [fa, fb, fc] = flips as [boolean, boolean, boolean]
          const c = product(m, n, k, fa, fb, fc)
          const [got] = yield* onDevice(backend, c)
          const want = expected(c, m, n, k, fa, fb, fc)
          const worst = want.reduce((w, x, i) => Math.max(w, Math.abs(x - got![i]!)), 0)
          assert.ok(worst <= 1e-5 * k, `${m} x ${n} x ${k}, ${flips}: off by ${worst}`)
        }
      }
    })))

  gpu("a thousand runs allocate nothing new, and all is given back", () =>
    run(Effect.gen(function* () {
      const backend = yield* opened(implementation)
      const program = counting(64, 3)
      const x = yield* backend.allocate("f32", 64)
      yield* backend.write(x, new Float32Array(64))
      const made = yield* backend.prepare(program)
      const before = yield* backend.memory
      assert.is(before.peak, program.forecast.peak)
      for (let i = 0; i < 1000; i++) yield* made.run([x], [x])
      assert.equal(yield* backend.memory, before)
      assert.equal([...yield* backend.read(x)], new Array(64).fill(3000))
      yield* made.dispose
      yield* backend.free(x)
      assert.is((yield* backend.memory).bytes, 0)
    })))

  gpu("what is bound for empty arrays is forecast, counted and given back", () =>
    run(Effect.gen(function* () {
      const backend = yield* opened(implementation)
      const { program } = empty[0]!.case
      const made = yield* backend.prepare(program)
      assert.is(backend.workspace(program), 16)
      assert.is(made.bytes, 16)
      assert.is((yield* backend.memory).bytes, 16)
      yield* made.dispose
      assert.equal(yield* backend.memory, { bytes: 0, peak: 16 })
      assert.is(backend.workspace(counting(64, 3)), 0)
    })))

  gpu("arrays of every size come home whole, many at once", () =>
    run(Effect.gen(function* () {
      const backend = yield* opened(implementation)
      const sizes = [1, 3, 4, 255, 1000, (1 << 22) + 5]
      const arrays = yield* Effect.forEach(sizes, (n) => backend.allocate("u8", n))
      for (const [i, a] of arrays.entries()) {
        yield* backend.write(
          a,
          Uint8Array.from({ length: a.elements }, (_, k) => k + i),
        )
      }
      const all = yield* Effect.forEach(arrays, backend.read, { concurrency: "unbounded" })
      for (const [i, got] of all.entries()) {
        assert.is(got.length, sizes[i])
        assert.ok((got as Uint8Array).every((v, k) => v === ((k + i) & 255)), `array ${i}`)
      }
    })))

  gpu(
    "what is beyond the adapter's limits is refused with the limit, the size and what would fit",
    () =>
      run(Effect.gen(function* () {
        const backend = yield* opened(implementation)
        const huge = yield* faultOf(backend.allocate("f32", 2 ** 33))
        assert.is(huge.reason, "limit")
        assert.match(huge.message, /maxBufferSize of this adapter is .*fit/)
        const elements = backend.info.maxBufferBytes / 4 + 1
        const program: Program = {
          ...counting(4, 1),
          buffers: [{ dtype: "f32", elements: 4, place: { tag: "input", index: 0 } }, {
            dtype: "f32",
            elements,
            place: { tag: "output", index: 0 },
          }],
        }
        const wide = yield* faultOf(backend.prepare(program))
        assert.is(wide.reason, "limit")
        assert.match(wide.message, /maxStorageBufferBindingSize of this adapter is .*at most \d+ elements fit/)
        const many = Array.from({ length: backend.info.maxBindings + 1 }, (_, i) => load(i, along(1)))
        const sum = many.reduce((x, y): Expr => ({ tag: "binary", dtype: "f32", fn: "add", x, y }))
        const greedy = oneKernel({
          tag: "loop",
          dims: [2],
          over: [],
          stages: [{ tag: "point", stores: [{ buffer: many.length, at: along(1), value: sum }] }],
        }, [
          ...many.map(() => ({ role: "input", dtype: "f32", values: [1, 2] }) as const),
          { role: "output", dtype: "f32", elements: 2 },
        ])
        const bindings = yield* faultOf(backend.prepare(greedy.program))
        assert.is(bindings.reason, "limit")
        assert.match(bindings.message, /maxStorageBuffersPerShaderStage/)
        assert.is((yield* backend.memory).bytes, 0, "what was refused holds no memory")
      })),
  )

  gpu("a write of another kind or length is refused", () =>
    run(Effect.gen(function* () {
      const backend = yield* opened(implementation)
      const x = yield* backend.allocate("f16", 3)
      const kind = yield* faultOf(backend.write(x, new Float32Array(3)))
      assert.is(kind.reason, "input")
      assert.match(kind.message, /3 x f16 takes a Uint16Array of that length, got a Float32Array of 3/)
      assert.is((yield* faultOf(backend.write(x, new Uint16Array(4)))).reason, "input")
    })))

  gpu("a closed device says that it is gone", async () => {
    const outlived = await run(Effect.map(opened(implementation), (b) => b))
    const fault = await run(faultOf(outlived.allocate("f32", 4)))
    assert.is(fault.reason, "lost")
    assert.match(fault.message, /its scope has ended/)
  })

  gpu(
    "a GPU that is lost is a fault of that name, for whatever is asked of it then",
    () =>
      run(Effect.gen(function* () {
        const open = yield* openGpu({ implementation })
        const { backend } = webgpuBackend(open)
        const x = yield* backend.allocate("f32", 4)
        open.device.destroy()
        yield* Effect.promise(() => open.device.lost)
        for (const e of [backend.read(x), backend.allocate("f32", 4), backend.prepare(counting(4, 1))]) {
          const fault = yield* faultOf<unknown>(e)
          assert.is(fault.reason, "lost")
          assert.match(fault.message, /the GPU was lost .*last checkpoint/)
        }
      })),
  )

  gpu("what a closed device leaves to the garbage collector harms nobody", async () => {
    for (let i = 0; i < 3; i++) {
      await run(Effect.map(opened(implementation), (b) => b.info.kind))
      // So much memory at once makes V8 collect now; none of it is touched.
      assert.is(new ArrayBuffer(2 ** 31).byteLength, 2 ** 31)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })

  it.run()
}
