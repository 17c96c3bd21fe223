import * as fc from "fast-check"
import { suite } from "uvu"
import type { Node } from "../../core/graph/node.ts"
import { gelu, geluTanh, relu, silu, softplus } from "../../ops/activation.ts"
import * as e from "../../ops/elementwise.ts"
import * as l from "../../ops/logic.ts"
import { constant, full, iota, literal, ones, zeros } from "../../ops/literal.ts"
import { at, expect, given, holds, plain, tensor, whole } from "./values.ts"

const it = suite("elementwise ops")

const special = fc.oneof(plain, fc.constantFrom(0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, Infinity, -Infinity, NaN))

/** 2 / sqrt(pi) * integral of exp(-t^2), by Simpson's rule. */
const erf = (x: number): number => {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? NaN : Math.sign(x)
  const [n, f] = [400, (t: number) => Math.exp(-t * t)]
  let sum = f(0) + f(x)
  for (let i = 1; i < n; i++) sum += (i % 2 === 1 ? 4 : 2) * f(i * x / n)
  return 2 / Math.sqrt(Math.PI) * sum * x / n / 3
}
const even = (x: number): number => {
  const down = Math.floor(x)
  return !Number.isFinite(x) || x === down ? x : x - down === 0.5 ? 2 * Math.round(down / 2) : Math.round(x)
}

/** IEEE 754 says 1 where the language says NaN. */
const pow = (x: number, y: number): number => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y

it("computes functions of one element", () => {
  const table: ReadonlyArray<readonly [(x: ReturnType<typeof given<"a b">>["x"]) => Node, (x: number) => number]> = [
    [e.neg, (x) => -x],
    [e.abs, Math.abs],
    [e.sign, Math.sign],
    [e.exp, Math.exp],
    [e.log, Math.log],
    [e.sqrt, Math.sqrt],
    [e.rsqrt, (x) => 1 / Math.sqrt(x)],
    [e.reciprocal, (x) => 1 / x],
    [e.sin, Math.sin],
    [e.cos, Math.cos],
    [e.tanh, Math.tanh],
    [e.erf, erf],
    [e.sigmoid, (x) => 1 / (1 + Math.exp(-x))],
    [e.floor, Math.floor],
    [e.ceil, Math.ceil],
    [e.round, even],
    [e.trunc, Math.trunc],
    [e.square, (x) => x * x],
    [e.isNaN, (x) => Number(Number.isNaN(x))],
    [e.isFinite, (x) => Number(Number.isFinite(x))],
    [(x) => e.clamp(x, -1, 0.5), (x) => Math.min(Math.max(x, -1), 0.5)],
    [relu, (x) => Math.max(x, 0)],
  ]
  holds(tensor("a b", {}, special), ({ x, v }) => {
    for (const [op, f] of table) expect(op(x), "a b", (p) => f(at(v, p)), 1e-7)
  }, 20)
})

it("computes activations", () => {
  holds(tensor("a", {}, fc.double({ min: -30, max: 30, noNaN: true })), ({ x, v }) => {
    const of = (f: (x: number) => number) => (p: { readonly [axis: string]: number }) => f(at(v, p))
    expect(silu(x), "a", of((y) => y / (1 + Math.exp(-y))))
    expect(gelu(x), "a", of((y) => y * (1 + erf(y / Math.SQRT2)) / 2), 1e-5)
    expect(geluTanh(x), "a", of((y) => y * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (y + 0.044715 * y ** 3))) / 2))
    expect(softplus(x), "a", of((y) => Math.log(1 + Math.exp(y))))
  })
  expect(softplus(given("a", [2], [800, -800]).x), "a", (p) => p["a"] === 0 ? 800 : 0)
})

it("computes functions of two elements that fit by name", () => {
  const both = fc.record({ a: whole(0, 3), b: whole(0, 3) }).chain((sizes) =>
    fc.tuple(tensor("a b", sizes, special), tensor("b", sizes, special), tensor("b a", sizes, special))
  )
  const table: ReadonlyArray<readonly [typeof e.add, (x: number, y: number) => number]> = [
    [e.add, (x, y) => x + y],
    [e.sub, (x, y) => x - y],
    [e.mul, (x, y) => x * y],
    [e.div, (x, y) => x / y],
    [e.rem, (x, y) => x % y],
    [e.pow as typeof e.add, pow],
    [e.minimum, Math.min],
    [e.maximum, Math.max],
  ]
  holds(both, ([x, y, z]) => {
    for (const [op, f] of table) {
      expect(op(x.x, y.x), "a b", (p) => f(at(x.v, p), at(y.v, p)))
      expect(op(y.x, x.x), "a b", (p) => f(at(y.v, p), at(x.v, p)))
      expect(op(x.x, z.x), "a b", (p) => f(at(x.v, p), at(z.v, p)))
      expect(op(x.x, 0.5), "a b", (p) => f(at(x.v, p), 0.5))
      expect(op(-2, x.x), "a b", (p) => f(-2, at(x.v, p)))
    }
  }, 20)
})

it("compares and chooses", () => {
  const both = fc.record({ a: whole(0, 3), b: whole(0, 3) }).chain((sizes) =>
    fc.tuple(tensor("a b", sizes, special), tensor("b", sizes, special))
  )
  const table: ReadonlyArray<readonly [typeof l.eq, (x: number, y: number) => boolean]> = [
    [l.eq, (x, y) => x === y],
    [l.ne, (x, y) => x !== y],
    [l.lt as typeof l.eq, (x, y) => x < y],
    [l.le as typeof l.eq, (x, y) => x <= y],
    [l.gt as typeof l.eq, (x, y) => x > y],
    [l.ge as typeof l.eq, (x, y) => x >= y],
  ]
  holds(both, ([x, y]) => {
    for (const [op, f] of table) expect(op(x.x, y.x), "a b", (p) => Number(f(at(x.v, p), at(y.v, p))))
    const less = l.lt(y.x, 0)
    expect(e.select(less, x.x, y.x), "a b", (p) => at(y.v, p) < 0 ? at(x.v, p) : at(y.v, p))
    expect(e.where(less, x.x, -Infinity), "a b", (p) => at(y.v, p) < 0 ? at(x.v, p) : -Infinity)
    expect(e.select(less, 1, 0), "b", (p) => Number(at(y.v, p) < 0))
    expect(l.and(less, l.gt(y.x, -1)), "b", (p) => Number(at(y.v, p) < 0 && at(y.v, p) > -1))
    expect(l.or(less, l.gt(y.x, 1)), "b", (p) => Number(at(y.v, p) < 0 || at(y.v, p) > 1))
    expect(l.xor(less, l.gt(y.x, -1)), "b", (p) => Number((at(y.v, p) < 0) !== (at(y.v, p) > -1)))
    expect(l.not(less), "b", (p) => Number(!(at(y.v, p) < 0)))
  })
})

it("works on bits and wraps around", () => {
  const word = whole(0, 2 ** 32 - 1)
  const sizes = { n: 7 }
  holds(
    fc.tuple(tensor("n", sizes, word, "u32"), tensor("n", sizes, word, "u32"), tensor("n", sizes, whole(0, 31), "u32")),
    ([x, y, s]) => {
      const of = (f: (x: bigint, y: bigint) => bigint, other = y) => (p: { readonly [axis: string]: number }) =>
        Number(BigInt.asUintN(32, f(BigInt(at(x.v, p)), BigInt(at(other.v, p)))))
      expect(e.add(x.x, y.x), "n", of((a, b) => a + b))
      expect(e.sub(x.x, y.x), "n", of((a, b) => a - b))
      expect(e.mul(x.x, y.x), "n", of((a, b) => a * b))
      expect(l.and(x.x, y.x), "n", of((a, b) => a & b))
      expect(l.or(x.x, y.x), "n", of((a, b) => a | b))
      expect(l.xor(x.x, y.x), "n", of((a, b) => a ^ b))
      expect(l.not(x.x), "n", of((a) => ~a))
      expect(l.shiftLeft(x.x, s.x), "n", of((a, b) => a << b, s))
      expect(l.shiftRight(x.x, s.x), "n", of((a, b) => a >> b, s))
      expect(e.bitcast(x.x, "i32"), "n", (p) => at(x.v, p) | 0)
      expect(l.shiftRight(e.bitcast(x.x, "i32"), s.x && e.cast(s.x, "i32")), "n", (p) => (at(x.v, p) | 0) >> at(s.v, p))
    },
  )
})

it("converts", () => {
  const { x } = given("n", [6], [1.9, -1.9, NaN, 3e9, -3e9, 300])
  const wanted = {
    i32: [1, -1, 0, 2147483647, -2147483648, 300],
    u32: [1, 0, 0, 3e9, 0, 300],
    bool: [1, 1, 1, 1, 1, 1],
    f16: [1.900390625, -1.900390625, NaN, Infinity, -Infinity, 300],
  } as const
  for (const [dtype, list] of Object.entries(wanted)) {
    expect(e.cast(x, dtype as keyof typeof wanted), "n", (p) => list[p["n"]!]!)
  }
})

it("makes tensors that are known", () => {
  const { x, v } = given("a b", [2, 3], [1, 2, 3, 4, 5, 6])
  expect(constant(2.5), "", () => 2.5)
  expect(full(x, -1), "a b", () => -1)
  expect(zeros(x), "a b", () => 0)
  expect(ones(x), "a b", () => 1)
  expect(iota("n", 4), "n", (p) => p["n"]!)
  expect(iota("n", 0, "f32"), "n", () => NaN)
  expect(
    literal({ dtype: "f32", axes: ["a", "b"], shape: [2, 3], data: Float32Array.from(v.data) }),
    "a b",
    (p) => at(v, p),
  )
})

it.run()
