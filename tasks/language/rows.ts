/**
 * How prompts of different lengths are put together, and how much is compiled for them: rows, room and chunks are powers
 * of two, so that a new prompt seldom asks for a new program. Pure.
 * @module
 */

/** Rows that are read and answered together. */
export interface Group {
  /** Numbers of the prompts. */
  readonly members: ReadonlyArray<number>
  /** Rows of the program, of which the last may be idle. */
  readonly rows: number
  /** Tokens that each row has room for. */
  readonly capacity: number
}

/** Tokens that are read at once, from a place on. */
export interface Chunk {
  readonly from: number
  readonly time: number
}

/** The least room, and the least that is read at once where there is room for it. */
const least = { capacity: 256, chunk: 32 } as const

/** The least power of two that is not below n. */
export const power = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

/** The greatest power of two that is not above n; 1 for less than 1. */
export const floorPower = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)))

/** The room for so many tokens. */
export const capacityFor = (tokens: number): number => Math.max(least.capacity, power(tokens))

/** Tokens of padding that are read sooner than a group more goes on token by token. */
const slack = 256

/**
 * Groups of rows, each of `lengths[i]` tokens in all. Rows of a group are of like length, for a group is read as far as its
 * longest row; `most` says how many rows there may be with so much room. All have room for the longest, which costs memory
 * alone, so that they share programs.
 */
export const groups = (lengths: ReadonlyArray<number>, most: (capacity: number) => number): ReadonlyArray<Group> => {
  const order = lengths.map((n, i) => [n, i] as const).sort(([a, i], [b, k]) => b - a || i - k)
  const capacity = capacityFor(order[0]?.[0] ?? 0)
  const limit = Math.max(1, most(capacity))
  const made: Array<Group> = []
  for (let at = 0; at < order.length;) {
    const [longest] = order[at]!
    const near = longest - Math.max(slack, longest / 4)
    let end = at + 1
    while (end < order.length && end - at < limit && order[end]![0] >= near) end++
    made.push({ members: order.slice(at, end).map(([, i]) => i), rows: power(end - at), capacity })
    at = end
  }
  return made
}

/**
 * Chunks that read places `from` up to `to`, of `most` tokens at most. The last may reach beyond `to`, over padding, but not
 * beyond the capacity: what is read there is written over later and never seen.
 */
export const chunks = (from: number, to: number, capacity: number, most: number): ReadonlyArray<Chunk> => {
  const made: Array<Chunk> = []
  let at = from
  while (at < to) {
    const left = to - at
    const up = power(left)
    // a quarter of padding is read sooner than another program is made
    let time = Math.min(most, left <= least.chunk ? least.chunk : 4 * left >= 3 * up ? up : up / 2)
    while (at + time > capacity) time /= 2
    made.push({ from: at, time })
    at += time
  }
  return made
}
