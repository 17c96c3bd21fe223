/**
 * Lowering: one or more nodes of the graph become one kernel. The expression of an element is built on demand, from
 * the stores backwards: movement (align, reshape, slice, pad, concat, window, gather) only rewrites indices, a fold whose
 * place is one of the kernel's own rows becomes a stage of it, a product over all of the kernel's loops becomes its
 * contraction and the rest its epilogue. What cannot be inlined is named, and the planner gives it a buffer first.
 * @module
 */
import { either as E } from "fp-ts"
import {
  addIndex,
  alwaysHolds,
  atomIndex,
  constantIndex,
  covers,
  divIndex,
  indexKey,
  modIndex,
  rangeOf,
  type Ranges,
  scaleIndex,
  shiftIndex,
  variable,
} from "../kernel/affine.ts"
import { constantExpr, rebuild, walk } from "../kernel/expression.ts"
import type { Expr, Fold, Guard, Index, Kernel, Stage, Store } from "../kernel/kernel.ts"
import { count, type Node } from "../graph/node.ts"
import { type Compute, type DType, dtypes } from "../tensor/dtype.ts"
import { rowMajor } from "./layout.ts"
import { simplify } from "./simplify.ts"

/** Where the elements of a node with a buffer lie: the buffer's key and the index of an element in it. */
export interface Site {
  readonly buffer: Node
  readonly at: (ix: ReadonlyArray<Index>) => Index
}

/** What lowering knows of the rest of the program. */
export interface Surroundings {
  /** Where a node's elements are stored; undefined if it is to be computed in place. */
  readonly site: (n: Node) => Site | undefined
  readonly maxBindings: number
  /** How many turns the enclosing loops take. */
  readonly turns: ReadonlyArray<number>
}

/** A kernel, the buffers it binds (by key) in order, and the nodes it stores. */
export interface Lowered {
  readonly kernel: Kernel
  readonly buffers: ReadonlyArray<Node>
  readonly stored: ReadonlyArray<Node>
  /** Nodes computed inside, without a buffer of their own. */
  readonly inside: ReadonlySet<Node>
}

/** What must have a buffer before this can be lowered. */
export type Missing = ReadonlyArray<Node>

const computeOf = (d: DType): Compute => dtypes[d].compute

/** Nodes that only move elements. */
export const isMovement = (n: Node): boolean =>
  n.op.tag === "align" || n.op.tag === "reshape" || n.op.tag === "slice" || n.op.tag === "stop" ||
  n.op.tag === "custom" || n.op.tag === "barrier" || n.op.tag === "window" || n.op.tag === "pad" && n.op.value === 0

/** The first node below that is not just a moved view of another. */
export const core = (n: Node): Node => isMovement(n) ? core(n.args[0]!) : n

interface Slot {
  readonly key: string
  readonly position: number
}

/** How the axes of the kernel are cut into variables: axis key -> sizes, slowest first. */
type Factors = ReadonlyMap<string, ReadonlyArray<number>>

interface Request {
  readonly slot: Slot
  readonly by: number
}

interface Contraction {
  readonly batch: ReadonlyArray<number>
  readonly rows: ReadonlyArray<number>
  readonly cols: ReadonlyArray<number>
  readonly depth: ReadonlyArray<number>
  readonly a: Expr
  readonly b: Expr
  readonly dtype: Compute
}

/** One attempt at one kernel; its arrays grow while the attempt runs and are read once at its end. */
interface Attempt {
  readonly around: Surroundings
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

const nameOf = (t: Attempt, x: object): number => {
  const known = t.names.get(x)
  if (known !== undefined) return known
  t.names.set(x, t.names.size)
  return t.names.size - 1
}

const newVariables = (t: Attempt, key: string, size: number): Index => {
  if (size === 1) return constantIndex(0)
  const factors = t.factors.get(key) ?? [size]
  const strides = rowMajor(factors)
  return factors.reduce((sum: Index, f, position) => {
    t.sizes.push(f)
    t.slots.push({ key, position })
    return addIndex(sum, scaleIndex(variable(t.sizes.length - 1), strides[position]!))
  }, constantIndex(0))
}

const need = (t: Attempt, n: Node): Expr => {
  t.missing.add(n)
  return constantExpr(computeOf(n.dtype), 0)
}

const bind = (t: Attempt, key: Node): number => {
  const at = t.buffers.indexOf(key)
  return at >= 0 ? at : t.buffers.push(key) - 1
}

/** Asks for a finer cut of a variable where that would dissolve a division. */
const refine = (t: Attempt, i: Index): Index => {
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

/** Indices of the argument of a reshape: groups of axes with equal products are flattened and cut anew. */
const reshaped = (t: Attempt, from: ReadonlyArray<number>, to: ReadonlyArray<number>, ix: ReadonlyArray<Index>) => {
  const out: Array<Index> = []
  if (count(to) === 0) return from.map(() => constantIndex(0))
  let i = 0
  let j = 0
  while (i < from.length || j < to.length) {
    const [i0, j0] = [i, j]
    let a = i < from.length ? from[i++]! : 1
    let b = j < to.length ? to[j++]! : 1
    while (a !== b) a < b ? a *= from[i++]! : b *= to[j++]!
    const strides = rowMajor(to.slice(j0, j))
    const flat = ix.slice(j0, j).reduce((s, x, k) => addIndex(s, scaleIndex(x, strides[k]!)), constantIndex(0))
    const parts = from.slice(i0, i)
    rowMajor(parts).forEach((stride, k) => {
      const whole = divIndex(flat, stride, t.ranges)
      out.push(refine(t, k === 0 ? whole : modIndex(whole, parts[k]!, t.ranges)))
    })
  }
  return out
}

const clipped = (to: DType, x: Expr): Expr =>
  to === "u8" && x.dtype === "f32" ? { tag: "binary", dtype: "f32", fn: "min", x, y: constantExpr("f32", 255) } : x

/** Value conversion to a dtype, rounded where it holds less than its compute type. */
const castTo = (to: DType, from: DType, x: Expr): Expr => {
  const target = computeOf(to)
  const cast: Expr = x.dtype === target ? x : { tag: "cast", dtype: target, x: clipped(to, x) }
  const narrow = (to === "f16" || to === "bf16" || to === "u8") && to !== from && from !== "bool"
  return narrow ? { tag: "round", dtype: target, to, x: cast } : cast
}

const wraps = new Set(["add", "sub", "mul", "shl", "neg", "not"])
/** u8 arithmetic is done in u32 and wraps at 256. */
const wrapped = (n: Node, fn: string, x: Expr): Expr =>
  n.dtype === "u8" && wraps.has(fn) ? { tag: "round", dtype: "u32", to: "u8", x } : x

const lowerAll = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): ReadonlyArray<Expr> =>
  n.args.map((a) => lowerAt(t, a, ix, guards))

/** The value of node `n` at the indices `ix` of its axes. */
const lowerAt = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const name = (e: Expr): number => nameOf(t, e)
  const key = `${nameOf(t, n)}[${ix.map((i) => indexKey(i, name)).join()}]${
    guards.map((g) => `${indexKey(g.at, name)}:${g.low}:${g.high}`).join(";")
  }`
  const known = t.memo.get(key)
  if (known) return known
  const site = t.inline.has(n) ? undefined : t.around.site(n)
  if (!site) t.visited.add(n)
  const made: Expr = site
    ? {
      tag: "load",
      dtype: computeOf(n.dtype),
      buffer: bind(t, site.buffer),
      at: site.at(ix),
      guards: guards.filter((g) => t.essential.has(g) || !alwaysHolds(g, t.ranges)),
    }
    : compute(t, n, ix, guards)
  t.memo.set(key, made)
  return made
}

const compute = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const op = n.op
  const dtype = computeOf(n.dtype)
  const arg = n.args[0]!
  switch (op.tag) {
    case "constant":
      return constantExpr(dtype, op.value)
    case "iota":
      return { tag: "index", dtype, at: ix[0]! }
    case "unary":
      return wrapped(n, op.fn, { tag: "unary", dtype, fn: op.fn, x: lowerAt(t, arg, ix, guards) })
    case "binary": {
      const [x, y] = lowerAll(t, n, ix, guards)
      return wrapped(n, op.fn, { tag: "binary", dtype, fn: op.fn, x: x!, y: y! })
    }
    case "select": {
      const [c, x, y] = lowerAll(t, n, ix, guards)
      return { tag: "select", dtype, c: c!, x: x!, y: y! }
    }
    case "cast":
      return castTo(n.dtype, arg.dtype, lowerAt(t, arg, ix, guards))
    case "bitcast": {
      const x = lowerAt(t, arg, ix, guards)
      return x.dtype === dtype ? x : { tag: "bitcast", dtype, x }
    }
    case "stop":
    case "custom":
    case "barrier":
      return lowerAt(t, arg, ix, guards)
    case "align":
      return lowerAt(
        t,
        arg,
        arg.axes.map((a, d) => arg.shape[d] === 1 ? constantIndex(0) : ix[n.axes.indexOf(a)]!),
        guards,
      )
    case "reshape":
      return lowerAt(t, arg, reshaped(t, arg.shape, n.shape, ix), guards)
    case "slice":
      return lowerAt(t, arg, ix.map((i, d) => shiftIndex(scaleIndex(i, op.step[d]!), op.start[d]!)), guards)
    case "pad":
      return padded(t, n, op, ix, guards)
    case "concat":
      return joined(t, n, op.axis, ix, guards)
    case "window": {
      const place = arg.axes.indexOf(op.axis)
      const tap = n.axes.indexOf(op.tap)
      const source = arg.axes.map((a, d) =>
        d === place
          ? addIndex(scaleIndex(ix[n.axes.indexOf(op.axis)]!, op.stride), scaleIndex(ix[tap]!, op.dilation))
          : ix[n.axes.indexOf(a)]!
      )
      return lowerAt(t, arg, source, guards)
    }
    case "gather":
      return gathered(t, n, op.axis, ix, guards)
    case "reduce":
      return folded(t, n, ix, guards)
    case "dot":
      return contracted(t, n, ix, guards)
    case "input":
    case "data":
    case "scatter":
    case "cumulate":
    case "argsort":
    case "scan":
    case "pick":
      return need(t, n)
  }
}

type PadOp = Extract<Node["op"], { tag: "pad" }>

const padded = (t: Attempt, n: Node, op: PadOp, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const arg = n.args[0]!
  const own: Array<Guard> = []
  const source = ix.map((i, d) => {
    const at = shiftIndex(i, -op.low[d]!)
    const pitch = op.interior[d]! + 1
    own.push({ at, low: 0, high: Math.max(0, (arg.shape[d]! - 1) * pitch + 1) })
    if (pitch === 1) return at
    own.push({ at: refine(t, modIndex(at, pitch, t.ranges)), low: 0, high: 1 })
    return refine(t, divIndex(at, pitch, t.ranges))
  })
  const needed = own.filter((g) => !alwaysHolds(g, t.ranges))
  const inside = lowerAt(t, arg, source, [...guards, ...needed])
  if (needed.length === 0) return inside
  if (op.value === 0 && inside.tag === "load") return inside
  return {
    tag: "select",
    dtype: inside.dtype,
    c: { tag: "within", dtype: "bool", guards: needed },
    x: inside,
    y: constantExpr(inside.dtype, op.value),
  }
}

const joined = (t: Attempt, n: Node, axis: string, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const d = n.axes.indexOf(axis)
  const ends: Array<number> = []
  for (const a of n.args) ends.push((ends.at(-1) ?? 0) + a.shape[d]!)
  return n.args.reduceRight((rest: Expr | undefined, a, k) => {
    const size = a.shape[d]!
    const low = ends[k]! - size
    const guard: Guard = { at: ix[d]!, low, high: ends[k]! }
    const [least, most] = rangeOf(ix[d]!, t.ranges)
    if (size === 0 || most < low || least >= ends[k]!) return rest
    const always = alwaysHolds(guard, t.ranges)
    const source = ix.map((i, e) => e === d ? shiftIndex(i, -low) : i)
    const piece = lowerAt(t, a, source, always ? guards : [...guards, guard])
    if (always || rest === undefined) return piece
    return {
      tag: "select",
      dtype: piece.dtype,
      c: { tag: "within", dtype: "bool", guards: [guard] },
      x: piece,
      y: rest,
    }
  }, undefined) ?? constantExpr(computeOf(n.dtype), 0)
}

const gathered = (t: Attempt, n: Node, axis: string, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  const [x, index] = n.args as [Node, Node]
  const at = (a: string): Index => ix[n.axes.indexOf(a)]!
  const row = lowerAt(t, index, index.axes.map(at), guards)
  const size = x.shape[x.axes.indexOf(axis)]!
  t.bounds.set(row, [0, size - 1])
  const chosen = row.tag === "const" ? constantIndex(row.value) : atomIndex({ tag: "value", of: row })
  const guard: Guard = { at: chosen, low: 0, high: size }
  t.essential.add(guard)
  const value = lowerAt(t, x, x.axes.map((a) => a === axis ? chosen : at(a)), [...guards, guard])
  if (value.tag === "load" && value.guards.includes(guard)) return value
  return {
    tag: "select",
    dtype: value.dtype,
    c: { tag: "within", dtype: "bool", guards: [guard] },
    x: value,
    y: constantExpr(value.dtype, 0),
  }
}

/** Gives consecutive variables to axes, in order, so that the sizes match; undefined if they do not. */
const distribute = (
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

const sameList = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])

/** The variables that run through exactly the elements of these axes; undefined if that is not what the indices do. */
const ownLoops = (
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

/** Rows too long and too few to be worth sweeping by one worker each. */
const lonely = (t: Attempt, outer: ReadonlyArray<number>, inner: ReadonlyArray<number>): boolean => {
  const size = (ids: ReadonlyArray<number>): number => ids.reduce((p, v) => p * t.sizes[v]!, 1)
  return size(outer) < 8 && size(inner) > 4096
}

const folded = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  if (n.op.tag !== "reduce") return need(t, n)
  const { fn, axes } = n.op
  const arg = n.args[0]!
  const covered = ownLoops(t, ix, n.shape)
  if (covered === undefined || guards.length > 0 || t.contraction) return need(t, n)
  const outer = t.root.filter((v) => covered.includes(v))
  const rest = t.root.filter((v) => !covered.includes(v))
  if (t.outer && !sameList(t.outer, outer)) return need(t, n)
  const reduced = arg.axes.flatMap((a, d) => axes.includes(a) ? [[a, arg.shape[d]!] as const] : [])
  if (rest.length > 0) {
    if (lonely(t, outer, rest) || !rest.includes(t.root.at(-1)!)) return need(t, n)
    if (t.inner && !sameList(t.inner, rest)) return need(t, n)
  } else if (t.inner === undefined) {
    const before = t.sizes.length
    for (const [d, [, size]] of reduced.entries()) newVariables(t, `inner.${d}`, size)
    t.inner = t.sizes.slice(before).map((_, k) => before + k)
  }
  const inner = rest.length > 0 ? rest : t.inner!
  const places = distribute(t, inner, reduced.map(([, size]) => size))
  if (places === undefined) return need(t, n)
  if ((fn === "argmax" || fn === "argmin") && inner.length > 1) return need(t, n)
  t.outer = outer
  t.inner = inner
  const at = arg.axes.map((a) => {
    const k = reduced.findIndex(([b]) => a === b)
    return k >= 0 ? places[k]! : ix[n.axes.indexOf(a)]!
  })
  const value = lowerAt(t, arg, at, [])
  const level = 1 + Math.max(-1, ...accsIn(t, value))
  const id = t.folds.length
  t.folds.push({ id, fn, dtype: value.dtype, value, level })
  return { tag: "acc", dtype: computeOf(n.dtype), id }
}

/** Levels of the folds that an expression waits for. */
const accsIn = (t: Attempt, e: Expr): ReadonlyArray<number> =>
  walk([e]).flatMap((x) => x.tag === "acc" ? [t.folds.find((f) => f.id === x.id)!.level] : [])

const isOperand = (e: Expr): boolean =>
  e.tag === "const" || e.tag === "load" && plain(e.at) || (e.tag === "cast" || e.tag === "round") && isOperand(e.x)
const plain = (i: Index): boolean => i.terms.every((x) => x.atom.tag === "var" || x.atom.tag === "turn")

const contracted = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, guards: ReadonlyArray<Guard>): Expr => {
  if (n.op.tag !== "dot" || guards.length > 0 || t.contraction || t.outer || t.folds.length > 0) return need(t, n)
  const on = n.op.on
  const [x, y] = n.args as [Node, Node]
  const covered = ownLoops(t, ix, n.shape)
  if (covered === undefined || covered.length !== t.root.length) return need(t, n)
  const loops = (a: string): ReadonlyArray<number> => {
    const d = n.axes.indexOf(a)
    return covers(ix[d]!, n.shape[d]!, t.ranges)!
  }
  const depthAt = new Map<string, Index>()
  const before = t.sizes.length
  for (const [d, a] of x.axes.entries()) if (on.includes(a)) depthAt.set(a, newVariables(t, `depth.${a}`, x.shape[d]!))
  const depth = t.sizes.slice(before).map((_, k) => before + k)
  const placed = (a: string): Index => depthAt.get(a) ?? ix[n.axes.indexOf(a)]!
  // set first: what the operands reach must not claim the contraction too
  t.contraction = {
    batch: [],
    rows: [],
    cols: [],
    depth: [],
    a: constantExpr("f32", 0),
    b: constantExpr("f32", 0),
    dtype: computeOf(n.dtype),
  }
  const operand = (o: Node): Expr => {
    const e = lowerAt(t, o, o.axes.map(placed), [])
    if (isOperand(e) || t.requests.length > 0) return e
    return need(t, e.tag === "load" || t.around.site(core(o)) !== undefined ? o : core(o))
  }
  const a = operand(x)
  const b = operand(y)
  const free = (o: Node, other: Node): ReadonlyArray<number> =>
    o.axes.filter((v) => !on.includes(v) && !other.axes.includes(v)).flatMap(loops)
  const shared = x.axes.filter((v) => !on.includes(v) && y.axes.includes(v)).flatMap(loops)
  t.contraction = { batch: shared, rows: free(x, y), cols: free(y, x), depth, a, b, dtype: computeOf(n.dtype) }
  return { tag: "acc", dtype: computeOf(n.dtype), id: 0 }
}

const begin = (
  around: Surroundings,
  shape: ReadonlyArray<number>,
  inline: ReadonlyArray<Node>,
  factors: Factors,
): readonly [Attempt, ReadonlyArray<Index>] => {
  const sizes: Array<number> = []
  const bounds = new Map<Expr, readonly [number, number]>()
  const root: Array<number> = []
  const t: Attempt = {
    around,
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

const finer = (factors: Factors, t: Attempt): Factors => {
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

/** Runs attempts with ever finer loops until no division asks for more. */
const settle = (
  around: Surroundings,
  roots: ReadonlyArray<Node>,
  inline: ReadonlyArray<Node>,
  body: (t: Attempt, ix: ReadonlyArray<Index>) => E.Either<Missing, Lowered>,
): E.Either<Missing, Lowered> => {
  let factors: Factors = new Map()
  for (let round = 0;; round++) {
    const [t, ix] = begin(around, roots[0]!.shape, inline, factors)
    const result = body(t, ix)
    if (t.requests.length > 0 && round < 24) factors = finer(factors, t)
    else return t.missing.size > 0 ? E.left([...t.missing]) : result
  }
}

const storeOf = (t: Attempt, n: Node, ix: ReadonlyArray<Index>, value: Expr): Store => {
  const site = t.around.site(n)!
  return { buffer: bind(t, site.buffer), at: site.at(ix), value }
}

const finish = (t: Attempt, kernel: Kernel, stored: ReadonlyArray<Node>): E.Either<Missing, Lowered> =>
  E.right({ kernel: simplify(kernel), buffers: t.buffers, stored, inside: t.visited })

/** Gives the variables the positions that the kernel record wants. */
const renumber = (ids: ReadonlyArray<number>): { index: (i: Index) => Index; expr: (e: Expr) => Expr } => {
  const place = new Map(ids.map((id, k) => [id, k]))
  const moved = new Map<Index, Index>()
  const index = (i: Index, again: (e: Expr) => Expr): Index => {
    const known = moved.get(i)
    if (known) return known
    const made: Index = {
      base: i.base,
      terms: i.terms.map(({ coef, atom }) => ({
        coef,
        atom: atom.tag === "var"
          ? { tag: "var", id: place.get(atom.id)! }
          : atom.tag === "turn"
          ? atom
          : atom.tag === "value"
          ? { tag: "value", of: again(atom.of) }
          : { ...atom, of: index(atom.of, again) },
      })),
    }
    moved.set(i, made)
    return made
  }
  const expr = rebuild(index)
  return { index: (i) => index(i, expr), expr }
}

const stagesOf = (
  t: Attempt,
  roots: ReadonlyArray<Store>,
  side: ReadonlyArray<Store>,
  sweeps: boolean,
): ReadonlyArray<Stage> => {
  const stages: Array<Stage> = []
  const levels = Math.max(-1, ...t.folds.map((f) => f.level))
  for (let level = 0; level <= levels; level++) {
    stages.push({
      tag: "fold",
      folds: t.folds.filter((f) => f.level === level).map(({ id, fn, dtype, value }) => ({ id, fn, dtype, value })),
    })
  }
  if (side.length > 0) stages.push({ tag: "point", stores: side })
  stages.push(sweeps ? { tag: "sweep", stores: roots } : { tag: "point", stores: roots })
  return stages
}

/**
 * Lowers nodes of one shape to one loop or contraction that stores them all; `produce` are nodes with one value a row of
 * it (a norm's reciprocal, a row's log-sum) that the same kernel stores on the way.
 */
export const lowerNodes = (
  around: Surroundings,
  roots: ReadonlyArray<Node>,
  produce: ReadonlyArray<Node>,
): E.Either<Missing, Lowered> =>
  settle(around, roots, [...roots, ...produce], (t, ix) => {
    const values = roots.map((n) => lowerAt(t, n, ix, []))
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const stores = roots.map((n, k) => storeOf(t, n, ix, values[k]!))
    if (t.contraction) {
      if (produce.length > 0) return E.left(produce)
      const c = t.contraction
      const to = renumber([...c.batch, ...c.rows, ...c.cols, ...c.depth])
      const size = (ids: ReadonlyArray<number>): ReadonlyArray<number> => ids.map((v) => t.sizes[v]!)
      return finish(t, {
        tag: "contract",
        dtype: c.dtype,
        batch: size(c.batch),
        rows: size(c.rows),
        cols: size(c.cols),
        depth: size(c.depth),
        a: to.expr(c.a),
        b: to.expr(c.b),
        stores: stores.map((s) => ({ buffer: s.buffer, at: to.index(s.at), value: to.expr(s.value) })),
      }, roots)
    }
    const outer = t.outer ?? t.root
    const inner = t.inner ?? []
    const side = produce.flatMap((n): ReadonlyArray<Store> => {
      const at = distribute(t, outer, n.shape)
      if (at === undefined) t.missing.add(n)
      return at === undefined ? [] : [storeOf(t, n, at, lowerAt(t, n, at, []))]
    })
    const sweeps = t.root.some((v) => inner.includes(v))
    if (t.missing.size > 0 || t.requests.length > 0 || !sweeps && produce.length > 0) return E.left(produce)
    const to = renumber([...outer, ...inner])
    const move = (s: Store): Store => ({ buffer: s.buffer, at: to.index(s.at), value: to.expr(s.value) })
    const stages = stagesOf(t, stores, side, sweeps)
    return finish(t, {
      tag: "loop",
      dims: outer.map((v) => t.sizes[v]!),
      over: inner.map((v) => t.sizes[v]!),
      stages: stages.map((s): Stage =>
        s.tag === "fold"
          ? { tag: "fold", folds: s.folds.map((f) => ({ ...f, value: to.expr(f.value) })) }
          : { tag: s.tag, stores: s.stores.map(move) }
      ),
    }, [...roots, ...produce])
  })

/** Lowers a scatter, a running fold or a sort: kernels of their own, with whatever computes their arguments inlined. */
export const lowerAlone = (around: Surroundings, n: Node): E.Either<Missing, Lowered> => {
  const op = n.op
  if (op.tag === "scatter") return lowerScatter(around, n, op.axis, op.size)
  const axis = op.tag === "cumulate" || op.tag === "argsort" ? op.axis : ""
  const d = n.axes.indexOf(axis)
  return settle(around, [n], [n], (t, ix) => {
    const key = lowerAt(t, n.args[0]!, ix, [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const last = covers(ix[d]!, n.shape[d]!, t.ranges) ?? []
    // a running fold needs its axis whole: a size-1 axis still has one (empty) turn of it
    if (last.length > 1) return E.left([n.args[0]!])
    const outer = t.root.filter((v) => !last.includes(v))
    if (last.length === 0) {
      t.sizes.push(1)
      t.slots.push({ key: "unit", position: 0 })
    }
    const along = last[0] ?? t.sizes.length - 1
    const to = renumber([...outer, along])
    const dims = outer.map((v) => t.sizes[v]!)
    const store = storeOf(t, n, ix, { tag: "acc", dtype: computeOf(n.dtype), id: 0 })
    return finish(
      t,
      op.tag === "cumulate"
        ? {
          tag: "cumulate",
          dtype: key.dtype,
          dims,
          length: n.shape[d]!,
          fn: op.fn,
          reverse: op.reverse,
          value: to.expr(key),
          stores: [{ buffer: store.buffer, at: to.index(store.at), value: store.value }],
        }
        : {
          tag: "sort",
          dims,
          length: n.shape[d]!,
          descending: op.tag === "argsort" && op.descending,
          key: to.expr(key),
          buffer: store.buffer,
          at: to.index(store.at),
        },
      [n],
    )
  })
}

const lowerScatter = (around: Surroundings, n: Node, axis: string, size: number): E.Either<Missing, Lowered> => {
  const [updates, index] = n.args as [Node, Node]
  const summed = updates.axes.filter((a) => index.axes.includes(a) && !n.axes.includes(a))
  return settle(around, [updates], [], (t, ix) => {
    const at = (a: string): Index => ix[updates.axes.indexOf(a)]!
    const value = lowerAt(t, updates, ix, [])
    const row = lowerAt(t, index, index.axes.map(at), [])
    if (t.missing.size > 0 || t.requests.length > 0) return E.left([...t.missing])
    const loops = (a: string): ReadonlyArray<number> => {
      const d = updates.axes.indexOf(a)
      return covers(ix[d]!, updates.shape[d]!, t.ranges) ?? []
    }
    const along = summed.flatMap(loops)
    const outer = n.axes.filter((a) => a !== axis).flatMap(loops)
    const site = t.around.site(n)!
    const place = site.at(n.axes.map((a) => a === axis ? constantIndex(0) : at(a)))
    const to = renumber([...outer, ...along])
    const stride = rowMajor(n.shape)[n.axes.indexOf(axis)]!
    return finish(t, {
      tag: "scatter",
      dtype: value.dtype,
      dims: outer.map((v) => t.sizes[v]!),
      along: along.map((v) => t.sizes[v]!),
      row: to.expr(row),
      size,
      stride,
      value: to.expr(value),
      buffer: bind(t, site.buffer),
      at: to.index(place),
      elements: count(n.shape),
    }, [n])
  })
}
