/**
 * Our attention: attention.ts FOLDER PART TIME THREADS. Prints one line of JSON, and leaves what came out in the folder.
 * @module
 */
import { closeSync, openSync, readSync, writeFileSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { blockwiseAttention } from "../../../ops/attention.ts"
import { mul } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { bytesOf, fileOf, head, heads, type Input, outputs, type Part } from "../attention.ts"
import { residentNow, residentPeak } from "./memory-of.ts"
import { repeated } from "./repeated.ts"
import { must, session } from "./session.ts"

const [folder = ".", asked = "forward", size = "512", threads = "2"] = process.argv.slice(2)
const part: Part = asked === "gradient" ? "gradient" : "forward"
const time = Number(size)

type X = F32<"group time head">

const attend = (q: X, k: X, v: X): X => blockwiseAttention(q, k, v, { causal: true })

const program = (n: number): Program => {
  const x = f32("group time head", { group: heads, time: n, head })
  if (part === "forward") return must(compile(({ q, k, v }) => ({ out: attend(q, k, v) }), { q: x, k: x, v: x }))
  return must(compile(({ q, k, v, w }) => {
    const loss = (x: { readonly q: X; readonly k: X; readonly v: X }) =>
      sum(mul(attend(x.q, x.k, x.v), w), "group time head")
    const { q: dq, k: dk, v: dv } = valueAndGrad(loss)({ q, k, v }).gradient
    return { dq, dk, dv }
  }, { q: x, k: x, v: x, w: x }))
}

/** One array for all inputs, so that those at home do not count four times. */
const given = new Float32Array(bytesOf(time) / 4)
const read = (path: string): Float32Array => {
  const file = openSync(fileOf(folder, time, path as Input), "r")
  const bytes = new Uint8Array(given.buffer)
  for (let at = 0; at < bytes.length;) at += readSync(file, bytes, at, bytes.length - at, at)
  closeSync(file)
  return given
}

const small = Effect.scoped(Effect.gen(function* () {
  const on = yield* session(program(64), () => new Float32Array(bytesOf(64) / 4).fill(0.1), Number(threads))
  yield* on.run
}))

const main = Effect.scoped(Effect.gen(function* () {
  yield* small
  const before = residentNow()
  const made = program(time)
  const on = yield* session(made, read, Number(threads))
  const all = yield* repeated(on.run)
  const peak = residentPeak()
  const device = yield* on.peak
  for (const name of outputs[part]) {
    writeFileSync(fileOf(folder, time, name), new Uint8Array((yield* on.output(name)).buffer))
  }
  return {
    version: "0.1.0",
    device: on.description,
    first: all[0],
    milliseconds: all.length > 1 ? all.slice(1) : all,
    before,
    peak,
    held: { peak: device, forecast: on.forecast, given: made.forecast.inputs, made: made.forecast.outputs },
  }
}))

process.stdout.write(JSON.stringify(await Effect.runPromise(main)) + "\n")
