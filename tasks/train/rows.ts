/**
 * Rows on their way to a step: read ahead while a step runs, and held to what the program was made for.
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import type { Batch, Batches, Position } from "../data/example.ts"

/** What a step learns from, as its program takes it: tensors by name. */
export interface Given {
  readonly [name: string]: AnyHost
}

// ---- reading ahead -------------------------------------------------------------

/** Batches that are made before they are asked for; no more, so that a fast reader does not fill the memory. */
const ahead = 2

const ended: FileFault = fileFault(
  "missing",
  "rows",
  "the stream of rows ended; a training needs one without an end: begin again at the first row after the last",
)

/** Each time the next batch. The stream is read by a fiber of its own, so that loading and stepping overlap. */
export const reader = <X, R, B>(
  batches: Batches<X, R, B>,
  position: Position | undefined,
): Effect.Effect<Effect.Effect<Batch<B>, X | FileFault>, never, R | Scope.Scope> =>
  Effect.map(
    Stream.toQueue(batches.from(position), { capacity: ahead }),
    (queue) =>
      Effect.mapError(Queue.take(queue), (e: X | Cause.Done): X | FileFault => Cause.isDone(e) ? ended : e as X),
  )

// ---- what a step takes -----------------------------------------------------------

const shown = ({ dtype, shape }: { readonly dtype: string; readonly shape: ReadonlyArray<number> }): string =>
  `${dtype} [${shape.join(", ")}]`

/** What is said of rows that do not fit. */
export interface Fitting {
  /** The sizes that were declared, for people: "batch 8, time 256". */
  readonly sizes: string
  /** What to do where rows lack something. */
  readonly lacking: string
  /** What is the same in every step and taken in the place of what rows have. */
  readonly always?: Given
}

/** How rows become inputs: what the program asks for, by name and size. Faults: rows without it, or of another size. */
export const fitted =
  (specs: { readonly [name: string]: AnySpec }, { sizes, lacking, always = {} }: Fitting) =>
  (rows: Given): Given | FileFault => {
    const inputs: { [name: string]: AnyHost } = {}
    for (const [name, spec] of Object.entries(specs)) {
      const got = always[name] ?? rows[name]
      if (got === undefined) {
        const message = `the rows have no ${name}, which the training was declared with; ${lacking}`
        return fileFault("missing", name, message)
      }
      if (got.dtype !== spec.dtype || got.shape.join() !== spec.shape.join()) {
        const message = `the rows have ${name} of ${shown(got)}, the recipe asks for ${shown(spec)} ` +
          `(${sizes}); make them of that size`
        return fileFault("size", name, message)
      }
      inputs[name] = got
    }
    return inputs
  }
