/**
 * What attention on webgpu must pass over each implementation: random cases of all parts against float64, larger ones with
 * tails in every direction, a kernel that reads the turn of a loop, and rows that see nothing.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { nothing } from "../../../core/graph/attention.ts"
import type { Attend, Expr, Index } from "../../../core/kernel/kernel.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { webgpu } from "../../../core/device/webgpu.ts"
import { needs } from "../../skip.ts"
import { attendFault, type Case, conform } from "../kernel/attends.ts"
import { programOf } from "../kernel/program.ts"
import { onDevice } from "../kernel/run.ts"
import type { Implementation } from "./webgpu.ts"

const BOUND = 1e-5

const plain: Case = {
  ...{ part: "forward", batch: 1, groups: 1, share: 1, query: 130, key: 130, head: 64, value: 64 },
  ...{ causal: 1, window: 0, cap: 0, scale: 0.125, queryBlock: 0, keyBlock: 0 },
  ...{ positions: false, segments: false, bias: false, order: "time", dtype: "f32" },
}

/** Larger than a tile, and divided by nothing. */
const larger: ReadonlyArray<Case> = [
  plain,
  { ...plain, part: "query", head: 80, value: 64, window: 50 },
  { ...plain, part: "keys", query: 67, head: 64, value: 80, share: 2 },
  { ...plain, query: 5, key: 77, head: 128, value: 128, positions: true, order: "heads" },
  // many blocks to look at before they are walked through
  { ...plain, query: 40, key: 600, head: 16, value: 16, positions: true, segments: true },
  { ...plain, part: "keys", query: 300, key: 40, head: 16, value: 8, segments: true, window: 90 },
  // more features than a workgroup sums
  { ...plain, query: 9, key: 40, head: 30, value: 261, causal: 0 },
  { ...plain, part: "keys", query: 20, key: 18, head: 258, value: 12 },
  // a few queries of many heads
  { ...plain, batch: 2, query: 1, key: 300, head: 64, value: 64, share: 8, positions: true, dtype: "f16" },
  { ...plain, part: "keys", query: 150, key: 3, head: 16, value: 8, causal: 0, segments: true },
]

const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})

/** Three turns of one attention of 6 queries, 5 keys, 4 features, each on its own part of the buffers. */
const turning = (keySegment: Expr) => {
  const inTurn = (at: Index, coef: number): Index => ({
    ...at,
    terms: [...at.terms, { coef, atom: { tag: "turn", depth: 0 } }],
  })
  const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
  const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })
  const place = (id: number): Expr => ({ tag: "index", dtype: "i32", at: along(...[0, 0, 0].fill(1, id, id + 1)) })
  const kernel: Attend = {
    ...{ tag: "attend", part: "forward", batch: [], share: [], query: 6, key: 5, head: 4, value: 4 },
    q: load(0, inTurn(along(4, 0, 1), 24)),
    k: load(1, inTurn(along(0, 4, 1), 20)),
    v: load(2, inTurn(along(0, 4, 0, 1), 20)),
    ...{ queryPosition: place(0), keyPosition: place(1) },
    querySegment: { tag: "const", dtype: "i32", value: 1 },
    keySegment,
    ...{ scale: 0.5, cap: 0, causal: 1, window: 0, queryBlock: 0, keyBlock: 0 },
    stores: [
      { buffer: 3, at: inTurn(along(4, 0, 0, 1), 24), value: acc(0) },
      { buffer: 4, at: inTurn(along(1), 6), value: acc(1) },
    ],
  }
  const values = (n: number, seed: number) => Array.from({ length: n }, (_, i) => (i * seed % 17 - 8) / 8)
  return programOf(
    [
      { role: "input", dtype: "f32", values: values(72, 7) },
      { role: "input", dtype: "f32", values: values(60, 5) },
      { role: "input", dtype: "f32", values: values(60, 3) },
      { role: "output", dtype: "f32", elements: 72 },
      { role: "output", dtype: "f32", elements: 18 },
    ],
    [kernel],
    [{
      tag: "repeat",
      times: 3,
      reverse: false,
      steps: [{ tag: "dispatch", kernel: 0, buffers: [0, 1, 2, 3, 4] }],
    }],
  )
}

/** Registers and runs the tests over one implementation. */
export const attentionSuites = async (implementation: Implementation, runs: number, seed: number): Promise<void> => {
  const opened = webgpu({ implementation })
  const found = await Effect.runPromiseExit(Effect.scoped(Effect.map(opened, (b) => b.info)))
  const it = suite(`attention on webgpu by ${implementation}`)
  const why = Exit.isSuccess(found) ? "" : String(found.cause)
  const remedy = "a GPU with its Vulkan driver, or the software Vulkan that `bash .ci/vulkan` installs"
  const gpu = needs(it, Exit.isSuccess(found), `${implementation} finds no adapter (${why})`, `it takes ${remedy}`)

  gpu("random attentions mean what their kernels mean", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* opened
      yield* Effect.promise(() => conform(backend, runs, BOUND, 70, seed))
    }))))

  gpu("larger ones too, which no block divides", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const backend = yield* opened
      for (const c of larger) {
        const wrong = yield* Effect.promise(() => attendFault(backend, c, BOUND))
        assert.is(wrong, undefined, JSON.stringify(c))
      }
    }))))

  gpu(
    "a kernel reads the turn of its loop; rows that see nothing are 0, their log-sum-exp the lowest",
    () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const backend = yield* opened
        // the first key is of another segment: the first row sees nothing
        const segment: Expr = {
          tag: "binary",
          dtype: "i32",
          fn: "min",
          x: { tag: "index", dtype: "i32", at: along(0, 1) },
          y: { tag: "const", dtype: "i32", value: 1 },
        }
        const c = turning(segment)
        const [out, lse] = yield* onDevice(backend, c)
        const [wantOut, wantLse] = yield* onDevice(yield* oracle, c)
        for (let i = 0; i < 72; i++) assert.ok(Math.abs(out![i]! - wantOut![i]!) < BOUND, `${i}: ${out![i]}`)
        for (let turn = 0; turn < 3; turn++) {
          assert.equal(Array.from(out!).slice(24 * turn, 24 * turn + 4), [0, 0, 0, 0])
          assert.is(lse![6 * turn], Math.fround(nothing))
          for (let i = 1; i < 6; i++) assert.ok(Math.abs(lse![6 * turn + i]! - wantLse![6 * turn + i]!) < BOUND)
        }
      }))),
  )

  it.run()
}
