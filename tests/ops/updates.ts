/**
 * Trees of inputs for optimisers, their values, and what their graphs mean in float64.
 * @module
 */
import { either as E } from "fp-ts"
import { input } from "../../core/graph/build.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, map, type Tensors } from "../../core/tensor/tree.ts"

/** Numbers by path. */
export type Numbers = { readonly [path: string]: ReadonlyArray<number> }

/** An input for every spec, named by its path. */
export const inputs = <S>(specs: S): Tensors<S> =>
  map(specs, (leaf, path) => {
    const { dtype, axes, shape } = leaf as unknown as AnySpec
    return input(path, dtype, axes, shape)
  }) as unknown as Tensors<S>

/** What a tree of tensors means, by path. */
export const meant = (tree: unknown, given: Numbers): Numbers => {
  const got = evaluate(leaves(tree), given)
  if (E.isLeft(got)) throw new Error(got.left.map((f) => f.message).join("; "))
  return Object.fromEntries(flatten(tree).map(([path], i) => [path, Array.from(got.right[i]!.data)]))
}

/** Numbers under a prefix, or without one. */
export const under = (prefix: string, numbers: Numbers): Numbers =>
  Object.fromEntries(Object.entries(numbers).map(([path, xs]) => [`${prefix}.${path}`, xs]))

/** Zeros for every spec. */
export const noughts = (specs: unknown): Numbers =>
  Object.fromEntries(
    (flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>).map(([path, { shape }]) => [
      path,
      Array.from({ length: (shape as ReadonlyArray<number>).reduce((a, b) => a * b, 1) }, () => 0),
    ]),
  )

/** Numbers from -1 to 1 that look like chance, the same for the same seed. */
export const noise = (size: number, seed: number): ReadonlyArray<number> =>
  Array.from({ length: size }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453
    return 2 * (x - Math.floor(x)) - 1
  })

/** The first place where two lists differ by more than a part of the largest; undefined if none does. */
export const apart = (got: Numbers, wanted: Numbers, within: number): string | undefined => {
  for (const [path, want] of Object.entries(wanted)) {
    const have = got[path]
    if (have === undefined || have.length !== want.length) return `${path}: ${have?.length} of ${want.length} numbers`
    const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-12)
    const at = want.findIndex((x, i) => !(Math.abs(x - have[i]!) <= within * scale))
    if (at >= 0) return `${path}[${at}]: ${have[at]}, expected ${want[at]}`
  }
  return undefined
}
