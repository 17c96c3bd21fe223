/** Partial attention is a monoid, and folding any cut of the keys is attention over all of them. */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { linearise } from "../../core/grad/linearise.ts"
import { nothing as lowest } from "../../core/graph/attention.ts"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { f32 } from "../../core/tensor/spec.ts"
import { type F32, type I32, typed } from "../../core/tensor/tensor.ts"
import { attentionWithLogSumExp } from "../../ops/attention.ts"
import { add } from "../../ops/elementwise.ts"
import { iota } from "../../ops/literal.ts"
import { slice, stack } from "../../ops/movement.ts"
import { attend, finish, merge, mergeOver, nothing, ofFinished, type PartialAttention } from "../../ops/partial.ts"
import { values } from "../core/plan/same.ts"
import { given } from "./values.ts"

const it = suite("partial attention")

type P = PartialAttention<["row", "head"], ["row"]>
type Rows = readonly [max: Node, sum: Node, weighted: Node]

const [rows, width] = [3, 2]
const parts = ({ max, sum, weighted }: P): Rows => [max, sum, weighted]
const evaluated = (nodes: ReadonlyArray<Node>, inputs = {}): ReadonlyArray<ReadonlyArray<number>> => {
  const found = evaluate(nodes, inputs)
  if (E.isLeft(found)) throw new Error(found.left.map((f) => f.message).join("\n"))
  return found.right.map((v) => [...v.data])
}

/** What is seen: scores and values of some keys, for each row. Scores overflow exp if nothing is subtracted. */
type Keys = ReadonlyArray<ReadonlyArray<{ readonly score: number; readonly value: ReadonlyArray<number> }>>
const number = (most: number): fc.Arbitrary<number> => fc.double({ min: -most, max: most, noNaN: true })
const keys: fc.Arbitrary<Keys> = fc.array(
  fc.array(
    fc.record({
      score: fc.oneof(number(4), number(4), number(3000)),
      value: fc.array(number(3), { minLength: width, maxLength: width }),
    }),
    { maxLength: 4 },
  ),
  { minLength: rows, maxLength: rows },
)

/** The definition. */
const partialOf = (all: Keys): P => {
  const tops = all.map((row) => row.reduce((m, { score }) => Math.max(m, score), lowest))
  const weight = (row: number, score: number): number => Math.exp(score - tops[row]!)
  return {
    max: given("row", [rows], tops).x,
    sum: given("row", [rows], all.map((row, i) => row.reduce((s, { score }) => s + weight(i, score), 0))).x,
    weighted: given(
      "row head",
      [rows, width],
      all.flatMap((row, i) =>
        Array.from(
          { length: width },
          (_, d) => row.reduce((s, { score, value }) => s + weight(i, score) * value[d]!, 0),
        )
      ),
    ).x,
  }
}

const close = (got: ReadonlyArray<Node>, want: ReadonlyArray<Node>, bound = 1e-12): void => {
  const [a, b] = [evaluated(got), evaluated(want)]
  a.forEach((list, i) =>
    list.forEach((x, j) => {
      assert.ok(Number.isFinite(x), `${x} is not finite`)
      const room = bound * Math.max(1, Math.abs(b[i]![j]!))
      assert.ok(Math.abs(x - b[i]![j]!) <= room, `part ${i}[${j}]: ${x}, not ${b[i]![j]}`)
    })
  )
}
const all = (
  arbitrary: fc.Arbitrary<ReadonlyArray<Keys>>,
  law: (ps: ReadonlyArray<P>, ks: ReadonlyArray<Keys>) => void,
) =>
  fc.assert(fc.property(arbitrary, (ks) => law(ks.map(partialOf), ks)), {
    numRuns: 60,
    seed: 5,
    includeErrorInReport: true,
  })
const some = (n: number): fc.Arbitrary<ReadonlyArray<Keys>> => fc.array(keys, { minLength: n, maxLength: n })
const identity: P = nothing(f32("row head", { row: rows, head: width }))

it("merge is associative", () =>
  all(some(3), ([x, y, z]) => close(parts(merge(merge(x!, y!), z!)), parts(merge(x!, merge(y!, z!))))))

it("nothing is its identity, exactly, on either side and with itself", () => {
  all(some(1), ([x]) => {
    close(parts(merge(identity, x!)), parts(x!), 0)
    close(parts(merge(x!, identity)), parts(x!), 0)
  })
  close(parts(merge(identity, identity)), parts(identity), 0)
  const none = finish(merge(identity, identity))
  assert.equal(evaluated([none.out, none.logSumExp]), [[0, 0, 0, 0, 0, 0], [lowest, lowest, lowest]])
})

it("the order does not matter", () =>
  all(some(3), ([x, y, z]) => {
    close(parts(merge(x!, y!)), parts(merge(y!, x!)))
    close(parts(merge(merge(x!, y!), z!)), parts(merge(merge(z!, x!), y!)))
  }))

it("merging partials is the partial of all keys, at once or one by one", () =>
  all(some(3), (ps, ks) => {
    const [x, y, z] = ps as readonly [P, P, P]
    const whole = finish(partialOf(ks[0]!.map((_, i) => ks.flatMap((k) => k[i]!))))
    const one = finish(merge(merge(x, y), z))
    const over = finish(mergeOver(
      {
        max: stack([x.max, y.max, z.max], "split"),
        sum: stack([x.sum, y.sum, z.sum], "split"),
        weighted: stack([x.weighted, y.weighted, z.weighted], "split"),
      },
      "split",
    ))
    close([one.out, one.logSumExp], [whole.out, whole.logSumExp])
    close([over.out, over.logSumExp], [whole.out, whole.logSumExp])
  }))

it("a finished result is the partial of its log-sum-exp", () =>
  all(some(2), ([x, y]) => {
    const [again, plain] = [finish(ofFinished(finish(x!))), finish(x!)]
    close([again.out, again.logSumExp], [plain.out, plain.logSumExp])
    const [mixed, both] = [finish(merge(ofFinished(finish(x!)), ofFinished(finish(y!)))), finish(merge(x!, y!))]
    close([mixed.out, mixed.logSumExp], [both.out, both.logSumExp])
  }))

type Q = F32<"batch time group share head">
type K = F32<"batch time group head">
const sizes = { batch: 2, time: 7, group: 2, share: 2, head: 3 }
const named = (name: string, axes: ReadonlyArray<string>): Node =>
  input(name, "f32", axes, axes.map((a) => (sizes as { readonly [axis: string]: number })[a]!))
const q = typed<Q>(named("q", ["batch", "time", "group", "share", "head"]))
const [k, v] = ["k", "v"].map((n) => typed<K>(named(n, ["batch", "time", "group", "head"]))) as unknown as readonly [
  K,
  K,
]
const place: I32<"time"> = iota("time", 7)
const bound = Object.fromEntries([q, k, v].map((n, i) => [["q", "k", "v"][i]!, values(n, i + 1)]))

/** Keys from one place to another; the first query sees only the first key, so that some pieces are not seen at all. */
const piece = (from: number, to: number): PartialAttention<Q["axes"], ["batch", "time", "group", "share"]> =>
  attend(q, slice(k, "time", from, to), slice(v, "time", from, to), {
    causal: true,
    positions: { query: place, key: slice(place, "time", from, to) },
  })

it("any cut of the keys folds to the whole, forward and gradients", () => {
  const whole = attentionWithLogSumExp(q, k, v, { causal: true })
  const cut = fc.uniqueArray(fc.integer({ min: 1, max: 6 })).map((at) => [0, ...at.sort((a, b) => a - b), 7])
  fc.assert(
    fc.property(cut, fc.boolean(), (at, backwards) => {
      const pieces = at.slice(1).map((to, i) => piece(at[i]!, to))
      const made = finish((backwards ? [...pieces].reverse() : pieces).reduce((x, y) => merge(x, y)))
      const [got, want] = [made, whole].map((f) => {
        const { outputs, pullback } = linearise([f.out, f.logSumExp], [q, k, v])
        const cts = outputs.map((o, i) => input(`ct${i}`, "f32", o.axes, o.shape))
        const cotangents = Object.fromEntries(cts.map((c, i) => [`ct${i}`, values(typed(c), 50 + i)]))
        return evaluated([...outputs, ...pullback(cts)], { ...bound, ...cotangents })
      }) as unknown as readonly [ReadonlyArray<ReadonlyArray<number>>, ReadonlyArray<ReadonlyArray<number>>]
      got.forEach((list, i) =>
        list.forEach((x, j) => assert.ok(Math.abs(x - want[i]![j]!) <= 1e-12, `${i}[${j}]: ${x}, not ${want[i]![j]}`))
      )
    }),
    { numRuns: 12, seed: 8, includeErrorInReport: true },
  )
})

it("halves give partials in f32, and what is no partial is a fault", () => {
  const half = typed<F32<"time head">>(input("h", "f16", ["time", "head"], [3, 2]))
  assert.is(attend(half, half, half).weighted.dtype, "f32")
  const wrong = merge(undefined as never, identity as never)
  assert.ok(faultsOf([wrong.sum]).some((f) => f.message.includes("takes a tensor, got undefined")))
  const odd = merge(identity, { ...identity, sum: add(given("row", [2], [1, 2]).x, 0) as never })
  assert.match(faultsOf([odd.sum])[0]!.message, "axis 'row' is")
})

it.run()
