/**
 * The sums of a task: blocks of tiles over the whole depth, a system BLAS, or the forms for few rows.
 * @module
 */
import { sgemm } from "./blas.ts"
import { branchIf, call, type Code, type Func, type Local, loop, type Scope, type Value, when } from "./assembler.ts"
import type { ContractPlan } from "./contract.ts"
import { type Plain, single } from "./contract-operand.ts"
import { heightsOf } from "./contract-plan.ts"
import { type RowAccess, stepsOf, streaming, summing } from "./contract-row.ts"
import { tile, type TileAccess } from "./contract-tile.ts"
import { forUp } from "./emit.ts"
import { type I32, i32 } from "./instructions.ts"
import type { KernelArgs } from "./kernel.ts"

/** The variables of a task. */
export interface Task {
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

/** The lesser of a value and a constant. */
export const minimum = (target: Local<"i32">, value: I32, most: number): Code => [
  target.set(i32.add(value, 0)),
  when(i32.gtS(target, most), target.set(i32.const(most))),
]

/** Code for all tiles over the task's rows; `row` counts from its first. */
export const eachTile = (p: ContractPlan, t: Task, row: Local<"i32">): (body: (rows: number) => Code) => Code => {
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

/** A sum of products of a number's digits and their strides, in bytes; `parts` are outermost first. */
const strided = (
  scope: Scope,
  number: Value<"i32">,
  parts: ReadonlyArray<{ readonly size: number; readonly stride: number }>,
): { readonly code: Code; readonly at: Value<"i32"> } => {
  const last = parts.length - 1
  if (last <= 0) return { code: [], at: i32.mul(number, parts[0]?.stride ?? 0) }
  const [at, rest] = [scope.local("i32", "at"), scope.local("i32", "rest")]
  return {
    code: [
      rest.set(number),
      at.set(i32.const(0)),
      [...parts].reverse().map(({ size, stride }, n): Code => [
        at.set(i32.add(at, i32.mul(n === last ? rest : i32.remU(rest, size), stride))),
        n === last ? [] : rest.set(i32.divU(rest, size)),
      ]),
    ],
    at,
  }
}

/** As `eachTile`, run after run; `place` is set to where the tile's first row of the left operand begins. */
const eachTileInRuns = (
  p: ContractPlan,
  t: Task,
  row: Local<"i32">,
  place: Local<"i32">,
): (body: (rows: number) => Code) => Code => {
  const { run, tileRows } = p.blocks
  const { full, lower, rest } = heightsOf(run, tileRows)
  const stride = 4 * p.left.lane.at(-1)!.stride
  const [from, to] = [t.scope.local("i32", "from"), t.scope.local("i32", "to")]
  const begun = strided(
    t.scope,
    i32.add(t.firstRow, from),
    p.left.lane.map((s) => ({ size: s.size, stride: 4 * s.stride })),
  )
  return (body) => {
    const some = (rows: number, tiles: number): Code =>
      tiles === 0 ? [] : [
        to.set(i32.add(row, rows * tiles)),
        loop((again) => [
          body(rows),
          place.set(i32.add(place, rows * stride)),
          branchIf(again, i32.ltS(row.tee(i32.add(row, rows)), to)),
        ]),
      ]
    return forUp(from, 0, t.rows, run, [
      begun.code,
      place.set(i32.add(t.left, begun.at)),
      row.set(from),
      some(tileRows, full),
      some(tileRows - 1, lower),
      rest === 0 ? [] : some(rest, 1),
    ])
  }
}

/** The functions of tiles, by rows and by whether the cols are the last, fewer ones. */
const tilesOf = (p: ContractPlan, buffered: boolean): (rows: number, last: boolean) => Func => {
  const { tileCols, left, right } = p.blocks
  const rest = p.groups.cols.count % tileCols
  const access = (rows: number, width: number): TileAccess => ({
    levels: p.blocks.levels.slice(p.blocks.level).map((l) => ({
      size: l.size,
      aStep: 4 * l.left * (left === "own" ? rows : 1),
      bStep: 4 * l.right * (right === "direct" ? 1 : width),
    })),
    aRow: left === "own" ? 4 : 4 * (p.left.lane.at(-1)?.stride ?? 0),
  })
  return (rows, last) => {
    const width = last ? Math.ceil(rest / 4) * 4 : tileCols
    const shape = { rows, vectors: width / 4, last: last && !buffered ? ((rest - 1) % 4) + 1 : 4 }
    return tile(p.k.dtype, p.context.features, shape, access(rows, width))
  }
}

/** The sums of the cols from `from` to `to` of the task, over the whole depth. */
export const sumsOf = (p: ContractPlan, t: Task, from: Local<"i32">, to: Local<"i32">, target: {
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
  // how far into the depth a pass begins, in the operands that are read where they lie
  const { levels, level, run } = p.blocks
  const inner = levels.slice(level + 1).reduce((product, l) => product * l.size, 1)
  const [leftFar, rightFar, place] = ["leftFar", "rightFar", "place"].map((n) => t.scope.local("i32", n)) as [
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
  ]
  const far = (of: Local<"i32">, pick: (l: (typeof levels)[number]) => number): Code => {
    const parts = levels.slice(0, level + 1).map((l) => ({ size: l.size, stride: 4 * pick(l) }))
    const { code, at } = strided(t.scope, inner === 1 ? k0 : i32.divU(k0, inner), parts)
    return onePass ? of.set(i32.const(0)) : [code, of.set(at)]
  }
  const begun: Code = [
    left === "own" ? [] : far(leftFar, (l) => l.left),
    right === "direct" ? far(rightFar, (l) => l.right) : [],
  ]
  const steps = (elements: Value<"i32">): Value<"i32"> => inner === 1 ? elements : i32.divU(elements, inner)
  const column = (last: boolean): Code => {
    const width = last ? Math.ceil(rest / 4) * 4 : tileCols
    const b = right === "direct"
      ? i32.add(i32.add(t.right, i32.mul(j, 4)), rightFar)
      : i32.add(i32.add(t.panels, i32.mul(j, 4 * depth)), i32.mul(k0, 4 * width))
    const all = run > 0 ? eachTileInRuns(p, t, row, place) : eachTile(p, t, row)
    return all((rows) =>
      call(
        tiles(rows, last),
        left === "own"
          ? i32.add(
            i32.add(i32.add(t.args.scratch, p.at.left), i32.mul(row, 4 * depth)),
            i32.mul(k0, 4 * rows),
          )
          : i32.add(
            run > 0 ? place : i32.add(
              t.left,
              i32.mul(p.leftLoops === undefined ? i32.add(t.firstRow, row) : row, 4 * (single(p.left.lane) ?? 0)),
            ),
            leftFar,
          ),
        b,
        i32.add(i32.add(target.address, i32.mul(row, target.row)), i32.mul(i32.sub(j, from), 4)),
        i32.const(target.row),
        onePass ? i32.const(levels[0]!.size) : now,
        onePass ? i32.const(0) : k0,
      )
    )
  }
  const columns: Code = [
    minimum(end, to, whole),
    forUp(j, from, end, tileCols, column(false)),
    rest === 0 ? [] : when(i32.gtS(to, whole), [j.set(i32.const(whole)), column(true)]),
  ]
  if (onePass) return [k0.set(i32.const(0)), begun, columns]
  return forUp(k0, 0, i32.const(depth), block, [
    now.set(i32.sub(i32.const(depth), k0)),
    minimum(now, now, block),
    now.set(steps(now)),
    begun,
    columns,
  ])
}

/** The sums of the cols from `from` to `to` of the task by a system BLAS. */
export const calledSums = (
  p: ContractPlan,
  t: Task,
  from: Local<"i32">,
  to: Local<"i32">,
  target: Value<"i32">,
  row: number,
): Code => {
  const step = (plain: Plain): number => single(plain.depth) ?? 1
  const lane = (plain: Plain): number => single(plain.lane) ?? 1
  const across = step(p.left) !== 1, along = step(p.right) === 1
  const first = p.leftLoops === undefined ? i32.mul(t.firstRow, 4 * lane(p.left)) : i32.const(0)
  return call(
    sgemm,
    i32.const(across ? 1 : 0),
    i32.const(along ? 1 : 0),
    t.rows,
    i32.sub(to, from),
    i32.const(p.groups.depth.count),
    i32.add(t.left, first),
    i32.const(across ? step(p.left) : lane(p.left)),
    i32.add(t.right, i32.mul(from, 4 * lane(p.right))),
    i32.const(along ? lane(p.right) : step(p.right)),
    target,
    i32.const(row),
  )
}

/** The sums of the cols from `from` to `to` of the task where there are few rows. */
export const rowSumsOf = (p: ContractPlan, t: Task, from: Local<"i32">, to: Local<"i32">, sums: Value<"i32">): Code => {
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
