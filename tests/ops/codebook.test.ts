import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../core/graph/build.ts"
import { sentence } from "../../core/graph/fault.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { hostInt, hostKey } from "../../core/random/host.ts"
import type { Key } from "../../core/random/random.ts"
import { i32 } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import {
  batchCodes,
  codeCounts,
  type CodeSums,
  codeUsage,
  emaCodebook,
  emaStart,
  emaUpdate,
  reviveCodes,
} from "../../ops/codebook.ts"
import { draw, values } from "../core/grad/difference.ts"

const it = suite("codebooks of running means")

const state = (codes: number, width: number): CodeSums<"code", "embed"> => ({
  counts: input("n", "f32", ["code"], [codes]) as F32<"code">,
  sums: input("s", "f32", ["code", "embed"], [codes, width]) as F32<"code embed">,
})
const z = (rows: number, width: number): F32<"batch embed"> =>
  input("z", "f32", ["batch", "embed"], [rows, width]) as F32<"batch embed">
const ids = (rows: number): I32<"batch"> => input("ids", "i32", ["batch"], [rows]) as I32<"batch">
const key = input("key", "u32", ["key"], [2]) as Key

const close = (got: ReadonlyArray<number>, want: ReadonlyArray<number>): void => {
  assert.is(got.length, want.length)
  got.forEach((x, i) => assert.ok(Math.abs(x - want[i]!) < 1e-9, `${i}: ${x}, expected ${want[i]}`))
}

it("an update by hand: two codes of two features, three vectors", () => {
  const before = state(2, 2)
  const batch = batchCodes(z(3, 2), ids(3), "embed", "code", 2)
  const next = emaUpdate(before, batch, { decay: 0.75 })
  const book = emaCodebook(next, { epsilon: 0.5 })
  const got = values([batch.counts, batch.sums, next.counts, next.sums, book], {
    n: [4, 2],
    s: [4, 8, -2, 6],
    z: [1, 2, 3, 4, -1, 5],
    ids: [1, 1, 0],
  })
  close(got[0]!, [1, 2])
  close(got[1]!, [-1, 5, 4, 6])
  close(got[2]!, [0.75 * 4 + 0.25 * 1, 0.75 * 2 + 0.25 * 2]) // 3.25 2
  close(got[3]!, [0.75 * 4 - 0.25, 0.75 * 8 + 0.25 * 5, -0.75 * 2 + 0.25 * 4, 0.75 * 6 + 0.25 * 6])
  // total 5.25: n' = (n + 0.5) / 6.25 * 5.25
  const [a, b] = [3.75 / 6.25 * 5.25, 2.5 / 6.25 * 5.25]
  close(got[4]!, [2.75 / a, 7.25 / a, -0.5 / b, 6 / b])
})

it("begins as the codebook that it is given; halves of a batch add up; what is held in mind is the mean", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }), fc.nat(99), (codes, width, seed) => {
      const e = input("e", "f32", ["code", "embed"], [codes, width]) as F32<"code embed">
      const begun = emaStart(e, 3)
      const names = draw(seed, 8, 0, codes).map(Math.floor)
      const given = { e: draw(seed, codes * width), z: draw(seed + 1, 8 * width), ids: names }
      const none = emaCodebook(begun, { epsilon: 0 })
      const whole = batchCodes(z(8, width), ids(8), "embed", "code", codes)
      const forgot = emaCodebook(emaUpdate(begun, whole, { decay: 0 }), { epsilon: 0 })
      const [book, means] = values([none, forgot], given)
      close(book!, given.e)
      for (let c = 0; c < codes; c++) {
        const own = names.flatMap((n, i) => n === c ? [given.z.slice(i * width, (i + 1) * width)] : [])
        const mean = Array.from(
          { length: width },
          (_, i) => own.reduce((s, v) => s + v[i]!, 0) / Math.max(1, own.length),
        )
        close(means!.slice(c * width, (c + 1) * width), mean)
      }
    }),
    { seed: 3, numRuns: 30 },
  )
})

it("a code that stands for nothing still has numbers; all nothing is 0", () => {
  const [some, none] = [{ n: [5, 0], s: [5, 5, 0, 0] }, { n: [0, 0], s: [0, 0, 0, 0] }]
  const book = emaCodebook(state(2, 2))
  assert.ok(values([book], some)[0]!.every(Number.isFinite))
  assert.equal(values([book], none)[0], [0, 0, 0, 0])
})

it("dead codes begin at vectors of the batch, the same for the same key; living ones stay to the bit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }), fc.nat(999), (codes, rows, seed) => {
      const width = 3
      const counts = draw(seed, codes, 0, 2)
      const given = { n: counts, s: draw(seed + 1, codes * width), z: draw(seed + 2, rows * width) }
      const alive = reviveCodes(state(codes, width), z(rows, width), key, "embed", { threshold: 1, count: 2 })
      const keys = hostKey(seed)
      const [n, s] = values([alive.counts, alive.sums], { ...given, key: Array.from(keys.data) })
      const drawn = hostInt(keys, i32("code", { code: codes }), 0, rows).data
      counts.forEach((count, c) => {
        const own = (xs: ReadonlyArray<number>): ReadonlyArray<number> => xs.slice(c * width, (c + 1) * width)
        const dead = count < 1
        assert.is(n![c], dead ? 2 : count)
        const vector = given.z.slice(drawn[c]! * width, (drawn[c]! + 1) * width)
        assert.equal(own(s!), dead ? vector.map((x) => 2 * x) : own(given.s))
      })
    }),
    { seed: 4, numRuns: 40 },
  )
})

it("usage: perplexity and share", () => {
  const usage = codeUsage(codeCounts(ids(8), "code", 4))
  const of = (names: ReadonlyArray<number>): ReadonlyArray<number> =>
    values([usage.perplexity, usage.share], { ids: names }).map(([x]) => x!)
  close(of([0, 1, 2, 3, 3, 2, 1, 0]), [4, 1])
  close(of([2, 2, 2, 2, 2, 2, 2, 2]), [1, 0.25])
  close(of([0, 0, 0, 0, 1, 1, 1, 1]), [2, 0.5])
  close(of([0, 0, 0, 0, 0, 0, 1, 1]), [Math.exp(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25))), 0.5])
  close(of([-1, 4, 9, 9, 9, 9, 9, 9]), [1, 0])
})

it("says what does not fit", () => {
  const told = (s: CodeSums<"code", "embed">): string => faultsOf([s.counts, s.sums]).map(sentence).join()
  const batch = batchCodes(z(3, 2), ids(3), "embed", "code", 2)
  assert.match(told(emaUpdate(state(2, 2), batch, { decay: 1.5 })), /'decay' is 1.5; expected a number from 0 to 1/)
  assert.match(told(emaUpdate(state(3, 2), batch)), /axis 'code' is/)
  assert.match(told(reviveCodes(state(2, 2), z(0, 2), key, "embed")), /no vectors/)
})

it.run()
