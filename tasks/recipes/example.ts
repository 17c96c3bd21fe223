/**
 * A small pipeline to learn from: how often a letter follows another in a book, and how well that foretells the rest of it.
 * Three stages in a second, with all that stages have: settings and their codec, needs, files by digest, a journal, and what
 * is expected before anything runs.
 *
 *     deno task plan example && deno task run example
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type FileFault, finite, natural, positive } from "../../core/files/codec.ts"
import { chapters } from "../data/books.ts"
import type { DataFault } from "../data/fault.ts"
import { type Events, say } from "../events.ts"
import { FileRef, getBytes, getTensors, putBytes, putTensors } from "../objects.ts"
import { type Pipeline, pipeline, type Stage, stage } from "../stage/stage.ts"
import { type Store, type StoreFault, utf8 } from "../store.ts"

// ---- the book ------------------------------------------------------------------

/** A text in two files: what is learned from and what is held out. */
interface Book {
  readonly train: FileRef
  readonly heldOut: FileRef
}
const Book: t.Type<Book, unknown> = t.strict({ train: FileRef, heldOut: FileRef })

const book: Stage<Book, DataFault | StoreFault, Store> = stage({
  name: "example-book",
  version: "1",
  about: "Moby-Dick in bytes, the last chapters held out",
  codec: t.strict({ heldOut: positive }),
  settings: { heldOut: 14 },
  needs: {},
  output: Book,
  make: (_, { heldOut }) =>
    Effect.gen(function* () {
      const all = yield* chapters
      const part = (texts: ReadonlyArray<string>) => putBytes(utf8(texts.join("\n\n")))
      return { train: yield* part(all.slice(0, -heldOut)), heldOut: yield* part(all.slice(-heldOut)) }
    }),
})

// ---- counting ------------------------------------------------------------------

/** How often each byte followed each other one: 256 rows of 256. */
interface Table {
  readonly counts: FileRef
  readonly bytes: number
}
const Table: t.Type<Table, unknown> = t.strict({ counts: FileRef, bytes: natural })

const asTensors = (data: Float32Array) => [{ name: "counts", dtype: "f32", shape: [256, 256], data }] as const

/** The pairs of one slice, added to the counts. */
const counted = (counts: Float32Array, text: Uint8Array, from: number, to: number): void => {
  for (let i = Math.max(1, from); i < to; i++) counts[256 * text[i - 1]! + text[i]!]! += 1
}

const slices = 8

const pairs: Stage<Table, DataFault | StoreFault | FileFault, Store | Events> = stage({
  name: "example-pairs",
  version: "1",
  about: "Counts pairs of bytes, slice by slice; killed, it goes on with the next slice",
  codec: t.null,
  settings: null,
  needs: { book },
  output: Table,
  expects: () => E.right({ tokens: 1_100_000, steps: slices, notes: ["one pass over the book"] }),
  make: ({ book }, _, journal) =>
    Effect.gen(function* () {
      const text = yield* getBytes(book.train)
      const last = yield* journal.last(Table)
      const counts = last === undefined
        ? new Float32Array(256 * 256)
        : (yield* getTensors(last.counts))[0]!.data as Float32Array
      let done = last?.bytes ?? 0
      while (done < text.length) {
        const to = Math.min(text.length, done + Math.ceil(text.length / slices))
        counted(counts, text, done, to)
        done = to
        yield* journal.save(Table, { counts: yield* putTensors(asTensors(counts)), bytes: done })
        yield* say({ _tag: "Progress", what: "counted", done, total: text.length, unit: "bytes" })
      }
      return { counts: yield* putTensors(asTensors(counts)), bytes: text.length }
    }),
})

// ---- foretelling -----------------------------------------------------------------

/** Bits per byte of what was held out. */
interface Score {
  readonly bits: number
  readonly bytes: number
}

/** Mean of -log2 p(next | last), each count raised by `smoothing`. */
const bitsOf = (counts: Float32Array, text: Uint8Array, smoothing: number): number => {
  const rows = Array.from({ length: 256 }, (_, r) => counts.subarray(256 * r, 256 * (r + 1)).reduce((a, b) => a + b, 0))
  let sum = 0
  for (let i = 1; i < text.length; i++) {
    const last = text[i - 1]!
    sum -= Math.log2((counts[256 * last + text[i]!]! + smoothing) / (rows[last]! + 256 * smoothing))
  }
  return sum / (text.length - 1)
}

const score: Stage<Score, DataFault | StoreFault | FileFault, Store | Events> = stage({
  name: "example-score",
  version: "1",
  about: "Bits per byte of the held-out chapters",
  codec: t.strict({ smoothing: finite }),
  settings: { smoothing: 0.5 },
  needs: { book, pairs },
  output: t.strict({ bits: finite, bytes: natural }),
  make: ({ book, pairs }, { smoothing }) =>
    Effect.gen(function* () {
      const text = yield* getBytes(book.heldOut)
      const counts = (yield* getTensors(pairs.counts))[0]!.data as Float32Array
      const bits = bitsOf(counts, text, smoothing)
      yield* say({ _tag: "Evaluated", bits, bytes: text.length })
      return { bits, bytes: text.length }
    }),
})

/** The pipeline `example`. */
export const example: Pipeline<
  { readonly book: typeof book; readonly pairs: typeof pairs; readonly score: typeof score }
> = pipeline("example", "Which letter follows which in Moby-Dick: a small pipeline to learn from", {
  book,
  pairs,
  score,
})
