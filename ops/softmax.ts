/**
 * Softmax and its logarithm over one or several axes. The largest element is subtracted first, so nothing overflows; it
 * is constant for the gradient, as it cancels. Where all elements are -Infinity the result is NaN, as IEEE says.
 *
 * ```ts
 * import type { F32 } from "../core/tensor/tensor.ts"
 * const weights = (scores: F32<"time heads key">): F32<"time heads key"> => softmax(scores, "key")
 * ```
 * @module
 */
import { binary, cast, reduce, stop, unary } from "../core/graph/build.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"

/** An op along axes that it keeps. */
export interface Along {
  <D extends Float, A extends Axes, const N extends string>(x: Tensor<D, A>, over: N & Has<A, Word<N>>): Tensor<D, A>
}

const shifted = (x: Node, axes: ReadonlyArray<string>): Node => binary("sub", x, stop(reduce("max", x, axes)))

/** exp(x) / sum of exp(x). Halves are computed in f32. */
export const softmax: Along = (x, over) => {
  const axes = words<string>(over)
  const e = unary("exp", shifted(cast(x, "f32"), axes))
  return typed(cast(binary("div", e, reduce("sum", e, axes)), x.dtype))
}

/** x - log of the sum of exp(x). Halves are computed in f32. */
export const logSoftmax: Along = (x, over) => {
  const axes = words<string>(over)
  const s = shifted(cast(x, "f32"), axes)
  return typed(cast(binary("sub", s, unary("log", reduce("sum", unary("exp", s), axes))), x.dtype))
}
