/**
 * What attention gives, and what its types refuse. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import { stopGradient } from "../../core/grad/custom.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { Axes, ShapeError } from "../../core/tensor/axes.ts"
import type { BF16, F16, F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { attentionWithLogSumExp, blockwiseAttention, type ValueAxes } from "../../ops/attention.ts"
import { appendToCache, type Cache } from "../../ops/cache.ts"
import { decodeAttention } from "../../ops/decode.ts"
import { attend, finish, merge, mergeOver, nothing } from "../../ops/partial.ts"

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const is = <_ extends true>(): void => undefined

declare const q: F32<"batch time group share head">
declare const k: F32<"batch time group head">
declare const far: F32<"batch key group head">
declare const wide: F32<"batch key group width">
declare const parts: F32<"split batch key group head">
declare const half: F16<"batch time group share head">
declare const segments: I32<"batch time">
declare const keySegments: I32<"batch key">
declare const bias: F32<"group share time key">

// self-attention: keys have the axis of the queries
void (blockwiseAttention(q, k, k, { causal: true, segments }) satisfies typeof q)
// attention to others, whose values have features of their own
void (blockwiseAttention(q, far, wide, { value: "width" }) satisfies F32<"batch time group share width">)
void (blockwiseAttention(q, far, far, { segments: { query: segments, key: keySegments } }) satisfies typeof q)
// splits of the keys lead the result
void (blockwiseAttention(q, parts, parts) satisfies F32<"split batch time group share head">)
// the result has the dtype of the queries
void (blockwiseAttention(half, k, k) satisfies F16<"batch time group share head">)
void (blockwiseAttention(q, k, k, { bias: stopGradient(bias), blocks: { query: 64 } }) satisfies typeof q)
void (blockwiseAttention(q, k, k, { query: "time", key: "time", head: "head" }) satisfies typeof q)
void (attentionWithLogSumExp(q, far, wide, { value: "width" }).logSumExp satisfies F32<"batch time group share">)
// names that are known at run time only
void (<A extends Axes>(x: Tensor<"f32", A>) => blockwiseAttention(x as never, x as never, x as never))

is<Same<ValueAxes<["b", "key", "head"], ["b", "key", "head"], "key", "head", "head">, unknown>>()
is<
  Same<
    ValueAxes<["b", "k"], ["k"], "key", "head", "head">,
    ShapeError<"no axis 'key' in [k]" | "no axis 'head' in [k]">
  >
>()

// @ts-expect-error no option of that name
blockwiseAttention(q, k, k, { casual: true })
// @ts-expect-error no axis 'tiem'
blockwiseAttention(q, k, k, { query: "tiem" })
// @ts-expect-error no axis 'hed'
blockwiseAttention(q, k, k, { head: "hed" })
// @ts-expect-error values lack 'head'
blockwiseAttention(q, far, wide)
// @ts-expect-error values have no 'batch'
blockwiseAttention(q, k, q)
// @ts-expect-error one tensor for two sides
blockwiseAttention(q, far, far, { segments })
// @ts-expect-error segments of heads
blockwiseAttention(q, k, k, { segments: bias })
// @ts-expect-error positions of one side
blockwiseAttention(q, k, k, { positions: { query: segments } })
// @ts-expect-error a bias that gradients could go into
blockwiseAttention(q, k, k, { bias })

const some = attend(q, far, far, { causal: true })
void (finish(merge(some, some)).out satisfies typeof q)
void (finish(mergeOver(attend(q, parts, parts), "split")).logSumExp satisfies F32<"batch time group share">)
void (nothing(f32("batch time head", { batch: 1, time: 2, head: 3 })).sum satisfies F32<"batch time">)
// @ts-expect-error other axes
merge(some, attend(q, parts, parts))
// @ts-expect-error no axis 'split'
mergeOver(some, "split")

declare const cache: Cache<"int8", ["batch", "group", "key", "head"]>
declare const halves: BF16<"batch time group head">
declare const place: I32
void (appendToCache(cache, halves, halves, place) satisfies typeof cache)
void (decodeAttention(half, cache, 3, { split: 64 }) satisfies typeof half)
// @ts-expect-error keys without 'group'
appendToCache(cache, segments, segments, place)
// @ts-expect-error queries without 'group'
decodeAttention(keySegments, cache, place)
// @ts-expect-error the place is whole
decodeAttention(q, cache, bias)
