import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { cast } from "../../ops/elementwise.ts"
import { convolve } from "../../ops/convolution.ts"
import { crossEntropy, meanSquaredError, tokenLoss } from "../../ops/loss.ts"
import { layerNorm, rmsNorm } from "../../ops/norm.ts"
import { at, expect, given, holds, type Point, points, size, sumOver, tensor, whole } from "./values.ts"

const it = suite("ops for networks")

it("normalises by the root of the mean square, and by mean and variance", () => {
  const all = fc.record({ n: size(), m: size(1), k: size(1) }).chain((s) =>
    fc.tuple(tensor("n m k", s), tensor("m", s), tensor("k m", s))
  )
  holds(all, ([x, w, c]) => {
    const [m, k] = [x.v.shape[1]!, x.v.shape[2]!]
    const mean = (p: Point, f: (y: number) => number) => sumOver(m, (i) => f(at(x.v, { ...p, m: i }))) / m
    expect(
      rmsNorm(x.x, w.x, "m", 1e-3),
      "n m k",
      (p) => at(x.v, p) / Math.sqrt(mean(p, (y) => y * y) + 1e-3) * at(w.v, p),
    )
    const both = (p: Point, f: (y: number) => number) => sumOver(k, (i) => mean({ ...p, k: i }, f)) / k
    expect(layerNorm(x.x, w.x, c.x, "m k", 1e-3), "n m k", (p) => {
      const middle = both(p, (y) => y)
      return (at(x.v, p) - middle) / Math.sqrt(both(p, (y) => (y - middle) ** 2) + 1e-3) * at(w.v, p) + at(c.v, p)
    })
  })
  const half = cast(given("m", [2], [300, 400]).x, "f16")
  const normed = rmsNorm(half, half, "m")
  assert.is(normed.dtype, "f16")
  expect(normed, "m", (p) => [0.8485281 * 300, 1.1313708 * 400][p["m"]!]!, 1e-3)
})

it("loses what the target's share of the softmax lacks", () => {
  const all = fc.record({ b: size(1), v: size(1) }).chain((s) =>
    fc.tuple(
      tensor("b v", s),
      tensor("b", s, whole(0, s.v - 1), "i32"),
      tensor("b", s, fc.double({ min: 0.1, max: 1, noNaN: true })),
    )
  )
  holds(all, ([x, target, weight]) => {
    const [b, v] = x.v.shape as [number, number]
    const loss = (p: Point) =>
      Math.log(sumOver(v, (i) => Math.exp(at(x.v, { ...p, v: i })))) - at(x.v, { ...p, v: at(target.v, p) })
    const total = (f: (p: Point) => number) => sumOver(b, (i) => f({ b: i }))
    expect(tokenLoss(x.x, target.x, "v"), "b", loss)
    expect(crossEntropy(x.x, target.x, "v"), "", () => total(loss) / b)
    expect(
      crossEntropy(x.x, target.x, "v", weight.x),
      "",
      () => total((p) => at(weight.v, p) * loss(p)) / total((p) => at(weight.v, p)),
    )
  })
  const big = given("b v", [1, 3], [1e4, 0, -Infinity])
  expect(crossEntropy(big.x, given("b", [1], [1], "i32").x, "v"), "", () => 1e4)
  expect(crossEntropy(big.x, given("b", [1], [2], "i32").x, "v"), "", () => Infinity)
})

it("squares what is off", () => {
  const all = fc.record({ a: size(1), b: size(1) }).chain((s) => fc.tuple(tensor("a b", s), tensor("b", s)))
  holds(all, ([x, y]) => {
    expect(meanSquaredError(x.x, y.x), "", () => {
      const off = points(x.v).map((p) => (at(x.v, p) - at(y.v, p)) ** 2)
      return off.reduce((s, d) => s + d, 0) / off.length
    })
  })
})

it("convolves with stride, dilation, padding and groups", () => {
  const all = fc.record({
    g: size(1),
    i: size(1),
    o: size(1),
    taps: whole(1, 3),
    stride: whole(1, 3),
    dilation: whole(1, 2),
    padding: fc.oneof(fc.constantFrom("valid" as const, "same" as const), fc.tuple(whole(0, 2), whole(0, 2))),
    more: whole(0, 3),
  }).chain((s) =>
    fc.tuple(
      tensor("row g i col", { g: s.g, i: s.i, row: (s.taps - 1) * s.dilation + 1 + s.more, col: 2 }),
      tensor("g tap i o dcol", { g: s.g, i: s.i, o: s.o, tap: s.taps, dcol: 2 }),
      fc.constant(s),
    )
  )
  holds(all, ([x, w, { taps, stride, dilation, padding, i }]) => {
    const rows = x.v.shape[0]!
    const span = (taps - 1) * dilation + 1
    const same = Math.max(0, (Math.ceil(rows / stride) - 1) * stride + span - rows)
    const [low, high] = padding === "valid"
      ? [0, 0]
      : padding === "same"
      ? [Math.floor(same / 2), Math.ceil(same / 2)]
      : padding
    const got = convolve(x.x, w.x, { row: "tap", col: "dcol" }, "i", {
      stride: { row: stride },
      dilation: { row: dilation },
      padding: { row: padding },
    })
    assert.equal(
      got.shape[0],
      padding === "same" ? Math.ceil(rows / stride) : Math.floor((rows + low + high - span) / stride) + 1,
    )
    expect(got, "row g col o", (p) =>
      sumOver(taps, (tap) =>
        sumOver(2, (dcol) =>
          sumOver(i, (c) => {
            const row = p["row"]! * stride + tap * dilation - low
            const inside = row >= 0 && row < rows
            return inside ? at(x.v, { ...p, row, col: dcol, i: c }) * at(w.v, { ...p, tap, dcol, i: c }) : 0
          }))))
  }, 60)
})

it.run()
