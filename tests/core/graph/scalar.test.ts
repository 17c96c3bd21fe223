import { suite } from "uvu"
import * as assert from "uvu/assert"
import { binary, bitcast, cast, erf, unary } from "../../../core/graph/scalar.ts"

const it = suite("scalar functions")

it("wraps integers around", () => {
  assert.is(binary("mul", "i32")(65537, 65537), 131073)
  assert.is(binary("mul", "u32")(0xffffffff, 3), 0xfffffffd)
  assert.is(binary("add", "u32")(0xffffffff, 2), 1)
  assert.is(binary("sub", "u8")(3, 5), 254)
  assert.is(unary("neg", "u32")(1), 0xffffffff)
  assert.is(unary("abs", "i32")(-2147483648), -2147483648)
  assert.is(unary("not", "u8")(1), 254)
  assert.is(unary("not", "bool")(1), 0)
})

it("divides and shifts integers as written down", () => {
  assert.is(binary("div", "i32")(-7, 2), -3)
  assert.is(binary("rem", "i32")(-7, 2), -1)
  assert.is(binary("div", "i32")(-2147483648, -1), -2147483648)
  assert.is(binary("div", "u32")(5, 0), 0)
  assert.is(binary("rem", "i32")(5, 0), 0)
  assert.is(binary("shl", "u32")(1, 31), 0x80000000)
  assert.is(binary("shl", "u32")(3, 33), 6)
  assert.is(binary("shr", "i32")(-8, 1), -4)
  assert.is(binary("shr", "u32")(0xf0000000, 28), 15)
  assert.is(binary("pow", "i32")(-3, 3), -27)
  assert.is(binary("pow", "u32")(3, 21), Number(3n ** 21n & 0xffffffffn))
  assert.is(binary("pow", "i32")(2, -1), 0)
})

it("follows IEEE 754", () => {
  assert.equal(binary("max", "f32")(NaN, 1), NaN)
  assert.equal(binary("min", "f32")(1, NaN), NaN)
  assert.is(binary("ne", "f32")(NaN, NaN), 1)
  assert.is(binary("eq", "f32")(0, -0), 1)
  assert.is(binary("div", "f32")(1, -0), -Infinity)
  assert.is(binary("rem", "f32")(-5.5, 2), -1.5)
  assert.is(binary("pow", "f32")(1, NaN), 1)
  assert.equal(binary("pow", "f32")(-8, 1 / 3), NaN)
  assert.is(unary("rsqrt", "f32")(0), Infinity)
  assert.is(unary("isnan", "f32")(NaN), 1)
  assert.equal([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5].map(unary("round", "f32")), [-2, -2, -0, 0, 2, 2])
})

it("knows the error function", () => {
  const table = [
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3.5, 0.9999992569016276],
    [-1, -0.8427007929497149],
  ] as const
  for (const [x, y] of table) assert.ok(Math.abs(erf(x) - y) < 1e-15, `erf(${x}) = ${erf(x)}`)
  assert.is(erf(Infinity), 1)
  assert.is(erf(-0), -0)
  assert.equal(erf(NaN), NaN)
})

it("converts", () => {
  assert.is(cast("f32", "i32")(-0.5), 0)
  assert.is(cast("f32", "u32")(-1), 0)
  assert.is(cast("f32", "u32")(Infinity), 4294967295)
  assert.is(cast("i32", "u32")(-1), 4294967295)
  assert.is(cast("u32", "u8")(257), 1)
  assert.is(cast("f32", "bool")(NaN), 1)
  assert.is(cast("i32", "bf16")(257), 256)
  assert.equal([2049, 2051, 65519.9, 65520, 1.5 * 2 ** -25].map(cast("f32", "f16")), [
    ...[2048, 2052, 65504, Infinity, 2 ** -24],
  ])
  assert.equal([385, 2049, 32767].map(cast("f32", "bf16")), [384, 2048, 32768])
  assert.is(bitcast("f16", "bf16")(1), 0.0078125)
})

it.run()
