/**
 * Kinds of attention beside each other: attention-kinds.ts TIME THREADS. 8 heads of 64, float32. Prints one line of JSON.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { F32, I32 } from "../../../core/tensor/tensor.ts"
import { blockwiseAttention } from "../../../ops/attention.ts"
import { square } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { head, heads } from "../attention.ts"
import { uniform } from "../training.ts"
import { repeated } from "./repeated.ts"
import { must, session } from "./session.ts"

const [time = 4096, threads = 2] = process.argv.slice(2).map(Number)

type X = F32<"group time head">
type Shared = F32<"group share time head">
type Turned = F32<"time group head">

const x = f32("group time head", { group: heads, time, head })
const all = { q: x, k: x, v: x }
const few = f32("group time head", { group: 2, time, head })
const shared = { q: f32("group share time head", { group: 2, share: 4, time, head }), k: few, v: few }
const row = f32("time group head", { time, group: heads, head })
const turned = { q: row, k: row, v: row }

/** The gradient of the sum of squares of a result. */
const back = (attend: (q: X, k: X, v: X) => X): Program =>
  must(compile(({ q, k, v }) => {
    const loss = (x: { readonly q: X; readonly k: X; readonly v: X }) =>
      sum(square(attend(x.q, x.k, x.v)), "group time head")
    return valueAndGrad(loss)({ q, k, v }).gradient
  }, all))

const cases: { readonly [name: string]: () => Program } = {
  full: () => must(compile(({ q, k, v }) => ({ out: blockwiseAttention(q, k, v) }), all)),
  causal: () => must(compile(({ q, k, v }) => ({ out: blockwiseAttention(q, k, v, { causal: true }) }), all)),
  "causal, heads inside of the sequence": () =>
    must(compile(({ q, k, v }) => ({ out: blockwiseAttention(q as Turned, k, v, { causal: true }) }), turned)),
  "causal, 4 heads share keys": () =>
    must(compile(({ q, k, v }) => ({ out: blockwiseAttention(q as Shared, k, v, { causal: true }) }), shared)),
  "causal, window of 512": () =>
    must(compile(({ q, k, v }) => ({ out: blockwiseAttention(q, k, v, { causal: true, window: 512 }) }), all)),
  "causal, 4 segments": () =>
    must(compile(({ q, k, v, segments }) => ({
      out: blockwiseAttention(q, k, v, { causal: true, segments: segments as I32<"time"> }),
    }), { ...all, segments: i32("time", { time }) })),
  "full, with gradients": () => back((q, k, v) => blockwiseAttention(q, k, v)),
  "causal, with gradients": () => back((q, k, v) => blockwiseAttention(q, k, v, { causal: true })),
}

const given = (path: string): HostArray =>
  path === "segments"
    ? Int32Array.from({ length: time }, (_, i) => Math.floor(4 * i / time))
    : uniform([heads, time, head], path.charCodeAt(0), Math.sqrt(3))

const one = ([name, program]: readonly [string, () => Program]) =>
  Effect.scoped(Effect.gen(function* () {
    const made = program()
    const sized = (path: string): HostArray => {
      const elements = made.inputs.find((s) => s.path === path)!.shape.reduce((a, b) => a * b, 1)
      return given(path).subarray(0, elements)
    }
    const on = yield* session(made, sized, threads)
    const milliseconds = yield* repeated(on.run)
    return { name, milliseconds: milliseconds.length > 1 ? milliseconds.slice(1) : milliseconds }
  }))

const results = await Effect.runPromise(Effect.forEach(Object.entries(cases), one))
process.stdout.write(JSON.stringify({ version: "0.1.0", results }) + "\n")
