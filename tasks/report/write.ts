/**
 * Writes a pipeline's report beside its log: the page, and the data that it is made of.
 * @module
 */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { Pipeline } from "../stage/stage.ts"
import { Store, utf8 } from "../store.ts"
import { ReportData } from "./data.ts"
import { gather, type GatherFault } from "./gather.ts"
import { dataPath, pagePath } from "./outline.ts"
import { reportPage } from "./report.ts"

/** Writes both, of what is there now; gives the page's path for people. */
export const writeReport = (pipeline: Pipeline): Effect.Effect<string, GatherFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const data = yield* gather(pipeline)
    yield* store.write(dataPath(pipeline.name), utf8(`${JSON.stringify(ReportData.encode(data))}\n`))
    yield* store.write(pagePath(pipeline.name), utf8(reportPage(data)))
    return join(store.root, pagePath(pipeline.name))
  })

export { gather, reportPage }
