/**
 * What optimisers have in common: trees whose leaves are found by path, arithmetic in f32 whatever the leaves are stored
 * in, states that begin with zeros.
 * @module
 */
import { binary, cast, constant, select, unary } from "../../core/graph/build.ts"
import { fault } from "../../core/graph/fault.ts"
import { marked, tensor } from "../../core/graph/given.ts"
import type { Node } from "../../core/graph/node.ts"
import { count } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import type { DType } from "../../core/tensor/dtype.ts"
import { log } from "../../core/tensor/elementary.ts"
import type { Host } from "../../core/tensor/host.ts"
import { store } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import type { F32, Float, Tensor } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Leaf } from "../../core/tensor/tree.ts"
import { type Flat, flatten, map, mapSame, toFlat } from "../../core/tensor/tree.ts"

// ---- types -----------------------------------------------------------------

/** Parameters and state after an update. */
export interface Updated<P, S> {
  readonly params: P
  readonly state: S
}

/** Zeros on the host like the specs (or hosts) of parameters. */
export type Zeros<T> = T extends AnySpec ? Host<T["dtype"], T["axes"]>
  : T extends object ? { readonly [K in keyof T]: Zeros<T[K]> }
  : T

/** The tree with every tensor stored in a dtype of `D`. */
export type Stored<T, D extends Float> = T extends Tensor<DType, infer A extends Axes> ? Tensor<D, A>
  : { readonly [K in keyof T]: Stored<T[K], D> }

/** A rate: a number, or a function of the step in the graph. */
export type Rate = number | ((step: F32) => F32)

/** What a leaf is, from its path. */
export type At = (path: string) => Node

// ---- states ----------------------------------------------------------------

/** Zeros on the host for every spec. */
export const zerosLike = <T>(specs: T): Zeros<T> =>
  map(specs, (leaf) => {
    const { dtype, axes, shape } = leaf as unknown as AnySpec
    return { dtype, axes, shape, data: store(dtype, new Float64Array(count(shape))) } as Host<DType, Axes>
  }) as unknown as Zeros<T>

/** Specs of the same axes and sizes in another dtype. */
export const specsIn = <T>(specs: T, dtype: Float): T =>
  mapSame(specs, (leaf) => {
    const { axes, shape } = leaf as unknown as AnySpec
    return { dtype, axes, shape } as unknown as Leaf<T>
  })

/** No update yet. */
export const start: Host<"i32", []> = { dtype: "i32", axes: [], shape: [], data: Int32Array.of(0) }

// ---- arithmetic --------------------------------------------------------------

type Operand = Node | number

export const add = (x: Operand, y: Operand): Node => binary("add", x, y)
export const sub = (x: Operand, y: Operand): Node => binary("sub", x, y)
export const mul = (x: Operand, y: Operand): Node => binary("mul", x, y)
export const div = (x: Operand, y: Operand): Node => binary("div", x, y)

/** A leaf in f32. */
export const wide = (x: unknown): Node => cast(x as Node, "f32")

/** The rate at a step. */
export const rateOf = (rate: Rate, step: Node): Node =>
  typeof rate === "number" ? constant("f32", rate) : rate(typed(step))

/** 1 - beta^t without cancellation: -expm1(z) for z = t log(beta), near 0 by z (1 + z/2 (1 + z/3 (1 + z/4 (1 + z/5)))). */
export const unbias = (beta: number, t: Node): Node => {
  const z = mul(t, log(beta))
  const series = [5, 4, 3, 2].reduce<Operand>((sum, n) => add(mul(mul(z, 1 / n), sum), 1), 1)
  return select(binary("gt", z, -0.1), unary("neg", mul(z, series)), sub(1, unary("exp", z)))
}

/** The count of updates after one more. */
export const next = (step: unknown): Node => add(tensor("optimiser", step, "i32"), 1)

/** The count of updates before this one, as a float. */
export const before = (step: unknown): Node => wide(tensor("optimiser", step, "i32"))

// ---- leaves by path ------------------------------------------------------------

/** Results by path, each made once. */
export const once = <T>(f: (path: string) => T): (path: string) => T => {
  const made = new Map<string, T>()
  return (path) => {
    const known = made.get(path)
    if (known !== undefined) return known
    const now = f(path)
    made.set(path, now)
    return now
  }
}

/**
 * The leaf of a tree that stands at the same path, in f32. Faults: none there, or something that the parameters lack;
 * they go into the leaf, as every result is made of it.
 */
export const beside = (what: string, tree: unknown, params: unknown): At => {
  const flat = toFlat(tree) as { readonly [path: string]: unknown }
  const known = toFlat(params)
  const first = Object.keys(known)[0]
  const beyond = Object.keys(flat).filter((path) => !Object.hasOwn(known, path)).map((path) =>
    fault("NameFault", "optimiser", `${what} has '${path}', which the parameters lack; give trees of the same keys`)
  )
  return once((path) => {
    if (Object.hasOwn(flat, path)) return marked(wide(tensor("optimiser", flat[path])), path === first ? beyond : [])
    const lacking = `${what} lacks '${path}', which the parameters have; give trees of the same keys`
    const wrong = fault("NameFault", "optimiser", lacking)
    return marked(constant("f32", 0), path === first ? [wrong, ...beyond] : [wrong])
  })
}

/** A tree like the parameters whose leaf at each path is made by `f`, in the dtype of the old leaf there. */
export const renewed = <P, T = P>(params: P, f: (path: string) => Node, old: T = params as unknown as T): T => {
  const known = toFlat(old) as { readonly [path: string]: Node | undefined }
  return mapSame(params, (leaf, path) => {
    const { dtype } = known[path] ?? leaf as unknown as Node
    return cast(f(path), dtype) as unknown as Leaf<P>
  }) as unknown as T
}

// ---- matrices ------------------------------------------------------------------

/**
 * How many leading axes of the tensor at a path are the rows of a matrix, its other axes being the columns; 0 where it is
 * none.
 */
export type Leading = (path: string) => number

/** Axes of a matrix: what it takes, and what it gives. */
export interface Sides {
  readonly rows: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string>
}

/** The two sides of what has both; undefined for vectors, and where there are no rows. */
export const sidesOf = (axes: ReadonlyArray<string>, rows: number): Sides | undefined =>
  rows > 0 && rows < axes.length ? { rows: axes.slice(0, rows), columns: axes.slice(rows) } : undefined

/** Specs of some leaves by their paths: what `of` makes of them, without those of which it makes nothing. */
export const picked = (
  specs: unknown,
  of: (spec: AnySpec, path: string) => AnySpec | undefined,
): Flat<AnySpec> =>
  Object.fromEntries(
    (flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>).flatMap(([path, spec]) => {
      const made = of(spec, path)
      return made === undefined ? [] : [[path, made] as const]
    }),
  )

/** The axes of a spec that are named, with their sizes. */
export const along = ({ dtype, axes, shape }: AnySpec, names: ReadonlyArray<string>): AnySpec => ({
  dtype,
  axes: names,
  shape: names.map((a) => shape[axes.indexOf(a)]!),
})
