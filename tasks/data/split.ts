/**
 * A source in two parts: what is learned and what is asked.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { digestOf, type Document, Place, placeOf, type Reading, type Source } from "./source.ts"

/** What is learned, and what no training sees. */
export interface Split<R> {
  readonly train: Source<R>
  readonly heldOut: Source<R>
}

/** Which part is held out. */
export interface Held {
  /** The part of all, from 0 to 1. */
  readonly heldOut: number
  /**
   * `document`: documents, evenly spread over the source: of 1/10, the 10th, the 20th, ... `tail`: the end of all text, to
   * the byte; the document that the cut falls into is divided.
   */
  readonly by: "document" | "tail"
}

// ---- by document ---------------------------------------------------------------

/** Where the source stands, how many readings it gave, and how many bytes of text they had. */
type Counted = {
  readonly at: Place
  readonly count: number
  readonly bytes: number
}
const Counted: t.Type<Counted, unknown> = t.strict({ at: Place, count: natural, bytes: natural })

const start: Counted = { at: null, count: 0, bytes: 0 }
const encoder = new TextEncoder()

const textOf = (value: E.Either<string, Document>): string | undefined => {
  const text = E.isRight(value) ? value.right.fields["text"] : undefined
  return typeof text === "string" ? text : undefined
}

/** A reading with what was counted before it and after it. */
interface Step {
  readonly reading: Reading<Document>
  readonly before: Counted
  readonly after: Counted
}

const counted = <R>(source: Source<R>, from: Place | undefined): Stream.Stream<Step, DataFault, R> =>
  Stream.unwrap(Effect.gen(function* () {
    const begin = from === undefined ? start : yield* placeOf(Counted, source.name, from)
    return Stream.mapAccum(source.read(begin.at ?? undefined), () => begin, (before, reading) => {
      const bytes = before.bytes + encoder.encode(textOf(reading.value) ?? "").length
      const after: Counted = { at: reading.after, count: before.count + 1, bytes }
      return [after, [{ reading: { ...reading, after }, before, after }]]
    })
  }))

/** Is reading k held out? Of n readings floor(n * part) are. */
const isHeld = (part: number, k: number): boolean => Math.floor((k + 1) * part) > Math.floor(k * part)

const byDocument = <R>(source: Source<R>, part: number, held: boolean): Source<R>["read"] => (from) =>
  counted(source, from).pipe(
    Stream.filter(({ reading, before }) => E.isLeft(reading.value) ? !held : isHeld(part, before.count) === held),
    Stream.map(({ reading }) => reading),
  )

// ---- by tail -------------------------------------------------------------------

/** The first byte of the held-out end: all bytes less the part, rounded down. */
const cutOf = <R>(source: Source<R>, part: number): Effect.Effect<number, DataFault, R> =>
  Effect.map(
    Stream.runFold(counted(source, undefined), () => 0, (_, { after }) => after.bytes),
    (all) => all - Math.floor(all * part),
  )

/** The part of a text on one side of a byte; a character that the byte falls into stays with what is before it. */
const sideOf = (text: string, byte: number, tail: boolean): string => {
  const bytes = encoder.encode(text)
  let cut = byte
  while (cut < bytes.length && (bytes[cut]! & 0xc0) === 0x80) cut++
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(tail ? bytes.subarray(cut) : bytes.subarray(0, cut))
}

const byTail = <R>(source: Source<R>, part: number, tail: boolean): Source<R>["read"] => (from) =>
  Stream.unwrap(Effect.map(cutOf(source, part), (cut) =>
    counted(source, from).pipe(
      Stream.takeWhile(({ before }) => tail || before.bytes < cut),
      Stream.filter(({ reading, after }) => E.isLeft(reading.value) ? !tail : !tail || after.bytes > cut),
      Stream.map(({ reading, before, after }) => {
        const text = textOf(reading.value)
        if (E.isLeft(reading.value) || text === undefined || after.bytes <= cut || before.bytes >= cut) return reading
        const { id, fields } = reading.value.right
        const value = E.right({ id, fields: { ...fields, text: sideOf(text, cut - before.bytes, tail) } })
        return { ...reading, value }
      }),
    )))

/**
 * Divides a source. Readings that cannot be used are told by the first part alone, so that none is told twice. `tail` reads
 * the source once more, to know how much text it has.
 */
export const split = <R>(source: Source<R>, { heldOut, by }: Held): E.Either<DataFault, Split<R>> => {
  if (!(heldOut >= 0 && heldOut <= 1)) {
    return E.left(dataFault("settings", "heldOut", `heldOut is ${heldOut}; expected a part of all, from 0 to 1`))
  }
  const half = (held: boolean): Source<R> => ({
    name: `${source.name} (${held ? "held out" : "to learn"})`,
    digest: Effect.flatMap(source.digest, (below) => digestOf("split", heldOut, by, held, below)),
    read: by === "document" ? byDocument(source, heldOut, held) : byTail(source, heldOut, held),
  })
  return E.right({ train: half(false), heldOut: half(true) })
}
