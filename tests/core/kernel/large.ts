/**
 * Explicit cases beyond the limits of one dispatch (65,535 workgroups in a row), and empty axes.
 * @module
 */
import type { Atom, Expr, Index, Kernel } from "../../../core/kernel/kernel.ts"
import { type Case, oneKernel, type Use } from "./program.ts"
import { stream } from "./tape.ts"

/** A case with its name; `want` gives the first output's elements where the plain loops would take too long. */
export interface Large {
  readonly name: string
  readonly case: Case
  readonly want?: (i: number) => number
}

const place = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => (coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }])),
})

const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })

const values = (count: number, seed: number): ReadonlyArray<number> => {
  const next = stream(seed)
  return Array.from({ length: count }, () => Math.round(next() * 200 - 100) / 8)
}

const input = (count: number, seed: number): Use => ({ role: "input", dtype: "f32", values: values(count, seed) })
const output = (elements: number): Use => ({ role: "output", dtype: "f32", elements })

const mod = (of: Index, by: number): Index => {
  const atom: Atom = { tag: "mod", of, by }
  return { base: 0, terms: [{ coef: 1, atom }] }
}

const acc: Expr = { tag: "acc", dtype: "f32", id: 0 }

const sum = (dims: ReadonlyArray<number>, over: ReadonlyArray<number>, read: Index, write: Index): Kernel => ({
  tag: "loop",
  dims,
  over,
  stages: [
    { tag: "fold", folds: [{ id: 0, fn: "sum", dtype: "f32", value: load(0, read) }] },
    { tag: "point", stores: [{ buffer: 1, at: write, value: acc }] },
  ],
})

const contract = (
  sizes: readonly [ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>, ReadonlyArray<number>],
  a: Index,
  b: Index,
  write: Index,
): Kernel => ({
  tag: "contract",
  dtype: "f32",
  batch: sizes[0],
  rows: sizes[1],
  cols: sizes[2],
  depth: sizes[3],
  a: load(0, a),
  b: load(1, b),
  stores: [{ buffer: 2, at: write, value: acc }],
})

const points = 65535 * 256 + 7

/** More points, rows, batches, updates and lines than one dispatch or one line of workgroups takes. */
export const large: ReadonlyArray<Large> = [
  {
    name: "a map of 65,535 x 256 + 7 points",
    case: oneKernel({
      tag: "loop",
      dims: [points],
      over: [],
      stages: [{
        tag: "point",
        stores: [{ buffer: 0, at: place(1), value: { tag: "index", dtype: "u32", at: mod(place(1), 251) } }],
      }],
    }, [{ role: "output", dtype: "u8", elements: points }]),
    want: (i) => i % 251,
  },
  {
    name: "a map of 70,001 x 3 points, the small axis outside",
    case: oneKernel({
      tag: "loop",
      dims: [3, 70001],
      over: [],
      stages: [{
        tag: "point",
        stores: [{
          buffer: 1,
          at: place(70001, 1),
          value: { tag: "unary", dtype: "f32", fn: "neg", x: load(0, place(1, 3)) },
        }],
      }],
    }, [input(70001 * 3, 1), output(70001 * 3)]),
  },
  {
    name: "70,001 sums of 3",
    case: oneKernel(sum([70001], [3], place(3, 1), place(1)), [input(70001 * 3, 2), output(70001)]),
  },
  {
    name: "3 sums of 70,001, the summed axis outside",
    case: oneKernel(sum([3], [70001], place(1, 3), place(1)), [input(70001 * 3, 3), output(3)]),
  },
  {
    name: "one sum of 300,007",
    case: oneKernel(sum([], [300007], place(1), place()), [input(300007, 4), output(1)]),
  },
  {
    name: "66,001 products of 2 x 3 x 2",
    case: oneKernel(
      contract([[66001], [2], [3], [2]], place(4, 2, 0, 1), place(0, 0, 2, 1), place(6, 3, 1)),
      [input(66001 * 4, 5), input(6, 6), output(66001 * 6)],
    ),
  },
  {
    name: "a product of 66,001 x 3 x 2",
    case: oneKernel(contract([[], [66001], [3], [2]], place(2, 0, 1), place(0, 2, 1), place(3, 1)), [
      input(66001 * 2, 7),
      input(6, 8),
      output(66001 * 3),
    ]),
  },
  {
    name: "a product of 1 x 1 x 70,001",
    case: oneKernel(contract([[], [1], [1], [70001]], place(0, 0, 1), place(0, 0, 1), place()), [
      input(70001, 9),
      input(70001, 10),
      output(1),
    ]),
  },
  {
    name: "a scatter of 70,001 updates into 3 rows of 66,001",
    case: oneKernel({
      tag: "scatter",
      dtype: "f32",
      dims: [],
      along: [70001],
      row: { tag: "load", dtype: "i32", buffer: 0, at: place(1), guards: [] },
      size: 66001,
      stride: 1,
      value: load(1, place(1)),
      buffer: 2,
      at: place(),
      elements: 66001,
    }, [
      { role: "input", dtype: "i32", values: Array.from({ length: 70001 }, (_, i) => (i % 3 === 0 ? i % 5 : i - 2)) },
      input(70001, 11),
      output(66001),
    ]),
  },
  {
    name: "running sums of 100,003",
    case: oneKernel({
      tag: "cumulate",
      dtype: "f32",
      dims: [],
      length: 100003,
      fn: "sum",
      reverse: true,
      value: load(0, place(1)),
      stores: [{ buffer: 1, at: place(1), value: acc }],
    }, [input(100003, 12), output(100003)]),
  },
  {
    name: "66,001 running sums of 2",
    case: oneKernel({
      tag: "cumulate",
      dtype: "f32",
      dims: [66001],
      length: 2,
      fn: "sum",
      reverse: false,
      value: load(0, place(2, 1)),
      stores: [{ buffer: 1, at: place(2, 1), value: acc }],
    }, [input(66001 * 2, 13), output(66001 * 2)]),
  },
  {
    name: "a sort of 70,001 with many ties",
    case: oneKernel({
      tag: "sort",
      dims: [],
      length: 70001,
      descending: true,
      key: load(0, place(1)),
      buffer: 1,
      at: place(1),
    }, [input(70001, 14), { role: "output", dtype: "i32", elements: 70001 }]),
  },
  {
    name: "66,001 sorts of 2",
    case: oneKernel({
      tag: "sort",
      dims: [66001],
      length: 2,
      descending: false,
      key: load(0, place(2, 1)),
      buffer: 1,
      at: place(2, 1),
    }, [input(66001 * 2, 15), { role: "output", dtype: "i32", elements: 66001 * 2 }]),
  },
]

const folds: Kernel = {
  tag: "loop",
  dims: [3],
  over: [0],
  stages: [
    {
      tag: "fold",
      folds: (["sum", "prod", "max", "min", "argmax"] as const).map((fn, id) => ({
        id,
        fn,
        dtype: "f32",
        value: load(0, place(0, 1)),
      })),
    },
    {
      tag: "point",
      stores: ([0, 1, 2, 3, 4] as const).map((id) => ({
        buffer: id + 1,
        at: place(1),
        value: { tag: "acc", dtype: id === 4 ? "i32" : "f32", id },
      })),
    },
  ],
}

/** Axes of no elements: nothing is computed, and folds over nothing give their identities. */
export const empty: ReadonlyArray<Large> = [
  {
    name: "a map over nothing",
    case: oneKernel({
      tag: "loop",
      dims: [3, 0],
      over: [],
      stages: [{ tag: "point", stores: [{ buffer: 1, at: place(0, 1), value: load(0, place(0, 1)) }] }],
    }, [input(0, 1), output(0)]),
  },
  {
    name: "folds over nothing",
    case: oneKernel(folds, [input(0, 1), output(3), output(3), output(3), output(3), {
      role: "output",
      dtype: "i32",
      elements: 3,
    }]),
  },
  {
    name: "a product over nothing is 0",
    case: oneKernel(contract([[], [3], [2], [0]], place(0, 0, 1), place(0, 0, 1), place(2, 1)), [
      input(0, 1),
      input(0, 2),
      output(6),
    ]),
  },
  {
    name: "a product without rows",
    case: oneKernel(contract([[2], [0], [2], [3]], place(0, 3, 0, 1), place(6, 0, 3, 1), place(0, 2, 1)), [
      input(0, 1),
      input(12, 2),
      output(0),
    ]),
  },
  {
    name: "a scatter of nothing clears",
    case: oneKernel({
      tag: "scatter",
      dtype: "f32",
      dims: [2],
      along: [0],
      row: { tag: "const", dtype: "i32", value: 0 },
      size: 3,
      stride: 1,
      value: load(0, place(0, 1)),
      buffer: 1,
      at: place(3),
      elements: 6,
    }, [input(0, 1), output(6)]),
  },
]

/** Running sums along an axis with elements side by side, or the other way around. */
const beyond = (
  name: string,
  rows: number,
  row: ReadonlyArray<number>,
  across: boolean,
  want: ReadonlyArray<number>,
) => {
  const at = across ? place(1, rows) : place(row.length, 1)
  const values = Array.from(
    { length: rows * row.length },
    (_, i) => row[across ? Math.floor(i / rows) : i % row.length]!,
  )
  return {
    name,
    case: oneKernel({
      tag: "cumulate",
      dtype: "f32",
      dims: [rows],
      length: row.length,
      fn: "sum",
      reverse: false,
      value: load(0, at),
      stores: [{ buffer: 1, at, value: acc }],
    }, [{ role: "input", dtype: "f32", values }, output(values.length)]),
    want: (i: number): number => want[across ? Math.floor(i / rows) : i % row.length]!,
  }
}

const up = [1.5 * 2 ** 127, 1.5 * 2 ** 127, 1, 2, -4, 1e30]
const infinite = [up[0]!, ...up.slice(1).map(() => Infinity)]
const down = up.map((x) => -x)

/** Running sums that leave f32, which are infinite from there on; not so on the oracle. */
export const overflowing: ReadonlyArray<Large> = [false, true].flatMap((across) => [
  beyond(`running sums beyond f32, ${across ? "across" : "along"} rows`, 5, up, across, infinite),
  beyond(`running sums below f32, ${across ? "across" : "along"} rows`, 5, down, across, infinite.map((x) => -x)),
])
