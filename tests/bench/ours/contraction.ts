/**
 * Our matrix product: contraction.ts THREADS REPEATS N... Prints one line of JSON. Each result is checked against a
 * float64 sum on some of its elements.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { compile } from "../../../core/plan/compile.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { dot } from "../../../ops/contraction.ts"
import { must, session } from "./session.ts"

const [threads = 1, repeats = 9, ...sizes] = process.argv.slice(2).map(Number)

/** The same numbers that the peers multiply. */
const matrix = (n: number, seed: number): Float32Array =>
  Float32Array.from({ length: n * n }, (_, i) => ((i * 7 + seed) % 13) / 13 - 0.5)

const check = (n: number, x: Float32Array, y: Float32Array, z: ArrayLike<number>): void => {
  for (let probe = 0; probe < 64; probe++) {
    const row = (probe * 31) % n, column = (probe * 17 + 3) % n
    let sum = 0
    for (let k = 0; k < n; k++) sum += x[row * n + k]! * y[k * n + column]!
    const off = Math.abs(z[row * n + column]! - sum)
    if (!(off < 1e-5 * n)) throw new Error(`n = ${n}: element ${row}, ${column} is off by ${off}`)
  }
}

const one = (n: number) =>
  Effect.scoped(Effect.gen(function* () {
    const specs = { x: f32("row inner", { row: n, inner: n }), y: f32("inner column", { inner: n, column: n }) }
    const program = must(compile(({ x, y }) => ({ z: dot(x, y, "inner") }), specs))
    const x = matrix(n, 1), y = matrix(n, 5)
    const on = yield* session(program, (path) => path === "x" ? x : y, threads)
    const milliseconds: Array<number> = []
    // Engines compile well only after some runs: warm up by time, as a step of training would.
    const warm = performance.now() + 300
    while (performance.now() < warm) yield* on.run
    for (let i = 0; i < repeats; i++) milliseconds.push(yield* on.run)
    check(n, x, y, yield* on.output("z"))
    return { n, milliseconds, device: on.description }
  }))

const results = await Effect.runPromise(Effect.forEach(sizes, one))
process.stdout.write(JSON.stringify({ version: "0.1.0", device: results[0]?.device, results }) + "\n")
