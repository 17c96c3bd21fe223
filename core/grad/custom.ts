/**
 * Functions that say how they are differentiated: with a rule of their own, by computing themselves again, or not.
 * @module
 */
import { barrier, custom, stop } from "../graph/build.ts"
import { leaves, withLeaves } from "../graph/leaves.ts"
import type { Node } from "../graph/node.ts"
import type { AnyTensor } from "../tensor/tensor.ts"
import { linearise } from "./linearise.ts"
import { isFloat, zeros } from "./rule.ts"
import { above, captured, standIn, substitute } from "../graph/substitute.ts"

/** A tensor through which no gradient goes, as its type says. */
export type Stopped<T extends AnyTensor> = T & { readonly op: { readonly tag: "stop" } }

/** Identity whose derivative is 0. */
export const stopGradient = <T extends AnyTensor>(x: T): Stopped<T> => stop(x) as Stopped<T>

/**
 * `f` with a gradient of your own: `rule` gives, from the cotangent and the value, a tree of cotangents like the inputs
 * (what it gives for integers is ignored). Tensors that `f` captures get no gradient: make them inputs, and let the rule
 * use nothing but its arguments, so that it can be mapped and looped over.
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
    leaves(rule(ct as T, value as T, withLeaves(inputs, nodes)))
  return custom(f(inputs), leaves(inputs), pull) as T
}

/** One result that is computed again when its cotangent is there. */
const recomputed = (
  output: Node,
  given: ReadonlyArray<Node>,
  inside: ReadonlyArray<Node>,
  keep: boolean,
): Node => {
  if (!isFloat(output)) return output
  const held = captured([output], new Set(inside))
  const sources = [...inside, ...held]
  const kept = keep ? keptOf(output, new Set(inside)) : []
  const pull = (ct: Node, _value: Node, inputs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
    const late = inputs.slice(0, sources.length).map((node) => barrier(node, [ct], 0))
    const known = kept.map((node, i) => [node, inputs[sources.length + i]!] as const)
    const again = substitute([output], new Map([...sources.map((node, i) => [node, late[i]!] as const), ...known]))
    const wanted = late.filter(isFloat)
    const pulled = new Map(linearise(again, wanted).pullback([ct]).map((to, i) => [wanted[i]!, to] as const))
    return [...late.map((node) => pulled.get(node) ?? zeros(node)), ...known.map(([, node]) => zeros(node))]
  }
  return custom(output, [...given, ...held, ...kept.map(stop)], pull)
}

/** What is computed again. */
export interface RematOptions {
  /** Values that a rule inside asks to keep are kept; else they are computed again too. */
  readonly keep?: boolean
}

/** What the functions inside ask to be kept. */
const keptOf = (output: Node, inside: ReadonlySet<Node>): ReadonlyArray<Node> => {
  const kept = [...above([output], inside)].flatMap(({ op, args }) =>
    op.tag === "custom" ? (op.keep ?? []).map((i) => args[i]!) : []
  )
  return [...new Set(kept)]
}

/**
 * `f` whose inner values are not kept for the backward pass but computed again there, from its inputs and from what it
 * captured. The inputs go through `barrier` nodes that wait for the cotangent, so that the second computation is
 * neither merged with the first nor scheduled before it is needed. A result is recomputed by itself: `f` with several
 * results that share their work should be used for one of them, or give one. What a custom rule inside asks to `keep`
 * (attention its result and log-sum-exp) is kept.
 */
export const remat = <P, T>(f: (inputs: P) => T, { keep = true }: RematOptions = {}): (inputs: P) => T => (inputs) => {
  const given = leaves(inputs)
  const inside = given.map(standIn)
  const traced = f(withLeaves(inputs, inside))
  return withLeaves(traced, leaves(traced).map((output) => recomputed(output, given, inside, keep)))
}
