/**
 * Attention on the CPU: what it means, with any number of threads, at sizes that nothing divides, and what it must not
 * touch or take.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend } from "../../../core/device/backend.ts"
import { attend, input, iota, pick, rename, sliceAxis, split } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import { count } from "../../../core/graph/node.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { attendFault, type Case, compileGraph, conform, graphOf, numbersOf, resultsOn } from "../kernel/attends.ts"

const it = suite("wasm attention")

const on = <A>(options: WasmOptions, use: (backend: Backend) => A | Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const backend = yield* wasm({ memory: 2 ** 28, ...options })
    return yield* Effect.promise(async () => await use(backend as Backend))
  })))

/** With tiles as wide as for an engine that joins vectors in pairs. */
const wide = async <A>(use: () => Promise<A>): Promise<A> => {
  const before = process.env.ORRERY_WIDE
  process.env.ORRERY_WIDE = "on"
  try {
    return await use()
  } finally {
    if (before === undefined) delete process.env.ORRERY_WIDE
    else process.env.ORRERY_WIDE = before
  }
}

const plain: Case = {
  part: "forward",
  batch: 1,
  groups: 2,
  share: 1,
  query: 300,
  key: 300,
  head: 64,
  value: 64,
  causal: 1,
  window: 0,
  cap: 0,
  scale: 0.125,
  queryBlock: 0,
  keyBlock: 0,
  positions: false,
  segments: false,
  bias: false,
  order: "heads",
  dtype: "f32",
}
const parts = ["forward", "query", "keys"] as const

it("is what it means with one thread, strict", () =>
  on({ threads: 1, relaxed: false }, (backend) => conform(backend, 20, 1e-5)))

it("is what it means with two threads, relaxed", () =>
  on({ threads: 2 }, (backend) => conform(backend, 20, 1e-5, 140, 2)))

it("is what it means in wide tiles", () =>
  wide(() => on({ threads: 2 }, (backend) => conform(backend, 20, 1e-5, 140, 3))))

/** Sizes that blocks, panels and tiles do not divide, rows that lie badly, and masks of each kind. */
const shapes: ReadonlyArray<Partial<Case>> = [
  {},
  { groups: 16, order: "time", query: 130, key: 130 },
  { head: 80, value: 100, key: 250, causal: 0 },
  { head: 128, value: 48, window: 37 },
  { share: 3, groups: 1, causal: 7, positions: true, segments: true },
  { query: 5, key: 700, share: 4, groups: 1, causal: 0, order: "time" },
  { query: 1, key: 701, order: "time", causal: 0 },
  { query: 1, key: 350, share: 3, head: 70, value: 33, positions: true, segments: true, dtype: "bf16" },
  { query: 3, key: 333, cap: 2, bias: true, window: 40, dtype: "f16" },
  { query: 700, key: 5, groups: 1, window: 90, cap: 2, bias: true },
  { queryBlock: 1, keyBlock: 1, query: 40, key: 50, groups: 1 },
  { queryBlock: 77, keyBlock: 33 },
  { queryBlock: 5000, keyBlock: 5000, dtype: "bf16" },
]

it("takes sizes that nothing divides", () =>
  wide(() =>
    on({ threads: 2 }, async (backend) => {
      for (const shape of shapes) {
        for (const part of parts) {
          const wrong = await attendFault(backend, { ...plain, ...shape, part }, 1e-5)
          assert.is(wrong, undefined, `${part} ${JSON.stringify(shape)}: ${wrong}`)
        }
      }
    })
  ))

const dataOf = (results: ReadonlyArray<AnyHost> | string): ReadonlyArray<ArrayLike<number>> => {
  if (typeof results === "string") throw new Error(results)
  return results.map((r) => r.data as ArrayLike<number>)
}

it("gives the same bits with 1, 2 and 3 threads", async () => {
  for (const part of parts) {
    const c: Case = { ...plain, groups: 3, share: 2, query: 260, part, segments: true }
    const graph = graphOf(c)
    const given = numbersOf(c, graph.inputs)
    const all = []
    for (const threads of [1, 2, 3]) {
      all.push(dataOf(await on({ threads }, (backend) => resultsOn(backend, graph, given))))
    }
    assert.equal(all[1], all[0], part)
    assert.equal(all[2], all[0], part)
  }
})

/** Results where some keys are spoilt, and as they were. */
const spoilt = (c: Case, names: ReadonlyArray<"k" | "v">, from: number, by: number) =>
  on({ threads: 1 }, async (backend) => {
    const graph = graphOf(c)
    const given = numbersOf(c, graph.inputs)
    const bad = Object.fromEntries(
      Object.entries(given).map(([name, x]) => {
        const width = name === "k" ? c.head : c.value
        const place = (i: number): number => Math.floor(i / width) % c.key
        return [name, names.some((n) => n === name) ? x.map((y, i) => place(i) >= from ? by : y) : x]
      }),
    )
    return [
      dataOf(await resultsOn(backend, graph, bad)),
      dataOf(await resultsOn(backend, graph, given)),
    ] as const
  })

it("never looks at keys that no query sees", async () => {
  for (const by of [NaN, Infinity]) {
    for (const part of ["forward", "query"] as const) {
      const [bad, good] = await spoilt({ ...plain, part, query: 130 }, ["k", "v"], 130, by)
      assert.equal(bad, good, `${part} ${by}`)
      const [badToo, goodToo] = await spoilt(
        { ...plain, part, query: 130, positions: true, causal: 0, window: 200 },
        [
          "k",
          "v",
        ],
        400,
        by,
      )
      assert.equal(badToo, goodToo)
    }
  }
})

it("keeps the scores of keys from queries that do not see them", async () => {
  const c: Case = { ...plain, groups: 1 }
  const [bad, good] = await spoilt(c, ["k"], 100, NaN)
  const at = (i: number): number => i * c.value
  assert.equal(Array.from(bad[0]!).slice(0, at(100)), Array.from(good[0]!).slice(0, at(100)))
  assert.ok(Array.from(bad[0]!).slice(at(100)).every(Number.isNaN))
})

it("knows positions that count from anywhere", async () => {
  const q = input("q", "f32", ["group", "query", "head"], [2, 5, 8])
  const [k, v] = ["k", "v"].map((name) => input(name, "f32", ["split", "group", "key", "head"], [3, 2, 50, 8]))
  const queryPosition = input("queryPosition", "i32", ["query"], [5])
  const counted = sliceAxis(iota("key", 170), "key", 13, 150)
  const keyPosition = split(counted, "key", ["split", "key"], { key: 50 })
  const drawn = (n: number, by: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => Math.sin(by * i))
  const given = { q: drawn(80, 3), k: drawn(2400, 7), v: drawn(2400, 5), queryPosition: [12, 20, 63, 100, 165] }
  for (const window of [0, 30]) {
    const masks = { queryPosition, keyPosition }
    const both = attend("forward", [q, k!, rename(v!, { head: "value" })], masks, {
      ...{ query: "query", key: "key", head: "head", value: "value", causal: 1, window },
    })
    const graph = { inputs: [q, k!, v!, queryPosition], roots: [pick(both, 0), pick(both, 1)] }
    const meant = evaluate(graph.roots, given)
    if (E.isLeft(meant)) throw new Error(JSON.stringify(meant.left))
    const got = dataOf(await on({ threads: 2 }, (backend) => resultsOn(backend, graph, given)))
    meant.right.forEach((w, r) =>
      w.data.forEach((x, i) => assert.ok(Math.abs(x - got[r]![i]!) <= 1e-6 * Math.max(1, Math.abs(x)), `${r}[${i}]`))
    )
  }
})

it("takes less than 64 MiB beside its arguments and results, whatever the length", () =>
  on({ threads: 2 }, (backend) => {
    for (const part of parts) {
      for (const order of ["heads", "time"] as const) {
        for (const masks of [{}, { positions: true, segments: true }]) {
          const length = 1 << 20
          const graph = graphOf({ ...plain, part, order, query: length, key: length, dtype: "bf16", ...masks })
          const compiled = compileGraph(graph)
          if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
          const { program } = compiled.right
          const held = graph.inputs.reduce((n, x) => n + count(x.shape), 0)
          assert.ok(held > length)
          assert.is(program.arena, 0)
          const bytes = backend.workspace(program)
          assert.ok(bytes < 64 * 2 ** 20, `${part} ${order}: ${bytes}`)
        }
      }
    }
  }))

it.run()
