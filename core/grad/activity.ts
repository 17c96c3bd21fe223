/**
 * Which nodes carry a gradient: those that depend on a source through real numbers and differentiable arguments.
 * @module
 */
import type { Collective } from "../graph/collective.ts"
import type { Node } from "../graph/node.ts"
import { isFloat } from "./rule.ts"

/** Does a collective pass gradients back? The greatest of all ranks and one rank's value do not. */
const passes = (c: Collective): boolean => c.kind !== "broadcast" && !(c.kind === "allReduce" && c.fn === "max")

/** Arguments through which a gradient can pass at all. */
const ways = (node: Node): ReadonlyArray<Node> => {
  switch (node.op.tag) {
    case "stop":
    case "bitcast":
    case "argsort":
    case "nearest":
      return []
    case "exchange":
      return passes(node.op.collective) ? node.args : []
    case "write":
      return node.args.slice(0, 2)
    case "barrier":
    case "gather":
    case "scatter":
      return node.args.slice(0, 1)
    case "select":
    case "custom":
      return node.args.slice(1)
    default:
      return node.args
  }
}

/** The nodes, of a list in topological order, that a change of one of the sources would move. */
export const activeNodes = (order: ReadonlyArray<Node>, sources: ReadonlySet<Node>): ReadonlySet<Node> => {
  const active = new Set<Node>()
  for (const node of order) {
    const real = isFloat(node) || node.op.tag === "scan"
    if (sources.has(node) || (real && ways(node).some((arg) => active.has(arg)))) active.add(node)
  }
  return active
}

/** The active nodes that a cotangent of one of the outputs comes to: those that lie on a way down from it. */
export const carryingNodes = (
  order: ReadonlyArray<Node>,
  sources: ReadonlySet<Node>,
  outputs: ReadonlyArray<Node>,
): ReadonlySet<Node> => {
  const active = activeNodes(order, sources)
  const carrying = new Set(outputs.filter((node) => active.has(node)))
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!
    if (carrying.has(node) && !sources.has(node)) ways(node).forEach((arg) => active.has(arg) && carrying.add(arg))
  }
  return carrying
}
