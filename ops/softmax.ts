/**
 * Softmax and its logarithm over one or several axes. The largest element is subtracted first, so nothing overflows; it
 * is constant for the gradient, as it cancels. Where all elements are -Infinity the result is NaN, as IEEE says.
 *
 * ```ts
 * import { type F32, softmax } from "@orrery/orrery"
 * const weights = (scores: F32<"time heads key">): F32<"time heads key"> => softmax(scores, "key")
 * ```
 * @module
 */
import { binary, cast, custom, reduce, stop, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"

/** An op along axes that it keeps. */
export interface Along {
  <D extends Float, A extends Axes, const N extends string>(x: Tensor<D, A>, over: N & Has<A, Word<N>>): Tensor<D, A>
}

const shifted = (x: Node, axes: ReadonlyArray<string>): Node => binary("sub", x, stop(reduce("max", x, axes)))

/** The gradient in terms of the result y: y * (ct - sum(ct * y)). It keeps y alone from the forward pass. */
const softmaxBack = (axes: ReadonlyArray<string>) => (ct: Node, y: Node): ReadonlyArray<Node> => [
  binary("mul", y, binary("sub", ct, reduce("sum", binary("mul", ct, y), axes))),
]

/** exp(x) / sum of exp(x). Halves are computed in f32. */
export const softmax: Along = (given, over) => {
  const x = tensor("softmax", given)
  const axes = words<string>(over)
  const wide = cast(x, "f32")
  const e = unary("exp", shifted(wide, axes))
  return typed(cast(custom(binary("div", e, reduce("sum", e, axes)), [wide], softmaxBack(axes)), x.dtype))
}

/** x - log of the sum of exp(x). Halves are computed in f32. */
export const logSoftmax: Along = (given, over) => {
  const x = tensor("logSoftmax", given)
  const axes = words<string>(over)
  const s = shifted(cast(x, "f32"), axes)
  return typed(cast(binary("sub", s, unary("log", reduce("sum", unary("exp", s), axes))), x.dtype))
}
