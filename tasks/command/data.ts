/**
 * `deno task data`: what a source holds, before anything is learned from it: its first examples with what counts, how long
 * they are, and what cannot be used.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { examples, type Reader } from "../data/examples.ts"
import type { Example } from "../data/example.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { look } from "../data/look.ts"
import { named } from "../data/named.ts"
import type { Sequence, Source } from "../data/source.ts"
import { tokenizerNamed } from "../data/tokenizers.ts"
import { visionExamples } from "../data/vision.ts"
import { lwmLayout } from "../../models/world/layout.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { tame } from "../numbers.ts"
import type { Surroundings } from "./around.ts"
import { type Asked, type Command, count, type Flag, text, texts, yes } from "./flags.ts"

type DataFlags = {
  readonly source: Flag<ReadonlyArray<string>>
  readonly fields: Flag<string>
  readonly "fields-from-example": Flag<string>
  readonly "fields-index": Flag<number>
  readonly columns: Flag<string>
  readonly prepend: Flag<string>
  readonly separator: Flag<string>
  readonly "no-bos": Flag<true>
  readonly "no-eos": Flag<true>
  readonly codes: Flag<number>
  readonly frame: Flag<number>
  readonly frames: Flag<number>
  readonly context: Flag<number>
  readonly tokenizer: Flag<string>
  readonly show: Flag<number>
  readonly tokens: Flag<number>
  readonly limit: Flag<number>
}

/** What may be asked of it. */
export const command: Command<DataFlags> = {
  call: "deno task data --source=NAME [flags]",
  about: "Shows what a source of data holds: its first examples, how long they are, what cannot be used.",
  names: 0,
  flags: {
    source: texts(
      "NAME",
      "a folder of .txt files, a file (.jsonl, .parquet, .txt), moby-dick or speeches;\n" +
        "said several times, files of one kind are one source",
    ),
    fields: text(
      "LIST",
      "which fields become tokens: a,[b] reads a and then b without loss, a+b joins them,\n" +
        "<|bos|> and <|eos|> are tokens (text)",
    ),
    "fields-from-example": text("NAME", "the field of each document that holds such a list"),
    "fields-index": count("N", "which of a document's lists, where it has several; drawn without it"),
    columns: text("A,B", "columns of parquet files; all of them without it"),
    prepend: text("TEXT", "text before that of the first field", 0),
    separator: text("TEXT", "between fields that are joined (a blank)", 0),
    "no-bos": yes("no token at the beginning"),
    "no-eos": yes("no token at the end"),
    codes: count("N", "codes of a codebook: fields whose names hold 'vision' are codes of frames"),
    frame: count("N", "codes of a frame; 256 without it, as LWM's"),
    frames: count("N", "the most frames that are taken of a video; all of them without it"),
    context: count("N", "tokens of the longest row: examples with frames that are longer cannot be used"),
    tokenizer: text("NAME", "bytes, llama2, or the path of a tokenizer.json (bytes)"),
    show: count("N", "examples that are shown (3)"),
    tokens: count("N", "tokens of each that are shown (300)"),
    limit: count("N", "how many readings may be of no use; more are an error"),
  },
}

const readerOf = (said: Asked<DataFlags>["values"]): Reader => {
  const { "fields-from-example": own, prepend, separator } = said
  const fields = said.fields ?? (own === undefined ? "text" : undefined)
  return {
    ...(fields === undefined ? {} : { fields }),
    ...(own === undefined ? {} : { fieldsFromExample: own }),
    ...(prepend === undefined ? {} : { prepend }),
    ...(separator === undefined ? {} : { separator }),
    fieldsIndex: said["fields-index"] ?? -1,
    addBos: said["no-bos"] !== true,
    addEos: said["no-eos"] !== true,
  }
}

/** Text, or text and frames where somebody says how many codes there are. */
const sequenceOf = (
  source: Source,
  tokenizer: Tokenizer,
  said: Asked<DataFlags>["values"],
): E.Either<DataFault, Sequence<Example>> => {
  const { codes, frame = lwmLayout.frame, frames, context } = said
  if (codes !== undefined) {
    const most = { ...(frames === undefined ? {} : { frames }), ...(context === undefined ? {} : { context }) }
    return visionExamples(source, { ...readerOf(said), layout: { codes, frame }, ...most }, tokenizer)
  }
  const alone = (["frame", "frames", "context"] as const).find((name) => said[name] !== undefined)
  return alone === undefined
    ? examples(source, readerOf(said), tokenizer)
    : E.left(dataFault("settings", alone, `--${alone} is of frames; say --codes, the codes of their codebook, too`))
}

const shown = ({ terminal }: Surroundings, said: Asked<DataFlags>["values"]): Effect.Effect<void, DataFault> =>
  Effect.gen(function* () {
    const { source: names, columns, show = 3, tokens = 300, limit = Infinity } = said
    if (names === undefined) {
      const message = "--source is missing; name a folder, files, moby-dick or speeches"
      return yield* Effect.fail(dataFault("settings", "source", message))
    }
    const source = named(names, columns?.split(","))
    if (E.isLeft(source)) return yield* Effect.fail(source.left)
    const tokenizer = yield* tokenizerNamed(said.tokenizer ?? "bytes")
    const sequence = sequenceOf(source.right, tokenizer, said)
    if (E.isLeft(sequence)) return yield* Effect.fail(sequence.left)
    return yield* look(sequence.right, tokenizer, { show, tokens, limit, codes: said.codes }, terminal)
  })

/** Runs it; gives the exit code: 1 for data that cannot be used, 2 for what cannot be asked of it. */
export const data = (around: Surroundings, { values }: Asked<DataFlags>): Effect.Effect<number> =>
  Effect.match(shown(around, values), {
    onSuccess: () => 0,
    onFailure: (fault) => {
      around.complain(`${tame(fault.message)}\n`)
      return fault.reason === "fields" || fault.reason === "settings" ? 2 : 1
    },
  })
