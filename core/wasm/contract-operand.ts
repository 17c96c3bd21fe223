/**
 * How the operands of a contraction lie in memory: whether a plain load has one stride along the lanes (rows or cols)
 * and one along the depth, several, or is no plain load at all.
 * @module
 */
import type { Contract, Expr, Index, Store } from "../kernel/kernel.ts"
import { type DType, dtypes } from "../tensor/dtype.ts"

/** Variables that are counted as one, and the sizes of each. */
export interface Group {
  readonly first: number
  readonly sizes: ReadonlyArray<number>
  readonly count: number
}

/** The groups of a contraction; `rows` and `cols` may have changed places. */
export interface Groups {
  readonly batch: Group
  readonly rows: Group
  readonly cols: Group
  readonly depth: Group
}

/** Sizes and strides (in elements), outermost first, with nothing that could be merged. */
export type Strides = ReadonlyArray<{ readonly size: number; readonly stride: number }>

/** A load without guards whose index is a sum of multiples of variables. */
export interface Plain {
  readonly buffer: number
  readonly dtype: DType
  readonly bytes: number
  /** What does not depend on lane and depth. */
  readonly origin: Index
  readonly lane: Strides
  readonly depth: Strides
}

const group = (first: number, sizes: ReadonlyArray<number>): Group => ({
  first,
  sizes,
  count: sizes.reduce((a, b) => a * b, 1),
})

/** The groups of variables of a contraction. */
export const groupsOf = (k: Contract): Groups => {
  const rows = k.batch.length, cols = rows + k.rows.length, depth = cols + k.cols.length
  return {
    batch: group(0, k.batch),
    rows: group(rows, k.rows),
    cols: group(cols, k.cols),
    depth: group(depth, k.depth),
  }
}

/** Is that variable in the group? */
const isIn = (g: Group, id: number): boolean => id >= g.first && id < g.first + g.sizes.length

/** How much an index grows with a variable. */
const coefficient = (at: Index, id: number): number =>
  at.terms.reduce((sum, { coef, atom }) => atom.tag === "var" && atom.id === id ? sum + coef : sum, 0)

/** The strides of a group in an index, merged where an outer stride is the extent of the inner ones. */
export const stridesOf = (at: Index, g: Group): Strides =>
  g.sizes.reduceRight<Strides>((inner, size, i) => {
    const stride = coefficient(at, g.first + i)
    const next = inner[0]
    if (size === 1) return inner
    if (next !== undefined && stride === next.stride * next.size) {
      return [{ size: next.size * size, stride: next.stride }, ...inner.slice(1)]
    }
    return [{ size, stride }, ...inner]
  }, [])

/** The index without the variables of some groups. */
export const without = (at: Index, ...groups: ReadonlyArray<Group>): Index => ({
  base: at.base,
  terms: at.terms.filter(({ atom }) => atom.tag !== "var" || !groups.some((g) => isIn(g, atom.id))),
})

/** Is the index a sum of multiples of variables and turns? */
const isAffine = (at: Index): boolean => at.terms.every(({ atom }) => atom.tag === "var" || atom.tag === "turn")

/** The operand as a plain load, if it is one. */
export const plainOf = (
  e: Expr,
  lane: Group,
  depth: Group,
  buffers: ReadonlyArray<DType>,
): Plain | undefined => {
  if (e.tag !== "load" || e.guards.length > 0 || !isAffine(e.at)) return undefined
  const dtype = buffers[e.buffer]!
  return {
    buffer: e.buffer,
    dtype,
    bytes: dtypes[dtype].bytes,
    origin: without(e.at, lane, depth),
    lane: stridesOf(e.at, lane),
    depth: stridesOf(e.at, depth),
  }
}

/** The one stride of a group; 0 if it has one element; undefined if there are several. */
export const single = (s: Strides): number | undefined => s.length === 0 ? 0 : s.length === 1 ? s[0]!.stride : undefined

/** A part of the depth, and how far both operands move in it, in elements. */
export interface DepthLevel {
  readonly size: number
  readonly left: number
  readonly right: number
}

/** The parts of the depth in which both operands have one stride, outermost first; there is one at least. */
export const levelsOf = (left: Strides, right: Strides): ReadonlyArray<DepthLevel> => {
  const [x, y] = [[...left], [...right]]
  const levels: Array<DepthLevel> = []
  while (x.length > 0 && y.length > 0) {
    const [a, b] = [x.pop()!, y.pop()!]
    const size = Math.min(a.size, b.size)
    levels.unshift({ size, left: a.stride, right: b.stride })
    // both are cut where a variable ends, so the lesser divides the greater
    if (a.size > size) x.push({ size: a.size / size, stride: a.stride * size })
    if (b.size > size) y.push({ size: b.size / size, stride: b.stride * size })
  }
  return levels.length > 0 ? levels : [{ size: 1, left: 1, right: 1 }]
}

/** A store of the sum itself, without change of dtype, whose rows and cols have one stride each, the cols' 1. */
export const plainStore = (
  stores: ReadonlyArray<Store>,
  groups: Groups,
  k: Contract,
  buffers: ReadonlyArray<DType>,
): { readonly buffer: number; readonly origin: Index; readonly row: number } | undefined => {
  const [store] = stores
  if (stores.length !== 1 || store === undefined || store.value.tag !== "acc") return undefined
  if (buffers[store.buffer] !== k.dtype || !isAffine(store.at)) return undefined
  const row = single(stridesOf(store.at, groups.rows))
  const col = single(stridesOf(store.at, groups.cols))
  if (row === undefined || (col !== 1 && groups.cols.count > 1)) return undefined
  return { buffer: store.buffer, origin: without(store.at, groups.rows, groups.cols), row }
}

/** The batch variables that an index uses, as a number of their own: their positions and sizes. */
export const usedBatch = (at: Index, g: Group): ReadonlyArray<number> =>
  g.sizes.flatMap((size, i) => size > 1 && coefficient(at, g.first + i) !== 0 ? [i] : [])
