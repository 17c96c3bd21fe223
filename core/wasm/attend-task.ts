/**
 * A task of an attention as code: a block of lanes against all rows that it sees, block by block.
 * @module
 */
import { call, type Code, type Local, type Scope, type Value, when } from "./assembler.ts"
import {
  allExtents,
  atLeast,
  atMost,
  everySees,
  type Extents,
  moveBlock,
  panelExtents,
  someSee,
  type Table,
} from "./attend-bounds.ts"
import { beginLanes, endLanes, type LaneSpot } from "./attend-lanes.ts"
import { type AttendLoops, biasSize } from "./attend-loops.ts"
import { fewProducts } from "./attend-few.ts"
import type { Pass } from "./attend-pass.ts"
import type { AttendPlan } from "./attend-plan.ts"
import { products } from "./attend-product.ts"
import type { AttendScratch } from "./attend-scratch.ts"
import type { Stages } from "./attend-stage.ts"
import { digits, forUp } from "./emit.ts"
import { type I32, i32 } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type Phase } from "./kernel.ts"

/** What a task is made of. */
export interface TaskParts {
  readonly p: AttendPlan
  readonly at: AttendScratch
  readonly loops: AttendLoops
  readonly table: Table | undefined
  readonly stages: Stages
  readonly passes: {
    /** Undefined: products are scores already. */
    readonly scores: Pass | undefined
    /** Undefined: every pair sees each other. */
    readonly masked: Pass | undefined
    readonly weights: Pass
    readonly finish: Pass | undefined
  }
  /** Byte offset of the passes' constants. */
  readonly constants: number
}

/** Multiply-adds that are worth taking a task alone. */
const worth = 500_000

/** The points that have tasks of their own, and the tasks of each. */
const cutOf = (p: AttendPlan): { readonly outer: ReadonlyArray<number>; readonly laneBlocks: number } => ({
  outer: [...p.k.batch, ...(p.k.part === "keys" || p.sharing ? [] : p.k.share)],
  laneBlocks: Math.ceil(p.laneCount / p.laneBlock),
})

/** How many tasks an attention has. */
export const tasksOf = (p: AttendPlan): number => {
  const { outer, laneBlocks } = cutOf(p)
  return outer.reduce((a, b) => a * b, 1) * laneBlocks
}

/** The tasks of an attention. */
export const attendPhase = (t: TaskParts): Phase => {
  const { p, p: { k } } = t
  const { outer, laneBlocks } = cutOf(p)
  const pairs = p.rowCount * p.laneBlock * (k.part === "keys" || p.sharing ? p.shares : 1)
  return {
    tasks: tasksOf(p),
    grain: Math.max(1, Math.floor(worth / Math.max(1, pairs * (k.head + k.value)))),
    func: kernelFunc("attend", p.context, (scope, args) => taskCode(t, outer, laneBlocks, scope, args)),
  }
}

const taskCode = (
  t: TaskParts,
  outer: ReadonlyArray<number>,
  laneBlocks: number,
  scope: Scope,
  args: KernelArgs,
): Code => {
  const { p, at, loops } = t
  const { k } = p
  const { scratch } = args
  const make = (name: string): Local<"i32"> => scope.local("i32", name)
  const task = make("task"), point = make("point"), block = make("block"), share = make("share")
  const start = make("start"), here = make("here"), lanes = make("lanes"), panel = make("panel")
  const row = make("row"), rows = make("rows"), from = make("from"), to = make("to")
  const origin = make("origin"),
    place = make("place"),
    entry = make("entry"),
    seen = make("seen"),
    border = make("border")
  const first = make("first"), past = make("past"), count = make("count"), middle = make("middle")
  const parts = digits(scope, point, outer)
  const inner = digits(scope, share, k.part === "keys" ? k.share : [])
  const digit = (id: number): Value<"i32"> =>
    id < p.ids.batch.length
      ? parts.digits[id]!
      : k.part === "keys"
      ? inner.digits[id - p.ids.batch.length]!
      : parts.digits[id] ?? i32.const(0)
  const spread = [...p.ids.batch, ...p.ids.share].map(digit)
  const turns = [...spread, ...(p.lane === "query" ? [start, row] : [row, start])]
  const write = (sized: Parameters<typeof moveBlock>[0], to: number, size: Value<"i32">): Code =>
    moveBlock(sized, args, i32.add(scratch, to), turns, size)
  const spot: LaneSpot = { scope, args, digit, turns, panel, start, here, lanes }
  const product = (p.few ? fewProducts : products)(p, at, t.stages, { scope, args, digit, panel, row, first, count })
  const pass = (f: Pass, skip: I32, many: Value<"i32">): Code =>
    call(f, scratch, panel, first, i32.add(skip, 0), many, i32.add(args.constants, t.constants))
  const { passes } = t

  // --- a panel against a block of rows

  const trimmed = p.ranged && p.placed !== undefined
  const extentsOf = (low: Value<"i32">, high: Value<"i32">): Extents => ({
    positions: p.placed
      ? [i32.add(place, low), i32.sub(i32.add(place, high), 1)]
      : [i32.load(entry), i32.load(entry, 4)],
    entry,
    lanes: seen,
  })
  const scores = (skip: I32, many: Value<"i32">): Code =>
    passes.scores === undefined ? [] : pass(passes.scores, skip, many)
  const maskedScores: Code = passes.masked === undefined ? scores(0, count) : when(border, [
    middle.set(i32.const(0)),
    // rows that all lanes see stand before the border, where there is one at the end only
    trimmed && !p.segmented && !p.few
      ? when(i32.geS(i32.add(place, first), i32.load(seen, 4)), [
        middle.set(i32.load(seen, 8)),
        atLeast(middle, i32.sub(i32.add(place, first), 1)),
        atMost(middle, i32.sub(i32.add(place, past), 1)),
        middle.set(i32.sub(i32.add(middle, 1), i32.add(place, first))),
        scores(0, middle),
      ])
      : [],
    pass(passes.masked, middle, i32.sub(count, middle)),
  ], scores(0, count))
  const panelCode: Code = [
    first.set(i32.const(0)),
    past.set(rows),
    seen.set(panelExtents(at, scratch, panel)),
    trimmed
      ? [
        // rows that no lane of the panel sees are left out at both ends
        first.set(i32.load(seen)),
        atLeast(first, place),
        atMost(first, i32.add(place, rows)),
        first.set(i32.sub(first, place)),
        past.set(i32.load(seen, 12)),
        atLeast(past, i32.sub(place, 1)),
        atMost(past, i32.sub(i32.add(place, rows), 1)),
        past.set(i32.sub(i32.add(past, 1), place)),
      ]
      : [],
    count.set(i32.sub(past, first)),
    when(i32.and(i32.gtS(count, 0), someSee(p, extentsOf(first, past))), [
      passes.masked === undefined ? [] : border.set(i32.eqz(everySees(p, extentsOf(first, past)))),
      product.scores("first"),
      maskedScores,
      p.sums.some((s) => s.of === "slopes") ? product.scores("second") : [],
      pass(passes.weights, 0, count),
      p.sums.map(product.sum),
    ]),
  ]

  // --- all lanes against a block of rows

  const rowCode: Code = [
    rows.set(i32.const(p.rowBlock)),
    atMost(rows, i32.sub(p.rowCount, row)),
    place.set(i32.add(origin, row)),
    t.table === undefined ? [] : entry.set(
      i32.add(
        args.shared,
        i32.mul(
          i32.add(
            t.table.batch.reduce<Value<"i32">>((n, id) => i32.add(i32.mul(n, k.batch[id]!), digit(id)), i32.const(0)),
            0,
          ),
          16 * t.table.blocks,
        ),
      ),
    ),
    t.table === undefined ? [] : entry.set(i32.add(entry, i32.mul(i32.divU(row, p.rowBlock), 16))),
    seen.set(allExtents(p, at, scratch)),
    when(someSee(p, extentsOf(i32.const(0), rows)), [
      passes.masked === undefined ? [] : when(i32.eqz(everySees(p, extentsOf(i32.const(0), rows))), [
        write(loops.rowPosition, at.rowPosition, rows),
        write(loops.rowSegment, at.rowSegment, rows),
      ]),
      p.lane === "query" ? [] : [write(loops.lse, at.lse, rows), write(loops.delta, at.delta, rows)],
      t.stages.first === undefined ? write(loops.rowFirst, at.rowFirst, rows) : [],
      t.stages.second === undefined ? write(loops.rowSecond, at.rowSecond, rows) : [],
      write(loops.bias, at.bias, i32.add(i32.mul(here, biasSize(1, 0)), rows)),
      panel.set(i32.const(0)),
      forUp(panel, 0, i32.divU(i32.add(lanes, p.width - 1), p.width), 1, panelCode),
    ]),
  ]
  const rowLoop: Code = [
    from.set(i32.const(0)),
    to.set(i32.const(p.rowCount)),
    trimmed
      ? [
        seen.set(allExtents(p, at, scratch)),
        from.set(i32.load(seen)),
        atLeast(from, origin),
        atMost(from, i32.add(origin, p.rowCount)),
        from.set(i32.sub(from, origin)),
        from.set(i32.sub(from, i32.remU(from, p.rowBlock))),
        to.set(i32.load(seen, 12)),
        atLeast(to, i32.sub(origin, 1)),
        atMost(to, i32.add(origin, p.rowCount - 1)),
        to.set(i32.sub(i32.add(to, 1), origin)),
      ]
      : [],
    forUp(row, from, to, p.rowBlock, rowCode),
  ]

  // the longest tasks of a causal mask come first, so that threads end together
  const reversed = k.causal > 0 && k.part !== "keys"
  return forUp(task, args.lo, args.hi, 1, [
    block.set(i32.remU(task, laneBlocks)),
    reversed ? block.set(i32.sub(laneBlocks - 1, block)) : [],
    point.set(i32.divU(task, laneBlocks)),
    parts.code,
    start.set(i32.mul(block, p.laneBlock)),
    here.set(i32.const(p.laneBlock)),
    atMost(here, i32.sub(p.laneCount, start)),
    lanes.set(i32.mul(here, p.sharing ? p.shares : 1)),
    row.set(i32.const(0)),
    share.set(i32.const(0)),
    inner.code,
    p.placed === undefined ? [] : origin.set(
      p.placed.terms.reduce<Value<"i32">>(
        (sum, { coef, atom }) => atom.tag === "var" ? i32.add(sum, i32.mul(digit(atom.id), coef)) : sum,
        i32.const(p.placed.base),
      ),
    ),
    beginLanes(p, at, loops, spot),
    k.part === "keys" ? forUp(share, 0, i32.const(p.shares), 1, [inner.code, rowLoop]) : rowLoop,
    share.set(i32.const(0)),
    row.set(i32.const(0)),
    inner.code,
    passes.finish === undefined ? [] : [
      first.set(i32.const(0)),
      forUp(panel, 0, i32.divU(i32.add(lanes, p.width - 1), p.width), 1, pass(passes.finish, 0, i32.const(0))),
    ],
    endLanes(p, at, loops, spot),
  ])
}
