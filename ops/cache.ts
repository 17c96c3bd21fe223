/**
 * A cache of keys and values, for decoding. It is a tree of tensors with axes such as `batch group key head`: `key` is as
 * long as the cache has room, `head` holds the features. Where a program donates it, new tokens are written in place. As
 * bytes it takes little more than a quarter, with one scale a token and head: x is (byte - 128) * scale, off by half a
 * scale at most, which is 1/254 of the token's largest feature.
 *
 * ```ts
 * import { appendToCache, type Cache, decodeAttention, type F32, type I32 } from "@orrery/orrery"
 * type Q = F32<"batch time group share head">
 * type K = F32<"batch time group head">
 * type Room = ["batch", "group", "key", "head"]
 * const step = (cache: Cache<"int8", Room>, q: Q, k: K, v: K, place: I32): { cache: Cache<"int8", Room>; out: Q } => {
 *   const now = appendToCache(cache, k, v, place)
 *   return { cache: now, out: decodeAttention(q, now, place) }
 * }
 * ```
 * @module
 */
import {
  align,
  binary,
  cast,
  constant,
  reduce,
  rename,
  select,
  sliceAxis,
  split,
  unary,
  write,
} from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { isNode, marked, tensor } from "../core/graph/given.ts"
import { lacking, show } from "../core/graph/make.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Same, Without } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import { type Host, store } from "../core/tensor/host.ts"
import type { AnySpec, Spec } from "../core/tensor/spec.ts"
import type { Float, Tensor } from "../core/tensor/tensor.ts"
import { map } from "../core/tensor/tree.ts"

/** How elements of a cache are kept. */
export type Storage = Float | "int8"

/** Bytes with a scale for each token and head. */
export interface Bytes<T, S> {
  readonly bytes: T
  readonly scale: S
}

/** One side of a cache. */
export type Stored<S extends Storage, A extends Axes> = S extends Float ? Tensor<S, A>
  : Bytes<Tensor<"u8", A>, Tensor<"f32", Without<A, "head">>>

/** Keys and values that were seen so far, and room for more. */
export interface Cache<S extends Storage, A extends Axes> {
  readonly keys: Stored<S, A>
  readonly values: Stored<S, A>
}

/** The spec of one side. */
export type StoredSpec<S extends Storage, A extends Axes> = S extends Float ? Spec<S, A>
  : Bytes<Spec<"u8", A>, Spec<"f32", Without<A, "head">>>

/** The specs of a cache: what a program takes as its input. */
export interface CacheSpec<S extends Storage, A extends Axes> {
  readonly keys: StoredSpec<S, A>
  readonly values: StoredSpec<S, A>
}

/** The values of a spec's tensors on the host. */
type Values<T> = T extends Spec<infer D extends DType, infer A extends Axes> ? Host<D, A>
  : { readonly [K in keyof T]: Values<T[K]> }

const sideSpec = (storage: Storage, like: AnySpec): unknown => {
  if (storage !== "int8") return { ...like, dtype: storage }
  const rest = like.axes.filter((a) => a !== "head")
  const shape = rest.map((a) => like.shape[like.axes.indexOf(a)]!)
  return { bytes: { ...like, dtype: "u8" }, scale: { dtype: "f32", axes: rest, shape } }
}

/** Specs of a cache for keys of these axes and sizes, and values of the same unless they are given too. */
export const cacheSpec = <const S extends Storage, A extends Axes>(
  storage: S,
  keys: Spec<DType, A> & Has<A, "key" | "head">,
  values: Spec<DType, A> = keys,
): CacheSpec<S, A> =>
  ({ keys: sideSpec(storage, keys), values: sideSpec(storage, values) }) as unknown as CacheSpec<S, A>

/** An empty cache on the host. What is not written yet is never seen. */
export const emptyCache = <S extends Storage, A extends Axes>(spec: CacheSpec<S, A>): Values<CacheSpec<S, A>> =>
  map(spec, (leaf) => {
    const { dtype, axes, shape } = leaf as AnySpec
    return { dtype, axes, shape, data: store(dtype, new Uint8Array(count(shape))) }
  }) as unknown as Values<CacheSpec<S, A>>

/**
 * What keeps `tokens` more from being written at a place, which a program cannot tell when it runs: it would write over
 * the last ones. Nothing where there is room.
 */
export const cacheFaults = (
  cache: CacheSpec<Storage, Axes> | Cache<Storage, Axes>,
  place: number,
  tokens: number,
): Faults => {
  const main = mainOf(cache?.keys) as Node | undefined
  if (main?.axes === undefined) {
    return [fault("ValueFault", "cache", "this is no cache: give one as `cacheSpec` or `appendToCache` makes it")]
  }
  const room = sizeOf(main, "key") ?? 0
  const whole = (n: number, least: number): boolean => Number.isSafeInteger(n) && n >= least
  if (!whole(place, 0) || !whole(tokens, 1)) {
    return [fault("ValueFault", "cache", `${tokens} tokens at place ${place}: give whole numbers, from 1 and from 0`)]
  }
  return place + tokens <= room ? [] : [fault(
    "LimitFault",
    "cache",
    `the cache holds ${room} tokens, so ${tokens} more at place ${place} do not fit; compile it with 'key' of ` +
      `${place + tokens} or more, or begin again with fewer`,
  )]
}

const isBytes = (side: unknown): side is Bytes<unknown, unknown> =>
  typeof side === "object" && side !== null && "bytes" in side

/** The tensor, or spec, that has the features. */
export const mainOf = (side: unknown): unknown => isBytes(side) ? side.bytes : side

/** Where new tokens begin: one place for all rows, or one for each point of these axes, as rows are not equally long. */
export type Beginning<N extends string = string> = Tensor<"i32" | "u32", ReadonlyArray<N>> | number

/** A place as an i32: a tensor, or a number that is known. */
export const placeOf = (op: string, place: unknown): Node => {
  if (isNode(place)) return place.dtype === "u32" ? cast(place, "i32") : place
  const whole = Number.isSafeInteger(place) && (place as number) >= 0
  return marked(
    constant("i32", whole ? place as number : 0),
    whole ? [] : [
      fault("ValueFault", op, `the place is ${String(place)}; expected an i32, or a whole number from 0`),
    ],
  )
}

/**
 * Places of one side, from `from` on, as floats; with `size`, cut into splits of so many, along an axis `split`. Bytes and
 * halves are widened where they are read.
 */
export const readCache = (side: unknown, from: number, length: number, size?: number): Node => {
  const [main, scale] = tensorsOf(side).map((x) => {
    const part = sliceAxis(x, "key", from, length)
    return size === undefined ? part : split(part, "key", ["split", "key"], { key: size })
  }) as [Node, Node?]
  return scale === undefined ? main : binary("mul", binary("sub", cast(main, "f32"), 128), scale)
}

/** What a side keeps of new elements: those themselves, or bytes and scales. */
const packed = (side: unknown, x: Node): ReadonlyArray<Node> => {
  if (!isBytes(side)) return [cast(x, tensor("cache", side).dtype)]
  const wide = cast(x, "f32")
  const peak = reduce("max", unary("abs", wide), ["head"])
  const steps = binary("mul", wide, select(binary("gt", peak, 0), binary("div", 127, peak), 0))
  return [cast(binary("add", unary("round", steps), 128), "u8"), binary("mul", peak, 1 / 127)]
}

/** Tensors of a side, in order. */
const tensorsOf = (side: unknown): ReadonlyArray<Node> =>
  (isBytes(side) ? [side.bytes, side.scale] : [side]).map((x) => tensor("cache", x))

/** A tensor like another that stands for what cannot be made of these, and says why. */
export const failed = (like: Node, args: ReadonlyArray<Node>, faults: Faults): Node => ({
  ...like,
  op: { tag: "stop" },
  args,
  faults: args.some((n) => n.faults.length > 0) ? [] : faults,
})

/** One side with new elements from a place on. */
const extended = (side: unknown, given: unknown, place: Node): unknown => {
  const op = "appendToCache"
  const [x, main] = [tensor(op, given), tensorsOf(side)[0]!]
  const missing = [...lacking(op, x, ["time", "head"]), ...lacking(op, main, ["key", "head"])]
  const named = missing.length > 0 ? x : rename(x, { time: "key" })
  const same = main.axes.length === named.axes.length && main.axes.every((a) => named.axes.includes(a))
  const wrong = missing.length > 0 || same ? missing : [
    fault("NameFault", op, `${show(x)} does not have the axes of ${show(main)}, with 'time' for 'key'; rename some`),
  ]
  const updates = wrong.length > 0 ? [] : packed(side, named)
  const made = tensorsOf(side).map((to, i): Node => {
    const u = updates[i]
    return u === undefined
      ? failed(to, [to, x], i === 0 ? wrong : [])
      : write(to, align(u, to.axes, to.axes.map((a) => sizeOf(u, a)!)), startOf(to, place), "key")
  })
  return isBytes(side) ? { bytes: made[0], scale: made[1] } : made[0]
}

/** A place for one tensor of the cache: of the axes that it has. */
const startOf = (to: Node, place: Node): Node => {
  const stray = place.axes.filter((a) => a === "key" || !to.axes.includes(a))
  return stray.length === 0 ? place : marked(constant("i32", 0), [
    fault("NameFault", "appendToCache", `the place is ${show(place)}; it may have the axes of rows of ${show(to)}`),
  ])
}

/**
 * The cache with new keys and values, which lie along `time`, from `place` on: the same for all rows, or one for each. In
 * a program that donates the cache only they are written. Faults: axes other than the cache's, more tokens than it has
 * room for; see `cacheFaults` for a place that is too far.
 */
export const appendToCache = <C, A extends Axes, B extends Axes>(
  cache: C & Cache<Storage, A>,
  keys: Tensor<Float, B> & Has<B, "time" | "head"> & Same<Without<A, "key">, Without<B, "time">>,
  values: Tensor<Float, B>,
  place: Beginning<Exclude<A[number], "key" | "head">>,
): C => {
  const isCache = isNode(mainOf(cache?.keys))
  const known = typeof place === "number" && isCache
    ? cacheFaults(cache, place, sizeOf(tensor("cache", keys), "time") ?? 1)
    : []
  const from = marked(placeOf("appendToCache", place), known)
  return { keys: extended(cache?.keys, keys, from), values: extended(cache?.values, values, from) } as C
}
