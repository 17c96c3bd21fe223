import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { dot } from "../../ops/contraction.ts"
import { gt } from "../../ops/logic.ts"
import { all, any, argmax, argmin, logsumexp, max, mean, min, prod, sum } from "../../ops/reduction.ts"
import { logSoftmax, softmax } from "../../ops/softmax.ts"
import { cast } from "../../ops/elementwise.ts"
import { at, expect, given, holds, type Point, points, run, size, sumOver, tensor, type Values } from "./values.ts"

const it = suite("folds")

/** The elements over the axes that the point does not name. */
const under = (v: Values, p: Point): ReadonlyArray<number> =>
  points(v).filter((q) => Object.entries(p).every(([a, i]) => q[a] === i)).map((q) => at(v, q))

it("folds one axis, several, all", () => {
  holds(tensor("a b c"), ({ x, v }) => {
    const total = (xs: ReadonlyArray<number>) => xs.reduce((s, y) => s + y, 0)
    const over = [["a", "b c"], ["b", "a c"], ["c a", "b"], ["a b c", ""]] as const
    for (const [gone, kept] of over) {
      const name = gone as "a"
      expect(sum(x, name), kept, (p) => total(under(v, p)))
      expect(prod(x, name), kept, (p) => under(v, p).reduce((s, y) => s * y, 1))
      expect(max(x, name), kept, (p) => Math.max(...under(v, p)))
      expect(min(x, name), kept, (p) => Math.min(...under(v, p)))
      expect(mean(x, name), kept, (p) => total(under(v, p)) / under(v, p).length)
      expect(logsumexp(x, name), kept, (p) => Math.log(total(under(v, p).map(Math.exp))))
      expect(any(gt(x, 0), name), kept, (p) => Number(under(v, p).some((y) => y > 0)))
      expect(all(gt(x, 0), name), kept, (p) => Number(under(v, p).every((y) => y > 0)))
    }
    expect(sum(x), "", (p) => total(under(v, p)))
    expect(mean(x), "", (p) => total(under(v, p)) / under(v, p).length)
  }, 15)
})

it("finds the place of the extreme, the first of equals", () => {
  const coarse = fc.constantFrom(-1, 0, 1, 2)
  holds(size(1).chain((b) => tensor("a b", { b }, coarse)), ({ x, v }) => {
    expect(argmax(x, "b"), "a", (p) => under(v, p).indexOf(Math.max(...under(v, p))))
    expect(argmin(x, "b"), "a", (p) => under(v, p).indexOf(Math.min(...under(v, p))))
  })
  const { x } = given("a", [4], [1, NaN, 3, NaN])
  expect(argmax(x, "a"), "", () => 1)
  expect(argmin(x, "a"), "", () => 1)
  expect(max(x), "", () => NaN)
  expect(min(x), "", () => NaN)
})

it("does not overflow in sums of exponentials", () => {
  const { x } = given("a", [2], [1000, 1000])
  expect(logsumexp(x, "a"), "", () => 1000 + Math.LN2)
  expect(softmax(x, "a"), "a", () => 0.5)
  expect(logSoftmax(x, "a"), "a", () => -Math.LN2)
  expect(logsumexp(given("a", [2], [-Infinity, -Infinity]).x, "a"), "", () => -Infinity)
  expect(logsumexp(given("a", [2], [Infinity, 0]).x, "a"), "", () => Infinity)
  expect(softmax(given("a", [2], [-Infinity, 0]).x, "a"), "a", (p) => p["a"]!)
})

it("normalises by softmax over one axis or several", () => {
  holds(tensor("a b c"), ({ x, v }) => {
    const share = (p: Point, group: Point) => Math.exp(at(v, p)) / under(v, group).reduce((s, y) => s + Math.exp(y), 0)
    expect(softmax(x, "b"), "a b c", (p) => share(p, { a: p["a"]!, c: p["c"]! }))
    expect(softmax(x, "c a"), "a b c", (p) => share(p, { b: p["b"]! }))
    expect(logSoftmax(x, "b"), "a b c", (p) => Math.log(share(p, { a: p["a"]!, c: p["c"]! })))
  }, 15)
  const half = cast(given("a", [3], [1, 2, 3]).x, "f16")
  assert.is(softmax(half, "a").dtype, "f16")
  assert.is(logsumexp(half, "a").dtype, "f16")
})

it("contracts by name, other axes side by side", () => {
  const sizes = fc.record({ a: size(), b: size(), c: size(), d: size(), e: size() })
  holds(sizes.chain((s) => fc.tuple(tensor("a b c d", s), tensor("d e b a", s))), ([x, y]) => {
    const n = (axis: string, v: Values) => v.shape[v.axes.indexOf(axis)]!
    const term = (p: Point) => at(x.v, p) * at(y.v, p)
    expect(dot(x.x, y.x, "d"), "a b c e", (p) => sumOver(n("d", x.v), (d) => term({ ...p, d })))
    expect(
      dot(x.x, y.x, "b d"),
      "a c e",
      (p) => sumOver(n("b", x.v), (b) => sumOver(n("d", x.v), (d) => term({ ...p, b, d }))),
    )
    expect(dot(x.x, y.x, ""), "a b c d e", term)
  })
  const i = given("n", [3], [1, 2, 3], "i32")
  assert.equal([...run(dot(i.x, i.x, "n")).data as Float64Array], [14])
})

it.run()
