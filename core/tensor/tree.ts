/**
 * Trees: nested readonly records and arrays of leaves. Parameters, optimiser states, batches and results are trees; a
 * leaf has a `dtype` (tensors, specs, hosts, slots), or is no record at all. The path of a leaf is its keys joined by
 * ".": `weights.layers.0.query`. Order is the order in which keys were put in.
 * @module
 */
import { either as E } from "fp-ts"
import { fault, type Faults } from "../graph/fault.ts"
import type { DType } from "./dtype.ts"
import type { AnySpec, TensorOf } from "./spec.ts"

/** Leaves of type `L` in records and arrays. */
export type Tree<L> = L | ReadonlyArray<Tree<L>> | { readonly [key: string]: Tree<L> }

/** What is a leaf because it has a dtype. */
interface Typed {
  readonly dtype: DType
}

/** The leaves' types, as a union; of a type that contains itself, those of the first levels. */
export type Leaf<T, Depth extends ReadonlyArray<0> = []> = T extends Typed ? T
  : T extends object
    ? Depth["length"] extends 8 ? never : Leaf<Required<T>[keyof T & (T extends Axis ? number : string)], [...Depth, 0]>
  : T

type Axis = ReadonlyArray<unknown>

/** The tree with `U` for every leaf; of a type that contains itself, any tree below the first levels. */
export type Mapped<T, U, Depth extends ReadonlyArray<0> = []> = T extends Typed ? U
  : T extends object ? Depth["length"] extends 8 ? Tree<U> : { readonly [K in keyof T]: Mapped<T[K], U, [...Depth, 0]> }
  : U

/** The tree with a tensor for every spec or host. */
export type Tensors<T> = T extends AnySpec ? TensorOf<T>
  : T extends object ? { readonly [K in keyof T]: Tensors<T[K]> }
  : T

/** A leaf and where it is. */
export type Entry<L> = readonly [path: string, leaf: L]

/** Leaves by path; it is a tree with the same paths. */
export type Flat<L> = { readonly [path: string]: L }

type Branch = { readonly [key: string]: unknown }

const isBranch = (value: unknown): value is Branch => {
  if (Array.isArray(value)) return true
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false
  const proto = Object.getPrototypeOf(value)
  return (proto === Object.prototype || proto === null) && typeof (value as Branch)["dtype"] !== "string"
}

const under = (path: string, key: string): string => path === "" ? key : `${path}.${key}`

const build = (value: unknown, path: string, f: (leaf: unknown, path: string) => unknown): unknown => {
  if (!isBranch(value)) return f(value, path)
  if (Array.isArray(value)) return value.map((v, i) => build(v, under(path, String(i)), f))
  return Object.fromEntries(Object.keys(value).map((k) => [k, build(value[k], under(path, k), f)]))
}

/**
 * A tree of the same structure with `f` of every leaf.
 *
 * ```ts
 * const sizes: { a: number; b: readonly [number] } = map({ a: "one", b: ["three"] as const }, (text) => text.length)
 * ```
 */
export const map = <const T, U>(tree: T, f: (leaf: Leaf<T>, path: string) => U): Mapped<T, U> =>
  build(tree, "", f as (leaf: unknown, path: string) => unknown) as Mapped<T, U>

/** A tree of the same type: `f` gives a leaf of the same type as it takes. */
export const mapSame = <T>(tree: T, f: (leaf: Leaf<T>, path: string) => Leaf<T>): T =>
  build(tree, "", f as (leaf: unknown, path: string) => unknown) as T

/** All leaves with their paths. */
export const flatten = <T>(tree: T): ReadonlyArray<Entry<Leaf<T>>> => {
  const out: Array<Entry<Leaf<T>>> = []
  build(tree, "", (leaf, path) => out.push([path, leaf as Leaf<T>]))
  return out
}

/** All leaves by path. */
export const toFlat = <T>(tree: T): Flat<Leaf<T>> => Object.fromEntries(flatten(tree))

const listed = (paths: ReadonlyArray<string>): string =>
  `'${paths.slice(0, 3).join("', '")}'${paths.length > 3 ? ` and ${paths.length - 3} more` : ""}`

/** What keeps two trees from having the same paths. */
export const differences = (op: string, expected: unknown, got: unknown): Faults => {
  const want = flatten(expected).map(([p]) => p)
  const have = flatten(got).map(([p]) => p)
  const [wanted, had] = [new Set(want), new Set(have)]
  const lacking = want.filter((p) => !had.has(p))
  const beyond = have.filter((p) => !wanted.has(p))
  return [
    ...(lacking.length > 0 ? [fault("NameFault", op, `lacks ${listed(lacking)}; add what stands there`)] : []),
    ...(beyond.length > 0
      ? [fault("NameFault", op, `has ${listed(beyond)}, which nothing asks for; leave it out`)]
      : []),
  ]
}

/**
 * A tree with `f` of the leaves that have the same path. Throws a `TypeError` that names the paths where the second
 * tree, against its type, has another structure; `differences` finds that in foreign trees beforehand.
 */
export const zip = <const T, const S extends Mapped<T, unknown>, U>(
  first: T,
  second: S,
  f: (a: Leaf<T>, b: Leaf<S>, path: string) => U,
): Mapped<T, U> => {
  const wrong = differences("zip", first, second)
  if (wrong.length > 0) throw new TypeError(`zip: the second tree ${wrong.map((w) => w.message).join("; it ")}`)
  const partners = new Map(flatten(second) as ReadonlyArray<Entry<unknown>>)
  return map(first, (a, path) => f(a, partners.get(path) as Leaf<S>, path))
}

/** A tree with the structure of `like` and the leaves of those paths. Faults: a path too many or too few. */
export const unflatten = <const T, U>(like: T, leaves: Flat<U>): E.Either<Faults, Mapped<T, U>> => {
  const wrong = differences("unflatten", like, leaves)
  return wrong.length > 0 ? E.left(wrong) : E.right(map(like, (_, path) => leaves[path] as U))
}

/** The two parts of a tree, and how to put trees of those parts together again. */
export interface Parts<T> {
  readonly yes: Flat<Leaf<T>>
  readonly no: Flat<Leaf<T>>
  readonly join: (yes: Flat<Leaf<T>>, no: Flat<Leaf<T>>) => T
}

/**
 * Divides a tree, for instance into what is trained and what is frozen.
 *
 * ```ts
 * const parts = partition({ base: 1, extra: { left: 2 } }, (_, path) => path.startsWith("extra"))
 * const whole: { base: number; extra: { left: number } } = parts.join(parts.yes, parts.no)
 * ```
 */
export const partition = <T>(tree: T, test: (leaf: Leaf<T>, path: string) => boolean): Parts<T> => {
  const all = flatten(tree)
  return {
    yes: Object.fromEntries(all.filter(([path, leaf]) => test(leaf, path))),
    no: Object.fromEntries(all.filter(([path, leaf]) => !test(leaf, path))),
    join: (yes, no) => mapSame(tree, (leaf, path) => yes[path] ?? no[path] ?? leaf),
  }
}
