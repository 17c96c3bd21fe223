/**
 * The loops around a contraction, as kernels of their own kind: an operand that is no plain load is first written out,
 * and stores that are no plain stores are done over a block of sums. Where in the whole such a block lies goes in as
 * turns, so that one function serves all blocks of a size.
 * @module
 */
import {
  addIndex,
  atomIndex,
  constantIndex,
  divIndex,
  modIndex,
  type Ranges,
  substitute,
  variable,
} from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Contract, Expr, Index, Loop } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { call, type Code, type Value } from "./assembler.ts"
import type { Group, Groups, Plain } from "./contract-operand.ts"
import { i32 } from "./instructions.ts"
import { type KernelArgs, type KernelCode, type KernelContext, kernelFunc, type Phase } from "./kernel.ts"

/** How loops are lowered. */
export type LowerLoop = (k: Loop, context: KernelContext) => KernelCode

/** Byte offsets of a part's constants and scratch within those of the whole. */
export interface Offsets {
  readonly constants: number
  readonly scratch: number
}

/** A loop with one more buffer and more turns than the kernel it serves. */
export interface Inner {
  readonly code: KernelCode
  /** Bytes of scratch for one thread, what it calls shared included. */
  readonly scratch: number
  /** Does tasks of a phase. */
  readonly phase: (
    number: number,
    args: KernelArgs,
    buffer: Value<"i32">,
    turns: ReadonlyArray<Value<"i32">>,
    offsets: Offsets,
    range?: readonly [Value<"i32">, Value<"i32">],
  ) => Code
  /** Does everything. */
  readonly all: (
    args: KernelArgs,
    buffer: Value<"i32">,
    turns: ReadonlyArray<Value<"i32">>,
    offsets: Offsets,
  ) => Code
}

/** A loop as code to be called, on one more buffer of that dtype and with so many more turns. */
export const inner = (k: Loop, context: KernelContext, dtype: DType, turns: number, lowerLoop: LowerLoop): Inner => {
  const code = lowerLoop(k, {
    ...context,
    buffers: [...context.buffers, dtype],
    turns: context.turns + turns,
  })
  const own = Math.ceil(code.scratch / 64) * 64
  const phase: Inner["phase"] = (number, args, buffer, extra, at, range) => {
    const { func, tasks } = code.phases[number]!
    const scratch = i32.add(args.scratch, at.scratch)
    return call(
      func,
      ...args.buffers,
      buffer,
      ...args.turns,
      ...extra,
      i32.add(args.constants, at.constants),
      i32.add(scratch, own),
      scratch,
      range?.[0] ?? i32.const(0),
      range?.[1] ?? i32.const(tasks),
    )
  }
  return {
    code,
    scratch: own + code.shared,
    phase,
    all: (args, buffer, extra, at) => code.phases.map((_, n) => phase(n, args, buffer, extra, at)),
  }
}

/** The digits of an index of a group, one for each of its variables. */
const digitsOf = (at: Index, g: Group, r: Ranges): ReadonlyArray<Index> =>
  g.sizes.map((size, i) => {
    const below = g.sizes.slice(i + 1).reduce((a, b) => a * b, 1)
    const above = divIndex(at, below, r)
    return i === 0 ? above : modIndex(above, size, r)
  })

const rangesOf = (sizes: ReadonlyArray<number>, turns: ReadonlyMap<number, number>): Ranges => ({
  size: (id) => sizes[id]!,
  value: () => [-Infinity, Infinity],
  turn: (depth) => turns.get(depth) ?? 2 ** 31,
})

/** An expression with its variables replaced, and the sum by `sum`. */
const moved = (into: ReadonlyMap<number, Index>, r: Ranges, sum?: Expr): {
  readonly expr: (e: Expr) => Expr
  readonly index: (a: Index) => Index
} => {
  const index = (a: Index, again: (e: Expr) => Expr): Index => substitute(a, (id) => into.get(id)!, again, r)
  const expr = rebuild(index, (e) => e.tag === "acc" && sum !== undefined ? sum : e)
  return { expr, index: (a) => index(a, expr) }
}

const turnIndex = (depth: number): Index => atomIndex({ tag: "turn", depth })
const entries = (g: Group, at: ReadonlyArray<Index>): ReadonlyArray<readonly [number, Index]> =>
  at.map((a, i) => [g.first + i, a] as const)

/** The dtype that holds values of a compute type. */
const heldAs = (k: Contract): DType => k.dtype

/** How many turns the loops over blocks take: one for each variable of the batch, then rows and cols. */
const blockTurns = (groups: Groups): number => groups.batch.sizes.length + 2

/** Replaces batch, rows and cols by turns (from depth `first`) plus the variables of a block. */
const blockMap = (
  groups: Groups,
  first: number,
  sizes: ReadonlyArray<number>,
  depth: ReadonlyArray<Index>,
): { readonly into: ReadonlyMap<number, Index>; readonly ranges: Ranges } => {
  const { batch, rows, cols } = groups
  const n = batch.sizes.length
  const ranges = rangesOf(
    sizes,
    new Map([
      ...batch.sizes.map((s, i) => [first + i, s] as const),
      // A block ends within the whole, so a turn and a variable together stay below it.
      [first + n, Math.max(1, rows.count - sizes[0]! + 1)],
      [first + n + 1, Math.max(1, cols.count - sizes[1]! + 1)],
    ]),
  )
  const at = (turn: number, id: number): Index => addIndex(turnIndex(turn), variable(id))
  return {
    ranges,
    into: new Map([
      ...entries(batch, batch.sizes.map((_, i) => turnIndex(first + i))),
      ...entries(rows, digitsOf(at(first + n, 0), rows, ranges)),
      ...entries(cols, digitsOf(at(first + n + 1, 1), cols, ranges)),
      ...entries(groups.depth, depth),
    ]),
  }
}

/** Writes `rows` rows of the left operand, depth side by side. */
export const leftBlock = (
  k: Contract,
  context: KernelContext,
  value: Expr,
  groups: Groups,
  rows: number,
  lowerLoop: LowerLoop,
): Inner => {
  const depth = groups.depth.count
  const sizes = [rows, depth]
  const ranges = rangesOf(sizes, new Map())
  const map = blockMap({ ...groups, cols: { ...groups.cols, sizes: [], count: 1 } }, context.turns, [rows, 1], [])
  const into = new Map([...map.into, ...entries(groups.depth, digitsOf(variable(1), groups.depth, ranges))])
  const { expr } = moved(into, { ...map.ranges, size: ranges.size })
  const at: Index = {
    base: 0,
    terms: [{ coef: depth, atom: { tag: "var", id: 0 } }, { coef: 1, atom: { tag: "var", id: 1 } }],
  }
  const loop: Loop = {
    tag: "loop",
    dims: sizes,
    over: [],
    stages: [{ tag: "point", stores: [{ buffer: context.buffers.length, at, value: expr(value) }] }],
  }
  return inner(loop, context, heldAs(k), blockTurns(groups), lowerLoop)
}

/** Does the stores over a block of `rows` x `cols` sums, whose rows are `pitch` elements apart. */
export const storeBlock = (
  k: Contract,
  context: KernelContext,
  groups: Groups,
  rows: number,
  cols: number,
  pitch: number,
  lowerLoop: LowerLoop,
): Inner => {
  const map = blockMap(groups, context.turns, [rows, cols], groups.depth.sizes.map(() => constantIndex(0)))
  const at: Index = {
    base: 0,
    terms: [{ coef: pitch, atom: { tag: "var", id: 0 } }, { coef: 1, atom: { tag: "var", id: 1 } }],
  }
  const sum: Expr = { tag: "load", dtype: k.dtype, buffer: context.buffers.length, at, guards: [] }
  const { expr, index } = moved(map.into, map.ranges, sum)
  const stores = k.stores.map((s) => ({ buffer: s.buffer, at: index(s.at), value: expr(s.value) }))
  const loop: Loop = { tag: "loop", dims: [rows, cols], over: [], stages: [{ tag: "point", stores }] }
  return inner(loop, context, heldAs(k), blockTurns(groups), lowerLoop)
}

/** The whole right operand written out, its batch and depth and cols side by side: phases, and how it then lies. */
export const rightWhole = (
  k: Contract,
  context: KernelContext,
  value: Expr,
  groups: Groups,
  lowerLoop: LowerLoop,
): { readonly inner: Inner; readonly plain: Plain; readonly bytes: number } => {
  const { batch, rows, cols, depth } = groups
  const sizes = [...batch.sizes, depth.count, cols.count]
  const n = batch.sizes.length
  const ranges = rangesOf(sizes, new Map())
  const into = new Map([
    ...entries(batch, batch.sizes.map((_, i) => variable(i))),
    ...entries(rows, rows.sizes.map(() => constantIndex(0))),
    ...entries(depth, digitsOf(variable(n), depth, ranges)),
    ...entries(cols, digitsOf(variable(n + 1), cols, ranges)),
  ])
  const pitches = sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * b, 1))
  const term = (coef: number, id: number): Index["terms"][number] => ({ coef, atom: { tag: "var", id } })
  const { expr } = moved(into, ranges)
  const loop: Loop = {
    tag: "loop",
    dims: sizes,
    over: [],
    stages: [{
      tag: "point",
      stores: [{
        buffer: context.buffers.length,
        at: { base: 0, terms: pitches.map(term) },
        value: expr(value),
      }],
    }],
  }
  return {
    inner: inner(loop, context, heldAs(k), 0, lowerLoop),
    bytes: 4 * sizes.reduce((a, b) => a * b, 1),
    plain: {
      buffer: context.buffers.length,
      dtype: heldAs(k),
      bytes: 4,
      origin: { base: 0, terms: pitches.slice(0, n).map((p, i) => term(p, batch.first + i)) },
      lane: cols.count === 1 ? [] : [{ size: cols.count, stride: 1 }],
      depth: depth.count === 1 ? [] : [{ size: depth.count, stride: cols.count }],
    },
  }
}

/** The phases of a loop that runs before, on a buffer in the shared scratch. */
export const phasesBefore = (
  before: Inner,
  context: KernelContext,
  bufferOffset: number,
  offsets: Offsets,
): ReadonlyArray<Phase> =>
  before.code.phases.map((phase, n) => ({
    ...phase,
    func: kernelFunc("before", context, (_, args) =>
      before.phase(n, args, i32.add(args.shared, bufferOffset), [], offsets, [args.lo, args.hi])),
  }))
