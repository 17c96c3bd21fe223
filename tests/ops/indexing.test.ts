import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { faultsOf } from "../../core/graph/validity.ts"
import * as b from "../../core/graph/build.ts"
import { oneHot, scatterAdd, take, takeAlong } from "../../ops/indexing.ts"
import { argsort, cummax, cummin, cumprod, cumsum, sort, topK } from "../../ops/sorting.ts"
import { at, expect, given, holds, points, run, size, sumOver, tensor, whole } from "./values.ts"

const it = suite("indexing and sorting")

const sizes = fc.record({ v: size(), m: size(), n: size(), g: size() })

it("takes places, also none", () => {
  const all = sizes.chain((s) =>
    fc.tuple(tensor("g v m", s), tensor("n k", s, whole(-2, 6), "i32"), tensor("g n", s, whole(0, 6), "u32"))
  )
  holds(all, ([x, i, j]) => {
    const of = (v: number) => v >= 0 && v < x.v.shape[1]!
    expect(take(x.x, i.x, "v"), "g n k m", (p) => of(at(i.v, p)) ? at(x.v, { ...p, v: at(i.v, p) }) : 0)
    expect(take(x.x, j.x, "v"), "g n m", (p) => of(at(j.v, p)) ? at(x.v, { ...p, v: at(j.v, p) }) : 0)
  })
})

it("takes along an axis", () => {
  const all = sizes.chain((s) => fc.tuple(tensor("g v", s), tensor("v g", s, whole(0, 6), "i32")))
  holds(all, ([x, i]) => {
    const of = (v: number) => v < x.v.shape[1]!
    expect(takeAlong(x.x, i.x, "v"), "g v", (p) => of(at(i.v, p)) ? at(x.v, { ...p, v: at(i.v, p) }) : 0)
  })
})

it("sums into places, batches side by side", () => {
  const all = sizes.chain((s) => fc.tuple(tensor("g n m", s), tensor("g n", s, whole(-1, 4), "i32")))
  holds(all, ([u, i]) => {
    const inner = { axes: ["g", "n"], shape: i.v.shape }
    expect(
      scatterAdd(u.x, i.x, "v", 4),
      "v m",
      (p) => points(inner).filter((q) => at(i.v, q) === p["v"]).reduce((s, q) => s + at(u.v, { ...p, ...q }), 0),
    )
    expect(
      scatterAdd(u.x, i.x, "v", 4, "g"),
      "v g m",
      (p) => sumOver(inner.shape[1]!, (n) => at(i.v, { ...p, n }) === p["v"] ? at(u.v, { ...p, n }) : 0),
    )
  })
})

it("scatter is gather's transpose: <gather x, y> = <x, scatter y>", () => {
  const all = sizes.chain((s) =>
    fc.tuple(
      tensor("g v m", s),
      fc.oneof(
        tensor("n k", s, whole(-1, 6), "i32"),
        tensor("g n", s, whole(-1, 6), "i32"),
        tensor("m v", { ...s, v: 3 }, whole(0, 6), "i32"),
      ),
    )
  )
  holds(all, ([x, i]) => {
    const taken = b.gather(x.x, i.x, "v")
    const got = run(taken)
    const y = given<string>(taken.axes.join(" "), taken.shape, points(got).map((_, n) => Math.sin(n + 1)))
    const batch = i.v.axes.filter((a) => a !== "v" && x.v.axes.includes(a))
    const back = run(b.scatter(y.x, i.x, "v", x.v.shape[1]!, batch, x.v.axes))
    const inner = (p: ArrayLike<number>, q: ArrayLike<number>) => sumOver(p.length, (n) => p[n]! * q[n]!)
    const [left, right] = [inner(got.data, y.v.data), inner(x.v.data, back.data)]
    assert.ok(Math.abs(left - right) < 1e-9 * Math.max(1, Math.abs(left)), `${left} and ${right}`)
  }, 80)
})

it("marks one place", () => {
  holds(tensor("a", {}, whole(-1, 5), "i32"), ({ x, v }) => {
    expect(oneHot(x, "n", 4), "a n", (p) => Number(at(v, p) === p["n"]))
    expect(oneHot(x, "n", 4, "bool"), "a n", (p) => Number(at(v, p) === p["n"]))
  })
})

it("sorts, NaN last, equals in their order", () => {
  const coarse = fc.constantFrom(-1, 0, 1, 2, NaN, Infinity)
  holds(tensor("g n", {}, coarse), ({ x, v }) => {
    const key = (y: number, down: boolean) => Number.isNaN(y) ? 2 ** 60 : (down ? -1 : 1) * Math.min(2 ** 50, y)
    for (const descending of [false, true]) {
      const order = (g: number) =>
        Array.from({ length: v.shape[1]! }, (_, n) => n).sort((i, j) =>
          key(at(v, { g, n: i }), descending) - key(at(v, { g, n: j }), descending)
        )
      const of = (p: { readonly [axis: string]: number }) => order(p["g"]!)[p["n"]!]!
      const { values, indices } = sort(x, "n", { descending })
      expect(indices, "g n", of)
      expect(argsort(x, "n", { descending }), "g n", of)
      expect(values, "g n", (p) => at(v, { ...p, n: of(p) }))
    }
  })
})

it("takes the largest", () => {
  const distinct = fc.uniqueArray(whole(-50, 50), { minLength: 5, maxLength: 5 })
  holds(fc.tuple(distinct, whole(0, 5)), ([list, k]) => {
    const ordered = [...list].sort((p, q) => q - p)
    const { values, indices } = topK(given("n", [5], list).x, "n", k)
    assert.equal(values.shape, [k])
    expect(values, "n", (p) => ordered[p["n"]!]!)
    expect(indices, "n", (p) => list.indexOf(ordered[p["n"]!]!))
  })
  assert.equal(faultsOf([topK(given("n", [2], [1, 2]).x, "n", 3).values]).map((f) => `${f.op}: ${f.message}`), [
    "topK: axis 'n' of i32[n 2] has places 0 to 1; 3 from 0 by 1 goes beyond",
  ])
})

it("folds while it runs, from either end", () => {
  holds(tensor("g n"), ({ x, v }) => {
    const up = (p: { readonly [axis: string]: number }) =>
      Array.from({ length: p["n"]! + 1 }, (_, n) => at(v, { ...p, n }))
    const down = (p: { readonly [axis: string]: number }) =>
      Array.from({ length: v.shape[1]! - p["n"]! }, (_, n) => at(v, { ...p, n: p["n"]! + n }))
    for (const [reverse, part] of [[false, up], [true, down]] as const) {
      expect(cumsum(x, "n", { reverse }), "g n", (p) => part(p).reduce((s, y) => s + y, 0))
      expect(cumprod(x, "n", { reverse }), "g n", (p) => part(p).reduce((s, y) => s * y, 1))
      expect(cummax(x, "n", { reverse }), "g n", (p) => Math.max(...part(p)))
      expect(cummin(x, "n", { reverse }), "g n", (p) => Math.min(...part(p)))
    }
  })
})

it.run()
