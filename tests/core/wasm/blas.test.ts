/**
 * A system BLAS in the WebAssembly device: the same sums as our own tiles, the same bits from any number of threads, and
 * said in the device's line; off where it is switched off or the device is strict.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend } from "../../../core/device/backend.ts"
import type { Contract, Expr, Index, Term } from "../../../core/kernel/kernel.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { stream } from "../kernel/tape.ts"
import { type Case, oneKernel } from "../kernel/program.ts"
import { onDevice, type Results } from "../kernel/run.ts"
import { needs } from "../../skip.ts"

const it = suite("wasm blas")

const run = (options: WasmOptions, c: Case): Promise<Results> =>
  Effect.runPromise(
    Effect.scoped(Effect.flatMap(wasm({ memory: 2 ** 28, ...options }), (d) => onDevice(d as Backend, c))),
  )
const description = (options: WasmOptions): Promise<string> =>
  Effect.runPromise(Effect.scoped(Effect.map(wasm({ memory: 2 ** 28, ...options }), (d) => d.info.description)))

const [batch, rows, cols, depth] = [3, 170, 190, 210]
const at = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id): ReadonlyArray<Term> => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } }]),
})
const load = (buffer: number, index: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at: index, guards: [] })
const sum: Expr = { tag: "acc", dtype: "f32", id: 0 }

/** Products of batches; either operand may lie transposed, `a` may be an expression, the result may be changed. */
const product = (turned: boolean, computed: boolean): Case => {
  const random = stream(7)
  const numbers = (n: number): ReadonlyArray<number> => Array.from({ length: n }, () => Math.fround(random() - 0.5))
  const a = load(0, turned ? at(rows * depth, 1, 0, rows) : at(rows * depth, depth, 0, 1))
  const kernel: Contract = {
    tag: "contract",
    dtype: "f32",
    batch: [batch],
    rows: [rows],
    cols: [cols],
    depth: [depth],
    a: computed ? { tag: "unary", fn: "neg", dtype: "f32", x: a } : a,
    b: load(1, turned ? at(0, 0, depth, 1) : at(0, 0, 1, cols)),
    stores: [{
      buffer: 2,
      at: at(rows * cols, cols, 1, 0),
      value: computed ? { tag: "binary", fn: "add", dtype: "f32", x: sum, y: load(1, at(0, 0, 1, 0)) } : sum,
    }],
  }
  return oneKernel(kernel, [
    { role: "input", dtype: "f32", values: numbers(batch * rows * depth) },
    { role: "input", dtype: "f32", values: numbers(depth * cols) },
    { role: "output", dtype: "f32", elements: batch * rows * cols },
  ])
}

const present = /for large contractions/.test(await description({ threads: 1 }))
const off = process.env.ORRERY_BLAS === "off"
const blas = needs(
  it,
  present || off,
  "no BLAS could be loaded",
  "install OpenBLAS (Debian: libopenblas0-pthread), and in Node the package koffi",
)

for (const turned of [false, true]) {
  for (const computed of [false, true]) {
    blas(
      `sums as our tiles do, ${turned ? "transposed" : "straight"}${computed ? ", with loops around" : ""}`,
      async () => {
        const c = product(turned, computed)
        const [ours] = await run({ threads: 2, blas: false }, c)
        const [theirs] = await run({ threads: 2 }, c)
        const [alone] = await run({ threads: 1 }, c)
        const wrong = Array.from(ours!).findIndex((x, i) => !(Math.abs(x - theirs![i]!) < 1e-5 * depth ** 0.5))
        assert.is(wrong, -1)
        assert.ok(Array.from(theirs!).every((x, i) => Object.is(x, alone![i])))
      },
    )
  }
}

it("is off where it should be", async () => {
  assert.not.match(await description({ threads: 1, blas: false }), /large contractions/)
  assert.not.match(await description({ threads: 1, relaxed: false }), /large contractions/)
})

it.run()
