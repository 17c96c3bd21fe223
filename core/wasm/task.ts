/**
 * Tasks as values of outer variables.
 * @module
 */
import { branchIf, loop, type Value } from "./assembler.ts"
import type { Emitter } from "./expression.ts"
import { i32 } from "./instructions.ts"
import type { KernelArgs } from "./kernel.ts"

/**
 * Runs `write` for each task: its number tells the values of `ids` (the first varies slowest) and, fastest, one of
 * `pieces`. Code inside is at `level`.
 */
export const taskLoop = (
  e: Emitter,
  args: KernelArgs,
  ids: ReadonlyArray<number>,
  sizes: ReadonlyArray<number>,
  pieces: number,
  level: number,
  write: (piece: Value<"i32">) => void,
): void => {
  const { w } = e
  const task = w.fresh("i32")
  const body = w.capture(() => {
    let rest: Value<"i32"> = task
    const digit = (size: number, last: boolean): Value<"i32"> => {
      if (last) return w.keep(rest)
      const value = w.keep(i32.remU(rest, size))
      rest = w.keep(i32.divU(rest, size))
      return value
    }
    const piece = pieces === 1 ? i32.const(0) : digit(pieces, ids.length === 0)
    const bound = [...ids].reverse().map((id, i) => [id, digit(sizes[id]!, i === ids.length - 1)] as const)
    e.within(bound, level, () => write(piece))
  })
  w.put(task.set(args.lo))
  w.put(loop((again) => [body, branchIf(again, i32.ltS(task.tee(i32.add(task, 1)), args.hi))]))
}
