/**
 * Which of the kernels that could run next should. Depth first keeps a chain's values short-lived, but leaves for the
 * end what only a later output asks for (the gradient of a weight), and with it all that it reads. So what frees more
 * than it makes runs as soon as it can.
 * @module
 */
import { count, type Node } from "../graph/node.ts"
import { dtypes } from "../tensor/dtype.ts"

/** Something that reads values and makes values. */
export interface Step {
  readonly needs: ReadonlySet<Node>
  readonly makes: ReadonlyArray<Node>
  /** It runs as soon as it takes no more room, not only when it frees some. */
  readonly eager?: boolean
}

const bytesOf = (n: Node): number => count(n.shape) * dtypes[n.dtype].bytes

/**
 * The steps, each after all of its `before`, in the given order (which must be a right one) but for those that free more
 * than they make: these come as early as they can. Values that no step reads are results and take no room here.
 */
export const freeEarly = <S extends Step>(
  sorted: ReadonlyArray<S>,
  before: (step: S) => ReadonlyArray<S>,
): ReadonlyArray<S> => {
  const made = new Set(sorted.flatMap((s) => s.makes))
  const readers = new Map<Node, Set<S>>()
  const waits = new Map<S, Set<S>>()
  const next = new Map<S, Set<S>>(sorted.map((s) => [s, new Set()]))
  for (const step of sorted) {
    for (const n of step.needs) if (made.has(n)) readers.set(n, (readers.get(n) ?? new Set()).add(step))
    waits.set(step, new Set(before(step)))
    for (const b of waits.get(step)!) next.get(b)?.add(step)
  }
  const grows = (step: S): number => {
    const freed = [...step.needs].filter((n) => readers.get(n)?.size === 1)
    const kept = step.makes.filter((n) => readers.has(n))
    return kept.reduce((sum, n) => sum + bytesOf(n), 0) - freed.reduce((sum, n) => sum + bytesOf(n), 0)
  }
  const rank = new Map(sorted.map((s, i) => [s, i]))
  const done = new Set<S>()
  const run = (first: S): void => {
    const queue = [first]
    while (queue.length > 0) {
      const step = queue.shift()!
      if (done.has(step)) continue
      done.add(step)
      const near = new Set(next.get(step)!)
      for (const s of near) waits.get(s)!.delete(step)
      for (const n of step.needs) {
        const left = readers.get(n)
        left?.delete(step)
        if (left?.size === 1) near.add([...left][0]!)
      }
      const ready = [...near].filter((s) => !done.has(s) && waits.get(s)!.size === 0 && grows(s) < (s.eager ? 1 : 0))
      queue.push(...ready.sort((a, b) => rank.get(a)! - rank.get(b)!))
    }
  }
  sorted.forEach(run)
  return [...done]
}
