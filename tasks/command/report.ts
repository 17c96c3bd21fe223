/**
 * `deno task report`: makes the page of a pipeline again out of what is stored, or out of the data of another report. It
 * runs nothing.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { decodeJson, type FileFault } from "../../core/files/codec.ts"
import { failure, meant, rootOf, type Shared, shared, type Surroundings } from "./around.ts"
import { readText, writeText } from "../named.ts"
import { type Asked, type Command, type Flag, text } from "./flags.ts"
import type { DataFault } from "../data/fault.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import { pipelineFaults } from "../stage/key.ts"
import { folder, type StoreFault } from "../store.ts"
import { ReportData } from "../report/data.ts"
import { drawing } from "../report/drawing.ts"
import { gather, type GatherFault } from "../report/gather.ts"

type ReportFlags = Pick<Shared, "root" | "from"> & { readonly out: Flag<string>; readonly data: Flag<string> }

/** What may be asked of it. */
export const command: Command<ReportFlags> = {
  call: "deno task report <pipeline> [flags]",
  about: "Makes a pipeline's report page again, of what its stages left and what its log tells. It runs nothing.",
  names: 1,
  flags: {
    root: shared.root,
    from: shared.from,
    out: text("FILE", "where the page goes (<root>/<pipeline>/report.html)"),
    data: text("FILE", "a report.json to make the page of, in the place of a pipeline"),
  },
  more:
    "It prints the page's path. The page is one file that needs nothing else: open it by its path, or send it to\n" +
    "somebody. The numbers lie beside it in report.json.",
}

type Fault = DataFault | GatherFault | FileFault

const fromData = (path: string): Effect.Effect<string, DataFault | StoreFault | FileFault> =>
  Effect.gen(function* () {
    const data = decodeJson(ReportData, yield* readText(path))
    if (E.isRight(data)) return (yield* drawing).reportPage(data.right)
    const fault = data.left[0]!
    return yield* Effect.fail({ ...fault, message: `${path} is no report.json of this version: ${fault.message}` })
  })

const unclear = (why: string): Effect.Effect<never, StageFault> => Effect.fail(stageFault("unknown", "report", why))

/** Makes the page; gives its path. */
const made = (around: Surroundings, { names: [name], values }: Asked<ReportFlags>): Effect.Effect<string, Fault> =>
  Effect.gen(function* () {
    const { data, out } = values
    if (data !== undefined) {
      if (name !== undefined) return yield* unclear(`either a pipeline or --data; got ${name} and ${data}`)
      const page = yield* fromData(data)
      return yield* writeText(out ?? `${data.replace(/\.json$/, "")}.html`, page)
    }
    const all = yield* meant(around, values.from, name)
    const pipeline = all[0]
    if (pipeline === undefined || all.length > 1) {
      return yield* unclear(`name a pipeline: ${all.map((r) => r.name).join(", ")}`)
    }
    const wrong = pipelineFaults(pipeline)[0]
    if (wrong !== undefined) return yield* Effect.fail(wrong)
    const store = folder(rootOf(values.root))
    const { reportPage, writeReport } = yield* drawing
    if (out === undefined) return yield* Effect.provide(writeReport(pipeline), store)
    return yield* writeText(out, reportPage(yield* Effect.provide(gather(pipeline), store)))
  })

/** Runs it; gives the exit code. */
export const report = (around: Surroundings, asked: Asked<ReportFlags>): Effect.Effect<number> =>
  Effect.matchEffect(made(around, asked), {
    onFailure: failure(around),
    onSuccess: (path) =>
      Effect.sync(() => {
        around.terminal.write(`${path}\n`)
        return 0
      }),
  })
