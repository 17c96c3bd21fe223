/**
 * Products of other shapes than two square matrices: products.ts THREADS REPEATS. Transposed operands, batches of small
 * products, what attention multiplies, one row. Our own tiles only, no system BLAS. Prints one line of JSON. With one
 * thread milliseconds are the processor's time of this process, which does not count when others have the machine.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { dot } from "../../../ops/contraction.ts"
import { must, session } from "./session.ts"

process.env.ORRERY_BLAS = "off"
const [threads = 1, repeats = 9] = process.argv.slice(2).map(Number)

interface Case {
  readonly name: string
  /** Multiply-adds of one run. */
  readonly amount: number
  readonly program: Program
}

const [n, small, time, head, model] = [512, 64, 256, 64, 2048]

const left = f32("row inner", { row: n, inner: n }), turnedLeft = f32("inner row", { inner: n, row: n })
const right = f32("inner column", { inner: n, column: n }), turnedRight = f32("column inner", { column: n, inner: n })
const square = (name: string, program: Program): Case => ({ name, amount: n ** 3, program })
const batch = (size: number, count: number): Case => ({
  name: `${count} of ${size} x ${size}`,
  amount: count * size ** 3,
  program: must(compile(
    ({ x, y }) => ({ z: dot(x, y, "inner") }),
    {
      x: f32("batch row inner", { batch: count, row: size, inner: size }),
      y: f32("batch inner column", { batch: count, inner: size, column: size }),
    },
  )),
})
const heads = { batch: 4, time, head: 4, width: head }
const keys = { batch: 4, key: time, head: 4, width: head }

const cases: ReadonlyArray<Case> = [
  square("square", must(compile(({ x, y }) => ({ z: dot(x, y, "inner") }), { x: left, y: right }))),
  square("left transposed", must(compile(({ x, y }) => ({ z: dot(x, y, "inner") }), { x: turnedLeft, y: right }))),
  square("right transposed", must(compile(({ x, y }) => ({ z: dot(x, y, "inner") }), { x: left, y: turnedRight }))),
  square(
    "both transposed",
    must(compile(({ x, y }) => ({ z: dot(x, y, "inner") }), { x: turnedLeft, y: turnedRight })),
  ),
  batch(small, 64),
  batch(2 * small, 16),
  {
    name: "scores of attention",
    amount: 16 * time * time * head,
    program: must(compile(
      ({ q, k }) => ({ z: dot(q, k, "width") }),
      { q: f32("batch time head width", heads), k: f32("batch key head width", keys) },
    )),
  },
  {
    name: "weighted values",
    amount: 16 * time * time * head,
    program: must(compile(
      ({ p, v }) => ({ z: dot(p, v, "key") }),
      { p: f32("batch head time key", { ...heads, key: time }), v: f32("batch key head width", keys) },
    )),
  },
  {
    name: "one row",
    amount: model ** 2,
    program: must(compile(
      ({ x, y }) => ({ z: dot(x, y, "inner") }),
      { x: f32("row inner", { row: 1, inner: model }), y: f32("inner column", { inner: model, column: model }) },
    )),
  },
]

const processor = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const one = ({ name, amount, program }: Case) =>
  Effect.scoped(Effect.gen(function* () {
    const size = (path: string): number => program.inputs.find((s) => s.path === path)!.shape.reduce((a, b) => a * b, 1)
    const on = yield* session(program, (p) => Float32Array.from({ length: size(p) }, (_, i) => i % 7 - 3), threads)
    const warm = performance.now() + 300
    while (performance.now() < warm) yield* on.run
    const runs = Math.ceil(2e8 / amount)
    const milliseconds: Array<number> = []
    for (let i = 0; i < repeats; i++) {
      const clock = performance.now(), used = processor()
      for (let r = 0; r < runs; r++) yield* on.run
      milliseconds.push((threads === 1 ? processor() - used : performance.now() - clock) / runs)
    }
    return { name, amount, milliseconds }
  }))

const results = await Effect.runPromise(Effect.forEach(cases, one))
process.stdout.write(JSON.stringify({ version: "0.1.0", results }) + "\n")
