import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as build from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { vmap } from "../../../core/grad/vmap.ts"
import { compile } from "../../../core/plan/compile.ts"
import { halves } from "../../../core/plan/policy.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import type { Tensors } from "../../../core/tensor/tree.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { silu } from "../../../ops/activation.ts"
import { attentionWithLogSumExp } from "../../../ops/attention.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, exp, mul, sub } from "../../../ops/elementwise.ts"
import { oneHot, take } from "../../../ops/indexing.ts"
import { tokenLoss } from "../../../ops/loss.ts"
import { concat, flip, merge, pad, rename, slice, split, transpose } from "../../../ops/movement.ts"
import { rmsNorm } from "../../../ops/norm.ts"
import { logsumexp, mean, sum } from "../../../ops/reduction.ts"
import { rope } from "../../../ops/rope.ts"
import { softmax } from "../../../ops/softmax.ts"
import { cumsum, topK } from "../../../ops/sorting.ts"
import { runOracle, same } from "./same.ts"

const it = suite("plan: compile")

const x3 = f32("batch time model", { batch: 2, time: 6, model: 8 })

it("one product is one kernel", async () => {
  const p = await same(({ x, y }) => dot(x, y, "inner"), {
    x: f32("row inner", { row: 3, inner: 5 }),
    y: f32("inner column", { inner: 5, column: 4 }),
  })
  assert.is(p.forecast.dispatches, 1)
})

it("softmax is one kernel over rows", async () => {
  const p = await same(({ x }) => softmax(x, "model"), { x: x3 })
  assert.is(p.forecast.dispatches, 1)
  assert.equal(p.kernels[0]!.tag === "loop" && p.kernels[0]!.dims, [12])
})

it("a norm and its use are one kernel", async () => {
  const p = await same(({ x, w }) => rmsNorm(x, w, "model"), { x: x3, w: f32("model", { model: 8 }) })
  assert.is(p.forecast.dispatches, 1)
})

it("an activation is the epilogue of its product", async () => {
  const p = await same(({ x, w }) => silu(dot(x, w, "model")), {
    x: x3,
    w: f32("model hidden", { model: 8, hidden: 5 }),
  })
  assert.is(p.forecast.dispatches, 1)
})

it("attention with heads, merged and split, is seven kernels", async () => {
  const wide = f32("model inner", { model: 8, inner: 8 })
  const p = await same(
    ({ x, q, k, v, o }) => {
      const kv = rename(x, { time: "key" })
      const queries = split(dot(x, q, "model"), "inner", "heads head", { heads: 2 })
      const keys = split(dot(kv, k, "model"), "inner", "heads head", { heads: 2 })
      const vals = split(dot(kv, v, "model"), "inner", "heads head", { heads: 2 })
      const mixed = dot(softmax(mul(dot(queries, keys, "head"), 0.5), "key"), vals, "key")
      return add(x, dot(merge(transpose(mixed, "batch time heads head"), "heads head", "inner"), o, "inner"))
    },
    { x: x3, q: wide, k: wide, v: wide, o: f32("inner model", { inner: 8, model: 8 }) },
  )
  assert.is(p.forecast.dispatches, 7)
})

it("rotary positions need no copy", async () => {
  const p = await same(({ x, positions }) => rope(x, positions, "model"), {
    x: x3,
    positions: i32("time", { time: 6 }),
  })
  assert.is(p.forecast.dispatches, 1)
})

it("movement of every kind", async () => {
  await same(({ x }) => {
    const cut = slice(x, "time", 1, 5)
    const turned = flip(transpose(cut, "model batch time"), "time")
    const wide = pad(turned, "batch", [1, 2])
    return {
      a: merge(wide, "batch time", "both"),
      b: concat([x, exp(x)], "time"),
      c: split(merge(x, "time model", "all"), "all", "u v w", { u: 4, v: 3 }),
    }
  }, { x: x3 })
})

it("gather, one-hot and losses", async () => {
  await same(
    ({ table, ids, targets }) => {
      const x = take(table, ids, "token")
      const logits = dot(x, rename(table, { token: "vocab" }), "model")
      return { loss: mean(tokenLoss(logits, targets, "vocab"), "time"), hot: oneHot(ids, "vocab", 7) }
    },
    {
      table: f32("token model", { token: 6, model: 4 }),
      ids: i32("time", { time: 5 }),
      targets: i32("time", { time: 5 }),
    },
  )
})

it("long folds go in two steps", async () => {
  const p = await same(({ x }) => ({ s: sum(x, "n"), l: logsumexp(x, "n") }), { x: f32("n", { n: 20_000 }) })
  assert.ok(p.kernels.every((k) => k.tag !== "loop" || k.over.every((s) => s <= 4096)))
})

it("cumulative sums and top-k", async () => {
  await same(({ x }) => ({ c: cumsum(x, "time"), t: topK(x, "model", 3).values }), { x: x3 })
})

it("results used by several kernels are kept once and stored by the kernel that makes them", async () => {
  const p = await same(({ x }) => {
    const e = exp(x)
    return { e, s: sum(e, "time"), d: sub(e, 1) }
  }, { x: x3 })
  assert.ok(p.forecast.dispatches <= 2)
})

it("updates in place, and apart where that is not possible", async () => {
  const spec = { p: f32("n", { n: 16 }), g: f32("n", { n: 16 }) }
  const easy = await same(({ p, g }) => ({ p: sub(p, mul(g, 0.1)) }), spec, { donate: ["p"] })
  assert.is(easy.outputs[0]!.donated, 0)
  assert.is(easy.forecast.outputs + easy.forecast.arena, 0)
  const turned = await same(({ p, g }) => ({ p: add(flip(p, "n"), g) }), spec, { donate: ["p"] })
  assert.is(turned.forecast.dispatches, 2)
  const swapped = await same(({ p, g }) => ({ p: mul(g, 2), g: mul(p, 3) }), spec, { donate: ["p", "g"] })
  assert.ok(swapped.forecast.dispatches >= 2)
})

it("outputs that are inputs, constants or twice the same", async () => {
  await same(({ x }) => ({ a: x, b: x, c: add(x, 1), d: add(x, 1) }), { x: x3 })
})

const loopInput = (name: string, axes: ReadonlyArray<string>, shape: ReadonlyArray<number>): Node =>
  build.input(name, "f32", axes, shape)

/** carry = carry * 0.5 + each . w; out = exp(carry) */
const decay = (x: Node, w: Node, init: Node, reverse: boolean): ReadonlyArray<Node> => {
  const carry = loopInput("carry.0", ["model"], [8])
  const each = loopInput("each.0", ["model"], [8])
  const weight = loopInput("const.0", ["model", "other"], [8, 8])
  const mixed = build.rename(build.dot(each, weight, ["model"]), { other: "model" })
  const next = build.binary("add", build.binary("mul", carry, 0.5), mixed)
  const body = { carry: [carry], each: [each], constants: [weight], next: [next], out: [build.unary("exp", next)] }
  const made = build.scan({ body, axis: "time", length: 5, inits: [init], sequences: [x], constants: [w], reverse })
  return [build.pick(made, 0), build.pick(made, 1)]
}

for (const reverse of [false, true]) {
  it(`a loop runs its body turn by turn${reverse ? ", backwards" : ""}`, async () => {
    const p = await same(({ x, w, init }) => decay(x, w, init, reverse), {
      x: f32("time model", { time: 5, model: 8 }),
      w: f32("model other", { model: 8, other: 8 }),
      init: f32("model", { model: 8 }),
    })
    assert.is(p.steps.filter((s) => s.tag === "repeat").length, 1)
  })
}

it("temporaries in half precision take half the arena", () => {
  const spec = { x: f32("row inner", { row: 64, inner: 64 }), w: f32("inner column", { inner: 64, column: 64 }) }
  const f = ({ x, w }: Tensors<typeof spec>) => dot(rename(dot(x, w, "inner"), { column: "inner" }), w, "inner")
  const full = compile(f, spec)
  const half = compile(f, spec, { policy: halves })
  assert.is(E.isRight(full) && full.right.program.arena, 2 * (E.isRight(half) ? half.right.program.arena : 0))
})

it("a policy of halves rounds what goes into products, on the oracle too", async () => {
  const spec = { x: f32("row inner", { row: 2, inner: 2 }), y: f32("inner column", { inner: 2, column: 1 }) }
  const made = compile(({ x, y }) => dot(x, y, "inner"), spec, { policy: halves })
  assert.ok(E.isRight(made))
  const [z] = await runOracle(made.right.program, [[1 + 2 ** -12, 0, 0, 3], [1, 1 + 2 ** -12]])
  assert.equal(z, [1, 3])
})

it("and what goes into the products of an attention, but not what it gives", async () => {
  const spec = {
    q: f32("time head", { time: 1, head: 1 }),
    k: f32("key head", { key: 2, head: 1 }),
    v: f32("key head", { key: 2, head: 1 }),
  }
  const f = ({ q, k, v }: Tensors<typeof spec>) => attentionWithLogSumExp(q, k, v, { scale: 1, causal: false })
  const made = compile(f, spec, { policy: halves })
  assert.ok(E.isRight(made), JSON.stringify(made))
  const [out, logSumExp] = await runOracle(made.right.program, [[1 + 2 ** -12], [0, 1], [1, 1 + 2 ** -12]])
  assert.equal(out, [1])
  assert.ok(Math.abs(logSumExp![0]! - Math.log(1 + Math.E)) < 1e-9, String(logSumExp))
})

it("faults come all at once, each with its line", () => {
  const made = compile(({ x, y }) => ({ a: add(x, y), b: sub(y, x) }), {
    x: f32("n", { n: 3 }),
    y: f32("n", { n: 4 }),
  })
  assert.is(E.isLeft(made) ? made.left.length : 0, 2)
  assert.match(E.isLeft(made) ? made.left[0]!.at : "", "compile.test")
})

it("a donation that names nothing, or another shape, is a fault", () => {
  const spec = { x: f32("n", { n: 3 }) }
  const lost = compile(({ x }) => ({ x }), spec, { donate: ["state"] })
  assert.match(E.isLeft(lost) ? lost.left[0]!.message : "", "'state'")
  const other = compile(({ x }) => ({ x: sum(x, "n") }), spec, { donate: ["x"] })
  assert.match(E.isLeft(other) ? other.left[0]!.message : "", "cannot take over")
})

it("a tensor of another program, or from inside a body, is a fault", () => {
  const spec = { x: f32("row column", { row: 2, column: 3 }) }
  const kept: Array<Tensors<typeof spec>["x"]> = []
  compile(({ x }) => {
    kept.push(x)
    return x
  }, spec)
  const other = compile(({ x }) => add(x, kept[0]!), spec)
  assert.match(E.isLeft(other) ? other.left[0]!.message : "", "no input of this program")
  const leaked = compile(({ x }) => {
    const inner: Array<Node> = []
    vmap("row", (r: F32<"column">) => {
      inner.push(mul(r, r))
      return sum(r, "column")
    })(x)
    return inner[0]!
  }, spec)
  assert.match(E.isLeft(leaked) ? leaked.left[0]!.message : "", "no input of this program")
})

it.run()
