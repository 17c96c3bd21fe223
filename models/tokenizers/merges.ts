/**
 * Byte-pair encoding (Sennrich, Haddow & Birch, 2016): neighbours become one token by rules with ranks. The lowest rank
 * goes first, of equal ranks the leftmost, until no rule fits. Rules name ids, so a piece of a megabyte takes a second:
 * a heap of places, looked at again when they come up.
 * @module
 */

/** Two tokens, and the one they become. */
export type Merge = readonly [left: number, right: number, made: number]

/** Merges by their pair; a merge's rank is its place. */
export interface Rules {
  /** Rank of a pair, or undefined. */
  readonly rank: (left: number, right: number) => number | undefined
  /** What the rule of that rank makes. */
  readonly made: (rank: number) => number
  /** Is the token in any pair? What is in none stays as it is, whatever stands beside it. */
  readonly moves: (id: number) => boolean
}

/** Rules over ids below `size`; a pair that is named twice has its last rank, as in Hugging Face's library. */
export const rules = (size: number, merges: ReadonlyArray<Merge>): Rules => {
  const ranks = new Map<number, number>()
  const moving = new Uint8Array(size)
  merges.forEach(([left, right], rank) => {
    ranks.set(left * size + right, rank)
    moving[left] = moving[right] = 1
  })
  return {
    rank: (left, right) => ranks.get(left * size + right),
    made: (rank) => merges[rank]![2],
    moves: (id) => moving[id] === 1,
  }
}

// ---- a heap of places that may be merged: rank first, then place ---------------

/** Places are below this; together with ranks they stay exact in a float64. */
const places = 2 ** 31

const push = (heap: Array<number>, key: number): void => {
  let i = heap.push(key) - 1
  while (i > 0) {
    const up = (i - 1) >> 1
    if (heap[up]! <= key) break
    heap[i] = heap[up]!
    i = up
  }
  heap[i] = key
}

const pop = (heap: Array<number>): number => {
  const least = heap[0]!
  const last = heap.pop()!
  const n = heap.length
  if (n === 0) return least
  let i = 0
  for (let down = 1; down < n; down = 2 * i + 1) {
    if (down + 1 < n && heap[down + 1]! < heap[down]!) down++
    if (last <= heap[down]!) break
    heap[i] = heap[down]!
    i = down
  }
  heap[i] = last
  return least
}

// ---- applying -------------------------------------------------------------------

/** Merges `ids[from..to)` in place, to its front; gives where what is left ends. */
const run = (by: Rules, ids: Int32Array, from: number, to: number): number => {
  const next = new Int32Array(to - from)
  const before = new Int32Array(to - from)
  const heap: Array<number> = []
  const offer = (at: number): void => {
    const right = next[at - from]!
    if (right >= to) return
    const rank = by.rank(ids[at]!, ids[right]!)
    if (rank !== undefined) push(heap, rank * places + at)
  }
  for (let i = from; i < to; i++) {
    next[i - from] = i + 1
    before[i - from] = i - 1
  }
  for (let i = from; i < to; i++) offer(i)
  while (heap.length > 0) {
    const key = pop(heap)
    const rank = Math.floor(key / places)
    const at = key - rank * places
    const right = next[at - from]!
    // what stands here may have been merged since
    if (ids[at] === -1 || right >= to || by.rank(ids[at]!, ids[right]!) !== rank) continue
    const after = next[right - from]!
    ids[at] = by.made(rank)
    ids[right] = -1
    next[at - from] = after
    if (after < to) before[after - from] = at
    offer(at)
    if (before[at - from]! >= from) offer(before[at - from]!)
  }
  let end = from
  for (let i = from; i < to; i = next[i - from]!) ids[end++] = ids[i]!
  return end
}

/** A piece's tokens after all merges. */
export const merged = (by: Rules, piece: ArrayLike<number>): Int32Array => {
  const ids = Int32Array.from(piece)
  let end = 0
  for (let from = 0; from < ids.length;) {
    let to = from
    while (to < ids.length && by.moves(ids[to]!)) to++
    const stop = to - from > 1 ? run(by, ids, from, to) : to
    for (let i = from; i < stop; i++) ids[end++] = ids[i]!
    if (to < ids.length) ids[end++] = ids[to]!
    from = to + 1
  }
  return ids.slice(0, end)
}
