/**
 * One arena for all that is alive only for a while: buffers whose lives do not meet may share bytes. Largest first,
 * each at the lowest place where nothing alive at the same time lies (greedy by size; Pisarchyk and Lee 2020).
 * @module
 */

/** A buffer's bytes and the first and last step at which it must be whole. */
export interface Life {
  readonly bytes: number
  readonly first: number
  readonly last: number
}

/** WebGPU binds storage at multiples of this. */
export const alignment = 256

const aligned = (n: number): number => Math.ceil(n / alignment) * alignment

interface Placed extends Life {
  readonly offset: number
}

const meets = (a: Life, b: Life): boolean => a.first <= b.last && b.first <= a.last

const lowest = (life: Life, placed: ReadonlyArray<Placed>): number => {
  const around = placed.filter((p) => meets(p, life)).sort((a, b) => a.offset - b.offset)
  let at = 0
  for (const p of around) {
    if (at + life.bytes <= p.offset) break
    at = Math.max(at, aligned(p.offset + p.bytes))
  }
  return at
}

/** Offsets in the order of the lives, and the bytes of the whole. */
export const layOut = (
  lives: ReadonlyArray<Life>,
): { readonly offsets: ReadonlyArray<number>; readonly bytes: number } => {
  const order = lives.map((_, i) => i).sort((a, b) => lives[b]!.bytes - lives[a]!.bytes || a - b)
  const placed: Array<Placed> = []
  const offsets = new Array<number>(lives.length).fill(0)
  for (const i of order) {
    const offset = lowest(lives[i]!, placed)
    offsets[i] = offset
    placed.push({ ...lives[i]!, offset })
  }
  return { offsets, bytes: aligned(placed.reduce((most, p) => Math.max(most, p.offset + p.bytes), 0)) }
}
