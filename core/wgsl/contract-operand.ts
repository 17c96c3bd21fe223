/**
 * The operands of a contraction: which side is which, in which direction an operand lies in memory, and how a slice of it
 * is brought into workgroup memory by all lanes together, four elements at a time where they lie side by side.
 * @module
 */
import { sizesOf, walk } from "../kernel/expression.ts"
import type { Contract, Expr, Index } from "../kernel/kernel.ts"
import type { Compute } from "../tensor/dtype.ts"
import { type Emitter, lie, nest, say, sideBySide, top, WIDTH } from "./emitter.ts"
import { value } from "./expression.ts"
import { bound, type Build, decode } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number, from: number = 0): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => from + i)

/** One side of a contraction: its variables and its operand. */
export interface Side {
  readonly ids: ReadonlyArray<number>
  readonly count: number
  readonly operand: Expr
}

/** The variables by what they are, and the two sides; `rows` lie along y of the tile, `cols` along x, four together. */
export interface Sides {
  readonly batch: ReadonlyArray<number>
  readonly depth: ReadonlyArray<number>
  readonly rows: Side
  readonly cols: Side
}

const loads = (x: Expr): ReadonlyArray<Index> => walk([x]).flatMap((e) => e.tag === "load" ? [e.at] : [])

/** Rows and columns change places where the stores lie along the rows. */
export const sidesOf = (k: Contract): Sides => {
  const sizes = sizesOf(k)
  const [b, r, c, d] = [k.batch.length, k.rows.length, k.cols.length, k.depth.length]
  const rows: Side = { ids: range(r, b), count: product(k.rows), operand: k.a }
  const cols: Side = { ids: range(c, b + r), count: product(k.cols), operand: k.b }
  const alongOf = (s: Side): number => {
    const last = s.ids.at(-1)
    if (last === undefined) return 0
    return k.stores.filter((t) => lie(t.at, last, 1).lanes === "unit").length * 2 +
      (sizes[last]! % WIDTH === 0 && k.stores.some((t) => sideBySide(t, last, WIDTH)) ? 1 : 0)
  }
  const swap = alongOf(rows) > alongOf(cols)
  return {
    batch: range(b),
    depth: range(d, b + r + c),
    rows: swap ? cols : rows,
    cols: swap ? rows : cols,
  }
}

/** In which direction an operand is brought in, and how many elements at once. */
interface Fetch {
  readonly along: "side" | "depth"
  readonly width: 1 | 4
}

const fetchOf = (s: Side, depth: ReadonlyArray<number>, sizes: ReadonlyArray<number>): Fetch => {
  const at = loads(s.operand)
  const score = (id: number | undefined, width: number): number =>
    id === undefined ? 0 : at.filter((i) => {
      const l = lie(i, id, width)
      return l.lanes === "unit" && l.multiple === width
    }).length
  const [side, deep] = [s.ids.at(-1), depth.at(-1)]
  const along = score(side, 1) > score(deep, 1) ? "side" : "depth"
  const id = along === "side" ? side : deep
  return { along, width: id !== undefined && sizes[id]! % WIDTH === 0 && score(id, WIDTH) > 0 ? 4 : 1 }
}

/** A slice of an operand: `extent` of its side by `depth`, where it begins (names), and how it is put away. */
export interface Slice {
  readonly side: Side
  readonly along: ReadonlyArray<number>
  readonly deep: number
  readonly first: string
  readonly extent: number
  readonly depth: number
  /** Invocations that share the work. */
  readonly size: number
  readonly type: Compute
  /** A statement that puts away one element at depth `k`, place `x` of the slice. */
  readonly put: (k: string, x: string, v: string) => string
  /** The same for four elements side by side along the side; `x` is a multiple of four. */
  readonly putSide?: (k: string, x: string, vs: ReadonlyArray<string>) => string
}

/** Brings the slice from depth `k0` into workgroup memory; what lies beyond the operand is 0. */
export const bring = (e: Emitter, b: Build, sizes: ReadonlyArray<number>, s: Slice): void => {
  const f = fetchOf(s.side, s.along, sizes)
  const deeply = f.along === "depth"
  const [wd, ws] = deeply ? [f.width, 1] : [1, f.width]
  const [cells, inRow] = [s.depth / wd * (s.extent / ws), deeply ? s.depth / wd : s.extent / ws]
  const define = (id: number, names: ReadonlyArray<string>): void => {
    top(e).vars.set(id, names)
  }
  nest(e, `for (var q = lid; q < ${bound(b, cells)}; q = q + ${s.size}u)`, () => {
    const [fast, slow] = [`(q % ${inRow}u)`, `(q / ${inRow}u)`]
    say(e, `let kk = ${deeply ? `${fast} * ${wd}u` : slow};`)
    say(e, `let xx = ${deeply ? slow : `${fast} * ${ws}u`};`)
    const checks = [
      ...(s.deep % s.depth === 0 ? [] : [`k0 + kk < ${s.deep}u`]),
      ...(s.side.count % s.extent === 0 ? [] : [`${s.first} + xx < ${s.side.count}u`]),
    ]
    if (checks.length > 0) say(e, `let has = ${checks.join(" && ")};`)
    const safe = (text: string): string => checks.length > 0 ? `select(0u, ${text}, has)` : text
    // the linear number of a wide group counts groups, and so does its last variable
    say(e, `let dk = (${safe("k0 + kk")})${wd > 1 ? ` / ${wd}u` : ""};`)
    say(e, `let dx = (${safe(`${s.first} + xx`)})${ws > 1 ? ` / ${ws}u` : ""};`)
    const lanes = Math.max(wd, ws)
    const wide = (deeply ? s.along : s.side.ids).at(-1)
    e.lane = lanes > 1 && wide !== undefined ? { id: wide, width: WIDTH, varying: new Map() } : undefined
    decode(e, "dk", s.along, sizes, define)
    decode(e, "dx", s.side.ids, sizes, define)
    const values = range(lanes).map((l) => value(e, s.side.operand, l))
    e.lane = undefined
    const kept = values.map((v) => checks.length > 0 ? `select(${s.type}(0), ${v}, has)` : v)
    if (ws > 1 && s.putSide !== undefined) return say(e, s.putSide("kk", "xx", kept))
    kept.forEach((v, l) => say(e, s.put(wd > 1 ? `(kk + ${l}u)` : "kk", ws > 1 ? `(xx + ${l}u)` : "xx", v)))
  })
}
