/**
 * What ranks do together. A program with collectives is written once and runs on every rank; what is here speaks of one
 * rank. Ranks are numbered along the mesh axes in `over`, the last the fastest.
 *
 * The derivative of a program with collectives is that of the *sum* of the losses of all ranks: so the transpose of a
 * permute is the inverse shift, all-reduce is its own, all-gather and reduce-scatter are each other's.
 * @module
 */

/** The collectives of the graph. Blocks of all-gather and reduce-scatter lie along a leading axis, one a rank. */
export type Collective =
  /** x of the rank `shift` before this one, around the ring: every rank sends to the rank `shift` after it. */
  | { readonly kind: "permute"; readonly over: ReadonlyArray<string>; readonly ranks: number; readonly shift: number }
  /** The sum, or the greatest, of x over all ranks, on all ranks. */
  | {
    readonly kind: "allReduce"
    readonly over: ReadonlyArray<string>
    readonly ranks: number
    readonly fn: "sum" | "max"
  }
  /** x of all ranks, along a new leading axis `axis`. */
  | { readonly kind: "allGather"; readonly over: ReadonlyArray<string>; readonly ranks: number; readonly axis: string }
  /** The sum over all ranks of this rank's place along the leading axis `axis` of x, which has as many places as ranks. */
  | {
    readonly kind: "reduceScatter"
    readonly over: ReadonlyArray<string>
    readonly ranks: number
    readonly axis: string
  }
  /** x of rank `root`. No gradient goes through it. */
  | { readonly kind: "broadcast"; readonly over: ReadonlyArray<string>; readonly ranks: number; readonly root: number }
