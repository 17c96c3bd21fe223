/** Muon: the polynomial makes matrices nearly orthogonal, and steps are those of plain loops in float64. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { bf16, f32 } from "../../core/tensor/spec.ts"
import { type Muon, muon, muonSpecs, type MuonState, orthogonal } from "../../ops/optimiser.ts"
import { apart, inputs, meant, noise, noughts, type Numbers, under } from "./updates.ts"

const it = suite("Muon")

type Matrix = ReadonlyArray<ReadonlyArray<number>>

const matrix = (xs: ReadonlyArray<number>, columns: number): Matrix =>
  Array.from({ length: xs.length / columns }, (_, i) => xs.slice(i * columns, (i + 1) * columns))
const transposed = (x: Matrix): Matrix => x[0]!.map((_, j) => x.map((row) => row[j]!))
const times = (x: Matrix, y: Matrix): Matrix =>
  x.map((row) => y[0]!.map((_, j) => row.reduce((sum, a, k) => sum + a * y[k]![j]!, 0)))
const plus = (x: Matrix, a: number, y: Matrix, b: number): Matrix =>
  x.map((row, i) => row.map((v, j) => a * v + b * y[i]![j]!))

/** Jordan's function as it is written down, on whichever side is shorter. */
const newtonSchulz = (g: Matrix, steps: number): Matrix => {
  if (g.length > g[0]!.length) return transposed(newtonSchulz(transposed(g), steps))
  const norm = Math.sqrt(g.flat().reduce((sum, v) => sum + v * v, 0)) + 1e-7
  let x: Matrix = g.map((row) => row.map((v) => v / norm))
  for (let i = 0; i < steps; i++) {
    const a = times(x, transposed(x))
    x = plus(x, 3.4445, times(plus(a, -4.775, times(a, a), 2.0315), x), 1)
  }
  return x
}

/** Singular values: roots of the eigenvalues of x x^T, by Jacobi's rotations. */
const singular = (x: Matrix): ReadonlyArray<number> => {
  const short = x.length <= x[0]!.length ? x : transposed(x)
  const a = times(short, transposed(short)).map((row) => [...row])
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < a.length; p++) {
      for (let q = p + 1; q < a.length; q++) {
        const angle = Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!) / 2
        const [c, s] = [Math.cos(angle), Math.sin(angle)]
        for (let k = 0; k < a.length; k++) {
          ;[a[k]![p], a[k]![q]] = [c * a[k]![p]! - s * a[k]![q]!, s * a[k]![p]! + c * a[k]![q]!]
        }
        for (let k = 0; k < a.length; k++) {
          ;[a[p]![k], a[q]![k]] = [c * a[p]![k]! - s * a[q]![k]!, s * a[p]![k]! + c * a[q]![k]!]
        }
      }
    }
  }
  return a.map((row, i) => Math.sqrt(Math.max(0, row[i]!)))
}

const turned = (xs: ReadonlyArray<number>, rows: number, columns: number, steps = 5): ReadonlyArray<number> => {
  const { x } = inputs({ x: f32("row column", { row: rows, column: columns }) })
  return meant({ y: orthogonal(x, 1, steps) }, { x: xs })["y"]!
}

it("singular values of the reference's own test are right", () => {
  const got = [...singular([[3, 0, 0], [0, 0, -2]])].sort()
  assert.ok(Math.abs(got[0]! - 2) < 1e-12 && Math.abs(got[1]! - 3) < 1e-12)
})

it("matrices of any shape come out nearly orthogonal: singular values from 0.68 to 1.14", () => {
  // the polynomial's band; smaller ones than a hundredth of the norm take more than five times
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.nat(999), (m, n, seed) => {
      const x = noise(m * n, seed + 1)
      const before = singular(matrix(x, n))
      fc.pre(Math.min(...before) > 0.02 * Math.hypot(...before))
      const after = singular(matrix(turned(x, m, n), n))
      assert.ok(after.every((s) => s > 0.68 && s < 1.14), `${m}x${n}: ${before} became ${after}`)
    }),
    { seed: 7, numRuns: 40 },
  )
})

it("five times of Jordan's polynomial, on the shorter side, and of four axes on those that are taken and given", () => {
  for (const [m, n] of [[3, 5], [5, 3], [4, 4], [1, 6]] as const) {
    const x = noise(m * n, m + n)
    assert.is(apart({ y: turned(x, m, n, 3) }, { y: newtonSchulz(matrix(x, n), 3).flat() }, 1e-9), undefined)
  }
  const { x } = inputs({ x: f32("group share head model", { group: 2, share: 1, head: 3, model: 4 }) })
  const xs = noise(24, 9)
  const got = meant({ y: orthogonal(x, 3) }, { x: xs })
  assert.is(apart(got, { y: newtonSchulz(matrix(xs, 4), 5).flat() }, 1e-9), undefined)
})

it("no gradient, no step: nothing is divided by nothing", () => {
  assert.ok(turned(noise(12, 1).map(() => 0), 3, 4).every((x) => x === 0))
})

// ---- the optimiser ---------------------------------------------------------

const specs = {
  embedding: f32("vocab model", { vocab: 3, model: 4 }),
  query: f32("model group share head", { model: 4, group: 1, share: 2, head: 3 }),
  output: f32("group share head model", { group: 1, share: 2, head: 3, model: 4 }),
  norm: f32("model", { model: 4 }),
} as const
type Params = ReturnType<typeof inputs<typeof specs>>
const leading: { readonly [path: string]: number } = { query: 1, output: 3 }
const shapes: { readonly [path: string]: readonly [number, number] } = { query: [4, 6], output: [6, 4] }
const taken = (path: string): number => leading[path] ?? 0

const sizes: { readonly [size: string]: (inputs: number, outputs: number) => number } = {
  match: (m, n) => 0.2 * Math.sqrt(Math.max(m, n)),
  norm: (m, n) => Math.sqrt(Math.max(1, n / m)),
}

/** Plain loops. */
const reference = (s: Muon & { readonly rate: number }, p: Numbers, g: Numbers, old: Numbers, t: number): Numbers => {
  const { momentum = 0.95, nesterov = true, decay = 0, others = 1, size = "match", beta1 = 0.9, beta2 = 0.95 } = s
  const out: Record<string, ReadonlyArray<number>> = { "state.step": [t] }
  for (const path of Object.keys(specs)) {
    const keep = s.decays === undefined ? 1 : Number(s.decays(path))
    const [hidden, m] = [leading[path] !== undefined, old[`first.${path}`]!]
    const beta = hidden ? momentum : beta1
    const first = out[`state.first.${path}`] = g[path]!.map((x, i) => beta * m[i]! + (1 - beta) * x)
    let way: ReadonlyArray<number>
    if (hidden) {
      const [rows, columns] = shapes[path]!
      const u = nesterov ? g[path]!.map((x, i) => (1 - momentum) * x + momentum * first[i]!) : first
      const y = newtonSchulz(matrix(u, columns), s.times ?? 5).flat()
      way = y.map((x) => s.rate * sizes[size]!(rows, columns) * x)
    } else {
      const v = out[`state.second.${path}`] = g[path]!.map((x, i) =>
        beta2 * old[`second.${path}`]![i]! + (1 - beta2) * x * x
      )
      way = first.map((x, i) =>
        s.rate * others * (x / (1 - beta1 ** t)) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + (s.epsilon ?? 1e-8))
      )
    }
    const rate = s.rate * (hidden ? 1 : others)
    out[`params.${path}`] = p[path]!.map((x, i) => x * (1 - rate * decay * keep) - way[i]!)
  }
  return out
}

const flavours: { readonly [name: string]: Omit<Muon, "inputs"> & { readonly rate: number } } = {
  "one rate for all": { rate: 0.02 },
  "Jordan's sizes, decaying": {
    ...{ rate: 0.02, size: "norm", others: 0.05, decay: 0.1, beta2: 0.99 },
    decays: (path) => path === "norm" ? 0 : path === "embedding" ? 0.5 : 1,
  },
  "without Nesterov": { rate: 0.02, nesterov: false, momentum: 0.8, times: 2, epsilon: 1e-3 },
}

for (const [name, flavour] of Object.entries(flavours)) {
  it(`three steps are those of plain loops: ${name}`, () => {
    const settings = { ...flavour, inputs: taken }
    const all = inputs({ p: specs, g: specs, s: muonSpecs(specs, settings) })
    const made = muon(settings)<Params>(all.p, all.g, all.s as unknown as MuonState<Params>)
    let p: Numbers = Object.fromEntries(Object.entries(noughts(specs)).map(([k, x], i) => [k, noise(x.length, i)]))
    let state = noughts(muonSpecs(specs, settings))
    for (let t = 1; t <= 3; t++) {
      const g = Object.fromEntries(Object.entries(p).map(([k, x], i) => [k, noise(x.length, 10 * t + i)]))
      const got = meant(made, { ...under("p", p), ...under("g", g), ...under("s", state) })
      const want = reference(settings, p, g, state, t)
      assert.is(apart(got, want, 1e-6), undefined)
      assert.equal(Object.keys(got).sort(), Object.keys(want).sort())
      const below = (prefix: string): Numbers =>
        Object.fromEntries(
          Object.entries(got).filter(([k]) => k.startsWith(prefix)).map(([k, v]) => [k.slice(prefix.length), v]),
        )
      p = below("params.")
      state = below("state.")
    }
  })
}

it("keeps squares only of what takes steps of AdamW, and momentum as it is asked to be stored", () => {
  const kept = muonSpecs(specs, { inputs: taken }, "bf16")
  assert.equal(Object.keys(kept.second), ["embedding", "norm"])
  assert.equal(kept.first.norm as unknown, bf16("model", { model: 4 }))
})

it.run()
