/**
 * The phases of a contraction as code: packing the right operand for all threads, and the blocks of the result.
 * @module
 */
import { call, type Code, type Local, type Scope, type Value, when } from "./assembler.ts"
import type { ContractPlan, Placed } from "./contract.ts"
import type { Plain } from "./contract-operand.ts"
import { packer } from "./contract-pack.ts"
import { calledSums, eachTile, minimum, rowSumsOf, sumsOf, type Task } from "./contract-sums.ts"
import { addressOf, digits, forUp } from "./emit.ts"
import { type I32, i32, memoryCopy } from "./instructions.ts"
import { type KernelArgs, kernelFunc, type Phase } from "./kernel.ts"

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

/** The turns of the loops over blocks. */
export const turnsOf = (
  t: Task,
  firstCol: Value<"i32">,
): ReadonlyArray<Value<"i32">> => [...t.batch, t.firstRow, firstCol]

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

/** Does it by the loop of that size. */
export const whichSize = (
  loops: ReadonlyMap<number, Placed>,
  size: Value<"i32">,
  body: (placed: Placed) => Code,
): Code => [...loops].map(([n, placed]) => loops.size === 1 ? body(placed) : when(i32.eq(size, n), body(placed)))

/** The result of a task: its sums, part by part, and what is done with them. */
export const resultOf = (p: ContractPlan, t: Task): Code => {
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
  if (stored !== undefined && p.blocks.form === "blas") {
    return through(calledSums(p, t, from, to, stored(from, t.firstRow), store!.row))
  }
  if (stored !== undefined && onePass && p.blocks.form === "tiles") {
    const target = t.scope.local("i32", "target")
    return through([
      target.set(stored(from, t.firstRow)),
      sumsOf(p, t, from, to, { address: target, row: 4 * store!.row, buffered: false }),
    ])
  }
  const block = p.blocks.form === "tiles"
    ? sumsOf(p, t, from, to, { address: sums, row: 4 * p.pitch, buffered: true })
    : p.blocks.form === "blas"
    ? calledSums(p, t, from, to, sums, p.pitch)
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

/** Which version of the right operand a task takes. */
export const versionOf = (p: ContractPlan, t: Task): Value<"i32"> =>
  p.rightBatch.reduce<Value<"i32">>((n, d) => i32.add(i32.mul(n, p.k.batch[d]!), t.batch[d]!), i32.const(0))

/** The blocks of the result, each made by `result` of its task. */
export const mainPhase = (
  p: ContractPlan,
  name: string,
  result: (p: ContractPlan, t: Task) => Code,
): Phase => {
  const { blocks, groups } = p
  const rows = groups.rows.count, cols = groups.cols.count, depth = groups.depth.count
  const tasks = groups.batch.count * (rows === 0 || cols === 0 ? 0 : blocks.rowBlocks * blocks.colBlocks)
  const func = kernelFunc(name, p.context, (scope, args) => {
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
    const version = versionOf(p, t)
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
      result(p, t),
    ])
  })
  return { tasks, grain: blocks.grain, func }
}
