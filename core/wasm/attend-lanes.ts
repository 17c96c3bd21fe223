/**
 * The lanes of a task: their operands and arrays written to scratch, and what was summed for them stored. Operands and
 * results that lie `[lane][feature]` are turned over; all else is done by loops.
 * @module
 */
import { call, type Code, type Local, type Scope, type Value, when } from "./assembler.ts"
import { allExtents, laneExtents, moveBlock, panelExtents } from "./attend-bounds.ts"
import { type AttendLoops, scoreScale } from "./attend-loops.ts"
import type { AttendPlan, Operand } from "./attend-plan.ts"
import { type AttendScratch, fewPitch } from "./attend-scratch.ts"
import { turning } from "./attend-turn.ts"
import { type Plain, single } from "./contract-operand.ts"
import { addressOf, forUp } from "./emit.ts"
import { f32, f32x4, i32, memoryFill, v128 } from "./instructions.ts"
import type { KernelArgs } from "./kernel.ts"
import { nothing } from "../graph/attention.ts"

/** Where the lanes of a task stand. */
export interface LaneSpot {
  readonly scope: Scope
  readonly args: KernelArgs
  readonly digit: (id: number) => Value<"i32">
  /** Turns of blocks. */
  readonly turns: ReadonlyArray<Value<"i32">>
  readonly panel: Local<"i32">
  /** The first place, how many, and how many lanes that are. */
  readonly start: Local<"i32">
  readonly here: Local<"i32">
  readonly lanes: Local<"i32">
}

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Does that for every panel; `lane` counts its first lane. */
const eachPanel = (p: AttendPlan, s: LaneSpot, body: (lane: Local<"i32">, count: Local<"i32">) => Code): Code => {
  const lane = s.scope.local("i32", "lane"), count = s.scope.local("i32", "count")
  return [
    s.panel.set(i32.const(0)),
    forUp(lane, 0, s.lanes, p.width, [
      count.set(i32.sub(s.lanes, lane)),
      when(i32.gtS(count, p.width), count.set(i32.const(p.width))),
      body(lane, count),
      s.panel.set(i32.add(s.panel, 1)),
    ]),
  ]
}

const placeOf = (s: LaneSpot, plain: Plain, lane: Value<"i32">): Value<"i32"> =>
  i32.add(
    addressOf(s.args, plain.buffer, 4, plain.origin, s.digit),
    i32.mul(i32.add(s.start, lane), 4 * (single(plain.lane) ?? 0)),
  )

/** Writes what a task knows of its lanes, and what it begins with. */
export const beginLanes = (p: AttendPlan, at: AttendScratch, loops: AttendLoops, s: LaneSpot): Code => {
  const { scratch } = s.args
  const write = (to: number, sized: Parameters<typeof moveBlock>[0]): Code =>
    moveBlock(sized, s.args, i32.add(scratch, to), s.turns, s.here)
  const operand = (o: Operand, to: number, sized: Parameters<typeof moveBlock>[0], scale: number): Code => {
    if (o.plain === undefined) return write(to, sized)
    const turn = turning({ from: o.row, to: 4 * p.width }, o.features, scale)
    return eachPanel(p, s, (lane, count) =>
      call(
        turn,
        placeOf(s, o.plain!, lane),
        i32.add(i32.add(scratch, to), i32.mul(s.panel, 4 * p.width * o.features)),
        count,
      ))
  }
  const all = p.laneBlock * (p.sharing ? p.shares : 1), last = p.laneCount % p.laneBlock
  const ragged = all % p.width !== 0 || last % p.width !== 0
  return [
    // lanes that are not there must be numbers
    ragged || p.few ? memoryFill(scratch, 0, at.strip) : [],
    operand(p.lanes.first, at.first, loops.first, scoreScale(p)),
    p.lanes.second === undefined ? [] : operand(p.lanes.second, at.second, loops.second, 1),
    write(at.low, loops.low),
    write(at.high, loops.high),
    write(at.laneSegment, loops.laneSegment),
    p.lane === "query" ? [write(at.lse, loops.lse), write(at.delta, loops.delta)] : [],
    p.ranged || p.segmented
      ? [
        eachPanel(p, s, (lane, count) => laneExtents(p, at, scratch, lane, count, panelExtents(at, scratch, s.panel))),
        laneExtents(p, at, scratch, 0, s.lanes, allExtents(p, at, scratch)),
      ]
      : [],
    p.sums.map(({ acc, features }) =>
      memoryFill(
        i32.add(scratch, at.sums[acc]!),
        0,
        4 * p.panels * p.width * (p.few ? fewPitch(p).value : features),
      )
    ),
    p.k.part !== "forward" ? [] : [
      memoryFill(i32.add(scratch, at.total), 0, 4 * p.panels * p.width),
      range(p.panels * p.width / 4).map((j) => v128.store(scratch, f32x4.splat(f32.const(nothing)), at.top + 16 * j)),
    ],
  ]
}

/** Stores what was summed. */
export const endLanes = (p: AttendPlan, at: AttendScratch, loops: AttendLoops, s: LaneSpot): Code => {
  const { scratch } = s.args
  const sized = [...new Set([p.width, p.laneBlock % p.width, p.laneCount % p.laneBlock % p.width])].filter((n) => n > 0)
  return [
    p.sums.map((sum): Code => {
      const { plain } = sum
      if (plain === undefined) return []
      const scale = sum.of === "slopes" ? p.k.scale : 1
      return eachPanel(p, s, (lane, count) =>
        sized.map((n) =>
          when(
            i32.eq(count, n),
            call(
              turning({ from: 4 * p.width, to: 4 * (single(plain.lane) ?? 0) }, n, scale),
              i32.add(i32.add(scratch, at.sums[sum.acc]!), i32.mul(s.panel, 4 * p.width * sum.features)),
              placeOf(s, plain, lane),
              i32.const(sum.features),
            ),
          )
        ))
    }),
    loops.stores.map(([from, sized]) => moveBlock(sized, s.args, i32.add(scratch, from), s.turns, s.here)),
  ]
}
