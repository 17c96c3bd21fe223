/**
 * Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011): a
 * keyed bijection of pairs of 32-bit words. It is written once over any words with addition, exclusive or and rotation,
 * so the graph and the host compute the same integers by the same text.
 *
 * The second word of a counter says what it is for, so that draws and derived keys never meet: element `i` (row-major)
 * of a draw is made of the pair at counter (i, 0), the key folded with `n` is the pair at counter (n, 1).
 * @module
 */

/** Two words of 32 bits. */
export type Pair<W> = readonly [W, W]

/** What the cipher needs of a word: arithmetic modulo 2^32. */
export interface Words<W> {
  readonly add: (a: W, b: W) => W
  readonly xor: (a: W, b: W) => W
  /** Rotates to the left by 1..31 bits. */
  readonly rotate: (a: W, by: number) => W
  readonly constant: (value: number) => W
}

/** Words as unsigned numbers of the host. */
export const hostWords: Words<number> = {
  add: (a, b) => (a + b) >>> 0,
  xor: (a, b) => (a ^ b) >>> 0,
  rotate: (a, by) => ((a << by) | (a >>> (32 - by))) >>> 0,
  constant: (value) => value >>> 0,
}

/** What a counter is for: its second word. */
export const purpose: { readonly draw: 0; readonly fold: 1 } = { draw: 0, fold: 1 }

const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]] as const

/** Five groups of four rounds, the key schedule (k0, k1, k0 ^ k1 ^ parity) injected after each. */
export const threefry = <W>(words: Words<W>, key: Pair<W>, counter: Pair<W>): Pair<W> => {
  const { add, xor, rotate, constant } = words
  const schedule = [key[0], key[1], xor(xor(key[0], key[1]), constant(0x1bd11bda))] as const
  let [x, y] = [add(counter[0], schedule[0]), add(counter[1], schedule[1])]
  for (let group = 0; group < 5; group++) {
    for (const by of rotations[(group % 2) as 0 | 1]) {
      x = add(x, y)
      y = xor(rotate(y, by), x)
    }
    x = add(x, schedule[((group + 1) % 3) as 0 | 1 | 2])
    y = add(y, add(schedule[((group + 2) % 3) as 0 | 1 | 2], constant(group + 1)))
  }
  return [x, y]
}
