/**
 * Random values on the host, for initialisers and loaders: the twin of `random.ts`. The same key gives the same
 * integers as on every device; floats differ only by the rounding of `log` and `cos`. On every engine it gives the same bits.
 * @module
 */
import type { Axes } from "../tensor/axes.ts"
import type { DType } from "../tensor/dtype.ts"
import { cos, log } from "../tensor/elementary.ts"
import { count } from "../graph/node.ts"
import type { Host } from "../tensor/host.ts"
import { store } from "../tensor/host.ts"
import type { Spec } from "../tensor/spec.ts"
import type { Float, Int } from "../tensor/tensor.ts"
import type { Pair } from "./threefry.ts"
import { hostWords, purpose, threefry } from "./threefry.ts"

/** A key as a value: two words. It can be an input of a program that wants a `Key`. */
export type HostKey = Host<"u32", ["key"]>

const keyOf = (words: Pair<number>): HostKey => ({
  dtype: "u32",
  axes: ["key"],
  shape: [2],
  data: Uint32Array.from(words),
})

const pairOf = (key: HostKey): Pair<number> => [key.data[0]!, key.data[1]!]

/** The two words of a whole number: its high and its low 32 bits. */
export const seedWords = (seed: number): Pair<number> => [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0]

/** The key of a seed, a whole number below 2^53. */
export const hostKey = (seed: number): HostKey => keyOf(seedWords(seed))

/** The key derived by a whole number below 2^32: another number, another stream. */
export const hostFold = (key: HostKey, n: number): HostKey =>
  keyOf(threefry(hostWords, pairOf(key), [n >>> 0, purpose.fold]))

/** `n` keys that have nothing to do with each other: the folds with 0, 1, ... */
export const hostSplit = (key: HostKey, n: number): ReadonlyArray<HostKey> =>
  Array.from({ length: n }, (_, i) => hostFold(key, i))

const draw = (key: HostKey, i: number): Pair<number> => threefry(hostWords, pairOf(key), [i, purpose.draw])

/** 32 random bits for each element. */
export const hostBits = (key: HostKey, n: number): Uint32Array =>
  Uint32Array.from({ length: n }, (_, i) => draw(key, i)[0])

const unit = (word: number): number => (word >>> 8) * 2 ** -24

const filled = <D extends DType, A extends Axes>(
  key: HostKey,
  spec: Spec<D, A>,
  f: (words: Pair<number>) => number,
): Host<D, A> => {
  const values = Float64Array.from({ length: count(spec.shape) }, (_, i) => f(draw(key, i)))
  return { dtype: spec.dtype, axes: spec.axes, shape: spec.shape, data: store(spec.dtype, values) }
}

/** Uniform in [low, high), from the top 24 bits; exact in f32 for 0 to 1, else rounding can give `high` itself. */
export const hostUniform = <D extends Float, A extends Axes>(
  key: HostKey,
  spec: Spec<D, A>,
  low = 0,
  high = 1,
): Host<D, A> => filled(key, spec, ([word]) => low + (high - low) * unit(word))

/** Normal with mean 0 and standard deviation 1, by Box and Muller: sqrt(-2 log(1 - u)) cos(2 pi v). */
export const hostNormal = <D extends Float, A extends Axes>(key: HostKey, spec: Spec<D, A>): Host<D, A> =>
  filled(key, spec, ([u, v]) => Math.sqrt(-2 * log(1 - unit(u))) * cos(2 * Math.PI * unit(v)))

/** Whole numbers in low..high, high excluded: the bits modulo the span (biased by less than span / 2^32). */
export const hostInt = <D extends Int, A extends Axes>(
  key: HostKey,
  spec: Spec<D, A>,
  low: number,
  high: number,
): Host<D, A> => filled(key, spec, ([word]) => low + word % (high - low))

/** 0, 1, ... n - 1 in random order: the stable order of random bits. */
export const hostPermutation = (key: HostKey, n: number): Int32Array => {
  const bits = hostBits(key, n)
  return Int32Array.from({ length: n }, (_, i) => i).sort((a, b) => bits[a]! - bits[b]! || a - b)
}
