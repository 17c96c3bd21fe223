/**
 * Gradient rules of collectives and of writing in place. The derivative of a program with collectives is that of the sum
 * of every rank's loss, which makes each collective's transpose a collective again.
 * @module
 */
import { align, binary, cast, exchange, gather, iota, write } from "../graph/build.ts"
import type { Collective } from "../graph/collective.ts"
import type { Node } from "../graph/node.ts"
import { sizeOf } from "../graph/node.ts"
import type { Rule } from "./rule.ts"
import { zeros } from "./rule.ts"

/** The collective that carries cotangents back. */
const transposed = (c: Collective, x: Node): Collective | undefined => {
  switch (c.kind) {
    case "permute":
      return { ...c, shift: -c.shift }
    case "allReduce":
      return c.fn === "sum" ? c : undefined
    case "allGather":
      return { ...c, kind: "reduceScatter" }
    case "reduceScatter":
      return { kind: "allGather", over: c.over, ranks: c.ranks, axis: x.axes[0]! }
    case "broadcast":
      return undefined
  }
}

/** Rules of collectives and writes. */
export const exchanges: { readonly exchange: Rule<"exchange">; readonly write: Rule<"write"> } = {
  exchange: ({ collective }, node, ct) => {
    const back = transposed(collective, node.args[0]!)
    return [back === undefined ? null : () => exchange(ct, back)]
  },
  write: ({ axis }, node, ct) => {
    const [, updates, start] = node.args as readonly [Node, Node, Node]
    const [size, total] = [sizeOf(updates, axis)!, sizeOf(node, axis)!]
    const held = binary("min", binary("max", start, 0), total - size)
    return [
      () => write(ct, zeros(updates), start, axis),
      () => {
        const from = align(cast(held, "i32"), [...held.axes, axis], [...held.shape, size])
        return gather(ct, binary("add", iota(axis, size), from), axis)
      },
      null,
    ]
  },
}
