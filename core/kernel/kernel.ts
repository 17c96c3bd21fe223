/**
 * What a kernel is: a few tagged records over loop variables, with positions instead of names. A kernel says *what*;
 * each device says *how*; `core/device/oracle.ts` is the meaning, in plain loops and float64.
 *
 * Variables are numbered by position in the kernel's lists of sizes, in the order in which the record names them.
 * Buffers are numbered by position in the step's list of buffers; each is a flat array of elements of one dtype.
 * @module
 */
import type { BinaryFn, CumulateFn, ReduceFn, UnaryFn } from "../graph/node.ts"
import type { Compute, DType } from "../tensor/dtype.ts"

/** An integer: `base + sum of coef * atom`. Divisions are of non-negative numbers. */
export interface Index {
  readonly base: number
  readonly terms: ReadonlyArray<Term>
}

/** One summand of an index. */
export interface Term {
  readonly coef: number
  readonly atom: Atom
}

/** What an index is made of. */
export type Atom =
  /** A loop variable of the kernel. */
  | { readonly tag: "var"; readonly id: number }
  /** The current turn of the enclosing `repeat` steps; 0 is the innermost. */
  | { readonly tag: "turn"; readonly depth: number }
  | { readonly tag: "div"; readonly of: Index; readonly by: number }
  | { readonly tag: "mod"; readonly of: Index; readonly by: number }
  /** An integer computed at run time (i32, u32 or u8). */
  | { readonly tag: "value"; readonly of: Expr }

/** `low <= at < high` */
export interface Guard {
  readonly at: Index
  readonly low: number
  readonly high: number
}

/**
 * A scalar expression; a DAG: the same object is the same value and is computed once. A load whose guards do not all
 * hold touches no memory and gives 0. A load of f16/bf16 gives f32, of u8 gives u32, of bool gives bool.
 */
export type Expr =
  | {
    readonly tag: "load"
    readonly dtype: Compute
    readonly buffer: number
    readonly at: Index
    readonly guards: ReadonlyArray<Guard>
  }
  | { readonly tag: "const"; readonly dtype: Compute; readonly value: number }
  /** An index as a value (i32, u32 or f32). */
  | { readonly tag: "index"; readonly dtype: Compute; readonly at: Index }
  /** All guards hold. */
  | { readonly tag: "within"; readonly dtype: "bool"; readonly guards: ReadonlyArray<Guard> }
  | { readonly tag: "unary"; readonly dtype: Compute; readonly fn: UnaryFn; readonly x: Expr }
  /** `dtype` is the result's; comparisons give bool, whatever `x.dtype` is. */
  | { readonly tag: "binary"; readonly dtype: Compute; readonly fn: BinaryFn; readonly x: Expr; readonly y: Expr }
  | { readonly tag: "select"; readonly dtype: Compute; readonly c: Expr; readonly x: Expr; readonly y: Expr }
  | { readonly tag: "cast"; readonly dtype: Compute; readonly x: Expr }
  | { readonly tag: "bitcast"; readonly dtype: Compute; readonly x: Expr }
  /** Rounds an f32 to what `to` can hold, and is an f32 (or u32 for u8) again. */
  | { readonly tag: "round"; readonly dtype: Compute; readonly to: DType; readonly x: Expr }
  /** Result of a fold of an earlier stage (loop), or the sum of products (contract), or the running fold (cumulate), or the code (nearest). */
  | { readonly tag: "acc"; readonly dtype: Compute; readonly id: number }

/** Writes `value` to `buffer[at]`; the buffer's dtype says how it is stored. Stores of a kernel never collide. */
export interface Store {
  readonly buffer: number
  readonly at: Index
  readonly value: Expr
}

/** One fold over the inner variables. `argmax`/`argmin` need one inner variable and give i32. Empty: the identity. */
export interface Fold {
  readonly id: number
  readonly fn: ReduceFn
  readonly dtype: Compute
  readonly value: Expr
}

/** What happens for one outer point, in order. */
export type Stage =
  /** Folds over all inner points. Values may use `acc` of earlier stages. */
  | { readonly tag: "fold"; readonly folds: ReadonlyArray<Fold> }
  /** Stores at every inner point. */
  | { readonly tag: "sweep"; readonly stores: ReadonlyArray<Store> }
  /** Stores once; uses outer variables and accs only. */
  | { readonly tag: "point"; readonly stores: ReadonlyArray<Store> }

/**
 * Map, reduce and what stands between (softmax, norms, losses): outer variables `dims` in any order or in parallel, for
 * each of them the stages in order over the inner variables `over`. Variables: dims, then over. A map has `over: []`
 * and one `point` stage. A load may read a buffer that the same kernel stores to only at the very element that the same
 * point stores (updates in place).
 */
export interface Loop {
  readonly tag: "loop"
  readonly dims: ReadonlyArray<number>
  readonly over: ReadonlyArray<number>
  readonly stages: ReadonlyArray<Stage>
}

/**
 * acc(0)[batch, rows, cols] = sum over depth of a * b, accumulated in f32 (or i32/u32). Variables: batch, rows, cols,
 * depth. `a` uses no cols, `b` no rows, the stores no depth. Mostly `a` and `b` are plain loads of any strides.
 */
export interface Contract {
  readonly tag: "contract"
  readonly dtype: Compute
  readonly batch: ReadonlyArray<number>
  readonly rows: ReadonlyArray<number>
  readonly cols: ReadonlyArray<number>
  readonly depth: ReadonlyArray<number>
  readonly a: Expr
  readonly b: Expr
  readonly stores: ReadonlyArray<Store>
}

/**
 * Sums `value` into `buffer[at + stride * row]` where `row` (an integer expression) lies in 0..size; the whole buffer
 * (of `elements`) is 0 before. Variables: dims (points that never collide), then along (summed in row-major order).
 * `at` uses dims only.
 */
export interface Scatter {
  readonly tag: "scatter"
  readonly dtype: Compute
  readonly dims: ReadonlyArray<number>
  readonly along: ReadonlyArray<number>
  readonly row: Expr
  readonly size: number
  readonly stride: number
  readonly value: Expr
  readonly buffer: number
  readonly at: Index
  readonly elements: number
}

/** Running fold: for each point of dims, along one last variable of `length` (from its end if `reverse`), stores acc(0). */
export interface Cumulate {
  readonly tag: "cumulate"
  readonly dtype: Compute
  readonly dims: ReadonlyArray<number>
  readonly length: number
  readonly fn: CumulateFn
  readonly reverse: boolean
  readonly value: Expr
  readonly stores: ReadonlyArray<Store>
}

/**
 * Stable argsort: for each point of dims, the positions (i32) along one last variable of `length` in the order of
 * `key`, NaN last either way; position r of the order goes to `buffer[at]` with the last variable set to r.
 */
export interface Sort {
  readonly tag: "sort"
  readonly dims: ReadonlyArray<number>
  readonly length: number
  readonly descending: boolean
  readonly key: Expr
  readonly buffer: number
  readonly at: Index
}

/**
 * Attention, forward or one half of its gradient: what it means is in `core/graph/attention.ts`. Variables: batch, share,
 * then one each for query, key, head and value. Scores are never stored; sums are f32.
 *
 * - acc 0 is the mean of values, the cotangent of q, or that of k; acc 1 the log-sum-exp, or the cotangent of v. A store's
 *   value is one of them; one that nothing reads has no store.
 * - `q` uses batch, share, query and head; `k` batch, key and head; `v` batch, key and value; `queryPosition` and
 *   `querySegment` batch and query; `keyPosition` and `keySegment` batch and key (i32); `bias` all but head and value;
 *   `lse` and `delta` batch, share and query; `cotangent` those and value. The last three are there in the backward parts.
 * - `queryBlock` and `keyBlock` are wishes; 0 leaves them to the device.
 */
export interface Attend {
  readonly tag: "attend"
  readonly part: "forward" | "query" | "keys"
  readonly batch: ReadonlyArray<number>
  readonly share: ReadonlyArray<number>
  readonly query: number
  readonly key: number
  readonly head: number
  readonly value: number
  readonly q: Expr
  readonly k: Expr
  readonly v: Expr
  readonly queryPosition: Expr
  readonly keyPosition: Expr
  readonly querySegment?: Expr
  readonly keySegment?: Expr
  readonly bias?: Expr
  readonly lse?: Expr
  readonly delta?: Expr
  readonly cotangent?: Expr
  readonly scale: number
  readonly cap: number
  readonly causal: number
  readonly window: number
  readonly queryBlock: number
  readonly keyBlock: number
  readonly stores: ReadonlyArray<Store>
}

/**
 * The nearest code: acc(0)[batch, rows] (i32) is the code with the least sum over depth of b * b - 2 * a * b, the lowest of
 * equals. Only a score below infinity is the least; where none is, 0. Variables: batch, rows, codes, depth. `a` uses no
 * codes, `b` no rows, the stores neither codes nor depth. Sums are f32, of one order for all codes, so that equal codes
 * have equal scores. Scores are never stored.
 */
export interface Nearest {
  readonly tag: "nearest"
  readonly batch: ReadonlyArray<number>
  readonly rows: ReadonlyArray<number>
  readonly codes: number
  readonly depth: ReadonlyArray<number>
  readonly a: Expr
  readonly b: Expr
  readonly stores: ReadonlyArray<Store>
}

/** The kernels that every device must run. */
export type Kernel = Loop | Contract | Scatter | Cumulate | Sort | Attend | Nearest
