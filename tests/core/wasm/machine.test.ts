/**
 * The machine: the same bits from any number of threads, memory that is counted, faults that are typed, and threads that
 * are late, absent or dead.
 * @module
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import type { Kernel } from "../../../core/kernel/kernel.ts"
import { assemble, func, type Local, unreachable } from "../../../core/wasm/assembler.ts"
import { wasm, type WasmHandle, type WasmOptions } from "../../../core/wasm/backend.ts"
import { i32 } from "../../../core/wasm/instructions.ts"
import { type Platform, platform } from "../../../core/wasm/platform.ts"
import { type Entry, type Pool, pool } from "../../../core/wasm/pool.ts"
import { control, recordBytes, records, start, work } from "../../../core/wasm/walker.ts"
import { chains, everything, kernelOf } from "../kernel/arbitrary.ts"
import { oneKernel } from "../kernel/program.ts"
import { onDevice } from "../kernel/run.ts"

const it = suite("wasm machine")

const withDevice = <A>(
  options: WasmOptions,
  use: (device: Backend<WasmHandle>) => Effect.Effect<A, DeviceFault>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(wasm(options), use)))

const same = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((x, i) => Object.is(x, b[i]))

/** The fault of what must fail. */
const faultOf = (what: Effect.Effect<unknown, DeviceFault>): Effect.Effect<DeviceFault> =>
  Effect.match(what, {
    onFailure: (fault) => fault,
    onSuccess: () => {
      throw new Error("expected a fault")
    },
  })

for (const relaxed of [true, false]) {
  it(`one, two and three threads give the same bits, ${relaxed ? "relaxed" : "strict"}`, () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const devices = yield* Effect.forEach([1, 2, 3], (threads) => wasm({ threads, relaxed, memory: 2 ** 26 }))
      const cases = [
        ...(["map", "fold", "contract", "scatter", "cumulate", "sort"] as const).flatMap((kind) =>
          fc.sample(kernelOf(kind, everything), { seed: 11, numRuns: kind === "contract" ? 16 : 5 })
        ),
        ...fc.sample(chains(everything), { seed: 12, numRuns: 5 }),
      ]
      for (const c of cases) {
        const [one, ...others] = yield* Effect.forEach(devices, (d) => onDevice(d as Backend, c))
        for (const other of others) assert.ok(one!.every((o, i) => same(o, other[i]!)))
      }
    }))))
}

it("memory is counted, and given back", () =>
  withDevice({ threads: 1 }, (device) =>
    Effect.gen(function* () {
      const a = yield* device.allocate("f32", 1000)
      const b = yield* device.allocate("f16", 3)
      assert.equal(yield* device.memory, { bytes: 4008, peak: 4008 })
      yield* device.free(a)
      assert.equal(yield* device.memory, { bytes: 8, peak: 4008 })
      yield* device.write(b, Uint16Array.of(1, 2, 3))
      assert.equal(yield* device.read(b), Uint16Array.of(1, 2, 3))
    })))

it("what memory cannot hold is a fault with the sizes in it", () =>
  withDevice({ threads: 1 }, (device) =>
    Effect.gen(function* () {
      const fault = yield* faultOf(device.allocate("f32", 2 ** 31))
      assert.is(fault.reason, "memory")
      assert.match(fault.message, /2147483648 f32 needs 8192\.0 MiB/)
      assert.is((yield* device.memory).bytes, 0)
    })))

it("a memory of the bytes that are asked for holds so much, and says so; what is no number of bytes is a fault", async () => {
  await withDevice({ threads: 2, memory: 2 ** 22 + 1 }, (device) =>
    Effect.gen(function* () {
      assert.is(device.info.maxBufferBytes, 2 ** 22 + 65536 - 2 ** 20)
      yield* device.allocate("f32", device.info.maxBufferBytes / 4)
      const fault = yield* faultOf(device.allocate("f32", 2 ** 19))
      assert.match(fault.message, /the whole memory has 4\.1 MiB/)
    }))
  for (const memory of [0, 2 ** 22 - 1, 2 ** 32 + 1, 5e6 + 0.5, NaN]) {
    const fault = await Effect.runPromise(faultOf(Effect.scoped(wasm({ memory }))))
    assert.is(fault.reason, "input")
    assert.match(
      fault.message,
      new RegExp(`memory is ${String(memory).replace(".", "\\.")}; expected whole bytes from 4194304`),
    )
  }
})

const double = oneKernel(
  {
    tag: "loop",
    dims: [5],
    over: [],
    stages: [{
      tag: "point",
      stores: [{
        buffer: 1,
        at: { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] },
        value: {
          tag: "binary",
          fn: "mul",
          dtype: "f32",
          x: {
            tag: "load",
            dtype: "f32",
            buffer: 0,
            at: { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] },
            guards: [],
          },
          y: { tag: "const", dtype: "f32", value: 2 },
        },
      }],
    }],
  },
  [{ role: "input", dtype: "f32", values: [1, 2, 3, 4, 5] }, { role: "output", dtype: "f32", elements: 5 }],
)

it("wrong lengths and disposed programs are faults", () =>
  withDevice({ threads: 1 }, (device) =>
    Effect.gen(function* () {
      const a = yield* device.allocate("f32", 5), b = yield* device.allocate("f32", 5)
      const wrong = yield* faultOf(device.write(a, new Float32Array(4)))
      assert.is(wrong.reason, "input")
      const ready = yield* device.prepare(double.program)
      yield* ready.dispose
      yield* ready.dispose
      assert.is((yield* faultOf(ready.run([a], [b]))).reason, "consumed")
    })))

it("a thousand runs allocate nothing", () =>
  withDevice({ threads: 2 }, (device) =>
    Effect.gen(function* () {
      const a = yield* device.allocate("f32", 5), b = yield* device.allocate("f32", 5)
      yield* device.write(a, Float32Array.of(1, 2, 3, 4, 5))
      const ready = yield* device.prepare(double.program)
      const before = yield* device.memory
      for (let i = 0; i < 1000; i++) yield* ready.run([a], [b])
      assert.equal(yield* device.memory, before)
      assert.equal(yield* device.read(b), Float32Array.of(2, 4, 6, 8, 10))
    })))

it("programs come and go, and come again", () =>
  withDevice({ threads: 2 }, (device) =>
    Effect.gen(function* () {
      const [kernel] = double.program.kernels
      for (let size = 1; size <= 80; size++) {
        const n = size % 40 + 1
        const c = oneKernel({ ...kernel, dims: [n] } as Kernel, [
          { role: "input", dtype: "f32", values: Array.from({ length: n }, (_, i) => i) },
          { role: "output", dtype: "f32", elements: n },
        ])
        const [got] = yield* onDevice(device as Backend, c)
        assert.equal(Array.from(got!), Array.from({ length: n }, (_, i) => 2 * i))
      }
      assert.is((yield* device.memory).bytes, 0)
    })))

/** A pool on a memory of its own, and a program of one step whose every task does `body`. */
const machine = async (
  threads: number,
  on: Platform,
  tasks: number,
  body: Parameters<typeof func>[3],
): Promise<{ readonly threads: Pool; readonly words: Int32Array; readonly run: Effect.Effect<void, DeviceFault> }> => {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 1024, shared: true })
  const words = new Int32Array(memory.buffer)
  const module = await WebAssembly.compile(assemble({
    memory: { initial: 1, maximum: 1024, shared: true },
    exports: { start, work },
    table: [func("task", ["i32", "i32", "i32", "i32"], [], body)],
  }))
  const first = control.end
  words.set(records.dispatch(0, tasks, 1, 0), first / 4)
  words.set(records.end(), (first + recordBytes) / 4)
  const entry = new WebAssembly.Instance(module, { m: { memory } }).exports as unknown as Entry
  const made = pool(memory, threads, on, undefined)
  made.load(1, module)
  return { threads: made, words, run: made.run(1, entry, first, () => {}) }
}

const counting = 8192
const count: Parameters<typeof func>[3] = ({ params }) => {
  const [, , lo, hi] = params as ReadonlyArray<Local<"i32">>
  return [i32.atomicAdd(counting, i32.sub(hi!, lo!)).code, 0x1a]
}

it("every task is done once, run after run", async () => {
  const { threads, words, run } = await machine(3, platform(), 1000, count)
  for (let i = 1; i <= 200; i++) {
    await Effect.runPromise(run)
    assert.is(words[counting / 4], 1000 * i)
  }
  await Effect.runPromise(threads.end)
})

it("workers that never come are not waited for", async () => {
  const absent: Platform = { ...platform(), spawn: () => ({ send: () => {}, end: () => Promise.resolve() }) }
  const { threads, words, run } = await machine(4, absent, 100, count)
  await Effect.runPromise(run)
  assert.is(words[counting / 4], 100)
  await Effect.runPromise(threads.end)
})

it("a trap makes the device lost, and nothing hangs", async () => {
  for (const threads of [1, 2]) {
    const trapping = await machine(threads, platform(), 100, () => unreachable)
    const fault = await Effect.runPromise(faultOf(trapping.run))
    assert.is(fault.reason, "lost")
    assert.match(fault.message, /trapped in thread/)
    assert.is((await Effect.runPromise(faultOf(trapping.run))).reason, "lost")
    await Effect.runPromise(trapping.threads.end)
  }
})

it("a worker that dies makes the device lost", async () => {
  const deaths: Array<(why: string) => void> = []
  const on = platform()
  const watched: Platform = {
    ...on,
    spawn: (events) => {
      deaths.push(events.died)
      return on.spawn(events)
    },
  }
  const { threads, run } = await machine(2, watched, 10, count)
  await Effect.runPromise(run)
  deaths.forEach((die) => die("killed"))
  const fault = await Effect.runPromise(faultOf(run))
  assert.is(fault.reason, "lost")
  assert.match(fault.message, /thread 1 died: killed/)
  await Effect.runPromise(threads.end)
})

it.run()
