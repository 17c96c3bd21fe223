/**
 * What must type-check: the language as it is meant to be written. Nothing here runs.
 * @module
 */
import type { Axes, Dot, Has } from "../../core/tensor/axes.ts"
import { f32, type Spec } from "../../core/tensor/spec.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Bool, F16, F32, I32, Tensor, U32, U8 } from "../../core/tensor/tensor.ts"
import { map, mapSame, partition, type Tensors, zip } from "../../core/tensor/tree.ts"
import { add, cast, div, exp, mul, select, square, sub, where } from "../../ops/elementwise.ts"
import { silu } from "../../ops/activation.ts"
import { and, eq, le, shiftLeft } from "../../ops/logic.ts"
import { constant, full, iota, zeros } from "../../ops/literal.ts"
import { all, argmax, logsumexp, max, mean, sum } from "../../ops/reduction.ts"
import { chunked } from "../../ops/chunked.ts"
import { dot } from "../../ops/contraction.ts"
import { concat, flip, merge, pad, rename, slice, split, stack, transpose, window } from "../../ops/movement.ts"
import { oneHot, scatterAdd, take, takeAlong } from "../../ops/indexing.ts"
import { cumsum, sort, topK } from "../../ops/sorting.ts"
import { softmax } from "../../ops/softmax.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { rope } from "../../ops/rope.ts"
import { crossEntropy } from "../../ops/loss.ts"
import { convolve } from "../../ops/convolution.ts"

/** Passes only where the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const is = <_ extends true>(): void => undefined

declare const x: F32<"batch time model">
declare const h: F16<"batch time model">
declare const w: F32<"model hidden">
declare const tokens: I32<"batch time">
declare const mask: Bool<"time key">

is<Same<F32, Tensor<"f32", []>>>()
is<Same<F32<"batch time">, Tensor<"f32", ["batch", "time"]>>>()

const arithmetic = [
  add(x, 0.5) satisfies F32<"batch time model">,
  sub(1, x) satisfies F32<"batch time model">,
  mul(x, constant(2)) satisfies F32<"batch time model">,
  div(mean(x, "model"), x) satisfies F32<"batch time model">,
  mul(h, 2) satisfies F16<"batch time model">,
  add(2, 3) satisfies F32,
  square(tokens) satisfies I32<"batch time">,
  shiftLeft(cast(tokens, "u32"), 3) satisfies U32<"batch time">,
]
const result = add(mean(x, "batch"), x)
is<Same<typeof result, F32<"batch time model">>>()

const compared = and(eq(tokens, 3), le(tokens, cast(mean(x, "model"), "i32")))
is<Same<typeof compared, Bool<"batch time">>>()
const chosen = select(compared, x, -Infinity)
is<Same<typeof chosen, F32<"batch time model">>>()
const other = where(compared, 0, h)
is<Same<typeof other, F16<"batch time model">>>()
const third = select(compared, 1, 0)
is<Same<typeof third, F32<"batch time">>>()

const contracted = dot(x, w, "model")
is<Same<typeof contracted, F32<"batch time hidden">>>()
const batched = dot(x, x, "model")
is<Same<typeof batched, F32<"batch time">>>()
const two = dot(x, rename(x, { batch: "other" }), "time model")
is<Same<typeof two, F32<"batch other">>>()

const folded = [
  sum(x) satisfies F32,
  sum(x, "model batch") satisfies F32<"time">,
  max(x, "time") satisfies F32<"batch model">,
  argmax(x, "model") satisfies I32<"batch time">,
  all(mask) satisfies Bool,
  logsumexp(h, "model") satisfies F16<"batch time">,
]

const part = chunked(
  (y: F32<"batch time model">) => ({ wide: dot(y, w, "model"), last: [sum(y, "batch")] }),
  "time",
  64,
)
is<Same<ReturnType<typeof part>, { wide: F32<"batch time hidden">; last: Array<F32<"time model">> }>>()

const moved = [
  transpose(x, "model batch time") satisfies F32<"model batch time">,
  split(x, "model", "heads head", { heads: 4 }) satisfies F32<"batch time heads head">,
  merge(x, "batch time", "row") satisfies F32<"row model">,
  merge(x, "batch time model", "all") satisfies F32<"all">,
  rename(x, { batch: "time", time: "batch" }) satisfies F32<"time batch model">,
  slice(x, "time", -1) satisfies F32<"batch time model">,
  flip(x, "time batch") satisfies F32<"batch time model">,
  pad(x, "time", [1, 0]) satisfies F32<"batch time model">,
  concat([x, x], "time") satisfies F32<"batch time model">,
  stack([x, x], "layer") satisfies F32<"layer batch time model">,
  window(x, "time", "tap", 3) satisfies F32<"batch time tap model">,
]

const indexed = [
  take(w, tokens, "model") satisfies F32<"batch time hidden">,
  take(contracted, tokens, "hidden") satisfies F32<"batch time">,
  takeAlong(tokens, tokens, "time") satisfies I32<"batch time">,
  take(tokens, iota("other", 3), "time") satisfies I32<"batch other">,
  oneHot(tokens, "vocab", 9) satisfies F32<"batch time vocab">,
  oneHot(tokens, "vocab", 9, "u8") satisfies U8<"batch time vocab">,
  scatterAdd(x, tokens, "vocab", 9) satisfies F32<"vocab model">,
  scatterAdd(x, tokens, "vocab", 9, "batch") satisfies F32<"vocab batch model">,
  sort(x, "model").values satisfies F32<"batch time model">,
  topK(x, "model", 2).indices satisfies I32<"batch time model">,
  cumsum(tokens, "time") satisfies I32<"batch time">,
]

const network = [
  softmax(silu(exp(x)), "model") satisfies F32<"batch time model">,
  rmsNorm(x, mean(x, "batch time"), "model") satisfies F32<"batch time model">,
  rope(x, iota("time", 8), "model") satisfies F32<"batch time model">,
  crossEntropy(contracted, tokens, "hidden") satisfies F32,
  crossEntropy(contracted, tokens, "hidden", mean(x, "model")) satisfies F32,
  convolve(x, full(f32("tap model out", { tap: 3, model: 4, out: 5 }), 1), { time: "tap" }, "model") satisfies F32<
    "batch time out"
  >,
  zeros(x) satisfies F32<"batch time model">,
]

/** Generic in the axes that do not matter here. */
const linear = <A extends Axes>(
  input: Tensor<"f32", A> & Has<A, "model">,
  weight: F32<"model vocab">,
): Tensor<"f32", Dot<A, ["model", "vocab"], "model">> => typed(dot(input as F32<"model">, weight, "model"))
const applied = linear(x, rename(w, { hidden: "vocab" }))
is<Same<typeof applied, F32<"batch time vocab">>>()

const layer = { norm: f32("model", { model: 4 }), mlp: [{ up: f32("model hidden", { model: 4, hidden: 8 }) }] as const }
type Layer = Tensors<typeof layer>
is<Same<Layer["norm"], F32<"model">>>()
is<Same<Layer["mlp"][0]["up"], F32<"model hidden">>>()
declare const weights: Layer
const sizes = map(weights, (leaf) => leaf.shape.length)
const rank: 1 | 2 = sizes.mlp[0].up
is<Same<typeof rank, typeof sizes.norm>>()
const decayed: Layer = mapSame(weights, (leaf) => leaf)
const pairs = zip(weights, decayed, (a, b) => [a.dtype, b.axes.length] as const)
is<Same<typeof pairs.norm, readonly ["f32", 1 | 2]>>()
const rejoined: Layer = partition(weights, (_, path) => path === "norm").join({}, {})
const spec: Spec<"f32", ["model"]> = layer.norm
void [arithmetic, folded, indexed, mask, moved, network, rejoined, spec]
