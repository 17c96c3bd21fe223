/**
 * Which bytes of the device's memory are free: first fit over a list of gaps in the order of their addresses.
 * @module
 */

/** A free range. */
interface Gap {
  readonly from: number
  readonly to: number
}

/** The free ranges, in order, none touching another. */
export interface Heap {
  /** The address of so many free bytes, now taken; undefined if no gap is that large. */
  readonly take: (bytes: number) => number | undefined
  /** Gives a range back. */
  readonly give: (from: number, bytes: number) => void
  /** Bytes of the largest gap. */
  readonly largest: () => number
}

/** Every range begins and ends at a multiple of this. */
const granule = 256

/** Bytes that a range of that size takes: with room after it that may be read, in granules. */
export const rangeBytes = (bytes: number): number => Math.ceil((bytes + 64) / granule) * granule

/** A heap without free bytes. */
export const heap = (): Heap => {
  let gaps: ReadonlyArray<Gap> = []
  return {
    take: (bytes) => {
      const i = gaps.findIndex((g) => g.to - g.from >= bytes)
      const gap = gaps[i]
      if (gap === undefined) return undefined
      const rest: Gap = { from: gap.from + bytes, to: gap.to }
      gaps = [...gaps.slice(0, i), ...(rest.from < rest.to ? [rest] : []), ...gaps.slice(i + 1)]
      return gap.from
    },
    give: (from, bytes) => {
      if (bytes === 0) return
      const before = gaps.filter((g) => g.to <= from)
      const after = gaps.filter((g) => g.from >= from + bytes)
      const left = before.at(-1), right = after[0]
      const joinsLeft = left !== undefined && left.to === from
      const joinsRight = right !== undefined && right.from === from + bytes
      gaps = [
        ...(joinsLeft ? before.slice(0, -1) : before),
        { from: joinsLeft ? left.from : from, to: joinsRight ? right.to : from + bytes },
        ...(joinsRight ? after.slice(1) : after),
      ]
    },
    largest: () => gaps.reduce((most, g) => Math.max(most, g.to - g.from), 0),
  }
}
