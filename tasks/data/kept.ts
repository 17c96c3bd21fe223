/**
 * Documents as tokens, made once: a sequence of examples is read through, its examples lie in the store as blobs, and a list
 * says how long each is. Later runs, other bins and other stages read the list. It is named by the digest of the sequence
 * (source, fields, tokenizer), so nothing that would be different is found.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, type FileFault, natural } from "../../core/files/codec.ts"
import { type Events, say } from "../events.ts"
import { FileRef, get, put } from "../objects.ts"
import { orphans } from "../stage/sweep.ts"
import { Store, type StoreFault, utf8 } from "../store.ts"
import type { Example } from "./example.ts"
import type { DataFault } from "./fault.ts"
import type { Indexed } from "./order.ts"
import { pack, type Spot, unpack, type Width, widthOf } from "./shelf.ts"
import { digestOf, Place, type Sequence } from "./source.ts"
import { another, none, sayMalformed, Tally, tallyText, tooMany } from "./tally.ts"

// ---- types -------------------------------------------------------------------

/** Examples that lie in one blob, in order. */
interface Part {
  readonly file: FileRef
  readonly lengths: ReadonlyArray<number>
}

/** What the list holds. */
interface Shelf {
  readonly parts: ReadonlyArray<Part>
  readonly width: Width
  readonly tally: Tally
  /** Where reading goes on; null at the beginning. */
  readonly place: Place
  readonly done: boolean
}

const Shelf: t.Type<Shelf, unknown> = t.strict({
  parts: t.readonlyArray(t.strict({ file: FileRef, lengths: t.readonlyArray(natural) })),
  width: t.union([t.literal(2), t.literal(4)]),
  tally: Tally,
  place: Place,
  done: t.boolean,
})

/** What can go wrong with files. */
export type KeptFault = StoreFault | FileFault

/** Examples that lie in the store. */
export interface Kept extends Indexed<KeptFault, Store> {
  /** What was passed over when they were made. */
  readonly malformed: Tally
}

/** How examples are kept. */
export interface Keeping {
  /** Ids there are; up to 65536, a token takes two bytes. */
  readonly vocab: number
  /** How many readings may be of no use; without it, all. */
  readonly limit?: number
  /** Tokens of a blob, about (2^20). */
  readonly part?: number
  /** Bytes of blobs that are held while examples are read (64 MiB). */
  readonly held?: number
}

// ---- places --------------------------------------------------------------------

/** Both lie beside the stages' files, which are removed when no stage names them: these are named by their lists alone. */
const blobs = "examples/blobs"
const blobPath = (digest: string): string => `${blobs}/${digest}`
const listPath = (key: string): string => `examples/${key}.json`

// ---- reading -----------------------------------------------------------------

/** Blobs that were read last, as many as fit. They are named by what is in them, so nothing can be out of date. */
const remembering = (most: number) => {
  let held: ReadonlyArray<readonly [digest: string, blob: Uint8Array]> = []
  return (file: FileRef): Effect.Effect<Uint8Array, KeptFault, Store> =>
    Effect.suspend(() => {
      const found = held.find(([digest]) => digest === file.digest)
      const others = held.filter(([digest]) => digest !== file.digest)
      const keep = (blob: Uint8Array): Uint8Array => {
        let room = most - blob.length
        held = [[file.digest, blob], ...others.filter(([, other]) => (room -= other.length) >= 0)]
        return blob
      }
      return found === undefined
        ? Effect.map(get(blobPath(file.digest), file), keep)
        : Effect.sync(() => keep(found[1]))
    })
}

/** Where each example lies: its file, and its place there. */
const spotsOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Spot & { readonly file: FileRef }> =>
  parts.flatMap(({ file, lengths }) => {
    const tokens = lengths.reduce((a, b) => a + b, 0)
    let at = 0
    return lengths.map((length) => {
      const spot = { file, at, length, tokens }
      at += length
      return spot
    })
  })

const kept = (name: string, { parts, width, tally }: Shelf, most: number): Effect.Effect<Kept> =>
  Effect.map(digestOf("kept", width, parts.map(({ file, lengths }) => [file.digest, lengths])), (digest) => {
    const read = remembering(most)
    const spots = spotsOf(parts)
    return {
      name,
      digest,
      malformed: tally,
      lengths: spots.map(({ length }) => length),
      at: (i) =>
        Effect.flatMap(read(spots[i]!.file), (blob) => {
          const example = unpack(blob, width, spots[i]!)
          return E.isRight(example) ? Effect.succeed(example.right) : Effect.fail(example.left)
        }),
    }
  })

// ---- making ------------------------------------------------------------------

/** The list that is there; one that is torn, of another form, or names blobs that are gone or torn is made anew. */
const found = (key: string): Effect.Effect<Shelf | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const bytes = yield* store.read(listPath(key))
    const shelf = bytes === undefined ? undefined : decodeJson(Shelf, new TextDecoder().decode(bytes))
    if (shelf === undefined || E.isLeft(shelf)) return undefined
    const sizes = yield* Effect.forEach(shelf.right.parts, ({ file }) => store.size(blobPath(file.digest)))
    return shelf.right.parts.every(({ file }, i) => file.bytes === sizes[i]) ? shelf.right : undefined
  })

const save = (key: string, shelf: Shelf): Effect.Effect<void, StoreFault, Store> =>
  Effect.flatMap(Store, (store) => store.write(listPath(key), utf8(JSON.stringify(shelf))))

/** Blobs that are written before the list is: what a crash costs at most. */
const between = 16

/** Malformed readings that are told one by one; then only how many there were. */
const told = 20

interface Filling {
  readonly shelf: Shelf
  /** Added to in place: nobody else holds it. */
  readonly examples: Array<Example>
  readonly tokens: number
}

const tokensOf = ({ parts }: Shelf): number =>
  parts.reduce((sum, { lengths }) => lengths.reduce((a, b) => a + b, sum), 0)

const make = <R>(
  sequence: Sequence<Example, R>,
  key: string,
  begin: Shelf,
  { limit = Infinity, part = 1 << 20 }: Keeping,
): Effect.Effect<Shelf, KeptFault | DataFault, R | Store | Events> => {
  /** Puts what was gathered into a blob. */
  const shelved = ({ shelf, examples }: Filling): Effect.Effect<Shelf, KeptFault, Store | Events> =>
    Effect.gen(function* () {
      if (examples.length === 0) return shelf
      const file = yield* put(blobPath, pack(examples, shelf.width))
      const next = [...shelf.parts, { file, lengths: examples.map(({ tokens }) => tokens.length) }]
      const more: Shelf = { ...shelf, parts: next }
      const what = `examples of ${sequence.name}`
      yield* say({ _tag: "Progress", what, done: tokensOf(more), total: 0, unit: "tokens" })
      if (next.length % between === 0) yield* save(key, more)
      return more
    })
  return Effect.gen(function* () {
    const end = yield* Stream.runFoldEffect(
      sequence.read(begin.place ?? undefined),
      (): Filling => ({ shelf: begin, examples: [], tokens: 0 }),
      (now, { id, value, after }) =>
        Effect.gen(function* () {
          if (E.isLeft(value)) {
            const malformed = { id, why: value.left }
            const tally = another(now.shelf.tally, malformed)
            if (tally.count <= told) yield* sayMalformed(malformed)
            const fault = tooMany(sequence.name, tally, limit)
            if (fault !== undefined) return yield* Effect.fail(fault)
            return { ...now, shelf: { ...now.shelf, tally, place: after } }
          }
          now.examples.push(value.right)
          const tokens = now.tokens + value.right.tokens.length
          const more: Filling = { shelf: { ...now.shelf, place: after }, examples: now.examples, tokens }
          return more.tokens < part ? more : { shelf: yield* shelved(more), examples: [], tokens: 0 }
        }),
    )
    const done: Shelf = { ...yield* shelved(end), done: true }
    yield* save(key, done)
    if (done.tally.count > 0) {
      const text = `${done.tally.count} readings of ${sequence.name} cannot be used: ${tallyText(done.tally)}`
      yield* say({ _tag: "Note", text })
    }
    return done
  })
}

/** Removes what a process that was killed has left half written. */
const tidied: Effect.Effect<void, StoreFault, Store> = Effect.gen(function* () {
  const store = yield* Store
  for (const path of yield* orphans(["examples", blobs])) yield* store.remove(path)
})

/**
 * The examples of a sequence in the store: made now, gone on with where a run was stopped, or found. Memory is a blob and
 * the longest document. It says how far it is, and each reading that it passes over.
 */
export const keep = <R>(
  sequence: Sequence<Example, R>,
  keeping: Keeping,
): Effect.Effect<Kept, KeptFault | DataFault, R | Store | Events> =>
  Effect.gen(function* () {
    const width = widthOf(keeping.vocab)
    const key = yield* digestOf("examples 1", yield* sequence.digest, width, keeping.part ?? null)
    const begin = (yield* found(key)) ?? { parts: [], width, tally: none, place: null, done: false }
    const fault = tooMany(sequence.name, begin.tally, keeping.limit ?? Infinity)
    if (fault !== undefined) return yield* Effect.fail(fault)
    if (!begin.done) yield* tidied
    const shelf = begin.done ? begin : yield* make(sequence, key, begin, keeping)
    return yield* kept(sequence.name, shelf, keeping.held ?? 1 << 26)
  })
