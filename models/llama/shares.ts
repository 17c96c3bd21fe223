/**
 * What share each token has in the loss: the loss is the sum of shares times negative log likelihoods, whatever it is the
 * mean of. Shares depend on the weights alone, so a batch can be cut into parts whose losses are simply added.
 * @module
 */
import { align, binary, constant, exchange, reduce, select } from "../../core/graph/build.ts"
import { type Node, sizeOf } from "../../core/graph/node.ts"
import { ranksAlong, ranksOf } from "../../core/mesh/shape.ts"
import { type F32, type I32, typed } from "../../core/tensor/tensor.ts"
import { plain, type Plan } from "./plan.ts"
import type { Reduction } from "./recipe.ts"

/** The sum over some of the mesh's axes, on every rank. */
const summed = (x: Node, { spread }: Plan, over: ReadonlyArray<string>): Node =>
  exchange(x, { kind: "allReduce", over, ranks: ranksAlong(spread.shape, over), fn: "sum" })

/** x / whole, and 0 where the whole is 0. */
const over = (x: Node, whole: Node): Node => binary("div", x, select(binary("gt", whole, 0), whole, 1))

/** The axes of the mesh that a row lies on. */
const along = ({ spread }: Plan): ReadonlyArray<string> => {
  const ring = spread.map["time"]
  return ring === undefined || spread.shape[ring] === undefined ? [] : [ring]
}

/** Of the weights, on a mesh, in a batch of so many rows and places on every rank. */
type Share = (weights: Node, plan: Plan) => Node

const shares: { readonly [K in Reduction]: Share } = {
  given: (w) => w,
  tokens: (w, plan) => over(w, summed(reduce("sum", w, w.axes), plan, Object.keys(plan.spread.shape))),
  rows: (w, plan) => {
    const ring = along(plan)
    const all = sizeOf(w, "batch")! * ranksOf(plan.spread.shape) / ranksAlong(plan.spread.shape, ring)
    const row = reduce("sum", w, ["time"])
    return binary("mul", over(w, align(ring.length === 0 ? row : summed(row, plan, ring), w.axes, w.shape)), 1 / all)
  },
}

/**
 * The share of every token of this rank; those of all ranks add up to 1 where something counts (of `given`, to the sum of
 * the weights). Without weights every token counts 1.
 */
export const sharesOf = (
  reduction: Reduction,
  like: I32<"batch time">,
  weights?: F32<"batch time">,
  plan: Plan = plain,
): F32<"batch time"> => {
  const [rows, places] = [sizeOf(like, "batch") ?? 1, sizeOf(like, "time") ?? 1]
  if (weights !== undefined) return typed(shares[reduction](weights, plan))
  const each = reduction === "given" ? 1 : 1 / Math.max(1, rows * places * ranksOf(plan.spread.shape))
  return typed(constant("f32", each, ["batch", "time"], [rows, places]))
}
