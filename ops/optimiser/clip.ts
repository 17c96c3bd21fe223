/**
 * The length of a gradient, and what keeps a bad one from doing harm.
 * @module
 */
import { barrier, binary, cast, constant, reduce, select, unary } from "../../core/graph/build.ts"
import type { Node } from "../../core/graph/node.ts"
import type { Bool, F32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Leaf } from "../../core/tensor/tree.ts"
import { flatten, mapSame, toFlat } from "../../core/tensor/tree.ts"
import { add, div, mul, wide } from "./tree.ts"

/** Square root of the sum of squares of all elements of all leaves, in f32. */
export const globalNorm = <P>(tree: P): F32 => {
  const squares = flatten(tree).map(([, leaf]) => {
    const x = wide(leaf)
    return reduce("sum", mul(x, x), x.axes)
  })
  return typed(unary("sqrt", squares.length === 0 ? constant("f32", 0) : squares.reduce(add)))
}

const scaledTree = <P>(tree: P, scale: Node): P =>
  mapSame(tree, (leaf) => {
    const x = leaf as unknown as Node
    return cast(mul(wide(x), scale), x.dtype) as unknown as typeof leaf
  })

/** The tree times min(1, limit / norm), and its norm before: a longer gradient is cut to the length `limit`. */
export const clipByGlobalNorm = <P>(tree: P, limit: number): { readonly clipped: P; readonly norm: F32 } => {
  const norm = globalNorm(tree)
  return { clipped: scaledTree(tree, div(limit, binary("max", norm, limit))), norm }
}

/** A gradient that is clipped, or not to be used at all. */
export interface Guarded<P> {
  readonly clipped: P
  readonly norm: F32
  /** Were the norm and all other numbers finite? */
  readonly finite: Bool
}

/**
 * `clipByGlobalNorm`, and whether the norm and some other numbers (the loss) are finite: if not, the gradient is none, and
 * the step must be left out by `chosenTree`. Kernels read one number for both: the scale, which is below 0 if not.
 */
export const clipFinite = <P>(tree: P, limit: number, others: ReadonlyArray<F32>): Guarded<P> => {
  const norm = globalNorm(tree)
  // the others are known long before; they are looked at when the norm is, so that they are not kept from being told
  const known = [norm, ...others.map((x) => barrier(x, [norm], 0))].map((x) => unary("isfinite", x))
  const sound = known.reduce((x, y) => binary("and", x, y))
  const scale = barrier(select(sound, div(limit, binary("max", norm, limit)), -1), [], 0)
  return { clipped: scaledTree(tree, scale), norm, finite: typed(binary("ge", scale, 0)) }
}

/** The one tree where the condition holds, the other where it does not; both have the same leaves. */
export const chosenTree = <T>(condition: Bool, yes: T, no: T): T => {
  const other = toFlat(no) as { readonly [path: string]: Node }
  return mapSame(yes, (leaf, path) => {
    const x = leaf as unknown as Node
    return select(condition, x, other[path] ?? x) as unknown as Leaf<T>
  })
}
