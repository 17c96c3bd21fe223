/**
 * Random tensors from keys. A key is a value of two words, `U32<"key">`: an input of a program, or folded from another
 * with a number such as the step. The same key gives the same integers on every device; nothing is ever drawn twice
 * unless the same key is used twice. `host.ts` is the twin that draws on the host.
 *
 * ```ts
 * import { f32 } from "../tensor/spec.ts"
 * import type { F32, I32 } from "../tensor/tensor.ts"
 * const noise = (key: Key, step: I32): F32<"batch model"> =>
 *   normal(foldKey(key, step), f32("batch model", { batch: 8, model: 64 }))
 * ```
 * @module
 */
import {
  align,
  argsort,
  binary,
  cast,
  constant,
  data,
  iota,
  reduce,
  reshape,
  select,
  sliceAxis,
  unary,
} from "../graph/build.ts"
import { fault } from "../graph/fault.ts"
import { marked, operands } from "../graph/given.ts"
import type { Node } from "../graph/node.ts"
import { count } from "../graph/node.ts"
import { holds } from "../graph/rules.ts"
import type { Axes, Has, Sub, Without } from "../tensor/axes.ts"
import { dtypes, isDType } from "../tensor/dtype.ts"
import type { Spec } from "../tensor/spec.ts"
import type { Float, I32, Int, Tensor, U32 } from "../tensor/tensor.ts"
import { typed } from "../tensor/tensor.ts"
import { seedWords } from "./host.ts"
import type { Pair, Words } from "./threefry.ts"
import { purpose, threefry } from "./threefry.ts"

/** Two words that name a stream. */
export type Key = U32<"key">

const u32 = (value: number): Node => constant("u32", value)

/** Words as u32 nodes. */
const graphWords: Words<Node> = {
  add: (a, b) => binary("add", a, b),
  xor: (a, b) => binary("xor", a, b),
  rotate: (a, by) => binary("or", binary("shl", a, by), binary("shr", a, 32 - by)),
  constant: u32,
}

const wordsOf = (key: Node): Pair<Node> =>
  [0, 1].map((i) => reshape(sliceAxis(key, "key", i, 1), [], [])) as unknown as Pair<Node>

/** The key of a seed, a whole number below 2^53, as a literal. Faults: another number. */
export const randomKey = (seed: number): Key => {
  const node = data("u32", ["key"], [2], Uint32Array.from(seedWords(seed)))
  if (Number.isSafeInteger(seed) && seed >= 0) return typed(node)
  const message = `the seed is ${String(seed)}; expected a whole number from 0, below 2^53`
  return typed(marked(node, [fault("ValueFault", "randomKey", message)]))
}

/** The key derived by a whole number, or by a counter in the graph: another number, another stream. */
export const foldKey = (key: Key, n: number | U32 | I32): Key => {
  const counter = typeof n === "number" ? u32(n) : cast(n, "u32")
  const [first, second] = threefry(graphWords, wordsOf(key), [counter, u32(purpose.fold)])
  return typed(select(binary("eq", iota("key", 2, "u32"), 0), first, second))
}

/** `n` keys that have nothing to do with each other: the folds with 0, 1, ... */
export const splitKey = (key: Key, n: number): ReadonlyArray<Key> =>
  Array.from({ length: n }, (_, i) => foldKey(key, i))

type Box = Pick<Spec<Float, Axes>, "axes" | "shape">

/** The row-major number of each element, u32. */
const counters = ({ axes, shape }: Box): Node => {
  const sizes = shape as ReadonlyArray<number>
  const parts = axes.map((axis, i) => {
    const apart = count(sizes.slice(i + 1))
    const place = iota(axis, sizes[i]!, "u32")
    return align(apart === 1 ? place : binary("mul", place, apart), axes, sizes)
  })
  return parts.length === 0 ? u32(0) : parts.reduce((a, b) => binary("add", a, b))
}

const draw = (key: Key, box: Box): Pair<Node> => threefry(graphWords, wordsOf(key), [counters(box), u32(purpose.draw)])

/** 32 random bits for each element. */
export const randomBits = <A extends Axes>(key: Key, spec: Spec<"u32", A>): Tensor<"u32", A> =>
  typed(draw(key, spec)[0])

/** The top 24 bits as a number in [0, 1): exact in f32. */
const unit = (word: Node): Node => binary("mul", cast(binary("shr", word, 8), "f32"), 2 ** -24)

/** -log(1 - u), by its series near 0, where a device's logarithm of nearly 1 has no digits left. */
const exponential = (u: Node): Node => {
  const series = [1 / 3, 1 / 2, 1].reduce<Node>(
    (sum, c) => binary("add", binary("mul", sum, u), c),
    binary("mul", u, 0.25),
  )
  const tail = unary("neg", unary("log", binary("sub", 1, u)))
  return select(binary("lt", u, 2 ** -7), binary("mul", u, series), tail)
}

/** Uniform in [low, high), from the top 24 bits; exact in f32 for 0 to 1, else rounding can give `high` itself. */
export const uniform = <D extends Float, A extends Axes>(
  key: Key,
  spec: Spec<D, A>,
  low: number = 0,
  high: number = 1,
): Tensor<D, A> => {
  const u = unit(draw(key, spec)[0])
  if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) {
    const message = `the range ${low} to ${high} is none; give two finite numbers, the smaller first`
    return typed(marked(cast(u, spec.dtype), [fault("ValueFault", "uniform", message)]))
  }
  const scaled = low === 0 && high === 1 ? u : binary("add", binary("mul", u, high - low), low)
  return typed(cast(scaled, spec.dtype))
}

/** Normal with mean 0 and standard deviation 1, by Box and Muller: sqrt(-2 log(1 - u)) cos(2 pi v). */
export const normal = <D extends Float, A extends Axes>(key: Key, spec: Spec<D, A>): Tensor<D, A> => {
  const [u, v] = draw(key, spec)
  const radius = unary("sqrt", binary("mul", exponential(unit(u)), 2))
  return typed(cast(binary("mul", radius, unary("cos", binary("mul", unit(v), 2 * Math.PI))), spec.dtype))
}

/** True with probability `p`, a number or a tensor whose axes are within the spec's. */
export const bernoulli = <A extends Axes, P extends Axes = []>(
  key: Key,
  spec: Spec<"bool", A>,
  p: number | (Tensor<"f32", P> & Sub<A, P>),
): Tensor<"bool", A> => typed(binary("lt", unit(draw(key, spec)[0]), operands("bernoulli", p)[0]!))

/**
 * Whole numbers in low..high, high excluded: the bits modulo the span (biased by less than span / 2^32). Faults: an
 * empty range, or one beyond the dtype.
 */
export const randomInt = <D extends Int, A extends Axes>(
  key: Key,
  spec: Spec<D, A>,
  low: number,
  high: number,
): Tensor<D, A> => {
  const span = high - low
  const [word] = draw(key, spec)
  const refuse = (message: string): Tensor<D, A> =>
    typed(marked(cast(word, spec.dtype), [fault("ValueFault", "randomInt", message)]))
  if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && span > 0 && span < 2 ** 32)) {
    return refuse(`the range ${low} to ${high} is empty or too wide; give whole numbers, the second the greater`)
  }
  if (isDType(spec.dtype) && !(holds(spec.dtype, low) && holds(spec.dtype, high - 1))) {
    const { min, max } = dtypes[spec.dtype]
    return refuse(`the range ${low} to ${high} leaves ${spec.dtype}, which holds ${min} to ${max}; use a wider dtype`)
  }
  return typed(binary("add", cast(binary("rem", word, span), spec.dtype), low))
}

/** 0, 1, ... size - 1 along the axis in random order: the stable order of random bits. */
export const permutation = <const N extends string>(key: Key, axis: N, size: number): Tensor<"i32", [N]> =>
  typed(argsort(draw(key, { axes: [axis], shape: [size] })[0], axis))

/**
 * Draws a place along `axis` with the probabilities softmax(logits): the largest of logits + Gumbel noise, where
 * Gumbel = -log(-log(u)) with u in (0, 1) from 23 bits. Halves are computed in f32.
 */
export const categorical = <A extends Axes, const N extends string>(
  key: Key,
  logits: Tensor<Float, A>,
  axis: N & Has<A, N>,
): Tensor<"i32", Without<A, N>> => {
  const [word] = draw(key, logits as Box)
  const inside = binary("mul", binary("add", cast(binary("shr", word, 9), "f32"), 0.5), 2 ** -23)
  const gumbel = unary("neg", unary("log", exponential(inside)))
  return typed(reduce("argmax", binary("add", cast(logits, "f32"), gumbel), [axis]))
}
