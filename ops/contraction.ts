/**
 * Contraction: everything that is like a matrix product.
 *
 * ```ts
 * import { dot, type F32 } from "@orrery/orrery"
 * const scores = (q: F32<"batch time heads head">, k: F32<"batch key heads head">): F32<"batch time heads key"> =>
 *   dot(q, k, "head")
 * ```
 * @module
 */
import { dot as contract } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Axes, Dot, Has, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/**
 * Sums products over the axes `on`, which both have. Other axes that both have go side by side. The result has the axes
 * of `x` without `on`, then those of `y` that `x` lacks. Halves are summed in f32.
 */
export const dot = <D extends Numeric, A extends Axes, B extends Axes, const N extends string>(
  x: Tensor<D, A>,
  y: Tensor<NoInfer<D>, B>,
  on: N & Has<A, Word<N>> & Has<B, Word<N>>,
): Tensor<D, Dot<A, B, Word<N>>> => typed(contract(tensor("dot", x), tensor("dot", y), words(on)))
