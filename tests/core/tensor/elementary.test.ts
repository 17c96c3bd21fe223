/** Elementary functions: near the engine's own, and the same bits on every engine. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sha256 } from "../../../core/graph/sha256.ts"
import { cos, exp, log, power, sin, tanh } from "../../../core/tensor/elementary.ts"

const it = suite("core/tensor/elementary")

const n = 20_000
/** Arguments from `a` to `b`, by sums and products alone. */
const between = (a: number, b: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => a + ((b - a) * i) / n)
const whole = (x: Float64Array): Float64Array => x.map(Math.round)

const functions: ReadonlyArray<
  readonly [name: string, f: (x: number) => number, of: (x: number) => number, x: Float64Array, places: number]
> = [
  ["exp", exp, Math.exp, between(-745, 709), 2],
  ["exp near 0", exp, Math.exp, between(-1, 1), 2],
  ["log", log, Math.log, between(1e-9, 1e6), 2],
  ["log near 1", log, Math.log, between(0.5, 2), 2],
  ["log of the least", log, Math.log, between(5e-324, 1e-310), 2],
  ["sin", sin, Math.sin, between(-1000, 1000), 2],
  ["cos", cos, Math.cos, between(-1000, 1000), 2],
  ["cos of many turns", cos, Math.cos, whole(between(0, 1_000_000)), 2],
  ["tanh", tanh, Math.tanh, between(-25, 25), 6],
  ["power", (x) => power(1e6, -x), (x) => 1e6 ** -x, between(0, 1), 20],
]

/** How far the next number is. */
const ulp = (x: number): number => {
  const data = new DataView(new ArrayBuffer(8))
  data.setFloat64(0, Math.abs(x))
  data.setBigUint64(0, data.getBigUint64(0) + 1n)
  return data.getFloat64(0) - Math.abs(x)
}

for (const [name, f, of, args, places] of functions) {
  it(`${name} is within ${places} of the last place of the engine's own`, () => {
    for (const x of args) {
      const [got, want] = [f(x), of(x)]
      assert.ok(Math.abs(got - want) <= places * ulp(want), `${name}(${x}) is ${got}, not ${want}`)
    }
  })
}

it("what is beyond numbers is what the engine says it is", () => {
  for (const x of [0, -0, Infinity, -Infinity, NaN, 710, -746, -1]) {
    for (
      const [f, of] of [[exp, Math.exp], [log, Math.log], [sin, Math.sin], [cos, Math.cos], [tanh, Math.tanh]] as const
    ) {
      assert.ok(Object.is(f(x), of(x)) || Math.abs(f(x) - of(x)) <= 2 * ulp(of(x)), `${f.name}(${x}): ${f(x)}`)
    }
  }
})

it("every engine gives these bits", () => {
  const bits = new Float64Array(functions.length * n)
  functions.forEach(([, f, , args], i) => bits.set(args.map(f), i * n))
  const view = new DataView(new ArrayBuffer(8 * bits.length))
  bits.forEach((x, i) => view.setFloat64(8 * i, x))
  assert.is(
    sha256(new Uint8Array(view.buffer)),
    "c1a3ecec7ad9d0305598060b03fdd4f0439bb3ada49b6558be58b187072f5311",
  )
})

it.run()
