/**
 * Collectives: what ranks do together, in functions that are written for one rank. `compileOn` makes programs of them. The
 * derivative of such a program is that of the sum of all ranks' losses: a loss that every rank has a share of is
 * differentiated as that share, and gradients of what all ranks hold are summed by `allReduce`.
 *
 * ```ts
 * import { allReduce, div, type F32, ringPermute, sum } from "@orrery/orrery"
 * const ranks = { over: "ring", ranks: 4 }
 * const mean = (x: F32<"time">): F32 => div(allReduce(sum(x), ranks), 4 * x.shape[0])
 * const before = (x: F32<"time model">): F32<"time model"> => ringPermute(x, ranks, 1) // of the rank before this one
 * ```
 * @module
 */
import { exchange } from "../core/graph/build.ts"
import { fault } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import type { Collective } from "../core/graph/collective.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { DType } from "../core/tensor/dtype.ts"
import { type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"

/** Among whom: axes of the mesh, in words, and how many ranks lie along them in all. */
export interface Among {
  readonly over: string
  readonly ranks: number
}

const words = (text: string): ReadonlyArray<string> => text.split(" ").filter((w) => w !== "")

/** The collective of a tensor; what is wrong with `among` goes into the result. */
const among = (op: string, given: unknown, a: Among, of: (over: ReadonlyArray<string>) => Collective): Node => {
  const x = tensor(op, given)
  const over: unknown = (a as Among | undefined)?.over
  if (typeof over === "string" && words(over).length > 0) return exchange(x, of(words(over)))
  const said = `is among ${JSON.stringify(a) ?? "nothing"}; give axes of the mesh and ranks: { over: "ring", ranks: 4 }`
  return marked(x, [fault("ValueFault", op, said)])
}

/** x of the rank `shift` before this one, around the ring. Its transpose is the inverse shift. */
export const ringPermute = <D extends DType, A extends Axes>(
  x: Tensor<D, A>,
  ring: Among,
  shift: number = 1,
): Tensor<D, A> => typed(among("ringPermute", x, ring, (over) => ({ kind: "permute", over, ranks: ring.ranks, shift })))

/** The sum, or the greatest, of x over all ranks, on every rank. The sum is its own transpose; the greatest has none. */
export const allReduce = <D extends Numeric, A extends Axes>(
  x: Tensor<D, A>,
  ranks: Among,
  fn: "sum" | "max" = "sum",
): Tensor<D, A> => typed(among("allReduce", x, ranks, (over) => ({ kind: "allReduce", over, ranks: ranks.ranks, fn })))

/** x of all ranks, along a new leading axis `axis`. Its transpose is `reduceScatter`. */
export const allGather = <D extends DType, A extends Axes, const N extends string>(
  x: Tensor<D, A>,
  ranks: Among,
  axis: N,
): Tensor<D, [N, ...A]> =>
  typed(among("allGather", x, ranks, (over) => ({ kind: "allGather", over, ranks: ranks.ranks, axis })))

/** The sum over all ranks of this rank's place along the leading axis of x, which has one place a rank. */
export const reduceScatter = <D extends Numeric, N extends string, A extends Axes>(
  x: Tensor<D, readonly [N, ...A] | [N, ...A]>,
  ranks: Among,
): Tensor<D, A> =>
  typed(
    among("reduceScatter", x, ranks, (over) => ({
      ...{ kind: "reduceScatter", over, ranks: ranks.ranks, axis: tensor("reduceScatter", x).axes[0] ?? "" },
    })),
  )

/** x of rank `root`, on every rank. No gradient goes through it. */
export const broadcastFrom = <D extends DType, A extends Axes>(
  x: Tensor<D, A>,
  ranks: Among,
  root: number = 0,
): Tensor<D, A> =>
  typed(among("broadcastFrom", x, ranks, (over) => ({ kind: "broadcast", over, ranks: ranks.ranks, root })))
