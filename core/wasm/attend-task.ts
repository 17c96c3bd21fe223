/**
 * A task of an attention as code: a block of lanes against all rows that it sees.
 * @module
 */
import {
  branchIf,
  call,
  type Code,
  type Func,
  func,
  type Local,
  loop,
  type Scope,
  type Value,
  when,
} from "./assembler.ts"
import type { Blocks, SizedBlocks } from "./attend.ts"
import type { Pass } from "./attend-pass.ts"
import type { AttendPlan, RowOperand, Sum } from "./attend-plan.ts"
import { type AttendScratch, extentBytes } from "./attend-scratch.ts"
import { heightsOf } from "./contract-plan.ts"
import { tile } from "./contract-tile.ts"
import { nothing } from "../graph/attention.ts"
import { addressOf, digits, forUp } from "./emit.ts"
import { f32, f32x4, type I32, i32, memoryFill, v128 } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type Phase } from "./kernel.ts"

/** What a task is made of. */
export interface TaskParts {
  readonly p: AttendPlan
  readonly at: AttendScratch
  readonly blocks: Blocks
  readonly passes: {
    /** Undefined: products are scores already. */
    readonly scores: Pass | undefined
    readonly masked: Pass | undefined
    readonly weights: Pass
    readonly finish: Pass | undefined
  }
  /** Byte offset of the passes' constants. */
  readonly constants: number
}

/** The least and greatest of some i32: `(array, count, out)`. */
const extent: Func = func("extent", ["i32", "i32", "i32"], [], ({ params, local }) => {
  const [at, count, out] = params as ReadonlyArray<Local<"i32">>
  const least = local("i32"), most = local("i32"), x = local("i32"), end = local("i32")
  return [
    least.set(i32.load(at!)),
    most.set(least),
    end.set(i32.add(at!, i32.mul(count!, 4))),
    loop((again) => [
      x.set(i32.load(at!)),
      when(i32.ltS(x, least), least.set(x)),
      when(i32.gtS(x, most), most.set(x)),
      branchIf(again, i32.ltU(at!.tee(i32.add(at!, 4)), end)),
    ]),
    i32.store(out!, least),
    i32.store(out!, most, 4),
  ]
})

const all = (conditions: ReadonlyArray<Value<"i32">>): Value<"i32"> =>
  conditions.length === 0 ? i32.const(1) : conditions.slice(1).reduce((a, b) => i32.and(a, b), conditions[0]!)

/** The phase of an attention. */
export const attendPhase = (t: TaskParts): Phase => {
  const { p, at } = t
  const { k } = p
  const laneBlocks = Math.ceil(p.laneCount / p.laneBlock)
  const shares = k.share.reduce((a, b) => a * b, 1)
  const outer = [...k.batch, ...(k.part === "keys" || p.sharing ? [] : k.share)]
  const tasks = outer.reduce((a, b) => a * b, 1) * laneBlocks * (shares > 0 ? 1 : 0)
  const pairs = k.head * p.rowCount * p.laneBlock
  const write = (scope: Scope, args: KernelArgs): Code => {
    const make = (name: string): Local<"i32"> => scope.local("i32", name)
    const [task, point, block, start, here, lanes] = ["task", "point", "block", "start", "here", "lanes"].map(make) as [
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
    ]
    const [from, to, row, rows, share] = ["from", "to", "row", "rows", "share"].map(make) as [
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
    ]
    const [panel, lane, a, b, n, place, border] = ["panel", "lane", "a", "b", "n", "place", "border"].map(make) as [
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
    ]
    const source = make("source"), i = make("i"), whole = make("whole")
    const { scratch } = args
    const parts = digits(scope, point, outer)
    const inner = digits(scope, share, k.part === "keys" ? k.share : [])
    const digit = (id: number): Value<"i32"> => {
      if (id < p.ids.batch.length) return parts.digits[id]!
      const s = id - p.ids.batch.length
      return k.part === "keys" ? inner.digits[s]! : p.sharing ? i32.const(0) : parts.digits[id]!
    }
    const turns = [...p.ids.batch, ...p.ids.share].map(digit)
    const starts = p.lane === "query" ? [start, row] : [row, start]
    const moved = (sized: SizedBlocks, where: I32, variant: Value<"i32">): Code =>
      [...sized].map(([size, placed]): Code => {
        const code = placed.inner.all(args, i32.add(scratch, where), [...turns, ...starts], placed)
        return sized.size === 1 ? code : when(i32.eq(variant, size), code)
      })
    const pass = (f: Pass): Code =>
      call(
        f,
        i32.add(scratch, i32.mul(lane, 4)),
        i32.add(scratch, i32.mul(a, 4)),
        scratch,
        n,
        k.bias === undefined ? scratch : i32.add(i32.add(scratch, i32.mul(lane, 4)), i32.mul(a, 4 * p.pitch)),
        i32.add(args.constants, t.constants),
      )

    // --- products

    const originOf = (o: RowOperand, staged: number): Value<"i32"> =>
      o.plain === undefined ? i32.add(scratch, staged) : i32.add(
        addressOf(args, o.plain.buffer, 4, o.plain.origin, digit),
        i32.mul(row, o.row),
      )
    /** strip = rows of an operand times the lanes' operand, over the features. */
    const scores = (o: RowOperand, staged: number, lanesAt: number, strip: number): Code => {
      const body = (height: number): Code =>
        call(
          tile("f32", p.context.features, { rows: height, vectors: p.width / 4, last: 4 }, {
            aStep: o.step,
            aRow: o.row,
            bStep: 4 * p.pitch,
          }),
          i32.add(source, i32.mul(i, o.row)),
          i32.add(i32.add(scratch, lanesAt), i32.mul(lane, 4)),
          i32.add(i32.add(scratch, strip), i32.mul(i, 4 * p.width)),
          i32.const(4 * p.width),
          i32.const(o.features),
          i32.const(0),
        )
      return [
        source.set(i32.add(originOf(o, staged), i32.mul(a, o.row))),
        whole.set(i32.sub(n, i32.remU(n, p.tileRows))),
        forUp(i, 0, whole, p.tileRows, body(p.tileRows)),
        Array.from({ length: p.tileRows - 1 }, (_, r) => when(i32.eq(i32.sub(n, whole), r + 1), body(r + 1))),
      ]
    }
    /** sums += features of an operand's rows times a strip, over the rows. */
    const sums = (s: Sum): Code => {
      const [o, staged] = s.by === "first" ? [p.first, at.rows] : [p.second, at.values]
      const strip = s.of === "weights" ? at.strip : at.change
      const heights = heightsOf(s.features, p.tileRows)
      const body = (height: number): Code =>
        call(
          tile("f32", p.context.features, { rows: height, vectors: p.width / 4, last: 4 }, {
            aStep: o.row,
            aRow: o.step,
            bStep: 4 * p.width,
          }),
          i32.add(source, i32.mul(i, o.step)),
          i32.add(scratch, strip),
          i32.add(i32.add(scratch, at.sums[s.acc]!), i32.add(i32.mul(lane, 4), i32.mul(i, 4 * p.pitch))),
          i32.const(4 * p.pitch),
          n,
          i32.const(1),
        )
      const full = heights.full * p.tileRows
      const lower = full + heights.lower * (p.tileRows - 1)
      return [
        source.set(i32.add(originOf(o, staged), i32.mul(a, o.row))),
        forUp(i, 0, full, p.tileRows, body(p.tileRows)),
        heights.lower === 0 ? [] : forUp(i, full, lower, p.tileRows - 1, body(p.tileRows - 1)),
        heights.rest === 0 ? [] : [i.set(i32.const(lower)), body(heights.rest)],
      ]
    }
    const products: Code = [
      scores(p.first, at.rows, at.first, at.strip),
      t.passes.masked === undefined
        ? t.passes.scores === undefined ? [] : pass(t.passes.scores)
        : when(border, pass(t.passes.masked), t.passes.scores === undefined ? undefined : pass(t.passes.scores)),
      p.sums.some((s) => s.of === "slopes") ? scores(p.second, at.values, at.second, at.change) : [],
      pass(t.passes.weights),
      p.sums.map(sums),
    ]

    // --- what sees what

    const word = (base: Value<"i32">, number: number): Value<"i32"> => i32.load(base, 4 * number)
    const extents = i32.add(i32.add(scratch, at.extents), i32.mul(panel, extentBytes))
    const rowExtents = i32.add(scratch, at.rowExtents)
    const range = (first: I32, past: Value<"i32">): readonly [Value<"i32">, Value<"i32">] =>
      p.placed ? [i32.add(row, first), i32.sub(i32.add(row, past), 1)] : [word(rowExtents, 0), word(rowExtents, 1)]
    /** Do some of the rows and the lanes at `place` see each other? Do all? */
    const some = (first: I32, past: Value<"i32">): Value<"i32"> => {
      const [least, most] = range(first, past)
      return all([
        ...(p.ranged ? [i32.leS(least, word(place, 3)), i32.geS(most, word(place, 0))] : []),
        ...(p.segmented
          ? [i32.leS(word(rowExtents, 2), word(place, 5)), i32.geS(word(rowExtents, 3), word(place, 4))]
          : []),
      ])
    }
    const every = (first: I32, past: Value<"i32">): Value<"i32"> => {
      const [least, most] = range(first, past)
      return all([
        ...(p.ranged ? [i32.geS(least, word(place, 1)), i32.leS(most, word(place, 2))] : []),
        ...(p.segmented
          ? [
            i32.eq(word(rowExtents, 2), word(rowExtents, 3)),
            i32.eq(word(place, 4), word(place, 5)),
            i32.eq(word(rowExtents, 2), word(place, 4)),
          ]
          : []),
      ])
    }
    const masks = p.ranged || p.segmented
    const least = (x: Local<"i32">, most: I32): Code => when(i32.gtS(x, most), x.set(i32.add(most, 0)))
    const greatest = (x: Local<"i32">, low: I32): Code => when(i32.ltS(x, low), x.set(i32.add(low, 0)))
    const panelCode: Code = [
      a.set(i32.const(0)),
      b.set(rows),
      place.set(extents),
      masks && p.ranged && p.placed
        ? [
          // rows beyond what any lane sees are left out to the row
          a.set(word(place, 0)),
          greatest(a, row),
          least(a, i32.add(row, rows)),
          a.set(i32.sub(a, row)),
          b.set(word(place, 3)),
          least(b, i32.sub(i32.add(row, rows), 1)),
          greatest(b, i32.sub(row, 1)),
          b.set(i32.add(i32.sub(b, row), 1)),
        ]
        : [],
      n.set(i32.sub(b, a)),
      when(all([i32.gtS(n, 0), ...(masks ? [some(a, b)] : [])]), [
        masks ? border.set(i32.eqz(every(a, b))) : [],
        products,
      ]),
    ]
    const { sized } = t.blocks
    const rowCode: Code = [
      rows.set(i32.const(p.rowBlock)),
      least(rows, i32.sub(i32.const(p.rowCount), row)),
      masks
        ? [
          p.ranged ? moved(sized.rowPosition!, at.rowPosition, rows) : [],
          p.ranged && !p.placed ? call(extent, i32.add(scratch, at.rowPosition), rows, rowExtents) : [],
          p.segmented
            ? [
              moved(sized.rowSegment!, at.rowSegment, rows),
              call(extent, i32.add(scratch, at.rowSegment), rows, i32.add(rowExtents, 8)),
            ]
            : [],
        ]
        : [],
      place.set(i32.add(scratch, at.extents + extentBytes * (p.pitch / p.width))),
      when(masks ? some(0, rows) : i32.const(1), [
        sized.rowLse === undefined ? [] : [
          moved(sized.rowLse, at.lse, rows),
          moved(sized.rowDelta!, at.delta, rows),
        ],
        sized.rows === undefined ? [] : moved(sized.rows, at.rows, rows),
        sized.values === undefined ? [] : moved(sized.values, at.values, rows),
        sized.bias === undefined ? [] : moved(sized.bias, at.bias, i32.add(i32.mul(here, 2048), rows)),
        panel.set(i32.const(0)),
        forUp(lane, 0, lanes, p.width, [panelCode, panel.set(i32.add(panel, 1))]),
      ]),
    ]
    const rowLoop: Code = [
      from.set(i32.const(0)),
      to.set(i32.const(p.rowCount)),
      p.ranged && p.placed
        ? [
          place.set(i32.add(scratch, at.extents + extentBytes * (p.pitch / p.width))),
          from.set(word(place, 0)),
          greatest(from, 0),
          least(from, p.rowCount),
          from.set(i32.sub(from, i32.remU(from, p.rowBlock))),
          to.set(word(place, 3)),
          least(to, p.rowCount - 1),
          greatest(to, -1),
          to.set(i32.add(to, 1)),
        ]
        : [],
      forUp(row, from, to, p.rowBlock, rowCode),
    ]

    // --- before and after

    const arrays = [...(p.ranged ? [at.low, at.high] : []), ...(p.segmented ? [at.segment] : [])]
    const laneExtents = (first: Value<"i32">, count: I32, out: Value<"i32">): Code =>
      arrays.map((array) =>
        call(
          extent,
          i32.add(i32.add(scratch, array), i32.mul(first, 4)),
          i32.add(count, 0),
          i32.add(out, array === at.low ? 0 : array === at.high ? 8 : 16),
        )
      )
    const begin: Code = [
      p.laneBlock * (p.sharing ? shares : 1) % p.width === 0 && p.laneCount % p.laneBlock % p.width === 0
        ? []
        : memoryFill(scratch, 0, at.strip),
      moved(sized.first, at.first, here),
      sized.second === undefined ? [] : moved(sized.second, at.second, here),
      sized.low === undefined ? [] : [moved(sized.low, at.low, here), moved(sized.high!, at.high, here)],
      sized.segment === undefined ? [] : moved(sized.segment, at.segment, here),
      sized.laneLse === undefined ? [] : [moved(sized.laneLse, at.lse, here), moved(sized.laneDelta!, at.delta, here)],
      masks
        ? [
          panel.set(i32.const(0)),
          forUp(lane, 0, lanes, p.width, [
            n.set(i32.sub(lanes, lane)),
            least(n, p.width),
            laneExtents(lane, n, extents),
            panel.set(i32.add(panel, 1)),
          ]),
          laneExtents(
            i32.const(0),
            lanes,
            i32.add(scratch, at.extents + extentBytes * (p.pitch / p.width)),
          ),
        ]
        : [],
      p.sums.map((s) => memoryFill(i32.add(scratch, at.sums[s.acc]!), 0, 4 * p.pitch * s.features)),
      k.part !== "forward" ? [] : [
        memoryFill(i32.add(scratch, at.total), 0, 4 * p.pitch),
        forUp(lane, 0, p.pitch, 4, [
          v128.store(i32.add(scratch, i32.mul(lane, 4)), f32x4.splat(f32.const(nothing)), at.top),
        ]),
      ],
    ]
    const end: Code = [
      t.passes.finish === undefined ? [] : [
        a.set(i32.const(0)),
        forUp(lane, 0, lanes, p.width, pass(t.passes.finish)),
      ],
      t.blocks.stores.map(({ sized, at }) => moved(sized, at, here)),
    ]
    const reversed = k.causal > 0 && k.part !== "keys"
    return forUp(task, args.lo, args.hi, 1, [
      block.set(i32.remU(task, laneBlocks)),
      reversed ? block.set(i32.sub(laneBlocks - 1, block)) : [],
      point.set(i32.divU(task, laneBlocks)),
      parts.code,
      start.set(i32.mul(block, p.laneBlock)),
      here.set(i32.const(p.laneBlock)),
      least(here, i32.sub(i32.const(p.laneCount), start)),
      lanes.set(i32.mul(here, p.sharing ? shares : 1)),
      row.set(i32.const(0)),
      share.set(i32.const(0)),
      inner.code,
      begin,
      k.part === "keys" ? forUp(share, 0, shares, 1, [inner.code, rowLoop]) : rowLoop,
      share.set(i32.const(0)),
      row.set(i32.const(0)),
      inner.code,
      end,
    ])
  }
  const func = kernelFunc("attend", p.context, write)
  return { tasks, grain: Math.max(1, Math.floor(500_000 / Math.max(1, pairs))), func }
}
