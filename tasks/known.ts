/**
 * What is known becomes what happens: a value or its faults as an effect.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"

/** The value, or its fault. */
export const orFail = <X, A>(e: E.Either<X, A>): Effect.Effect<A, X> =>
  E.isRight(e) ? Effect.succeed(e.right) : Effect.fail(e.left)

/** The value; else the first fault speaks for all of them, and says how many there are. */
export const orFirst = <X extends { readonly message: string }, A>(
  e: E.Either<ReadonlyArray<X>, A>,
): Effect.Effect<A, X> => {
  if (E.isRight(e)) return Effect.succeed(e.right)
  const [first, ...more] = e.left as readonly [X, ...ReadonlyArray<X>]
  const rest = more.length === 0 ? "" : ` (and ${more.length} more like it)`
  return Effect.fail({ ...first, message: first.message + rest })
}

/** Computed when it is first asked for, and once. */
export const lazily = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}
