/** Running sums where they leave f32, and of what is no number: as by plain addition. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Cumulate, Expr, Index } from "../../../core/kernel/kernel.ts"
import { cumulateCode } from "../../../core/wasm/cumulate.ts"
import type { Features } from "../../../core/wasm/kernel.ts"
import { contextOf, modes, runCode } from "./harness.ts"

const it = suite("wasm running sums")

/** Running sums of rows that lie along memory, or across it (so that four run side by side). */
const sums = (mode: Features, rows: number, values: ReadonlyArray<number>, across: boolean): ReadonlyArray<number> => {
  const length = values.length
  const [perRow, perElement] = across ? [1, rows] : [length, 1]
  const at: Index = {
    base: 0,
    terms: [{ coef: perRow, atom: { tag: "var", id: 0 } }, { coef: perElement, atom: { tag: "var", id: 1 } }],
  }
  const value: Expr = { tag: "load", dtype: "f32", buffer: 0, at, guards: [] }
  const acc: Expr = { tag: "acc", dtype: "f32", id: 0 }
  const kernel: Cumulate = {
    tag: "cumulate",
    dtype: "f32",
    dims: [rows],
    length,
    fn: "sum",
    reverse: false,
    value,
    stores: [{ buffer: 1, at, value: acc }],
  }
  const given = Float32Array.from(
    { length: rows * length },
    (_, i) => values[across ? Math.floor(i / rows) : i % length]!,
  )
  const filled = [given, new Float32Array(given.length)].map((data) => ({ dtype: "f32" as const, data }))
  const out = runCode(cumulateCode(kernel, contextOf(mode, ["f32", "f32"])), filled)[1] as Float32Array
  const row = (r: number): ReadonlyArray<number> => values.map((_, i) => out[r * perRow + i * perElement]!)
  for (let r = 1; r < rows; r++) assert.equal(row(r), row(0))
  return row(0)
}

/** By plain addition in f32. */
const plain = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  let sum = 0
  return values.map((x) => sum = Math.fround(sum + Math.fround(x)))
}

const table: ReadonlyArray<ReadonlyArray<number>> = [
  [3e38, 3e38, 1, 2],
  [-3e38, -3e38, 1, -2],
  [3e38, 3e38, -3e38, -3e38, -3e38],
  [1, Infinity, 2, 3e38],
  [1, -Infinity, 2, -3e38],
  [Infinity, 1, -Infinity, 1],
  [1, NaN, 2, Infinity],
  [3e38, 3e38, NaN, 0],
  [3e38, 3e38, -Infinity, 0],
]

for (const mode of modes) {
  const name = mode.relaxed ? "relaxed" : "strict"
  for (const across of [false, true]) {
    it(`${name}, ${across ? "across" : "along"}: infinite sums stay infinite, NaN stays NaN`, () => {
      for (const values of table) assert.equal(sums(mode, 9, values, across), plain(values), `${values}`)
    })
    it(`${name}, ${across ? "across" : "along"}: what is not finite comes where plain addition has it`, () => {
      const some = fc.constantFrom(0, 1, -1, 3e38, -3e38, 1e30, Infinity, -Infinity, NaN, 0.1)
      fc.assert(
        fc.property(fc.array(some, { minLength: 1, maxLength: 20 }), (values) => {
          const want = plain(values)
          sums(mode, 5, values, across).forEach((y, i) => {
            const same = Number.isFinite(y) ? Number.isFinite(want[i]!) : Object.is(y, want[i])
            assert.ok(same, `${values}: ${y}, expected ${want[i]}`)
          })
        }),
        { numRuns: 100, seed: 6 },
      )
    })
  }
}

it.run()
