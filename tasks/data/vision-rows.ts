/**
 * Rows of several kinds in one batch, by shares of the rows: a kind packs rows of its own, so a share is one of what is
 * learned from, however long the examples of a kind are.
 * @module
 */
import * as Stream from "effect/Stream"
import { mixedRows } from "../questions/mix.ts"
import type { Batches } from "./example.ts"
import { type DataFault, dataFault } from "./fault.ts"
import type { VisionRows } from "./vision-example.ts"
import type { TaskWeights } from "./vision-packing.ts"

/** A kind of rows. */
export interface RowsOfKind<X, R> {
  readonly task: string
  readonly share: number
  /** One row at a time, whose weights are those of a batch of one row. */
  readonly rows: Batches<X, R, VisionRows>
}

/** Rows whose weights are multiplied. */
const scaled = <X, R>(rows: Batches<X, R, VisionRows>, by: number): Batches<X, R, VisionRows> => ({
  from: (position) =>
    Stream.map(rows.from(position), ({ rows: { weights, ...rest }, after }) => ({
      rows: { ...rest, weights: { ...weights, data: Float32Array.from<number>(weights.data, (w) => w * by) } },
      after,
    })),
})

/**
 * Batches of `batch` rows by shares. Weights are for a weighted sum (`reduction: "given"`), which is the mean over rows of
 * what each row's weights make of it, each times the weight of its task; the mean of those weights is that which the shares
 * promise. Faults: kinds of which none has a weight above 0.
 */
export const kindRows = <X, R>(
  kinds: ReadonlyArray<RowsOfKind<X, R>>,
  { batch, seed, tasks = {} }: { readonly batch: number; readonly seed: number; readonly tasks?: TaskWeights },
): Batches<X | DataFault, R, VisionRows> => {
  const whole = kinds.reduce((n, { share }) => n + share, 0)
  const mean = kinds.reduce((n, { task, share }) => n + (tasks[task] ?? 1) * share, 0) / whole
  if (!(mean > 0)) {
    const message = `the weights of ${kinds.map(({ task }) => task).join(", ")}, by their shares, are ${mean} in the ` +
      "mean; give one of them a weight above 0, and none one below"
    return { from: () => Stream.fail(dataFault("settings", "tasks", message)) }
  }
  return mixedRows(
    kinds.map(({ task, share, rows }) => [scaled(rows, (tasks[task] ?? 1) / (mean * batch)), share] as const),
    batch,
    seed,
  )
}
