/**
 * Pairs for all chunks, each asked for once. What is written is kept at once, by the writer's identity, the seed and the
 * chunk's digest, in a log that outlives the stage: killed at any moment and run again, with other lengths or other
 * documents, nothing that is paid for is asked again.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, type FileFault, natural } from "../../core/files/codec.ts"
import { sha256Text } from "../../core/graph/sha256.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { type Events, say, sayingAtMost } from "../events.ts"
import { Digest, FileRef, getBytes, putBytes } from "../objects.ts"
import { Store, type StoreFault, utf8 } from "../store.ts"
import type { Chunk } from "./chunks.ts"
import { keyOf, type Pair, Writer, type WriterFault, writerFault } from "./writer.ts"

// ---- types -------------------------------------------------------------------

/** How chunks are asked about. */
export interface Asking {
  readonly seed: number
  /** Chunks that are asked about at once. */
  readonly together: number
  /** The part of the answers that may be no pairs, from 0 to 1. Nobody minds the first twenty. */
  readonly limit: number
}

/** One at a time, and a fifth may go wrong. */
export const standardAsking: Asking = { seed: 0, together: 1, limit: 0.2 }

/** What was written about a chunk; without a question there was nothing to ask, or the writer gave no pair. */
interface Written {
  readonly chunk: string
  readonly question: string | null
  readonly answer: string | null
  readonly by: string
  readonly why?: string
}

const Written: t.Type<Written, unknown> = t.intersection([
  t.strict({
    chunk: Digest,
    question: t.union([t.string, t.null]),
    answer: t.union([t.string, t.null]),
    by: t.string,
  }),
  t.partial({ why: t.string }),
]) as t.Type<Written, unknown>

/** All pairs, and what became of the other chunks. */
export interface Pairs {
  /** JSON lines: the chunk's digest, question, answer, and who wrote them. */
  readonly file: FileRef
  /** The writer's label. */
  readonly by: string
  /** Different chunks. */
  readonly chunks: number
  readonly pairs: number
  /** Chunks that hold nothing to ask about. */
  readonly nothing: number
  /** Chunks whose writer gave no pair. */
  readonly malformed: number
  /** Tokens of the chunks, and of the answers: what counts of an example is about their quotient. */
  readonly tokens: number
  readonly answers: number
}

/** The codec of pairs. */
export const Pairs: t.Type<Pairs, unknown> = t.strict({
  file: FileRef,
  by: t.string,
  chunks: natural,
  pairs: natural,
  nothing: natural,
  malformed: natural,
  tokens: natural,
  answers: natural,
})

// ---- the log -------------------------------------------------------------------

/** Where a writer's pairs are kept. */
export const logPath = (identity: string, seed: number): string =>
  `questions/${sha256Text(`${seed} ${identity}`).slice(0, 32)}.jsonl`

const linesOf = (bytes: Uint8Array): ReadonlyArray<Written> =>
  new TextDecoder().decode(bytes).split("\n").flatMap((line) => {
    const written = decodeJson(Written, line)
    return E.isRight(written) ? [written.right] : []
  })

/** What the log holds. A line that a crash has torn is ended, so that the next one is whole. */
const readLog = (path: string): Effect.Effect<ReadonlyArray<Written>, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const bytes = yield* store.read(path)
    if (bytes === undefined) return []
    if (bytes.length > 0 && bytes.at(-1) !== 10) yield* store.append(path, "\n")
    return linesOf(bytes)
  })

const lineOf = (written: Written): string => `${JSON.stringify(Written.encode(written))}\n`

// ---- asking --------------------------------------------------------------------

const patience = 20

/** Too many replies that are no pairs. */
const tooMany = (by: string, asked: number, malformed: number, limit: number, why: string): WriterFault | undefined =>
  asked < patience || malformed <= limit * asked ? undefined : writerFault(
    "malformed",
    `${by}: ${malformed} of ${asked} replies are no pairs, more than ${limit} of all; ${why}`,
  )

const ask = (writer: Writer, chunk: Chunk, seed: number): Effect.Effect<Written, WriterFault> => {
  const none: Written = { chunk: chunk.digest, question: null, answer: null, by: writer.label }
  return Effect.matchEffect(writer.write(chunk, keyOf(seed, chunk)), {
    onSuccess: (pair) => Effect.succeed(pair === undefined ? none : { ...none, ...pair }),
    onFailure: (fault) =>
      fault.reason === "malformed" ? Effect.succeed({ ...none, why: fault.message }) : Effect.fail(fault),
  })
}

/** Counts what is written, in the order of the chunks. */
const summed = (
  by: string,
  written: ReadonlyArray<Written>,
  tokens: number,
  tokenizer: Pick<Tokenizer, "encode">,
): Effect.Effect<Pairs, StoreFault, Store> => {
  const pairs = written.filter(({ question }) => question !== null)
  const malformed = written.filter(({ why }) => why !== undefined).length
  return Effect.map(putBytes(utf8(pairs.map(lineOf).join(""))), (file) => ({
    ...{ file, by, malformed, tokens, chunks: written.length, pairs: pairs.length },
    nothing: written.length - pairs.length - malformed,
    answers: pairs.reduce((n, { answer }) => n + tokenizer.encode(` ${answer}`).length, 0),
  }))
}

/** What came of it, for people. */
const summary = ({ by, chunks, pairs, nothing, malformed, tokens, answers }: Pairs): string => {
  const share = tokens === 0 ? 0 : (100 * answers) / tokens
  return `${pairs} pairs by ${by} for ${chunks} chunks; ${nothing} hold nothing to ask about, of ${malformed} the reply was ` +
    `no pair; answers are ${share.toFixed(2)} % of the text`
}

/**
 * Asks about each different chunk that was not asked about before; `total` is how many different ones there are, where that
 * is known, and 0 where not. Faults: those of the writer that asking again did not
 * mend (what is written till then is kept), too many replies that are no pairs, a store that is full.
 */
export const askAll = <X, R>(
  chunks: Stream.Stream<Chunk, X, R>,
  tokenizer: Pick<Tokenizer, "encode">,
  { seed, together, limit }: Asking = standardAsking,
  total: number = 0,
): Effect.Effect<Pairs, X | WriterFault | StoreFault, R | Writer | Store | Events> =>
  Effect.gen(function* () {
    const writer = yield* Writer
    const store = yield* Store
    const path = logPath(writer.identity, seed)
    const known = new Map((yield* readLog(path)).map((w) => [w.chunk, w]))
    const order = new Set<string>()
    const progress = sayingAtMost()
    let [done, asked, malformed, tokens] = [0, 0, 0, 0]
    const one = (chunk: Chunk) =>
      Effect.gen(function* () {
        const written = yield* ask(writer, chunk, seed)
        yield* store.append(path, lineOf(written))
        known.set(chunk.digest, written)
        asked++
        done++
        if (written.why !== undefined) malformed++
        const fault = tooMany(writer.label, asked, malformed, limit, written.why ?? "")
        if (fault !== undefined) return yield* Effect.fail(fault)
        yield* progress({ what: `questions by ${writer.label}`, done, total, unit: "chunks" })
      })
    const fresh = Stream.filter(chunks, ({ digest, tokens: own }) => {
      const first = !order.has(digest)
      order.add(digest)
      if (first) tokens += own.length
      if (first && known.has(digest)) done++
      return first && !known.has(digest)
    })
    yield* Stream.runDrain(Stream.mapEffect(fresh, one, { concurrency: Math.max(1, together) }))
    const all = [...order].map((digest) => known.get(digest)!)
    const pairs = yield* summed(writer.label, all, tokens, tokenizer)
    yield* say({ _tag: "Note", text: summary(pairs) })
    return pairs
  })

/** The pairs of a file by their chunks' digests. */
export const readPairs = (
  { file }: Pick<Pairs, "file">,
): Effect.Effect<ReadonlyMap<string, Pair>, StoreFault | FileFault, Store> =>
  Effect.map(
    getBytes(file),
    (bytes) =>
      new Map(
        linesOf(bytes).flatMap(({ chunk, question, answer }) =>
          question === null || answer === null ? [] : [[chunk, { question, answer }] as const]
        ),
      ),
  )
