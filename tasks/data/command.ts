/**
 * `deno task data`: what a source holds, before anything is learned from it: its first examples with what counts, how long
 * they are, and what cannot be used.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { parseArgs } from "node:util"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { grouped, tame, type Terminal } from "../progress.ts"
import { counts } from "./documents.ts"
import type { Example } from "./example.ts"
import { examples, type Reader } from "./examples.ts"
import { type DataFault, dataFault, saying } from "./fault.ts"
import { named } from "./named.ts"
import { binsText, exampleText, malformedText, several, usualBins } from "./shown.ts"
import type { Sequence } from "./source.ts"
import { another, none, type Tally, tooMany } from "./tally.ts"
import { tokenizerNamed } from "./tokenizers.ts"

/** What `--help` prints. */
export const usage = `Shows what a source of data holds: its first examples, how long they are, what cannot be used.

    deno task data --source=NAME [flags]

  --source=NAME               a folder of .txt files, a file (.jsonl, .parquet, .txt), moby-dick or speeches;
                              said several times, files of one kind are one source
  --fields=LIST               which fields become tokens: a,[b] reads a and then b without loss, a+b joins them,
                              <|bos|> and <|eos|> are tokens (text)
  --fields-from-example=NAME  the field of each document that holds such a list
  --fields-index=N            which of a document's lists, where it has several; drawn without it
  --columns=A,B               columns of parquet files; all of them without it
  --prepend=TEXT              text before that of the first field
  --separator=TEXT            between fields that are joined (a blank)
  --no-bos, --no-eos          no token at the beginning, at the end
  --tokenizer=NAME            bytes, llama2, or the path of a tokenizer.json (bytes)
  --show=N                    examples that are shown (3)
  --tokens=N                  tokens of each that are shown (300)
  --limit=N                   how many readings may be of no use; more are an error
  --help                      this text
`

const flags = {
  source: { type: "string", multiple: true },
  fields: { type: "string" },
  "fields-from-example": { type: "string" },
  "fields-index": { type: "string" },
  columns: { type: "string" },
  prepend: { type: "string" },
  separator: { type: "string" },
  "no-bos": { type: "boolean" },
  "no-eos": { type: "boolean" },
  tokenizer: { type: "string" },
  show: { type: "string" },
  tokens: { type: "string" },
  limit: { type: "string" },
  help: { type: "boolean" },
} as const

/** What was asked for. */
interface Asked {
  readonly sources: ReadonlyArray<string>
  readonly columns: ReadonlyArray<string> | undefined
  readonly reader: Reader
  readonly tokenizer: string
  readonly show: number
  readonly tokens: number
  readonly limit: number
}

const count = (name: string, text: string | undefined, otherwise: number): E.Either<string, number> => {
  if (text === undefined) return E.right(otherwise)
  const n = /^\d+$/.test(text.trim()) ? Number(text) : NaN
  return Number.isSafeInteger(n) ? E.right(n) : E.left(`--${name} is '${text}'; expected a whole number of 0 or more`)
}

/** Reads the flags; undefined where help is wanted. */
export const parse = (args: ReadonlyArray<string>): E.Either<string, Asked | undefined> => {
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values,
    (e) => saying(e),
  )
  if (E.isLeft(read)) return read
  const v = read.right
  if (v.help === true) return E.right(undefined)
  if (v.source === undefined) return E.left("--source is missing; name a folder, files, moby-dick or speeches")
  const numbers = E.sequenceArray([
    count("show", v.show, 3),
    count("tokens", v.tokens, 300),
    count("limit", v.limit, Infinity),
    count("fields-index", v["fields-index"], -1),
  ])
  if (E.isLeft(numbers)) return numbers
  const [show, tokens, limit, fieldsIndex] = numbers.right as readonly [number, number, number, number]
  const own = v["fields-from-example"]
  const fields = v.fields ?? (own === undefined ? "text" : undefined)
  return E.right({
    sources: v.source,
    columns: v.columns?.split(","),
    tokenizer: v.tokenizer ?? "bytes",
    reader: {
      ...(fields === undefined ? {} : { fields }),
      ...(own === undefined ? {} : { fieldsFromExample: own }),
      ...(v.prepend === undefined ? {} : { prepend: v.prepend }),
      ...(v.separator === undefined ? {} : { separator: v.separator }),
      fieldsIndex,
      addBos: v["no-bos"] !== true,
      addEos: v["no-eos"] !== true,
    },
    ...{ show, tokens, limit },
  })
}

// ---- looking -----------------------------------------------------------------------

interface Seen {
  readonly tally: Tally
  readonly lengths: Array<number>
  readonly counted: number
}

/** Tells on a terminal how far it is; a pipe hears nothing. */
const progress = ({ interactive, write }: Terminal, { lengths }: Seen): void => {
  if (interactive && lengths.length % 100 === 0) write(`\r\x1b[2K${grouped(lengths.length)} examples`)
}

const look = (
  sequence: Sequence<Example>,
  tokenizer: Tokenizer,
  { show, tokens, limit }: Asked,
  out: Terminal,
): Effect.Effect<void, DataFault> =>
  Effect.gen(function* () {
    const style = { colours: out.interactive, tokens }
    const erase = out.interactive ? "\r\x1b[2K" : ""
    const seen = yield* Stream.runFoldEffect(
      sequence.read(undefined),
      (): Seen => ({ tally: none, lengths: [], counted: 0 }),
      (now, { id, value }) =>
        Effect.gen(function* () {
          if (E.isLeft(value)) {
            const tally = another(now.tally, { id, why: value.left })
            const fault = tooMany(sequence.name, tally, limit)
            return fault === undefined ? { ...now, tally } : yield* Effect.fail(fault)
          }
          now.lengths.push(value.right.tokens.length)
          progress(out, now)
          if (now.lengths.length <= show) out.write(`${erase}${exampleText(id, value.right, tokenizer, style)}\n\n`)
          return { ...now, counted: now.counted + value.right.counted.reduce((a, b) => a + b, 0) }
        }),
    )
    const all = seen.lengths.reduce((a, b) => a + b, 0)
    const sizes = [
      several(seen.lengths.length, "example"),
      several(all, "token"),
      `${grouped(seen.counted)} of them counted`,
    ]
    out.write(`${erase}${sequence.name} by ${tokenizer.name}: ${sizes.join(", ")}\n`)
    if (seen.lengths.length > 0) out.write(`${binsText(usualBins, counts(seen, usualBins))}\n`)
    out.write(`${malformedText(seen.tally)}\n`)
    if (seen.lengths.length > 0) return
    const message = `${sequence.name} gives no example; look at the fields that its documents have`
    return yield* Effect.fail(dataFault("empty", sequence.name, message))
  })

const shown = (asked: Asked, out: Terminal): Effect.Effect<void, DataFault> =>
  Effect.gen(function* () {
    const source = named(asked.sources, asked.columns)
    if (E.isLeft(source)) return yield* Effect.fail(source.left)
    const tokenizer = yield* tokenizerNamed(asked.tokenizer)
    const sequence = examples(source.right, asked.reader, tokenizer)
    if (E.isLeft(sequence)) return yield* Effect.fail(sequence.left)
    return yield* look(sequence.right, tokenizer, asked, out)
  })

/** Runs the command; its exit code is 0, 1 for data that cannot be used, 2 for flags that cannot be read. */
export const command = async (
  args: ReadonlyArray<string>,
  out: Terminal,
  complain: (text: string) => void,
): Promise<number> => {
  const asked = parse(args)
  if (E.isLeft(asked)) {
    complain(`${asked.left}\n\n${usage}`)
    return 2
  }
  if (asked.right === undefined) {
    out.write(usage)
    return 0
  }
  const done = shown(asked.right, out).pipe(
    Effect.as(0),
    Effect.catch((fault) =>
      Effect.sync(() => {
        complain(`${tame(fault.message)}\n`)
        return fault.reason === "fields" || fault.reason === "settings" ? 2 : 1
      })
    ),
  )
  return await Effect.runPromise(done)
}
