/**
 * Sources of documents as values. A source is a sequence: it has a digest of all that it holds, and is read from any place
 * on, so that who stopped after a reading goes on with exactly the next one. What cannot be used is a reading too, with the
 * reason, so that it can be counted and named by file and line; nothing is lost in silence.
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, natural } from "../../core/files/codec.ts"
import type { Json } from "../stage/stage.ts"
import { digest, utf8 } from "../store.ts"
import { type DataFault, dataFault } from "./fault.ts"

// ---- types -------------------------------------------------------------------

/** Where a sequence stands, as data: its kind decides what that is. */
export type Place = Json

const isJson = (u: unknown): u is Json =>
  u === null || typeof u === "string" || typeof u === "boolean" || Number.isFinite(u) ||
  (Array.isArray(u) ? u.every(isJson) : typeof u === "object" && Object.values(u).every(isJson))

/** The codec of places, whatever is in them. */
export const Place: t.Type<Place, unknown> = new t.Type<Place, unknown>(
  "JSON",
  isJson,
  (u, c) => isJson(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)

/** One thing that was read: its value, or why it cannot be used; and the place after it. */
export interface Reading<A> {
  /** Where it came from: `speeches.jsonl:12`. The same document has the same id wherever its file lies. */
  readonly id: string
  readonly value: E.Either<string, A>
  readonly after: Place
}

/** Readings in an order that never changes. */
export interface Sequence<A, R = never> {
  /** For people. */
  readonly name: string
  /** SHA-256: of equal digests all readings are equal. */
  readonly digest: Effect.Effect<string, DataFault, R>
  /** Once through, from a place; from the beginning where it is undefined. */
  readonly read: (from: Place | undefined) => Stream.Stream<Reading<A>, DataFault, R>
}

/** Values by name, as they were decoded. */
export interface Fields {
  readonly [name: string]: Json
}

/** One text or record. Documents of plain text have the one field `text`. */
export interface Document {
  readonly id: string
  readonly fields: Fields
}

/** A sequence of documents. */
export interface Source<R = never> extends Sequence<Document, R> {}

// ---- constructors --------------------------------------------------------------

/** A digest of values and of other digests. */
export const digestOf = (...parts: ReadonlyArray<Json>): Effect.Effect<string> => digest(utf8(JSON.stringify(parts)))

/** Decodes a place that came back from a journal. */
export const placeOf = <A>(codec: t.Type<A, unknown>, name: string, from: Place): Effect.Effect<A, DataFault> => {
  const place = decodeValue(codec, from)
  const message = `${name} cannot be read from ${JSON.stringify(from)}: the position is of another source; begin anew`
  return E.isRight(place) ? Effect.succeed(place.right) : Effect.fail(dataFault("position", name, message))
}

/** A document that was read well. */
export const readWell = (id: string, fields: Fields, after: Place): Reading<Document> => ({
  id,
  value: E.right({ id, fields }),
  after,
})

/** Readings that an effect brings, all in memory. A place is the number of readings before it. */
const held = <A, R>(
  name: string,
  all: Effect.Effect<ReadonlyArray<Omit<Reading<A>, "after">>, DataFault, R>,
): Sequence<A, R>["read"] =>
(from) =>
  Stream.unwrap(Effect.gen(function* () {
    const first = from === undefined ? 0 : yield* placeOf(natural, name, from)
    return Stream.map(Stream.fromArray((yield* all).slice(first)), (r, i) => ({ ...r, after: first + i + 1 }))
  }))

/** A list of documents that an effect brings. */
export const listed = (name: string, documents: Effect.Effect<ReadonlyArray<Document>, DataFault>): Source => ({
  name,
  digest: Effect.flatMap(documents, (all) => digestOf("listed", all.map(({ id, fields }): Json => [id, fields]))),
  read: held(name, Effect.map(documents, (all) => all.map((d) => ({ id: d.id, value: E.right(d) })))),
})

/** Texts that are at hand. */
export const texts = (all: ReadonlyArray<string>, name = "texts"): Source =>
  listed(name, Effect.succeed(all.map((text, i) => ({ id: `${name}:${i + 1}`, fields: { text } }))))

// ---- combinators ---------------------------------------------------------------

/** Every reading changed, or found useless, by a function that `meaning` names: the digest hangs on it. */
export const mapped = <A, B, R>(
  sequence: Sequence<A, R>,
  meaning: Effect.Effect<Json>,
  f: (value: A, id: string) => E.Either<string, B>,
): Sequence<B, R> => ({
  name: sequence.name,
  digest: Effect.flatMap(
    Effect.all([sequence.digest, meaning]),
    ([below, own]) => digestOf("mapped", below, own),
  ),
  read: (from) =>
    Stream.map(sequence.read(from), ({ id, value, after }) => ({
      id,
      value: E.isRight(value) ? f(value.right, id) : value,
      after,
    })),
})

const textOf = ({ fields }: Document): string => typeof fields["text"] === "string" ? fields["text"] : ""

/**
 * All texts of a source as one document, with `between` between them: a book out of its chapters. Everything is held in
 * memory; readings that cannot be used are told before it.
 */
export const whole = <R>(source: Source<R>, between = "\n\n"): Source<R> => ({
  name: source.name,
  digest: Effect.flatMap(source.digest, (below) => digestOf("whole", below, between)),
  read: held(
    source.name,
    Effect.map(Stream.runCollect(source.read(undefined)), (all) => {
      const id = `${source.name}:1`
      const text = all.flatMap(({ value }) => E.isRight(value) ? [textOf(value.right)] : []).join(between)
      return [...all.filter(({ value }) => E.isLeft(value)), { id, value: E.right({ id, fields: { text } }) }]
    }),
  ),
})

// ---- one at a time ---------------------------------------------------------------

/** Asks a stream for one element at a time; undefined at its end. */
export const taken = <A, X, R>(
  stream: Stream.Stream<A, X, R>,
): Effect.Effect<Effect.Effect<A | undefined, X, R>, never, R | Scope.Scope> =>
  Effect.map(Stream.toPull(stream), (pull) => {
    let here: ReadonlyArray<A> = []
    let next = 0
    return Effect.suspend((): Effect.Effect<A | undefined, X, R> => {
      if (next < here.length) return Effect.succeed(here[next++])
      return Pull.matchEffect(pull, {
        onSuccess: (more) =>
          Effect.sync(() => {
            here = more
            next = 1
            return more[0]
          }),
        onFailure: (cause: Cause.Cause<X>) => Effect.failCause(cause),
        onDone: () => Effect.succeed(undefined),
      })
    })
  })
