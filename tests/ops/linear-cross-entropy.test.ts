import * as fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sentence } from "../../core/graph/fault.ts"
import { count } from "../../core/graph/node.ts"
import { remat } from "../../core/grad/custom.ts"
import { grad, vjp } from "../../core/grad/grad.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { compile } from "../../core/plan/compile.ts"
import type { Program } from "../../core/plan/program.ts"
import { f16, f32, i32 } from "../../core/tensor/spec.ts"
import type { F16, F32, I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { dot } from "../../ops/contraction.ts"
import { add, cast, exp, mul, square, sub, tanh } from "../../ops/elementwise.ts"
import { linearCrossEntropy, type LogitBlock, type TokenLosses } from "../../ops/linear-cross-entropy.ts"
import { eq } from "../../ops/logic.ts"
import { tokenLoss } from "../../ops/loss.ts"
import { transpose } from "../../ops/movement.ts"
import { argmax, sum } from "../../ops/reduction.ts"
import { scan } from "../../ops/scan.ts"
import { agrees, draw, tensor } from "../core/grad/difference.ts"
import { alike } from "./alike.ts"

const it = suite("linear cross-entropy")

type Stream = F32<"batch time model">
type Head = F32<"model vocab">
type Tokens = I32<"batch time">
type Weights = F32<"time">

const names = { feature: "model", vocab: "vocab", along: "time" } as const

/** What it should give, from all logits at once. */
const whole = (x: Stream, head: Head, targets: Tokens, w?: Weights): TokenLosses<["batch", "time"]> => {
  const logits = dot(x, head, "model")
  const losses = tokenLoss(logits, targets, "vocab")
  const rows = add(w ?? mul(sum(losses, "batch"), 0), mul(losses, 0))
  const weights = w ? rows : add(rows, 1)
  return {
    losses,
    correct: eq(argmax(logits, "vocab"), targets),
    total: w ? sum(mul(losses, w)) : sum(losses),
    weight: sum(weights),
  }
}

const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  time: fc.integer({ min: 1, max: 7 }),
  model: fc.integer({ min: 1, max: 3 }),
  vocab: fc.integer({ min: 1, max: 9 }),
})
const chunks = fc.record({ tokens: fc.integer({ min: 1, max: 8 }), vocab: fc.integer({ min: 1, max: 10 }) }, {
  requiredKeys: [],
})
type Sizes = typeof sizes extends fc.Arbitrary<infer S> ? S : never

const specsOf = (s: Sizes) => ({
  x: f32("batch time model", s),
  head: f32("model vocab", s),
  w: f32("time", s),
  ct: f32("batch time", s),
  targets: i32("batch time", s),
})
type Given = Tensors<ReturnType<typeof specsOf>>

type Way = (x: Stream, head: Head, targets: Tokens, w?: Weights) => TokenLosses<["batch", "time"]>

/** Values, and what x, the head and the weights owe to cotangents of losses and total. */
const both = (way: Way, weighted = true) => ({ x, head, w, ct, targets }: Given) => {
  const { value, pullback } = vjp(
    (p: { x: Stream; head: Head; w: Weights }) => way(p.x, p.head, targets, weighted ? p.w : undefined),
    { x, head, w },
  )
  return { value, back: pullback({ ...value, losses: ct, total: sum(ct), weight: mul(sum(ct), 0) }) }
}

const cutBy = (chunk: LogitBlock): Way => (x, head, targets, weights) =>
  linearCrossEntropy(x, head, targets, { ...names, chunk, ...(weights ? { weights } : {}) })

const each = async <T>(
  arbitrary: fc.Arbitrary<T>,
  test: (value: T) => Promise<unknown>,
  numRuns: number,
): Promise<void> => await fc.assert(fc.asyncProperty(arbitrary, async (v) => void await test(v)), { seed: 3, numRuns })

it("is the cross-entropy of all logits, forward and back, whatever the sizes", () =>
  each(
    fc.tuple(sizes, chunks, fc.boolean()),
    ([s, chunk, weighted]) => alike(both(whole, weighted), both(cutBy(chunk), weighted), specsOf(s)),
    14,
  ))

it("keeps the logits where they take little room, or where it is told to", async () => {
  const s = { batch: 2, time: 5, model: 3, vocab: 7 }
  const kept: Way = (x, head, targets) =>
    linearCrossEntropy(x, head, targets, { ...names, chunk: { tokens: 2 }, keep: true })
  const small: Way = (x, head, targets) => linearCrossEntropy(x, head, targets, names)
  const forgets: Way = (x, head, targets) => linearCrossEntropy(x, head, targets, { ...names, keep: false })
  const products = (p: Program): number => {
    assert.not(p.steps.some((t) => t.tag === "repeat"))
    return p.steps.filter((t) => t.tag === "dispatch" && p.kernels[t.kernel]!.tag === "contract").length
  }
  const made = (way: Way) => alike(both(whole, false), both(way, false), specsOf(s))
  assert.is(products(await made(kept)), 3)
  assert.is(products(await made(small)), 3)
  assert.is(products(await made(forgets)), 3)
})

it("takes the first of equal logits, and heads and tokens in any order of axes", async () => {
  const s = { batch: 2, time: 5, model: 2, vocab: 8 }
  const turned: Way = (x, head, targets, w) => {
    const { losses, correct, ...sums } = linearCrossEntropy(
      transpose(x, "time model batch"),
      transpose(head, "vocab model"),
      targets,
      { ...names, chunk: { tokens: 2, vocab: 3 }, ...(w ? { weights: w } : {}) },
    )
    return { losses: transpose(losses, "batch time"), correct: transpose(correct, "batch time"), ...sums }
  }
  const head = Array.from({ length: 16 }, (_, i) => [1, 1, 0, 2, -1, 2, 2, 1][(i * 5) % 8]!)
  const x = Array.from({ length: 20 }, (_, i) => [1, 0, 1, 1, 2][i % 5]!)
  await alike(both(whole), both(turned), specsOf(s), { given: { head, x, targets: [1, 3, 5, 0, 2, 4, 6, 7, 3, 1] } })
})

it("is differentiable twice", () => {
  const s = { batch: 1, time: 3, model: 2, vocab: 5 }
  for (const chunk of [{ tokens: 2, vocab: 2 }, { tokens: 1 }, { vocab: 3 }]) {
    const inputs = [tensor("x", "batch time model", s), tensor("h", "model vocab", s)]
    const targets: Tokens = typed(cast(typed<F32<"batch time">>(tensor("t", "batch time", s)), "i32"))
    const loss = (x: Stream, head: Head): F32 => {
      const { losses, total } = linearCrossEntropy(x, head, targets, { ...names, chunk })
      return add(total, sum(square(losses)))
    }
    const given = inputs.map((x, i) => draw(i + 1, count(x.shape)))
    const goals = new Map([["t", [1, 4, 9]]])
    const fixed = (nodes: ReadonlyArray<unknown>) => {
      const [x, h] = nodes as [Stream, Head]
      const back = grad((p: { x: Stream; h: Head }) => loss(p.x, p.h))({ x, h })
      return [loss(x, h), sum(square(back.x)), sum(exp(back.h))]
    }
    agrees(fixed, inputs, given, 1e-5, Object.fromEntries(goals))
  }
})

it("computes in f32 what it is given in halves", async () => {
  const s = { batch: 2, time: 5, model: 3, vocab: 7 }
  const specs = { ...specsOf(s), x: f16("batch time model", s), head: f16("model vocab", s) }
  const back = (way: Way) => ({ x, head, ct, targets }: Tensors<typeof specs>) => {
    const p = { x: x as F16<"batch time model">, head: head as F16<"model vocab"> }
    const { value, pullback } = vjp((q: typeof p) => way(cast(q.x, "f32"), cast(q.head, "f32"), targets).losses, p)
    return { value, back: pullback(ct) }
  }
  const other = ({ x, head, ct, targets }: Tensors<typeof specs>) => {
    const { value, pullback } = vjp(
      (q: { x: typeof x; head: typeof head }) =>
        linearCrossEntropy(q.x, q.head, targets, { ...names, chunk: { tokens: 2, vocab: 3 } }).losses,
      { x, head },
    )
    return { value, back: pullback(ct) }
  }
  await alike(back(whole), other, specs, { single: 2e-3 })
})

it("fits into recomputation, loops and maps", async () => {
  const s = { batch: 2, time: 5, model: 3, vocab: 7 }
  const chunk = { tokens: 2, vocab: 3 }
  const plain = ({ x, head, ct, targets }: Given) => {
    const { value, pullback } = vjp((p: { x: Stream; head: Head }) => whole(tanh(p.x), p.head, targets).losses, {
      x,
      head,
    })
    return { value, back: pullback(ct) }
  }
  const row = (x: F32<"time model">, head: Head, t: I32<"time">): F32<"time"> =>
    linearCrossEntropy(tanh(x), head, t, { ...names, chunk }).losses
  const ways: ReadonlyArray<(x: Stream, head: Head, t: Tokens) => F32<"batch time">> = [
    (x, head, t) => remat((p: { x: Stream; head: Head }) => cutBy(chunk)(tanh(p.x), p.head, t).losses)({ x, head }),
    (x, head, t) => vmap("batch", (p: { x: F32<"time model">; t: I32<"time"> }) => row(p.x, head, p.t))({ x, t }),
    (x, head, t) => scan("batch", { x, t }, {}, (_, p) => ({ carry: {}, out: row(p.x, head, p.t) })).out,
  ]
  for (const way of ways) {
    await alike(plain, ({ x, head, ct, targets }: Given) => {
      const { value, pullback } = vjp((p: { x: Stream; head: Head }) => way(p.x, p.head, targets), { x, head })
      return { value, back: pullback(ct) }
    }, specsOf(s))
  }
})

it("stays finite for logits of any size", async () => {
  const s = { batch: 1, time: 4, model: 1, vocab: 6 }
  const head = [3e4, -3e4, 2.9e4, -1e30, 0, 1e4]
  await alike(both(whole), both(cutBy({ tokens: 3, vocab: 2 })), specsOf(s), { given: { head, x: [1, -1, 0.5, 1] } })
})

// ---- what it costs ---------------------------------------------------------------

const step = (time: number, vocab: number, chunk: LogitBlock | undefined) => {
  const s = { batch: 2, time, model: 16, vocab }
  const specs = { x: f32("batch time model", s), head: f32("model vocab", s), targets: i32("batch time", s) }
  const made = compile(
    ({ x, head, targets }) => {
      const loss = (p: { x: Stream; head: Head }): F32 =>
        linearCrossEntropy(p.x, p.head, targets, { ...names, ...(chunk ? { chunk } : { keep: true }) }).total
      const back = grad(loss)({ x, head })
      return { x: sub(x, back.x), head: sub(head, back.head) }
    },
    specs,
    { donate: ["x", "head"] },
  )
  if (E.isLeft(made)) throw new Error(made.left.map(sentence).join("\n"))
  return made.right.program
}

it("holds no more logits than a block, in an arena that a formula bounds", () => {
  for (
    const [time, vocab, chunk] of [[1024, 256, { tokens: 128 }], [4096, 256, { tokens: 128 }], [1024, 512, {
      tokens: 64,
      vocab: 128,
    }]] as const
  ) {
    const p = step(time, vocab, chunk)
    const block = 4 * 2 * chunk.tokens * ("vocab" in chunk ? chunk.vocab : vocab)
    const [stream, head, rows] = [4 * 2 * time * 16, 4 * 16 * vocab, 4 * 2 * time]
    // the gradients of x and of the head, a few numbers a token, one block
    const bound = stream + head + 4 * rows + block + 64 * 1024
    assert.ok(p.arena <= bound, `${p.arena} bytes for ${time} tokens of ${vocab} words, at most ${bound}`)
    assert.ok(p.buffers.every((b) => b.elements < 2 * time * Math.min(vocab, 64)))
  }
  const kept = step(1024, 256, undefined)
  assert.ok(kept.arena >= 4 * 2 * 1024 * 256)
})

it("adds to the head's gradient in place", () => {
  const p = step(1024, 256, { tokens: 128 })
  const adds = p.steps.flatMap((s) => s.tag === "repeat" ? s.steps : []).filter((s) =>
    s.tag === "dispatch" &&
    s.buffers.some((b) => p.buffers[b]!.elements === 16 * 256 && p.buffers[b]!.place.tag === "arena")
  )
  assert.is(adds.length, 1)
})

// ---- faults --------------------------------------------------------------------

it("says what is wrong, once each", () => {
  const s = { batch: 2, time: 4, model: 3, vocab: 5 }
  const specs = {
    ...specsOf(s),
    long: f32("model vocab", { ...s, model: 4 }),
    odd: i32("batch time", { ...s, time: 3 }),
  }
  const said = (f: (g: Tensors<typeof specs>) => unknown): ReadonlyArray<string> => {
    const made = compile(f, specs)
    return E.isLeft(made) ? made.left.map((l) => `${l._tag}: ${l.message}`) : []
  }
  const lce = linearCrossEntropy as unknown as (
    x: unknown,
    head: unknown,
    t: unknown,
    o: unknown,
  ) => TokenLosses<["batch", "time"]>
  const cases: ReadonlyArray<readonly [(g: Tensors<typeof specs>) => unknown, string]> = [
    [
      (g) => lce(g.x, g.head, g.targets, { ...names, chunk: { tokens: 0 } }),
      "SizeFault: chunk.tokens is 0; expected a whole number from 1",
    ],
    [
      (g) => lce(g.x, g.head, g.targets, { ...names, chunk: { vocab: 2.5 } }),
      "SizeFault: chunk.vocab is 2.5; expected a whole number from 1",
    ],
    [
      (g) => lce(g.x, g.head, g.targets, { ...names, along: "tiem" }),
      "NameFault: no axis 'tiem' in f32[batch 2, time 4]; its axes are 'batch', 'time'",
    ],
    [
      (g) => lce(g.x, g.long, g.targets, names),
      "SizeFault: axis 'model' is 3 in f32[batch 2, time 4, model 3] and 4 in f32[model 4, vocab 5]; slice, pad or rename one",
    ],
    [
      (g) => lce(g.x, g.head, g.odd, names),
      "SizeFault: axis 'time' is 4 in f32[batch 2, time 4] and 3 in i32[batch 2, time 3]; slice, pad or rename one",
    ],
    [
      (g) => lce(g.x, g.head, g.ct, names),
      "DTypeFault: takes targets that are whole numbers, got f32[batch 2, time 4]; cast it first",
    ],
    [
      (g) => lce(g.x, g.x, g.targets, { ...names, vocab: "time", along: "batch" }),
      "NameFault: the head f32[batch 2, time 4, model 3] has 'batch' too; it takes 'model' and 'time'",
    ],
  ]
  for (const [f, sentence] of cases) assert.ok(said(f).includes(sentence), `${sentence}\n${said(f).join("\n")}`)
  assert.is(said(cases[0]![0]).length, 1)
})

it.run()
