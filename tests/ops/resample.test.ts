import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { linearise } from "../../core/grad/linearise.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { data } from "../../core/graph/build.ts"
import { count, type Node, topological } from "../../core/graph/node.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { silu } from "../../ops/activation.ts"
import { groupNorm, groupNormSilu } from "../../ops/norm.ts"
import { averagePool, downsample, resize, upsample } from "../../ops/resample.ts"
import { agrees, draw, tensor as inputOf, values } from "../core/grad/difference.ts"
import { at, expect, given, holds, type Point, size, sumOver, tensor, whole } from "./values.ts"

const it = suite("images: group norm and other sizes")

type Image = F32<"batch row col feature">

/** What is wrong with a graph. */
const tags = (node: Node): ReadonlyArray<string> => topological([node]).flatMap((n) => n.faults.map((f) => f._tag))

/** Sums over the channels of a group and all places. */
const overGroup = (
  sizes: { readonly row: number; readonly col: number; readonly part: number },
  p: Point,
  f: (q: Point) => number,
): number => {
  const group = Math.floor(p["feature"]! / sizes.part)
  return sumOver(
    sizes.row,
    (row) =>
      sumOver(sizes.col, (col) => sumOver(sizes.part, (k) => f({ ...p, row, col, feature: group * sizes.part + k }))),
  )
}

it("normalises groups of channels over all places", () => {
  const all = fc.record({ row: size(1), col: size(1), groups: whole(1, 3), part: whole(1, 3) }).chain((s) =>
    fc.tuple(
      tensor("batch row col feature", { batch: 2, row: s.row, col: s.col, feature: s.groups * s.part }),
      tensor("feature", { feature: s.groups * s.part }),
      tensor("feature", { feature: s.groups * s.part }),
      fc.constant(s),
    )
  )
  holds(all, ([x, w, b, s]) => {
    const n = s.row * s.col * s.part
    const got = groupNorm(x.x, w.x, b.x, "feature", s.groups, "row col", 1e-3)
    expect(got, "batch row col feature", (p) => {
      const mean = overGroup(s, p, (q) => at(x.v, q)) / n
      const variance = overGroup(s, p, (q) => (at(x.v, q) - mean) ** 2) / n
      return (at(x.v, p) - mean) / Math.sqrt(variance + 1e-3) * at(w.v, p) + at(b.v, p)
    })
  })
})

const image = (row: number, col: number, feature: number): Node =>
  inputOf("x", "batch row col feature", { batch: 2, row, col, feature })

it("the gradient of group norm is the difference, and so is the gradient of that", () => {
  const inputs = [image(1, 2, 4), inputOf("w", "feature", { feature: 4 }), inputOf("b", "feature", { feature: 4 })]
  const drawn = inputs.map((x, i) => draw(5 + i, count(x.shape)))
  type Channels = F32<"feature">
  const of = ([x, w, b]: ReadonlyArray<Node>) => [typed<Image>(x!), typed<Channels>(w!), typed<Channels>(b!)] as const
  const norm = (xs: ReadonlyArray<Node>): Node => groupNorm(...of(xs), "feature", 2, "row col", 1e-1)
  const curved = (xs: ReadonlyArray<Node>): Node => groupNormSilu(...of(xs), "feature", 2, "row col", 1e-1)
  agrees((xs) => [norm(xs), curved(xs)], inputs, drawn)
  const both = values([curved(inputs), silu(typed<Image>(norm(inputs)))], { x: drawn[0]!, w: drawn[1]!, b: drawn[2]! })
  both[0]!.forEach((v, i) => assert.ok(Math.abs(v - both[1]![i]!) < 1e-12))
  const ct = data("f32", inputs[0]!.axes, inputs[0]!.shape, Float64Array.from(draw(3, count(inputs[0]!.shape))))
  for (const f of [norm, curved]) agrees((xs) => linearise([f(xs)], xs).pullback([ct]), inputs, drawn, 1e-5)
})

it("group norm maps over an axis, and says what does not divide", () => {
  const x = inputOf("x", "turn row feature", { turn: 3, row: 4, feature: 4 })
  const one = (p: { x: F32<"row feature"> }): F32<"row feature"> =>
    groupNorm(p.x, typed<F32<"feature">>(ones), typed<F32<"feature">>(ones), "feature", 2, "row")
  const ones = data("f32", ["feature"], [4], Float64Array.of(1, 1, 1, 1))
  const mapped = vmap("turn", one)({ x: typed<F32<"turn row feature">>(x) })
  const whole = groupNorm(
    typed<F32<"turn row feature">>(x),
    typed<F32<"feature">>(ones),
    typed<F32<"feature">>(ones),
    "feature",
    2,
    "row",
  )
  const [a, b] = values([mapped, whole], { x: draw(4, 48) })
  a!.forEach((v, i) => assert.ok(Math.abs(v - b![i]!) < 1e-12))
  const odd = groupNorm(
    typed<Image>(image(2, 2, 4)),
    typed<F32<"feature">>(ones),
    typed<F32<"feature">>(ones),
    "feature",
    3,
    "row",
  )
  assert.ok(tags(odd).includes("SizeFault"))
})

it("repeats places, and takes means of windows", () => {
  const all = fc.record({ row: size(1), by: whole(1, 3), more: whole(0, 2) }).chain((s) =>
    fc.tuple(tensor("row col f", { row: s.row * s.by + Math.min(s.more, s.by - 1), col: 2, f: 2 }), fc.constant(s))
  )
  holds(all, ([x, { row, by }]) => {
    const up = upsample(x.x, { row: by, col: 2 })
    expect(up, "row col f", (p) => at(x.v, { ...p, row: Math.floor(p["row"]! / by), col: Math.floor(p["col"]! / 2) }))
    const less = averagePool(x.x, { row: by })
    assert.is(less.shape[0], row)
    expect(less, "row col f", (p) => sumOver(by, (k) => at(x.v, { ...p, row: p["row"]! * by + k })) / by)
  })
  const x = image(2, 3, 2)
  agrees(([v]) => [upsample(typed<Image>(v!), { row: 2, col: 3 })], [x], [draw(1, 24)])
  agrees(([v]) => [averagePool(typed<Image>(v!), { row: 2, col: 2 })], [x], [draw(1, 24)])
  assert.equal(tags(averagePool(typed<Image>(x), { row: 0 })), ["SizeFault"])
})

it("resizes: lines stay lines, means stay means, the same size is the same", () => {
  const line = given("place", [8], [0, 1, 2, 3, 4, 5, 6, 7]).x
  expect(resize(line, { place: 16 }), "place", (p) => Math.max(0, Math.min(7, (p["place"]! + 0.5) / 2 - 0.5)))
  const half = [5 / 7, 2.5, 4.5, 44 / 7]
  expect(resize(line, { place: 4 }), "place", (p) => half[p["place"]!]!, 1e-6)
  expect(resize(line, { place: 3 }, "nearest"), "place", (p) => [1, 4, 6][p["place"]!]!)
  assert.is(resize(line, { place: 8 }), line)
  agrees(([v]) => [resize(typed<Image>(v!), { row: 3, col: 2 })], [image(2, 3, 2)], [draw(1, 24)])
  assert.equal(tags(resize(line, { place: 4 }, "cubic" as "linear")), ["ValueFault"])
})

it("halves images as VQGAN does: zeros behind, none before", () => {
  holds(
    fc.tuple(
      tensor("row col in", { row: 4, col: 6, in: 2 }),
      tensor("drow dcol in out", { drow: 3, dcol: 3, in: 2, out: 2 }),
    ),
    ([x, w]) =>
      expect(
        downsample(x.x, w.x, { row: "drow", col: "dcol" }, "in"),
        "row col out",
        (p) =>
          sumOver(3, (drow) =>
            sumOver(3, (dcol) =>
              sumOver(2, (i) => {
                const [row, col] = [p["row"]! * 2 + drow, p["col"]! * 2 + dcol]
                return row < 4 && col < 6 ? at(x.v, { row, col, in: i }) * at(w.v, { ...p, drow, dcol, in: i }) : 0
              }))),
      ),
    4,
  )
})

it.run()
