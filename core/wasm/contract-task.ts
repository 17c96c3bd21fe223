/**
 * The phases of a contraction as code: packing the right operand for all threads, and the blocks of the result.
 * @module
 */
import { call, type Code, type Func, type Local, type Scope, type Value, when } from "./assembler.ts"
import type { ContractPlan, Placed } from "./contract.ts"
import { type Plain, single } from "./contract-operand.ts"
import { packer } from "./contract-pack.ts"
import { type RowAccess, stepsOf, streaming, summing } from "./contract-row.ts"
import { heightsOf } from "./contract-plan.ts"
import { tile, type TileAccess } from "./contract-tile.ts"
import { addressOf, digits, forUp } from "./emit.ts"
import { type I32, i32, memoryCopy } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type Phase } from "./kernel.ts"

const minimum = (target: Local<"i32">, value: I32, most: number): Code => [
  target.set(i32.add(value, 0)),
  when(i32.gtS(target, most), target.set(i32.const(most))),
]

/** Bytes of all panels of one version of the right operand. */
export const panelBytes = (p: ContractPlan): number =>
  Math.ceil(Math.ceil(p.groups.cols.count / 4) * 16 * p.groups.depth.count / 64) * 64

/** The address of an operand for a point of the batch: its lane 0, depth 0. */
const originOf = (
  p: ContractPlan,
  args: KernelArgs,
  plain: Plain,
  staged: Value<"i32"> | undefined,
  batch: ReadonlyArray<Value<"i32">>,
): Value<"i32"> => {
  const own = p.groups.batch.first
  const digit = (id: number): Value<"i32"> => batch[id - own] ?? i32.const(0)
  if (staged === undefined) return addressOf(args, plain.buffer, plain.bytes, plain.origin, digit)
  return plain.origin.terms.reduce(
    (sum, { coef, atom }) => atom.tag === "var" ? i32.add(sum, i32.mul(digit(atom.id), coef * plain.bytes)) : sum,
    staged,
  )
}

/** Packs the panels of cols `from` to `to` of the right operand; `target` is where the panel of col 0 would be. */
const packPanels = (
  p: ContractPlan,
  scope: Scope,
  origin: Value<"i32">,
  from: I32,
  to: Value<"i32">,
  target: Value<"i32">,
): Code => {
  const { tileCols } = p.blocks
  const cols = p.groups.cols.count, depth = p.groups.depth.count
  const j = scope.local("i32", "j"), end = scope.local("i32", "end")
  const whole = Math.floor(cols / tileCols) * tileCols
  const rest = cols - whole
  const panel = (lanes: number, width: number): Code => {
    return callPacked(packer(p.right, lanes, width).pack(origin, j, i32.add(target, i32.mul(j, 4 * depth)), depth))
  }
  return [
    minimum(end, to, whole),
    forUp(j, from, end, tileCols, panel(tileCols, tileCols)),
    rest === 0 ? [] : when(i32.gtS(to, whole), [j.set(i32.const(whole)), panel(rest, Math.ceil(rest / 4) * 4)]),
  ]
}

/** Packs the right operand for all threads. */
export const packPhase = (p: ContractPlan): Phase => {
  const cols = p.groups.cols.count, depth = p.groups.depth.count
  const group = Math.max(1, Math.ceil(32768 / Math.max(1, depth * p.blocks.tileCols))) * p.blocks.tileCols
  const groups = Math.ceil(cols / group)
  const func = kernelFunc("packRight", p.context, (scope, args) => {
    const names = ["task", "version", "from", "to", "target", "origin"]
    const [task, version, from, to, target, origin] = names.map((n) => scope.local("i32", n)) as [
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
      Local<"i32">,
    ]
    const parts = digits(scope, version, p.rightBatch.map((d) => p.k.batch[d]!))
    const batch = p.k.batch.map((_, d) => parts.digits[p.rightBatch.indexOf(d)] ?? i32.const(0))
    const staged = p.rightAt === undefined ? undefined : i32.add(args.shared, p.rightAt)
    return forUp(task, args.lo, args.hi, 1, [
      version.set(i32.divU(task, groups)),
      parts.code,
      from.set(i32.mul(i32.remU(task, groups), group)),
      minimum(to, i32.add(from, group), cols),
      target.set(i32.add(i32.add(args.shared, p.panelsAt), i32.mul(version, panelBytes(p)))),
      origin.set(originOf(p, args, p.right, staged, batch)),
      packPanels(p, scope, origin, from, to, target),
    ])
  })
  return { tasks: p.rightVersions * groups, grain: 1, func }
}

/** The functions of tiles, by rows and by whether the cols are the last, fewer ones. */
const tilesOf = (p: ContractPlan, buffered: boolean): (rows: number, last: boolean) => Func => {
  const { tileCols, left, right } = p.blocks
  const rest = p.groups.cols.count % tileCols
  const access = (rows: number, width: number): TileAccess => ({
    aStep: left === "own" ? 4 * rows : 4 * single(p.left.depth)!,
    aRow: left === "own" ? 4 : 4 * single(p.left.lane)!,
    bStep: right === "direct" ? 4 * single(p.right.depth)! : 4 * width,
  })
  return (rows, last) => {
    const width = last ? Math.ceil(rest / 4) * 4 : tileCols
    const shape = { rows, vectors: width / 4, last: last && !buffered ? ((rest - 1) % 4) + 1 : 4 }
    return tile(p.k.dtype, p.context.features, shape, access(rows, width))
  }
}

/** The variables of a task. */
interface Task {
  readonly args: KernelArgs
  readonly scope: Scope
  readonly batch: ReadonlyArray<Value<"i32">>
  /** First row and col, and their numbers. */
  readonly firstRow: Local<"i32">
  readonly rows: Local<"i32">
  readonly firstCol: Local<"i32">
  readonly cols: Local<"i32">
  /** Of lane 0 and depth 0 of the operands; panels: where that of col 0 would be. */
  readonly left: Local<"i32">
  readonly right: Local<"i32">
  readonly panels: Local<"i32">
}

const turnsOf = (t: Task, firstCol: Value<"i32">): ReadonlyArray<Value<"i32">> => [...t.batch, t.firstRow, firstCol]

/** Code for all tiles over the task's rows; `row` counts from its first. */
const eachTile = (p: ContractPlan, t: Task, row: Local<"i32">): (body: (rows: number) => Code) => Code => {
  const { tileRows, rows: block, rowBlocks } = p.blocks
  const count = p.groups.rows.count
  const usual = heightsOf(Math.min(block, count), tileRows)
  const last = heightsOf(count - (rowBlocks - 1) * block, tileRows)
  const both = (pick: (h: typeof usual) => number): Value<"i32"> =>
    pick(usual) === pick(last) ? i32.const(pick(usual)) : {
      type: "i32",
      code: [i32.const(pick(last)).code, i32.const(pick(usual)).code, i32.ltS(t.rows, block).code, 0x1b],
    }
  const full = t.scope.local("i32", "full"), lower = t.scope.local("i32", "lower")
  const rests = [...new Set([usual.rest, last.rest])].filter((r) => r > 0)
  const anyLower = usual.lower + last.lower > 0
  return (body) => [
    full.set(i32.mul(both((h) => h.full), tileRows)),
    forUp(row, 0, full, tileRows, body(tileRows)),
    anyLower
      ? [
        lower.set(i32.add(full, i32.mul(both((h) => h.lower), tileRows - 1))),
        forUp(row, full, lower, tileRows - 1, body(tileRows - 1)),
      ]
      : lower.set(full),
    rests.map((rest) => when(i32.eq(i32.sub(t.rows, lower), rest), [row.set(lower), body(rest)])),
  ]
}

const callPacked = ({ func, args }: ReturnType<ReturnType<typeof packer>["pack"]>): Code => call(func, ...args)

/** Writes the task's rows of the left operand, packed, to the thread's scratch. */
const packLeft = (p: ContractPlan, t: Task): Code => {
  const depth = p.groups.depth.count
  const row = t.scope.local("i32", "row")
  const staged = p.leftLoops !== undefined
  if (p.blocks.left === "rowMajor") {
    return forUp(row, 0, t.rows, 1, [
      callPacked(
        packer(p.left, 1, 1).pack(
          t.left,
          staged ? row : i32.add(t.firstRow, row),
          i32.add(i32.add(t.args.scratch, p.at.left), i32.mul(row, 4 * depth)),
          depth,
        ),
      ),
    ])
  }
  return eachTile(p, t, row)((rows) =>
    callPacked(
      packer(p.left, rows, rows).pack(
        t.left,
        staged ? row : i32.add(t.firstRow, row),
        i32.add(i32.add(t.args.scratch, p.at.left), i32.mul(row, 4 * depth)),
        depth,
      ),
    )
  )
}

const whichSize = (
  loops: ReadonlyMap<number, Placed>,
  size: Value<"i32">,
  body: (placed: Placed) => Code,
): Code => [...loops].map(([n, placed]) => loops.size === 1 ? body(placed) : when(i32.eq(size, n), body(placed)))

/** The sums of the cols from `from` to `to` of the task, over the whole depth. */
const sumsOf = (p: ContractPlan, t: Task, from: Local<"i32">, to: Local<"i32">, target: {
  readonly address: Value<"i32">
  /** Bytes from row to row. */
  readonly row: number
  readonly buffered: boolean
}): Code => {
  const { tileCols, left, right, depth: block } = p.blocks
  const depth = p.groups.depth.count, cols = p.groups.cols.count
  const whole = Math.floor(cols / tileCols) * tileCols
  const rest = cols - whole
  const tiles = tilesOf(p, target.buffered)
  const [j, row, k0, now, end] = ["j", "row", "k0", "now", "end"].map((n) => t.scope.local("i32", n)) as [
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
  ]
  const onePass = block >= depth
  const column = (last: boolean): Code => {
    const width = last ? Math.ceil(rest / 4) * 4 : tileCols
    const b = right === "direct"
      ? i32.add(i32.add(t.right, i32.mul(j, 4)), i32.mul(k0, 4 * (single(p.right.depth) ?? 0)))
      : i32.add(i32.add(t.panels, i32.mul(j, 4 * depth)), i32.mul(k0, 4 * width))
    return eachTile(p, t, row)((rows) =>
      call(
        tiles(rows, last),
        left === "own"
          ? i32.add(
            i32.add(i32.add(t.args.scratch, p.at.left), i32.mul(row, 4 * depth)),
            i32.mul(k0, 4 * rows),
          )
          : i32.add(
            i32.add(
              t.left,
              i32.mul(p.leftLoops === undefined ? i32.add(t.firstRow, row) : row, 4 * (single(p.left.lane) ?? 0)),
            ),
            i32.mul(k0, 4 * (single(p.left.depth) ?? 0)),
          ),
        b,
        i32.add(i32.add(target.address, i32.mul(row, target.row)), i32.mul(i32.sub(j, from), 4)),
        i32.const(target.row),
        onePass ? i32.const(depth) : now,
        onePass ? i32.const(0) : k0,
      )
    )
  }
  const columns: Code = [
    minimum(end, to, whole),
    forUp(j, from, end, tileCols, column(false)),
    rest === 0 ? [] : when(i32.gtS(to, whole), [j.set(i32.const(whole)), column(true)]),
  ]
  if (onePass) return [k0.set(i32.const(0)), columns]
  return forUp(k0, 0, i32.const(depth), block, [
    now.set(i32.sub(i32.const(depth), k0)),
    minimum(now, now, block),
    columns,
  ])
}

/** The sums of the cols from `from` to `to` of the task where there are few rows. */
const rowSumsOf = (p: ContractPlan, t: Task, from: Local<"i32">, to: Local<"i32">, sums: Value<"i32">): Code => {
  const depth = p.groups.depth.count, rows = p.groups.rows.count
  const { left, form } = p.blocks
  const access: RowAccess = {
    dtype: p.k.dtype,
    features: p.context.features,
    rows,
    right: p.right.dtype,
    aRow: left === "direct" ? 4 * (single(p.left.lane) ?? 0) : left === "own" ? 4 : 4 * depth,
    aStep: left === "direct" ? 4 * (single(p.left.depth) ?? 0) : left === "own" ? 4 * rows : 4,
    pitch: 4 * p.pitch,
  }
  const { bytes } = p.right
  const a = left === "direct" ? t.left : i32.add(t.args.scratch, p.at.left)
  const lane = (single(p.right.lane) ?? 0) * bytes, step = (single(p.right.depth) ?? 0) * bytes
  const b = i32.add(t.right, i32.mul(from, lane))
  const cols = i32.sub(to, from)
  if (form === "dots") return call(summing(access, lane, bytes, depth), a, b, sums, cols)
  const k = t.scope.local("i32", "k")
  const steps = stepsOf(rows)
  const pass = (n: number): Code =>
    call(
      streaming(access, n, step, bytes),
      i32.add(a, i32.mul(k, access.aStep)),
      i32.add(b, i32.mul(k, step)),
      sums,
      cols,
      k,
    )
  const whole = depth - depth % steps
  return [
    forUp(k, 0, i32.const(whole), steps, pass(steps)),
    depth === whole ? [] : [k.set(i32.const(whole)), pass(depth - whole)],
  ]
}

/** The result of a task: its sums, part by part, and what is done with them. */
const resultOf = (p: ContractPlan, t: Task): Code => {
  const { part } = p.blocks
  const [from, to, end, row] = ["from", "to", "end", "row"].map((n) => t.scope.local("i32", n)) as [
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
  ]
  const sums = i32.add(t.args.scratch, p.at.sums)
  const onePass = p.blocks.depth >= p.groups.depth.count
  const { store } = p
  const stored = store === undefined ? undefined : (col: Value<"i32">, first: Value<"i32">): Value<"i32"> =>
    i32.add(
      i32.add(
        addressOf(t.args, store.buffer, 4, store.origin, (id) => t.batch[id - p.groups.batch.first] ?? i32.const(0)),
        i32.mul(first, 4 * store.row),
      ),
      i32.mul(col, 4),
    )
  const through = (body: Code): Code => [
    end.set(i32.add(t.firstCol, t.cols)),
    forUp(from, t.firstCol, end, part, [
      to.set(i32.add(from, part)),
      when(i32.gtS(to, end), to.set(end)),
      body,
    ]),
  ]
  if (stored !== undefined && onePass && p.blocks.form === "tiles") {
    const target = t.scope.local("i32", "target")
    return through([
      target.set(stored(from, t.firstRow)),
      sumsOf(p, t, from, to, { address: target, row: 4 * store!.row, buffered: false }),
    ])
  }
  const block = p.blocks.form === "tiles"
    ? sumsOf(p, t, from, to, { address: sums, row: 4 * p.pitch, buffered: true })
    : rowSumsOf(p, t, from, to, sums)
  if (stored !== undefined) {
    return through([
      block,
      forUp(row, 0, t.rows, 1, [
        memoryCopy(
          stored(from, i32.add(t.firstRow, row)),
          i32.add(sums, i32.mul(row, 4 * p.pitch)),
          i32.mul(i32.sub(to, from), 4),
        ),
      ]),
    ])
  }
  const loops = [...p.storeLoops!]
  return through([
    block,
    loops.map(([size, placed]): Code => {
      const [rows, cols] = size.split("x").map(Number) as [number, number]
      const body = placed.inner.all(t.args, sums, turnsOf(t, from), placed)
      const fits = i32.and(i32.eq(t.rows, rows), i32.eq(i32.sub(to, from), cols))
      return loops.length === 1 ? body : when(fits, body)
    }),
  ])
}

/** The blocks of the result. */
export const mainPhase = (p: ContractPlan): Phase => {
  const { blocks, groups } = p
  const rows = groups.rows.count, cols = groups.cols.count, depth = groups.depth.count
  const tasks = groups.batch.count * (rows === 0 || cols === 0 ? 0 : blocks.rowBlocks * blocks.colBlocks)
  const func = kernelFunc("contract", p.context, (scope, args) => {
    const make = (name: string): Local<"i32"> => scope.local("i32", name)
    const task = make("task"), rest = make("rest"), point = make("point")
    const parts = digits(scope, point, p.k.batch)
    const t: Task = {
      args,
      scope,
      batch: parts.digits,
      firstRow: make("firstRow"),
      rows: make("rows"),
      firstCol: make("firstCol"),
      cols: make("cols"),
      left: make("left"),
      right: make("right"),
      panels: make("panels"),
    }
    const stagedRight = p.rightAt === undefined ? undefined : i32.add(args.shared, p.rightAt)
    const stage = i32.add(args.scratch, p.at.stage)
    const version = p.rightBatch.reduce<Value<"i32">>(
      (n, d) => i32.add(i32.mul(n, p.k.batch[d]!), t.batch[d]!),
      i32.const(0),
    )
    const ownPanels = i32.sub(i32.add(args.scratch, p.at.right), i32.mul(t.firstCol, 4 * depth))
    return forUp(task, args.lo, args.hi, 1, [
      rest.set(i32.remU(task, blocks.rowBlocks * blocks.colBlocks)),
      point.set(i32.divU(task, blocks.rowBlocks * blocks.colBlocks)),
      parts.code,
      t.firstRow.set(i32.mul(i32.divU(rest, blocks.colBlocks), blocks.rows)),
      t.firstCol.set(i32.mul(i32.remU(rest, blocks.colBlocks), blocks.cols)),
      minimum(t.rows, i32.sub(i32.const(rows), t.firstRow), blocks.rows),
      minimum(t.cols, i32.sub(i32.const(cols), t.firstCol), blocks.cols),
      p.leftLoops === undefined ? t.left.set(originOf(p, args, p.left, undefined, t.batch)) : [
        t.left.set(stage),
        whichSize(p.leftLoops, t.rows, (placed) => placed.inner.all(args, stage, turnsOf(t, i32.const(0)), placed)),
      ],
      t.right.set(originOf(p, args, p.right, stagedRight, t.batch)),
      blocks.right === "shared"
        ? t.panels.set(i32.add(i32.add(args.shared, p.panelsAt), i32.mul(version, panelBytes(p))))
        : blocks.right === "own"
        ? [
          t.panels.set(ownPanels),
          packPanels(p, scope, t.right, t.firstCol, i32.add(t.firstCol, t.cols), t.panels),
        ]
        : [],
      blocks.left === "direct" ? [] : packLeft(p, t),
      resultOf(p, t),
    ])
  })
  return { tasks, grain: blocks.grain, func }
}
