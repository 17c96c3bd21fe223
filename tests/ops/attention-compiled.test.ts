/** Attention as the compiler sees it: what runs, what is bound, what is stored. */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { remat, stopGradient } from "../../core/grad/custom.ts"
import { grad, vjp } from "../../core/grad/grad.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { isPlaced } from "../../core/kernel/attend.ts"
import type { Attend } from "../../core/kernel/kernel.ts"
import { compile, type CompileOptions } from "../../core/plan/compile.ts"
import type { Program, Step } from "../../core/plan/program.ts"
import { f16, f32, i32 } from "../../core/tensor/spec.ts"
import type { F16, F32, I32 } from "../../core/tensor/tensor.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { type AttentionOptions, blockwiseAttention } from "../../ops/attention.ts"
import { dot } from "../../ops/contraction.ts"
import { add, cast, mul } from "../../ops/elementwise.ts"
import { iota } from "../../ops/literal.ts"
import { sum } from "../../ops/reduction.ts"
import { rope } from "../../ops/rope.ts"
import { scan } from "../../ops/scan.ts"
import { same } from "../core/plan/same.ts"
import { cases, folded, type Given, specsOf } from "./dense.ts"

const it = suite("compiled attention")

const sizes = { batch: 2, time: 6, group: 2, share: 2, head: 4, key: 6, model: 8, layer: 3 }
const q = f32("batch time group share head", sizes)
const k = f32("batch time group head", sizes)
type Q = F32<"batch time group share head">
type K = F32<"batch time group head">
interface P {
  readonly q: Q
  readonly k: K
  readonly v: K
}
const marks = {
  pos: i32("batch time", sizes),
  keyPos: i32("time", sizes),
  seg: i32("time", sizes),
  keySeg: i32("batch time", sizes),
}
const specs = { p: { q, k, v: k }, ct: q, ...marks, bias: f32("group share time key", sizes) }
type Inputs = Tensors<typeof specs>

const programOf = <S>(f: (inputs: Tensors<S>) => unknown, s: S, options: CompileOptions = {}): Program => {
  const made = compile(f, s, options)
  if (E.isLeft(made)) throw new Error(made.left.map((l) => l.message).join("\n"))
  return made.right.program
}

/** All kernels in the order in which they are run, those of loops once; with how many buffers each binds. */
const steps = (
  p: Program,
  list: ReadonlyArray<Step> = p.steps,
): ReadonlyArray<readonly [Program["kernels"][number], number]> =>
  list.flatMap((s) =>
    s.tag === "repeat" ? steps(p, s.steps) : [[p.kernels[s.kernel]!, new Set(s.buffers).size] as const]
  )
const parts = (p: Program): ReadonlyArray<Attend["part"]> =>
  steps(p).flatMap(([x]) => x.tag === "attend" ? [x.part] : [])

const gradients =
  (options: (i: Inputs) => AttentionOptions<Q["axes"], K["axes"], "time", "time", "head", "head">) => (i: Inputs) =>
    grad((p: P) => sum(mul(i.ct, blockwiseAttention(p.q, p.k, p.v, options(i)))))(i.p as P)

const masks: { readonly [name: string]: Parameters<typeof gradients>[0] } = {
  "no mask": () => ({}),
  "one tensor for both sides": ({ seg }) => ({ causal: true, segments: seg }),
  "causal, positions and segments of both sides": ({ pos, keyPos, seg, keySeg }) => ({
    causal: true,
    window: 4,
    positions: { query: pos, key: keyPos },
    segments: { query: seg, key: keySeg },
  }),
  "and a bias": ({ pos, keyPos, seg, keySeg, bias }) => ({
    causal: true,
    positions: { query: pos, key: keyPos },
    segments: { query: seg, key: keySeg },
    bias: stopGradient(bias),
  }),
  "a bias alone": ({ bias }) => ({ bias: stopGradient(bias) }),
}

for (const [name, options] of Object.entries(masks)) {
  it(`no kernel binds more than 8 buffers: ${name}`, async () => {
    const p = await same(gradients(options), specs, { maxBindings: 8 })
    assert.equal(parts(p), ["forward", "query", "keys"])
    for (const [kernel, bound] of steps(p)) assert.ok(bound <= 8, `${kernel.tag} binds ${bound}`)
  })
}

it("a device that binds fewer is told so", () => {
  const made = compile(gradients(masks["one tensor for both sides"]!), specs, { maxBindings: 5 })
  assert.ok(E.isLeft(made))
  assert.equal(made.left.map((f) => `${f._tag}: ${f.message}`), [
    "LimitFault: attention binds 8 buffers here, maxBindings is 5: compile with maxBindings: 8, or leave out its bias, " +
    "or softmax the scores",
  ])
})

it("gradients are stored where the outputs lie, and scores nowhere", () => {
  const long = { ...sizes, time: 512, key: 512 }
  const of = (axes: "batch time group share head" | "batch time group head") => f32(axes, long)
  const s = {
    p: { q: of("batch time group share head"), k: of("batch time group head"), v: of("batch time group head") },
  }
  const p = programOf(
    ({ p }) => grad((x: P) => sum(blockwiseAttention(x.q, x.k, x.v, { causal: true })))(p as unknown as P),
    s,
  )
  assert.is(steps(p).filter(([x]) => x.tag === "loop").length, 1, "one for delta and the cotangent")
  const rows = 2 * 512 * 2 * 2
  // the result, the log-sum-exp and delta: nothing that grows with pairs of places
  assert.ok(p.forecast.arena <= 4 * rows * (4 + 4 + 1 + 1) + 4096, `${p.forecast.arena} bytes`)
})

it("the program is the graph, whatever the shape, the mask and the blocks", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (c) => {
      const f = (g: Given) => {
        const { out, logSumExp } = folded(c, g)
        const { value, pullback } = vjp(
          (x: Pick<Given, "q" | "k" | "v">) => folded(c, { ...g, ...x }).out,
          { q: g.q, k: g.k, v: g.v } as never,
        )
        return { out, logSumExp, value, pulled: pullback(value) }
      }
      await same(f as never, specsOf(c), { maxBindings: 8 })
    }),
    { numRuns: 25, seed: 4, includeErrorInReport: true },
  )
})

interface Layer {
  readonly q: F32<"model group share head">
  readonly k: F32<"model group head">
  readonly v: F32<"model group head">
  readonly o: F32<"group share head model">
}
const layerSpec = {
  q: f32("model group share head", sizes),
  k: f32("model group head", sizes),
  v: f32("model group head", sizes),
  o: f32("group share head model", sizes),
}
const x = f32("batch time model", sizes)
type X = F32<"batch time model">

/** A layer that holds positions and segments from outside, as a model does. */
const layer = (segments: I32<"time">) => ({ w, x }: { readonly w: Layer; readonly x: X }): X => {
  const place = iota("time", sizes.time)
  const keys = rope(dot(x, w.k, "model"), place, "head")
  const made = blockwiseAttention(rope(dot(x, w.q, "model"), place, "head"), keys, dot(x, w.v, "model"), {
    causal: true,
    positions: place,
    segments,
  })
  return add(x, dot(made, w.o, "group share head"))
}

it("a layer that is recomputed does not attend again", async () => {
  const s = { w: { a: layerSpec, b: layerSpec }, x, seg: marks.seg }
  const loss =
    (of: (seg: I32<"time">) => (p: { readonly w: Layer; readonly x: X }) => X) => ({ w, x, seg }: Tensors<typeof s>) =>
      grad((w: { readonly a: Layer; readonly b: Layer }) => {
        const one = of(seg)
        const last = one({ w: w.b, x: one({ w: w.a, x }) })
        return sum(mul(last, last))
      })(w)
  const plain = await same(loss(layer), s)
  const again = await same(loss((seg) => remat(layer(seg))), s)
  const often = (p: Program, part: Attend["part"]): number => parts(p).filter((x) => x === part).length
  for (const p of [plain, again]) {
    assert.equal(["forward", "query", "keys"].map((part) => often(p, part as Attend["part"])), [2, 2, 2])
  }
  const products = (p: Program): number => steps(p).filter(([x]) => x.tag === "contract").length
  assert.ok(products(again) > products(plain), "the projections are computed again")
})

it("attends inside of loops, forward and backward", async () => {
  const stacked = {
    q: f32("layer model group share head", sizes),
    k: f32("layer model group head", sizes),
    v: f32("layer model group head", sizes),
    o: f32("layer group share head model", sizes),
  }
  const s = { w: stacked, x, seg: marks.seg }
  const p = await same(({ w, x, seg }) =>
    grad((w: typeof stacked) => {
      const one = layer(seg)
      const { carry } = scan(
        "layer",
        w as never,
        x as X,
        (carry, w) => ({ carry: one({ w: w as never, x: carry }), out: {} }),
      )
      return sum(mul(carry, carry))
    })(w as never), s)
  for (const [kernel, bound] of steps(p)) {
    assert.ok(bound <= 8, `${kernel.tag} binds ${bound}`)
    // counted places stay so, for what is skipped is known before it runs
    if (kernel.tag === "attend") assert.ok(isPlaced(kernel))
  }
  assert.ok(parts(p).includes("keys"))
})

it("is mapped over an axis that only some arguments have", async () => {
  const s = {
    q: f32("example batch time group share head", { ...sizes, example: 3 }),
    k,
    v: f32("example batch time group head", { ...sizes, example: 3 }),
    seg: i32("example time", { ...sizes, example: 3 }),
  }
  await same(({ q, k, v, seg }) => {
    const one = (
      p: { readonly q: Q; readonly v: K; readonly seg: I32<"time"> },
    ): { readonly q: Q; readonly v: K; readonly k: K } => {
      const d = grad((x: { readonly q: Q; readonly v: K; readonly k: K }) => {
        const made = blockwiseAttention(x.q, x.k, x.v, { causal: true, segments: p.seg })
        return sum(mul(made, made))
      })({ q: p.q, v: p.v, k: k as K })
      return d
    }
    return vmap("example", one)({ q, v, seg } as never)
  }, s)
})

it("narrow queries, keys and values are widened in the kernel", async () => {
  const half = f16("batch time group head", sizes)
  const p = await same(
    ({ q, k, v }) =>
      blockwiseAttention(
        q as Q,
        mul(cast(k as F16<"batch time group head">, "f32"), 0.5),
        cast(v as F16<"batch time group head">, "f32"),
        {},
      ),
    { q, k: half, v: half },
  )
  assert.equal(steps(p).map(([x]) => x.tag), ["attend"])
})

it.run()
