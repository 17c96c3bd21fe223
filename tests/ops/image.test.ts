/** PSNR and SSIM against numbers that are computed here, window by window, from the papers' formulas. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sentence } from "../../core/graph/fault.ts"
import { check } from "../../core/graph/validity.ts"
import { input } from "../../core/graph/build.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { psnr, ssim } from "../../ops/image.ts"
import { same } from "../core/plan/same.ts"
import { f32 } from "../../core/tensor/spec.ts"
import { at, expect, given, holds, size, tensor } from "./values.ts"

const it = suite("ops/image")

it("psnr is ten times the logarithm of the peak's square over the error's", () => {
  const all = fc.record({ b: size(1), r: size(1), c: size(1) }).chain((s) =>
    fc.tuple(tensor("b r c", s), tensor("b r c", s))
  )
  holds(all, ([x, y]) => {
    const [, r, c] = x.v.shape as [number, number, number]
    const error = (b: number): number => {
      let total = 0
      for (let i = 0; i < r; i++) {
        for (let j = 0; j < c; j++) total += (at(x.v, { b, r: i, c: j }) - at(y.v, { b, r: i, c: j })) ** 2
      }
      return total / (r * c)
    }
    expect(psnr(x.x, y.x, "r c", 255), "b", (p) => 10 * Math.log10(255 * 255 / error(p["b"]!)), 1e-7)
  })
  // a tenth of the range off everywhere is 20 dB
  expect(psnr(given("r c", [1, 2], [0, 0.5]).x, given("r c", [1, 2], [0.2, 0.3]).x, "r c", 2), "", () => 20, 1e-7)
  expect(psnr(given("r", [2], [1, 2]).x, given("r", [2], [1, 2]).x, "r", 2), "", () => Infinity)
})

/** SSIM in the window whose first pixel this is, from the definition: weighted moments, not differences of them. */
const windowed = (
  x: (i: number, j: number) => number,
  y: (i: number, j: number) => number,
  [size, sigma, range]: readonly [number, number, number],
): number => {
  const weights: Array<readonly [number, number, number]> = []
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const far = (i - (size - 1) / 2) ** 2 + (j - (size - 1) / 2) ** 2
      weights.push([i, j, Math.exp(-far / (2 * sigma * sigma))])
    }
  }
  const total = weights.reduce((s, [, , w]) => s + w, 0)
  const mean = (f: (i: number, j: number) => number): number =>
    weights.reduce((s, [i, j, w]) => s + w * f(i, j), 0) / total
  const [mx, my] = [mean(x), mean(y)]
  const [vx, vy] = [mean((i, j) => (x(i, j) - mx) ** 2), mean((i, j) => (y(i, j) - my) ** 2)]
  const both = mean((i, j) => (x(i, j) - mx) * (y(i, j) - my))
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2]
  return (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
}

/** A picture of 14 x 13 in two colours, and one that is like it. */
const [rows, cols] = [14, 13]
const picture = (shift: number): ReadonlyArray<number> =>
  Array.from({ length: rows * cols * 2 }, (_, k) => {
    const [i, j, c] = [Math.floor(k / (2 * cols)), Math.floor(k / 2) % cols, k % 2]
    return Math.sin(0.7 * i + 0.3 * shift) * Math.cos(0.5 * j + c) + 0.1 * shift * ((i * j) % 3)
  })
const golden = (color: number, size: number, sigma: number): number => {
  const [x, y] = [picture(0), picture(1)]
  const of = (p: ReadonlyArray<number>, i: number, j: number): number => p[(i * cols + j) * 2 + color]!
  let [total, n] = [0, 0]
  for (let i = 0; i + size <= rows; i++) {
    for (let j = 0; j + size <= cols; j++) {
      total += windowed((a, b) => of(x, i + a, j + b), (a, b) => of(y, i + a, j + b), [size, sigma, 2])
      n++
    }
  }
  return total / n
}

it("ssim is the mean over Gaussian windows of brightness and structure, per colour", () => {
  const [x, y] = [given("row col c", [rows, cols, 2], picture(0)).x, given("row col c", [rows, cols, 2], picture(1)).x]
  const along = { row: "row", col: "col" } as const
  expect(ssim(x, y, along, 2), "c", (p) => golden(p["c"]!, 11, 1.5), 1e-6)
  expect(ssim(x, y, along, 2, { size: 5, sigma: 0.8 }), "c", (p) => golden(p["c"]!, 5, 0.8), 1e-6)
  expect(ssim(x, x, along, 2), "c", () => 1, 1e-9)
  assert.ok(golden(0, 11, 1.5) > 0.2 && golden(0, 11, 1.5) < 0.95, "the pictures are alike in part")
})

it("ssim says when a picture is smaller than its window", () => {
  const x = typed<F32<"row col">>(input("x", "f32", ["row", "col"], [8, 32]))
  const faults = check([ssim(x, x, { row: "row", col: "col" }, 2)]).map(sentence)
  assert.match(faults.join("\n"), /'row' has 8 places, fewer than the window's 11/)
})

it("compiled programs say the same", async () => {
  const frame = f32("b row col", { b: 2, row: 12, col: 13 })
  await same(({ x, y }) => ({
    likeness: ssim(x, y, { row: "row", col: "col" }, 2),
    noise: psnr(x, y, "row col", 2),
  }), { x: frame, y: frame })
})

it.run()
