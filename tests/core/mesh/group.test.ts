/** The arithmetic of ranks: numbers and coordinates, groups that divide a mesh, shifts that come back. */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { after, before, type Group, memberOf } from "../../../core/mesh/group.ts"
import { coordinatesOf, ranksOf, type Shape } from "../../../core/mesh/shape.ts"

const it = suite("groups of ranks")

const axes = ["data", "ring", "fsdp", "tensor"] as const

/** A mesh, some of its axes in any order, and a shift. */
const meshes: fc.Arbitrary<{ readonly shape: Shape; readonly over: ReadonlyArray<string>; readonly shift: number }> = fc
  .shuffledSubarray([...axes], { minLength: 1 }).chain((names) =>
    fc.record({
      shape: fc.tuple(...names.map(() => fc.integer({ min: 1, max: 4 }))).map((sizes): Shape =>
        Object.fromEntries(names.map((a, i) => [a, sizes[i]!]))
      ),
      over: fc.shuffledSubarray([...names], { minLength: 1 }),
      shift: fc.integer({ min: -9, max: 9 }),
    })
  )

const right = (e: E.Either<string, Group>): Group => {
  if (E.isRight(e)) return e.right
  throw new Error(e.left)
}

const all = (shape: Shape): ReadonlyArray<number> => Array.from({ length: ranksOf(shape) }, (_, r) => r)

it("the last axis is the fastest", () => {
  const shape = { data: 2, ring: 3 }
  assert.equal(coordinatesOf(shape, 5), { data: 1, ring: 2 })
  assert.equal(coordinatesOf(shape, 2), { data: 0, ring: 2 })
  assert.equal(right(memberOf(shape, 4, ["ring"])), { ranks: [3, 4, 5], place: 1 })
  assert.equal(right(memberOf(shape, 4, ["data"])), { ranks: [1, 4], place: 1 })
  assert.equal(right(memberOf(shape, 4, ["data", "ring"])), { ranks: [0, 1, 2, 3, 4, 5], place: 4 })
  assert.equal(right(memberOf(shape, 4, ["ring", "data"])), { ranks: [0, 3, 1, 4, 2, 5], place: 3 })
})

it("a shift of 1 sends to the next and receives from the one before, around", () => {
  const group = right(memberOf({ data: 2, ring: 3 }, 5, ["ring"]))
  assert.is(after(group, 1), 3)
  assert.is(before(group, 1), 4)
  assert.is(after(group, -4), 4)
  assert.is(after(group, 3), 5)
})

it("groups divide the mesh, and all members see the same group", () => {
  fc.assert(fc.property(meshes, ({ shape, over }) => {
    const groups = all(shape).map((r) => right(memberOf(shape, r, over)))
    for (const [r, { ranks, place }] of groups.entries()) {
      assert.is(ranks[place], r)
      assert.is(ranks.length, over.reduce((n, a) => n * shape[a]!, 1))
      for (const other of ranks) assert.equal(groups[other]!.ranks, ranks)
    }
    const distinct = new Set(groups.map((g) => g.ranks.join()))
    assert.is(distinct.size * groups[0]!.ranks.length, ranksOf(shape))
  }))
})

it("members differ along the named axes only, and are numbered along them", () => {
  fc.assert(fc.property(meshes, ({ shape, over }) => {
    for (const r of all(shape)) {
      const { ranks } = right(memberOf(shape, r, over))
      const own = coordinatesOf(shape, r)
      const places = ranks.map((other) => {
        const there = coordinatesOf(shape, other)
        for (const a of Object.keys(shape)) if (!over.includes(a)) assert.is(there[a], own[a])
        return over.reduce((n, a) => n * shape[a]! + there[a]!, 0)
      })
      assert.equal(places, ranks.map((_, i) => i))
    }
  }))
})

it("who sends to whom is who receives from whom; shifts add up", () => {
  fc.assert(fc.property(meshes, ({ shape, over, shift }) => {
    const of = (r: number): Group => right(memberOf(shape, r, over))
    for (const r of all(shape)) {
      const group = of(r)
      assert.is(before(of(after(group, shift)), shift), r)
      assert.is(after(of(after(group, shift)), 1), after(group, shift + 1))
      assert.is(after(group, shift + group.ranks.length), after(group, shift))
    }
  }))
})

it("an axis that is not there or named twice is told", () => {
  assert.equal(memberOf({ ring: 2 }, 0, ["data"]), E.left("the mesh { ring: 2 } has no axis 'data'"))
  assert.equal(memberOf({ ring: 2 }, 0, ["ring", "ring"]), E.left("the axis 'ring' is named twice"))
})

it.run()
