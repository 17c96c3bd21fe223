/**
 * Golden cases: what every function gives for the arguments where devices go astray. Written down, not computed, so that
 * the oracle is held to them too.
 * @module
 */
import type { BinaryFn, UnaryFn } from "../../../core/graph/node.ts"
import type { Compute, DType } from "../../../core/tensor/dtype.ts"
import type { Expr, Index } from "../../../core/kernel/kernel.ts"
import { type Case, oneKernel, type Use } from "./program.ts"

/** Arguments, then the result. */
export type Row = ReadonlyArray<number>

/** One function and what it gives. */
export interface Golden {
  readonly name: string
  readonly from: Compute
  readonly to: Compute
  readonly make: (x: Expr, y: Expr) => Expr
  readonly rows: ReadonlyArray<Row>
}

const inf = Infinity
const low = -2147483648
const high = 2147483647
const top = 4294967295
const e = Math.E

const floatUnary: { readonly [F in UnaryFn]?: ReadonlyArray<Row> } = {
  neg: [[1, -1], [-0.5, 0.5], [inf, -inf], [-inf, inf], [NaN, NaN], [3e38, -3e38]],
  abs: [[1, 1], [-1, 1], [-inf, inf], [NaN, NaN], [-3e38, 3e38], [-0, 0]],
  sign: [[5, 1], [-5, -1], [0, 0], [-0, 0], [inf, 1], [-inf, -1], [NaN, NaN], [1e-30, 1], [-1e-30, -1]],
  exp: [[0, 1], [-0, 1], [1, e], [-1, 1 / e], [-inf, 0], [inf, inf], [NaN, NaN], [-200, 0], [-3e38, 0]],
  log: [[1, 0], [e, 1], [0, -inf], [-0, -inf], [-1, NaN], [-inf, NaN], [inf, inf], [NaN, NaN], [3e38, 88.5968]],
  sqrt: [[4, 2], [0, 0], [2, Math.SQRT2], [-1, NaN], [inf, inf], [-inf, NaN], [NaN, NaN], [1e-30, 1e-15]],
  rsqrt: [[4, 0.5], [0, inf], [-1, NaN], [inf, 0], [NaN, NaN], [1e-30, 1e15], [1e30, 1e-15]],
  recip: [[4, 0.25], [-2, -0.5], [0, inf], [inf, 0], [-inf, 0], [NaN, NaN], [1e-30, 1e30], [1e30, 1e-30]],
  sin: [[0, 0], [1, 0.8414709848], [-1, -0.8414709848], [100, -0.50636564], [inf, NaN], [-inf, NaN], [NaN, NaN]],
  cos: [[0, 1], [1, 0.5403023059], [-1, 0.5403023059], [100, 0.862318872], [inf, NaN], [-inf, NaN], [NaN, NaN]],
  tanh: [[0, 0], [0.5, 0.4621171573], [20, 1], [100, 1], [-3e38, -1], [inf, 1], [-inf, -1], [NaN, NaN]],
  erf: [[0, 0], [0.5, 0.5204998778], [-1, -0.8427007929], [3, 0.9999779095], [9, 1], [inf, 1], [-inf, -1], [NaN, NaN]],
  sigmoid: [[0, 0.5], [1, 0.7310585786], [100, 1], [-200, 0], [-3e38, 0], [3e38, 1], [inf, 1], [-inf, 0], [NaN, NaN]],
  floor: [[2.5, 2], [-2.5, -3], [-0.5, -1], [8388609, 8388609], [-3e38, -3e38], [1e-30, 0], [inf, inf], [NaN, NaN]],
  ceil: [[2.5, 3], [-2.5, -2], [0.25, 1], [8388609, 8388609], [3e38, 3e38], [-1e-30, 0], [-inf, -inf], [NaN, NaN]],
  round: [
    [2.5, 2],
    [3.5, 4],
    [-2.5, -2],
    [-3.5, -4],
    [0.5, 0],
    [1.5, 2],
    [0.49999997, 0],
    [8388609, 8388609],
    [4194303.5, 4194304],
    [-3e38, -3e38],
    [inf, inf],
    [NaN, NaN],
  ],
  trunc: [[2.75, 2], [-2.75, -2], [0.5, 0], [3e38, 3e38], [4294967296, 4294967296], [-inf, -inf], [NaN, NaN]],
  isnan: [[NaN, 1], [0, 0], [inf, 0], [-inf, 0], [3e38, 0]],
  isfinite: [[NaN, 0], [0, 1], [inf, 0], [-inf, 0], [3e38, 1], [-3e38, 1]],
}

const ordered = (less: number, same: number, more: number): ReadonlyArray<Row> => [
  [1, 2, less],
  [2, 2, same],
  [3, 2, more],
  [-inf, inf, less],
  [inf, inf, same],
  [inf, 3e38, more],
  [0, -0, same],
]

const never: ReadonlyArray<Row> = [[NaN, 1, 0], [1, NaN, 0], [NaN, NaN, 0]]

const floatBinary: { readonly [F in BinaryFn]?: ReadonlyArray<Row> } = {
  add: [[1, 2, 3], [inf, -inf, NaN], [inf, inf, inf], [inf, 1, inf], [NaN, 1, NaN], [3e38, -3e38, 0], [
    0.5,
    0.25,
    0.75,
  ]],
  sub: [[1, 2, -1], [inf, inf, NaN], [-inf, inf, -inf], [1, -inf, inf], [NaN, NaN, NaN], [3e38, 3e38, 0]],
  mul: [[3, 4, 12], [0, inf, NaN], [-inf, 0, NaN], [-inf, 2, -inf], [-inf, -inf, inf], [NaN, 0, NaN], [1e20, 1e-20, 1]],
  div: [
    [1, 4, 0.25],
    [1, 0, inf],
    [-1, 0, -inf],
    [0, 0, NaN],
    [inf, inf, NaN],
    [1, inf, 0],
    [inf, 2, inf],
    [0, 5, 0],
    [NaN, 1, NaN],
    [1, NaN, NaN],
    [1e30, 1e30, 1],
  ],
  rem: [
    [2 ** 66, 7, 1],
    [-(2 ** 100), 3, -1],
    [16777213 * 2 ** 60, 11, 2],
    [1, 2 ** -100, 0],
    [7, 3, 1],
    [-7, 3, -1],
    [7, -3, 1],
    [-7, -3, -1],
    [5.5, 2, 1.5],
    [6, 3, 0],
    [0, 5, 0],
    [2, 5, 2],
    [5, inf, 5],
    [inf, 2, NaN],
    [1, 0, NaN],
    [NaN, 2, NaN],
    [2, NaN, NaN],
  ],
  pow: [
    [2, 10, 1024],
    [2, -1, 0.5],
    [4, 0.5, 2],
    [-2, 3, -8],
    [-2, 2, 4],
    [-2, 0.5, NaN],
    [0, 0, 1],
    [NaN, 0, 1],
    [1, NaN, 1],
    [0, 2, 0],
    [0, -1, inf],
    [inf, 2, inf],
    [inf, -2, 0],
    [0.5, inf, 0],
    [2, inf, inf],
    [2, -inf, 0],
    [-1, inf, 1],
    [2, NaN, NaN],
    [NaN, 2, NaN],
  ],
  min: [[1, 2, 1], [-1, -2, -2], [NaN, 1, NaN], [1, NaN, NaN], [-inf, 1, -inf], [inf, 1, 1], [inf, NaN, NaN]],
  max: [[1, 2, 2], [-1, -2, -1], [NaN, 1, NaN], [1, NaN, NaN], [-inf, 1, 1], [inf, 1, inf], [-inf, NaN, NaN]],
  eq: [...ordered(0, 1, 0), ...never],
  ne: [...ordered(1, 0, 1), [NaN, 1, 1], [1, NaN, 1], [NaN, NaN, 1]],
  lt: [...ordered(1, 0, 0), ...never],
  le: [...ordered(1, 1, 0), ...never],
  gt: [...ordered(0, 0, 1), ...never],
  ge: [...ordered(0, 1, 1), ...never],
}

const i32Unary: { readonly [F in UnaryFn]?: ReadonlyArray<Row> } = {
  neg: [[1, -1], [0, 0], [low, low], [high, -high]],
  abs: [[-1, 1], [5, 5], [low, low]],
  sign: [[-7, -1], [0, 0], [9, 1], [low, -1]],
  not: [[0, -1], [-1, 0], [high, low], [5, -6]],
}

const u32Unary: { readonly [F in UnaryFn]?: ReadonlyArray<Row> } = {
  neg: [[1, top], [0, 0], [top, 1]],
  not: [[0, top], [top, 0], [5, top - 5]],
}

const i32Binary: { readonly [F in BinaryFn]?: ReadonlyArray<Row> } = {
  add: [[high, 1, low], [low, -1, high], [2, 3, 5]],
  sub: [[low, 1, high], [high, -1, low], [2, 3, -1]],
  mul: [[65536, 65536, 0], [123456789, 987654321, -67153019], [low, -1, low], [-3, 7, -21]],
  div: [[7, 2, 3], [-7, 2, -3], [7, -2, -3], [5, 0, 0], [low, 0, 0], [low, -1, low], [low, 1, low], [high, -1, -high]],
  rem: [[7, 3, 1], [-7, 3, -1], [7, -3, 1], [5, 0, 0], [low, -1, 0], [low, 3, -2]],
  pow: [
    [3, 4, 81],
    [-2, 3, -8],
    [2, 31, low],
    [2, 32, 0],
    [2, -1, 0],
    [1, -5, 1],
    [-1, -5, -1],
    [-1, -4, 1],
    [0, 0, 1],
    [
      3,
      40,
      689956897,
    ],
  ],
  min: [[low, high, low], [-1, 1, -1]],
  max: [[low, high, high], [-1, 1, 1]],
  and: [[12, 10, 8], [-1, 255, 255]],
  or: [[12, 10, 14], [low, 1, low + 1]],
  xor: [[12, 10, 6], [-1, 1, -2]],
  shl: [[1, 31, low], [1, 32, 1], [1, 33, 2], [-1, 4, -16], [3, -1, low]],
  shr: [[-8, 1, -4], [low, 31, -1], [8, 32, 8], [-1, 33, -1], [high, 30, 1]],
  eq: [[low, low, 1], [1, 2, 0]],
  ne: [[low, low, 0], [1, 2, 1]],
  lt: [[low, high, 1], [high, low, 0], [3, 3, 0], [-1, 0, 1]],
  le: [[low, high, 1], [3, 3, 1], [0, -1, 0]],
  gt: [[high, low, 1], [3, 3, 0], [-1, 0, 0]],
  ge: [[high, low, 1], [3, 3, 1], [-1, 0, 0]],
}

const u32Binary: { readonly [F in BinaryFn]?: ReadonlyArray<Row> } = {
  add: [[top, 1, 0], [2, 3, 5], [2147483648, 2147483648, 0]],
  sub: [[0, 1, top], [5, 3, 2]],
  mul: [[65536, 65536, 0], [top, top, 1], [123456789, 987654321, 4227814277]],
  div: [[top, 2, high], [7, 2, 3], [5, 0, 0], [top, top, 1], [top, 1, top]],
  rem: [[top, 10, 5], [5, 0, 0], [7, 4, 3]],
  pow: [[3, 4, 81], [2, 32, 0], [3, 4000000001, 1160142851], [0, 0, 1], [7, 0, 1]],
  min: [[top, 1, 1], [2147483648, high, high]],
  max: [[top, 1, top], [2147483648, high, 2147483648]],
  and: [[top, 255, 255], [12, 10, 8]],
  or: [[2147483648, 1, 2147483649]],
  xor: [[top, 1, top - 1]],
  shl: [[1, 31, 2147483648], [1, 32, 1], [top, 4, 4294967280]],
  shr: [[top, 31, 1], [top, 32, top], [2147483648, 4, 134217728]],
  eq: [[top, top, 1], [top, 0, 0]],
  ne: [[top, top, 0], [top, 0, 1]],
  lt: [[1, top, 1], [top, 1, 0], [high, 2147483648, 1]],
  le: [[1, top, 1], [top, top, 1], [2147483648, high, 0]],
  gt: [[top, 1, 1], [1, top, 0], [2147483648, high, 1]],
  ge: [[top, 1, 1], [top, top, 1], [high, 2147483648, 0]],
}

const boolBinary: { readonly [F in BinaryFn]?: ReadonlyArray<Row> } = {
  and: [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 1]],
  or: [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]],
  xor: [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]],
  eq: [[0, 0, 1], [0, 1, 0], [1, 1, 1]],
  ne: [[0, 0, 0], [0, 1, 1], [1, 1, 0]],
}

const casts: ReadonlyArray<readonly [Compute, Compute, ReadonlyArray<Row>]> = [
  ["f32", "i32", [
    [2.75, 2],
    [-2.75, -2],
    [NaN, 0],
    [inf, high],
    [-inf, low],
    [3e9, high],
    [-3e9, low],
    [2147483520, 2147483520],
    [-2147483648, low],
    [3e38, high],
    [-0.5, 0],
  ]],
  ["f32", "u32", [[2.75, 2], [-1, 0], [NaN, 0], [inf, top], [-inf, 0], [3e9, 3000000000], [5e9, top], [
    4294967040,
    4294967040,
  ]]],
  ["f32", "bool", [[0, 0], [-0, 0], [1e-30, 1], [NaN, 1], [inf, 1], [-2, 1]]],
  ["i32", "f32", [[5, 5], [-7, -7], [low, low], [16777216, 16777216], [-16777215, -16777215]]],
  ["u32", "f32", [[5, 5], [2147483648, 2147483648], [4294967040, 4294967040]]],
  ["i32", "u32", [[-1, top], [low, 2147483648], [5, 5]]],
  ["u32", "i32", [[top, -1], [2147483648, low], [5, 5]]],
  ["i32", "bool", [[0, 0], [-1, 1], [256, 1], [low, 1]]],
  ["u32", "bool", [[0, 0], [256, 1], [top, 1]]],
  ["bool", "f32", [[0, 0], [1, 1]]],
  ["bool", "i32", [[0, 0], [1, 1]]],
  ["bool", "u32", [[0, 0], [1, 1]]],
]

const bitcasts: ReadonlyArray<readonly [Compute, Compute, ReadonlyArray<Row>]> = [
  ["f32", "i32", [[1, 0x3f800000], [-2, -1073741824], [inf, 0x7f800000], [0, 0]]],
  ["f32", "u32", [[1, 0x3f800000], [-2, 0xc0000000], [-inf, 0xff800000]]],
  ["i32", "f32", [[0x3f800000, 1], [-1073741824, -2], [0x7f800000, inf], [0x7fc00000, NaN]]],
  ["u32", "f32", [[0x3f800000, 1], [0xc0000000, -2], [0xff800000, -inf]]],
  ["i32", "u32", [[-1, top], [5, 5]]],
  ["u32", "i32", [[top, -1], [5, 5]]],
]

const rounds: ReadonlyArray<readonly [DType, Compute, ReadonlyArray<Row>]> = [
  ["f16", "f32", [[1, 1], [0, 0], [2048, 2048], [65504, 65504], [70000, inf], [-70000, -inf], [inf, inf], [NaN, NaN]]],
  ["bf16", "f32", [[1, 1], [-256, -256], [1.5, 1.5], [3e38, 2.9907e38], [inf, inf], [-inf, -inf], [NaN, NaN]]],
  ["f32", "f32", [[1, 1], [inf, inf], [NaN, NaN], [1e-30, 1e-30]]],
  ["u8", "u32", [[0, 0], [255, 255], [256, 0], [top, 255], [513, 1]]],
]

type Table<F extends string> = { readonly [K in F]?: ReadonlyArray<Row> }

const unaries = (of: Compute, table: Table<UnaryFn>): ReadonlyArray<Golden> =>
  (Object.entries(table) as ReadonlyArray<readonly [UnaryFn, ReadonlyArray<Row>]>).map(([fn, rows]) => {
    const to: Compute = fn === "isnan" || fn === "isfinite" ? "bool" : of
    return { name: `${fn} of ${of}`, from: of, to, rows, make: (x) => ({ tag: "unary", dtype: to, fn, x }) }
  })

const comparisons: ReadonlyArray<string> = ["eq", "ne", "lt", "le", "gt", "ge"]

const binaries = (of: Compute, table: Table<BinaryFn>): ReadonlyArray<Golden> =>
  (Object.entries(table) as ReadonlyArray<readonly [BinaryFn, ReadonlyArray<Row>]>).map(([fn, rows]) => {
    const to: Compute = comparisons.includes(fn) ? "bool" : of
    return { name: `${fn} of ${of}`, from: of, to, rows, make: (x, y) => ({ tag: "binary", dtype: to, fn, x, y }) }
  })

const f32Of = (fn: BinaryFn, x: Expr, y: Expr): Expr => ({ tag: "binary", dtype: "f32", fn, x, y })
const f32Const = (value: number): Expr => ({ tag: "const", dtype: "f32", value })
const negated = (x: Expr): Expr => ({ tag: "unary", dtype: "f32", fn: "neg", x })

/** What algebra would make simpler if there were no NaN and no infinity. */
const temptations: ReadonlyArray<readonly [name: string, make: (x: Expr) => Expr, rows: ReadonlyArray<Row>]> = [
  ["x - x", (x) => f32Of("sub", x, x), [[1, 0], [3e38, 0], [NaN, NaN], [inf, NaN], [-inf, NaN]]],
  ["-x + x", (x) => f32Of("add", negated(x), x), [[1, 0], [NaN, NaN], [inf, NaN], [-inf, NaN]]],
  ["x + -x", (x) => f32Of("add", x, negated(x)), [[1, 0], [NaN, NaN], [inf, NaN], [-inf, NaN]]],
  ["x * 0", (x) => f32Of("mul", x, f32Const(0)), [[2, 0], [NaN, NaN], [inf, NaN], [-inf, NaN]]],
  ["0 * x + 1", (x) => f32Of("add", f32Of("mul", f32Const(0), x), f32Const(1)), [[2, 1], [NaN, NaN], [inf, NaN]]],
  ["x / x", (x) => f32Of("div", x, x), [[2, 1], [0, NaN], [NaN, NaN], [inf, NaN]]],
  ["0 / x", (x) => f32Of("div", f32Const(0), x), [[2, 0], [0, NaN], [NaN, NaN], [inf, 0]]],
  ["x = x", (x) => ({ tag: "binary", dtype: "bool", fn: "eq", x, y: x }), [[2, 1], [NaN, 0], [inf, 1]]],
]

/** Every function and its golden rows. */
export const goldens: ReadonlyArray<Golden> = [
  ...temptations.map(([name, make, rows]): Golden => ({
    name,
    from: "f32",
    to: name === "x = x" ? "bool" : "f32",
    rows,
    make: (x) => make(x),
  })),
  ...unaries("f32", floatUnary),
  ...binaries("f32", floatBinary),
  ...unaries("i32", i32Unary),
  ...binaries("i32", i32Binary),
  ...unaries("u32", u32Unary),
  ...binaries("u32", u32Binary),
  ...unaries("bool", { not: [[0, 1], [1, 0]] }),
  ...binaries("bool", boolBinary),
  ...casts.map(([from, to, rows]): Golden => ({
    name: `cast ${from} to ${to}`,
    from,
    to,
    rows,
    make: (x) => ({ tag: "cast", dtype: to, x }),
  })),
  ...bitcasts.map(([from, to, rows]): Golden => ({
    name: `bitcast ${from} to ${to}`,
    from,
    to,
    rows,
    make: (x) => ({ tag: "bitcast", dtype: to, x }),
  })),
  ...rounds.map(([to, of, rows]): Golden => ({
    name: `round to ${to}`,
    from: of,
    to: of,
    rows,
    make: (x) => ({ tag: "round", dtype: of, to, x }),
  })),
]

/** Results beyond f32: what is finite in float64 is infinite on a device. */
export const overflows: ReadonlyArray<Golden> = [
  ...unaries("f32", { exp: [[89, inf], [1000, inf], [3e38, inf]], recip: [[1e-39, inf], [-1e-39, -inf]] }),
  ...binaries("f32", {
    add: [[3e38, 3e38, inf], [-3e38, -3e38, -inf]],
    mul: [[1e30, 1e30, inf], [-1e30, 1e30, -inf]],
    div: [[1e30, 1e-30, inf]],
    pow: [[10, 39, inf], [-10, 39, -inf]],
  }),
]

/** Zeros whose sign WGSL may lose; other devices keep it. */
export const signedZeros: ReadonlyArray<Golden> = [
  ...unaries("f32", {
    neg: [[0, -0], [-0, 0]],
    sqrt: [[-0, -0]],
    recip: [[-0, -inf], [-inf, -0]],
    rsqrt: [[0, inf]],
    floor: [[-0, -0]],
    ceil: [[-0.5, -0]],
    trunc: [[-0.5, -0]],
    tanh: [[-0, -0]],
  }),
  ...binaries("f32", { mul: [[-1, 0, -0]], add: [[-0, -0, -0], [-0, 0, 0]], div: [[1, -0, -inf], [-1, inf, -0]] }),
]

/** The kernel that computes a function for all of its rows. */
export const goldenCase = ({ from, to, make, rows }: Golden): Case => {
  const at: Index = { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] }
  const load = (buffer: number): Expr => ({ tag: "load", dtype: from, buffer, at, guards: [] })
  const column = (i: number): Use => ({ role: "input", dtype: from, values: rows.map((r) => r[i]!) })
  return oneKernel(
    {
      tag: "loop",
      dims: [rows.length],
      over: [],
      stages: [{ tag: "point", stores: [{ buffer: 2, at, value: make(load(0), load(1)) }] }],
    },
    // the second argument of a function of one stands beside it, unused
    [column(0), column(Math.min(1, rows[0]!.length - 2)), { role: "output", dtype: to, elements: rows.length }],
  )
}
