/**
 * Contractions: sums of products over the depth, in tiles held in registers. The right operand is packed into panels
 * once for all threads, or by each task for itself, or read where it lies; the left one is packed by the task that needs
 * it. Tasks are blocks of the result, never parts of the depth, so every sum is made in one order whatever the number
 * of threads. What is no plain load is first written out by a loop, and what is no plain store is done by a loop over a
 * block of sums in the thread's scratch (`contract-loop.ts`).
 * @module
 */
import type { Contract } from "../kernel/kernel.ts"
import { call, type Code, type Func, type Local, type Scope, type Value, when } from "./assembler.ts"
import { type Groups, groupsOf, type Plain, plainOf, plainStore, single, stridesOf, usedBatch } from "./contract-operand.ts"
import { type BlockLoop, epilogue, type LowerLoop, prologue } from "./contract-loop.ts"
import { packable, packer } from "./contract-pack.ts"
import { type Blocks, blocksOf, heightsOf } from "./contract-plan.ts"
import { tile, type TileAccess } from "./contract-tile.ts"
import { addressOf, digits, forUp } from "./emit.ts"
import { type I32, i32 } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type KernelCode, type KernelContext, type Phase } from "./kernel.ts"

/** Where an operand is read from when its panels are packed or its elements used. */
interface Source {
  /** Lane and depth strides and dtype; the buffer is not used where `staged`. */
  readonly plain: Plain
  /** Byte offset in the shared scratch (right) or the thread's (left) of what a loop wrote. */
  readonly staged: number | undefined
  readonly loop: BlockLoop | undefined
}

/** Byte offsets of the parts of a scratch. */
interface Layout {
  readonly take: (bytes: number) => number
  readonly total: () => number
}

const layout = (): Layout => {
  let total = 0
  return {
    take: (bytes) => {
      const at = total
      total += Math.ceil(bytes / 64) * 64 + 64
      return at
    },
    total: () => total,
  }
}

/** Everything that is decided before code is written. */
interface Plan {
  readonly k: Contract
  readonly groups: Groups
  readonly blocks: Blocks
  readonly left: Source
  readonly right: Source
  readonly context: KernelContext
  /** Batch variables that the right operand uses, and how many of its versions there are. */
  readonly rightBatch: ReadonlyArray<number>
  readonly rightVersions: number
}

/** Rows and cols changed over, where that puts elements that are stored side by side into one vector. */
const oriented = (k: Contract): { readonly groups: Groups; readonly left: Contract["a"]; readonly right: Contract["a"] } => {
  const groups = groupsOf(k)
  const at = k.stores[0]?.at ?? { base: 0, terms: [] }
  const unit = (g: Groups["rows"]): boolean => stridesOf(at, g).at(-1)?.stride === 1
  const swap = groups.rows.count > 1 && (groups.cols.count === 1 || (!unit(groups.cols) && unit(groups.rows)))
  return swap
    ? { groups: { ...groups, rows: groups.cols, cols: groups.rows }, left: k.b, right: k.a }
    : { groups, left: k.a, right: k.b }
}

const direct = (p: Plain | undefined): boolean =>
  p !== undefined && p.bytes === 4 && single(p.lane) !== undefined && single(p.depth) !== undefined

/** Code for the tiles that cover the rows of a block: `row` counts from the block's first. */
const eachTile = (
  tileRows: number,
  row: Local<"i32">,
  ends: { readonly full: Local<"i32">; readonly lower: Local<"i32">; readonly all: Local<"i32"> },
  rests: ReadonlyArray<number>,
  body: (rows: number) => Code,
): Code => [
  forUp(row, 0, ends.full, tileRows, body(tileRows)),
  tileRows > 2 ? forUp(row, ends.full, ends.lower, tileRows - 1, body(tileRows - 1)) : [],
  rests.map((rest) => when(i32.eq(i32.sub(ends.all, ends.lower), rest), [row.set(ends.lower), body(rest)])),
]

/** Number of the right operand's version for a point of the batch. */
const versionOf = (p: Plan, batch: ReadonlyArray<Value<"i32">>): Value<"i32"> =>
  p.rightBatch.reduce<Value<"i32">>(
    (n, d) => i32.add(i32.mul(n, p.k.batch[d]!), batch[d]!),
    i32.const(0),
  )

const sourceAddress = (
  args: KernelArgs,
  s: Source,
  base: Local<"i32">,
  batch: ReadonlyArray<Value<"i32">>,
): Value<"i32"> =>
  s.staged === undefined
    ? addressOf(args, s.plain.buffer, s.plain.bytes, s.plain.origin, (id) => batch[id] ?? i32.const(0))
    : i32.add(base, s.staged)

/** Packs the panels of cols `from` to `to` of the right operand to `target`, which is where panel `zero` would be. */
const packPanels = (
  p: Plan,
  scope: Scope,
  origin: Value<"i32">,
  from: I32,
  to: Value<"i32">,
  target: Value<"i32">,
): Code => {
  const { tileCols } = p.blocks
  const cols = p.groups.cols.count, depth = p.groups.depth.count
  const j = scope.local("i32", "j")
  const end = scope.local("i32", "end")
  const whole = Math.floor(cols / tileCols) * tileCols
  const rest = cols - whole
  const panel = (lanes: number, width: number): Code => {
    const { func, args } = packer(p.right.plain, lanes, width)
      .pack(origin, j, i32.add(target, i32.mul(j, 4 * depth)), depth)
    return call(func, ...args)
  }
  return [
    end.set(to),
    when(i32.gtS(end, whole), end.set(i32.const(whole))),
    forUp(j, from, end, tileCols, panel(tileCols, tileCols)),
    rest === 0 ? [] : when(i32.gtS(to, whole), [j.set(i32.const(whole)), panel(rest, Math.ceil(rest / 4) * 4)]),
  ]
}

/** The phase that packs the right operand into the shared scratch at `at`. */
const packPhase = (p: Plan, at: number): Phase => {
  const cols = p.groups.cols.count, depth = p.groups.depth.count
  const group = Math.max(1, Math.ceil(32768 / Math.max(1, depth * p.blocks.tileCols))) * p.blocks.tileCols
  const groups = Math.ceil(cols / group)
  const func = kernelFunc("packRight", p.context, (scope, args) => {
    const task = scope.local("i32"), version = scope.local("i32"), from = scope.local("i32"), to = scope.local("i32")
    const target = scope.local("i32"), origin = scope.local("i32")
    const sizes = p.rightBatch.map((d) => p.k.batch[d]!)
    const parts = digits(scope, version, sizes)
    const batch = p.k.batch.map((_, d) => parts.digits[p.rightBatch.indexOf(d)] ?? i32.const(0))
    const stagedVersion = i32.mul(version, 4 * cols * depth)
    return forUp(task, args.lo, args.hi, 1, [
      version.set(i32.divU(task, groups)),
      parts.code,
      from.set(i32.mul(i32.remU(task, groups), group)),
      to.set(i32.add(from, group)),
      when(i32.gtS(to, cols), to.set(i32.const(cols))),
      target.set(i32.add(i32.add(args.shared, at), i32.mul(version, panelBytes(p)))),
      origin.set(
        p.right.staged === undefined
          ? sourceAddress(args, p.right, args.shared, batch)
          : i32.add(sourceAddress(args, p.right, args.shared, batch), stagedVersion),
      ),
      packPanels(p, scope, origin, from, to, target),
    ])
  })
  return { tasks: p.rightVersions * groups, grain: 1, func }
}

/** Bytes of all panels of one version of the right operand. */
const panelBytes = (p: Plan): number =>
  Math.ceil((Math.ceil(p.groups.cols.count / 4) * 4 * p.groups.depth.count * 4) / 64) * 64

/** The tile functions by rows and by whether they are the last cols. */
const tilesOf = (p: Plan, lastStored: boolean): (rows: number, last: boolean) => Func => {
  const { tileCols, left, right } = p.blocks
  const rest = p.groups.cols.count % tileCols
  const leftPlain = p.left.plain, rightPlain = p.right.plain
  const access = (rows: number, width: number): TileAccess => ({
    aStep: left === "own" ? 4 * rows : 4 * single(leftPlain.depth)!,
    aRow: left === "own" ? 4 : 4 * single(leftPlain.lane)!,
    bStep: right === "direct" ? 4 * single(rightPlain.depth)! : 4 * width,
  })
  return (rows, last) => {
    const width = last ? Math.ceil(rest / 4) * 4 : tileCols
    const shape = { rows, vectors: width / 4, last: last && !lastStored ? ((rest - 1) % 4) + 1 : 4 }
    return tile(p.k.dtype, p.context.features, shape, access(rows, width))
  }
}

/** Lowers a contraction; `lowerLoop` lowers the loops around it. */
export const lowerContract = (k: Contract, context: KernelContext, lowerLoop: LowerLoop): KernelCode => {
  const { groups, left, right } = oriented(k)
  const { rows, cols, depth, batch } = groups
  const plainLeft = packed(plainOf(left, rows, depth, context.buffers))
  const plainRight = packed(plainOf(right, cols, depth, context.buffers))
  const store = plainStore(k.stores, groups, k, context.buffers)
  const blocks = blocksOf({
    batch: batch.count,
    rows: rows.count,
    cols: cols.count,
    depth: depth.count,
    wide: context.features.revectorize && k.dtype === "f32",
    leftDirect: plainLeft === undefined || direct(plainLeft),
    rightDirect: plainRight === undefined || (direct(plainRight) && single(plainRight.lane) === 1),
    buffered: store === undefined,
    leftOnce: plainLeft === undefined,
  })
  const shared = layout(), scratch = layout(), constants = layout()
  const lefts = plainLeft ?? stagedPlain(rows.count, depth.count)
  const rightBatch = plainRight === undefined
    ? k.batch.flatMap((s, i) => s > 1 ? [i] : [])
    : usedBatch(plainRight.origin, batch)
  const rightVersions = rightBatch.reduce((n, d) => n * k.batch[d]!, 1)
  const before = plainRight === undefined ? prologue(k, context, right, groups, lowerLoop) : undefined
  const rights = plainRight ?? before!.plain
  return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
}
