import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Spread } from "../../core/mesh/shape.ts"
import { compileOn, type Where } from "../../core/mesh/spmd.ts"
import { f32, type Spec } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { blockwiseAttention } from "../../ops/attention.ts"
import { allGather, allReduce, broadcastFrom, reduceScatter, ringPermute } from "../../ops/collective.ts"
import { sum } from "../../ops/reduction.ts"
import { ringAttention } from "../../ops/ring.ts"
import { runOracle } from "../core/plan/same.ts"

const it = suite("ops/collective")

const spread: Spread = { shape: { data: 1, ring: 4 }, map: { time: "ring" }, layout: "contiguous" }
const ring = { over: "ring", ranks: 4 }
const specs: { readonly x: Spec<"f32", ["time", "head"]> } = { x: f32("time head", { time: 8, head: 2 }) }
type X = F32<"time head">

const numbers = Array.from({ length: 16 }, (_, i) => i + 1)
const run = async (f: (given: { readonly x: X }) => unknown): Promise<ReadonlyArray<number>> => {
  const compiled = compileOn(spread, "local", f, specs)
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  return (await runOracle(compiled.right.program, [numbers]))[0]!
}

it("each gives what it says", async () => {
  assert.equal(await run(({ x }) => ({ y: ringPermute(x, ring, 1) })), [...numbers.slice(12), ...numbers.slice(0, 12)])
  assert.equal(await run(({ x }) => ({ y: allReduce(sum(x), ring) })), [136])
  assert.equal(await run(({ x }) => ({ y: allReduce(sum(x), ring, "max") })), [58])
  assert.equal(await run(({ x }) => ({ y: allGather(sum(x), ring, "rank") })), [10, 26, 42, 58])
  assert.equal(await run(({ x }) => ({ y: allReduce(reduceScatter(allGather(sum(x), ring, "rank"), ring), ring) })), [
    544,
  ])
  assert.equal(await run(({ x }) => ({ y: broadcastFrom(sum(x), ring, 2) })), [42])
})

const said = (f: (given: { readonly x: X }) => unknown, on: Spread = spread, where: Where = "local"): string => {
  const compiled = compileOn(on, where, f, specs)
  return E.isLeft(compiled) ? compiled.left[0]!.message : "nothing"
}

it("a collective that is not of the mesh is a fault that says what the mesh has", () => {
  for (const where of ["local", "processes"] as const) {
    const of = (a: unknown): string => said(({ x }) => ({ y: allReduce(sum(x), a as typeof ring) }), spread, where)
    assert.match(of({ over: "ring", ranks: 3 }), "is among 3 ranks over 'ring', where the mesh has 4; give that number")
    assert.match(of({ over: "rows", ranks: 4 }), "is among ranks over 'rows', but the mesh has data 1, ring 4")
    assert.match(of(undefined), "give axes of the mesh and ranks")
  }
})

it("a ring of another size, and attention that sees one rank's keys only, are faults", () => {
  const attend = (x: X, ranks: number): X => ringAttention(x, x, x, { ranks })
  assert.match(said(({ x }) => ({ y: attend(x, 3) })), "among 3 ranks over 'ring', where the mesh has 4")
  assert.match(said(({ x }) => ({ y: blockwiseAttention(x, x, x) })), "sees only one rank's keys; use ringAttention")
  assert.match(said(({ x }) => ({ y: attend(x, 1) })), "sees only one rank's keys; use ringAttention")
  assert.is(said(({ x }) => ({ y: attend(x, 4) })), "nothing")
})

it("what compileOn is given is looked at before it is believed", () => {
  const f = ({ x }: { readonly x: X }): unknown => ({ y: x })
  assert.match(said(f, null as unknown as Spread), "the mesh is ")
  assert.match(said(f, { ...spread, map: undefined } as unknown as Spread), "give its shape, map and layout")
  assert.match(said(f, spread, "lokal" as Where), "the ranks are 'lokal'; expected 'local' or 'processes'")
  assert.match(said(f, { ...spread, map: { tiem: "ring" } }), "'tiem' is mapped to 'ring', but no input has that axis")
})

it.run()
