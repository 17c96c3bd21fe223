/**
 * Functions whose programs any device must run as their graphs mean: gradients of rules that need special kernels,
 * second derivatives, recomputation, loops, maps and random numbers.
 * @module
 */
import * as build from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { customVjp, remat } from "../../../core/grad/custom.ts"
import { grad, valueAndGrad } from "../../../core/grad/grad.ts"
import { vmap } from "../../../core/grad/vmap.ts"
import { bernoulli, categorical, foldKey, normal, permutation, uniform } from "../../../core/random/random.ts"
import { bool, f32, u32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { typed } from "../../../core/tensor/tensor.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, exp, mul, tanh } from "../../../ops/elementwise.ts"
import { zeros } from "../../../ops/literal.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
import { softmax } from "../../../ops/softmax.ts"
import type { Tensors } from "../../../core/tensor/tree.ts"

/** A function and the specs of its inputs. */
export interface Case {
  readonly name: string
  /** Hands function and specs, whose types belong together, to whoever compiles or evaluates them. */
  readonly use: <R>(run: <const S>(f: (inputs: Tensors<S>) => unknown, specs: S) => R) => R
}

const of = <const S>(name: string, f: (inputs: Tensors<S>) => unknown, specs: S): Case => ({
  name,
  use: (run) => run(f, specs),
})

const whole = (node: Node): F32 => typed(build.reduce("sum", build.binary("mul", node, node), node.axes))

const rules: { readonly [name: string]: (x: Node) => Node } = {
  window: (x) => build.window(x, "a", "tap", 2, 2, 2),
  slice: (x) => build.sliceAxis(x, "a", 4, 2, -3),
  pad: (x) => build.padAxis(x, "b", 1, 2, 0, 1),
  concat: (x) => build.concat([x, build.unary("exp", x)], "a"),
  prod: (x) => build.reduce("prod", x, ["a", "b"]),
  max: (x) => build.reduce("max", x, ["b"]),
  "running product": (x) => build.cumulate("prod", x, "a"),
  "running maximum": (x) => build.cumulate("max", x, "a", true),
  "running sum": (x) => build.cumulate("sum", x, "b"),
  sort: (x) => build.gather(x, build.argsort(x, "a"), "a"),
  softmax: (x) => softmax(typed<F32<"a b">>(x), "b"),
}

const oneRule = ([name, rule]: readonly [string, (x: Node) => Node]): Case =>
  of(`gradient of ${name}`, ({ x }) => grad((v: typeof x) => whole(rule(v)))(x), { x: f32("a b", { a: 5, b: 3 }) })

/** Gradients, loops, maps and random numbers, each a function of its inputs. */
export const cases: ReadonlyArray<Case> = [
  ...Object.entries(rules).map(oneRule),
  of("second derivatives", ({ x, w }) => {
    const loss = (v: typeof x): F32 => sum(tanh(dot(exp(v), w, "a")), "b")
    return grad((v: typeof x) => whole(grad(loss)(v)))(x)
  }, { x: f32("a", { a: 4 }), w: f32("a b", { a: 4, b: 3 }) }),

  of(
    "zeros for what has no influence, equal gradients, a gradient that is an input",
    ({ x, w }) =>
      valueAndGrad((p: { x: F32<"a">; y: F32<"a">; z: F32<"a">; w: F32<"a"> }) =>
        add(sum(mul(p.x, x), "a"), sum(add(p.y, p.w), "a"))
      )({ x, y: w, z: w, w }),
    { x: f32("a", { a: 3 }), w: f32("a", { a: 3 }) },
  ),

  of("layers that are computed again, and rules of one's own", ({ x, w }) => {
    const layer = remat((p: { x: F32<"a">; w: F32<"a b"> }): F32<"a"> =>
      add(p.x, dot(tanh(dot(p.x, p.w, "a")), p.w, "b"))
    )
    const twice = customVjp((p: { x: F32<"a"> }) => mul(p.x, 2), (ct) => ({ x: mul(ct, 3) }))
    const loss = (p: { x: F32<"a">; w: F32<"a b"> }): F32 =>
      whole(layer({ x: layer({ x: twice({ x: layer(p) }), w: p.w }), w: p.w }))
    return valueAndGrad(loss)({ x, w })
  }, { x: f32("a", { a: 4 }), w: f32("a b", { a: 4, b: 3 }) }),

  of("a recurrent network: its loop, the gradient of it, and a loop in a loop", ({ x, w }) => {
    const loss = (weight: typeof w) => {
      const start = { h: zeros(f32("batch hidden", { batch: 2, hidden: 3 })) }
      const loop = scan("time", x, start, ({ h }, now) => {
        const inner = scan("in", { now, weight }, h, (c, each) => {
          const wide = build.binary("mul", build.align(each.now, ["batch", "hidden"], [2, 3]), 1)
          const next = tanh(add(c, mul(typed<F32<"batch hidden">>(wide), each.weight)))
          return { carry: next, out: next }
        })
        return { carry: { h: inner.carry }, out: sum(inner.out, "in") }
      })
      return { loss: add(whole(loop.carry.h), whole(loop.out)), aux: { states: loop.out } }
    }
    return valueAndGrad(loss)(w)
  }, { x: f32("batch time in", { batch: 2, time: 4, in: 3 }), w: f32("in hidden", { in: 3, hidden: 3 }) }),

  of("maps over places, gradients inside, over a loop too", ({ x, w }) => {
    const one = ({ x: v }: { x: F32<"time in"> }): F32<"in"> => {
      const loss = (p: F32<"in">): F32 =>
        scan("time", v, sum(mul(p, w), "in"), (c, row) => ({ carry: tanh(add(c, dot(row, p, "in"))), out: c })).carry
      return grad(loss)(w)
    }
    return vmap("batch", one)({ x })
  }, { x: f32("time batch in", { time: 3, batch: 2, in: 3 }), w: f32("in", { in: 3 }) }),

  of("random numbers: integers exactly, floats closely", ({ key, logits }) => ({
    uniform: uniform(key, f32("a b", { a: 7, b: 5 }), -1, 1),
    normal: normal(foldKey(key, 1), f32("a b", { a: 7, b: 5 })),
    mask: bernoulli(foldKey(key, 2), bool("a", { a: 9 }), 0.3),
    order: permutation(foldKey(key, 3), "a", 20),
    choice: categorical(foldKey(key, 4), logits, "k"),
    key: foldKey(key, 5),
  }), { key: u32("key", { key: 2 }), logits: f32("n k", { n: 6, k: 4 }) }),
]
