import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import * as build from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { count, topological } from "../../../core/graph/node.ts"
import type { Scalar } from "../../../core/grad/grad.ts"
import { grad, valueAndGrad, vjp } from "../../../core/grad/grad.ts"
import type { AnyTensor, F32, I32 } from "../../../core/tensor/tensor.ts"
import { typed } from "../../../core/tensor/tensor.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, exp, log, mul, pow, sin, tanh } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
import { softmax } from "../../../ops/softmax.ts"
import { agrees, draw, tensor, values } from "./difference.ts"

const it = suite("grad, valueAndGrad, vjp")

const number = (name: string): F32 => typed(tensor(name, "", {}))
const vector = (name: string, n: number): F32<"a"> => typed(tensor(name, "a", { a: n }))
const one = (x: AnyTensor, inputs: { readonly [name: string]: ReadonlyArray<number> }): ReadonlyArray<number> =>
  values([x], inputs)[0]!

it("gradients have the tree of the first argument; further arguments are constant", () => {
  const params = { layers: [{ w: vector("w", 2) }, { w: vector("v", 2) }] as const, b: number("b") }
  const f = (p: typeof params, scale: F32): F32 =>
    add(mul(sum(mul(p.layers[0].w, p.layers[1].w), "a"), scale), mul(p.b, p.b))
  const { value, gradient } = valueAndGrad(f)(params, number("s"))
  const inputs = { w: [1, 2], v: [3, 4], b: [5], s: [10] }
  assert.equal(one(value, inputs), [135])
  assert.equal(one(gradient.layers[0].w, inputs), [30, 40])
  assert.equal(one(gradient.layers[1].w, inputs), [10, 20])
  assert.equal(one(gradient.b, inputs), [10])
})

it("passes other results through", () => {
  const f = (x: F32) => {
    const y = mul(x, x)
    return { loss: y, aux: { same: y, twice: add(y, y), count: typed<I32>(build.constant("i32", 7)) } }
  }
  const { value, gradient } = valueAndGrad(f)(number("x"))
  const got = values([value.loss, value.aux.twice, value.aux.count, gradient], { x: [3] })
  assert.equal(got, [[9], [18], [7], [6]])
})

it("gives zeros for what has no influence", () => {
  const g = grad((p: { x: F32; y: F32<"a"> }) => mul(p.x, 2))({ x: number("x"), y: vector("y", 3) })
  assert.equal(values([g.x, g.y], { x: [1], y: [1, 2, 3] }), [[2], [0, 0, 0]])
})

it("captured tensors are constant, even the argument itself; equal leaves are different variables", () => {
  const x = number("x")
  assert.equal(one(grad((y: F32) => mul(y, x))(x), { x: [5] }), [5])
  const g = grad((p: { a: F32; b: F32 }) => mul(p.a, mul(p.b, p.b)))({ a: x, b: x })
  assert.equal(values([g.a, g.b], { x: [3] }), [[9], [18]])
  const inner = mul(x, 2)
  const h = grad((p: { a: F32; b: F32 }) => mul(p.a, p.b))({ a: inner, b: x })
  assert.equal(values([h.a, h.b], { x: [3] }), [[3], [6]])
})

it("vjp pulls cotangents of trees back", () => {
  const { value, pullback } = vjp(
    (p: { x: F32<"a">; y: F32 }) => ({ scaled: mul(p.x, p.y), whole: [sum(p.x, "a")] as const }),
    { x: vector("x", 2), y: number("y") },
  )
  const back = pullback({ scaled: vector("c", 2), whole: [number("d")] })
  const inputs = { x: [1, 2], y: [3], c: [10, 20], d: [100] }
  assert.equal(values([value.scaled, value.whole[0], back.x, back.y], inputs), [[3, 6], [3], [130, 160], [50]])
})

it("faults: a loss with axes, a leaf that is no float", () => {
  const wide = grad((x: F32<"a">) => mul(x, x) as unknown as Scalar)(vector("x", 2))
  const first = evaluate([wide as Node], { x: [1, 2] })
  assert.ok(E.isLeft(first) && first.left.some((f) => f._tag === "RuleFault" && /\[a\]/.test(f.message)))
  const n: I32 = typed(build.input("n", "i32", [], []))
  const mixed = grad((p: { x: F32; n: I32 }) => p.x)({ x: number("x"), n })
  const second = evaluate([mixed.n as Node], { x: [1], n: [1] })
  assert.ok(E.isLeft(second) && second.left[0]!._tag === "DTypeFault" && /'n' is i32/.test(second.left[0]!.message))
})

it("second and third derivatives", () => {
  const f = (x: F32): F32 => mul(sin(x), exp(x))
  const x = number("x")
  const [d1, d2, d3] = [grad(f)(x), grad(grad(f))(x), grad(grad(grad(f)))(x)]
  const [s, c, e] = [Math.sin(0.3), Math.cos(0.3), Math.exp(0.3)]
  const wanted = [e * (s + c), 2 * e * c, 2 * e * (c - s)]
  values([d1, d2, d3], { x: [0.3] }).forEach(([v], i) => assert.ok(Math.abs(v! - wanted[i]!) < 1e-12))
})

it("second derivatives by differences: products, softmax, powers, loops", () => {
  const inputs = [tensor("x", "a", { a: 3 }), tensor("w", "a", { a: 3 })]
  const given = [draw(1, 3, 0.5, 1.5), draw(2, 3, 0.5, 1.5)]
  const loss = (p: { x: F32<"a">; w: F32<"a"> }): F32 => {
    const soft = dot(softmax(mul(p.x, p.w), "a"), pow(p.x, 3), "a")
    const loop = scan("a", p, soft, (c, { x, w }) => ({ carry: tanh(add(mul(c, w), x)), out: mul(c, log(x)) }))
    const product: F32 = typed(build.reduce("prod", p.x, ["a"]))
    return add(add(loop.carry, sum(loop.out, "a")), product)
  }
  agrees(
    ([x, w]) => {
      const g = grad(loss)({ x: typed(x!), w: typed(w!) })
      return [g.x, g.w]
    },
    inputs,
    given,
    1e-5,
  )
})

it("deep graphs: 5,000 ops, without recursion and with few nodes", () => {
  const x = number("x")
  const f = (start: F32): F32 => Array.from({ length: 5000 }).reduce<F32>((y) => mul(y, 1.0001), start)
  const g = grad(f)(x)
  assert.ok(Math.abs(one(g, { x: [2] })[0]! - 1.0001 ** 5000) < 1e-9)
  assert.ok(topological([g]).length < 11000)
})

it("gradient graphs stay small: sums of squares of a product", () => {
  const [x, w] = [typed<F32<"b i">>(tensor("x", "b i", { b: 2, i: 3 })), tensor("w", "i o", { i: 3, o: 2 })]
  const f = (weight: F32<"i o">): F32 => {
    const y = tanh(dot(x, weight, "i"))
    return sum(mul(y, y), "b o")
  }
  const { value, gradient } = valueAndGrad(f)(typed(w))
  assert.is(count(gradient.shape), 6)
  assert.ok(topological([value, gradient]).length <= 22, `${topological([value, gradient]).length} nodes`)
})

it.run()
