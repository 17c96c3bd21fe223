/** What goes with a step: the average of parameters, the loss scale, the guard, parts of the decay, narrow momentum. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { bf16, bool, f32, i32 } from "../../core/tensor/spec.ts"
import {
  adamW,
  averaged,
  chosenTree,
  clipFinite,
  type LossScale,
  rescaled,
  scaleStart,
  type ScaleState,
} from "../../ops/optimiser.ts"
import { apart, inputs, meant, noise, type Numbers } from "./updates.ts"

const it = suite("optimisers: beside the step")

const specs = { w: f32("a", { a: 3 }) }

it("one step of AdamW by hand", () => {
  const all = inputs({ p: specs, g: specs, s: { step: i32(), first: specs, second: specs } })
  const made = adamW({ rate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 0.5, decay: 0.2 })(all.p, all.g, all.s)
  const got = meant(made, {
    ...{ "p.w": [1, 2, -3], "g.w": [0.5, -4, 0], "s.step": [1], "s.first.w": [0.1, 0, 1], "s.second.w": [0.01, 0, 4] },
  })
  // m = 0.9 m + 0.1 g, v = 0.99 v + 0.01 g^2; over 1 - 0.9^2 = 0.19 and 1 - 0.99^2 = 0.0199
  const [m, v] = [[0.14, -0.4, 0.9], [0.0124, 0.16, 3.96]] as const
  const step = [
    0.1 * (0.14 / 0.19 / (Math.sqrt(0.0124 / 0.0199) + 0.5) + 0.2 * 1),
    0.1 * (-0.4 / 0.19 / (Math.sqrt(0.16 / 0.0199) + 0.5) + 0.2 * 2),
    0.1 * (0.9 / 0.19 / (Math.sqrt(3.96 / 0.0199) + 0.5) + 0.2 * -3),
  ]
  const want = {
    "params.w": [1 - step[0]!, 2 - step[1]!, -3 - step[2]!],
    "state.first.w": m,
    "state.second.w": v,
    "state.step": [2],
  }
  assert.is(apart(got, want, 1e-9), undefined)
  assert.ok(Math.abs(want["params.w"]![0]! - 0.922853) < 1e-6, "and by a calculator")
})

it("a part of the decay shrinks by that part", () => {
  const all = inputs({ p: specs, g: specs, s: { step: i32(), first: specs, second: specs } })
  const zero = { "g.w": [0, 0, 0], "s.first.w": [0, 0, 0], "s.second.w": [0, 0, 0], "s.step": [3], "p.w": [1, 2, 4] }
  for (const [part, kept] of [[1, 0.98], [0.25, 0.995], [0, 1], [true, 0.98], [false, 1]] as const) {
    const { params } = adamW({ rate: 0.1, decay: 0.2, decays: () => part })(all.p, all.g, all.s)
    assert.is(apart(meant(params, zero), { w: [kept, 2 * kept, 4 * kept] }, 1e-12), undefined)
  }
})

it("momentum in bf16 is rounded where it is stored, not where it is used", () => {
  const narrow = { w: bf16("a", { a: 3 }) }
  const all = inputs({ p: specs, g: specs, s: { step: i32(), first: narrow, second: specs } })
  const made = adamW({ rate: 0.1, beta1: 0.5 })(all.p, all.g, all.s)
  assert.is(made.state.first.w.dtype, "bf16")
  const given = {
    ...{ "p.w": [0, 0, 0], "g.w": [1, 1.001, -1.005], "s.step": [0], "s.first.w": [0, 1, 0], "s.second.w": [1, 1, 1] },
  }
  const got = meant(made, given)
  // eight bits: 0.5, 1.0005 to 1, -0.5025 to a multiple of 2^-8 / 2
  assert.equal(got["state.first.w"], [0.5, 1, -0.50390625])
  const all32 = inputs({ p: specs, g: specs, s: { step: i32(), first: specs, second: specs } })
  assert.is(
    apart(
      got,
      { "params.w": meant(adamW({ rate: 0.1, beta1: 0.5 })(all32.p, all32.g, all32.s).params, given)["w"]! },
      1e-12,
    ),
    undefined,
  )
})

it("the average is the weighted mean of what came after each update, whatever it began with", () => {
  const { a, p, t } = inputs({ a: specs, p: specs, t: i32() })
  const next = averaged(0.9)(a, p, t)
  let average: ReadonlyArray<number> = [7, 7, 7]
  const seen: Array<ReadonlyArray<number>> = []
  for (let step = 0; step < 12; step++) {
    const now = noise(3, step)
    seen.push(now)
    average = meant(next, { "a.w": average, "p.w": now, t: [step] })["w"]!
    const weights = seen.map((_, i) => 0.1 * 0.9 ** (step - i) / (1 - 0.9 ** (step + 1)))
    const want = now.map((_, k) => seen.reduce((sum, xs, i) => sum + weights[i]! * xs[k]!, 0))
    assert.is(apart({ w: average }, { w: want }, 1e-7), undefined)
  }
})

const scaleSpecs = { value: f32(), good: i32() }

/** The scale after steps of which some were finite. */
const scales = (settings: LossScale, finite: ReadonlyArray<boolean>): ReadonlyArray<number> => {
  const { s, ok } = inputs({ s: scaleSpecs, ok: bool() })
  const next = rescaled(settings)(s as ScaleState, ok)
  let now: Numbers = { value: Array.from(scaleStart(settings).value.data), good: [0] }
  return finite.map((f) => {
    now = meant(next, { "s.value": now["value"]!, "s.good": now["good"]!, ok: [Number(f)] })
    return now["value"]![0]!
  })
}

it("the loss scale halves at once, doubles after patience, and stays within its bounds", () => {
  const [y, n] = [true, false]
  assert.equal(scales({ first: 8, patience: 2, least: 2, most: 16 }, [y, y, y, n, y, y, y, y, y, y, n, n, n, n, n]), [
    ...[8, 16, 16, 8, 8, 16, 16, 16, 16, 16, 8, 4, 2, 2, 2],
  ])
  assert.equal(scales({}, [n, y]), [2 ** 14, 2 ** 14])
})

it("the loss scale is the table's at every step of any history", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), (history, patience) => {
      let [scale, good] = [4, 0]
      const want = history.map((f) => {
        good = f ? good + 1 : 0
        if (!f) scale = Math.max(1, scale / 2)
        if (good === patience) [scale, good] = [Math.min(64, scale * 2), 0]
        return scale
      })
      assert.equal(scales({ first: 4, patience, least: 1, most: 64 }, history), want)
    }),
    { seed: 3, numRuns: 15 },
  )
})

it("a norm or a loss that is not finite is told, and what was before is chosen then", () => {
  const { g, loss, old } = inputs({ g: specs, loss: f32(), old: specs })
  const { clipped, norm, finite } = clipFinite(g, 1, [loss])
  const kept = chosenTree(finite, clipped, old)
  const run = (w: ReadonlyArray<number>, l: number): Numbers =>
    meant({ kept, norm, finite }, { "g.w": w, loss: [l], "old.w": [7, 8, 9] })
  assert.is(apart(run([0, 3, 4], 1), { "kept.w": [0, 0.6, 0.8], norm: [5], finite: [1] }, 1e-12), undefined)
  assert.is(apart(run([0, 0, 0.5], 1), { "kept.w": [0, 0, 0.5], norm: [0.5], finite: [1] }, 1e-12), undefined)
  for (const [w, l] of [[[0, NaN, 0], 1], [[0, Infinity, 0], 1], [[0, 1, 0], NaN], [[0, 1, 0], -Infinity]] as const) {
    const got = run(w, l)
    assert.equal([got["kept.w"], got["finite"]], [[7, 8, 9], [0]])
  }
})

it.run()
