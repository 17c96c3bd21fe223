/**
 * One attempt at one kernel: its loops so far, the buffers it binds, what it found that must be computed first. An
 * attempt that meets a division which a finer cut of a loop would dissolve asks for that cut, and is made again.
 * @module
 */
import { addIndex, constantIndex, covers, type Ranges, scaleIndex, variable } from "../kernel/affine.ts"
import { constantExpr } from "../kernel/expression.ts"
import type { Expr, Fold, Guard, Index } from "../kernel/kernel.ts"
import type { Node } from "../graph/node.ts"
import { type Compute, type DType, dtypes } from "../tensor/dtype.ts"
import { rowMajor } from "./layout.ts"

/** Where the elements of a node with a buffer lie: the buffer's key and the index of an element in it. */
export interface Site {
  readonly buffer: Node
  readonly at: (ix: ReadonlyArray<Index>) => Index
  /** Its elements are the whole buffer in row-major order, so that what only splits and merges its axes is read there. */
  readonly flat?: true
}

/** What lowering knows of the rest of the program. */
export interface Surroundings {
  /** Where a node's elements are stored; undefined if it is to be computed in place. */
  readonly site: (n: Node) => Site | undefined
  /** The node in whose buffer a node lies: an input for what replaces it, else the node itself. */
  readonly owner: (n: Node) => Node
  readonly maxBindings: number
  /** How many turns the enclosing loops take. */
  readonly turns: ReadonlyArray<number>
}

export const computeOf = (d: DType): Compute => dtypes[d].compute

/** Nodes that only move elements. */
export const isMovement = (n: Node): boolean =>
  n.op.tag === "align" || n.op.tag === "reshape" || n.op.tag === "slice" || n.op.tag === "stop" ||
  n.op.tag === "custom" || n.op.tag === "barrier" || n.op.tag === "window" || n.op.tag === "pad" && n.op.value === 0

/** The first node below that is not just a moved view of another. */
export const core = (n: Node): Node => isMovement(n) ? core(n.args[0]!) : n

/**
 * What has a buffer for a product to read: as `core`, but what is read through windows keeps the zeros around it, so that
 * every tap is read without a question.
 */
export const operand = (n: Node, windows: boolean = false): Node =>
  !isMovement(n) || windows && n.op.tag === "pad" ? n : operand(n.args[0]!, windows || n.op.tag === "window")

/** The node whose elements these are, in the same order: what only renames, splits, merges or waits is left out. */
export const flat = (n: Node): Node =>
  n.op.tag === "reshape" || n.op.tag === "stop" || n.op.tag === "custom" || n.op.tag === "barrier"
    ? flat(n.args[0]!)
    : n

/** What the movements above a node wait for. */
export const awaited = (n: Node): ReadonlyArray<Node> => {
  const own = n.op.tag === "barrier" ? n.args.slice(1) : []
  return n.op.tag === "reshape" || n.op.tag === "stop" || n.op.tag === "custom" || n.op.tag === "barrier"
    ? [...own, ...awaited(n.args[0]!)]
    : own
}

export interface Slot {
  readonly key: string
  readonly position: number
}

/** How the axes of the kernel are cut into variables: axis key -> sizes, slowest first. */
export type Factors = ReadonlyMap<string, ReadonlyArray<number>>

export interface Request {
  readonly slot: Slot
  readonly by: number
}

export interface Contraction {
  readonly batch: ReadonlyArray<number>
  readonly rows: ReadonlyArray<number>
  readonly cols: ReadonlyArray<number>
  readonly depth: ReadonlyArray<number>
  readonly a: Expr
  readonly b: Expr
  readonly dtype: Compute
}

/** How an element of a node is computed. */
export type Element = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>) => Expr

/** One attempt at one kernel; its arrays grow while the attempt runs and are read once at its end. */
export interface Attempt {
  readonly around: Surroundings
  /** The value of a node at the indices of its axes, under guards. */
  readonly element: Element
  /** May folds and products become parts of this kernel? Scatters, running folds and sorts have no place for them. */
  readonly stages: boolean
  readonly factors: Factors
  readonly sizes: Array<number>
  readonly slots: Array<Slot>
  readonly buffers: Array<Node>
  readonly missing: Set<Node>
  readonly requests: Array<Request>
  readonly memo: Map<string, Expr>
  readonly names: Map<object, number>
  readonly bounds: Map<Expr, readonly [number, number]>
  /** Guards of gathered indices: the bounds above hold only because of them, so they are never left out. */
  readonly essential: Set<Guard>
  readonly visited: Set<Node>
  readonly ranges: Ranges
  readonly inline: ReadonlySet<Node>
  readonly root: ReadonlyArray<number>
  readonly folds: Array<Fold & { readonly level: number }>
  outer: ReadonlyArray<number> | undefined
  inner: ReadonlyArray<number> | undefined
  contraction: Contraction | undefined
}

export const nameOf = (t: Attempt, x: object): number => {
  const known = t.names.get(x)
  if (known !== undefined) return known
  t.names.set(x, t.names.size)
  return t.names.size - 1
}

export const newVariables = (t: Attempt, key: string, size: number): Index => {
  if (size === 1) return constantIndex(0)
  const factors = t.factors.get(key) ?? [size]
  const strides = rowMajor(factors)
  return factors.reduce((sum: Index, f, position) => {
    t.sizes.push(f)
    t.slots.push({ key, position })
    return addIndex(sum, scaleIndex(variable(t.sizes.length - 1), strides[position]!))
  }, constantIndex(0))
}

export const need = (t: Attempt, n: Node): Expr => {
  t.missing.add(n)
  return constantExpr(computeOf(n.dtype), 0)
}

export const bind = (t: Attempt, key: Node): number => {
  const at = t.buffers.indexOf(key)
  return at >= 0 ? at : t.buffers.push(key) - 1
}

/** Asks for a finer cut of a variable where that would dissolve a division. */
export const refine = (t: Attempt, i: Index): Index => {
  for (const { atom } of i.terms) {
    if (atom.tag !== "div" && atom.tag !== "mod") continue
    refine(t, atom.of)
    for (const { coef, atom: v } of atom.of.terms) {
      if (v.tag !== "var" || coef <= 0 || atom.by % coef !== 0) continue
      const by = atom.by / coef
      const size = t.sizes[v.id]!
      if (by < size && size % by === 0) t.requests.push({ slot: t.slots[v.id]!, by })
    }
  }
  return i
}

export const begin = (
  around: Surroundings,
  element: Element,
  stages: boolean,
  shape: ReadonlyArray<number>,
  inline: ReadonlyArray<Node>,
  factors: Factors,
): readonly [Attempt, ReadonlyArray<Index>] => {
  const sizes: Array<number> = []
  const bounds = new Map<Expr, readonly [number, number]>()
  const root: Array<number> = []
  const t: Attempt = {
    around,
    element,
    stages,
    factors,
    sizes,
    slots: [],
    buffers: [],
    missing: new Set(),
    requests: [],
    memo: new Map(),
    names: new Map(),
    bounds,
    essential: new Set(),
    visited: new Set(),
    ranges: {
      size: (id) => sizes[id]!,
      value: (e) => bounds.get(e) ?? [0, Number.MAX_SAFE_INTEGER],
      turn: (depth) => around.turns.at(-1 - depth) ?? 1,
    },
    inline: new Set(inline),
    root,
    folds: [],
    outer: undefined,
    inner: undefined,
    contraction: undefined,
  }
  const ix = shape.map((size, d) => newVariables(t, `root.${d}`, size))
  sizes.forEach((_, id) => root.push(id))
  return [t, ix]
}

export const finer = (factors: Factors, t: Attempt): Factors => {
  const next = new Map(factors)
  const done = new Set<string>()
  for (const { slot, by } of t.requests) {
    if (done.has(slot.key)) continue
    done.add(slot.key)
    const old = t.slots.flatMap((s, id) => s.key === slot.key ? [t.sizes[id]!] : [])
    next.set(slot.key, old.flatMap((f, k) => k === slot.position ? [f / by, by] : [f]))
  }
  return next
}

/** Gives consecutive variables to axes, in order, so that the sizes match; undefined if they do not. */
export const distribute = (
  t: Attempt,
  ids: ReadonlyArray<number>,
  sizes: ReadonlyArray<number>,
): ReadonlyArray<Index> | undefined => {
  const out: Array<Index> = []
  let next = 0
  for (const size of sizes) {
    let product = 1
    const mine: Array<number> = []
    while (product < size && next < ids.length) {
      mine.push(ids[next]!)
      product *= t.sizes[ids[next++]!]!
    }
    if (product !== size) return undefined
    const strides = rowMajor(mine.map((v) => t.sizes[v]!))
    out.push(mine.reduce((s, v, k) => addIndex(s, scaleIndex(variable(v), strides[k]!)), constantIndex(0)))
  }
  return next === ids.length ? out : undefined
}

/** The variables that run through exactly the elements of these axes; undefined if that is not what the indices do. */
export const ownLoops = (
  t: Attempt,
  ix: ReadonlyArray<Index>,
  shape: ReadonlyArray<number>,
): ReadonlyArray<number> | undefined => {
  const found: Array<number> = []
  for (const [d, i] of ix.entries()) {
    const ids = covers(i, shape[d]!, t.ranges)
    if (ids === undefined) return undefined
    found.push(...ids)
  }
  return new Set(found).size === found.length && found.every((v) => t.root.includes(v)) ? found : undefined
}
