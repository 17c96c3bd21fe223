/** How rows are grouped and cut, as laws. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { capacityFor, chunks, floorPower, groups, power } from "../../../tasks/language/rows.ts"

const it = suite("tasks/language/rows")

it("powers of two on both sides", () => {
  for (
    const [n, up, down] of [[0, 1, 1], [1, 1, 1], [2, 2, 2], [3, 4, 2], [1000, 1024, 512], [1024, 1024, 1024]] as const
  ) {
    assert.equal([power(n), floorPower(n)], [up, down])
  }
})

it("every prompt is in one group, which has room for it; groups are no larger than there is memory for", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 40 })
  fc.assert(
    fc.property(lengths, fc.constantFrom(1, 2, 16), (list, most) => {
      const made = groups(list, () => most)
      assert.equal(made.flatMap((g) => g.members).toSorted((a, b) => a - b), list.map((_, i) => i))
      for (const { members, rows, capacity } of made) {
        assert.ok(members.length <= rows && rows < 2 * members.length && rows <= most)
        const own = members.map((i) => list[i]!)
        assert.ok(Math.max(...own) <= capacity && capacity === capacityFor(Math.max(...list)))
        assert.ok(Math.min(...own) >= Math.max(...own) - Math.max(256, Math.max(...own) / 4))
      }
    }),
    { seed: 1, numRuns: 200 },
  )
})

it("chunks follow each other up to the end, within the room, in few sizes, with little padding", () => {
  const case_ = fc.record({
    from: fc.nat(3000),
    count: fc.integer({ min: 1, max: 5000 }),
    most: fc.constantFrom(1, 64, 1024),
  })
  const sizes = new Set<number>()
  fc.assert(
    fc.property(case_, ({ from, count, most }) => {
      const capacity = capacityFor(from + count)
      const made = chunks(from, from + count, capacity, most)
      let at = from
      for (const c of made) {
        assert.is(c.from, at)
        assert.ok(c.time <= most && c.time === power(c.time))
        sizes.add(c.time)
        at += c.time
      }
      assert.ok(at >= from + count && at <= capacity)
      const waste = at - from - count
      assert.ok(waste <= Math.max(32, count / 3), `${waste} of ${count}`)
    }),
    { seed: 2, numRuns: 500 },
  )
  assert.ok(sizes.size <= 11)
  assert.equal(chunks(5, 5, 128, 64), [])
})

it.run()
