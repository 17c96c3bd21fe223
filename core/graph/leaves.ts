/**
 * Trees of tensors as lists of nodes and back: how a function on trees becomes one on a graph.
 * @module
 */
import type { Leaf } from "../tensor/tree.ts"
import { flatten, mapSame } from "../tensor/tree.ts"
import type { Node } from "./node.ts"

/** The leaves, in the order of their paths. */
export const leaves = (tree: unknown): ReadonlyArray<Node> =>
  (flatten(tree) as ReadonlyArray<readonly [string, unknown]>).map(([, leaf]) => leaf as Node)

/** The tree with other leaves, in the same order. */
export const withLeaves = <T>(tree: T, nodes: ReadonlyArray<Node>): T => {
  let i = 0
  return mapSame(tree, () => nodes[i++]! as Leaf<T>)
}
