/**
 * The check of attention on matrix units: all three parts on this very device, with ragged edges, scores that grow along
 * the keys (so that references have to follow), and a causal mask, against plain loops in float64.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Attend, Expr, Index } from "../../kernel/kernel.ts"
import { forecastOf } from "../../plan/forecast.ts"
import type { Buffer, Program } from "../../plan/program.ts"
import type { Backend, DeviceFault } from "../backend.ts"

const [QUERY, KEY, HEAD, VALUE] = [70, 45, 24, 36]

/** Weights and their cotangents are rounded to halves; sums of them are off by less than this part of the largest. */
const BOUND = 2 ** -8

const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})
const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
const half = (x: Expr): Expr => ({ tag: "round", dtype: "f32", to: "f16", x })
const place = (id: number): Expr => ({ tag: "index", dtype: "i32", at: along(...Array(id).fill(0), 1) })
const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })

const [ofQ, ofK, ofV, ofOut] = [along(HEAD, 0, 1), along(0, HEAD, 1), along(0, VALUE, 0, 1), along(VALUE, 0, 0, 1)]
const ofRow = along(1)
const SCALE = 0.25

/** Buffers: q, k, v, cotangent, delta, then log-sum-exp, result, dq, dk, dv. */
const kernel = (part: Attend["part"], stores: Attend["stores"]): Attend => ({
  ...{ tag: "attend", part, batch: [], share: [], query: QUERY, key: KEY, head: HEAD, value: VALUE },
  ...{ q: half(load(0, ofQ)), k: half(load(1, ofK)), v: half(load(2, ofV)) },
  ...{ queryPosition: place(0), keyPosition: place(1) },
  ...(part === "forward" ? {} : { cotangent: half(load(3, ofOut)), delta: load(4, ofRow), lse: load(5, ofRow) }),
  ...{ scale: SCALE, cap: 0, causal: 1, window: 0, queryBlock: 0, keyBlock: 0 },
  stores,
})

const sizes = [QUERY * HEAD, KEY * HEAD, KEY * VALUE, QUERY * VALUE, QUERY] as const
const results = [QUERY, QUERY * VALUE, QUERY * HEAD, KEY * HEAD, KEY * VALUE] as const

const slot = (path: string, elements: number, buffer: number) =>
  ({ path, dtype: "f32", axes: ["i"], shape: [elements], buffer }) as const

const planned = {
  buffers: [
    ...sizes.map((elements, index): Buffer => ({ dtype: "f32", elements, place: { tag: "input", index } })),
    ...results.map((elements, index): Buffer => ({ dtype: "f32", elements, place: { tag: "output", index } })),
  ],
  kernels: [
    kernel("forward", [{ buffer: 6, at: ofOut, value: acc(0) }, { buffer: 5, at: ofRow, value: acc(1) }]),
    kernel("query", [{ buffer: 7, at: ofQ, value: acc(0) }]),
    kernel("keys", [{ buffer: 8, at: ofK, value: acc(0) }, { buffer: 9, at: ofV, value: acc(1) }]),
  ],
  steps: [0, 1, 2].map((n) =>
    ({ tag: "dispatch", kernel: n, buffers: [...sizes, ...results].map((_, i) => i) }) as const
  ),
  exchanges: [],
  arena: 0,
}

const program: Program = {
  version: 2,
  inputs: sizes.map((n, i) => slot(`in${i}`, n, i)),
  outputs: results.map((n, i) => slot(`out${i}`, n, sizes.length + i)),
  ...planned,
  forecast: forecastOf(planned),
}

/** Eighths between -0.75 and 0.75, which halves hold; those of k grow with the key. */
const eighths = (elements: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: elements }, (_, i) => (i * seed % 13 - 6) / 8)
const [q, v, ct] = [eighths(sizes[0], 7), eighths(sizes[2], 5), eighths(sizes[3], 11)]
const k = eighths(sizes[1], 3).map((x, i) =>
  x + Math.floor(i / HEAD) * (q[KEY * HEAD + i % HEAD]! > 0 ? 0.125 : -0.125)
)

/** What it should be, and the delta that goes in. */
const wanted = () => {
  const out = results.map((n) => new Float64Array(n))
  const [lse, mean, dq, dk, dv] = out as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  const delta = new Float32Array(QUERY)
  const dot = (x: Float32Array, i: number, y: Float32Array | Float64Array, j: number, n: number): number => {
    let sum = 0
    for (let d = 0; d < n; d++) sum += x[i * n + d]! * y[j * n + d]!
    return sum
  }
  for (let i = 0; i < QUERY; i++) {
    const scores = Array.from({ length: Math.min(i + 1, KEY) }, (_, j) => SCALE * dot(q, i, k, j, HEAD))
    const top = Math.max(...scores)
    lse[i] = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0))
    const weights = scores.map((s) => Math.exp(s - lse[i]!))
    weights.forEach((p, j) => {
      for (let d = 0; d < VALUE; d++) mean[i * VALUE + d]! += p * v[j * VALUE + d]!
    })
    delta[i] = dot(ct, i, mean, i, VALUE)
    weights.forEach((p, j) => {
      const ds = SCALE * p * (dot(ct, i, v, j, VALUE) - delta[i]!)
      for (let d = 0; d < VALUE; d++) dv[j * VALUE + d]! += p * ct[i * VALUE + d]!
      for (let d = 0; d < HEAD; d++) {
        dq[i * HEAD + d]! += ds * k[j * HEAD + d]!
        dk[j * HEAD + d]! += ds * q[i * HEAD + d]!
      }
    })
  }
  return { out, delta }
}

/** Runs the check on a backend that would use the units: what is wrong, or undefined. */
export const checkAttention = <H>(backend: Backend<H>): Effect.Effect<string | undefined> =>
  Effect.scoped(Effect.gen(function* () {
    const { out, delta } = wanted()
    const array = (n: number) => Effect.acquireRelease(backend.allocate("f32", n), backend.free)
    const given = yield* Effect.forEach([q, k, v, ct, delta], (data) =>
      Effect.gen(function* () {
        const made = yield* array(data.length)
        yield* backend.write(made, data)
        return made
      }))
    const made = yield* Effect.forEach(results, array)
    const ready = yield* Effect.acquireRelease(backend.prepare(program), (p) => p.dispose)
    yield* ready.run(given, made)
    for (const [n, want] of out.entries()) {
      const got = yield* backend.read(made[n]!)
      const largest = want.reduce((m, x) => Math.max(m, Math.abs(x)), 0)
      const wrong = want.findIndex((x, i) => !(Math.abs(got[i]! - x) <= BOUND * largest))
      if (wrong >= 0) return `attention's ${program.outputs[n]!.path}[${wrong}] is ${got[wrong]}, not ${want[wrong]}`
    }
    return undefined
  })).pipe(Effect.catch((fault: DeviceFault) => Effect.succeed(fault.message)))
