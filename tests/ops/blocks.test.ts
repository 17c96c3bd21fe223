/** Which blocks have work: the golden counts, and that what is skipped is never seen. */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type AttentionBlock, attentionBlocks, type BlockLayout } from "../../ops/blocks.ts"

const it = suite("blocks of attention")

const blocks = (l: BlockLayout): ReadonlyArray<AttentionBlock> => {
  const made = attentionBlocks(l)
  if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
  return made.right
}
const running = (l: BlockLayout): number => blocks(l).filter((b) => b.state !== "skipped").length

it("causal chunks: 36 of 64, 20 of 32, and single places keep the diagonal", () => {
  const equal: BlockLayout = { query: 1024, key: 1024, blocks: { query: 128, key: 128 }, causal: true }
  assert.is(blocks(equal).length, 64)
  assert.is(running(equal), 36)
  assert.is(blocks(equal).filter((b) => b.state === "masked").length, 8)
  const unequal: BlockLayout = { query: 2048, key: 2048, blocks: { query: 256, key: 512 }, causal: true }
  assert.is(blocks(unequal).length, 32)
  assert.is(running(unequal), 20)
  const single = blocks({ query: 5, key: 5, blocks: { query: 1, key: 1 }, causal: true })
  for (const b of single) assert.is(b.state, b.key > b.query ? "skipped" : "whole", `${b.query} ${b.key}`)
})

it("blocks at the ends may be shorter, and without a mask all are whole", () => {
  const all = blocks({ query: 5, key: 7, blocks: { query: 2, key: 4 } })
  assert.is(all.length, 3 * 2)
  assert.ok(all.every((b) => b.state === "whole"))
  assert.equal(blocks({ query: 0, key: 4, blocks: { query: 2, key: 4 } }), [])
})

const places = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 }),
)
const layouts: fc.Arbitrary<BlockLayout> = fc.record({
  query: places,
  key: places,
  blocks: fc.record({ query: fc.integer({ min: 1, max: 8 }), key: fc.integer({ min: 1, max: 8 }) }),
  causal: fc.constantFrom(0, 1, 1, 3),
  window: fc.constantFrom(0, 0, 1, 5),
  ids: fc.constantFrom(0, 0, 2, 4),
}).map(({ query, key, blocks, causal, window, ids }) => {
  const length = (p: typeof query): number => typeof p === "number" ? p : p.length
  const segments = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => Math.floor(i * ids / n))
  return {
    ...{ query, key, blocks },
    ...(causal > 0 ? { causalBlockSize: causal } : {}),
    ...(window > 0 ? { window } : {}),
    ...(ids > 0 ? { segments: { query: segments(length(query)), key: segments(length(key)) } } : {}),
  }
})

it("what is skipped is never seen, what is whole always is", () => {
  const states = new Set<string>()
  fc.assert(
    fc.property(layouts, (l) => {
      const at = (p: BlockLayout["query"], i: number): number => typeof p === "number" ? i : p[i]!
      const count = (p: BlockLayout["query"]): number => typeof p === "number" ? p : p.length
      const sees = (i: number, j: number): boolean => {
        const [pi, pj, c] = [at(l.query, i), at(l.key, j), l.causalBlockSize]
        if (c !== undefined && Math.floor(pi / c) < Math.floor(pj / c)) return false
        if (l.window !== undefined && Math.abs(pi - pj) >= l.window) return false
        return l.segments === undefined || l.segments.query[i] === l.segments.key[j]
      }
      for (const b of blocks(l)) {
        states.add(b.state)
        for (let i = b.query * l.blocks.query; i < Math.min(count(l.query), (b.query + 1) * l.blocks.query); i++) {
          for (let j = b.key * l.blocks.key; j < Math.min(count(l.key), (b.key + 1) * l.blocks.key); j++) {
            if (b.state === "skipped") assert.not(sees(i, j), `${i} sees ${j}`)
            if (b.state === "whole") assert.ok(sees(i, j), `${i} does not see ${j}`)
          }
        }
      }
    }),
    { numRuns: 200, seed: 6, includeErrorInReport: true },
  )
  assert.is(states.size, 3)
})

it("sizes that are none are faults", () => {
  const wrong = (more: Partial<BlockLayout>): ReadonlyArray<string> => {
    const made = attentionBlocks({ query: 4, key: 4, blocks: { query: 2, key: 2 }, ...more })
    return E.isLeft(made) ? made.left.map((f) => f.message) : []
  }
  assert.equal(wrong({ blocks: { query: 0, key: 1.5 } }), [
    "blocks.query is 0; expected a whole number from 1",
    "blocks.key is 1.5; expected a whole number from 1",
  ])
  assert.equal(wrong({ window: 0 }), ["window is 0; expected a whole number from 1"])
  assert.equal(wrong({ segments: { query: [0, 0, 1, 1], key: [0] } }), [
    "there are 4 places and 1 segments of the key side; give each one",
  ])
})

it.run()
