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

/** Where a stream of rows stands, as data: given back to `from`, it goes on with exactly the next rows. */
export type Position = Json

/** Rows, and the position after them. */
export interface Batch {
  readonly rows: Rows
  readonly after: Position
}

/** An endless stream of rows that depends on nothing but its position. `undefined` is its beginning. */
export interface Batches<X = never, R = never> {
  readonly from: (position: Position | undefined) => Stream.Stream<Batch, X, R>
}
