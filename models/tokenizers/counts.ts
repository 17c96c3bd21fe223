/**
 * Pairs of neighbours in a text that is being merged: how often each is there, and where. A merge touches only the places
 * it changes, so that learning a thousand of them takes about as long as reading the text ten times.
 * @module
 */
import type { Merge } from "./merges.ts"

/** A pair of tokens, how often it is there, and the places where it was. */
interface Pair {
  readonly left: number
  readonly right: number
  count: number
  readonly at: Array<number>
}

/** What learning merges needs of a text. */
export interface Counts {
  /** The pair that is there most often; of equal ones the lowest. Undefined where none is there so often. */
  readonly most: (least: number) => readonly [left: number, right: number] | undefined
  /** Makes one token of a pair wherever it is, and then what older merges make of that. */
  readonly merge: (merge: Merge) => void
}

/** Nothing: the end of a piece. */
const none = -1

/** Does `a` come before `b`, for what they were when they were put into the heap? */
type Entry = readonly [pair: Pair, count: number]
const sooner = ([p, m]: Entry, [q, n]: Entry): boolean =>
  m !== n ? m > n : p.left !== q.left ? p.left < q.left : p.right < q.right

const push = (heap: Array<Entry>, entry: Entry): void => {
  let i = heap.push(entry) - 1
  for (let up = (i - 1) >> 1; i > 0 && sooner(entry, heap[up]!); up = (i - 1) >> 1) {
    heap[i] = heap[up]!
    i = up
  }
  heap[i] = entry
}

const pop = (heap: Array<Entry>): Entry => {
  const first = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return first
  let i = 0
  for (let down = 1; down < heap.length; down = 2 * i + 1) {
    if (down + 1 < heap.length && sooner(heap[down + 1]!, heap[down]!)) down++
    if (!sooner(heap[down]!, last)) break
    heap[i] = heap[down]!
    i = down
  }
  heap[i] = last
  return first
}

/**
 * Counts of pieces of which `older` merges leave nothing to do, with ids below `size`. A piece's tokens are always what
 * encoding with all merges so far gives.
 */
export const counts = (pieces: ReadonlyArray<ArrayLike<number>>, older: ReadonlyArray<Merge>, size: number): Counts => {
  const many = pieces.reduce((n, p) => n + p.length + 1, 0)
  const ids = new Int32Array(many).fill(none)
  pieces.reduce((at, p) => (ids.set(p, at), at + p.length + 1), 0)
  const next = new Int32Array(many).map((_, i) => i + 1)
  const before = new Int32Array(many).map((_, i) => i - 1)

  const ranks = new Map(older.map(([l, r], rank) => [l * size + r, rank]))
  const merges = [...older]
  const pairs = new Map<number, Pair>()
  const heap: Array<Entry> = []
  const grown = new Set<Pair>()

  const count = (i: number, by: 1 | -1): void => {
    const left = ids[i]!
    const right = ids[next[i]!]!
    if (left === none || right === none) return
    const key = left * size + right
    const known = pairs.get(key)
    const pair = known ?? { left, right, count: 0, at: [] }
    if (known === undefined) pairs.set(key, pair)
    pair.count += by
    if (by === 1) {
      pair.at.push(i)
      grown.add(pair)
    }
  }
  /** One token of two, at the place of the left one. */
  const join = (i: number, made: number): void => {
    const right = next[i]!
    const after = next[right]!
    const left = before[i]!
    if (left >= 0) count(left, -1)
    count(i, -1)
    count(right, -1)
    ids[i] = made
    ids[right] = none
    next[i] = after
    before[after] = i
    if (left >= 0) count(left, 1)
    count(i, 1)
  }
  const rankAt = (i: number): number =>
    i < 0 || ids[i] === none || ids[next[i]!] === none
      ? Infinity
      : ranks.get(ids[i]! * size + ids[next[i]!]!) ?? Infinity

  for (let i = 0; i + 1 < many; i++) count(i, 1)
  const settle = (): void => {
    for (const pair of grown) push(heap, [pair, pair.count])
    grown.clear()
  }
  settle()

  return {
    most: (least) => {
      while (heap.length > 0) {
        const [pair, then] = pop(heap)
        if (pair.count === then) return then < least ? undefined : [pair.left, pair.right]
        if (pair.count > 0) push(heap, [pair, pair.count])
      }
      return undefined
    },
    merge: (merge) => {
      const [left, right, made] = merge
      const key = left * size + right
      ranks.set(key, merges.push(merge) - 1)
      const places = pairs.get(key)?.at.splice(0).sort((a, b) => a - b) ?? []
      for (const place of places) {
        if (ids[place] !== left || ids[next[place]!] !== right) continue
        join(place, made)
        // what it makes may be what an older merge waits for
        for (let at = place;;) {
          const [mine, its] = [rankAt(at), rankAt(before[at]!)]
          if (mine === Infinity && its === Infinity) break
          at = its <= mine ? before[at]! : at
          join(at, merges[Math.min(mine, its)]![2])
        }
      }
      settle()
    },
  }
}
