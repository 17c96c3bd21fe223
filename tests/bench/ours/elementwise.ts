/**
 * Our loops over memory: elementwise.ts THREADS REPEATS. Prints one line of JSON: milliseconds of each case, and what it
 * moves (bytes) or makes (elements). With one thread they are the processor's time of this process, which does not count
 * when others have the machine; with more they are the clock's.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { add, div, exp, mul, neg, rsqrt, sigmoid, sqrt, square, sub, tanh } from "../../../ops/elementwise.ts"
import { mean, sum } from "../../../ops/reduction.ts"
import { softmax } from "../../../ops/softmax.ts"
import { must, session } from "./session.ts"

const [threads = 1, repeats = 9] = process.argv.slice(2).map(Number)
const length = 2 ** 23
const [rows, columns] = [8192, 1024]
const long = f32("element", { element: length })
const wide = f32("row column", { row: rows, column: columns })
const scale = f32("column", { column: columns })
const state = { p: long, m: long, v: long }

interface Case {
  readonly name: string
  readonly unit: "GB/s" | "Gelem/s"
  readonly amount: number
  readonly program: Program
}

const bytes = (perElement: number): Pick<Case, "unit" | "amount"> => ({ unit: "GB/s", amount: perElement * length })
const made: Pick<Case, "unit" | "amount"> = { unit: "Gelem/s", amount: length }

const cases: ReadonlyArray<Case> = [
  { name: "copy (negated)", ...bytes(8), program: must(compile(({ x }) => ({ z: neg(x) }), { x: long })) },
  {
    name: "triad",
    ...bytes(12),
    program: must(compile(({ x, y }) => ({ z: add(x, mul(y, 3)) }), { x: long, y: long })),
  },
  {
    name: "AdamW in place",
    ...bytes(28),
    program: must(compile(
      ({ state: { p, m, v }, g }) => {
        const m2 = add(mul(m, 0.9), mul(g, 0.1))
        const v2 = add(mul(v, 0.95), mul(square(g), 0.05))
        const step = add(div(m2, add(sqrt(v2), 1e-8)), mul(p, 0.1))
        return { state: { p: sub(p, mul(step, 1e-3)), m: m2, v: v2 } }
      },
      { state, g: long },
      { donate: ["state"] },
    )),
  },
  {
    name: "SwiGLU",
    ...bytes(12),
    program: must(compile(({ x, y }) => ({ z: mul(mul(x, sigmoid(x)), y) }), { x: long, y: long })),
  },
  { name: "sum of all", ...bytes(4), program: must(compile(({ x }) => ({ z: sum(x, "element") }), { x: long })) },
  { name: "sums of rows", ...bytes(4), program: must(compile(({ x }) => ({ z: sum(x, "column") }), { x: wide })) },
  { name: "sums of columns", ...bytes(4), program: must(compile(({ x }) => ({ z: sum(x, "row") }), { x: wide })) },
  {
    name: "RMSNorm",
    ...bytes(8),
    program: must(compile(({ x, w }) => ({
      z: mul(mul(x, rsqrt(add(mean(square(x), "column"), 1e-6))), w),
    }), { x: wide, w: scale })),
  },
  { name: "softmax", ...made, program: must(compile(({ x }) => ({ z: softmax(x, "column") }), { x: wide })) },
  { name: "exp", ...made, program: must(compile(({ x }) => ({ z: exp(x) }), { x: long })) },
  { name: "tanh", ...made, program: must(compile(({ x }) => ({ z: tanh(x) }), { x: long })) },
]

const one = ({ name, unit, amount, program }: Case) =>
  Effect.scoped(Effect.gen(function* () {
    const filled = (path: string): Float32Array => {
      const slot = program.inputs.find((s) => s.path === path)!
      const size = slot.shape.reduce((a, b) => a * b, 1)
      return Float32Array.from({ length: size }, (_, i) => 0.01 + i % 13 / 13)
    }
    const on = yield* session(program, filled, threads)
    const milliseconds: Array<number> = []
    const warm = performance.now() + 300
    while (performance.now() < warm) yield* on.run
    for (let i = 0; i < repeats; i++) {
      const before = process.cpuUsage()
      const clock = yield* on.run
      const { user, system } = process.cpuUsage(before)
      milliseconds.push(threads === 1 ? (user + system) / 1000 : clock)
    }
    return { name, unit, amount, milliseconds }
  }))

const results = await Effect.runPromise(Effect.forEach(cases, one))
process.stdout.write(JSON.stringify({ version: "0.1.0", results }) + "\n")
