/** Rates by step: LWM's numbers, and the graph's rate is the host's for any schedule. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { f32 } from "../../core/tensor/spec.ts"
import { constantRate, learningRate, rateAt, type Schedule } from "../../ops/schedule.ts"
import { inputs, meant } from "./updates.ts"

const it = suite("schedules")

const inGraph = (s: Schedule, step: number): number => {
  const { t } = inputs({ t: f32() })
  return meant({ rate: learningRate(s)(t) }, { t: [step] })["rate"]![0]!
}

const vision: Schedule = { kind: "cosine", peak: 6e-4, warmup: 1000, decay: 45_000, end: 6e-5 }
const text: Schedule = { kind: "constant", peak: 4e-5, warmup: 100 }
const line: Schedule = { kind: "linear", start: 1e-4, peak: 1e-3, warmup: 10, decay: 110, end: 5e-4 }
const palm: Schedule = { kind: "root", start: 0.01, peak: 0.01, warmup: 10_000 }

/** The first two are LWM's; a line and a root by hand. */
const golden: ReadonlyArray<readonly [Schedule, ReadonlyArray<readonly [step: number, rate: number]>]> = [
  [vision, [[0, 0], [500, 3e-4], [1000, 6e-4], [23_000, 3.3e-4], [45_000, 6e-5], [90_000, 6e-5]]],
  [text, [[0, 0], [50, 2e-5], [100, 4e-5], [101, 4e-5], [1200, 4e-5]]],
  [line, [[0, 1e-4], [5, 5.5e-4], [10, 1e-3], [60, 7.5e-4], [110, 5e-4], [500, 5e-4]]],
  [palm, [[0, 0.01], [10_000, 0.01], [40_000, 0.005], [1_000_000, 0.001]]],
]

for (const [schedule, points] of golden) {
  it(`${schedule.kind} is the table's, on the host and in the graph`, () => {
    for (const [step, rate] of points) {
      assert.ok(Math.abs(rateAt(schedule, step) - rate) < 1e-12, `${step}: ${rateAt(schedule, step)}, not ${rate}`)
      assert.ok(Math.abs(inGraph(schedule, step) - rate) < 1e-12, `${step}: ${inGraph(schedule, step)}, not ${rate}`)
    }
  })
}

it("the graph's rate is the host's, between 0 and the peak", () => {
  const schedules = fc.record({
    kind: fc.constantFrom("cosine" as const, "linear" as const, "constant" as const, "root" as const),
    peak: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    warmup: fc.nat(50),
    more: fc.nat(100),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(schedules, fc.nat(300), ({ kind, peak, warmup, more, part }, step) => {
      const s = { kind, peak, warmup, decay: warmup + more, end: peak * part } as Schedule
      const rate = rateAt(s, step)
      assert.ok(rate >= 0 && rate <= peak * (1 + 1e-12))
      assert.ok(Math.abs(inGraph(s, step) - rate) <= 1e-12 * peak, `${JSON.stringify(s)} at ${step}`)
    }),
    { seed: 5, numRuns: 60 },
  )
})

it("a constant rate is one", () => {
  const { t } = inputs({ t: f32() })
  assert.equal(meant({ r: constantRate(0.25)(t) }, { t: [9] }), { r: [0.25] })
})

it.run()
