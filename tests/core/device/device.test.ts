/** The Device service over the oracle and over WebAssembly: what is given, what is taken over, what is freed. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { choose } from "../../../core/device/choose.ts"
import { Device, layer, make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { compile, type Compiled, type CompileOptions } from "../../../core/plan/compile.ts"
import type { Axes } from "../../../core/tensor/axes.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import { type Host, host, numbers } from "../../../core/tensor/host.ts"
import { f16, f32, i32, type Spec } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { add, mul, sub } from "../../../ops/elementwise.ts"
import { dot } from "../../../ops/contraction.ts"
import { sum } from "../../../ops/reduction.ts"

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isRight(e)) return e.right
  throw new Error(JSON.stringify(e.left))
}

const hostOf = <const D extends DType, const A extends Axes>(
  spec: Spec<D, A>,
  values: ReadonlyArray<number>,
): Host<D, A> => right(host(spec, values))

const weights = f32("model out", { model: 3, out: 2 })
const batch = f32("batch model", { batch: 2, model: 3 })

/** A step of descent on a weight, with the weight's place taken over, and its loss. */
const descent = (options: CompileOptions = { donate: ["state"] }): Compiled<
  { readonly state: { readonly w: F32<"model out"> }; readonly x: F32<"batch model"> },
  { readonly state: { readonly w: F32<"model out"> }; readonly loss: F32 }
> =>
  right(compile(
    ({ state, x }) => {
      const y = dot(x, state.w, "model")
      return {
        state: { w: sub(state.w, mul(dot(x, y, "batch"), 0.125)) },
        loss: sum(mul(y, y), "batch out"),
      }
    },
    { state: { w: weights }, x: batch },
    options,
  )) as never

const w0 = hostOf(weights, [1, 2, 3, 4, 5, 6])
const x0 = hostOf(batch, [1, 0, -1, 0.5, 2, 1])

type Opened = Effect.Effect<Backend, DeviceFault, Scope.Scope>

const backends: ReadonlyArray<readonly [string, Opened]> = [
  ["oracle", oracle],
  ["wasm", Effect.map(wasm({ memory: 2 ** 28, threads: 2 }), (b) => b as Backend)],
]

const on = <A>(backend: Opened, use: (d: Device) => Effect.Effect<A, DeviceFault, Scope.Scope>): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(Device, use)).pipe(Effect.provide(layer(backend))),
  )

/** The fault of what must fail. */
const faultOf = <R>(effect: Effect.Effect<unknown, DeviceFault, R>): Effect.Effect<DeviceFault, never, R> =>
  Effect.matchEffect(effect, { onFailure: Effect.succeed, onSuccess: () => Effect.die("it did not fail") })

const fails = async (
  backend: Opened,
  use: (d: Device) => Effect.Effect<unknown, DeviceFault, Scope.Scope>,
): Promise<DeviceFault> => await on(backend, (d) => faultOf(use(d)))

const it = suite("device")

for (const [name, backend] of backends) {
  it(`${name}: values from home go in and come home`, async () => {
    const out = await on(backend, (d) => Effect.flatMap(d.load(descent()), (run) => run({ state: { w: w0 }, x: x0 })))
    assert.is("data" in out.loss, true)
    const { w } = out.state
    assert.equal(w.shape, [3, 2])
    // y = [[-4, -4], [11.5, 15]]
    if ("data" in out.loss) assert.equal(numbers(out.loss), [16 + 16 + 132.25 + 225])
    if ("data" in w) assert.equal(numbers(w), [0.78125, 1.5625, 0.125, 0.25, 3.0625, 3.625])
  })

  it(`${name}: a handle given is taken over, and the new one goes on`, async () => {
    const got = await on(backend, (d) =>
      Effect.gen(function* () {
        const run = yield* d.load(descent())
        const first = yield* d.place({ w: w0 })
        const one = yield* run({ state: first, x: x0 })
        const again = yield* faultOf(run({ state: first, x: x0 }))
        const fetched = yield* faultOf(d.fetch(first))
        const two = yield* run({ state: one.state, x: x0 })
        return { again, fetched, two: yield* d.fetch(two.state), mixed: "data" in one.state.w }
      }))
    assert.is(got.mixed, false)
    assert.is(got.again.reason, "consumed")
    assert.match(got.again.message, /'state.w' f32\[model 3, out 2\] is consumed: a run took over its array/)
    assert.match(got.fetched.message, /'w' .* is consumed/)
    const home = await on(backend, (d) =>
      Effect.gen(function* () {
        const run = yield* d.load(descent())
        const one = yield* run({ state: { w: w0 }, x: x0 })
        return yield* d.fetch((yield* run({ state: one.state, x: x0 })).state)
      }))
    assert.equal(numbers(got.two.w), numbers(home.w))
  })

  it(`${name}: a thousand runs allocate nothing, and the forecast is what is allocated`, async () => {
    await on(backend, (d) =>
      Effect.gen(function* () {
        const compiled = descent()
        const run = yield* d.load(compiled)
        let state: { readonly w: unknown } = yield* d.place({ w: w0 })
        state = (yield* run({ state: state as never, x: x0 })).state
        const after = yield* d.memory
        assert.is(after.bytes, d.forecast(compiled).peak)
        assert.is(after.peak, d.forecast(compiled).peak)
        for (let i = 0; i < 1000; i++) state = (yield* run({ state: state as never, x: x0 })).state
        assert.equal(yield* d.memory, after)
      }))
  })

  it(`${name}: everything goes with its scope`, async () => {
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const d = yield* make(yield* backend)
      const handle = yield* Effect.scoped(Effect.gen(function* () {
        const run = yield* d.load(descent())
        const { state } = yield* run({ state: yield* d.place({ w: w0 }), x: x0 })
        return state
      }))
      assert.is((yield* d.memory).bytes, 0)
      const gone = yield* faultOf(d.fetch(handle))
      assert.is(gone.reason, "consumed")
      assert.match(gone.message, /its? scope|the scope that it was placed in has ended/)
    })))
  })

  it(`${name}: runs at the same time do not mix`, async () => {
    const results = await on(backend, (d) =>
      Effect.gen(function* () {
        const run = yield* d.load(descent({}))
        const inputs = [1, 2, 3, 4].map((k) => ({ state: { w: w0 }, x: hostOf(batch, [k, 0, 0, 0, k, 0]) }))
        return yield* Effect.all(inputs.map((i) => run(i)), { concurrency: 4 })
      }))
    // rows k * [1, 2] and k * [3, 4]
    assert.equal(results.map((r) => ("data" in r.loss ? numbers(r.loss)[0] : undefined)), [30, 120, 270, 480])
  })

  it(`${name}: halves and whole numbers keep their stored form`, async () => {
    const specs = { h: f16("n", { n: 3 }), i: i32("n", { n: 3 }) }
    const twice = right(compile(({ h, i }) => ({ h: add(h, h), i: add(i, i) }), specs))
    const out = await on(
      backend,
      (d) =>
        Effect.flatMap(
          d.load(twice),
          (run) => run({ h: hostOf(specs.h, [0.5, -1.25, 1000]), i: hostOf(specs.i, [1, -2, 2147483647]) }),
        ),
    )
    if ("data" in out.h) assert.equal(numbers(out.h), [1, -2.5, 2000])
    if ("data" in out.i) assert.equal(numbers(out.i), [2, -4, -2])
    assert.is("data" in out.h && "data" in out.i, true)
  })
}

/** Inputs against their types, as foreign data may be. */
const wrongs: ReadonlyArray<readonly [string, unknown, RegExp]> = [
  ["a missing input", { state: { w: w0 } }, /'x' is missing; it needs f32\[batch 2, model 3\]/],
  ["one too many", { state: { w: w0, v: w0 }, x: x0 }, /'state.v' is no input of the program; leave it out/],
  [
    "another size",
    { state: { w: w0 }, x: hostOf(f32("batch model", { batch: 3, model: 3 }), Array(9).fill(1)) },
    /'x' needs f32\[batch 2, model 3\], got f32\[batch 3, model 3\]/,
  ],
  ["other names", { state: { w: w0 }, x: { ...x0, axes: ["batch", "out"] } }, /'x' needs .* got f32\[batch 2, out 3\]/],
  [
    "another dtype",
    { state: { w: w0 }, x: hostOf(i32("batch model", { batch: 2, model: 3 }), [1, 2, 3, 4, 5, 6]) },
    /'x' needs f32\[.*\], got i32\[/,
  ],
  ["too few elements", { state: { w: w0 }, x: { ...x0, data: new Float32Array(5) } }, /'x': .* has 6 elements, got 5/],
  [
    "another kind of array",
    { state: { w: w0 }, x: { ...x0, data: new Int32Array(6) } },
    /'x': .* stored in a Float32Array, got a Int32Array/,
  ],
  ["no array", { state: { w: w0 }, x: { ...x0, data: [1, 2, 3, 4, 5, 6] } }, /'x' has no data/],
  ["a number", { state: { w: w0 }, x: 5 }, /'x' needs f32\[batch 2, model 3\], got number/],
  ["null", { state: { w: w0 }, x: null }, /'x' needs .* got null/],
  ["nothing", undefined, /'state.w' is missing.*'x' is missing/],
]

for (const [name, inputs, message] of wrongs) {
  it(`refuses ${name}`, async () => {
    const fault = await fails(oracle, (d) => Effect.flatMap(d.load(descent()), (run) => run(inputs as never)))
    assert.is(fault.reason, "input")
    assert.match(fault.message, message)
  })
}

it("a refused run consumes nothing", async () => {
  const got = await on(oracle, (d) =>
    Effect.gen(function* () {
      const run = yield* d.load(descent())
      const state = yield* d.place({ w: w0 })
      yield* faultOf(run({ state, x: null as never }))
      return yield* d.fetch(state)
    }))
  assert.equal(numbers(got.w), [1, 2, 3, 4, 5, 6])
})

it("refuses handles of another device", async () => {
  const fault = await fails(oracle, (d) =>
    Effect.gen(function* () {
      const other = yield* make(yield* oracle)
      return yield* d.fetch(yield* other.place(w0))
    }))
  assert.is(fault.reason, "input")
  assert.match(fault.message, /the handle f32\[model 3, out 2\] is of another device; fetch it there/)
})

it("refuses one array in two places where one is taken over", async () => {
  const specs = { a: f32("n", { n: 4 }), b: f32("n", { n: 4 }) }
  const both = right(compile(({ a, b }) => ({ a: add(a, b) }), specs, { donate: ["a"] }))
  const fault = await fails(oracle, (d) =>
    Effect.gen(function* () {
      const run = yield* d.load(both)
      const a = yield* d.place(hostOf(specs.a, [1, 2, 3, 4]))
      return yield* run({ a, b: a })
    }))
  assert.is(fault.reason, "input")
  assert.match(fault.message, /'a' is taken over by an output, but the same array is given for 'b'/)
})

it("refuses values that are none", async () => {
  const wrong: unknown = { w: "text" }
  const fault = await fails(oracle, (d) => d.place(wrong))
  assert.match(fault.message, /'w' cannot be placed: it is no tensor's values/)
  const short = await fails(oracle, (d) => d.place({ ...w0, data: new Float32Array(2) }))
  assert.match(short.message, /has 6 elements, got 2/)
})

const limited = (info: Partial<Backend["info"]>): Opened =>
  Effect.map(oracle, (b) => ({ ...b, info: { ...b.info, ...info } }))

it("refuses a program compiled for another device", async () => {
  const fault = await fails(limited({ maxBindings: 1 }), (d) => d.load(descent()))
  assert.is(fault.reason, "limit")
  assert.match(fault.message, /binds \d+ buffers, but oracle binds at most 1: .* compile it with maxBindings: 1/)
})

it("refuses arrays beyond the device's limit", async () => {
  const fault = await fails(limited({ maxBufferBytes: 16 }), (d) => d.load(descent()))
  assert.is(fault.reason, "limit")
  assert.match(fault.message, /f32\[.*\] has 0.0 MiB, but oracle binds at most 0.0 MiB; use smaller sizes/)
})

it("refuses a program of another version", async () => {
  const { program, ...trees } = descent()
  const fault = await fails(oracle, (d) => d.load({ ...trees, program: { ...program, version: 3 as never } } as never))
  assert.match(fault.message, /version 3/)
})

const no = (message: string): Opened => Effect.fail({ _tag: "DeviceFault", reason: "unavailable", message } as const)
const software: Opened = limited({ kind: "webgpu", description: "webgpu: llvmpipe", features: ["software"] })

const chosenOf = (
  asked: string | undefined,
  gpu: Opened,
): Promise<{ kind: string; reason: string } | { fault: string }> =>
  Effect.runPromise(Effect.scoped(Effect.match(
    choose(asked, [
      { kind: "webgpu", open: gpu, unasked: true },
      { kind: "wasm", open: limited({ kind: "wasm" }), unasked: true },
      { kind: "oracle", open: oracle, unasked: false },
    ]),
    {
      onSuccess: ({ backend, reason }) => ({ kind: backend.info.kind, reason }),
      onFailure: (f) => ({ fault: f.message }),
    },
  )))

it("chooses what is asked for, else the best that works, and says why", async () => {
  assert.equal(await chosenOf("oracle", no("no adapter")), {
    kind: "oracle",
    reason: "asked for by ORRERY_DEVICE=oracle",
  })
  assert.equal(await chosenOf(undefined, limited({ kind: "webgpu" })), {
    kind: "webgpu",
    reason: "the best that works",
  })
  assert.equal(await chosenOf("", no("webgpu: no adapter")), {
    kind: "wasm",
    reason: "the best that works; not webgpu: no adapter",
  })
  const soft = await chosenOf(undefined, software)
  assert.is("kind" in soft && soft.kind, "wasm")
  assert.match(
    "reason" in soft ? soft.reason : "",
    /llvmpipe: software, slower than wasm; ORRERY_DEVICE=webgpu takes it/,
  )
  assert.equal(await chosenOf("webgpu", software), { kind: "webgpu", reason: "asked for by ORRERY_DEVICE=webgpu" })
  assert.equal(await chosenOf("webgpu", no("no adapter")), { fault: "no adapter" })
  assert.match(
    JSON.stringify(await chosenOf("cuda", software)),
    /ORRERY_DEVICE is 'cuda', which is no device; set one of/,
  )
})

it("closes what it opened and did not take", async () => {
  let open = 0
  const counted: Opened = Effect.acquireRelease(
    Effect.flatMap(software, (b) => Effect.sync(() => (open++, b))),
    () => Effect.sync(() => open--),
  )
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    yield* choose(undefined, [
      { kind: "webgpu", open: counted, unasked: true },
      { kind: "wasm", open: limited({ kind: "wasm" }), unasked: true },
    ])
    assert.is(open, 0)
  })))
  const scope = Scope.makeUnsafe()
  await Effect.runPromise(Effect.provideService(
    choose("webgpu", [{ kind: "webgpu", open: counted, unasked: true }]),
    Scope.Scope,
    scope,
  ))
  assert.is(open, 1)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  assert.is(open, 0)
})

it.run()
