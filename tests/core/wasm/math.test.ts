import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { BinaryFn, UnaryFn } from "../../../core/graph/node.ts"
import { binary, unary } from "../../../core/graph/scalar.ts"
import type { Expr, Loop } from "../../../core/kernel/kernel.ts"
import type { Features } from "../../../core/wasm/kernel.ts"
import { loopCode } from "../../../core/wasm/loop.ts"
import { contextOf, modes, runCode } from "./harness.ts"

const it = suite("wasm functions against float64")

/** |error| <= relative * |value| + absolute, for arguments from `low` to `high`. What is below `flush` may be 0. */
interface Bound {
  readonly fn: UnaryFn
  readonly low: number
  readonly high: number
  readonly relative: number
  readonly absolute: number
}

const bounds: ReadonlyArray<Bound> = [
  { fn: "exp", low: -87.3365, high: 88.7228, relative: 2e-7, absolute: 0 },
  { fn: "exp", low: -200, high: -87.3365, relative: 2e-7, absolute: 1.2e-38 },
  { fn: "log", low: 1e-44, high: 3e38, relative: 2e-7, absolute: 0 },
  { fn: "log", low: 0.5, high: 2, relative: 2e-7, absolute: 1e-7 },
  { fn: "sin", low: -10, high: 10, relative: 0, absolute: 2e-7 },
  { fn: "sin", low: -1e5, high: 1e5, relative: 0, absolute: 2e-7 },
  { fn: "sin", low: -3e38, high: 3e38, relative: 0, absolute: 2e-7 },
  { fn: "cos", low: -10, high: 10, relative: 0, absolute: 2e-7 },
  { fn: "cos", low: -1e5, high: 1e5, relative: 0, absolute: 2e-7 },
  { fn: "cos", low: -3e38, high: 3e38, relative: 0, absolute: 2e-7 },
  { fn: "tanh", low: -20, high: 20, relative: 4e-7, absolute: 0 },
  { fn: "tanh", low: -1e-3, high: 1e-3, relative: 4e-7, absolute: 0 },
  { fn: "erf", low: -6, high: 6, relative: 0, absolute: 6e-7 },
  { fn: "erf", low: -1e-2, high: 1e-2, relative: 4e-7, absolute: 0 },
  { fn: "sigmoid", low: -86, high: 86, relative: 3e-7, absolute: 0 },
  { fn: "sqrt", low: 0, high: 3e38, relative: 1e-7, absolute: 0 },
  { fn: "rsqrt", low: 1e-37, high: 3e38, relative: 2e-7, absolute: 0 },
  { fn: "recip", low: -1e30, high: 1e30, relative: 1e-7, absolute: 0 },
  { fn: "floor", low: -1e10, high: 1e10, relative: 0, absolute: 0 },
  { fn: "ceil", low: -1e10, high: 1e10, relative: 0, absolute: 0 },
  { fn: "round", low: -100, high: 100, relative: 0, absolute: 0 },
  { fn: "trunc", low: -1e10, high: 1e10, relative: 0, absolute: 0 },
]

const load = (buffer: number): Expr => ({
  tag: "load",
  dtype: "f32",
  buffer,
  at: { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] },
  guards: [],
})

const mapped = (value: Expr, buffer: number, n: number): Loop => ({
  tag: "loop",
  dims: [n],
  over: [],
  stages: [{
    tag: "point",
    stores: [{ buffer, at: { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] }, value }],
  }],
})

const runUnary = (fn: UnaryFn, mode: Features, xs: Float32Array): Float32Array => {
  const kernel = mapped({ tag: "unary", dtype: "f32", fn, x: load(0) }, 1, xs.length)
  const filled = [xs, new Float32Array(xs.length)].map((data) => ({ dtype: "f32" as const, data }))
  return runCode(loopCode(kernel, contextOf(mode, ["f32", "f32"])), filled)[1] as Float32Array
}

const runBinary = (fn: BinaryFn, mode: Features, xs: Float32Array, ys: Float32Array): Float32Array => {
  const kernel = mapped({ tag: "binary", dtype: "f32", fn, x: load(0), y: load(1) }, 2, xs.length)
  const filled = [xs, ys, new Float32Array(xs.length)].map((data) => ({ dtype: "f32" as const, data }))
  return runCode(loopCode(kernel, contextOf(mode, ["f32", "f32", "f32"])), filled)[2] as Float32Array
}

/** Numbers between, evenly by value and by exponent, ends included. */
const between = (low: number, high: number, n: number): Float32Array => {
  const sign = (x: number): number => x < 0 ? -1 : 1
  const squeeze = (x: number): number => sign(x) * Math.log2(1 + Math.abs(x) * 2 ** 60)
  const expand = (y: number): number => sign(y) * (2 ** Math.abs(y) - 1) * 2 ** -60
  const [a, b] = [squeeze(low), squeeze(high)]
  const even = Array.from({ length: n }, (_, i) => low + (high - low) * ((i + 0.37) / n))
  const logs = Array.from({ length: n }, (_, i) => expand(a + (b - a) * ((i + 0.61) / n)))
  return Float32Array.from([low, high, ...even, ...logs])
}

const worst = (b: Bound, xs: Float32Array, ys: Float32Array): string | undefined => {
  const f = unary(b.fn, "f32")
  for (let i = 0; i < xs.length; i++) {
    const [x, y] = [xs[i]!, ys[i]!]
    const want = f(x)
    if (want === y || (Number.isNaN(want) && Number.isNaN(y)) || Math.fround(want) === y) continue
    const error = Math.abs(y - want)
    if (!(error <= b.relative * Math.abs(want) + b.absolute)) return `${b.fn}(${x}) gave ${y}, expected ${want}`
  }
  return undefined
}

for (const mode of modes) {
  const name = mode.relaxed ? "relaxed" : "strict"
  for (const b of bounds) {
    it(`${name}: ${b.fn} from ${b.low} to ${b.high}`, () => {
      const xs = between(b.low, b.high, 20000)
      assert.is(worst(b, xs, runUnary(b.fn, mode, xs)), undefined)
    })
  }
  it(`${name}: random arguments`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...bounds).chain((b) =>
          fc.tuple(
            fc.constant(b),
            fc.array(fc.float({ min: Math.fround(b.low), max: Math.fround(b.high), noNaN: true }), {
              minLength: 1,
              maxLength: 9,
            }),
          )
        ),
        ([b, list]) => {
          const xs = Float32Array.from(list)
          assert.is(worst(b, xs, runUnary(b.fn, mode, xs)), undefined)
        },
      ),
      { numRuns: 100, seed: 5 },
    )
  })
  it(`${name}: special arguments`, () => {
    const xs = Float32Array.from([NaN, Infinity, -Infinity, 0, -0, 1, -1])
    const table: ReadonlyArray<readonly [UnaryFn, ReadonlyArray<number>]> = [
      ["exp", [NaN, Infinity, 0, 1, 1, Math.fround(Math.E), Math.fround(1 / Math.E)]],
      ["log", [NaN, Infinity, NaN, -Infinity, -Infinity, 0, NaN]],
      ["sin", [NaN, NaN, NaN, 0, -0, Math.fround(Math.sin(1)), Math.fround(Math.sin(-1))]],
      ["tanh", [NaN, 1, -1, 0, -0, Math.fround(Math.tanh(1)), Math.fround(Math.tanh(-1))]],
      ["erf", [NaN, 1, -1, 0, -0, Math.fround(0.8427007929497149), Math.fround(-0.8427007929497149)]],
      ["sigmoid", [NaN, 1, 0, 0.5, 0.5, Math.fround(1 / (1 + Math.exp(-1))), Math.fround(1 / (1 + Math.E))]],
      ["sign", [NaN, 1, -1, 0, -0, 1, -1]],
      ["sqrt", [NaN, Infinity, NaN, 0, -0, 1, NaN]],
      ["rsqrt", [NaN, 0, NaN, Infinity, -Infinity, 1, NaN]],
      ["recip", [NaN, 0, -0, Infinity, -Infinity, 1, -1]],
    ]
    for (const [fn, want] of table) {
      const got = runUnary(fn, mode, xs)
      want.forEach((v, i) => {
        const near = Math.abs(got[i]! - v) <= 3e-7 * Math.abs(v) && v !== 0
        assert.ok(Object.is(got[i], v) || near, `${fn}(${xs[i]}) gave ${got[i]}, expected ${v}`)
      })
    }
  })
  it(`${name}: exp gives no denormals`, () => {
    const xs = between(-120, -80, 4000)
    runUnary("exp", mode, xs).forEach((y) => assert.ok(y === 0 || y >= 1.17549e-38, `${y}`))
  })
  it(`${name}: pow and rem`, () => {
    const some = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      0.5,
      -0.5,
      3,
      -3,
      7.25,
      1e-3,
      1e30,
      -1e-30,
      Infinity,
      -Infinity,
      NaN,
      101,
      1e9,
      2.5,
    ]
    const xs = Float32Array.from(some.flatMap((x) => some.map(() => x)))
    const ys = Float32Array.from(some.flatMap(() => some))
    for (const fn of ["pow", "rem"] as const) {
      const f = binary(fn, "f32")
      runBinary(fn, mode, xs, ys).forEach((y, i) => {
        const [p, q] = [xs[i]!, ys[i]!]
        const want = f(p, q)
        const right = Object.is(Math.fround(want), y) || Math.abs(want - y) <= 2e-7 * Math.abs(want) + 2e-38
        assert.ok(right, `${fn}(${p}, ${q}) gave ${y}, expected ${want}`)
      })
    }
  })
  it(`${name}: rem is exact for every quotient`, () => {
    const sized = fc.tuple(fc.float({ min: 1, max: 2, noNaN: true }), fc.integer({ min: -149, max: 126 }), fc.boolean())
      .map(([m, e, minus]) => (minus ? -1 : 1) * Math.fround(m * 2 ** e))
    const listed: ReadonlyArray<readonly [number, number]> = [
      [1e20, 7],
      [1, 1e-20],
      [-1e20, 7],
      [3.4028234663852886e38, 3 * 2 ** -149],
      [3.4028234663852886e38, 2 ** -149],
      [2 ** -149, 3.4028234663852886e38],
      [2 ** 29, 3],
      [2 ** 30 - 64, 1.0000001],
      [16777215, 1.0000001],
    ]
    const check = (pairs: ReadonlyArray<readonly [number, number]>): void => {
      const [xs, ys] = [Float32Array.from(pairs, (p) => p[0]), Float32Array.from(pairs, (p) => p[1])]
      runBinary("rem", mode, xs, ys).forEach((r, i) => {
        assert.ok(Object.is(r, xs[i]! % ys[i]!), `rem(${xs[i]}, ${ys[i]}) gave ${r}, expected ${xs[i]! % ys[i]!}`)
      })
    }
    check(listed)
    fc.assert(fc.property(fc.array(fc.tuple(sized, sized), { minLength: 100, maxLength: 300 }), check), {
      numRuns: 100,
      seed: 4,
    })
  })
  it(`${name}: pow of random positive numbers`, () => {
    const positive = fc.float({ min: Math.fround(1e-6), max: Math.fround(1e6), noNaN: true })
    const power = fc.float({ min: -6, max: 6, noNaN: true })
    fc.assert(
      fc.property(fc.array(fc.tuple(positive, power), { minLength: 1, maxLength: 40 }), (pairs) => {
        const [xs, ys] = [Float32Array.from(pairs, (p) => p[0]), Float32Array.from(pairs, (p) => p[1])]
        runBinary("pow", mode, xs, ys).forEach((y, i) => {
          const want = xs[i]! ** ys[i]!
          assert.ok(Math.abs(want - y) <= 2e-7 * want, `${xs[i]} ** ${ys[i]} gave ${y}, expected ${want}`)
        })
      }),
      { numRuns: 60, seed: 3 },
    )
  })
}

it.run()
