import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { remat } from "../../../core/grad/custom.ts"
import { grad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import { freeEarly, type Step } from "../../../core/plan/order.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, mul, tanh } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"

const it = suite("plan: order")

const node = (size: number): Node => input("n", "f32", ["a"], [size])

const step = (makes: ReadonlyArray<Node>, ...needs: ReadonlyArray<Node>): Step => ({ makes, needs: new Set(needs) })

it("what frees more than it makes runs as soon as it can, all else stays in order", () => {
  const [large, chain, small, wide, end, result] = [100, 100, 10, 100, 10, 10].map(node) as [
    Node,
    Node,
    Node,
    Node,
    Node,
    Node,
  ]
  const steps = [
    step([large]),
    step([chain], large),
    step([small], chain),
    step([wide], small),
    step([end], wide),
    step([result], large, chain),
  ]
  const before = (s: Step) => steps.filter((b) => b.makes.some((n) => s.needs.has(n)))
  const order = freeEarly(steps, before).map((s) => steps.indexOf(s))
  assert.equal(order, [0, 1, 5, 2, 3, 4])
})

it("gradients of weights free the activations that they read: memory does not grow with depth under remat", () => {
  const layer = (p: { x: F32<"batch model">; w: F32<"model hidden">; v: F32<"hidden model"> }): F32<"batch model"> =>
    add(p.x, dot(tanh(dot(p.x, p.w, "model")), p.v, "hidden"))
  const arena = (depth: number, each: typeof layer): number => {
    const sizes = { batch: 32, model: 4, hidden: 64 }
    const of = <T>(make: () => T): ReadonlyArray<T> => Array.from({ length: depth }, make)
    const specs = {
      x: f32("batch model", sizes),
      w: of(() => f32("model hidden", sizes)),
      v: of(() => f32("hidden model", sizes)),
    }
    const compiled = compile(({ x, w, v }) => {
      const loss = (p: { w: typeof w; v: typeof v }): F32 => {
        const end = p.w.reduce<F32<"batch model">>((h, weight, i) => each({ x: h, w: weight, v: p.v[i]! }), x)
        return sum(mul(end, end), "batch model")
      }
      return grad(loss)({ w, v })
    }, specs)
    if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
    return compiled.right.program.arena
  }
  const hidden = 32 * 64 * 4
  assert.ok(arena(8, layer) - arena(4, layer) >= 4 * hidden)
  assert.ok(arena(8, layer) <= 14 * hidden, `${arena(8, layer)}`)
  assert.ok(arena(8, remat(layer)) - arena(4, remat(layer)) < hidden)
})

it.run()
