import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { ReduceFn } from "../../../core/graph/node.ts"
import type { Expr, Index, Kernel, Loop } from "../../../core/kernel/kernel.ts"
import { exact, meaning } from "../../../core/kernel/meaning.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import type { KernelCode, KernelContext } from "../../../core/wasm/kernel.ts"
import { lower } from "../../../core/wasm/lower.ts"
import { contextOf, modes, runCode } from "./harness.ts"

const it = suite("wasm loops")

const index = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})
const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })
const op = (fn: "add" | "sub" | "mul" | "div", x: Expr, y: Expr): Expr => ({ tag: "binary", dtype: "f32", fn, x, y })
const exp = (x: Expr): Expr => ({ tag: "unary", dtype: "f32", fn: "exp", x })

const folded = (
  fn: ReduceFn,
  dims: ReadonlyArray<number>,
  over: ReadonlyArray<number>,
  at: Index,
  to: Index,
): Loop => ({
  tag: "loop",
  dims,
  over,
  stages: [
    { tag: "fold", folds: [{ id: 0, fn, dtype: "f32", value: load(0, at) }] },
    { tag: "point", stores: [{ buffer: 1, at: to, value: op("mul", acc(0), acc(0)) }] },
  ],
})

const map = (dims: ReadonlyArray<number>, from: Index, to: Index): Loop => ({
  tag: "loop",
  dims,
  over: [],
  stages: [{ tag: "point", stores: [{ buffer: 1, at: to, value: load(0, from) }] }],
})

const softmax = (rows: number, cols: number, row: number, col: number): Loop => {
  const x = load(0, index(row, col))
  const e = exp(op("sub", x, acc(0)))
  return {
    tag: "loop",
    dims: [rows],
    over: [cols],
    stages: [
      { tag: "fold", folds: [{ id: 0, fn: "max", dtype: "f32", value: x }] },
      { tag: "fold", folds: [{ id: 1, fn: "sum", dtype: "f32", value: e }] },
      { tag: "sweep", stores: [{ buffer: 1, at: index(row, col), value: op("div", e, acc(1)) }] },
    ],
  }
}

const numbers = (n: number): Float32Array => {
  let seed = 12345
  return Float32Array.from({ length: n }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0
    return (seed >>> 8) / 2 ** 24 - 0.4
  })
}

const wanted = (kernel: Kernel, buffers: ReadonlyArray<ArrayLike<number>>): ReadonlyArray<Float64Array> => {
  const held = buffers.map((b) => Float64Array.from(b))
  meaning(exact, kernel)({
    load: (b, at) => held[b]![at]!,
    store: (b, at, value) => {
      held[b]![at] = value
    },
    clear: (b) => {
      held[b]!.fill(0)
    },
  }, [])
  return held
}

/** Compares with the meaning, and one task at a time with all at once. */
const check = (kernel: Kernel, inputs: number, outputs: number, see?: (code: KernelCode) => void): void => {
  const data = [numbers(inputs), new Float32Array(outputs)]
  const dtypes: ReadonlyArray<DType> = ["f32", "f32"]
  const want = wanted(kernel, data)[1]!
  const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-30)
  for (const mode of modes) {
    const context: KernelContext = contextOf(mode, dtypes)
    const code = lower(kernel, context)
    see?.(code)
    const filled = data.map((d, i) => ({ dtype: dtypes[i]!, data: d }))
    const [one, all, some] = [1, 1 << 30, 3].map((group) => runCode(code, filled, [], group)[1]!)
    want.forEach((x, i) => {
      if (!(Math.abs(x - one![i]!) <= 1e-5 * scale)) assert.unreachable(`element ${i}: ${one![i]}, expected ${x}`)
    })
    assert.equal(one, all)
    assert.equal(one, some)
  }
}

const phases = (n: number) => (code: KernelCode): void => assert.is(code.phases.length, n)

it("sums everything in pieces", () => {
  for (const n of [1 << 16, 65537, 99991]) check(folded("sum", [], [n], index(1), index()), n, 1, phases(2))
})

it("finds the extremes of everything in pieces", () => {
  check(folded("max", [], [77773], index(1), index()), 77773, 1, phases(2))
  check(folded("min", [3], [70001], index(70001, 1), index(1)), 3 * 70001, 3, phases(2))
})

it("sums columns in pieces", () => {
  check(folded("sum", [64], [8192], index(1, 64), index(1)), 64 * 8192, 64, phases(2))
  check(folded("sum", [37], [9973], index(1, 37), index(1)), 37 * 9973, 37, phases(2))
})

it("sums columns and rows in one go where they are short", () => {
  check(folded("sum", [37], [9], index(1, 37), index(1)), 37 * 9, 37, phases(1))
  check(folded("sum", [9], [37], index(37, 1), index(1)), 37 * 9, 9, phases(1))
})

it("keeps the error of long sums small", () => {
  const n = 1 << 20
  const data = [new Float32Array(n).fill(0.1), new Float32Array(1)]
  const filled = data.map((d) => ({ dtype: "f32" as const, data: d }))
  const kernel = folded("sum", [], [n], index(1), index())
  const [, got] = runCode(lower(kernel, contextOf(modes[0]!, ["f32", "f32"])), filled)
  const want = (Math.fround(0.1) * n) ** 2
  assert.ok(Math.abs(got![0]! - want) <= 4e-6 * want, `${got![0]}, expected ${want}`)
})

it("transposes", () => {
  check(map([33, 50], index(1, 33), index(50, 1)), 33 * 50, 33 * 50)
  check(map([5, 33, 50], index(33 * 50, 1, 33), index(33 * 50, 50, 1)), 5 * 33 * 50, 5 * 33 * 50)
})

it("swaps neighbours", () => {
  const swapped: Index = { base: 1, terms: index(2, -1).terms }
  check(map([301, 2], swapped, index(2, 1)), 602, 602)
})

it("turns around and skips", () => {
  check(map([999], { base: 998, terms: index(-1).terms }, index(1)), 999, 999)
  check(map([333], index(3), index(1)), 999, 333)
  check(map([333], index(1), index(3)), 333, 999)
  check(map([100, 3], index(1, 100), index(3, 1)), 300, 300)
})

it("splits an axis whose parts are no multiple of four, wherever it begins", () => {
  const at: Index = {
    base: 0,
    terms: [{ coef: 1, atom: { tag: "turn", depth: 0 } }, { coef: 1, atom: { tag: "var", id: 0 } }],
  }
  const to: Index = {
    base: 0,
    terms: [
      { coef: 20, atom: { tag: "div", of: at, by: 7 } },
      { coef: 1, atom: { tag: "mod", of: at, by: 7 } },
    ],
  }
  const kernel: Loop = map([50], at, to)
  const data = [numbers(60), new Float32Array(180)].map((d) => ({ dtype: "f32" as const, data: d }))
  for (const turn of [0, 1, 5]) {
    const [, got] = runCode(lower(kernel, contextOf(modes[0]!, ["f32", "f32"], 1)), data, [turn])
    for (let i = turn; i < 50 + turn; i++) assert.is(got![20 * Math.floor(i / 7) + i % 7], data[0]!.data[i])
  }
})

it("softmax of rows and of columns", () => {
  check(softmax(7, 131, 131, 1), 7 * 131, 7 * 131)
  check(softmax(131, 7, 1, 131), 7 * 131, 7 * 131)
  check(softmax(3, 5000, 5000, 1), 15000, 15000)
})

it.run()
