/**
 * A Llama as a learner: rows of tokens, packed or not, on rings.
 * @module
 */
import * as Effect from "effect/Effect"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { ranksAlong } from "../../core/mesh/shape.ts"
import { hostKey } from "../../core/random/host.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { parameterCount } from "../../models/llama/config.ts"
import { initialise } from "../../models/llama/parameters.ts"
import { beginFrom } from "../../models/llama/train.ts"
import type { Rows } from "../data/example.ts"
import { grouped, short } from "../numbers.ts"
import { averageOr, type Learner } from "./learner.ts"
import { readParameters } from "./parameters.ts"
import { fitted, type Given } from "./rows.ts"
import { expecting, rateAt, stepInputs, type Stepping } from "./step.ts"
import { watchOf } from "./watch.ts"

// ---- rows --------------------------------------------------------------------

const places = (time: number): AnyHost => ({
  dtype: "i32",
  axes: ["time"],
  shape: [time],
  data: Int32Array.from({ length: time }, (_, i) => i),
})

/**
 * How rows of tokens become inputs: what the program asks for, by name and size. Segments of rows for a program without
 * them are a fault, for they would attend to each other; so are rows of another size.
 */
export const rowsFor = (
  specs: { readonly [name: string]: AnySpec },
  { batch, time }: { readonly batch: number; readonly time: number },
  packed: boolean,
): (rows: Rows) => Given | FileFault => {
  const given = fitted(specs, {
    sizes: `batch ${batch}, time ${time}`,
    lacking: "declare it without packed",
    // positions of unpacked rows are the places themselves, the same in all rows
    ...(packed ? {} : { always: { positions: places(time) } }),
  })
  return (rows) =>
    rows.segments !== undefined && !packed
      ? fileFault("value", "segments", "the rows are packed; declare the training with packed: true")
      : given(rows as unknown as Given)
}

/** How rows become a Llama's inputs. */
export const givenBy = (s: Stepping): (rows: Rows) => Given | FileFault =>
  rowsFor(stepInputs(s).batch as unknown as { readonly [name: string]: AnySpec }, s.recipe, s.packed === true)

// ---- memory ------------------------------------------------------------------

/** What would take less, as far as it is not done yet; the cheapest first. */
const advice: ReadonlyArray<readonly [(s: Stepping) => boolean, (s: Stepping) => string]> = [
  [({ plan }) => plan.loss === undefined, () => "cut the loss (plan.loss: { tokens: 1024, vocab: 8192 })"],
  [({ plan }) => plan.chunk === undefined, () => "work on chunks of tokens (plan.chunk: 1024)"],
  [({ plan }) => plan.remat === "none", () => 'compute layers again (plan.remat: "layer")'],
  [({ recipe }) => recipe.batch > 1, ({ recipe }) => `take fewer rows in a step (recipe.batch, now ${recipe.batch})`],
  [() => true, ({ recipe }) => `take shorter rows (recipe.time, now ${recipe.time})`],
  [
    ({ plan }) => ranksAlong(plan.spread.shape, ["ring"]) === 1,
    () => "spread the rows over a ring of processes (--mesh ring=4)",
  ],
]

/** What would take less memory than such a training does. */
export const adviceOf = (s: Stepping): ReadonlyArray<string> =>
  advice.filter(([fits]) => fits(s)).map(([, say]) => say(s))

// ---- the learner ---------------------------------------------------------------

/** A Llama that learns by a recipe. */
export const llamaLearner = (s: Stepping): Learner<Rows> => {
  const { config, recipe, plan, packed = false } = s
  return {
    ...expecting(s),
    name: "llama",
    settings: { config: { ...config }, recipe: { ...recipe } as never, plan: { ...plan } as never, packed },
    on: (spread) => llamaLearner({ ...s, plan: { ...plan, spread } }),
    given: givenBy(s),
    first: (seed, start) =>
      Effect.map(
        start === undefined ? Effect.sync(() => initialise(config, hostKey(seed))) : readParameters(config, start),
        (parameters) => beginFrom(config, parameters, recipe),
      ),
    learned: averageOr,
    rateAt: (update) => rateAt(recipe, update),
    watch: watchOf(recipe),
    exact: recipe.storage !== "f16",
    notes: [`${grouped(parameterCount(config))} parameters`, `theta ${short(config.theta)}`],
    advice: adviceOf(s),
  }
}
