/**
 * Blocks of an attention's operands and results, moved by loops of their own: what a kernel says of an element becomes a
 * loop over the lanes, rows and features of a block, between memory and scratch. Where the block lies goes in as turns,
 * so that one function serves all blocks of a size.
 * @module
 */
import {
  addIndex,
  atomIndex,
  constantIndex,
  divIndex,
  modIndex,
  type Ranges,
  scaleIndex,
  substitute,
  variable,
} from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Expr, Index, Loop, Store } from "../kernel/kernel.ts"
import type { AttendPlan } from "./attend-plan.ts"
import { type Inner, inner, type LowerLoop } from "./contract-loop.ts"

/** One side of a block: its loops, what kernel variables are in them, and where its places go in scratch. */
export interface Side {
  readonly sizes: ReadonlyArray<number>
  readonly into: (first: number) => ReadonlyArray<readonly [id: number, Index]>
  readonly place: (first: number, ranges: Ranges) => Index
}

/** Turns that blocks take: each variable of batch and share, then where the queries and keys begin. */
export const blockTurns = ({ k }: AttendPlan): number => k.batch.length + k.share.length + 2

const turn = (depth: number): Index => atomIndex({ tag: "turn", depth })

const startOf = (p: AttendPlan, which: "query" | "key"): number =>
  p.context.turns + p.k.batch.length + p.k.share.length + (which === "query" ? 0 : 1)

/** How lanes go to scratch: so many elements apart, or in panels of so many features. */
export type LanePlace = { readonly pitch: number } | { readonly features: number }

/** So many places of the lanes' variable, with the heads that share keys before. */
export const laneSide = (p: AttendPlan, count: number, how: LanePlace = { pitch: 1 }): Side => {
  const shares = p.sharing ? p.k.share : []
  const sizes = [...shares, count]
  return {
    sizes,
    into: (first) => [
      ...shares.map((_, i) => [p.ids.share[i]!, variable(first + i)] as const),
      [p.ids[p.lane], addIndex(turn(startOf(p, p.lane)), variable(first + shares.length))],
    ],
    place: (first, ranges) => {
      const at = sizes.reduce<Index>(
        (sum, _, i) => addIndex(sum, scaleIndex(variable(first + i), sizes.slice(i + 1).reduce((a, b) => a * b, 1))),
        constantIndex(0),
      )
      if ("pitch" in how) return scaleIndex(at, how.pitch)
      if (p.panels === 1) return at
      const panel = scaleIndex(divIndex(at, p.width, ranges), p.width * how.features)
      return addIndex(panel, modIndex(at, p.width, ranges))
    },
  }
}

/** So many rows, `pitch` elements apart. */
export const rowSide = (p: AttendPlan, count: number, pitch: number): Side => ({
  sizes: [count],
  into: (first) => [[p.ids[p.row], addIndex(turn(startOf(p, p.row)), variable(first))]],
  place: (first) => scaleIndex(variable(first), pitch),
})

/** All of a feature variable, `pitch` elements apart. */
export const featureSide = (id: number, size: number, pitch: number): Side => ({
  sizes: [size],
  into: (first) => [[id, variable(first)]],
  place: (first) => scaleIndex(variable(first), pitch),
})

const laid = (p: AttendPlan, sides: ReadonlyArray<Side>): {
  readonly dims: ReadonlyArray<number>
  readonly place: Index
  readonly expr: (e: Expr, acc?: Expr) => Expr
  readonly index: (at: Index) => Index
} => {
  const dims = sides.flatMap((s) => s.sizes)
  const firsts = sides.map((_, i) => sides.slice(0, i).reduce((n, s) => n + s.sizes.length, 0))
  const begun = p.context.turns
  const own = sides.flatMap((s, i) => s.into(firsts[i]!).map(([id, at]) => [id, at, s] as const))
  const into = new Map<number, Index>([
    ...[...p.ids.batch, ...p.ids.share].map((id) => [id, turn(begun + id)] as const),
    [p.ids.query, turn(startOf(p, "query"))],
    [p.ids.key, turn(startOf(p, "key"))],
    [p.ids.head, constantIndex(0)],
    [p.ids.value, constantIndex(0)],
    ...own.map(([id, at]) => [id, at] as const),
  ])
  const counts = [...p.k.batch, ...p.k.share, p.k.query, p.k.key]
  const ranges: Ranges = {
    size: (id) => dims[id]!,
    value: () => [-Infinity, Infinity],
    // a block ends within the whole, so a turn and a variable together stay below it
    turn: (depth) => {
      const id = depth - begun
      if (id < 0) return 2 ** 31
      const side = id < p.ids.query ? undefined : own.find(([x]) => x === id)?.[2]
      return Math.max(1, counts[id]! - (side === undefined ? 0 : side.sizes.at(-1)! - 1))
    },
  }
  const moved = (acc: Expr | undefined): (e: Expr) => Expr =>
    rebuild(
      (a, again) => substitute(a, (id) => into.get(id)!, again, ranges),
      (e) => e.tag === "acc" && acc !== undefined ? acc : e,
    )
  return {
    dims,
    place: sides.reduce<Index>((at, s, i) => addIndex(at, s.place(firsts[i]!, ranges)), constantIndex(0)),
    expr: (e, acc) => moved(acc)(e),
    index: (at) => substitute(at, (id) => into.get(id)!, moved(undefined), ranges),
  }
}

const map = (dims: ReadonlyArray<number>, stores: ReadonlyArray<Store>): Loop => ({
  tag: "loop",
  dims,
  over: [],
  stages: [{ tag: "point", stores }],
})

/** Writes a block of a value (f32 or i32) to scratch. */
export const blockOf = (p: AttendPlan, value: Expr, sides: ReadonlyArray<Side>, lowerLoop: LowerLoop): Inner => {
  const { dims, place, expr } = laid(p, sides)
  const stores = [{ buffer: p.context.buffers.length, at: place, value: expr(value) }]
  return inner(map(dims, stores), p.context, value.dtype === "i32" ? "i32" : "f32", blockTurns(p), lowerLoop)
}

/** Does stores of a kernel from a block of sums in scratch; `finished` is what becomes of a sum. */
export const storesOf = (
  p: AttendPlan,
  stores: ReadonlyArray<Store>,
  sides: ReadonlyArray<Side>,
  finished: (sum: Expr) => Expr,
  lowerLoop: LowerLoop,
): Inner => {
  const { dims, place, expr, index } = laid(p, sides)
  const sum = finished({ tag: "load", dtype: "f32", buffer: p.context.buffers.length, at: place, guards: [] })
  const moved = stores.map((s) => ({ buffer: s.buffer, at: index(s.at), value: expr(s.value, sum) }))
  return inner(map(dims, moved), p.context, "f32", blockTurns(p), lowerLoop)
}
