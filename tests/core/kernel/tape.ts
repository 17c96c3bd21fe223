/**
 * Random choices and values from a tape of numbers.
 * @module
 */
import { type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { load as fromStored, store as toStored } from "../../../core/tensor/host.ts"

/** Draws numbers from a tape. */
export interface Tape {
  /** One of 0 .. n - 1; 0 at the tape's end. */
  readonly below: (n: number) => number
  /** One of these; the first at the tape's end. */
  readonly of: <A>(items: ReadonlyArray<A>) => A
  /** True once in n times; false at the tape's end. */
  readonly once: (n: number) => boolean
  readonly shuffled: <A>(items: ReadonlyArray<A>) => ReadonlyArray<A>
  readonly ended: () => boolean
}

/** The tape of these numbers. */
export const tapeOf = (numbers: ReadonlyArray<number>): Tape => {
  let at = 0
  const below = (n: number): number => (at < numbers.length ? numbers[at++]! % n : 0)
  return {
    below,
    of: (items) => items[below(items.length)]!,
    once: (n) => below(n) === n - 1,
    shuffled: (items) => {
      const rest = [...items]
      return items.map(() => rest.splice(below(rest.length), 1)[0]!)
    },
    ended: () => at >= numbers.length,
  }
}

/** What one device's suite draws from. */
export interface Choice {
  readonly floats: ReadonlyArray<DType>
  readonly ints: ReadonlyArray<DType>
  /** Buffers that a kernel may bind. */
  readonly bindings: number
  /** Sizes are drawn up to this part of the usual. */
  readonly scale: number
}

/** Everything. */
export const everything: Choice = {
  floats: ["f32", "f16", "bf16"],
  ints: ["i32", "u32", "u8", "bool"],
  bindings: 24,
  scale: 1,
}

/** Numbers that break what is written without them in mind; those that f16 lacks become infinite there. */
export const hostile: { readonly [D in DType]: ReadonlyArray<number> } = {
  f32: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 1e-20, 3e38, -3e38, 100.5, -104, 89, 16777217],
  f16: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 65504, -65504, 6.2e-5],
  bf16: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 3e38, -3e38, 1e-20],
  i32: [0, 1, -1, 2147483647, -2147483648, 2147483646, 65536, -65537, 31, 32, 33, 7],
  u32: [0, 1, 4294967295, 2147483648, 2147483647, 65536, 31, 32, 33, 7],
  u8: [0, 1, 255, 128, 127, 31, 32, 33, 7],
  bool: [0, 1],
}

/** Brings numbers into what the dtype can hold. */
export const stored = (dtype: DType, values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(fromStored(dtype, toStored(dtype, values)))

/** A stream of numbers in 0 .. 1, the same for the same seed (Marsaglia's xorshift). */
export const stream = (seed: number): () => number => {
  let state = (seed ^ 0x9e3779b9) | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** Values of a dtype: small ones; in `wild` ones, each twentieth is hostile. */
export const valuesOf = (tape: Tape, dtype: DType, count: number, wild: boolean): ReadonlyArray<number> => {
  const next = stream(tape.below(2 ** 30))
  const tame = (): number =>
    dtypes[dtype].kind === "float"
      ? Math.round((next() * 8 - 4) * 64) / 64
      : dtype === "bool"
      ? Math.floor(next() * 2)
      : Math.floor(next() * 100) - (dtype === "i32" ? 50 : 0)
  const list = hostile[dtype]
  return stored(
    dtype,
    Array.from({ length: count }, () => (wild && next() < 0.05 ? list[Math.floor(next() * list.length)]! : tame())),
  )
}
