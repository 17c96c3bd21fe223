/**
 * Normalisation over one or several axes. Halves are normalised in f32 and cast back before the weight is applied.
 *
 * ```ts
 * import { type F32, rmsNorm } from "@orrery/orrery"
 * const norm = (x: F32<"batch time model">, weight: F32<"model">): F32<"batch time model"> =>
 *   rmsNorm(x, weight, "model", 1e-6)
 * ```
 * @module
 */
import { binary, cast, reduce, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Sub, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"

const meanOf = (x: Node, axes: ReadonlyArray<string>): Node =>
  binary("mul", reduce("sum", x, axes), 1 / count(axes.map((a) => sizeOf(x, a) ?? 1)))

const scaled = (x: Node, axes: ReadonlyArray<string>, epsilon: number): Node =>
  binary("mul", x, unary("rsqrt", binary("add", meanOf(binary("mul", x, x), axes), epsilon)))

/** x / sqrt(mean of x^2 + epsilon) * weight (Zhang and Sennrich, 2019). */
export const rmsNorm = <D extends Float, A extends Axes, W extends Axes, const N extends string>(
  x: Tensor<D, A>,
  weight: Tensor<NoInfer<D>, W> & Sub<A, W>,
  over: N & Has<A, Word<N>>,
  epsilon: number = 1e-6,
): Tensor<D, A> => {
  const node = tensor("rmsNorm", x)
  const unit = scaled(cast(node, "f32"), words<string>(over), epsilon)
  return typed(binary("mul", cast(unit, node.dtype), tensor("rmsNorm", weight, node.dtype)))
}

/** (x - mean) / sqrt(variance + epsilon) * weight + bias (Ba, Kiros and Hinton, 2016). */
export const layerNorm = <D extends Float, A extends Axes, W extends Axes, B extends Axes, const N extends string>(
  x: Tensor<D, A>,
  weight: Tensor<NoInfer<D>, W> & Sub<A, W>,
  bias: Tensor<NoInfer<D>, B> & Sub<A, B>,
  over: N & Has<A, Word<N>>,
  epsilon: number = 1e-5,
): Tensor<D, A> => {
  const axes = words<string>(over)
  const node = tensor("layerNorm", x)
  const beside = (given: unknown): Node => tensor("layerNorm", given, node.dtype)
  const wide = cast(node, "f32")
  const unit = scaled(binary("sub", wide, meanOf(wide, axes)), axes, epsilon)
  return typed(binary("add", binary("mul", cast(unit, node.dtype), beside(weight)), beside(bias)))
}
