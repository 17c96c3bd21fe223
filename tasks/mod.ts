/**
 * The language recipe for users, `@orrery/orrery/tasks`: pipelines of one's own out of sources, trainings, evaluations,
 * questions and reports. It asks for files and processes, so it is for Deno and Node; `@orrery/orrery` is for browsers, too.
 *
 * ```ts
 * import { Tokenizers } from "@orrery/orrery"
 * import { Data } from "@orrery/orrery/tasks"
 *
 * const chapters = Data.examples(Data.mobyDick, { fields: "text" }, Tokenizers.bytes)
 * ```
 * @module
 */

/** Work in stages that is made once and goes on where it was stopped; the same as in `@orrery/orrery`. */
export * as Stages from "./stage/mod.ts"

/** Sources of documents, what of them is learned, order, packing, batches. */
export * as Data from "./data/mod.ts"

/** A training as a stage, its codecs and its parameters. */
export * as Training from "./train/mod.ts"

/** What answers prompts: Llama, guards, chat, drawing. */
export * as Language from "./language/mod.ts"

/** Needles, pairs, variables, perplexity, bits per byte. */
export * as Evaluation from "./evaluate/mod.ts"

/** Who asks about documents, and rows of what was asked. */
export * as Questions from "./questions/mod.ts"

/** Frames, digits that move, pictures and videos in files, their codes. */
export * as Vision from "./vision/mod.ts"

/** Growth by a table, the pipelines of the house, and how commands find them. */
export * as Recipes from "./recipes/mod.ts"

/** A page of what a pipeline has made. */
export * as Report from "./report/mod.ts"
