/**
 * Contractions of sizes that reach every way of cutting them: several blocks of rows and cols, a depth in several parts,
 * operands packed by all, by tasks or not at all, few rows, batches; straight and transposed; with loops around.
 * @module
 */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend } from "../../../core/device/backend.ts"
import type { Compute, DType } from "../../../core/tensor/dtype.ts"
import type { Contract, Expr, Index, Term } from "../../../core/kernel/kernel.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { oneKernel } from "../kernel/program.ts"
import { onDevice } from "../kernel/run.ts"
import { stream } from "../kernel/tape.ts"

const it = suite("wasm contractions")

type Shape = readonly [batch: number, rows: number, cols: number, depth: number]
interface Layout {
  readonly left: boolean
  readonly right: boolean
  /** The result lies transposed. */
  readonly turned: boolean
  /** Operands are negated on the way, and something is added to the result. */
  readonly computed: boolean
}

const shapes: ReadonlyArray<Shape> = [
  [1, 65, 33, 100],
  [1, 200, 100, 1],
  [1, 128, 128, 128],
  [1, 7, 1000, 33],
  [1, 1000, 3, 50],
  [1, 40, 70, 2000],
  [1, 5, 9, 3001],
  [1, 301, 77, 64],
  [1, 1, 300, 257],
  [1, 2, 131, 64],
  [1, 3, 66, 50],
  [1, 4, 1100, 30],
  [1, 150, 1, 64],
  [30, 20, 24, 20],
  [26, 40, 30, 17],
  [3, 100, 90, 40],
]
const straight: Layout = { left: false, right: false, turned: false, computed: false }
const layouts: ReadonlyArray<Layout> = [
  straight,
  { ...straight, left: true },
  { ...straight, right: true },
  { ...straight, left: true, right: true, turned: true },
  { ...straight, computed: true },
  { left: true, right: true, turned: true, computed: true },
]

const at = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id): ReadonlyArray<Term> => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } }]),
})

const kernelOf = ([batch, rows, cols, depth]: Shape, l: Layout, dtype: Compute): Contract => {
  const operand = (buffer: number, index: Index): Expr => {
    const x: Expr = { tag: "load", dtype, buffer, at: index, guards: [] }
    return l.computed ? { tag: "unary", fn: "neg", dtype, x } : x
  }
  const sum: Expr = { tag: "acc", dtype, id: 0 }
  return {
    tag: "contract",
    dtype,
    batch: [batch],
    rows: [rows],
    cols: [cols],
    depth: [depth],
    a: operand(0, l.left ? at(rows * depth, 1, 0, rows) : at(rows * depth, depth, 0, 1)),
    b: operand(1, l.right ? at(cols * depth, 0, depth, 1) : at(cols * depth, 0, 1, cols)),
    stores: [{
      buffer: 2,
      at: l.turned ? at(rows * cols, 1, rows) : at(rows * cols, cols, 1),
      value: l.computed ? { tag: "binary", fn: "add", dtype, x: sum, y: { tag: "const", dtype, value: 3 } } : sum,
    }],
  }
}

const wrongAt = (
  device: Backend,
  shape: Shape,
  layout: Layout,
  dtype: Compute,
  stored: DType,
): Effect.Effect<number, unknown> =>
  Effect.gen(function* () {
    const [batch, rows, cols, depth] = shape
    const random = stream(rows * cols + depth)
    // eighths: exact as halves too, and as integers
    const numbers = (n: number): ReadonlyArray<number> =>
      Array.from({ length: n }, () =>
        dtype === "f32" ? Math.round(16 * (random() - 0.5)) / 8 : Math.floor(100 * random()))
    const a = numbers(batch * rows * depth), b = numbers(batch * depth * cols)
    const [got] = yield* onDevice(
      device,
      oneKernel(kernelOf(shape, layout, dtype), [
        { role: "input", dtype: stored, values: a },
        { role: "input", dtype: stored, values: b },
        { role: "output", dtype, elements: batch * rows * cols },
      ]),
    )
    return got!.length !== batch * rows * cols ? 0 : Array.from(got!).findIndex((x, i) => {
      const within = i % (rows * cols), z = Math.floor(i / (rows * cols))
      const [r, c] = layout.turned
        ? [within % rows, Math.floor(within / rows)]
        : [Math.floor(within / cols), within % cols]
      let sum = layout.computed ? 3 : 0
      for (let k = 0; k < depth; k++) {
        sum += a[z * rows * depth + (layout.left ? k * rows + r : r * depth + k)]! *
          b[z * cols * depth + (layout.right ? c * depth + k : k * cols + c)]!
      }
      return x !== sum
    })
  })

// Eighths up to 1: products are 64ths, and sums of some thousands of them are exact in float32.
for (
  const [dtype, stored] of [["f32", "f32"], ["f32", "bf16"], ["f32", "f16"], ["i32", "i32"], ["u32", "u8"]] as const
) {
  it(`gives exact sums of ${stored} in ${dtype}`, () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const device = (yield* wasm({ memory: 2 ** 28, threads: 2, blas: false })) as Backend
      const faults: Array<string> = []
      for (const shape of shapes) {
        for (const layout of stored === "f32" ? layouts : [layouts[0]!, layouts[3]!]) {
          const wrong = yield* wrongAt(device, shape, layout, dtype, stored)
          if (wrong >= 0) faults.push(`${shape} ${JSON.stringify(layout)}: element ${wrong}`)
        }
      }
      assert.equal(faults, [])
    }))))
}

it.run()
