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
import type { Batch, Batches, Position, Rows } from "../data/example.ts"
import { type StepInputs, stepInputs, type Stepping } from "./step.ts"

/** The rows of a step as its program takes them. */
export type Given = { readonly [K in keyof StepInputs["batch"]]: AnyHost }

// ---- reading ahead -------------------------------------------------------------

/** Batches that are made before they are asked for; no more, so that a fast reader does not fill the memory. */
const ahead = 2

const ended: FileFault = fileFault(
  "missing",
  "rows",
  "the stream of rows ended; a training needs one without an end: begin again at the first row after the last",
)

/** Each time the next batch. The stream is read by a fiber of its own, so that loading and stepping overlap. */
export const reader = <X, R>(
  batches: Batches<X, R>,
  position: Position | undefined,
): Effect.Effect<Effect.Effect<Batch, X | FileFault>, never, R | Scope.Scope> =>
  Effect.map(
    Stream.toQueue(batches.from(position), { capacity: ahead }),
    (queue) =>
      Effect.mapError(Queue.take(queue), (e: X | Cause.Done): X | FileFault => Cause.isDone(e) ? ended : e as X),
  )

// ---- what a step takes -----------------------------------------------------------

const places = (time: number): AnyHost => ({
  dtype: "i32",
  axes: ["time"],
  shape: [time],
  data: Int32Array.from({ length: time }, (_, i) => i),
})

const shown = ({ dtype, shape }: { readonly dtype: string; readonly shape: ReadonlyArray<number> }): string =>
  `${dtype} [${shape.join(", ")}]`

/**
 * How rows become inputs: what the program asks for, by name and size. Segments of rows for a program without them are a
 * fault, for they would attend to each other; so are rows of another size.
 */
export const givenBy = (s: Stepping): (rows: Rows) => Given | FileFault => {
  const wanted = Object.entries(stepInputs(s).batch) as unknown as ReadonlyArray<readonly [string, AnySpec]>
  const plain = places(s.recipe.time)
  return (rows) => {
    const found = rows as unknown as { readonly [name: string]: AnyHost | undefined }
    if (rows.segments !== undefined && s.packed !== true) {
      return fileFault("value", "segments", "the rows are packed; declare the training with packed: true")
    }
    const inputs: { [name: string]: AnyHost } = {}
    for (const [name, spec] of wanted) {
      const got = found[name] ?? (name === "positions" && s.packed !== true ? plain : undefined)
      if (got === undefined) {
        const message = `the rows have no ${name}, which the training was declared with; declare it without packed`
        return fileFault("missing", name, message)
      }
      // positions of unpacked rows are the places themselves, the same in all rows
      const fits = name === "positions" && s.packed !== true ? plain : got
      if (fits.dtype !== spec.dtype || fits.shape.join() !== spec.shape.join()) {
        const message = `the rows have ${name} of ${shown(fits)}, the recipe asks for ${shown(spec)} ` +
          `(batch ${s.recipe.batch}, time ${s.recipe.time}); make them of that size`
        return fileFault("size", name, message)
      }
      inputs[name] = fits
    }
    return inputs as Given
  }
}
