/**
 * Functions over slices of an axis, one after the other, computed again in the backward pass: what is inside of `f` is
 * never there for more than one slice, so memory does not grow with the axis (Liu and Abbeel, Blockwise Parallel
 * Transformer for Large Context Models, 2023).
 *
 * ```ts
 * import { chunked, dot, type F32, silu } from "@orrery/orrery"
 * type Stream = F32<"batch time model">
 *
 * const feedForward = (up: F32<"model hidden">, down: F32<"hidden model">): (x: Stream) => Stream =>
 *   chunked((x: Stream) => dot(silu(dot(x, up, "model")), down, "hidden"), "time", 512)
 * ```
 * @module
 */
import { barrier, concat, constant, sliceAxis } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import { leaves, withLeaves } from "../core/graph/leaves.ts"
import { lacking, show, whole } from "../core/graph/make.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import { standIn, substitute, upTo } from "../core/graph/substitute.ts"
import { remat } from "../core/grad/custom.ts"
import type { Axes, Join, ShapeError } from "../core/tensor/axes.ts"
import { type DType, dtypes } from "../core/tensor/dtype.ts"
import type { Tensor } from "../core/tensor/tensor.ts"
import type { Leaf } from "../core/tensor/tree.ts"
import { type Cut, cutOf, looped, type Nodes } from "./slices.ts"

/** The axes of the leaves that lack the axis `N`, written out. */
type Lacking<L, N extends string> = L extends Tensor<DType, infer A extends Axes>
  ? N extends A[number] ? never : Join<A>
  : never

/** `unknown` where every leaf of the tree has the axis `N`. */
export type Throughout<T, N extends string> = [Lacking<Leaf<T>, N>] extends [never] ? unknown
  : ShapeError<`no axis '${N}' in [${Lacking<Leaf<T>, N>}]`>

/** What is wrong with a size and with what it is to cut. */
const inputFaults = (given: Nodes, axis: string, size: number): Faults => {
  const sizes = [...new Set(given.flatMap((x) => sizeOf(x, axis) ?? []))]
  return [
    ...whole("chunked", `the size of a chunk of '${axis}'`, size, 1),
    ...given.flatMap((x) => lacking("chunked", x, [axis])),
    ...(given.length === 0 ? [fault("NameFault", "chunked", `no input has the axis '${axis}'; give what is cut`)] : []),
    ...(sizes.length < 2 ? [] : [
      fault("SizeFault", "chunked", `axis '${axis}' has the sizes ${sizes.join(" and ")}; make them the same`),
    ]),
  ]
}

/** What is wrong with a result for a chunk of so many places. */
const resultFault = (result: Node, axis: string, places: number): Faults => {
  const got = sizeOf(result, axis)
  if (got === places) return []
  if (got === undefined) {
    const message = `the function gives ${show(result)} without the axis '${axis}' that is cut; fold over it outside`
    return [fault("NameFault", "chunked", message)]
  }
  const message = `the function gives ${show(result)} for ${places} places of '${axis}'; give as many as it takes`
  return [fault("SizeFault", "chunked", message)]
}

/** What stands for the results of a function with faults: nodes of the shapes that they would have, after the faults. */
const guesses = (results: Nodes, axis: string, places: number, faults: Faults): Nodes => {
  const wrong = marked(constant("f32", 0), faults)
  return results.map((r) => {
    const shape = r.shape.map((s, d) => r.axes[d] === axis ? places : s)
    return barrier(constant(r.dtype, 0, r.axes, shape), [r, wrong], 0)
  })
}

/** A function that was traced with these nodes. */
interface Traced {
  readonly inside: Nodes
  readonly results: Nodes
}

const applied = ({ inside, results }: Traced, to: Nodes): Nodes =>
  substitute(results, new Map(inside.map((node, i) => [node, to[i]!] as const)))

/** The results for the slices: one slice needs no loop, but for several results that are computed again together. */
const computed = (f: Traced, given: Nodes, cut: Cut): Nodes => {
  const real = f.results.filter((r) => dtypes[r.dtype].kind === "float")
  return cut.turns > 1 || real.length > 1
    ? looped((_, slices) => ({ carry: [], out: applied(f, slices) }), cut, given, []).out
    : remat((to: Nodes) => applied(f, to))(given)
}

/**
 * `f` over slices of `size` places along `axis`, in their order, each by itself; results are put together along the axis,
 * which they keep where `f` gives it. All leaves of the input and of the result have the axis; what else `f` needs (weights)
 * it captures, and gets gradients for it, summed over the slices. A last slice is shorter where the size does not
 * divide. Only the inputs are kept for the backward pass, which computes `f` again, slice by slice; also where there is
 * one slice, as the size is that of the axis or more. It is the same as `f` where that treats each place by itself.
 *
 * Faults: a size that is no whole number above 0, leaves without the axis or with different sizes of it, a result without
 * the axis or with another number of places than it was given; a tensor with the whole axis that `f` captures does not
 * fit its slices, so make it an input (positions, masks).
 */
export const chunked = <P, T, const N extends string>(
  f: (each: P) => T,
  axis: N & Throughout<P, N> & Throughout<T, N>,
  size: number,
): (inputs: P) => T =>
(inputs) => {
  const given = leaves(inputs).map((x) => tensor("chunked", x))
  const wrong = inputFaults(given, axis, size)
  const all = given[0] === undefined ? 0 : sizeOf(given[0], axis) ?? 0
  const places = wrong.length > 0 ? all : Math.min(size, all)
  const cut = (from: number, to: number): Nodes =>
    wrong.length > 0 ? given : given.map((x) => sliceAxis(x, axis, from, to - from))
  const trace = (slices: Nodes): Traced & { readonly tree: T } => {
    const inside = slices.map(standIn)
    const tree = f(withLeaves(inputs, inside))
    return { inside, tree, results: leaves(tree).map((r) => tensor("chunked", r)) }
  }
  const first = trace(cut(0, places))
  const faults = wrong.length > 0 ? wrong : first.results.flatMap((r) => resultFault(r, axis, places))
  const sound = upTo(first.results, new Set(first.inside)).every((n) => n.faults.length === 0)
  if (!sound || faults.length > 0) return withLeaves(first.tree, guesses(first.results, axis, all, faults))
  const whole = cutOf(axis, all, places)
  const end = whole.turns * places
  const main = computed(first, cut(0, end), whole)
  if (whole.rest === 0) return withLeaves(first.tree, main)
  const rest = cut(end, all)
  const last = computed(trace(rest), rest, cutOf(axis, whole.rest, whole.rest))
  return withLeaves(first.tree, main.map((r, i) => concat([r, last[i]!], axis)))
}
