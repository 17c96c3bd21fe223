/**
 * Random choices of one row, drawn one after another from a key: the same key, the same choices, on every machine.
 * @module
 */
import type { HostKey } from "../../../core/random/host.ts"
import { hostWords, purpose, threefry } from "../../../core/random/threefry.ts"

/** Draws in order. */
export interface Dice {
  /** Uniform in [0, 1). */
  readonly unit: () => number
  /** A whole number from 0 below `n`. */
  readonly below: (n: number) => number
  /** One of them. */
  readonly one: <A>(of: ReadonlyArray<A>) => A
  /** All of them in random order. */
  readonly shuffled: <A>(of: ReadonlyArray<A>) => ReadonlyArray<A>
}

/** Dice that begin at the first draw of a key. */
export const dice = (key: HostKey): Dice => {
  const words = [key.data[0]!, key.data[1]!] as const
  let drawn = 0
  const word = (): number => threefry(hostWords, words, [drawn++, purpose.draw])[0]
  const below = (n: number): number => Math.floor(word() / 2 ** 32 * n)
  return {
    unit: () => word() / 2 ** 32,
    below,
    one: (of) => of[below(of.length)]!,
    shuffled: (of) => {
      const order = [...of]
      for (let i = order.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const held = order[i]!
        order[i] = order[j]!
        order[j] = held
      }
      return order
    },
  }
}
