/** Adafactor against a calculation by hand and against plain loops in float64, in all its flavours. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { faultsOf } from "../../core/graph/validity.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { bf16, f32 } from "../../core/tensor/spec.ts"
import { type Adafactor, adafactor, adafactorSpecs, type AdafactorState, palm } from "../../ops/optimiser.ts"
import { apart, inputs, meant, noise, noughts, type Numbers, under } from "./updates.ts"

const it = suite("Adafactor")

const specs = {
  w: f32("a b", { a: 2, b: 2 }),
  deep: [f32("group share head model", { group: 2, share: 1, head: 3, model: 4 }), f32("model", { model: 3 })],
} as const
type Params = ReturnType<typeof inputs<typeof specs>>
const rows: { readonly [path: string]: number } = { w: 1, "deep.0": 3, "deep.1": 0 }
const given: Pick<Adafactor, "inputs"> = { inputs: (path) => rows[path]! }

/** The state and parameters after one update more. */
const updated = (settings: Adafactor, p: Numbers, g: Numbers, state: Numbers): { p: Numbers; state: Numbers } => {
  const all = inputs({ p: specs, g: specs, s: adafactorSpecs(specs, { ...given, ...settings }) })
  const made = adafactor({ ...given, ...settings })<Params>(all.p, all.g, all.s as unknown as AdafactorState<Params>)
  const out = meant(made, { ...under("p", p), ...under("g", g), ...under("s", state) })
  const below = (prefix: string): Numbers =>
    Object.fromEntries(
      Object.entries(out).filter(([k]) => k.startsWith(prefix)).map(([k, v]) => [k.slice(prefix.length), v]),
    )
  return { p: below("params."), state: below("state.") }
}

const sizes: { readonly [path: string]: readonly [rows: number, columns: number] } = {
  w: [2, 2],
  "deep.0": [6, 4],
  "deep.1": [1, 3],
}

/** Plain loops over matrices. */
const reference = (s: Adafactor & { readonly rate: number }, p: Numbers, g: Numbers, old: Numbers, t: number) => {
  const { exponent = 0.8, momentum = 0, threshold = 1, epsilon = 1e-30, factored = true, decay = 0 } = s
  const rate = s.relative ? Math.min(s.rate, 1 / Math.sqrt(t)) : s.rate
  const keep = 1 - t ** -exponent
  const rms = (xs: ReadonlyArray<number>): number => Math.sqrt(xs.reduce((a, x) => a + x * x, 0) / xs.length)
  const state: Record<string, ReadonlyArray<number>> = { step: [t] }
  const params: Record<string, ReadonlyArray<number>> = {}
  for (const [path, [m, n]] of Object.entries(sizes)) {
    const square = g[path]!.map((x) => x * x + epsilon)
    const moved = (what: string, now: ReadonlyArray<number>): ReadonlyArray<number> =>
      state[`${what}.${path}`] = now.map((x, i) => keep * old[`${what}.${path}`]![i]! + (1 - keep) * x)
    let v: ReadonlyArray<number>
    if (factored && rows[path]! > 0) {
      const r = moved(
        "rows",
        Array.from({ length: m }, (_, i) => {
          return Array.from({ length: n }, (_, j) => square[i * n + j]!).reduce((a, b) => a + b) / n
        }),
      )
      const c = moved(
        "columns",
        Array.from({ length: n }, (_, j) => {
          return Array.from({ length: m }, (_, i) => square[i * n + j]!).reduce((a, b) => a + b) / m
        }),
      )
      const mean = r.reduce((a, b) => a + b) / m
      v = square.map((_, k) => r[Math.floor(k / n)]! * c[k % n]! / mean)
    } else v = moved("whole", square)
    const u = g[path]!.map((x, k) => x / Math.sqrt(v[k]!))
    const cut = threshold === 0 ? 1 : Math.max(1, rms(u) / threshold)
    const stride = rate * (s.scaled ? Math.max(1e-3, rms(p[path]!)) : 1) / cut
    const way = u.map((x, k) =>
      momentum === 0 ? x * stride : momentum * old[`first.${path}`]![k]! + (1 - momentum) * x * stride
    )
    if (momentum !== 0) state[`first.${path}`] = way
    params[path] = p[path]!.map((x, k) => x - way[k]! - (s.decayPower === 2 ? rate * rate : rate) * decay * x)
  }
  return { p: params, state }
}

it("the first step is the one by hand", () => {
  const p = { w: [1, 2, 3, 4], "deep.0": noise(24, 1), "deep.1": [1, 1, 1] }
  const g = { w: [0.1, 0.2, 0.3, 0.4], "deep.0": noise(24, 2), "deep.1": [0.5, -2, 0] }
  const { p: after, state } = updated({ rate: 0.1 }, p, g, noughts(adafactorSpecs(specs, given)))
  // rows: means of squares (0.01 + 0.04) / 2 and (0.09 + 0.16) / 2; columns: (0.01 + 0.09) / 2 and (0.04 + 0.16) / 2
  const by = { "rows.w": [0.025, 0.125], "columns.w": [0.05, 0.1], step: [1] }
  assert.is(apart(state, by, 1e-9), undefined)
  // v = rows columns / 0.075, so u = 0.1 / sqrt(1/60), 0.2 / sqrt(1/30), 0.3 / sqrt(1/12), 0.4 / sqrt(1/6): rms 0.98 < 1
  const u = [0.7745966692, 1.0954451150, 1.0392304845, 0.9797958971]
  assert.is(apart(after, { w: u.map((x, i) => i + 1 - 0.1 * x) }, 1e-9), undefined)
  // a vector has squares of its own: the sign at the first step, nothing where there is no gradient; rms sqrt(2/3) < 1
  assert.is(apart(after, { "deep.1": [0.9, 1.1, 1] }, 1e-9), undefined)
  // cut to a root mean square of 0.5: sqrt(0.96) / 0.5 times shorter
  const cut = updated({ rate: 0.1, threshold: 0.5 }, p, g, noughts(adafactorSpecs(specs, given)))
  assert.is(apart(cut.p, { w: u.map((x, i) => i + 1 - 0.05 * x / Math.sqrt(0.96)) }, 1e-9), undefined)
})

const flavours: { readonly [name: string]: Adafactor & { readonly rate: number } } = {
  plain: { rate: 0.1 },
  "cut, decaying": { rate: 0.1, threshold: 0.7, decay: 0.1 },
  "relative and scaled": { rate: 0.9, relative: true, scaled: true },
  momentum: { rate: 0.1, momentum: 0.9, exponent: 0.7 },
  palm: { rate: 0.01, ...palm, decay: 1 },
}

for (const [name, settings] of Object.entries(flavours)) {
  it(`four steps are those of plain loops: ${name}`, () => {
    let p: Numbers = { w: noise(4, 3), "deep.0": noise(24, 4), "deep.1": noise(3, 5) }
    let state = noughts(adafactorSpecs(specs, { ...given, ...settings }))
    for (let t = 1; t <= 4; t++) {
      const g = { w: noise(4, 10 + t), "deep.0": noise(24, 20 + t), "deep.1": noise(3, 30 + t) }
      const want = reference(settings, p, g, state, t)
      const got = updated(settings, p, g, state)
      assert.is(apart(got.p, want.p, 1e-9), undefined)
      assert.is(apart(got.state, want.state, 1e-9), undefined)
      assert.equal(Object.keys(got.state).sort(), Object.keys(want.state).sort())
      p = got.p
      state = got.state
    }
  })
}

it("keeps a row and a column of a matrix, whole squares of a vector, and momentum as it is asked to be stored", () => {
  const kept = adafactorSpecs(specs, { ...given, momentum: 0.9 }, "bf16")
  assert.equal(kept.rows["deep.0"], f32("group share head", { group: 2, share: 1, head: 3 }))
  assert.equal(kept.columns["deep.0"], f32("model", { model: 4 }))
  assert.equal(Object.keys(kept.whole), ["deep.1"])
  assert.equal(kept.first!.w as unknown, bf16("a b", { a: 2, b: 2 }))
  assert.is(adafactorSpecs(specs, given).first, undefined)
  assert.equal(Object.keys(adafactorSpecs(specs, { ...given, factored: false }).whole).length, 3)
})

it("a state of other parameters is a fault by name", () => {
  const all = inputs({ p: specs, s: adafactorSpecs({ w: specs.w }, given) })
  const made = adafactor({ rate: 1, ...given })<Params>(all.p, all.p, all.s as unknown as AdafactorState<Params>)
  const messages = faultsOf(leaves(made)).map((f) => f.message).join("\n")
  assert.match(messages, "state.rows lacks 'deep.0'")
  assert.match(messages, "state.whole lacks 'deep.1'")
})

it.run()
