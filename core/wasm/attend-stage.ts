/**
 * Rows that cannot be read as they lie are written out as f32, features side by side: once for all tasks, to shared
 * memory, where there is room and more than one task reads them; else by each task, block by block.
 * @module
 */
import type { Local, Value } from "./assembler.ts"
import { atMost, moveBlock } from "./attend-bounds.ts"
import type { AttendLoops } from "./attend-loops.ts"
import type { AttendPlan, Operand } from "./attend-plan.ts"
import { digits, forUp } from "./emit.ts"
import { i32 } from "./instructions.ts"
import { kernelFunc, type Phase } from "./kernel.ts"
import { varying } from "./nest.ts"

/** An operand's rows in shared memory: a version for each point of the variables that it depends on. */
export interface Stage {
  readonly ids: ReadonlyArray<number>
  readonly versions: number
  /** Byte offset, and bytes of all versions. */
  readonly at: number
  readonly bytes: number
}

/** The operands that are written once. */
export interface Stages {
  readonly first: Stage | undefined
  readonly second: Stage | undefined
  readonly bytes: number
}

/** Bytes that may be written once. */
const most = 24 << 20

/** Chooses; what stands before takes `after` bytes. `tasks` is their number. */
export const stagesOf = (p: AttendPlan, after: number, tasks: number): Stages => {
  const from = Math.ceil(after / 64) * 64
  const sizes = [...p.k.batch, ...p.k.share]
  const stage = (o: Operand, at: number): Stage | undefined => {
    if (o.plain !== undefined) return undefined
    const ids = sizes.map((_, id) => id).filter((id) => varying(o.value, id))
    const versions = ids.reduce((n, id) => n * sizes[id]!, 1)
    const bytes = versions * p.rowCount * o.row
    return tasks >= 2 * versions && at - from + bytes <= most ? { ids, versions, at, bytes } : undefined
  }
  const end = (s: Stage | undefined, at: number): number =>
    s === undefined ? at : s.at + Math.ceil(s.bytes / 64) * 64 + 64
  const first = stage(p.rows.first, from)
  const second = stage(p.rows.second, end(first, from))
  return { first, second, bytes: end(second, end(first, from)) - after }
}

/** The address of row `row` of a version. */
export const stagedRow = (
  p: AttendPlan,
  s: Stage,
  o: Operand,
  shared: Value<"i32">,
  digit: (id: number) => Value<"i32">,
  row: Value<"i32">,
): Value<"i32"> => {
  const sizes = [...p.k.batch, ...p.k.share]
  const version = s.ids.reduce<Value<"i32">>((n, id) => i32.add(i32.mul(n, sizes[id]!), digit(id)), i32.const(0))
  return i32.add(i32.add(shared, s.at), i32.mul(i32.add(i32.mul(version, p.rowCount), row), o.row))
}

/** Writes the rows of an operand. */
export const stagePhase = (p: AttendPlan, loops: AttendLoops, s: Stage, which: "first" | "second"): Phase => {
  const o = p.rows[which]
  const blocks = Math.ceil(p.rowCount / p.rowBlock)
  const sizes = [...p.k.batch, ...p.k.share]
  const func = kernelFunc("stage", p.context, (scope, args) => {
    const make = (name: string): Local<"i32"> => scope.local("i32", name)
    const task = make("task"), version = make("version"), row = make("row"), rows = make("rows")
    const parts = digits(scope, version, s.ids.map((id) => sizes[id]!))
    const digit = (id: number): Value<"i32"> => parts.digits[s.ids.indexOf(id)] ?? i32.const(0)
    const turns = [
      ...sizes.map((_, id) => digit(id)),
      ...(p.row === "query" ? [row, i32.const(0)] : [i32.const(0), row]),
    ]
    return forUp(task, args.lo, args.hi, 1, [
      version.set(i32.divU(task, blocks)),
      parts.code,
      row.set(i32.mul(i32.remU(task, blocks), p.rowBlock)),
      rows.set(i32.sub(p.rowCount, row)),
      atMost(rows, p.rowBlock),
      moveBlock(
        which === "first" ? loops.rowFirst : loops.rowSecond,
        args,
        stagedRow(p, s, o, args.shared, digit, row),
        turns,
        rows,
      ),
    ])
  })
  return { tasks: s.versions * blocks, grain: Math.max(1, Math.floor((1 << 14) / (p.rowBlock * o.features))), func }
}
