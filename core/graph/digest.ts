/**
 * The name of a graph's content.
 * @module
 */
import type { HostArray } from "../tensor/dtype.ts"
import { arrayName, bodyRoots, bytesOf, opJson } from "./json.ts"
import { type Body, type Node, topological } from "./node.ts"
import { sha256, sha256Text } from "./sha256.ts"

/**
 * Digests of all nodes that the roots need: of what a node is and the digests of its arguments, so that the same
 * content has the same digest, whether or not it is the same object. A custom gradient rule does not take part.
 */
export const digests = (roots: ReadonlyArray<Node>): ReadonlyMap<Node, string> => {
  const found = new Map<Node, string>()
  const data = (values: HostArray): unknown => [arrayName(values), sha256(bytesOf(values))]
  const body = (b: Body): unknown => {
    const inner = digests(bodyRoots(b))
    return [b.carry, b.each, b.constants, b.next, b.out].map((l) => l.map((n) => inner.get(n)!))
  }
  for (const node of topological(roots)) {
    const { op, args, dtype, axes, shape } = node
    found.set(
      node,
      sha256Text(JSON.stringify([opJson(op, data, body), args.map((a) => found.get(a)!), dtype, axes, shape])),
    )
  }
  return found
}

/** The digest of a graph: of its roots' contents, in order. */
export const digest = (roots: ReadonlyArray<Node>): string => {
  const found = digests(roots)
  return sha256Text(JSON.stringify(roots.map((r) => found.get(r)!)))
}
