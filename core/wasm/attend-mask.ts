/**
 * Which rows a lane sees: those whose position lies in an interval of its own, and whose segment is its own. The bounds
 * of the interval hold the causal mask (in blocks too) and the window, clamped to i32, so that one comparison each is
 * all that is asked of a pair, and least and greatest of them tell what a whole block sees.
 * @module
 */
import type { BinaryFn } from "../graph/node.ts"
import type { Expr } from "../kernel/kernel.ts"
import type { AttendPlan } from "./attend-plan.ts"

const least = -0x80000000, greatest = 0x7fffffff

const i32 = (value: number): Expr => ({ tag: "const", dtype: "i32", value })
const binary = (fn: BinaryFn, x: Expr, y: Expr): Expr => ({ tag: "binary", dtype: "i32", fn, x, y })

/** x + by for by >= 0, at most the greatest. */
const raised = (x: Expr, by: Expr): Expr => binary("add", binary("min", x, binary("sub", i32(greatest), by)), by)
/** x - by for by >= 0, at least the least. */
const lowered = (x: Expr, by: Expr): Expr => binary("sub", binary("max", x, binary("add", i32(least), by)), by)

/** What is left of x beyond a multiple, never below 0. */
const remainder = (x: Expr, by: number): Expr => {
  const rest = binary("rem", x, i32(by))
  const below: Expr = { tag: "binary", dtype: "bool", fn: "lt", x: rest, y: i32(0) }
  return { tag: "select", dtype: "i32", c: below, x: binary("add", rest, i32(by)), y: rest }
}

/** The interval of row positions that a lane sees. */
export const interval = ({ k, lane }: AttendPlan): { readonly low: Expr; readonly high: Expr } => {
  const own = lane === "query" ? k.queryPosition : k.keyPosition
  const { causal, window } = k
  const near = { low: lowered(own, i32(window - 1)), high: raised(own, i32(window - 1)) }
  const { low, high } = window > 0 ? near : { low: i32(least), high: i32(greatest) }
  if (causal === 0) return { low, high }
  const rest = causal === 1 ? i32(0) : remainder(own, causal)
  if (lane === "query") {
    const end = causal === 1 ? own : raised(own, binary("sub", i32(causal - 1), rest))
    return { low, high: window > 0 ? binary("min", high, end) : end }
  }
  const start = causal === 1 ? own : lowered(own, rest)
  return { low: window > 0 ? binary("max", low, start) : start, high }
}
