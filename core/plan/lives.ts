/**
 * How long each of a program's buffers is needed.
 * @module
 */
import { innerIndices } from "../kernel/affine.ts"
import { loadsOf, placesOf, written } from "../kernel/expression.ts"
import type { Index, Kernel } from "../kernel/kernel.ts"
import type { Exchange, Step } from "./program.ts"

/** Steps in the count of lives: those inside of a repeat count once, and its end counts one. */
const lengthOf = (s: Step): number => s.tag === "dispatch" ? 1 : 1 + s.steps.reduce((n, t) => n + lengthOf(t), 0)

/** Where each step of the top level begins in the count of lives, and where the last ends. */
export const beginsOf = (steps: ReadonlyArray<Step>): ReadonlyArray<number> => {
  const begins = [0]
  for (const s of steps) begins.push(begins.at(-1)! + lengthOf(s))
  return begins
}

/**
 * When each exchange is started and finished: between two steps, in the count of lives, each at a moment of its own. So
 * the buffer that one has sent may be filled by the next that is started.
 */
export const flightsOf = (
  steps: ReadonlyArray<Step>,
  exchanges: ReadonlyArray<Exchange>,
): ReadonlyArray<readonly [number, number]> => {
  const begins = beginsOf(steps)
  const moment = (step: number, event: number): number => begins[step]! - 1 + event / (2 * exchanges.length + 1)
  return exchanges.map((e, i) => [moment(e.start, 2 * i + 1), moment(e.finish, 2 * i + 2)])
}

/** First and last moment at which each buffer is used; what a loop reads from outside lives through all its turns. */
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
  walk(steps, 0)
  for (const [i, flight] of flightsOf(steps, exchanges).entries()) {
    for (const b of [exchanges[i]!.from, exchanges[i]!.to]) for (const at of flight) seen(b, at)
  }
  return lives
}

/**
 * Buffers whose content must last from one turn of a loop to the next, or through all: read before the turn wrote them, or
 * written in parts.
 */
const carried = (steps: ReadonlyArray<Step>, kernels: ReadonlyArray<Kernel>): ReadonlySet<number> => {
  const made = new Set<number>()
  const lasting = new Set<number>()
  const visit = (list: ReadonlyArray<Step>, depth: number): void => {
    for (const s of list) {
      if (s.tag === "repeat") {
        visit(s.steps, depth + 1)
        continue
      }
      const k = kernels[s.kernel]!
      for (const { buffer } of loadsOf(k)) if (!made.has(s.buffers[buffer]!)) lasting.add(s.buffers[buffer]!)
      for (const { buffer, at } of placesOf(k)) (isPart(at, depth) ? lasting : made).add(s.buffers[buffer]!)
    }
  }
  visit(steps, 0)
  return lasting
}

/** Does a store there write a part of the buffer: that of a turn of the loop so far out, or that of an index? */
const isPart = (at: Index, depth: number): boolean =>
  innerIndices(at).some((i) =>
    i.terms.some(({ atom }) => atom.tag === "value" || (atom.tag === "turn" && atom.depth === depth))
  )

/** Buffers that the steps bind. */
export const touched = (steps: ReadonlyArray<Step>): ReadonlyArray<number> =>
  steps.flatMap((s) => s.tag === "dispatch" ? s.buffers : touched(s.steps))

/** Buffers that the steps store to. */
export const storedBy = (steps: ReadonlyArray<Step>, kernels: ReadonlyArray<Kernel>): ReadonlyArray<number> =>
  steps.flatMap((s) =>
    s.tag === "dispatch" ? written(kernels[s.kernel]!).map((w) => s.buffers[w]!) : storedBy(s.steps, kernels)
  )
