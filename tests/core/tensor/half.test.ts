import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { decodeHalf, encodeHalf, type Half } from "../../../core/tensor/half.ts"

const it = suite("16-bit floats")
const halves: ReadonlyArray<Half> = ["f16", "bf16"]
const every = Uint16Array.from({ length: 65536 }, (_, i) => i)

it("gives every number of 16 bits its own bits again", () => {
  for (const dtype of halves) {
    const values = decodeHalf(dtype, every)
    const again = encodeHalf(dtype, values)
    const wrong = [...every].filter((bits) => !Number.isNaN(values[bits]) && again[bits] !== bits)
    assert.equal(wrong, [])
    const nans = [...every].filter((bits) => Number.isNaN(values[bits]))
    assert.is(nans.length, dtype === "f16" ? 2 * 1023 : 2 * 127)
    assert.ok(nans.every((bits) => Number.isNaN(decodeHalf(dtype, [again[bits]!])[0])))
  }
})

it("knows the constants of the formats", () => {
  const pairs: ReadonlyArray<readonly [Half, number, number]> = [
    ["f16", 1, 0x3c00],
    ["f16", -2, 0xc000],
    ["f16", 65504, 0x7bff],
    ["f16", 65519.999, 0x7bff],
    ["f16", 65520, 0x7c00],
    ["f16", Infinity, 0x7c00],
    ["f16", -Infinity, 0xfc00],
    ["f16", 2 ** -14, 0x0400],
    ["f16", 2 ** -24, 0x0001],
    ["f16", 2 ** -25, 0x0000],
    ["f16", 2 ** -25 * 1.0000001, 0x0001],
    ["f16", -0, 0x8000],
    ["f16", 1e-300, 0x0000],
    ["f16", NaN, 0x7e00],
    ["bf16", 1, 0x3f80],
    ["bf16", 1e39, 0x7f80],
    ["bf16", -0, 0x8000],
    ["bf16", 2 ** -133, 0x0001],
    ["bf16", 3.3895313892515355e38, 0x7f7f],
    ["bf16", NaN, 0x7fc0],
  ]
  for (const [dtype, x, bits] of pairs) assert.is(encodeHalf(dtype, [x])[0], bits, `${dtype} of ${x}`)
})

it("rounds a float64 once: ties go to even, a hair beside a tie goes to its side", () => {
  const [low, high] = [1, 1 + 2 ** -10]
  const middle = (low + high) / 2
  assert.is(encodeHalf("f16", [middle])[0], 0x3c00)
  assert.is(encodeHalf("f16", [middle + 2 ** -50])[0], 0x3c01)
  assert.is(encodeHalf("f16", [high + 2 ** -11 - 2 ** -50])[0], 0x3c01)
  assert.is(encodeHalf("f16", [high + 2 ** -11])[0], 0x3c02)
  assert.is(encodeHalf("bf16", [1 + 2 ** -8])[0], 0x3f80)
  assert.is(encodeHalf("bf16", [1 + 2 ** -8 + 2 ** -50])[0], 0x3f81)
})

it("takes the nearest", () => {
  const ordered = (dtype: Half) => [...decodeHalf(dtype, every)].filter((x) => Number.isFinite(x)).sort((a, b) => a - b)
  for (const dtype of halves) {
    const all = ordered(dtype)
    const [least, most] = [all[0]!, all.at(-1)!]
    fc.assert(
      fc.property(fc.double({ min: least, max: most, noNaN: true }), fc.integer({ min: -30, max: 16 }), (x, e) => {
        for (const value of [x, Math.max(least, Math.min(most, (x / most) * 2 ** e))]) {
          const got = decodeHalf(dtype, encodeHalf(dtype, [value]))[0]!
          const off = Math.abs(got - value)
          const near = all.filter((y) => Math.abs(y - value) < off)
          assert.equal(near, [], `${dtype} of ${value} is ${got}`)
        }
      }),
      { numRuns: 60, seed: 1 },
    )
  }
})

it.run()
