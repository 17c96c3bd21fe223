/** The forecast of a device is what it allocates: the program's arrays, and its own workspace; all of it comes back. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { count } from "../../../core/graph/node.ts"
import { grad } from "../../../core/grad/grad.ts"
import { compile, type Compiled } from "../../../core/plan/compile.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { dot } from "../../../ops/contraction.ts"
import { mul, sub } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { softmax } from "../../../ops/softmax.ts"
import { sort } from "../../../ops/sorting.ts"

type AnyCompiled = Compiled<unknown, unknown>

const right = <A>(e: E.Either<unknown, unknown>): A => {
  if (E.isRight(e)) return e.right as A
  throw new Error(JSON.stringify(e.left))
}

const sorting = (n: number): AnyCompiled => right(compile((x) => sort(x, "n"), f32("n", { n })))

const product = (n: number): AnyCompiled =>
  right(compile(({ x, y }) => dot(x, y, "k"), { x: f32("m k", { m: n, k: n }), y: f32("k n", { k: n, n }) }))

const shares = (rows: number): AnyCompiled =>
  right(compile((x) => softmax(x, "v"), f32("row v", { row: rows, v: 1000 })))

/** Descent of a least-squares fit; the weight's array is taken over. */
const training = (batch: number): AnyCompiled => {
  const inputs = {
    state: { w: f32("model out", { model: 64, out: 32 }) },
    x: f32("batch model", { batch, model: 64 }),
    y: f32("batch out", { batch, out: 32 }),
  }
  return right(compile(
    ({ state, x, y }) => {
      const slope = grad((p: typeof state) => {
        const off = sub(dot(x, p.w, "model"), y)
        return sum(mul(off, off), "batch out")
      })(state)
      return { state: { w: sub(state.w, mul(slope.w, 0.001)) } }
    },
    inputs,
    { donate: ["state"] },
  ))
}

const nothing: AnyCompiled = right(
  compile((x) => ({ y: mul(x, 2) }), f32("n", { n: 0 })),
)

const programs: ReadonlyArray<readonly [string, AnyCompiled]> = [
  ["a sort of 100,000 elements", sorting(100_000)],
  ["a product of 300 x 300", product(300)],
  ["a softmax", shares(50)],
  ["a step of training", training(40)],
  ["nothing", nothing],
]

type Opened = Effect.Effect<Backend, DeviceFault, Scope.Scope>

const backends: ReadonlyArray<readonly [string, Opened]> = [
  ["oracle", oracle],
  ["wasm, 1 thread", Effect.map(wasm({ memory: 2 ** 28, threads: 1, blas: false }), (b) => b as Backend)],
  ["wasm, 2 threads", Effect.map(wasm({ memory: 2 ** 28, threads: 2, blas: false }), (b) => b as Backend)],
]

/** Values for every input, in the tree that the program takes. */
const valuesFor = ({ program, inputs }: AnyCompiled): unknown => {
  const hostOf = (path: string): AnyHost => {
    const { axes, shape } = program.inputs.find((s) => s.path === path)!
    const data = Float32Array.from({ length: count(shape) }, (_, i) => Math.sin(i + 1))
    return { dtype: "f32", axes, shape, data }
  }
  const fill = (tree: unknown, path: ReadonlyArray<string>): unknown =>
    typeof tree === "object" && tree !== null && !("dtype" in tree)
      ? Object.fromEntries(Object.entries(tree).map(([k, v]) => [k, fill(v, [...path, k])]))
      : hostOf(path.join("."))
  return fill(inputs, [])
}

const it = suite("forecast of a device")

for (const [name, backend] of backends) {
  for (const [what, compiled] of programs) {
    it(`${name}: ${what}`, () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const device = yield* make(yield* backend)
        const forecast = device.forecast(compiled)
        assert.is(forecast.peak, compiled.program.forecast.peak + forecast.workspace)
        assert.equal((yield* device.memory).bytes, 0, "a forecast allocates nothing")
        yield* Effect.scoped(Effect.gen(function* () {
          const run = yield* device.load(compiled)
          for (let i = 0; i < 3; i++) yield* run(valuesFor(compiled) as never)
          const { bytes, peak } = yield* device.memory
          assert.is(bytes, forecast.peak)
          assert.is(peak, forecast.peak)
        }))
        assert.is((yield* device.memory).bytes, 0)
      }))))
  }
}

it("scratch is of each thread, and grows with the row that is sorted", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const [one, two] = yield* Effect.forEach([1, 2], (threads) => wasm({ memory: 2 ** 28, threads, blas: false }))
    const of = (b: typeof one, n: number): number => b!.workspace(sorting(n).program)
    // two arrays of 8 bytes an element
    assert.ok(of(one, 100_000) >= 1_600_000)
    assert.ok(of(one, 100_000) < 1_700_000)
    assert.ok(of(two, 100_000) - of(one, 100_000) >= 1_600_000)
    assert.ok(of(one, 10) < 10_000)
  }))))

it("several programs at once hold the sum of their forecasts, and each gives back its own", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* wasm({ memory: 2 ** 28, threads: 2, blas: false }))
    const [first, second] = [sorting(5000), product(70)]
    const expected = [first, second].map((c) => device.forecast(c).peak)
    yield* Effect.scoped(Effect.gen(function* () {
      const run = yield* device.load(first)
      const before = yield* run(valuesFor(first) as never)
      yield* Effect.scoped(Effect.gen(function* () {
        const other = yield* device.load(second)
        yield* other(valuesFor(second) as never)
        assert.is((yield* device.memory).bytes, expected[0]! + expected[1]!)
      }))
      assert.is((yield* device.memory).bytes, expected[0]!)
      assert.equal(yield* run(valuesFor(first) as never), before)
    }))
    assert.equal(yield* device.memory, { bytes: 0, peak: expected[0]! + expected[1]! })
  }))))

it.run()
