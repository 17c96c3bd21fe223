/**
 * Documents by their lengths in tokens: LWM's paper gives each stage those that are about as long as its rows.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import type { Example } from "./example.ts"
import type { DataFault } from "./fault.ts"
import type { Indexed } from "./order.ts"
import { digestOf, type Sequence } from "./source.ts"
import { another, none, type Tally, tooMany } from "./tally.ts"

export { keep, type Keeping, type Kept, type KeptFault } from "./kept.ts"

/** The examples of a sequence in memory, for small ones. */
export const gathered = <R, E extends Example = Example>(
  sequence: Sequence<E, R>,
  limit: number = Infinity,
): Effect.Effect<Indexed<never, never, E> & { readonly malformed: Tally }, DataFault, R> =>
  Effect.gen(function* () {
    const all = yield* Stream.runCollect(sequence.read(undefined))
    const malformed = all.reduce(
      (tally, { id, value }) => E.isLeft(value) ? another(tally, { id, why: value.left }) : tally,
      none,
    )
    const fault = tooMany(sequence.name, malformed, limit)
    if (fault !== undefined) return yield* Effect.fail(fault)
    const examples = all.flatMap(({ value }) => E.isRight(value) ? [value.right] : [])
    return {
      name: sequence.name,
      digest: yield* Effect.flatMap(sequence.digest, (below) => digestOf("gathered", below)),
      lengths: examples.map(({ tokens }) => tokens.length),
      malformed,
      at: (i) => Effect.sync(() => examples[i]!),
    }
  })

// ---- bins --------------------------------------------------------------------

/** Lengths of documents in tokens: from the first on, below the second. */
export interface Bin {
  readonly from: number
  readonly below: number
}

/** The paper's: documents for rows of 32K, 128K, 256K, 512K and 1M tokens. */
export const paper: ReadonlyArray<Bin & { readonly name: string }> = [
  { name: "32K", from: 10_000, below: 100_000 },
  { name: "128K", from: 100_000, below: 200_000 },
  { name: "256K", from: 200_000, below: 500_000 },
  { name: "512K", from: 500_000, below: 1_000_000 },
  { name: "1M", from: 1_000_000, below: Infinity },
]

/** Those whose length lies in a bin. */
export const within = <X, R, E extends Example>(
  indexed: Indexed<X, R, E>,
  { from, below }: Bin,
): Effect.Effect<Indexed<X, R, E>> => {
  const own = indexed.lengths.flatMap((length, i) => length >= from && length < below ? [i] : [])
  const top = Number.isFinite(below) ? below : null
  return Effect.map(digestOf("within", indexed.digest, from, top), (digest) => ({
    name: `${indexed.name}, ${from} to ${top ?? "any number of"} tokens`,
    digest,
    lengths: own.map((i) => indexed.lengths[i]!),
    at: (i) => indexed.at(own[i]!),
  }))
}

/** How many lie in each bin, and their tokens. */
export const counts = (
  { lengths }: Pick<Indexed, "lengths">,
  bins: ReadonlyArray<Bin>,
): ReadonlyArray<{ readonly examples: number; readonly tokens: number }> =>
  bins.map(({ from, below }) => {
    const own = lengths.filter((length) => length >= from && length < below)
    return { examples: own.length, tokens: own.reduce((a, b) => a + b, 0) }
  })
