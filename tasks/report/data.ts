/**
 * What a report is made of: plain data with a codec, so that a page can be made again from its file, or a picture of it by
 * anybody else. What is not known is null or an empty list, and the page says so.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../core/files/codec.ts"
import { BitsPerByte, ByPosition } from "../evaluate/perplexity.ts"
import { Result } from "../evaluate/result.ts"
import type { Json } from "../stage/stage.ts"
import { JsonCodec } from "../train/settings.ts"
import { Point } from "../train/training.ts"
import { type Found, found, Lane } from "./found.ts"
import { VisionData } from "./vision/data.ts"

export { type Found, Lane, VisionData }

// ---- types -------------------------------------------------------------------

/** A training, as its settings, its output and the log tell of it. */
export interface TrainingFacts {
  readonly lane: Lane
  /** Tokens of a row. */
  readonly context: number
  /** Base of the rotary wavelengths. */
  readonly theta: number
  /** Rows in a step. */
  readonly rows: number
  readonly steps: number
  readonly tokens: number
  /** The highest learning rate. */
  readonly rate: number
  readonly parameters: number
  readonly curve: ReadonlyArray<Point>
  /** Mean over the steps that the log tells of, evaluations and interruptions left out. */
  readonly tokensPerSecond: number | null
  /** Bytes that were forecast. */
  readonly forecast: number | null
  /** The most bytes that the device held after a step. */
  readonly measured: number | null
}

/** One stage. */
export interface StageFacts {
  readonly name: string
  readonly about: string
  readonly version: string
  readonly key: string | null
  /** Of its output. */
  readonly digest: string | null
  /** The stages that it needs. */
  readonly needs: ReadonlyArray<string>
  /** On what it was made. */
  readonly made: string
  /** Was it there already when the pipeline ran last? */
  readonly cached: boolean
  /** All time that was spent on it, interruptions left out. */
  readonly seconds: number | null
  readonly settings: Json
  readonly training: TrainingFacts | null
}

/** What compressors make of the same text. */
export interface Mark {
  readonly tool: string
  readonly bits: number
  /** Bytes of the text. */
  readonly bytes: number
}

/** Something that was said. */
export interface Sample {
  readonly prompt: string
  readonly answer: string
  /** Who said it, and how: `greedy, after the last stage`. */
  readonly label: string
}

/** Questions that a stage made of a text, and some of them. */
export interface Questions {
  readonly stage: string
  /** The writer, by its own label. */
  readonly by: string
  readonly chunks: number
  readonly pairs: number
  readonly nothing: number
  readonly malformed: number
  readonly some: ReadonlyArray<{ readonly question: string; readonly answer: string; readonly by: string }>
}

/** Parameters that were not learned here. */
export interface Base {
  readonly name: string
  readonly digest: string
  readonly bytes: number
  /** Was the digest of its bytes compared with the declared one? */
  readonly verified: boolean
  /** What makes it again: `deno task run base`. */
  readonly madeBy: string
  readonly says: string
}

/** All of it. */
export interface ReportData {
  readonly format: "orrery-report"
  readonly version: 1
  readonly pipeline: string
  readonly title: string
  readonly says: string
  /** The devices that stages were made on. */
  readonly device: string
  readonly stages: ReadonlyArray<StageFacts>
  /** Needles and all other tests over a grid; those of one task stand beside each other. */
  readonly tests: ReadonlyArray<Found<Result>>
  /** Bits per byte, in the order of the stages. */
  readonly bits: ReadonlyArray<Found<BitsPerByte>>
  readonly marks: ReadonlyArray<Mark>
  readonly positions: ReadonlyArray<Found<ByPosition>>
  readonly samples: ReadonlyArray<Sample>
  readonly questions: ReadonlyArray<Questions>
  readonly base: Base | null
  /** What to type for the same again. */
  readonly commands: ReadonlyArray<string>
  /** What went otherwise than it should. */
  readonly notes: ReadonlyArray<string>
  /** What stages told on their way. */
  readonly remarks: ReadonlyArray<string>
  /** What models that see keep, show and answer; left out where no stage is of that kind. */
  readonly vision?: VisionData
}

// ---- codecs ------------------------------------------------------------------

const orNull = <A>(codec: t.Type<A, unknown>): t.Type<A | null, unknown> => t.union([codec, t.null])
const number: t.Type<number, unknown> = finite
const text: t.Type<string, unknown> = t.string

const TrainingFacts: t.Type<TrainingFacts, unknown> = t.strict({
  lane: Lane,
  context: natural,
  theta: finite,
  rows: natural,
  steps: natural,
  tokens: natural,
  rate: finite,
  parameters: natural,
  curve: t.readonlyArray(Point),
  tokensPerSecond: orNull(number),
  forecast: orNull(number),
  measured: orNull(number),
})

const StageFacts: t.Type<StageFacts, unknown> = t.strict({
  name: t.string,
  about: t.string,
  version: t.string,
  key: orNull(text),
  digest: orNull(text),
  needs: t.readonlyArray(t.string),
  made: t.string,
  cached: t.boolean,
  seconds: orNull(number),
  settings: JsonCodec,
  training: orNull(TrainingFacts),
})

/** The codec of things that were said; a stage that makes a list of them has it shown. */
export const Samples: t.Type<ReadonlyArray<Sample>, unknown> = t.readonlyArray(
  t.strict({ prompt: t.string, answer: t.string, label: t.string }),
)

const Questions: t.Type<Questions, unknown> = t.strict({
  stage: t.string,
  by: t.string,
  chunks: natural,
  pairs: natural,
  nothing: natural,
  malformed: natural,
  some: t.readonlyArray(t.strict({ question: t.string, answer: t.string, by: t.string })),
})

const Base: t.Type<Base, unknown> = t.strict({
  name: t.string,
  digest: t.string,
  bytes: natural,
  verified: t.boolean,
  madeBy: t.string,
  says: t.string,
})

/** The codec of reports. */
export const ReportData: t.Type<ReportData, unknown> = t.exact(t.intersection([
  t.type({
    format: t.literal("orrery-report"),
    version: t.literal(1),
    pipeline: t.string,
    title: t.string,
    says: t.string,
    device: t.string,
    stages: t.readonlyArray(StageFacts),
    tests: t.readonlyArray(found(Result)),
    bits: t.readonlyArray(found(BitsPerByte)),
    marks: t.readonlyArray(t.strict({ tool: t.string, bits: finite, bytes: natural })),
    positions: t.readonlyArray(found(ByPosition)),
    samples: Samples,
    questions: t.readonlyArray(Questions),
    base: orNull(Base),
    commands: t.readonlyArray(t.string),
    notes: t.readonlyArray(t.string),
    remarks: t.readonlyArray(t.string),
  }),
  t.partial({ vision: VisionData }),
]))

/** Nothing known but the name. */
export const nothing = (pipeline: string): ReportData => ({
  ...{ format: "orrery-report", version: 1, pipeline, title: pipeline, says: "", device: "" },
  ...{ stages: [], tests: [], bits: [], marks: [], positions: [], samples: [], questions: [] },
  ...{ base: null, commands: [], notes: [], remarks: [] },
})
