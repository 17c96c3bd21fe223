/** Merging by a heap against merging by looking for the lowest rank each time. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Merge, merged, rules } from "../../../models/tokenizers/merges.ts"

const it = suite("models/tokenizers/merges")

/** The definition: the lowest rank goes first, of equal ones the leftmost. */
export const naive = (merges: ReadonlyArray<Merge>, piece: ReadonlyArray<number>): ReadonlyArray<number> => {
  const rank = (l: number, r: number): number => merges.findLastIndex(([a, b]) => a === l && b === r)
  const ranks = piece.slice(1).map((r, i) => rank(piece[i]!, r))
  const lowest = Math.min(...ranks.filter((r) => r >= 0))
  if (lowest === Infinity) return piece
  const at = ranks.indexOf(lowest)
  return naive(merges, [...piece.slice(0, at), merges[lowest]![2], ...piece.slice(at + 2)])
}

const id = fc.nat({ max: 9 })
const any = fc.record({
  merges: fc.array(fc.tuple(id, id, id), { maxLength: 12 }),
  piece: fc.array(fc.nat({ max: 5 }), { maxLength: 24 }),
})

it("take the lowest rank first, then the leftmost, whatever the rules", () => {
  fc.assert(
    fc.property(any, ({ merges, piece }) => {
      // rules that make one of their own parts would go on for ever
      const some = merges.filter(([l, r, made]) => made > l && made > r)
      assert.equal(Array.from(merged(rules(10, some), piece)), naive(some, piece))
    }),
    { numRuns: 500 },
  )
})

it("of a run of equal tokens go from the left", () => {
  const by = rules(3, [[0, 0, 1], [1, 0, 2]])
  assert.equal(Array.from(merged(by, [0, 0, 0])), [2])
  assert.equal(Array.from(merged(by, [0, 0, 0, 0])), [1, 1])
  assert.equal(Array.from(merged(by, [])), [])
})

it("take a second for a piece of a megabyte", () => {
  const merges = Array.from({ length: 60 }, (_, i): Merge => [i % 8, (i * 5) % 8, 8 + i])
  const piece = Int32Array.from({ length: 1 << 18 }, (_, i) => (i * i + (i >> 3)) % 8)
  const start = performance.now()
  const got = merged(rules(68, merges), piece)
  assert.ok(got.length < piece.length)
  assert.ok(performance.now() - start < 5000)
})

it.run()
