/**
 * The products of a block of rows and a panel of lanes, in tiles.
 * @module
 */
import { call, type Code, type Local, type Scope, type Value, when } from "./assembler.ts"
import type { AttendPlan, Sum } from "./attend-plan.ts"
import type { AttendScratch } from "./attend-scratch.ts"
import { stagedRow, type Stages } from "./attend-stage.ts"
import { heightsOf } from "./contract-plan.ts"
import { tile } from "./contract-tile.ts"
import { addressOf, forUp } from "./emit.ts"
import { i32 } from "./instructions.ts"
import type { KernelArgs } from "./kernel.ts"

/** Where a product is made. */
export interface ProductSpot {
  readonly scope: Scope
  readonly args: KernelArgs
  /** The values of batch and share variables. */
  readonly digit: (id: number) => Value<"i32">
  readonly panel: Local<"i32">
  /** The first row of the block, the first row in it, and how many. */
  readonly row: Local<"i32">
  readonly first: Local<"i32">
  readonly count: Local<"i32">
}

/** Writes products. */
export interface Products {
  /** The strip of scores, or of cotangents of weights. */
  readonly scores: (which: "first" | "second") => Code
  /** Adds weighed rows to a sum. */
  readonly sum: (s: Sum) => Code
}

/** The address of the first row of an operand: where it lies, or where it was written. */
export const rowsAt = (
  p: AttendPlan,
  at: AttendScratch,
  stages: Stages,
  which: "first" | "second",
  { args, digit, row, first }: ProductSpot,
): Value<"i32"> => {
  const o = p.rows[which], stage = stages[which]
  if (o.plain !== undefined) {
    const { buffer, bytes, origin } = o.plain
    return i32.add(addressOf(args, buffer, bytes, origin, digit), i32.mul(i32.add(row, first), o.row))
  }
  if (stage !== undefined) return stagedRow(p, stage, o, args.shared, digit, i32.add(row, first))
  return i32.add(i32.add(args.scratch, which === "first" ? at.rowFirst : at.rowSecond), i32.mul(first, o.row))
}

/** Begins to write products. */
export const products = (p: AttendPlan, at: AttendScratch, stages: Stages, s: ProductSpot): Products => {
  const source = s.scope.local("i32", "source"), i = s.scope.local("i32", "i"), whole = s.scope.local("i32", "whole")
  const { scratch } = s.args
  const vectors = p.width / 4
  const panelAt = (from: number, features: number): Value<"i32"> =>
    i32.add(i32.add(scratch, from), i32.mul(s.panel, 4 * p.width * features))
  return {
    scores: (which) => {
      const o = p.rows[which]
      const [lanes, strip] = which === "first" ? [at.first, at.strip] : [at.second, at.change]
      const body = (rows: number): Code =>
        call(
          tile("f32", p.context.features, { rows, vectors, last: 4 }, {
            levels: [{ size: o.features, aStep: o.step, bStep: 4 * p.width }],
            aRow: o.row,
          }),
          i32.add(source, i32.mul(i, o.row)),
          panelAt(lanes, o.features),
          i32.add(i32.add(scratch, strip), i32.mul(i, 4 * p.width)),
          i32.const(4 * p.width),
          i32.const(o.features),
          i32.const(0),
        )
      return [
        source.set(rowsAt(p, at, stages, which, s)),
        whole.set(i32.sub(s.count, i32.remU(s.count, p.tileRows))),
        forUp(i, 0, whole, p.tileRows, body(p.tileRows)),
        Array.from({ length: p.tileRows - 1 }, (_, r) => when(i32.eq(i32.sub(s.count, whole), r + 1), body(r + 1))),
      ]
    },
    sum: ({ acc, of, by, features }) => {
      const o = p.rows[by]
      const { full, lower, rest } = heightsOf(features, p.tileRows)
      const body = (rows: number): Code =>
        call(
          tile("f32", p.context.features, { rows, vectors, last: 4 }, {
            levels: [{ size: 0, aStep: o.row, bStep: 4 * p.width }],
            aRow: o.step,
          }),
          i32.add(source, i32.mul(i, o.step)),
          i32.add(scratch, of === "weights" ? at.strip : at.change),
          i32.add(panelAt(at.sums[acc]!, features), i32.mul(i, 4 * p.width)),
          i32.const(4 * p.width),
          s.count,
          i32.const(1),
        )
      const ends = [full * p.tileRows, full * p.tileRows + lower * (p.tileRows - 1)] as const
      return [
        source.set(rowsAt(p, at, stages, by, s)),
        forUp(i, 0, ends[0], p.tileRows, body(p.tileRows)),
        lower === 0 ? [] : forUp(i, ends[0], ends[1], p.tileRows - 1, body(p.tileRows - 1)),
        rest === 0 ? [] : [i.set(i32.const(ends[1])), body(rest)],
      ]
    },
  }
}
