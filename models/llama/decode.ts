/**
 * Reading on from what was read: one or a few tokens at a time against a cache of keys and values. A prompt is read in
 * pieces by the same function, so any cut of a text gives the logits that `forward` gives for the whole.
 *
 * ```ts
 * import type { Caches } from "./decode.ts"
 * import type { Config } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * import type { F32, I32 } from "../../core/tensor/tensor.ts"
 * const step = (c: Config, p: Parameters, caches: Caches<"f16">, token: I32<"batch time">, place: I32) =>
 *   decode(c)(p, caches, token, place) // a program that donates `caches` writes the new tokens in place
 * ```
 * @module
 */
import { sizeOf } from "../../core/graph/node.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { appendToCache, type Cache, type CacheSpec, cacheSpec, type Storage } from "../../ops/cache.ts"
import { dot } from "../../ops/contraction.ts"
import { decodeAttention, type DecodeOptions, placesFrom } from "../../ops/decode.ts"
import { take } from "../../ops/indexing.ts"
import { constant } from "../../ops/literal.ts"
import { rmsNorm } from "../../ops/norm.ts"
import type { Config } from "./config.ts"
import { after, heads, type Keys, type Queries, type Stream } from "./llama.ts"
import type { Parameters } from "./parameters.ts"

/** Axes of a cache. */
export type Room = ["batch", "group", "key", "head"]

/** Keys and values of every layer. */
export type Caches<S extends Storage = Storage> = ReadonlyArray<Cache<S, Room>>

/** Specs of the caches for rows of so many tokens. `emptyCache` of each is how they begin. */
export const cacheSpecs = <const S extends Storage>(
  c: Config,
  { batch, capacity, storage }: { readonly batch: number; readonly capacity: number; readonly storage: S },
): ReadonlyArray<CacheSpec<S, Room>> =>
  Array.from(
    { length: c.layers },
    () => cacheSpec(storage, f32("batch group key head", { batch, group: c.groups, key: capacity, head: c.head })),
  )

/** Where each row goes on: one place for all, or one for each. */
export type Places = I32 | I32<"batch">

/** The caches with the new tokens, and the last stream, normalised: what the head reads. */
export interface ReadOn<S extends Storage> {
  readonly caches: Caches<S>
  readonly stream: Stream
}

/**
 * Reads on from the stream that the blocks begin with, at `place`, `place` + 1, ... of every row. What the caches hold
 * from `place` on is written over, and what lies beyond is never seen, so a row may be read with padding behind it and go
 * on from its end. `cacheFaults` tells beforehand whether there is room.
 */
export const readOnStream = (c: Config, options: DecodeOptions<Room> = {}) =>
<S extends Storage>(
  p: Pick<Parameters, "blocks" | "norm">,
  caches: Caches<S>,
  first: Stream,
  place: Places,
): ReadOn<S> => {
  const positions: I32<"batch time"> = placesFrom(place as I32<"batch">, sizeOf(first, "time") ?? 1)
  const grown: Array<Cache<S, Room>> = []
  let x = first
  p.blocks.forEach((block, i) => {
    const { q, k, v } = heads(c, block)({ x, positions })
    const before: Cache<Storage, Room> = caches[i]!
    const cache = appendToCache<Cache<Storage, Room>, Room, Keys["axes"]>(before, k, v, place)
    grown.push(cache as Cache<S, Room>)
    const seen: Queries = decodeAttention(q, cache, place, options)
    x = after(c, block)({ x, seen })
  })
  return { caches: grown, stream: rmsNorm(x, p.norm, "model", c.epsilon) }
}

/** Reads the tokens at `place`, `place` + 1, ... of every row: see `readOnStream`. */
export const readOn =
  (c: Config, options: DecodeOptions<Room> = {}) =>
  <S extends Storage>(p: Parameters, caches: Caches<S>, tokens: I32<"batch time">, place: Places): ReadOn<S> =>
    readOnStream(c, options)(p, caches, take(p.embedding, tokens, "vocab"), place)

/** What a step gives: the caches with the new tokens, and logits of the token after the last. */
export interface Decoded<S extends Storage> {
  readonly caches: Caches<S>
  readonly logits: F32<"batch vocab">
}

/** As `readOn`, with the logits of the token after the last that was read. */
export const decode =
  (c: Config, options: DecodeOptions<Room> = {}) =>
  <S extends Storage>(p: Parameters, caches: Caches<S>, tokens: I32<"batch time">, place: Places): Decoded<S> => {
    const read = readOn(c, options)(p, caches, tokens, place)
    const last: F32<"batch model"> = take(read.stream, constant((sizeOf(tokens, "time") ?? 1) - 1, "i32"), "time")
    return { caches: read.caches, logits: dot(last, p.head, "model") }
  }
