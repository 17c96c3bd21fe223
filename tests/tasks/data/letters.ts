/**
 * What tests of data share: a tokenizer whose ids can be read (UTF-8 bytes, bos 256, eos 257), folders that are removed
 * again, and all that a sequence holds.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import type { DataFault } from "../../../tasks/data/fault.ts"
import type { Place, Reading, Sequence } from "../../../tasks/data/source.ts"

/** Bytes, with a beginning and an end. */
export const letters: Tokenizer = {
  name: "letters",
  digest: "0".repeat(64),
  vocab: 258,
  bos: 256,
  eos: 257,
  pad: undefined,
  encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(Array.from(ids).filter((id) => id < 256))),
}

/** The same without either. */
export const bare: Tokenizer = { ...letters, name: "bare", bos: undefined, eos: undefined }

/** Runs a test in a folder with files in it, which is gone afterwards. */
export const inFolder =
  (files: Readonly<Record<string, string | Uint8Array>>, test: (path: (name: string) => string) => Promise<void>) =>
  async (): Promise<void> => {
    const top = await mkdtemp(join(tmpdir(), "orrery-data-"))
    try {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(top, name)), { recursive: true })
        await writeFile(join(top, name), content)
      }
      await test((name) => join(top, name))
    } finally {
      await rm(top, { recursive: true, force: true })
    }
  }

/** All readings from a place on. */
export const readAll = <A>(sequence: Sequence<A>, from?: Place): Promise<ReadonlyArray<Reading<A>>> =>
  Effect.runPromise(Stream.runCollect(sequence.read(from)))

/** What a reading says: its id, and its value or the reason. */
export const said = <A>({ id, value }: Reading<A>): readonly [string, A | string] => [
  id,
  E.isRight(value) ? value.right : value.left,
]

/** The fault that an effect ends with; it is an error if there is none. */
export const faultOf = async <A, X = DataFault>(effect: Effect.Effect<A, X>): Promise<X> => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isSuccess(exit)) throw new Error("it did not fail")
  const fail = exit.cause.reasons.find(Cause.isFailReason)
  if (fail === undefined) throw new Error(`it died: ${Cause.pretty(exit.cause)}`)
  return fail.error
}

/** The right of an either; it is an error if there is none. */
export const right = <X, A>(either: E.Either<X, A>): A => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}

/** The left of an either; it is an error if there is none. */
export const left = <X, A>(either: E.Either<X, A>): X => {
  if (E.isRight(either)) throw new Error("it is right")
  return either.left
}

/**
 * The law of sequences: read from the place after any reading on, the rest is the same, also when the place was written to
 * a file and read back.
 */
export const goesOn = async <A>(sequence: Sequence<A>): Promise<void> => {
  const all = await readAll(sequence)
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  for (const [i, { after }] of all.entries()) {
    const rest = await readAll(sequence, JSON.parse(JSON.stringify(after)))
    if (!same(rest, all.slice(i + 1))) {
      throw new Error(`after reading ${i}, from ${JSON.stringify(after)}: ${JSON.stringify(rest).slice(0, 300)}`)
    }
  }
}
