/**
 * Axis names in types: all type-level work of the project. Names live in types and are written as words,
 * `"batch time model"`; sizes live in values. Every check is an intersection with `unknown` when it holds and with a
 * `ShapeError` that says what is wrong when it does not, so a checker's message reads as a sentence.
 * @module
 */

/** Names of axes, outermost first. */
export type Axes = ReadonlyArray<string>

/** What the compiler prints when names disagree. */
export interface ShapeError<M extends string> {
  readonly "shape error": M
}

/** `"batch time"` as `["batch", "time"]`; `string` as names that are known at run time only. */
export type Words<S extends string> = string extends S ? Axes : Split_<S>

type Split_<S extends string, Acc extends Axes = []> = S extends `${infer H} ${infer T}`
  ? Split_<T, H extends "" ? Acc : [...Acc, H]>
  : S extends "" ? Acc
  : [...Acc, S]

/** The names in a text of words, as a union. */
export type Word<S extends string> = Words<S>[number]

/** `["batch", "time"]` as `"batch time"`. */
export type Join<A extends Axes> = A extends readonly [infer H extends string, ...infer T extends Axes]
  ? T extends readonly [] ? H : `${H} ${Join<T>}`
  : A extends readonly [] ? ""
  : string

/** `A` without the names `N`, in order. */
export type Without<A extends Axes, N extends string, Acc extends Axes = []> = A extends readonly [] ? Acc
  : A extends readonly [infer H extends string, ...infer T extends Axes]
    ? Without<T, N, H extends N ? Acc : [...Acc, H]>
  : Axes

/** `A` with names replaced as the record says. */
export type Rename<A extends Axes, M extends Readonly<Record<string, string>>> = {
  -readonly [K in keyof A]: A[K] extends keyof M ? M[A[K]] : A[K]
}

/** `A` with the axes `P` in the place of `N`. */
export type Replace<A extends Axes, N extends string, P extends Axes, Acc extends Axes = []> = A extends
  readonly [infer H extends string, ...infer T extends Axes]
  ? H extends N ? [...Acc, ...P, ...T] : Replace<T, N, P, [...Acc, H]>
  : Axes

/** `A` with `N` in the place of the axes `P`, which stand side by side in that order; `never` where they do not. */
export type Merge<A extends Axes, P extends Axes, N extends string, Acc extends Axes = []> = A extends
  readonly [...P, ...infer T extends Axes] ? [...Acc, N, ...T]
  : A extends readonly [infer H extends string, ...infer T extends Axes] ? Merge<T, P, N, [...Acc, H]>
  : number extends A["length"] ? Axes
  : never

/** The axes of the one that has all names of the other; of `A` where both have the same. */
export type Wider<A extends Axes, B extends Axes> = [B[number]] extends [A[number]] ? A : B

/** Axes of a contraction over `N`: those of `A`, then those of `B` that `A` lacks. */
export type Dot<A extends Axes, B extends Axes, N extends string> = [
  ...Without<A, N>,
  ...Without<B, N | A[number]>,
]

/** Axes of `A` taken along `N` at an index with axes `I`, whose own `N` comes in its place. */
export type Gather<A extends Axes, N extends string, I extends Axes> = Replace<A, N, Without<I, Exclude<A[number], N>>>

/** The names in `N` are all in `A`. */
export type Has<A extends Axes, N extends string> = [Exclude<N, A[number]>] extends [never] ? unknown
  : ShapeError<`no axis '${Exclude<N, A[number]>}' in [${Join<A>}]`>

/** None of the names in `N` is in `A`. */
export type Lacks<A extends Axes, N extends string> = string extends A[number] ? unknown
  : string extends N ? unknown
  : [N & A[number]] extends [never] ? unknown
  : ShapeError<`axis '${N & A[number]}' is already in [${Join<A>}]`>

/** Same names in any order. */
export type Same<A extends Axes, B extends Axes> = [A[number]] extends [B[number]]
  ? [B[number]] extends [A[number]] ? unknown : Differ<A, B>
  : Differ<A, B>

type Differ<A extends Axes, B extends Axes> = ShapeError<`[${Join<A>}] and [${Join<B>}] do not have the same axes`>

/** All names of `B` are in `A`. */
export type Sub<A extends Axes, B extends Axes> = [B[number]] extends [A[number]] ? unknown
  : ShapeError<`axis '${Exclude<B[number], A[number]>}' of [${Join<B>}] is not in [${Join<A>}]`>

/** One of them has all names of the other. */
export type Fits<A extends Axes, B extends Axes> = [B[number]] extends [A[number]] ? unknown
  : [A[number]] extends [B[number]] ? unknown
  : ShapeError<`neither of [${Join<A>}] and [${Join<B>}] has all axes of the other`>

/** The axes `P` stand side by side in `A`, in that order. */
export type Beside<A extends Axes, P extends Axes> = [Merge<A, P, "">] extends [never]
  ? ShapeError<`[${Join<P>}] does not stand side by side in [${Join<A>}]`>
  : unknown
