import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as build from "../../../core/graph/build.ts"
import { remat } from "../../../core/grad/custom.ts"
import { grad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import { halves } from "../../../core/plan/policy.ts"
import type { Program, Step } from "../../../core/plan/program.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { type F32, typed } from "../../../core/tensor/tensor.ts"
import { chunked } from "../../../ops/chunked.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, mul, tanh } from "../../../ops/elementwise.ts"
import { linearCrossEntropy } from "../../../ops/linear-cross-entropy.ts"
import { zeros } from "../../../ops/literal.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
import { same } from "./same.ts"

const it = suite("plan: loops")

/** Steps inside of loops. */
const turned = (p: Program): ReadonlyArray<Extract<Step, { readonly tag: "dispatch" }>> => {
  const all = (steps: ReadonlyArray<Step>): ReadonlyArray<Extract<Step, { readonly tag: "dispatch" }>> =>
    steps.flatMap((s) => s.tag === "dispatch" ? [s] : all(s.steps))
  return all(p.steps.filter((s) => s.tag === "repeat"))
}

const sizes = { time: 6, model: 4, out: 3 }

it("a carry's new value is written over the old one", async () => {
  const p = await same(({ x, w }) =>
    scan("time", x, { total: zeros(f32("model out", sizes)) }, ({ total }, now) => ({
      carry: { total: add(total, mul(now, w)) },
      out: sum(total),
    })), { x: f32("time model", sizes), w: f32("model out", sizes) })
  // one kernel folds the old value for the result, one adds
  assert.is(turned(p).length, 2)
  // and the carry lies where the last value is wanted
  assert.is(p.arena, 0)
})

it("carries that take each other's values keep them apart", async () => {
  const like = f32("model", sizes)
  await same(
    ({ a, b, c }) =>
      scan("time", {}, { a, b, c }, (s) => ({ carry: { a: s.b, b: add(s.a, s.c), c: s.a }, out: s.b }), { length: 5 }),
    {
      a: like,
      b: like,
      c: like,
    },
  )
})

it("what is written to a carry at an index goes into its place", async () => {
  const p = await same(
    ({ x, start }) =>
      scan("time", x, { seen: zeros(f32("key model", { key: 8, model: 4 })), at: start }, ({ seen, at }, now) => {
        const row = build.align(tanh(now), ["key", "model"], [1, 4])
        const next: F32<"key model"> = typed(build.write(seen, row, at, "key"))
        return { carry: { seen: next, at: add(at, 1) }, out: sum(next, "key") }
      }),
    { x: f32("time model", sizes), start: i32() },
  )
  const whole = turned(p).filter((s) => p.kernels[s.kernel]!.tag === "loop" && s.buffers.length === 2)
    .filter((s) => s.buffers.every((b) => p.buffers[b]!.elements === 32))
  assert.equal(whole, [])
})

it("slices of a carry are changed where they lie, and results are stored in the order in which they are read", async () => {
  const s = { turn: 3, batch: 2, time: 6, model: 4 }
  const p = await same(({ x, w }) => {
    const half = chunked((y: F32<"batch time model">) => add(mul(y, 0.5), w), "time", 2)
    const loop = scan("turn", {}, x, (y) => ({ carry: half(y), out: {} }), { length: s.turn })
    return { last: loop.carry, once: half(x) }
  }, { x: f32("batch time model", s), w: f32("model", s) })
  // one kernel a slice, in both loops; beside them only the carry's first value is copied
  assert.is(turned(p).length, 2)
  assert.is(p.steps.filter((t) => t.tag === "dispatch").length, 1)
  assert.is(p.arena, 0)
})

it("parts that are put together and cut again, waiting for something, are not copied", async () => {
  const s = { time: 8, model: 4 }
  const p = await same(({ x, w }) => {
    type X = F32<"time model">
    const part = (f: (y: X) => X): (y: X) => X => chunked(f, "time", 2)
    const layer = remat((y: X): X => part((z) => tanh(mul(z, w)))(y))
    const loss = (v: typeof w): F32 => {
      const first = part((z) => mul(tanh(z), v))(x)
      return add(sum(layer(layer(first))), sum(first))
    }
    return grad(loss)(w)
  }, { x: f32("time model", s), w: f32("model", s) })
  const copies = p.steps.filter((t) => {
    const k = t.tag === "dispatch" ? p.kernels[t.kernel]! : undefined
    return k?.tag === "loop" &&
      k.stages.every((g) => g.tag === "point" && g.stores.every((x) => x.value.tag === "load"))
  })
  assert.equal(copies, [])
  // what a broadcast is of is owed no more than its own size
  assert.ok(turned(p).every((t) => t.buffers.every((b) => p.buffers[b]!.elements !== 8)))
})

it("literals are said inside of a loop, and of a broadcast what it is of is taken", () => {
  const x: F32<"time model"> = typed(build.input("x", "f32", ["time", "model"], [6, 4]))
  const w: F32<"model"> = typed(build.input("w", "f32", ["model"], [4]))
  const { out } = scan("time", x, {}, (_, now) => {
    const wide = build.align(w, ["out", "model"], [3, 4])
    const place = build.binary("mul", build.iota("out", 3, "f32"), 0.5)
    const product = build.binary("mul", build.align(now, ["out", "model"], [3, 4]), wide)
    return { carry: {}, out: build.binary("add", product, build.align(place, ["out", "model"], [3, 4])) }
  })
  assert.equal(out.args[0]!.args.map((a) => a.op.tag === "input" ? a.op.name : a.op.tag), ["x", "w"])
})

it("what no one asks for is not computed, and what a body does not read is not made", async () => {
  const p = await same(
    ({ x, y }) =>
      scan("time", { x, y }, { a: zeros(f32("model", sizes)), b: zeros(f32("model", sizes)) }, (s, now) => ({
        carry: { a: add(s.a, now.x), b: add(s.b, mul(s.a, now.y)) },
        out: tanh(now.y),
      })).carry.a,
    { x: f32("time model", sizes), y: f32("time model", sizes) },
  )
  assert.is(turned(p).length, 1)
})

it("weights are not copied for a loop that is computed again", async () => {
  const s = { ...sizes, hidden: 5 }
  const p = await same(({ x, up, down }) => {
    type W = { up: F32<"model hidden">; down: F32<"hidden model"> }
    const layer = remat((p: { x: F32<"time model">; w: W }) => {
      const part = (y: F32<"time model">): F32<"time model"> => dot(tanh(dot(y, p.w.up, "model")), p.w.down, "hidden")
      return chunked(part, "time", 2)(tanh(p.x))
    })
    return grad((w: W) => sum(layer({ x: layer({ x, w }), w })))({ up, down })
  }, { x: f32("time model", s), up: f32("model hidden", s), down: f32("hidden model", s) })
  const input = p.inputs.findIndex((i) => i.path === "up")
  const copies = p.steps.filter((t) =>
    t.tag === "dispatch" && t.buffers.includes(p.inputs[input]!.buffer) && p.kernels[t.kernel]!.tag === "loop"
  )
  assert.equal(copies, [])
})

it("carries and logs of sums are kept in f32 where all else is kept in halves", () => {
  const s = { time: 64, model: 8, vocab: 32 }
  const specs = { x: f32("time model", s), head: f32("model vocab", s), targets: i32("time", s) }
  const made = compile(
    ({ x, head, targets }) => {
      const back = grad((p: { x: F32<"time model">; head: F32<"model vocab"> }) => {
        const names = { feature: "model", vocab: "vocab", along: "time" } as const
        return mul(linearCrossEntropy(tanh(p.x), p.head, targets, { ...names, chunk: { tokens: 16 } }).total, 0.5)
      })({ x, head })
      return { x: back.x, head: mul(back.head, 2) }
    },
    specs,
    { policy: halves },
  )
  assert.ok(E.isRight(made))
  const arena = made.right.program.buffers.filter((b) => b.place.tag === "arena")
  const dtypes = (elements: number): ReadonlyArray<string> =>
    arena.filter((b) => b.elements === elements).map((b) => b.dtype)
  assert.ok(dtypes(s.model * s.vocab).includes("f32"))
  assert.ok(dtypes(s.time).includes("f32"))
  assert.ok(arena.some((b) => b.dtype === "f16"))
  assert.ok(dtypes(16 * s.vocab).every((d) => d === "f16"))
})

it("products are stored where the turns say, and nothing else lies there meanwhile", async () => {
  const s = { batch: 2, time: 6, model: 4, out: 3 }
  await same(({ x, w }) =>
    scan("batch", x, {}, (_, y) => ({
      carry: {},
      out: scan("time", y, {}, (_, z) => ({ carry: {}, out: dot(dot(tanh(z), w, "model"), w, "out") })).out,
    })).out, { x: f32("batch time model", s), w: f32("model out", s) })
})

it.run()
