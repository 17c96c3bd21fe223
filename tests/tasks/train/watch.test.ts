/** What is usual, what is a spike, and the curve of a training. */
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Curve, empty, grown, most } from "../../../tasks/train/curve.ts"
import { isSpike, remembered, usual, watchOf } from "../../../tasks/train/watch.ts"

const it = suite("tasks/train/watch")
const watch = watchOf({})

it("a spike stands far above the losses before it", () => {
  const losses = Array.from({ length: 40 }, (_, i) => 3 - 0.01 * i + 0.05 * Math.sin(i * 7))
  assert.not.ok(isSpike(2.8, losses, watch))
  assert.not.ok(isSpike(0.1, losses, watch), "a low loss is none")
  assert.ok(isSpike(5, losses, watch))
  // one spike among them makes the next no less of one
  assert.ok(isSpike(5, [...losses, 90], watch))
  const known = usual(losses, watch)!
  assert.ok(Math.abs(known.loss - 2.8) < 0.05 && known.sigma > 0.05 && known.sigma < 0.3, JSON.stringify(known))
})

it("few losses say nothing, and equal ones leave room for a hundredth each", () => {
  const { window } = watch
  assert.is(usual(Array.from({ length: window / 4 - 1 }, () => 1), watch), undefined)
  const same = Array.from({ length: window }, () => 2)
  assert.not.ok(isSpike(2.11, same, watch))
  assert.ok(isSpike(2.13, same, watch))
})

it("what is remembered is the last good losses", () => {
  const small = { ...watch, window: 3 }
  assert.equal([1, NaN, 2, Infinity, 3, 4].reduce<ReadonlyArray<number>>((l, x) => remembered(l, x, small), []), [
    2,
    3,
    4,
  ])
})

/** The curve of such losses. */
const curveOf = (losses: ReadonlyArray<number>): Curve =>
  losses.reduce((c, loss, i) => grown(c, { step: i + 1, loss, norm: 1, rate: 0.1 }, losses.length), empty)

it("a curve has so many points at most, the mean of all of which is the mean of all steps", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), (steps) => {
      const losses = Array.from({ length: steps }, (_, i) => 1 + Math.sin(i))
      const { points, since } = curveOf(losses)
      assert.ok(points.length <= most && points.length >= Math.min(steps, most / 2), `${points.length} of ${steps}`)
      assert.is(points.at(-1)!.step, steps)
      assert.equal(since, empty.since)
      const every = Math.ceil(steps / most)
      const sum = points.reduce((s, p, i) => s + p.loss * (i < points.length - 1 ? every : steps - every * i), 0)
      const all = losses.reduce((s, x) => s + x, 0)
      assert.ok(Math.abs(sum - all) < 1e-9 * all, `${sum} is not ${all}`)
    }),
    { seed: 1, numRuns: 40 },
  ))

it("steps without numbers are in no point", () => {
  assert.equal(curveOf([1, NaN, 3, Infinity]).points.map((p) => [p.step, p.loss]), [[1, 1], [3, 3]])
  assert.equal(curveOf([NaN, NaN]).points, [])
})

it.run()
