/**
 * What a pipeline's report says beside what is known of its stages anyway: a title, names, which stages measure the control.
 * It lies with the pipeline, which needs none:
 *
 * ```ts
 * import { pipeline } from "../stage/stage.ts"
 * import { reported } from "./outline.ts"
 *
 * const world = reported(pipeline("world", "all of it", {}), {
 *   title: "A small Llama learns to look back",
 *   control: ["needles-base"],
 *   stages: { needles: { name: "With theta scaled", says: "Three extensions." } },
 * })
 * ```
 * @module
 */
import type { Pipeline } from "../stage/stage.ts"

/** A base that was not learned here: the stage that brings it, and the digest that its parameters must have. */
export interface Brought {
  readonly stage: string
  readonly declared: string
  /** What makes it again: `deno task run base`. */
  readonly madeBy: string
  readonly says: string
}

/** What is said. */
export interface Outline {
  readonly title?: string
  readonly says?: string
  /** Stages that measure what the model is compared with; without, those that have `control` in their names. */
  readonly control?: ReadonlyArray<string>
  /** Names and sentences for stages that measure. */
  readonly stages?: { readonly [name: string]: { readonly name?: string; readonly says?: string } }
  readonly base?: Brought
  /** What to type for the same again. */
  readonly commands?: ReadonlyArray<string>
}

/** A pipeline with its outline. */
export interface Reported {
  readonly report: Outline
}

/** Puts an outline to a pipeline. */
export const reported = <P extends Pipeline>(pipeline: P, report: Outline): P & Reported => ({ ...pipeline, report })

/** Does a pipeline have one? Then its runs end with a report. */
export const hasOutline = (pipeline: Pipeline & Partial<Reported>): boolean => pipeline.report !== undefined

/** The outline of a pipeline; an empty one where it has none. */
export const outlineOf = (pipeline: Pipeline & Partial<Reported>): Outline => pipeline.report ?? {}

/** Where the page of a pipeline lies. */
export const pagePath = (pipeline: string): string => `${pipeline}/report.html`

/** Where the data lie that it is made of. */
export const dataPath = (pipeline: string): string => `${pipeline}/report.json`
