/**
 * Loops over an axis, from trees to trees. What the body captures is the same at every turn, and has a gradient too.
 *
 * ```ts
 * import { f32 } from "@orrery/orrery"
 * import type { F32 } from "@orrery/orrery"
 * import { add } from "@orrery/orrery"
 * import { zeros } from "@orrery/orrery"
 *
 * const totals = (x: F32<"batch time">): F32<"time batch"> =>
 *   scan("time", x, { sum: zeros(f32("batch", { batch: 4 })) }, ({ sum }, now) => {
 *     const next = add(sum, now)
 *     return { carry: { sum: next }, out: next }
 *   }).out
 * ```
 * @module
 */
import { input, pick, scan as loop } from "../core/graph/build.ts"
import { leaves, withLeaves } from "../core/graph/leaves.ts"
import type { Node } from "../core/graph/node.ts"
import { sizeOf } from "../core/graph/node.ts"
import { captured, substitute } from "../core/graph/substitute.ts"
import type { Along, Sliced, Stacked } from "../core/tensor/slices.ts"

/** What one turn gives: the carry for the next, and what is stacked. */
export interface Turn<C, Y> {
  readonly carry: C
  readonly out: Y
}

/** How to loop. */
export interface ScanOptions {
  /** From the end to the start; outputs keep their places. */
  readonly reverse?: boolean
  /** Number of turns, where there are no sequences to tell it. */
  readonly length?: number
}

const placeholders = (name: string, like: ReadonlyArray<Node>): ReadonlyArray<Node> =>
  like.map((node, i) => input(`${name}.${i}`, node.dtype, node.axes, node.shape))

const without = (node: Node, axis: string): Node => {
  const axes = node.axes.filter((a) => a !== axis)
  return { ...node, axes, shape: axes.map((a) => sizeOf(node, a)!) }
}

/**
 * For every place along `axis` of the sequences, in order: `body(carry, slices)` gives the next carry and an output.
 * Gives the last carry and the outputs stacked along `axis`. Pass `{}` and `length` to loop without sequences. Faults: a
 * sequence without the axis, sequences of different lengths, a carry that changes its dtype, axes or sizes.
 */
export const scan = <const N extends string, S, C, Y>(
  axis: N,
  sequences: S & Along<S, N>,
  init: C,
  body: (carry: C, each: Sliced<S, N>) => Turn<NoInfer<C>, Y>,
  options: ScanOptions = {},
): Turn<C, Stacked<Y, N>> => {
  const [inits, given] = [leaves(init), leaves(sequences)]
  const carry = placeholders("carry", inits)
  const each = placeholders("each", given.map((node) => without(node, axis)))
  const turn = body(withLeaves(init, carry), withLeaves(sequences, each) as unknown as Sliced<S, N>)
  const [next, out] = [leaves(turn.carry), leaves(turn.out)]
  const outside = captured([...next, ...out], new Set([...carry, ...each]))
  const constants = placeholders("const", outside)
  const results = substitute([...next, ...out], new Map(outside.map((node, i) => [node, constants[i]!] as const)))
  const node = loop({
    body: { carry, each, constants, next: results.slice(0, next.length), out: results.slice(next.length) },
    inits,
    sequences: given,
    constants: outside,
    axis,
    length: options.length ?? (given[0] === undefined ? 0 : sizeOf(given[0], axis) ?? 0),
    reverse: options.reverse ?? false,
  })
  const picked = results.map((_, i) => pick(node, i))
  return {
    carry: withLeaves(init, picked.slice(0, next.length)),
    out: withLeaves(turn.out, picked.slice(next.length)) as unknown as Stacked<Y, N>,
  }
}
