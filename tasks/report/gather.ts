/**
 * A report's data out of the store and the log, without running anything: what the stages of a pipeline made, how long that
 * took, and what they measured. Stages that are not made yet are in it as such.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { FileFault } from "../../core/files/codec.ts"
import { BitsPerByte, ByPosition } from "../evaluate/perplexity.ts"
import { Result } from "../evaluate/result.ts"
import { type Event, logOf, parseLog } from "../events.ts"
import { Pairs, readPairs } from "../questions/pairs.ts"
import type { StageFault } from "../stage/fault.ts"
import { filesIn } from "../stage/files.ts"
import { readKept } from "../stage/kept.ts"
import type { Pipeline } from "../stage/stage.ts"
import { survey } from "../stage/survey.ts"
import { Store, type StoreFault } from "../store.ts"
import { Trained } from "../train/training.ts"
import { measured } from "./baselines.ts"
import { type Base, type Mark, nothing, type Questions, type ReportData, Samples } from "./data.ts"
import { factsOf, findings, lanes, type Stood } from "./facts.ts"
import { type Outline, outlineOf } from "./outline.ts"
import { spent } from "./times.ts"
import { gatherVision, sees } from "./vision/gather.ts"

/** What can go wrong. */
export type GatherFault = StageFault | StoreFault | FileFault

// ---- what is there -------------------------------------------------------------

const stood = (pipeline: Pipeline, log: ReadonlyArray<Event>) =>
  Effect.flatMap(
    survey(pipeline.stages),
    (seen) =>
      Effect.forEach(seen, ({ stage, state, key, made }) =>
        Effect.gen(function* () {
          const kept = state === "cached" && key !== undefined ? yield* readKept("output", stage.name, key) : undefined
          const whole = kept !== undefined && E.isRight(kept) ? kept.right : undefined
          const known: Stood = {
            ...{ stage, key, made, digest: whole?.digest, value: whole?.value },
            spent: spent(log, stage.name, key ?? ""),
          }
          return known
        })),
  )

/** What compressors make of a text that a stage has put into a file. */
const marksOf = (all: ReadonlyArray<Stood>): ReadonlyArray<Mark> => {
  const files = new Set(all.flatMap((s) => s.value === undefined ? [] : filesIn(s.value).map((f) => f.digest)))
  return measured.filter((m) => files.has(m.digest)).flatMap((m) =>
    m.compressed.map((c) => ({ tool: c.tool, bits: 8 * c.bytes / m.bytes, bytes: m.bytes }))
  )
}

// ---- questions -------------------------------------------------------------------

const shown = 3

/** The pairs of a stage, some of them as they are; a file that is gone is no reason to show nothing else. */
const questionsOf = ({ stage, value }: Stood): Effect.Effect<ReadonlyArray<Questions>, StoreFault, Store> =>
  Effect.gen(function* () {
    const pairs = stage.output === Pairs ? Pairs.decode(value) : undefined
    if (pairs === undefined || E.isLeft(pairs)) return []
    const { by, chunks, nothing, malformed, pairs: count } = pairs.right
    const all = yield* Effect.catch(
      Effect.map(readPairs(pairs.right), (map) => [...map.values()]),
      (fault) => fault._tag === "FileFault" ? Effect.succeed([]) : Effect.fail(fault),
    )
    const every = Math.max(1, Math.ceil(all.length / shown))
    const some = all.filter((_, i) => i % every === 0).map((p) => ({ ...p, by }))
    return [{ stage: stage.name, by, chunks, pairs: count, nothing, malformed, some }]
  })

// ---- the rest --------------------------------------------------------------------

const samplesOf = ({ stage, value }: Stood) => {
  const said = stage.output === Samples ? Samples.decode(value) : undefined
  return said !== undefined && E.isRight(said) ? said.right : []
}

const baseOf = (all: ReadonlyArray<Stood>, { base }: Outline): Base | null => {
  const at = all.find((s) => s.stage.name === base?.stage)
  const made = Trained.decode(at?.value)
  if (base === undefined || at === undefined || E.isLeft(made)) return null
  const { digest, bytes } = made.right.parameters
  return { name: base.stage, digest, bytes, verified: digest === base.declared, madeBy: base.madeBy, says: base.says }
}

const commandsOf = ({ name }: Pipeline): ReadonlyArray<string> =>
  ["plan", "run", "report"].map((task) => `npx -y deno task ${task} ${name}`)

const unmade = (all: ReadonlyArray<Stood>): ReadonlyArray<string> => {
  const names = all.filter((s) => s.value === undefined).map((s) => s.stage.name)
  return names.length === 0 ? [] : [`Not made yet: ${names.join(", ")}.`]
}

/** The data of a pipeline's report. Faults: stages that are declared wrongly, a store that cannot be read. */
export const gather = (pipeline: Pipeline): Effect.Effect<ReportData, GatherFault, Store> =>
  Effect.gen(function* () {
    const bytes = yield* (yield* Store).read(logOf(pipeline.name))
    const log = parseLog(new TextDecoder().decode(bytes))
    const all = yield* stood(pipeline, log)
    const text = all.filter((s) => !sees(s.stage))
    const outline = outlineOf(pipeline)
    const lane = lanes(all.map((s) => s.stage), outline)
    const vision = yield* gatherVision(all, log, lane, outline)
    return {
      ...nothing(pipeline.name),
      title: outline.title ?? `The pipeline ${pipeline.name}`,
      says: outline.says ?? pipeline.about,
      device: [...new Set(all.map((s) => s.made).filter((m) => m !== ""))].join("; "),
      stages: all.map((s) => factsOf(s, lane(s.stage))),
      tests: findings(text, Result, lane, outline),
      bits: findings(text, BitsPerByte, lane, outline),
      marks: marksOf(all),
      positions: findings(text, ByPosition, lane, outline),
      samples: all.flatMap(samplesOf),
      questions: (yield* Effect.forEach(all, questionsOf)).flat(),
      base: baseOf(all, outline),
      commands: outline.commands ?? commandsOf(pipeline),
      notes: [...unmade(all), ...all.flatMap((s) => s.spent.notes)],
      remarks: all.flatMap((s) => s.spent.remarks),
      ...(vision === undefined ? {} : { vision }),
    }
  })
