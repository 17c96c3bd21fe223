/**
 * What blocks see of each other, by their extents: the least and greatest of the positions and segments of some rows, and
 * of the intervals and segments of some lanes. Where rows are placed their positions are known; else a phase of its own
 * writes the extents of all blocks of rows to a table in shared memory, so that a task that skips a block reads 16 bytes.
 * @module
 */
import { branchIf, call, type Code, type Func, func, type Local, loop, type Value, when } from "./assembler.ts"
import type { AttendLoops, Sized } from "./attend-loops.ts"
import type { AttendPlan } from "./attend-plan.ts"
import { type AttendScratch, extentBytes } from "./attend-scratch.ts"
import { digits, forUp } from "./emit.ts"
import { type I32, i32 } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type Phase } from "./kernel.ts"
import { varying } from "./nest.ts"

/** The least and greatest of some i32: `(array, count, out)`; count is above 0. */
export const extent: Func = func("extent", ["i32", "i32", "i32"], [], ({ params, local }) => {
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

/** x is at most, at least. */
export const atMost = (x: Local<"i32">, most: I32): Code => when(i32.gtS(x, most), x.set(i32.add(most, 0)))
export const atLeast = (x: Local<"i32">, least: I32): Code => when(i32.ltS(x, least), x.set(i32.add(least, 0)))

/** Does a loop of the size of a block; `turns` are those of `attend-block.ts`. */
export const moveBlock = (
  sized: Sized | undefined,
  args: KernelArgs,
  to: Value<"i32">,
  turns: ReadonlyArray<Value<"i32">>,
  size: Value<"i32">,
): Code =>
  sized === undefined ? [] : [...sized].map(([n, placed]): Code => {
    const code = placed.inner.all(args, to, turns, placed)
    return sized.size === 1 ? code : when(i32.eq(size, n), code)
  })

/** Extents of blocks of rows: for each version (a point of the batch variables that masks use) and block 16 bytes. */
export interface Table {
  readonly batch: ReadonlyArray<number>
  readonly versions: number
  readonly blocks: number
  readonly bytes: number
}

/** The table, where rows have masks that are not known before. */
export const tableOf = (p: AttendPlan): Table | undefined => {
  const { k } = p
  if (!(p.ranged && p.placed === undefined) && !p.segmented) return undefined
  const [position, segment] = p.row === "key" ? [k.keyPosition, k.keySegment] : [k.queryPosition, k.querySegment]
  const exprs = [...(p.ranged && p.placed === undefined ? [position] : []), ...(p.segmented ? [segment!] : [])]
  const batch = p.ids.batch.filter((id) => exprs.some((e) => varying(e, id)))
  const versions = batch.reduce((n, id) => n * k.batch[id]!, 1)
  const blocks = Math.ceil(p.rowCount / p.rowBlock)
  return { batch, versions, blocks, bytes: 16 * versions * blocks }
}

/** Blocks that a task of the phase does. */
const run = 32

/** Writes the table. */
export const tablePhase = (p: AttendPlan, at: AttendScratch, loops: AttendLoops, table: Table): Phase => {
  const runs = Math.ceil(table.blocks / run)
  const func = kernelFunc("extents", p.context, (scope, args) => {
    const [task, version, block, end, row, rows, out] = Array.from({ length: 7 }, () => scope.local("i32")) as [
      ...ReadonlyArray<Local<"i32">>,
    ]
    const parts = digits(scope, version!, table.batch.map((id) => p.k.batch[id]!))
    const turns = [
      ...p.ids.batch.map((id) => parts.digits[table.batch.indexOf(id)] ?? i32.const(0)),
      ...p.ids.share.map(() => i32.const(0)),
      ...(p.row === "query" ? [row!, i32.const(0)] : [i32.const(0), row!]),
    ]
    return forUp(task!, args.lo, args.hi, 1, [
      version!.set(i32.divU(task!, runs)),
      parts.code,
      block!.set(i32.mul(i32.remU(task!, runs), run)),
      end!.set(i32.add(block!, run)),
      atMost(end!, table.blocks),
      out!.set(i32.add(args.shared, i32.mul(i32.add(i32.mul(version!, table.blocks), block!), 16))),
      forUp(block!, block!, end!, 1, [
        row!.set(i32.mul(block!, p.rowBlock)),
        rows!.set(i32.sub(p.rowCount, row!)),
        atMost(rows!, p.rowBlock),
        p.ranged && p.placed === undefined
          ? [
            moveBlock(loops.rowPosition, args, i32.add(args.scratch, at.rowPosition), turns, rows!),
            call(extent, i32.add(args.scratch, at.rowPosition), rows!, out!),
          ]
          : [],
        p.segmented
          ? [
            moveBlock(loops.rowSegment, args, i32.add(args.scratch, at.rowSegment), turns, rows!),
            call(extent, i32.add(args.scratch, at.rowSegment), rows!, i32.add(out!, 8)),
          ]
          : [],
        out!.set(i32.add(out!, 16)),
      ]),
    ])
  })
  return { tasks: p.rowCount === 0 ? 0 : table.versions * runs, grain: 1, func }
}

/** Writes the extents of lanes `first` to `first + count` of a block. */
export const laneExtents = (
  p: AttendPlan,
  at: AttendScratch,
  scratch: Value<"i32">,
  first: I32,
  count: Value<"i32">,
  out: Value<"i32">,
): Code => {
  const write = (array: number, word: number): Code =>
    call(extent, i32.add(i32.add(scratch, array), i32.mul(first, 4)), count, i32.add(out, 4 * word))
  return [
    p.ranged ? [write(at.low, 0), write(at.high, 2)] : [],
    p.segmented ? write(at.laneSegment, 4) : [],
  ]
}

/** Where the extents of a panel are, and of all lanes. */
export const panelExtents = (at: AttendScratch, scratch: Value<"i32">, panel: Value<"i32">): Value<"i32"> =>
  i32.add(i32.add(scratch, at.extents), i32.mul(panel, extentBytes))
export const allExtents = (p: AttendPlan, at: AttendScratch, scratch: Value<"i32">): Value<"i32"> =>
  i32.add(scratch, at.extents + extentBytes * p.panels)

/** Extents of some rows and of some lanes as values. */
export interface Extents {
  /** Least and greatest position of the rows. */
  readonly positions: readonly [Value<"i32">, Value<"i32">]
  /** Address of the rows' entry in the table. */
  readonly entry: Value<"i32">
  /** Address of the lanes' extents. */
  readonly lanes: Value<"i32">
}

const both = (conditions: ReadonlyArray<Value<"i32">>): Value<"i32"> =>
  conditions.slice(1).reduce((a, b) => i32.and(a, b), conditions[0] ?? i32.const(1))

const word = (at: Value<"i32">, number: number): Value<"i32"> => i32.load(at, 4 * number)

/** May some pair of them see each other? */
export const someSee = (p: AttendPlan, { positions: [least, most], entry, lanes }: Extents): Value<"i32"> =>
  both([
    ...(p.ranged ? [i32.leS(least, word(lanes, 3)), i32.geS(most, word(lanes, 0))] : []),
    ...(p.segmented ? [i32.leS(word(entry, 2), word(lanes, 5)), i32.geS(word(entry, 3), word(lanes, 4))] : []),
  ])

/** Does every pair of them see each other? */
export const everySees = (p: AttendPlan, { positions: [least, most], entry, lanes }: Extents): Value<"i32"> =>
  both([
    ...(p.ranged ? [i32.geS(least, word(lanes, 1)), i32.leS(most, word(lanes, 2))] : []),
    ...(p.segmented
      ? [
        i32.eq(word(entry, 2), word(entry, 3)),
        i32.eq(word(lanes, 4), word(lanes, 5)),
        i32.eq(word(entry, 2), word(lanes, 4)),
      ]
      : []),
  ])
