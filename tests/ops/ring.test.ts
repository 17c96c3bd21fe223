import * as fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { valueAndGrad } from "../../core/grad/grad.ts"
import { exchange } from "../../core/graph/build.ts"
import { type Layout, layouts, type Spread } from "../../core/mesh/shape.ts"
import { compileOn } from "../../core/mesh/spmd.ts"
import { f32, i32, type Spec } from "../../core/tensor/spec.ts"
import type { F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { flatten } from "../../core/tensor/tree.ts"
import { type Ring, ringAttention } from "../../ops/ring.ts"
import { mul } from "../../ops/elementwise.ts"
import { sum } from "../../ops/reduction.ts"
import { runOracle, values } from "../core/plan/same.ts"

const it = suite("ops/ring")

interface Case {
  readonly ranks: number
  readonly data: number
  readonly layout: Layout
  readonly time: number
  readonly share: number
  readonly segments: boolean
  readonly window: number
  readonly causal: boolean
  readonly home: "travel" | "direct"
}

const specsOf = (c: Case) => {
  const size = { batch: 2, time: c.time, group: 2, share: c.share, head: 4 }
  return {
    q: f32("batch time group share head", size),
    k: f32("batch time group head", size),
    v: f32("batch time group head", size),
    weight: f32("batch time group share head", size),
    positions: i32("time", size),
    segments: i32("batch time", size),
  }
}

interface Given {
  readonly q: F32<"batch time group share head">
  readonly k: F32<"batch time group head">
  readonly v: F32<"batch time group head">
  readonly weight: F32<"batch time group share head">
  readonly positions: I32<"time">
  readonly segments: I32<"batch time">
}

const over = <T extends Tensor<"f32", ReadonlyArray<string>>>(x: T, ranks: number): T =>
  exchange(x, { kind: "allReduce", over: ["data", "ring"], ranks, fn: "sum" }) as T

/** Attention and its gradients, of one rank. */
const program = (c: Case) => ({ q, k, v, weight, positions, segments }: Given) => {
  const ring: Ring = { ranks: c.ranks, home: c.home }
  const { value, gradient } = valueAndGrad((x: Pick<Given, "q" | "k" | "v">) => {
    const out = ringAttention(x.q, x.k, x.v, ring, {
      causal: c.causal,
      positions,
      ...(c.segments ? { segments } : {}),
      ...(c.window > 0 ? { window: c.window } : {}),
    })
    return { loss: sum(mul(out, weight)) as F32, aux: out }
  })({ q, k, v })
  return { out: value.aux, gradient, loss: over(value.loss, c.ranks * c.data) }
}

const spread = (c: Case): Spread => ({
  shape: { data: c.data, ring: c.ranks },
  map: { batch: "data", time: "ring" },
  layout: c.layout,
})

/** Positions count the whole sequence; segments are three runs, two of which cross the borders of ranks. */
const inputsOf = (c: Case): ReadonlyArray<ReadonlyArray<number>> =>
  (flatten(specsOf(c)) as ReadonlyArray<readonly [string, Spec<"f32", ReadonlyArray<string>>]>).map(([path, s], i) =>
    path === "positions"
      ? Array.from({ length: c.time }, (_, t) => t)
      : path === "segments"
      ? Array.from({ length: 2 * c.time }, (_, t) => Math.floor(((t % c.time) * 3.3) / c.time))
      : values(s, i + 1)
  )

const run = async (c: Case): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const compiled = compileOn(spread(c), "local", program(c), specsOf(c))
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  return await runOracle(compiled.right.program, inputsOf(c))
}

const close = (got: ReadonlyArray<ReadonlyArray<number>>, wanted: ReadonlyArray<ReadonlyArray<number>>): void =>
  wanted.forEach((w, n) => {
    const scale = w.reduce((m, x) => Math.max(m, Math.abs(x)), 1)
    const bad = w.findIndex((x, i) => !(Math.abs(x - got[n]![i]!) <= 1e-12 * scale))
    assert.is(bad, -1, `result ${n}[${bad}]: expected ${w[bad]}, got ${got[n]![bad]}`)
  })

const whole: Case = {
  ...{ ranks: 1, data: 1, layout: "contiguous", time: 16, share: 2, segments: true, window: 0, causal: true },
  home: "travel",
}

it("any number of ranks, any layout: as one rank, forward and gradients, segments across borders", async () => {
  const expected = await run(whole)
  for (const layout of layouts) {
    for (const ranks of [2, 4, 8]) close(await run({ ...whole, ranks, layout }), expected)
  }
  const odd = await run({ ...whole, time: 18 })
  for (const layout of layouts) close(await run({ ...whole, time: 18, ranks: 3, layout }), odd)
})

it("cotangents come home either way, and over data too", async () => {
  const expected = await run(whole)
  for (const home of ["travel", "direct"] as const) {
    close(await run({ ...whole, ranks: 4, layout: "zigzag", home }), expected)
    close(await run({ ...whole, ranks: 2, data: 2, layout: "striped", home }), expected)
  }
})

it("random rings", async () => {
  const cases = fc.record({
    ranks: fc.constantFrom(1, 2, 3, 4),
    data: fc.constantFrom(1, 2),
    layout: fc.constantFrom<Layout>(...layouts),
    time: fc.constantFrom(24, 48),
    share: fc.constantFrom(1, 2),
    segments: fc.boolean(),
    window: fc.constantFrom(0, 5),
    causal: fc.boolean(),
    home: fc.constantFrom<"travel" | "direct">("travel", "direct"),
  })
  await fc.assert(
    fc.asyncProperty(cases, async (c) => close(await run(c), await run({ ...c, ranks: 1, data: 1 }))),
    { numRuns: 12, seed: 3 },
  )
})

it("keeps nothing that grows with the number of ranks", () => {
  const arena = (ranks: number): number => {
    const c = { ...whole, ranks, time: 16 * ranks, layout: "zigzag" } as const
    // nothing is gathered: results are numbers
    const numbers = (given: Given) => {
      const { gradient: { q, k, v }, loss } = program(c)(given)
      return { loss, q: over(sum(q), ranks), k: over(sum(k), ranks), v: over(sum(v), ranks) }
    }
    const compiled = compileOn(spread(c), "processes", numbers, specsOf(c))
    if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
    return compiled.right.program.arena
  }
  assert.is(arena(16), arena(8))
})

it("binds few buffers", () => {
  const c = { ...whole, ranks: 2, layout: "zigzag" } as const
  const compiled = compileOn(spread(c), "local", program(c), specsOf(c), { maxBindings: 8 })
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const most = compiled.right.program.steps.map((s) => s.tag === "dispatch" ? s.buffers.length : 0)
  assert.ok(Math.max(...most) <= 8, `a kernel binds ${Math.max(...most)} buffers`)
})

it("says what is missing", () => {
  const c = { ...whole, ranks: 2 }
  const bare = ({ q, k, v }: Given) => ({ out: ringAttention(q, k, v, { ranks: 2 }, { causal: true }) })
  const compiled = compileOn(spread(c), "local", bare, specsOf(c))
  assert.ok(E.isLeft(compiled))
  if (E.isLeft(compiled)) assert.match(compiled.left[0]!.message, "over several ranks needs positions")
  const none = compileOn(spread(c), "local", ({ q, k, v }: Given) => ({
    out: ringAttention(q, k, v, { ranks: 0 }),
  }), specsOf(c))
  assert.ok(E.isLeft(none))
  if (E.isLeft(none)) assert.match(none.left[0]!.message, "the ring has 0 ranks; expected a whole number from 1")
})

it.run()
