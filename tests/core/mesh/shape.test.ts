import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { cutHost } from "../../../core/mesh/cut.ts"
import {
  coordinatesOf,
  divisionFaults,
  groupOf,
  type Layout,
  layouts,
  placesOf,
  ranksOf,
  type Shape,
  type Spread,
  spreadFaults,
} from "../../../core/mesh/shape.ts"

const it = suite("mesh/shape")

const shapes = fc.record({ data: fc.integer({ min: 1, max: 4 }), ring: fc.integer({ min: 1, max: 4 }) })
const all = (shape: Shape): ReadonlyArray<number> => Array.from({ length: ranksOf(shape) }, (_, r) => r)

it("numbers ranks along the axes, the last the fastest", () => {
  assert.equal(coordinatesOf({ data: 2, ring: 4 }, 6), { data: 1, ring: 2 })
  assert.equal(groupOf({ data: 2, ring: 4 }, 6, ["ring"]), [4, 5, 6, 7])
  assert.equal(groupOf({ data: 2, ring: 4 }, 6, ["data"]), [2, 6])
  assert.equal(groupOf({ data: 2, ring: 2 }, 1, ["data", "ring"]), [0, 1, 2, 3])
  assert.equal(groupOf({ data: 2, ring: 2 }, 1, ["ring", "data"]), [0, 2, 1, 3])
  assert.equal(groupOf({ ring: 3 }, 1, ["data"]), [1])
})

it("groups part the ranks, and every member has the same group", () => {
  fc.assert(fc.property(shapes, fc.constantFrom(["ring"], ["data"], ["data", "ring"], []), (shape, over) => {
    for (const r of all(shape)) {
      const group = groupOf(shape, r, over)
      assert.ok(group.includes(r))
      for (const o of group) assert.equal(groupOf(shape, o, over), group)
    }
  }))
})

it("every layout gives each place to one rank, and as many to each", () => {
  fc.assert(
    fc.property(fc.constantFrom<Layout>(...layouts), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), (
      layout,
      ranks,
      half,
    ) => {
      const length = 2 * ranks * half
      const places = Array.from({ length: ranks }, (_, r) => placesOf(layout, length, ranks, r))
      assert.ok(places.every((p) => p.length === 2 * half))
      assert.equal(places.flat().sort((a, b) => a - b), Array.from({ length }, (_, i) => i))
    }),
  )
})

it("zigzag gives each rank the same causal work, and contiguous does not", () => {
  const work = (layout: Layout, ranks: number, length: number): ReadonlyArray<number> =>
    Array.from({ length: ranks }, (_, r) => placesOf(layout, length, ranks, r).reduce((sum, p) => sum + p + 1, 0))
  const zigzag = work("zigzag", 4, 64)
  assert.is(Math.max(...zigzag), Math.min(...zigzag))
  const contiguous = work("contiguous", 4, 64)
  assert.ok(Math.max(...contiguous) > 5 * Math.min(...contiguous))
})

it("cuts values at home as it cuts places", () => {
  const spread: Spread = { shape: { data: 2, ring: 2 }, map: { batch: "data", time: "ring" }, layout: "zigzag" }
  const value = {
    dtype: "i32",
    axes: ["time", "batch"],
    shape: [8, 2],
    data: Int32Array.from({ length: 16 }, (_, i) => i),
  } as const
  const part = cutHost(value, spread, 3)
  assert.equal(part.shape, [4, 1])
  assert.equal(Array.from(part.data), [5, 7, 9, 11])
  assert.is(cutHost({ ...value, axes: ["a", "b"] }, spread, 3).data, value.data)
})

const messages = (faults: ReadonlyArray<{ readonly message: string }>): string =>
  faults.map((f) => f.message).join("\n")

it("says what is wrong with a mesh", () => {
  const bad = { shape: { ring: 0, rows: 2 }, map: { time: "columns" }, layout: "spiral" } as unknown as Spread
  assert.match(messages(spreadFaults(bad)), "mesh axis 'ring' has 0 ranks; expected a whole number from 1")
  assert.match(messages(spreadFaults(bad)), "the mesh has an axis 'rows'; it may have 'data' and 'ring'")
  assert.match(messages(spreadFaults(bad)), "'time' is mapped to 'columns', which is no axis of a mesh")
  assert.match(messages(spreadFaults(bad)), "the layout is 'spiral'; expected contiguous, striped, zigzag")
})

it("says what does not divide, and what would fit", () => {
  const spread: Spread = { shape: { ring: 4 }, map: { time: "ring" }, layout: "zigzag" }
  assert.match(
    messages(divisionFaults(spread, "tokens", { axes: ["batch", "time"], shape: [2, 20] })),
    "axis 'time' of 'tokens' has 20 places, but 'ring' has 4 ranks and zigzag gives each rank two parts: 20 does not " +
      "divide by 8; make it 16 or 24, or give 'ring' another number of ranks",
  )
  assert.equal(divisionFaults({ ...spread, layout: "striped" }, "tokens", { axes: ["time"], shape: [20] }), [])
})

it.run()
