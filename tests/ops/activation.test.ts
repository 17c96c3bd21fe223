/** Activations in f32 on WebAssembly against float64, far out where cancellation shows, and their slopes. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../core/device/device.ts"
import { grad } from "../../core/grad/grad.ts"
import { erf } from "../../core/graph/scalar.ts"
import { compile } from "../../core/plan/compile.ts"
import { type Host, numbers } from "../../core/tensor/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { gelu, softplus } from "../../ops/activation.ts"
import { sum } from "../../ops/reduction.ts"

const it = suite("activations in f32")

type Map1 = (x: F32<"n">) => F32<"n">

const on = async (f: Map1, relaxed: boolean, xs: Float32Array): Promise<ReadonlyArray<number>> => {
  const spec = f32("n", { n: xs.length })
  const compiled = compile(({ x }) => ({ y: f(x) }), { x: spec })
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const { y } = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* wasm({ memory: 2 ** 28, threads: 1, relaxed }))
    const run = yield* device.load(compiled.right)
    return yield* device.fetch(yield* run({ x: { ...spec, data: xs } }))
  })))
  return numbers(y as Host<"f32", ["n"]>)
}

const slope = (f: Map1): Map1 => (x) => grad((p: { readonly x: F32<"n"> }) => sum(f(p.x), "n"))({ x }).x

const xs = Float32Array.from([
  ...Array.from({ length: 4001 }, (_, i) => (i - 2000) / 25),
  ...Array.from({ length: 2001 }, (_, i) => (i - 1000) / 150),
  -9,
  -5.5,
  -15,
  -16,
  -17,
  1e-30,
  -1e-30,
  0,
  3e38,
  -3e38,
])

for (const relaxed of [true, false]) {
  const name = relaxed ? "relaxed" : "strict"
  it(`${name}: softplus is log(1 + exp(x)), to 1e-6 of its size`, async () => {
    const ys = await on(softplus, relaxed, xs)
    xs.forEach((x, i) => {
      const want = Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
      assert.ok(Math.abs(ys[i]! - want) <= 1e-6 * want + 1e-37, `softplus(${x}) gave ${ys[i]}, expected ${want}`)
    })
    const special = await on(softplus, relaxed, Float32Array.of(Infinity, -Infinity, NaN, 0))
    assert.equal(special.slice(0, 3), [Infinity, 0, NaN])
    assert.ok(Math.abs(special[3]! - Math.LN2) <= 1e-7)
  })
  it(`${name}: the slope of softplus is the sigmoid`, async () => {
    const ys = await on(slope(softplus), relaxed, xs)
    xs.forEach((x, i) => {
      const want = 1 / (1 + Math.exp(-x))
      assert.ok(Math.abs(ys[i]! - want) <= 1e-6 * want + 1e-37, `softplus'(${x}) gave ${ys[i]}, expected ${want}`)
    })
  })
  it(`${name}: and its slope is that of the sigmoid`, async () => {
    const near = xs.filter((x) => Math.abs(x) < 40 && x !== 0)
    const ys = await on(slope(slope(softplus)), relaxed, near)
    near.forEach((x, i) => {
      const want = 1 / (2 + Math.exp(x) + Math.exp(-x))
      assert.ok(Math.abs(ys[i]! - want) <= 3e-7, `softplus''(${x}) gave ${ys[i]}, expected ${want}`)
    })
  })
  it(`${name}: gelu to 1e-6 below 0, 5e-7 of x above`, async () => {
    const ys = await on(gelu, relaxed, xs)
    xs.forEach((x, i) => {
      const want = x * (1 + erf(x / Math.SQRT2)) / 2
      const bound = x < 0 ? 1e-6 : 5e-7 * x
      assert.ok(Math.abs(ys[i]! - want) <= bound, `gelu(${x}) gave ${ys[i]}, expected ${want}`)
    })
  })
}

it.run()
