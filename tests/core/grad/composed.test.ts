import { suite } from "uvu"
import * as assert from "uvu/assert"
import { typed } from "../../../core/tensor/tensor.ts"
import type { BF16, F32, I32 } from "../../../core/tensor/tensor.ts"
import * as build from "../../../core/graph/build.ts"
import { align, binary, data, iota } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { count, sizeOf } from "../../../core/graph/node.ts"
import { grad, vjp } from "../../../core/grad/grad.ts"
import { dot } from "../../../ops/contraction.ts"
import { convolve } from "../../../ops/convolution.ts"
import { gelu, silu } from "../../../ops/activation.ts"
import { add, mul, tanh } from "../../../ops/elementwise.ts"
import { full } from "../../../ops/literal.ts"
import { crossEntropy } from "../../../ops/loss.ts"
import { rename } from "../../../ops/movement.ts"
import { layerNorm, rmsNorm } from "../../../ops/norm.ts"
import { logsumexp } from "../../../ops/reduction.ts"
import { rope } from "../../../ops/rope.ts"
import { scan } from "../../../ops/scan.ts"
import { logSoftmax, softmax } from "../../../ops/softmax.ts"
import { cumsum, topK } from "../../../ops/sorting.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { agrees, always, draw, shapes, tensor, values } from "./difference.ts"

const it = suite("gradients of composed functions")

it("softmax, log-softmax, logsumexp", () => {
  always(shapes("a b c"), ([sizes, seed]) => {
    const x = tensor("x", "a b c", sizes)
    agrees(
      ([v]) => {
        const t: F32<"a b c"> = typed(v!)
        return [softmax(t, "b"), logSoftmax(t, "c a"), logsumexp(t, "a")]
      },
      [x],
      [draw(seed, count(x.shape))],
    )
  }, 6)
})

it("norms", () => {
  always(shapes("a m"), ([sizes, seed]) => {
    const inputs = [tensor("x", "a m", sizes), tensor("w", "m", sizes), tensor("b", "m", sizes)]
    const given = inputs.map((x, i) => draw(seed + i, count(x.shape)))
    agrees(
      ([x, w, b]) => {
        const [v, weight, bias] = [typed<F32<"a m">>(x!), typed<F32<"m">>(w!), typed<F32<"m">>(b!)]
        return [rmsNorm(v, weight, "m", 1e-2), layerNorm(v, weight, bias, "m", 1e-1)]
      },
      inputs,
      given,
    )
  }, 6)
})

it("activations and cross entropy", () => {
  always(shapes("t v"), ([sizes, seed]) => {
    const x = tensor("x", "t v", sizes)
    const targets: I32<"t"> = typed(
      data("i32", ["t"], [sizes["t"]!], Int32Array.from({ length: sizes["t"]! }, (_, i) => (seed + i) % sizes["v"]!)),
    )
    agrees(
      ([v]) => {
        const t: F32<"t v"> = typed(v!)
        return [crossEntropy(t, targets, "v"), gelu(t), silu(t)]
      },
      [x],
      [draw(seed, count(x.shape))],
    )
  }, 6)
})

/** softmax(q k / 2 + mask) v with the causal mask. */
const attention = (
  q: F32<"time heads width">,
  k: F32<"time heads width">,
  v: F32<"time heads width">,
): F32<"time heads width"> => {
  const n = sizeOf(q, "time")!
  const scores = mul(dot(q, rename(k, { time: "key" }), "width"), 0.5)
  const wide = (place: Node): Node => align(place, ["time", "key"], [n, n])
  const seen = binary("ge", wide(iota("time", n)), wide(iota("key", n)))
  const masked: F32<"time heads key"> = typed(build.select(seen, scores, -1e9))
  return dot(softmax(masked, "key"), rename(v, { time: "key" }), "key")
}

it("causal attention of several heads", () => {
  const sizes = { time: 4, heads: 2, width: 3 }
  const inputs = ["q", "k", "v"].map((name) => tensor(name, "time heads width", sizes))
  const given = inputs.map((x, i) => draw(i + 1, count(x.shape)))
  agrees(([q, k, v]) => [attention(typed(q!), typed(k!), typed(v!))], inputs, given)
})

it("attention and its gradients have the golden numbers", () => {
  const sizes = { time: 8, heads: 2, width: 4 }
  const [q, k, v] = ["q", "k", "v"].map((n) => typed(tensor(n, "time heads width", sizes))) as [
    F32<"time heads width">,
    F32<"time heads width">,
    F32<"time heads width">,
  ]
  const each = (f: (i: number) => number): ReadonlyArray<number> => Array.from({ length: 64 }, (_, i) => f(i))
  const { value, pullback } = vjp((p) => attention(p.q, p.k, p.v), { q, k, v })
  const back = pullback(typed(tensor("g", "time heads width", sizes)))
  const [o, dq, dk, dv] = values([value, back.q, back.k, back.v], {
    q: each((i) => Math.sin(0.7 * i + 0.1)),
    k: each((i) => Math.cos(0.3 * i)),
    v: each((i) => Math.sin(0.05 * i + 1)),
    g: each((i) => Math.cos(0.11 * i)),
  })
  const size = (xs: ReadonlyArray<number> | undefined): number => xs!.reduce((a, b) => a + Math.abs(b), 0)
  const near = (got: number, wanted: number): void => assert.ok(Math.abs(got - wanted) < 1e-9, `${got}, ${wanted}`)
  near(o!.reduce((a, b) => a + b, 0), 47.59380302160491)
  near(size(dq), 2.6538912837)
  near(size(dk), 9.3041417453)
  near(size(dv), 25.3577558847)
  const first = [0.232944337, 0.140276961, -0.018364861, -0.168369402]
  first.forEach((x, i) => assert.ok(Math.abs(dk![i]! - x) < 1e-9))
})

it("convolution, rotary positions, the largest, running sums", () => {
  const sizes = { row: 5, in: 2, out: 3, tap: 2, k: 4 }
  const inputs = [tensor("x", "row in", sizes), tensor("w", "out tap in", sizes), tensor("r", "row k", sizes)]
  const given = inputs.map((x, i) => draw(i + 5, count(x.shape)))
  const positions: I32<"row"> = typed(iota("row", 5))
  agrees(
    ([x, w, r]) => {
      const [image, kernel, turned] = [typed<F32<"row in">>(x!), typed<F32<"out tap in">>(w!), typed<F32<"row k">>(r!)]
      return [
        convolve(image, kernel, { row: "tap" }, "in", { stride: 2, padding: [1, 2] }),
        convolve(image, kernel, { row: "tap" }, "in", { dilation: 2 }),
        rope(turned, positions, "k"),
        topK(turned, "row", 2).values,
        cumsum(turned, "row"),
      ]
    },
    inputs,
    given,
  )
})

it("through halves: the gradient has the dtype of its leaf", () => {
  const w: BF16<"a"> = typed(build.input("w", "bf16", ["a"], [2]))
  const g = grad((v: BF16<"a">): F32 => typed(build.reduce("sum", build.unary("exp", build.cast(v, "f32")), ["a"])))(w)
  assert.is(g.dtype, "bf16")
  const rounded = build.cast(build.data("f32", ["a"], [2], Float32Array.of(1, Math.E)), "bf16")
  assert.equal(values([g], { w: [0, 1] }), values([rounded]))
})

it("loops: carries, sequences, captured tensors, outputs, either direction", () => {
  always(shapes("t a b"), ([sizes, seed]) => {
    const inputs = [
      tensor("x", "a t", sizes),
      tensor("w", "a b", sizes),
      tensor("h", "b", sizes),
      tensor("unused", "b", sizes),
    ]
    const given = inputs.map((x, i) => draw(seed + i, count(x.shape), -1, 1))
    for (const reverse of [false, true]) {
      agrees(
        ([x, w, h]) => {
          const weight: F32<"a b"> = typed(w!)
          const over = { x: typed<F32<"a t">>(x!) }
          const init = { h: typed<F32<"b">>(h!), turns: full(f32(), 0), still: typed<F32<"b">>(h!) }
          const loop = scan("t", over, init, (carry, each) => {
            const next = tanh(add(dot(each.x, weight, "a"), mul(carry.h, carry.still)))
            return {
              carry: { h: next, turns: add(carry.turns, 1), still: carry.still },
              out: [mul(next, carry.turns), each.x, carry.turns] as const,
            }
          }, { reverse })
          return [loop.carry.h, loop.carry.still, ...loop.out]
        },
        inputs,
        given,
      )
    }
  }, 5)
})

it("loops in loops, and loops without sequences", () => {
  const sizes = { t: 3, s: 2 }
  const inputs = [tensor("x", "t s", sizes), tensor("y", "", {}), tensor("z", "s", sizes)]
  const given = [draw(1, 6), [0.7], draw(2, 2)]
  agrees(
    ([x, y, z]) => {
      const start: F32 = typed(y!)
      const outer = scan("t", typed<F32<"t s">>(x!), start, (total, row) => {
        const inner = scan("s", { row, z: typed<F32<"s">>(z!) }, total, (sum, each) => {
          const next = add(mul(sum, each.row), mul(each.z, total))
          return { carry: next, out: mul(next, start) }
        })
        return { carry: tanh(inner.carry), out: inner.out }
      })
      const powers = scan("n", {}, start, (p) => ({ carry: mul(p, start), out: p }), { length: 4 })
      return [outer.carry, outer.out, powers.carry, powers.out]
    },
    inputs,
    given,
  )
})

it("typed: what the body must give back", () => {
  const [x, h]: readonly [F32<"t a">, F32<"a">] = [
    typed(tensor("x", "t a", { t: 2, a: 3 })),
    typed(tensor("h", "a", { a: 3 })),
  ]
  const { carry, out } = scan("t", x, h, (c, row) => ({ carry: mul(c, row), out: dot(c, row, "a") }))
  const typedCarry: F32<"a"> = carry
  const typedOut: F32<"t"> = out
  assert.equal([typedCarry.axes, typedOut.axes], [["a"], ["t"]])
  // @ts-expect-error the carry loses its axis
  const wrong = scan("t", x, h, (c, row) => ({ carry: dot(c, row, "a"), out: c }))
  assert.ok(wrong.carry.faults.length > 0 || (wrong.carry as Node).args[0]!.faults.length > 0)
})

it("a loop of no turns passes its carry", () => {
  const inputs = [tensor("x", "t", { t: 0 }), tensor("h", "", {})]
  agrees(
    ([x, h]) => {
      const loop = scan("t", typed<F32<"t">>(x!), typed<F32>(h!), (c, e) => ({ carry: mul(c, e), out: c }))
      return [loop.carry, loop.out]
    },
    inputs,
    [[], [1.5]],
  )
})

it.run()
