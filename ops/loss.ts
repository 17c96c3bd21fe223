/**
 * Losses: one number to make small.
 *
 * ```ts
 * import { crossEntropy, type F32, type I32 } from "@orrery/orrery"
 * const loss = (logits: F32<"batch time vocab">, next: I32<"batch time">, mask: F32<"batch time">): F32 =>
 *   crossEntropy(logits, next, "vocab", mask)
 * ```
 * @module
 */
import { align, binary, cast, iota, reduce, select, stop, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Same, Sub, Without } from "../core/tensor/axes.ts"
import { type Float, type Int, type Tensor, typed } from "../core/tensor/tensor.ts"

/**
 * The logit of the target, as a sum along the axis: unlike a gather it fuses with the log-sum-exp beside it, and its
 * gradient is no scatter.
 */
const chosen = (logits: Node, targets: Node, axis: string): Node => {
  const wide = align(cast(targets, "i32"), logits.axes, logits.shape)
  const place = align(iota(axis, sizeOf(logits, axis) ?? 1), logits.axes, logits.shape)
  return reduce("sum", select(binary("eq", wide, place), logits, 0), [axis])
}

/**
 * -log softmax of the logits along `axis` at the target, for every target, in f32. A target outside of the axis has the
 * logit 0.
 */
export const tokenLoss = <A extends Axes, T extends Axes, const N extends string>(
  logits: Tensor<Float, A>,
  targets: Tensor<Int, T> & Same<Without<A, N>, T>,
  axis: N & Has<A, N>,
): Tensor<"f32", Without<A, N>> => {
  const wide = cast(tensor("tokenLoss", logits), "f32")
  const top = stop(reduce("max", wide, [axis]))
  const total = unary("log", reduce("sum", unary("exp", binary("sub", wide, top)), [axis]))
  return typed(binary("sub", binary("add", total, top), chosen(wide, tensor("tokenLoss", targets, "i32"), axis)))
}

/**
 * The mean of `tokenLoss`, weighted where weights are given: sum of weight * loss / sum of weights. Weights that are all
 * 0 give NaN.
 */
export const crossEntropy = <A extends Axes, T extends Axes, const N extends string, W extends Axes = []>(
  logits: Tensor<Float, A>,
  targets: Tensor<Int, T> & Same<Without<A, N>, T>,
  axis: N & Has<A, N>,
  weights?: Tensor<"f32", W> & Sub<T, W>,
): Tensor<"f32", []> => {
  const each: Node = tokenLoss<A, T, N>(logits, targets, axis)
  if (weights === undefined) return typed(binary("mul", reduce("sum", each, each.axes), 1 / count(each.shape)))
  const w = align(tensor("crossEntropy", weights), each.axes, each.shape)
  return typed(binary("div", reduce("sum", binary("mul", each, w), each.axes), reduce("sum", w, w.axes)))
}

/** Mean of (x - y)^2 over all elements, in f32. */
export const meanSquaredError = <D extends Float, A extends Axes, B extends Axes>(
  x: Tensor<D, A>,
  y: Tensor<NoInfer<D>, B> & Sub<A, B>,
): Tensor<"f32", []> => {
  const off = binary("sub", cast(tensor("meanSquaredError", x), "f32"), cast(tensor("meanSquaredError", y), "f32"))
  return typed(binary("mul", reduce("sum", binary("mul", off, off), off.axes), 1 / count(off.shape)))
}
