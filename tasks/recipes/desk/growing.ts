/**
 * The desk recipe's table: context doubles four times, each time with a larger rotary base, as in LWM's table 11.
 * @module
 */
import { extend, type Extension } from "../extend.ts"
import { base } from "./base.ts"
import type { Mixture } from "./curriculum.ts"
import { reach } from "./model.ts"
import { type Learned, lesson } from "./training.ts"

/** Mostly needles over the new length; enough of the book to forget nothing of it. */
const mixture: Mixture = { text: 0.35, repeats: 0.05, pairs: 0.05, needles: 0.55 }

/** Context, rotary base and steps of every stage. */
export const table: ReadonlyArray<Extension> = [
  { name: "text-512", context: 512, theta: 40_000, steps: 200, tokens: 4096, warmup: 20, rate: 1e-3 },
  { name: "text-1k", context: 1024, theta: 160_000, steps: 200, tokens: 4096, warmup: 20, rate: 1e-3 },
  { name: "text-2k", context: 2048, theta: 640_000, steps: 200, tokens: 4096, warmup: 20, rate: 1e-3 },
]

/** The last row, which says what the finished model looks over. */
export const last: Extension = table[table.length - 1]!

/** The chain of stages. */
export const grown: ReadonlyArray<Learned> = extend(
  table,
  reach,
  base,
  (row, before) =>
    lesson({
      name: row.name,
      about: `context ${row.context}, theta ${row.theta}`,
      reach: row,
      rows: row.tokens / row.context,
      steps: row.steps,
      rate: { kind: "constant", peak: row.rate, warmup: row.warmup },
      mixture,
      seed: row.context,
    }, before),
)
