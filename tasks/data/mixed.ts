/**
 * Several sources as one, by shares.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Option from "effect/Option"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import { drawer, partsOf } from "./draws.ts"
import type { DataFault } from "./fault.ts"
import { digestOf, Place, placeOf, type Reading, type Sequence, taken } from "./source.ts"

type Mixed = {
  /** Draws so far. */
  readonly drawn: number
  /** Where each source stands; null at its beginning. */
  readonly at: ReadonlyArray<Place>
}
const Mixed: t.Type<Mixed, unknown> = t.strict({ drawn: natural, at: t.readonlyArray(Place) })

/** A sequence and its share of all readings. */
export type Share<A, R> = readonly [sequence: Sequence<A, R>, share: number]

/**
 * Sources mixed by shares: each reading is drawn by its number from the sources, in proportion. Once through ends where the
 * first source does, so that the shares hold for every beginning (within what chance allows: 3 sqrt(n p (1 - p)) of n
 * readings) and nothing comes twice; a stream of examples (`mixture`) begins sources anew, each by itself, instead.
 */
export const mixed = <A, R>(shares: ReadonlyArray<Share<A, R>>, seed: number): Sequence<A, R> => {
  const name = shares.map(([{ name }, share]) => `${name} ${share}`).join(" + ")
  const parts = partsOf(shares.map(([, share]) => share))
  return {
    name,
    digest: Effect.flatMap(
      Effect.forEach(shares, ([{ digest }]) => digest),
      (below) => digestOf("mixed", seed, shares.map(([, share]) => share), below),
    ),
    read: (from) =>
      Stream.unwrap(Effect.gen(function* () {
        if (E.isLeft(parts)) return yield* Effect.fail(parts.left)
        const draw = drawer(parts.right, seed)
        const begin: Mixed = from === undefined
          ? { drawn: 0, at: shares.map(() => null) }
          : yield* placeOf(Mixed, name, from)
        const next = yield* Effect.forEach(
          shares,
          ([sequence], i) => taken(sequence.read(begin.at[i] ?? undefined)),
        ) as Effect.Effect<ReadonlyArray<Effect.Effect<Reading<A> | undefined, DataFault, R>>, never, R | Scope.Scope>
        return Stream.paginate(begin, (now: Mixed) => {
          const i = draw(now.drawn)
          return Effect.map(next[i]!, (reading) => {
            if (reading === undefined) return [[], Option.none<Mixed>()] as const
            const after: Mixed = { drawn: now.drawn + 1, at: now.at.map((at, k) => k === i ? reading.after : at) }
            return [[{ ...reading, after }], Option.some(after)] as const
          })
        })
      })),
  }
}
