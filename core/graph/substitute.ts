/**
 * Rebuilding a graph with some nodes replaced, and asking what depends on what. Nodes are never changed: what stands
 * above a replaced node is made anew, the rest is shared.
 * @module
 */
import { count, type Node } from "./node.ts"

/** All nodes that the roots need, arguments first, without looking below the given ones. */
export const upTo = (roots: ReadonlyArray<Node>, ends: ReadonlySet<Node>): ReadonlyArray<Node> => {
  const done = new Set<Node>()
  const stack: Array<readonly [Node, boolean]> = [...roots].reverse().map((r) => [r, false] as const)
  while (stack.length > 0) {
    const [node, ready] = stack.pop()!
    if (done.has(node)) continue
    if (ready || ends.has(node)) done.add(node)
    else {
      stack.push([node, true])
      for (let i = node.args.length - 1; i >= 0; i--) if (!done.has(node.args[i]!)) stack.push([node.args[i]!, false])
    }
  }
  return [...done]
}

/** The nodes that the roots need which depend on one of the sources, those included; arguments first. */
export const above = (roots: ReadonlyArray<Node>, sources: ReadonlySet<Node>): ReadonlySet<Node> => {
  const found = new Set<Node>()
  for (const node of upTo(roots, sources)) {
    if (sources.has(node) || node.args.some((arg) => found.has(arg))) found.add(node)
  }
  return found
}

/** The roots with each key of the map replaced by its value. */
export const substitute = (roots: ReadonlyArray<Node>, by: ReadonlyMap<Node, Node>): ReadonlyArray<Node> => {
  const made = new Map<Node, Node>(by)
  const of = (node: Node): Node => made.get(node) ?? node
  for (const node of above(roots, new Set(by.keys()))) {
    if (!made.has(node)) made.set(node, { ...node, args: node.args.map(of) })
  }
  return roots.map(of)
}

/**
 * A stand-in for a node that a function is traced with: the same value, and yet another node, so that what depends on
 * the *argument* can be told from what the function captured.
 */
export const standIn = (node: Node): Node => ({ ...node, op: { tag: "align" }, args: [node], faults: [] })

const literal: ReadonlySet<string> = new Set(["constant", "iota"])
const moving: ReadonlySet<string> = new Set(["align", "reshape", "slice", "stop", "cast"])
const cheap: ReadonlySet<string> = new Set(["add", "sub", "mul", "neg", "not", "isnan", "isfinite"])

/** The nodes that are said at once, wherever they are: literals, and what takes next to nothing to make of them. */
const said = (order: ReadonlyArray<Node>): ReadonlySet<Node> => {
  const found = new Set<Node>()
  for (const node of order) {
    const { op, args } = node
    const simple = literal.has(op.tag) || moving.has(op.tag) ||
      ((op.tag === "unary" || op.tag === "binary") && cheap.has(op.fn))
    if (simple && args.every((arg) => found.has(arg))) found.add(node)
  }
  return found
}

/** What a broadcast is of: it is repeated where it is used, so that no more is taken, and owed a gradient, than there is. */
const narrow = (node: Node): Node =>
  node.op.tag === "align" && count(node.shape) > count(node.args[0]!.shape) ? narrow(node.args[0]!) : node

/** What a function took from outside: nodes that do not depend on its arguments, right below those that do or results. */
export const captured = (results: ReadonlyArray<Node>, inside: ReadonlySet<Node>): ReadonlyArray<Node> => {
  const order = upTo(results, inside)
  const [dependent, known] = [above(results, inside), said(order)]
  const below = [...dependent].filter((node) => !inside.has(node)).flatMap((node) => node.args)
  const outside = [...below, ...results].filter((node) => !dependent.has(node)).map(narrow)
  return [...new Set(outside)].filter((node) => !known.has(node))
}
