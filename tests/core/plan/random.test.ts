import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sentence } from "../../../core/graph/fault.ts"
import { fromJson, toJson } from "../../../core/graph/json.ts"
import { digest } from "../../../core/graph/digest.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { check } from "../../../core/graph/validity.ts"
import { compile } from "../../../core/plan/compile.ts"
import { rewrite } from "../../../core/rewrite/rewrite.ts"
import { type RandomGraph, randomGraph, withInputs } from "../graph/random.ts"
import { runOracle, values } from "./same.ts"

const it = suite("random graphs")

const given = (inputs: ReadonlyArray<Node>): { readonly [name: string]: ReadonlyArray<number> } =>
  Object.fromEntries(inputs.map((n, i) => [n.op.tag === "input" ? n.op.name : "", values(n as never, i + 1)]))

const meaning = ({ inputs, roots }: RandomGraph): ReadonlyArray<ReadonlyArray<number>> => {
  const got = evaluate(roots, given(inputs))
  if (E.isLeft(got)) throw new Error(got.left.map(sentence).join("\n"))
  return got.right.map((v) => Array.from(v.data))
}

const alike = (graph: RandomGraph, got: ReadonlyArray<ReadonlyArray<number>>): void => {
  const want = meaning(graph)
  for (const [k, list] of want.entries()) {
    const scale = list.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
    const bad = list.findIndex((x, i) =>
      !(Object.is(x, got[k]![i]) || Math.abs(x - got[k]![i]!) <= 1e-6 * scale || x === got[k]![i])
    )
    assert.is(bad, -1, `root ${k}, element ${bad}: expected ${list[bad]}, got ${got[k]![bad]}`)
  }
}

it("are valid, and come back from JSON with the same digest", () => {
  fc.assert(
    fc.property(randomGraph(300), ({ roots }) => {
      assert.equal(check(roots).map(sentence), [])
      const json = toJson(roots)
      const again = fromJson(JSON.parse(JSON.stringify(E.isRight(json) ? json.right : json.left)))
      assert.is(E.isRight(again) ? digest(again.right) : "refused", digest(roots))
    }),
    { seed: 31, numRuns: 100, endOnFailure: true },
  )
})

it("mean the same after rewriting, and are valid", () => {
  fc.assert(
    fc.property(randomGraph(300), (graph) => {
      const roots = rewrite(graph.roots)
      assert.equal(check(roots).map(sentence), [])
      alike(graph, meaning({ ...graph, roots }))
    }),
    { seed: 32, numRuns: 150, endOnFailure: true },
  )
})

it("mean the same as compiled programs", async () => {
  await fc.assert(
    fc.asyncProperty(randomGraph(300), async (graph) => {
      const inputs = Object.fromEntries(graph.inputs.map((n) => [n.op.tag === "input" ? n.op.name : "", n]))
      const bound = (tree: { readonly [name: string]: Node }): ReadonlyArray<Node> => withInputs(graph.roots, tree)
      const compiled = compile((tree) => bound(tree as never), inputs)
      if (E.isLeft(compiled)) throw new Error(compiled.left.map(sentence).join("\n"))
      const all = given(graph.inputs)
      const { program } = compiled.right
      const got = await runOracle(program, program.inputs.map((s) => all[s.path]!))
      alike(graph, program.outputs.map((_, i) => got[i]!))
    }),
    { seed: 33, numRuns: 100, endOnFailure: true },
  )
})

it.run()
