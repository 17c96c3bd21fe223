/**
 * Attention of a few new queries to all that a cache holds. Keys are cut into splits of a fixed size, which devices work on
 * side by side, and what the splits give is merged: the result does not depend on how many run at once.
 * @module
 */
import { align, binary, cast, iota, sliceAxis, split } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { tensor } from "../core/graph/given.ts"
import { lacking } from "../core/graph/make.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Sub, Without } from "../core/tensor/axes.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"
import { attentionWithLogSumExp, type Finished } from "./attention.ts"
import type { AttentionOptions, Marks } from "./attention-settings.ts"
import { type Beginning, type Cache, failed, mainOf, placeOf, readCache, type Storage } from "./cache.ts"
import { finish, merge, mergeOver, ofFinished, type PartialAttention } from "./partial.ts"

/** How to decode. */
export interface DecodeOptions<B extends Axes = Axes> {
  /** Keys in a split; 512. The last may be shorter. */
  readonly split?: number
  /** As in `AttentionOptions`. */
  readonly window?: number
  readonly scale?: number
  readonly cap?: number
  /**
   * Ids of queries (along `time`) and of all places of the cache (along `key`): a query sees only keys of its own. Where
   * prompts of a batch are padded in front, give padding an id of its own.
   */
  readonly segments?: {
    readonly query: Marks<Exclude<B[number], "key" | "head"> | "time">
    readonly key: Marks<Exclude<B[number], "head">>
  }
}

/** Places along `time`, so many from each beginning on. */
export const placesFrom = <A extends Axes>(
  from: Tensor<"i32" | "u32", A>,
  time: number,
): Tensor<"i32", [...A, "time"]> => {
  const begin = placeOf("placesFrom", from)
  return typed(binary("add", iota("time", time), align(begin, [...begin.axes, "time"], [...begin.shape, time])))
}

type Any = Tensor<Float, Axes>
type Whole = PartialAttention<Axes, Axes>

const faultsOf = (q: Node, main: Node, size: number): Faults => [
  ...lacking("decodeAttention", q, ["time", "head"]),
  ...lacking("decodeAttention", main, ["key", "head"]),
  ...(Number.isSafeInteger(size) && size >= 1 ? [] : [
    fault("ValueFault", "decodeAttention", `split is ${size}; expected a whole number from 1 (512 if left out)`),
  ]),
]

/**
 * For queries at `place`, `place` + 1, ... along `time`: attention to what the cache holds at their places and before;
 * they should be in it already. Rows may have places of their own: what lies in a row beyond is never seen, so rows that
 * are not equally long need no padding that is masked. The result has the axes and the dtype of the queries. It has no gradient for a cache of
 * bytes. Faults: axes and sizes that do not fit, a split that is no whole number from 1.
 */
export const decodeAttention = <D extends Float, A extends Axes, B extends Axes>(
  q: Tensor<D, A> & Has<A, "time" | "head"> & Sub<A, Without<B, "key">>,
  cache: Cache<Storage, B>,
  place: Beginning<Exclude<B[number], "key" | "head">>,
  options: DecodeOptions<B> = {},
): Tensor<D, A> => {
  const op = "decodeAttention"
  const [queries, main] = [tensor(op, q), tensor(op, mainOf(cache?.keys))]
  const { split: size = 512, segments, ...rest } = options
  const wrong = faultsOf(queries, main, size)
  if (wrong.length > 0) return typed(failed(queries, [queries, main], wrong))
  const wide = cast(queries, "f32")
  const capacity = sizeOf(main, "key")!
  const at = placesFrom(typed<Marks<string>>(placeOf(op, place)), sizeOf(wide, "time")!)
  const part = (first: number, length: number, cut?: number): Finished<"f32", Axes, Axes> => {
    const along = (x: Node): Node => {
      const own = sliceAxis(x, "key", first, length)
      return cut === undefined ? own : split(own, "key", ["split", "key"], { key: cut })
    }
    const mark = (x: Node): Marks<string> => typed(x)
    const ids = segments && { query: mark(segments.query), key: mark(along(tensor(op, segments.key, "i32"))) }
    const given: AttentionOptions<Axes, Axes, string, string, string, string> = {
      ...{ ...rest, key: "key", causal: true },
      positions: { query: mark(at), key: mark(along(iota("key", capacity))) },
      ...(ids ? { segments: ids } : {}),
    }
    const [k, v] = [cache.keys, cache.values].map((s) => typed<Any>(readCache(s, first, length, cut)))
    return attentionWithLogSumExp<"f32", Axes, Axes, Axes, string, string, string, string>(
      typed<Tensor<"f32", Axes>>(wide),
      k!,
      v!,
      given,
    )
  }
  const whole = Math.floor(capacity / size)
  const tail = capacity - whole * size
  if (whole + (tail > 0 ? 1 : 0) <= 1) return typed(cast(part(0, capacity).out, queries.dtype))
  const splits: Whole = mergeOver<Axes, Axes, string>(ofFinished(part(0, whole * size, size)), "split")
  const all = tail === 0 ? splits : merge<Axes, Axes, Axes, Axes>(splits, ofFinished(part(whole * size, tail)))
  return typed(cast(finish(all).out, queries.dtype))
}
