/**
 * What draws reports, read when one is drawn: its packages are optional, and who lacks them learns which to install.
 * @module
 */
import * as Effect from "effect/Effect"
import type { DataFault } from "../data/fault.ts"
import { brought } from "../data/package.ts"
import type { Pipeline } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import type { ReportData } from "./data.ts"
import type { GatherFault } from "./gather.ts"

/** What draws. */
export interface Drawing {
  /** A page of what was gathered: one file of HTML. */
  readonly reportPage: (data: ReportData) => string
  /** Writes the page and its data beside the pipeline's log; gives the page's path for people. */
  readonly writeReport: (pipeline: Pipeline) => Effect.Effect<string, GatherFault, Store>
}

/** Reads what draws; faults where `@observablehq/plot` or `linkedom` is not installed. */
export const drawing: Effect.Effect<Drawing, DataFault> = Effect.gen(function* () {
  yield* brought("@observablehq/plot", () => import("@observablehq/plot"))
  yield* brought("linkedom", () => import("linkedom"))
  return yield* Effect.promise(() => import("./write.ts"))
})

/** Writes a pipeline's report of what is stored; gives the page's path for people. */
export const writeReport = (pipeline: Pipeline): Effect.Effect<string, DataFault | GatherFault, Store> =>
  Effect.flatMap(drawing, (d) => d.writeReport(pipeline))
