import { suite } from "uvu"
import * as assert from "uvu/assert"
import { order } from "../../../core/graph/fold.ts"
import type { Cumulate, Index, Scatter, Sort } from "../../../core/kernel/kernel.ts"
import type { Compute, HostArray } from "../../../core/tensor/dtype.ts"
import { lower } from "../../../core/wasm/lower.ts"
import { contextOf, modes, runCode } from "./harness.ts"

const it = suite("wasm sorts, running folds, scatter")

const index = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})

const sorted = (dtype: Compute & ("f32" | "i32" | "u32"), keys: HostArray, n: number, descending: boolean): void => {
  const rows = keys.length / n
  const kernel: Sort = {
    tag: "sort",
    dims: [rows],
    length: n,
    descending,
    key: { tag: "load", dtype, buffer: 0, at: index(n, 1), guards: [] },
    buffer: 1,
    at: index(n, 1),
  }
  const code = lower(kernel, contextOf(modes[0]!, [dtype, "i32"]))
  const [, got] = runCode(code, [{ dtype, data: keys }, { dtype: "i32", data: new Int32Array(keys.length) }])
  const before = order(descending)
  for (let r = 0; r < rows; r++) {
    const row = Array.from(keys.subarray(r * n, (r + 1) * n))
    const want = row.map((_, i) => i).sort((i, j) => before(row[i]!, row[j]!))
    assert.equal(Array.from(got!.subarray(r * n, (r + 1) * n)), want)
  }
}

const rough = (i: number): number => {
  if (i % 97 === 0) return NaN
  if (i % 31 === 0) return -0
  if (i % 29 === 0) return 0
  return i % 101 === 0 ? Infinity : i % 103 === 0 ? -Infinity : Math.round(Math.sin(i * i) * 50) / 3
}

for (const n of [1, 2, 7, 255, 256, 1000, 4097]) {
  it(`sorts rows of ${n}`, () => {
    for (const descending of [false, true]) {
      sorted("f32", Float32Array.from({ length: 2 * n }, (_, i) => rough(i)), n, descending)
      sorted("i32", Int32Array.from({ length: 2 * n }, (_, i) => Math.imul(i, 0x9e3779b1) >> (i % 29)), n, descending)
      sorted("u32", Uint32Array.from({ length: 2 * n }, (_, i) => Math.imul(i, 0x9e3779b1)), n, descending)
    }
  })
}

it("running sums are as good at the end as at the beginning", () => {
  const n = 1 << 17
  const sum: Cumulate = {
    tag: "cumulate",
    dtype: "f32",
    dims: [1],
    length: n,
    fn: "sum",
    reverse: false,
    value: { tag: "load", dtype: "f32", buffer: 0, at: index(n, 1), guards: [] },
    stores: [{ buffer: 1, at: index(n, 1), value: { tag: "acc", dtype: "f32", id: 0 } }],
  }
  const data = [new Float32Array(n).fill(0.1), new Float32Array(n)].map((d) => ({ dtype: "f32" as const, data: d }))
  const [, got] = runCode(lower(sum, contextOf(modes[0]!, ["f32", "f32"])), data)
  for (const i of [0, 1, 999, n - 1]) {
    const want = Math.fround(0.1) * (i + 1)
    assert.ok(Math.abs(got![i]! - want) <= 2e-7 * want, `${got![i]}, expected ${want}`)
  }
})

it("scatters the same, however tasks are grouped", () => {
  const [points, columns, size] = [500, 200, 7]
  const kernel: Scatter = {
    tag: "scatter",
    dtype: "f32",
    dims: [columns],
    along: [points],
    row: { tag: "load", dtype: "i32", buffer: 1, at: index(0, 1), guards: [] },
    size,
    stride: columns,
    value: { tag: "load", dtype: "f32", buffer: 0, at: index(1, columns), guards: [] },
    buffer: 2,
    at: index(1),
    elements: size * columns,
  }
  const values = Float32Array.from({ length: points * columns }, (_, i) => Math.sin(i))
  const rows = Int32Array.from({ length: points }, (_, i) => i * 5 % 9 - 1)
  const want = new Float64Array(size * columns)
  values.forEach((v, i) => {
    const row = rows[Math.floor(i / columns)]!
    if (row >= 0 && row < size) want[row * columns + i % columns]! += v
  })
  const code = lower(kernel, contextOf(modes[1]!, ["f32", "i32", "f32"]))
  const filled = [
    { dtype: "f32" as const, data: values },
    { dtype: "i32" as const, data: rows },
    { dtype: "f32" as const, data: new Float32Array(size * columns).fill(9) },
  ]
  const [one, all] = [1, 1 << 20].map((group) => runCode(code, filled, [], group)[2]!)
  assert.equal(one, all)
  want.forEach((x, i) => assert.ok(Math.abs(x - one![i]!) <= 1e-4, `element ${i}: ${one![i]}, expected ${x}`))
})

it.run()
