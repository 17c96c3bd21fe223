/**
 * Our passes over memory: stream.ts THREADS REPEATS. Prints one line of JSON.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { add, mul } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { softmax } from "../../../ops/softmax.ts"
import { must, session } from "./session.ts"

const [threads = 1, repeats = 9] = process.argv.slice(2).map(Number)
const long = f32("element", { element: 2 ** 24 }), wide = f32("row column", { row: 4096, column: 1024 })

const cases: ReadonlyArray<readonly [name: string, program: Program]> = [
  ["multiply-add", must(compile(({ x, y }) => ({ z: add(x, mul(y, 2)) }), { x: long, y: long }))],
  ["sum", must(compile(({ x }) => ({ z: sum(x, "element") }), { x: long }))],
  ["softmax", must(compile(({ x }) => ({ z: softmax(x, "column") }), { x: wide }))],
]
const one = ([name, program]: typeof cases[number]) =>
  Effect.scoped(Effect.gen(function* () {
    const filled = (path: string): Float32Array => {
      const slot = program.inputs.find((s) => s.path === path)!
      const length = slot.shape.reduce((a, b) => a * b, 1)
      return name === "softmax"
        ? Float32Array.from({ length }, (_, i) => i % 13 / 13)
        : new Float32Array(length).fill(1)
    }
    const on = yield* session(program, filled, threads)
    const milliseconds: Array<number> = []
    const warm = performance.now() + 300
    while (performance.now() < warm) yield* on.run
    for (let i = 0; i < repeats; i++) milliseconds.push(yield* on.run)
    const last = (yield* on.output("z")).at(-1)!, want = { "multiply-add": 3, sum: 2 ** 24, softmax: 1 / 1024 }[name]!
    if (!(Math.abs(last - want) < want)) throw new Error(`${name}: got ${last}, expected about ${want}`)
    return { name, milliseconds }
  }))

const results = await Effect.runPromise(Effect.forEach(cases, one))
process.stdout.write(JSON.stringify({ version: "0.1.0", results }) + "\n")
