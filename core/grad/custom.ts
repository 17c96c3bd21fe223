/**
 * Functions that say how they are differentiated: with a rule of their own, by computing themselves again, or not.
 * @module
 */
import { barrier, custom, stop } from "../graph/build.ts"
import type { Node } from "../graph/node.ts"
import type { AnyTensor } from "../tensor/tensor.ts"
import type { Leaf } from "../tensor/tree.ts"
import { flatten, mapSame } from "../tensor/tree.ts"
import { linearise } from "./linearise.ts"
import { isFloat, zeros } from "./rule.ts"
import { above, standIn, substitute } from "./substitute.ts"

/** Identity whose derivative is 0. */
export const stopGradient = <T extends AnyTensor>(x: T): T => stop(x) as T

const leaves = (tree: unknown): ReadonlyArray<Node> =>
  (flatten(tree) as ReadonlyArray<readonly [string, unknown]>).map(([, leaf]) => leaf as Node)

const replaced = <T>(tree: T, nodes: ReadonlyArray<Node>): T => {
  let i = 0
  return mapSame(tree, () => nodes[i++]! as Leaf<T>)
}

/**
 * `f` with a gradient of your own: `rule` gives, from the cotangent and the value, a tree of cotangents like the inputs
 * (what it gives for integers is ignored). Tensors that `f` captures get no gradient: make them inputs.
 *
 * ```ts
 * import type { F32 } from "../tensor/tensor.ts"
 * // the identity, whose gradient goes through unchanged whatever f does: a straight-through estimator
 * const straight = customVjp((p: { x: F32 }): F32 => p.x, (cotangent) => ({ x: cotangent }))
 * ```
 */
export const customVjp = <P, T extends AnyTensor>(
  f: (inputs: P) => T,
  rule: (cotangent: T, value: T, inputs: P) => P,
): (inputs: P) => T =>
(inputs) => {
  const pull = (ct: Node, value: Node, nodes: ReadonlyArray<Node>): ReadonlyArray<Node> =>
    leaves(rule(ct as T, value as T, replaced(inputs, nodes)))
  return custom(f(inputs), leaves(inputs), pull) as T
}

const literal: ReadonlySet<string> = new Set(["constant", "data", "iota"])

/** What a function captured: the floats right below the nodes that depend on its arguments. */
const captured = (output: Node, inside: ReadonlySet<Node>): ReadonlyArray<Node> => {
  const dependent = above([output], inside)
  const below = [...dependent].filter((node) => !inside.has(node)).flatMap((node) => node.args)
  return [...new Set(below)].filter((node) => !dependent.has(node) && isFloat(node) && !literal.has(node.op.tag))
}

/** One result that is computed again when its cotangent is there. */
const recomputed = (output: Node, given: ReadonlyArray<Node>, inside: ReadonlyArray<Node>): Node => {
  if (!isFloat(output)) return output
  const held = captured(output, new Set(inside))
  const sources = [...inside, ...held]
  const pull = (ct: Node, _value: Node, inputs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
    const late = inputs.map((node) => barrier(node, [ct], 0))
    const again = substitute([output], new Map(sources.map((node, i) => [node, late[i]!] as const)))
    const wanted = late.filter(isFloat)
    const pulled = new Map(linearise(again, wanted).pullback([ct]).map((to, i) => [wanted[i]!, to] as const))
    return late.map((node) => pulled.get(node) ?? zeros(node))
  }
  return custom(output, [...given, ...held], pull)
}

/**
 * `f` whose inner values are not kept for the backward pass but computed again there, from its inputs and from what it
 * captured. The inputs go through `barrier` nodes that wait for the cotangent, so that the second computation is
 * neither merged with the first nor scheduled before it is needed. A result is recomputed by itself: `f` with several
 * results that share their work should be used for one of them, or give one.
 */
export const remat = <P, T>(f: (inputs: P) => T): (inputs: P) => T => (inputs) => {
  const given = leaves(inputs)
  const inside = given.map(standIn)
  const traced = f(replaced(inputs, inside))
  return replaced(traced, leaves(traced).map((output) => recomputed(output, given, inside)))
}
