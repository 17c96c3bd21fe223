/**
 * The two halves of attention's gradient, as `blockwiseAttention` and the ring use them.
 * @module
 */
import type { Attention } from "../core/graph/attention.ts"
import { attend, type AttendMasks, bitcast } from "../core/graph/build.ts"
import type { Node } from "../core/graph/node.ts"
import { packed } from "./attention-settings.ts"

/** One half of the gradient: that of the queries, or those of keys and values. */
export const back = (
  part: "query" | "keys",
  op: Attention,
  inputs: ReadonlyArray<Node>,
  rows: readonly [lse: Node, delta: Node],
  ct: Node,
): Node => {
  const [q, k, v] = inputs as unknown as readonly [Node, Node, Node]
  const given = inputs.slice(3, 3 + op.masks.length)
  const { part: _, masks, ...options } = op
  const marks = given.filter((_, i) => masks[i] !== "bias")
  // kernels bind few buffers: beside masks the rows are views of one, beside masks and a bias the rows and the masks are
  const bits = marks.length === 0 || !masks.includes("bias") ? undefined : rows.map((r) => bitcast(r, "i32"))
  const views = masks.length === 0 ? new Map<Node, Node>() : packed(bits ? [...marks, ...bits] : rows, [ct])
  const of = (n: Node): Node => views.get(n) ?? n
  const seen: AttendMasks = Object.fromEntries(masks.map((m, i) => [m, of(given[i]!)]))
  const last = bits ? bits.map((r) => bitcast(of(r), "f32")) : rows.map(of)
  return attend(part, [q, k, v], seen, options, [...last, ct])
}
