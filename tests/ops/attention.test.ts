import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { linearise } from "../../core/grad/linearise.ts"
import { nothing } from "../../core/graph/attention.ts"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import type { Value } from "../../core/graph/value.ts"
import { check } from "../../core/graph/validity.ts"
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

it.run()
