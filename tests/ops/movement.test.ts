import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { faultsOf } from "../../core/graph/validity.ts"
import * as m from "../../ops/movement.ts"
import { at, expect, given, holds, size, tensor, whole } from "./values.ts"

const it = suite("movement")

it("renames, reorders, repeats", () => {
  holds(tensor("a b c"), ({ x, v }) => {
    expect(m.rename(x, { a: "b", b: "a" }), "b a c", (p) => at(v, { ...p, a: p["b"]!, b: p["a"]! }))
    expect(m.transpose(x, "c a b"), "c a b", (p) => at(v, p))
    expect(m.broadcast(x, "d e", { d: 2, e: 3 }), "d e a b c", (p) => at(v, p))
  }, 20)
})

it("splits and merges in row-major order", () => {
  holds(
    fc.tuple(size(), size(1)).chain(([p, q]) => fc.tuple(tensor("a n b", { n: p * q }), fc.constant(q))),
    ([{ x, v }, q]) => {
      const parts = m.split(x, "n", "p q", { q })
      expect(parts, "a p q b", (c) => at(v, { ...c, n: c["p"]! * q + c["q"]! }))
      expect(m.merge(parts, "p q", "n"), "a n b", (c) => at(v, c))
      expect(
        m.merge(x, "n b", "k"),
        "a k",
        (c) => at(v, { ...c, n: Math.floor(c["k"]! / v.shape[2]!), b: c["k"]! % v.shape[2]! }),
      )
    },
  )
})

it("slices as arrays do, strides, flips", () => {
  const places = fc.tuple(tensor("n b"), whole(-6, 6), fc.option(whole(-6, 6), { nil: undefined }))
  holds(places, ([{ x, v }, from, to]) => {
    const n = v.shape[0]!
    const first = from < 0 ? n + from : from
    const last = to === undefined ? n : to < 0 ? n + to : to
    const sliced = m.slice(x, "n", from, to)
    if (first >= 0 && last >= first && last <= n) {
      expect(sliced, "n b", (p) => at(v, { ...p, n: first + p["n"]! }))
      assert.is(sliced.shape[0], last - first)
    } else if (last !== first) assert.ok(faultsOf([sliced]).length > 0)
  }, 100)
  holds(fc.tuple(tensor("n b"), whole(1, 3)), ([{ x, v }, step]) => {
    expect(m.stride(x, "n", step), "n b", (p) => at(v, { ...p, n: p["n"]! * step }))
    assert.is(m.stride(x, "n", step).shape[0], Math.ceil(v.shape[0]! / step))
    const back = (a: "n" | "b", i: number) => v.shape[v.axes.indexOf(a)]! - 1 - i
    expect(m.flip(x, "n"), "n b", (p) => at(v, { ...p, n: back("n", p["n"]!) }))
    expect(m.flip(x, "b n"), "n b", (p) => at(v, { n: back("n", p["n"]!), b: back("b", p["b"]!) }))
  })
  assert.equal(faultsOf([m.slice(given("n", [3], [1, 2, 3]).x, "n", 2, 5)]).map((f) => f.message), [
    "axis 'n' of f32[n 3] has places 0 to 2; 3 from 2 by 1 goes beyond",
  ])
})

it("pads, concatenates, stacks", () => {
  holds(fc.tuple(tensor("n b"), whole(0, 2), whole(0, 2)), ([{ x, v }, low, high]) => {
    const inside = (i: number) => i >= low && i < low + v.shape[0]!
    const padded = m.pad(x, "n", [low, high], 7)
    expect(padded, "n b", (p) => inside(p["n"]!) ? at(v, { ...p, n: p["n"]! - low }) : 7)
    assert.is(padded.shape[0], v.shape[0]! + low + high)
  })
  holds(size().chain((b) => fc.tuple(tensor("n b", { b }), tensor("n b", { b }), tensor("n b", { b }))), (list) => {
    const rows = list.flatMap(({ v }) => Array.from({ length: v.shape[0]! }, (_, n) => ({ v, n })))
    expect(m.concat(list.map((t) => t.x), "n"), "n b", (p) => at(rows[p["n"]!]!.v, { ...p, n: rows[p["n"]!]!.n }))
  })
  holds(tensor("n b"), ({ x, v }) => {
    expect(m.stack([x, x], "k"), "k n b", (p) => at(v, p))
  })
})

it("cuts windows", () => {
  const cuts = fc.tuple(whole(1, 3), whole(1, 3), whole(1, 2), whole(0, 4)).chain(([taps, stride, dilation, more]) =>
    fc.tuple(tensor("a n b", { n: (taps - 1) * dilation + 1 + more }), fc.constant({ taps, stride, dilation, more }))
  )
  holds(cuts, ([{ x, v }, { taps, stride, dilation, more }]) => {
    const cut = m.window(x, "n", "tap", taps, { stride, dilation })
    expect(cut, "a n tap b", (p) => at(v, { ...p, n: p["n"]! * stride + p["tap"]! * dilation }))
    assert.equal(cut.shape.slice(1, 3), [Math.floor(more / stride) + 1, taps])
  })
})

it.run()
