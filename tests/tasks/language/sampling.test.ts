/** Drawing tokens: the shares are what they should be, exactly, and what is drawn has these shares. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostFold, hostKey } from "../../../core/random/host.ts"
import { chances, draw, greedy, pick, samplingFaults } from "../../../tasks/language/sampling.ts"

const it = suite("tasks/language/sampling")

const one = { temperature: 1 }
const logits: fc.Arbitrary<ReadonlyArray<number>> = fc.array(fc.integer({ min: -40, max: 40 }).map((n) => n / 8), {
  minLength: 1,
  maxLength: 30,
})
const close = (got: ArrayLike<number>, want: ReadonlyArray<number>): void => {
  assert.is(got.length, want.length)
  want.forEach((x, i) => assert.ok(Math.abs(x - got[i]!) < 1e-12, `${i}: ${got[i]}, not ${x}`))
}

it("chances are a softmax; at temperature 0 the likeliest token has all", () => {
  close(chances([0, Math.log(3), -Infinity], one), [0.25, 0.75, 0])
  close(chances([0, Math.log(9), -Infinity], { temperature: 2 }), [0.25, 0.75, 0])
  assert.equal([...chances([1, 5, 5], greedy)], [0, 1, 0])
  assert.ok(chances([0, 1000], { temperature: 0.5 })[1]! > 0.999)
  assert.is(draw([NaN, 1, 3, NaN, 3], greedy, hostKey(1), 0), 2)
  close(chances([NaN, 0, 0], one), [0, 0.5, 0.5])
})

it("top-k keeps the k likeliest, of equal ones the first, and their proportions", () => {
  close(chances([0, Math.log(3), 0, Math.log(3), 0], { ...one, topK: 3 }), [1 / 7, 3 / 7, 0, 3 / 7, 0])
  fc.assert(
    fc.property(logits, fc.integer({ min: 1, max: 40 }), (list, topK) => {
      const [all, own] = [chances(list, one), chances(list, { ...one, topK })]
      const order = list.map((_, i) => i).sort((a, b) => list[b]! - list[a]! || a - b)
      const stay = order.slice(0, topK)
      const total = stay.reduce((n, i) => n + all[i]!, 0)
      close(own, list.map((_, i) => stay.includes(i) ? all[i]! / total : 0))
    }),
    { seed: 1, numRuns: 100 },
  )
})

it("top-p keeps the smallest set of the likeliest that makes up the share", () => {
  const list = [0.1, 0.2, 0.4, 0.3].map(Math.log)
  close(chances(list, { ...one, topP: 0.4 - 1e-9 }), [0, 0, 1, 0])
  close(chances(list, { ...one, topP: 0.6 }), [0, 0, 4 / 7, 3 / 7])
  close(chances(list, { ...one, topP: 0.75 }), [0, 2 / 9, 4 / 9, 3 / 9])
  close(chances(list, { ...one, topP: 1 }), [0.1, 0.2, 0.4, 0.3])
  close(chances(list, { ...one, topP: 1e-9 }), [0, 0, 1, 0])
  // of the two likeliest, 4/7 and 3/7, the first makes up a half
  close(chances(list, { ...one, topP: 0.5, topK: 2 }), [0, 0, 1, 0])
  fc.assert(
    fc.property(logits, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (list, topP) => {
      const [all, own] = [chances(list, one), chances(list, { ...one, topP })]
      const stay = list.map((_, i) => i).filter((i) => own[i]! > 0)
      const sum = (of: ReadonlyArray<number>): number => of.reduce((n, i) => n + all[i]!, 0)
      assert.ok(sum(stay) >= topP - 1e-12, "it is enough")
      const least = stay.reduce((a, b) => all[b]! <= all[a]! ? b : a)
      assert.ok(sum(stay.filter((i) => i !== least)) < topP + 1e-12, "without the least it would not be")
      list.forEach((_, i) => assert.ok(stay.includes(i) || all[i]! <= all[least]!, "no likelier one is left out"))
    }),
    { seed: 2, numRuns: 100 },
  )
})

it("a token is picked as often as its share says, and one without a share never", () => {
  const shares = [0.2, 0, 0.5, 0.3, 0]
  const n = 4000
  const counts = shares.map(() => 0)
  for (let i = 0; i < n; i++) counts[pick(shares, (i + 0.5) / n)]!++
  assert.equal(counts, [800, 0, 2000, 1200, 0])
  assert.is(pick(shares, 1 - 2 ** -53), 3, "what rounding leaves over goes to the last one that has a share")
})

it("what is drawn has the distribution (chi-square), and none that is cut off is ever drawn", () => {
  const list = [0.5, 1.5, -1, 0, 2, 0.25, -3, 1]
  // the 99.9th percentile of chi-square with 7, 3 and 5 degrees of freedom
  for (const [more, most] of [[{}, 24.32], [{ topK: 4 }, 16.27], [{ topP: 0.95, temperature: 1.5 }, 22.46]] as const) {
    const s = { ...one, ...more }
    const shares = chances(list, s)
    const counts = list.map(() => 0)
    const n = 4000
    for (let i = 0; i < n; i++) counts[draw(list, s, hostFold(hostKey(11), i % 8), Math.floor(i / 8))]!++
    const square = counts.reduce(
      (x, c, i) => x + (shares[i]! > 0 ? (c - n * shares[i]!) ** 2 / (n * shares[i]!) : 0),
      0,
    )
    assert.ok(square < most, `${JSON.stringify(more)}: ${square}`)
    counts.forEach((c, i) => assert.ok(shares[i]! > 0 || c === 0))
  }
})

it("what is drawn depends on key and place alone", () => {
  const list = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i))
  const line = (seed: number): ReadonlyArray<number> =>
    Array.from({ length: 40 }, (_, n) => draw(list, one, hostKey(seed), n))
  assert.equal(line(1), line(1))
  assert.not.equal(line(1), line(2))
})

it("settings that mean nothing are faults with a sentence", () => {
  assert.equal(samplingFaults({ temperature: 0.7, topK: 40, topP: 0.9, seed: 3 }), [])
  const cases = [
    [{ temperature: -1 }, "temperature is -1"],
    [{ temperature: NaN }, "temperature is NaN"],
    [{ temperature: Infinity }, "temperature is Infinity"],
    [{ topK: 0 }, "topK is 0"],
    [{ topK: 1.5 }, "topK is 1.5"],
    [{ topP: 0 }, "topP is 0"],
    [{ topP: 1.01 }, "topP is 1.01"],
    [{ topP: NaN }, "topP is NaN"],
    [{ seed: -1 }, "seed is -1"],
    [{ seed: 0.5 }, "seed is 0.5"],
  ] as const
  for (const [wrong, message] of cases) {
    const [fault, ...more] = samplingFaults({ temperature: 1, seed: 0, ...wrong })
    assert.ok(fault?._tag === "AskFault" && fault.message.includes(message) && fault.message.includes("expected"))
    assert.is(more.length, 0)
  }
})

it.run()
