/**
 * LWM's vision form of JSON lines (`docs/data.md`): a field whose name holds `vision` is a flat list of codes, so many a
 * frame, without ends of frames; the others are text. Fields are listed by the same grammar as for text:
 *
 *     {"instruction": "...", "vision": [17, 4096, ...], "fields": "[instruction],vision"}
 *
 * ```ts
 * import { bytes } from "../../models/tokenizers/bytes.ts"
 * import { jsonLines } from "./jsonl.ts"
 *
 * const seen = visionExamples(jsonLines("pairs.jsonl"), { fieldsFromExample: "fields" }, bytes)
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import {
  block,
  blockLength,
  type Delimiters,
  delimitersOf,
  framesOf,
  framesWithin,
  type Layout,
  type LayoutFault,
  lwmLayout,
  sampledFrames,
} from "../../models/world/layout.ts"
import { exampleOf, examplesAs, type Making, type Reader, type Run } from "./examples.ts"
import { type DataFault, dataFault } from "./fault.ts"
import type { Fields, Sequence, Source } from "./source.ts"
import type { VisionExample } from "./vision-example.ts"

// ---- types -------------------------------------------------------------------

/** How documents with pictures are read. */
export interface VisionReader extends Reader {
  /** Codes of the codebook, and of a frame; LWM's 8192 and 256 without. */
  readonly layout?: Layout
  /** The most frames that are taken of a video, uniformly (LWM's `max_n_frames`); all of them without. */
  readonly frames?: number
  /** Tokens of the longest row: an example with frames that is longer cannot be used. Any length without. */
  readonly context?: number
}

interface Looking {
  readonly layout: Layout
  readonly delimiters: Delimiters
  readonly frames: number
  readonly context: number
}

// ---- a field -------------------------------------------------------------------

/** Is a field of this name a list of codes? LWM's rule. */
export const isVision = (name: string): boolean => name.includes("vision")

/** LWM's documentation writes such fields, and its loader breaks on them. */
const joined = (names: ReadonlyArray<string>): string | undefined => {
  const name = names.find(isVision)
  return names.length === 1 || name === undefined
    ? undefined
    : `'${
      names.join("+")
    }' joins '${name}', a list of codes, to others by '+', which is for text; write them one after ` +
      `another: ${names.map((n) => `[${n}]`).join(",")}`
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
    ? "a list"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`

const numbers = (fields: Fields, name: string): E.Either<string, ReadonlyArray<number>> => {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (value === undefined) {
    return E.left(`it has no field '${name}'; its fields are ${Object.keys(fields).slice(0, 8).join(", ") || "none"}`)
  }
  if (!Array.isArray(value)) {
    return E.left(`field '${name}': expected a list of codes, got ${kindOf(value)}`)
  }
  const odd = value.findIndex((one) => typeof one !== "number")
  return odd < 0 ? E.right(value as ReadonlyArray<number>) : E.left(
    `field '${name}': expected numbers, got ${kindOf(value[odd])} ` +
      `at ${odd}; codes are one flat list, frame after frame`,
  )
}

const framed = (fields: Fields, name: string, looking: Looking): E.Either<string, Omit<Run, "counted">> =>
  E.flatMap((flat: ReadonlyArray<number>) =>
    E.bimap(
      ({ message }: LayoutFault) => `field '${name}': ${message}`,
      (frames: ReadonlyArray<Int32Array>) =>
        block(looking.layout, looking.delimiters, sampledFrames(frames.length, looking.frames).map((i) => frames[i]!)),
    )(framesOf(looking.layout, flat))
  )(numbers(fields, name))

// ---- an example ------------------------------------------------------------------

/** Runs of text and of frames, one after another. */
export const visionExampleOf = (runs: ReadonlyArray<Run>): VisionExample => {
  const example = exampleOf(runs)
  const vision = new Uint8Array(example.tokens.length)
  runs.reduce((at, run) => {
    if (run.vision !== undefined) vision.set(run.vision, at)
    return at + run.tokens.length
  }, 0)
  return { ...example, vision }
}

const tooLong = ({ layout, delimiters, context }: Looking, { tokens, vision }: VisionExample): string | undefined => {
  const seen = vision.reduce((n, v) => n + v, 0)
  if (seen === 0 || tokens.length - 1 <= context) return undefined
  const frames = seen / (layout.frame + 1)
  const rest = tokens.length - 1 - blockLength(layout, delimiters, frames)
  const most = framesWithin(layout, delimiters, context - rest)
  return `${frames} frames and their text are ${tokens.length} tokens, beyond the context of ${context}; ` +
    (most > 0 ? `take ${most} frames at most (frames: ${most}), or a longer context` : "its text alone is too long")
}

const makingOf = (looking: Looking): Making<VisionExample> => ({
  meaning: ["vision", looking.layout.codes, looking.layout.frame].concat(
    [looking.frames, looking.context].map((n) => Number.isFinite(n) ? n : -1),
  ),
  wrong: joined,
  runOf: (fields, names) => names.length === 1 && isVision(names[0]!) ? framed(fields, names[0]!, looking) : undefined,
  made: (runs) => {
    const example = visionExampleOf(runs)
    const why = tooLong(looking, example)
    return why === undefined ? E.right(example) : E.left(why)
  },
})

// ---- the sequence ------------------------------------------------------------------

const whole = (n: number): boolean => n === Infinity || (Number.isSafeInteger(n) && n >= 1)

/**
 * Examples of a source's documents, as `examples` reads text. Codes that are no frames, an id outside of the codebook and
 * frames beyond the context make a document a reading that cannot be used; what is wrong with the reader is a fault now.
 */
export const visionExamples = <R>(
  source: Source<R>,
  { layout = lwmLayout, frames = Infinity, context = Infinity, ...reader }: VisionReader,
  tokenizer: Tokenizer,
): E.Either<DataFault, Sequence<VisionExample, R>> => {
  const odd = Object.entries({ ...layout, frames, context }).find(([, n]) => !whole(n))
  if (odd !== undefined) {
    return E.left(dataFault("settings", odd[0], `${odd[0]} is ${odd[1]}; expected a whole number from 1`))
  }
  return examplesAs(
    source,
    reader,
    tokenizer,
    makingOf({ layout, frames, context, delimiters: delimitersOf(tokenizer) }),
  )
}
