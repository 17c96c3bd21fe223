/** Rotary positions: angles that are right at a million places in every dtype, and the golden numbers. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { decodeHalf, encodeHalf } from "../../core/tensor/half.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { cast } from "../../ops/elementwise.ts"
import { iota } from "../../ops/literal.ts"
import { rope } from "../../ops/rope.ts"
import { at, expect, given, holds, run, size, tensor, whole } from "./values.ts"

const it = suite("rotary positions")

it("turns pairs by their positions", () => {
  const all = fc.record({ time: size(), heads: size(), pairs: size(1) }).chain((s) =>
    fc.tuple(
      tensor("time heads head", { ...s, head: 2 * s.pairs }),
      tensor("time", s, whole(0, 2 ** 20 - 1), "i32"),
      fc.constantFrom(1, 100, 10_000, 5e7),
    )
  )
  holds(all, ([{ x, v }, positions, theta]) => {
    const pairs = v.shape[2]! / 2
    expect(rope(x, positions.x, "head", theta), "time heads head", (p) => {
      const i = Math.floor(p["head"]! / 2)
      const angle = at(positions.v, p) * theta ** (-i / pairs)
      const [re, im] = [at(v, { ...p, head: 2 * i }), at(v, { ...p, head: 2 * i + 1 })]
      return p["head"]! % 2 === 0
        ? re * Math.cos(angle) - im * Math.sin(angle)
        : im * Math.cos(angle) + re * Math.sin(angle)
    }, 1e-7)
  })
})

const pairs = 64
const last = 2 ** 20 - 1
const dtypes = ["f32", "f16", "bf16"] as const

/** Distance of two angles around the circle. */
const apart = (a: number, b: number): number => Math.abs(Math.atan2(Math.sin(a - b), Math.cos(a - b)))

/** Angles, as they are computed in f32, of pairs at these positions. */
const turned = (dtype: typeof dtypes[number], positions: ReadonlyArray<number>, theta: number) => {
  const p = given("time", [positions.length], positions, "i32")
  const ones = given("time head", [positions.length, 2 * pairs], new Float64Array(positions.length * 2 * pairs).fill(1))
  const node = rope(cast(ones.x, dtype), p.x, "head", theta)
  assert.is(node.dtype, dtype)
  return anglesOf(node)
}

for (const dtype of dtypes) {
  it(`knows the angle to 1e-6 rad at every position up to 2^20: ${dtype}`, () => {
    for (const theta of [10_000, 5e7]) {
      const positions = [0, 1, 2, 255, 257, 65535, 65536, 65537, 524287, last - 1, last]
      const angle = turned(dtype, positions, theta)
      for (const [t, position] of positions.entries()) {
        for (let i = 0; i < pairs; i++) {
          const off = apart(angle(t, i), exactAngle(position, i, pairs, theta))
          assert.ok(off <= 1e-6, `theta ${theta}, position ${position}, pair ${i}: off by ${off} rad`)
        }
      }
    }
  })
}

it("turns with the golden frequencies, whatever theta", () => {
  const golden: ReadonlyArray<readonly [theta: number, first: number, last: number]> = [
    [1e4, 0.86596435, 1.1547821e-4],
    [1e6, 0.8058422, 1.2409378e-6],
    [1e7, 0.7773651, 1.286397e-7],
    [2.5e7, 0.7663147, 5.2197876e-8],
    [5e7, 0.75806004, 2.6383136e-8],
  ]
  for (const [theta, first, slow] of golden) {
    const angle = turned("f32", [1, last], theta)
    assert.ok(apart(angle(0, 1), first) <= 1e-7, `theta ${theta}: ${angle(0, 1)}`)
    assert.ok(apart(angle(0, 32), theta ** -0.5) <= 1e-7, `theta ${theta}: ${angle(0, 32)}`)
    // the frequency is given to 8 digits
    assert.ok(apart(angle(1, 63), slow * last) <= 1e-6 + slow * last * 1e-7, `theta ${theta}: ${angle(1, 63)}`)
  }
  const want = [2.20151073, -0.3915999, 2.99717082, 4.00212032]
  const one = rope(given("time head", [1, 4], [1, 2, 3, 4]).x, given("time", [1], [5], "i32").x, "head", 5e7)
  expect(one, "time head", (p) => want[p["head"]!]!, 1e-8)
})

it("halves do not round positions", () => {
  const rounded: ReadonlyArray<readonly [number, number]> = [[257, 256], [385, 384], [2049, 2048], [32767, 32768]]
  for (const [position, other] of rounded) {
    assert.is(decodeHalf("bf16", encodeHalf("bf16", [position]))[0], other, "a position would be rounded")
    const angle = turned("bf16", [position, other], 5e7)
    const off = apart(angle(0, 0), exactAngle(position, 0, pairs, 5e7))
    assert.ok(off <= 1e-6, `position ${position}: off by ${off} rad`)
    assert.ok(apart(angle(0, 0), angle(1, 0)) > 0.9, "one place further is one rad further")
  }
})

/** The f32 angle that the graph computes, every step of it rounded to f32. */
const anglesOf = (node: ReturnType<typeof rope>): (t: number, i: number) => number => {
  const sine = find(node, (n) => n.op.tag === "unary" && n.op.fn === "sin")
  const product = find(sine, (n) => n.op.tag === "binary" && n.op.fn === "mul" && n.dtype === "f32")
  const turns = run(product.args[0]!)
  const scale = product.args[1]!
  assert.ok(scale.op.tag === "constant")
  const factor = Math.fround(scale.op.value)
  return (t, i) => Math.fround(Math.fround(turns.data[t * turns.shape[1]! + i]!) * factor)
}

type Graph = Parameters<typeof run>[0]
const find = (root: Graph, test: (n: Graph) => boolean): Graph => {
  const seen = [root]
  for (const n of seen) {
    if (test(n)) return n
    seen.push(...n.args)
  }
  throw new Error("no such node")
}

const bits = 120n
const one = 1n << bits

/** position * theta^(-i / pairs) modulo one turn, in whole numbers of 2^-120; pairs is a power of two. */
const exactAngle = (position: number, i: number, pairs: number, theta: number): number => {
  let step = BigInt(theta) * one
  for (let k = pairs; k > 1; k /= 2) step = squareRoot(step)
  let frequency = one
  for (let k = 0; k < i; k++) frequency = frequency * one / step
  return Number(frequency * BigInt(position) % (2n * pi())) / Number(one)
}

/** Machin: pi = 16 arctan(1 / 5) - 4 arctan(1 / 239). */
const pi = (): bigint => {
  const arctan = (x: bigint): bigint => {
    let [term, sum] = [one / x, 0n]
    for (let k = 1n; term !== 0n; k += 2n) {
      sum += (k % 4n === 1n ? term : -term) / k
      term /= x * x
    }
    return sum
  }
  return 16n * arctan(5n) - 4n * arctan(239n)
}

const squareRoot = (x: bigint): bigint => {
  const target = x << bits
  let guess = 1n << BigInt((target.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (guess + target / guess) >> 1n
    if (next >= guess) return guess
    guess = next
  }
}

it("refuses what cannot be turned", () => {
  const odd = rope(given("n head", [1, 3], [1, 2, 3]).x, iota("n", 1), "head")
  assert.equal(faultsOf([odd]).map((f) => `${f._tag} ${f.op}: ${f.message}`), [
    "SizeFault rope: axis 'head' is 3; it holds pairs, so its size must be even",
  ])
  for (const theta of [0, NaN, Infinity]) {
    const wrong = rope(given("n head", [1, 2], [1, 2]).x, iota("n", 1), "head", theta)
    assert.equal(faultsOf([wrong]).map((f) => `${f._tag} ${f.op}: ${f.message}`), [
      `ValueFault rope: theta is ${theta}; expected a finite number of 1 or more, for instance 10000`,
    ])
  }
})

it.run()
