/**
 * A loop along the lanes.
 * @module
 */
import type { Emitter } from "./expression.ts"
import { type I32, i32 } from "./instructions.ts"

/** Runs `write` over a range of the vector variable, with all copies, with one, and element by element. */
export const vectorLoop = (
  e: Emitter,
  id: number,
  from: I32,
  to: I32,
  size: number,
  copies: number,
  write: () => void,
): void => {
  const block = 4 * copies
  const known = typeof to === "number" && typeof from === "number"
  const below = (unit: number): I32 => typeof to === "number" ? to - to % unit : e.w.keep(i32.and(to, -unit))
  const run = (start: I32, end: I32, width: number, many: number): void => {
    const sure = typeof start === "number" && typeof end === "number" && start < end
    e.loop(id, start, end, width * many, sure, () => e.lanes(width, many, write))
  }
  const empty = (a: I32, b: I32): boolean => typeof a === "number" && typeof b === "number" && a >= b
  let start = from
  const step = (unit: number, width: number, many: number): void => {
    const end = width === 1 ? to : below(unit)
    if (empty(start, end)) return
    run(start, end, width, many)
    start = end
  }
  const rest = known ? (to as number) - (from as number) : size
  if (size >= block) step(block, 4, copies)
  if (copies > 1 && rest % block >= 4) step(4, 4, 1)
  if (rest % 4 !== 0) step(1, 1, 1)
}
