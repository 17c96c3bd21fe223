/**
 * What is learned from, at three sizes: an example (one document, one dialogue), rows of them as a step takes them, and
 * the position in an endless, deterministic stream of rows.
 * @module
 */
import type * as Stream from "effect/Stream"
import type { Host } from "../../core/tensor/host.ts"
import type { Json } from "../stage/stage.ts"

/** Tokens in order, and which of them count when they are the target: 0 for what is given, 1 for what is to be said. */
export interface Example {
  readonly tokens: Int32Array
  readonly counted: Uint8Array
}

/**
 * Rows for one step. `targets` are `tokens` one place later; a weight is how much a target counts in the loss, 0 for padding
 * and what is given. Packed rows have segments, which never fall along a row, and positions that restart in each.
 */
export interface Rows {
  readonly tokens: Host<"i32", ["batch", "time"]>
  readonly targets: Host<"i32", ["batch", "time"]>
  readonly weights: Host<"f32", ["batch", "time"]>
  readonly segments?: Host<"i32", ["batch", "time"]>
  readonly positions?: Host<"i32", ["batch", "time"]>
}

/** The rows of one step, and where the next ones begin. */
export interface Packed<B extends Rows = Rows> {
  readonly rows: B
  /**
   * Examples that are used up, and how many tokens of the one after them: it is the first of the next batch. A packing may
   * count more into `skip` than tokens, as long as it is a whole number from 0: nobody else looks into it.
   */
  readonly used: number
  readonly skip: number
}

/**
 * A way to put examples into rows: pure, so that rows can be made again from where they began, which is all that a position
 * has to hold. It draws nothing and keeps nothing between two batches.
 */
export interface Packing<E extends Example = Example, B extends Rows = Rows> {
  readonly name: string
  /**
   * The first batch out of examples in order, of which the first lacks `skip` tokens; undefined where they do not fill it
   * yet (the loader then comes again with more). It looks at no example that it does not need.
   */
  readonly pack: (
    examples: ReadonlyArray<E>,
    skip: number,
    shape: { readonly batch: number; readonly time: number },
  ) => Packed<B> | undefined
}

/** Where a stream of rows stands, as data: given back to `from`, it goes on with exactly the next rows. */
export type Position = Json

/** Rows (what a step learns from, by name; tokens if not said otherwise), and the position after them. */
export interface Batch<B = Rows> {
  readonly rows: B
  readonly after: Position
}

/** An endless stream of rows that depends on nothing but its position. `undefined` is its beginning. */
export interface Batches<X = never, R = never, B = Rows> {
  readonly from: (position: Position | undefined) => Stream.Stream<Batch<B>, X, R>
}
