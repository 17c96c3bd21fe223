/**
 * How long each of a program's buffers is needed.
 * @module
 */
import { written } from "../kernel/expression.ts"
import { kernelKey } from "../kernel/flat.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Exchange, Step } from "./program.ts"

/** First and last step at which each buffer is used; what a loop reads from outside lives through all its turns. */
export const livesOf = (
  steps: ReadonlyArray<Step>,
  kernels: ReadonlyArray<Kernel>,
  exchanges: ReadonlyArray<Exchange>,
): ReadonlyMap<number, readonly [number, number]> => {
  const lives = new Map<number, readonly [number, number]>()
  const seen = (b: number, at: number): void => {
    const [first, last] = lives.get(b) ?? [at, at]
    lives.set(b, [Math.min(first, at), Math.max(last, at)])
  }
  const walk = (list: ReadonlyArray<Step>, start: number): number =>
    list.reduce((at, s) => {
      if (s.tag === "dispatch") {
        for (const b of s.buffers) seen(b, at)
        return at + 1
      }
      const end = walk(s.steps, at)
      for (const b of carried(s.steps, kernels)) {
        seen(b, at)
        seen(b, end)
      }
      return end + 1
    }, start)
  // where each step of the top level begins, in the count of the walk
  const begins: Array<number> = []
  const end = steps.reduce((at, s) => {
    begins.push(at)
    return walk([s], at)
  }, 0)
  begins.push(end)
  for (const e of exchanges) {
    for (const b of [e.from, e.to]) {
      seen(b, begins[e.start]!)
      seen(b, begins[e.finish]!)
    }
  }
  return lives
}

/** Buffers whose content must last from one turn to the next, or through all: read before they are written in a turn. */
const carried = (steps: ReadonlyArray<Step>, kernels: ReadonlyArray<Kernel>): ReadonlySet<number> => {
  const made = new Set<number>()
  const lasting = new Set<number>()
  for (const s of steps) {
    if (s.tag === "repeat") {
      for (const b of carried(s.steps, kernels)) if (!made.has(b)) lasting.add(b)
      for (const b of touched(s.steps)) made.add(b)
      continue
    }
    const k = kernels[s.kernel]!
    const out = new Set(written(k).map((w) => s.buffers[w]!))
    for (const b of s.buffers) if (!out.has(b) && !made.has(b)) lasting.add(b)
    // a store that the turn places writes a part only: the rest must last
    for (const b of out) k.tag === "loop" && turns(k) ? lasting.add(b) : made.add(b)
  }
  return lasting
}

/** Buffers that the steps bind. */
export const touched = (steps: ReadonlyArray<Step>): ReadonlyArray<number> =>
  steps.flatMap((s) => s.tag === "dispatch" ? s.buffers : touched(s.steps))

const turns = (k: Kernel): boolean => kernelKey(k).includes(`"tag":"turn"`)
