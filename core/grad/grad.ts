/**
 * Derivatives of functions from trees of tensors: `vjp`, `grad` and `valueAndGrad`. They take and give functions; what
 * they compute is more graph, which may be differentiated again.
 *
 * The tree that is differentiated holds floats only. For a tree with integers or booleans in it, `partition` it and
 * pass the rest as a further argument, which counts as constant: a leaf that is no float is a `DTypeFault` of its
 * gradient. A leaf that does not influence the result gets zeros.
 * @module
 */
import type { GraphFault } from "../graph/fault.ts"
import { fault } from "../graph/fault.ts"
import { leaves, withLeaves } from "../graph/leaves.ts"
import type { Node } from "../graph/node.ts"
import { flatten } from "../tensor/tree.ts"
import type { Float, Tensor } from "../tensor/tensor.ts"
import { linearise } from "./linearise.ts"
import { isFloat, ones, zeros } from "./rule.ts"
import { standIn } from "../graph/substitute.ts"

/** A number that the graph computes. */
export type Scalar = Tensor<Float, []>

/** What can be differentiated: a number, or a number with other results that are passed through. */
export type Loss<A> = Scalar | { readonly loss: Scalar; readonly aux: A }

/** A value, and the transpose of the derivative of how it was made. */
export interface Pullback<P, T, C = T> {
  readonly value: T
  /** What each leaf of `P` owes to the cotangents of the leaves of `T`. */
  readonly pullback: (cotangent: C) => P
}

const entries = (tree: unknown): ReadonlyArray<readonly [string, Node]> =>
  flatten(tree) as unknown as ReadonlyArray<readonly [string, Node]>

const withFaults = (node: Node, faults: ReadonlyArray<GraphFault>): Node =>
  faults.length === 0 ? node : { ...node, faults: [...node.faults, ...faults] }

/** A leaf that has no gradient. */
const refusals = (leaf: Node, path: string): ReadonlyArray<GraphFault> =>
  isFloat(leaf) ? [] : [
    fault(
      "DTypeFault",
      "grad",
      `'${path}' is ${leaf.dtype} and has no gradient; partition the tree and pass it as a further argument`,
    ),
  ]

/** `f` traced; the pullback takes a cotangent, or null for none, for each leaf of the value. */
const trace = <P, T>(f: (primals: P) => T, primals: P): Pullback<P, T, ReadonlyArray<Node | null>> => {
  const given = entries(primals)
  const inside = given.map(([, leaf]) => standIn(leaf))
  const traced = f(withLeaves(primals, inside))
  const floats = inside.filter(isFloat)
  const { outputs, pullback } = linearise(leaves(traced), floats)
  return {
    value: withLeaves(traced, outputs),
    pullback: (cotangents) => {
      const pulled = new Map(pullback(cotangents).map((ct, i) => [floats[i]!, ct] as const))
      const leaves = given.map(([path, leaf], i) =>
        withFaults(pulled.get(inside[i]!) ?? zeros(leaf), refusals(leaf, path))
      )
      return withLeaves(primals, leaves)
    },
  }
}

/**
 * Runs `f` and gives its value with the pullback: for y = f(p) and a cotangent c it is c^T dy/dp, leaf by leaf.
 * Cotangents have the dtype, axes and sizes of the values; those of integer results are ignored.
 */
export const vjp = <P, T>(f: (primals: P) => T, primals: P): Pullback<P, T> => {
  const { value, pullback } = trace(f, primals)
  return { value, pullback: (cotangent) => pullback(leaves(cotangent).map((ct) => isFloat(ct) ? ct : null)) }
}

/** A gradient is of one number. */
const scalarFaults = (loss: Node): ReadonlyArray<GraphFault> =>
  loss.axes.length === 0 && isFloat(loss) ? [] : [
    fault(
      "RuleFault",
      "grad",
      `takes a function that gives one float, got ${loss.dtype}[${loss.axes.join(" ")}]; sum or mean over its axes`,
    ),
  ]

/**
 * The value of `f` and its gradient for the first argument. `f` gives one float, or that as `loss` with anything as
 * `aux`. Faults: a value with axes, a leaf of the first argument that is no float.
 *
 * ```ts
 * const f = valueAndGrad((w: { scale: Scalar }) => w.scale)
 * const typed: (w: { scale: Scalar }) => { readonly value: Scalar; readonly gradient: { scale: Scalar } } = f
 * ```
 */
export const valueAndGrad = <P, R extends ReadonlyArray<unknown>, T extends Loss<unknown>>(
  f: (primals: P, ...rest: R) => T,
): (primals: P, ...rest: R) => { readonly value: T; readonly gradient: P } =>
(primals, ...rest) => {
  const { value, pullback } = trace((p: P) => f(p, ...rest), primals)
  const [place, loss]: readonly [string, Node] = "loss" in value ? ["loss", value.loss] : ["", value]
  const faults = scalarFaults(loss)
  const seed = withFaults(isFloat(loss) ? ones(loss) : zeros(loss), faults)
  const gradient = pullback(entries(value).map(([path]) => path === place ? seed : null))
  if (faults.length === 0) return { value, gradient }
  return { value, gradient: withLeaves(gradient, leaves(gradient).map((leaf) => withFaults(leaf, faults))) }
}

/** The gradient of `f` for its first argument. See `valueAndGrad`. */
export const grad = <P, R extends ReadonlyArray<unknown>, T extends Loss<unknown>>(
  f: (primals: P, ...rest: R) => T,
): (primals: P, ...rest: R) => P => {
  const both = valueAndGrad(f)
  return (primals, ...rest) => both(primals, ...rest).gradient
}
