import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compile } from "../../../core/plan/compile.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { add, exp } from "../../../ops/elementwise.ts"

const it = suite("plan: faults")

const faults = (e: E.Either<ReadonlyArray<{ readonly op: string; readonly message: string }>, unknown>) =>
  E.isLeft(e) ? e.left.map((f) => `${f.op}: ${f.message}`) : []

const n = f32("n", { n: 2 })

it("two leaves do not share a path", () => {
  assert.equal(faults(compile((t) => add(t["a.b"], t.a.b), { "a.b": n, a: { b: n } })), [
    "compile: two inputs have the path 'a.b'; rename a key with a point in it",
  ])
  assert.equal(faults(compile((t) => ({ "a.b": exp(t.x), a: { b: t.x } }), { x: n })), [
    "compile: two outputs have the path 'a.b'; rename a key with a point in it",
  ])
})

it("a size that is not given is told once", () => {
  assert.equal(faults(compile((t) => exp(add(t.x, 1)), { x: f32("n", {} as { n: number }) })), [
    "input x: axis 'n' has the size NaN; a size is a whole number, 0 or more",
  ])
})

it.run()
