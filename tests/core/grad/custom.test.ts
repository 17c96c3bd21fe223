import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as build from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { topological } from "../../../core/graph/node.ts"
import { customVjp, remat, stopGradient } from "../../../core/grad/custom.ts"
import { grad, valueAndGrad } from "../../../core/grad/grad.ts"
import type { F32, I32 } from "../../../core/tensor/tensor.ts"
import { typed } from "../../../core/tensor/tensor.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, exp, mul, round, tanh } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
import { agrees, draw, tensor, values } from "./difference.ts"

const it = suite("customVjp, remat, stopGradient")

const number = (name: string): F32 => typed(tensor(name, "", {}))

it("stopGradient passes the value and nothing back", () => {
  const x = number("x")
  const { value, gradient } = valueAndGrad((v: F32) => mul(v, stopGradient(mul(v, v))))(x)
  assert.equal(values([value, gradient], { x: [3] }), [[27], [9]])
})

it("customVjp: straight through a rounding, with the value and the inputs at hand", () => {
  const through = customVjp((p: { x: F32 }) => round(p.x), (ct) => ({ x: ct }))
  const g = grad((x: F32) => mul(through({ x }), 3))(number("x"))
  assert.equal(values([g], { x: [1.4] }), [[3]])
  const seen = customVjp(
    (p: { x: F32; y: F32 }) => mul(p.x, p.y),
    (ct, value, p) => ({ x: mul(ct, add(value, p.y)), y: mul(ct, 0) }),
  )
  const h = grad((p: { x: F32; y: F32 }) => seen(p))({ x: number("x"), y: number("y") })
  assert.equal(values([h.x, h.y], { x: [2], y: [5] }), [[15], [0]])
})

it("the second derivative of a custom rule is the derivative of the rule", () => {
  const cube = customVjp((p: { x: F32 }) => mul(p.x, mul(p.x, p.x)), (ct, _v, p) => ({ x: mul(ct, mul(p.x, 10)) }))
  const second = grad(grad((x: F32) => cube({ x })))(number("x"))
  assert.equal(values([second], { x: [7] }), [[10]])
})

const block = (p: { x: F32<"a">; w: F32<"a b"> }): F32<"a"> => {
  const hidden = tanh(dot(p.x, p.w, "a"))
  return add(p.x, dot(exp(mul(hidden, hidden)), p.w, "b"))
}

const sizes = { a: 3, b: 2 }
const inputs = [tensor("x", "a", sizes), tensor("w", "a b", sizes)]
const given = [draw(1, 3, -0.5, 0.5), draw(2, 6, -0.5, 0.5)]
const bound = { x: given[0]!, w: given[1]! }

const chain = (layer: typeof block) => (p: { x: F32<"a">; w: F32<"a b"> }): F32 =>
  sum(layer({ x: layer(p), w: p.w }), "a")

it("remat = no remat, first and second derivatives", () => {
  const p = { x: typed<F32<"a">>(inputs[0]!), w: typed<F32<"a b">>(inputs[1]!) }
  const [plain, again] = [grad(chain(block))(p), grad(chain(remat(block)))(p)]
  const [got, wanted] = [values([again.x, again.w], bound).flat(), values([plain.x, plain.w], bound).flat()]
  got.forEach((v, i) => assert.ok(Math.abs(v - wanted[i]!) < 1e-12))
  agrees(
    ([x, w]) => {
      const g = grad(chain(remat(block)))({ x: typed(x!), w: typed(w!) })
      return [g.x, g.w]
    },
    inputs,
    given,
    1e-5,
  )
})

it("what remat computes again waits for the cotangent", () => {
  const p = { x: typed<F32<"a">>(inputs[0]!), w: typed<F32<"a b">>(inputs[1]!) }
  const { value, gradient } = valueAndGrad(chain(remat(block)))(p)
  const forward = new Set(topological([value]))
  const after = topological([gradient.x, gradient.w])
  const tanhs = (nodes: Iterable<Node>): ReadonlyArray<Node> =>
    [...nodes].filter((n) => n.op.tag === "unary" && n.op.fn === "tanh")
  assert.is(tanhs(forward).length, 2)
  const late = tanhs(after).filter((n) => !forward.has(n))
  assert.is(late.length, 2)
  for (const node of late) assert.ok(topological([node]).some((n) => n.op.tag === "barrier"))
  const kept = after.filter((n) => n.op.tag === "barrier").map((n) => n.args[0]!)
  assert.not.ok(kept.some((n) => tanhs([n]).length > 0), "a value from inside the region is kept")
})

it("remat: captured floats have gradients, captured integers stay", () => {
  const index = build.data("i32", ["k"], [3], Int32Array.of(1, 0, 1))
  agrees(
    ([x, w]) => {
      const scaled = build.binary("mul", w!, w!)
      const picked = remat((y: F32<"a">): F32<"k"> =>
        typed(build.gather(exp(dot(y, typed<F32<"a b">>(scaled), "a")), index, "b"))
      )
      return [picked(typed(x!))]
    },
    inputs,
    given,
  )
})

it("remat and customVjp inside a loop", () => {
  const own = customVjp((p: { x: F32; w: F32 }) => mul(p.x, exp(p.w)), (ct, value, p) => ({
    x: mul(ct, exp(p.w)),
    w: mul(ct, value),
  }))
  agrees(
    ([x, w]) => {
      const weight: F32 = typed(build.reduce("sum", w!, ["a", "b"]))
      const index: I32 = typed(build.cast(build.reduce("sum", x!, ["a"]), "i32"))
      const shifted: F32<"a"> = typed(build.binary("add", x!, build.cast(index, "f32")))
      const layer = remat((p: { c: F32; x: F32 }) => tanh(add(mul(p.c, weight), own({ x: p.x, w: weight }))))
      const loop = scan("a", shifted, weight, (c, each) => {
        const next = layer({ c, x: each })
        return { carry: next, out: next }
      })
      return [loop.carry, loop.out]
    },
    inputs,
    given,
  )
})

it.run()
