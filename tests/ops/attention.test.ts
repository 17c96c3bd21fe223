import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { grad } from "../../core/grad/grad.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { type F32, type I32, typed } from "../../core/tensor/tensor.ts"
import { given } from "./values.ts"
import { linearise } from "../../core/grad/linearise.ts"
import { nothing } from "../../core/graph/attention.ts"
import { align, binary, input, reshape, sliceAxis } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import { count, type Node, sizeOf } from "../../core/graph/node.ts"
import type { Value } from "../../core/graph/value.ts"
import { check } from "../../core/graph/validity.ts"
import { type AttentionOptions, attentionWithLogSumExp, blockwiseAttention } from "../../ops/attention.ts"
import { square } from "../../ops/elementwise.ts"
import { iota } from "../../ops/literal.ts"
import { sum } from "../../ops/reduction.ts"
import { rope } from "../../ops/rope.ts"
import { scan } from "../../ops/scan.ts"
import { agrees, draw, tensor, values as evaluated } from "../core/grad/difference.ts"
import { values } from "../core/plan/same.ts"
import { type Case, cases, dense, folded, type Given, specsOf } from "./dense.ts"

const it = suite("blockwise attention")

const inputsOf = (c: Case): Given =>
  Object.fromEntries(
    Object.entries(specsOf(c)).map(([name, s]) => [name, input(name, s.dtype, s.axes, s.shape)]),
  ) as unknown as Given

/** Positions repeat and have gaps; ids of segments are few, so that some rows see nothing. */
const valuesOf = (c: Case): { readonly [name: string]: ReadonlyArray<number> } =>
  Object.fromEntries(
    Object.entries(specsOf(c)).map(([name, s], i) => [name, values(s, i + 1 + c.time * 7 + c.key)]),
  )

/** Result, log-sum-exp, and the gradients of both for queries, keys and values. */
const pulled = (of: (c: Case, g: Given) => { readonly out: Node; readonly logSumExp: Node }, c: Case, g: Given) => {
  const made = of(c, g)
  const wanted = [g.q, g.k, g.v]
  const { outputs, pullback } = linearise([made.out, made.logSumExp], wanted)
  const [out, rows] = outputs as readonly [Node, Node]
  const cts = [input("ct", "f32", out.axes, out.shape), input("ct rows", "f32", rows.axes, rows.shape)] as const
  return { out, rows, mean: pullback([cts[0], null]), both: pullback(cts), cts }
}

it("is softmax of the scores, forward and gradients, whatever the mask and the blocks", () => {
  let blind = 0
  fc.assert(
    fc.property(cases, (c) => {
      const g = inputsOf(c)
      const [a, b] = [pulled(folded, c, g), pulled(dense, c, g)]
      const lists = [a, b].map((x) => [x.out, x.rows, ...x.mean, ...x.both])
      assert.equal(check(lists.flat()).map((f) => f.message), [])
      const given = {
        ...valuesOf(c),
        ct: values({ dtype: "f32", axes: a.out.axes, shape: a.out.shape }, 91),
        "ct rows": values({ dtype: "f32", axes: a.rows.axes, shape: a.rows.shape }, 92),
      }
      const [got, want] = lists.map((list) => {
        const found = evaluate(list, given)
        if (E.isLeft(found)) throw new Error(found.left.map((f) => f.message).join("\n"))
        return found.right
      }) as unknown as readonly [ReadonlyArray<Value>, ReadonlyArray<Value>]
      blind += Array.from(want[1]!.data).filter((x) => x === nothing).length
      want.forEach((w, i) => {
        assert.equal(got[i]!.axes, w.axes)
        const scale = w.data.reduce((m, x) => x === nothing ? m : Math.max(m, Math.abs(x)), 1)
        // beside masks and a bias the rows travel as the bits of f32
        const bound = c.bias && (c.segments || c.positions) && i > 1 ? 1e-6 : 1e-11
        w.data.forEach((x, j) =>
          assert.ok(Math.abs(got[i]!.data[j]! - x) <= bound * scale, `result ${i}[${j}]: ${got[i]!.data[j]}, not ${x}`)
        )
      })
    }),
    { numRuns: 150, seed: 3, includeErrorInReport: true },
  )
  assert.ok(blind > 20, "rows that see nothing are among them")
})

const sizes = { batch: 2, time: 5, group: 2, share: 2, head: 4 }
const parts = (length: number): readonly [Node, Node, Node] => {
  const of = (name: string, axes: string): Node => tensor(name, axes, { ...sizes, time: length })
  return [of("q", "batch time group share head"), of("k", "batch time group head"), of("v", "batch time group head")]
}
type Q = F32<"batch time group share head">
type K = F32<"batch time group head">
type Options = AttentionOptions<Q["axes"], K["axes"], "time", "time", "head", "head">
const attention = ([q, k, v]: ReadonlyArray<Node>, options: Options): Q =>
  blockwiseAttention(typed<Q>(q!), typed<K>(k!), typed<K>(v!), options)

it("gradients are central differences, with a cap, a window and segments too", () => {
  const segments: I32<"time"> = given("time", [5], [0, 0, 1, 1, 2], "i32").x
  const all = parts(5)
  const numbers = all.map((n, i) => draw(i + 1, count(n.shape), -1, 1))
  const options: ReadonlyArray<Options> = [
    { causal: true, cap: 1.5, window: 3 },
    { causalBlockSize: 2, segments, scale: 0.7 },
  ]
  for (const o of options) {
    agrees(
      (xs) => {
        const finished = attentionWithLogSumExp(typed<Q>(xs[0]!), typed<K>(xs[1]!), typed<K>(xs[2]!), o)
        return [finished.out, finished.logSumExp]
      },
      all,
      numbers,
    )
  }
})

it("a packed row is each example alone, forward and gradients", () => {
  const lengths = [3, 1, 4]
  const total = 8
  const restarted = lengths.flatMap((n) => Array.from({ length: n }, (_, i) => i))
  const ids = lengths.flatMap((n, i) => Array.from({ length: n }, () => i))
  const marks = {
    positions: given("time", [total], restarted, "i32").x,
    segments: given("time", [total], ids, "i32").x,
  }
  const row = parts(total)
  const numbers = Object.fromEntries(row.map((n, i) => [["q", "k", "v"][i]!, draw(i + 5, count(n.shape))]))
  const weights = tensor("ct", "batch time group share head", { ...sizes, time: total })
  const bound = { ...numbers, ct: draw(9, count(weights.shape)) }
  const turn = (xs: readonly [Node, Node, Node], place: Node): ReadonlyArray<Node> =>
    xs.map((x, i) => i === 2 ? x : rope(typed<K>(x), typed<I32<"time">>(place), "head"))
  const made = attention(turn(row, marks.positions), { causal: true, ...marks })
  const { pullback } = linearise([made], row)
  const packed = evaluated([made, ...pullback([weights])], bound)
  let from = 0
  for (const length of lengths) {
    const cut = (n: Node): Node => sliceAxis(n, "time", from, length)
    const own = row.map(cut) as unknown as readonly [Node, Node, Node]
    const alone = attention(turn(own, iota("time", length)), { causal: true })
    const back = linearise([alone], own).pullback([cut(weights)])
    const want = evaluated([alone, ...back], bound)
    want.forEach((list, i) => {
      const node = [alone, ...own][i]!
      const whole = input("whole", "f32", node.axes, node.axes.map((a) => a === "time" ? total : sizeOf(node, a)!))
      const got = evaluated([cut(whole)], { whole: packed[i]! })[0]!
      list.forEach((x, j) => assert.ok(Math.abs(x - got[j]!) <= 1e-12, `result ${i}[${j}]: ${got[j]}, not ${x}`))
    })
    from += length
  }
})

it("mapped over an axis it is each place alone, gradients included", () => {
  const mapped = { ...sizes, example: 3 }
  const q = tensor("q", "example batch time group share head", mapped)
  const k = tensor("k", "batch time group head", sizes)
  const v = tensor("v", "example batch time group head", mapped)
  const one = ({ q, v }: { readonly q: Q; readonly v: K }): { readonly out: Q; readonly dv: K } => {
    const f = (x: K): F32 => sum(square(attention([q, k, x], { causal: true })))
    return { out: attention([q, k, v], { causal: true }), dv: grad(f)(v) }
  }
  const all = vmap("example", one)({ q: typed<never>(q), v: typed<never>(v) })
  const bound = { q: draw(1, count(q.shape)), k: draw(2, count(k.shape)), v: draw(3, count(v.shape)) }
  const got = evaluated([all.out, all.dv] as ReadonlyArray<Node>, bound)
  const place = (n: Node, i: number): Node => {
    const cut = sliceAxis(n, "example", i, 1)
    return reshape(cut, cut.axes.slice(1), cut.shape.slice(1))
  }
  for (let i = 0; i < 3; i++) {
    const alone = one({ q: typed<Q>(place(q, i)), v: typed<K>(place(v, i)) })
    evaluated([alone.out, alone.dv], bound).forEach((list, r) => {
      list.forEach((x, j) => assert.ok(Math.abs(x - got[r]![i * list.length + j]!) <= 1e-12, `place ${i}, ${r}[${j}]`))
    })
  }
})

it("in the body of a scan it is the layers one after another", () => {
  const [q, k, v] = parts(5)
  const w = tensor("w", "layer", { layer: 3 })
  const step = (x: Node, by: Node): Node => attention([binary("mul", x, by), k, v], { causal: true, window: 4 })
  const looped = ([x, by]: ReadonlyArray<Node>): ReadonlyArray<Node> => [
    scan("layer", typed<F32<"layer">>(by!), typed<Q>(x!), (carry, one) => ({
      carry: typed<Q>(step(carry, align(one as Node, carry.axes, carry.shape))),
      out: {},
    })).carry,
  ]
  const plain = ([x, by]: ReadonlyArray<Node>): ReadonlyArray<Node> => [
    [0, 1, 2].reduce((carry, i) => {
      const one = reshape(sliceAxis(by!, "layer", i, 1), [], [])
      return step(carry, align(one, carry.axes, carry.shape))
    }, x!),
  ]
  const bound = Object.fromEntries([q, k, v, w].map((n, i) => [["q", "k", "v", "w"][i]!, draw(i + 1, count(n.shape))]))
  const [got, want] = [looped, plain].map((f) => {
    const { outputs, pullback } = linearise(f([q, w]), [q, w, k, v])
    return evaluated([...outputs, ...pullback([outputs[0]!])], bound)
  }) as unknown as readonly [ReadonlyArray<ReadonlyArray<number>>, ReadonlyArray<ReadonlyArray<number>>]
  want.forEach((list, r) =>
    list.forEach((x, j) => assert.ok(Math.abs(x - got[r]![j]!) <= 1e-12, `${r}[${j}]: ${got[r]![j]}, not ${x}`))
  )
})

it.run()
