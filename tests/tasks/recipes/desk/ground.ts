/**
 * What the desk recipe's rows are made of, made once for all tests of a process: the whole book and its vocabulary.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Tokenizer } from "../../../../models/tokenizers/tokenizer.ts"
import { events } from "../../../../tasks/events.ts"
import { footing, groundOf, textOf, tokenizerOf } from "../../../../tasks/recipes/desk/book.ts"
import type { Ground } from "../../../../tasks/recipes/desk/curriculum.ts"
import { runAll } from "../../../../tasks/stage/run.ts"
import { memory } from "../../../../tasks/store.ts"

interface Made {
  readonly ground: Ground
  readonly tokenizer: Tokenizer
  readonly heldOut: string
}

const made: Made = await Effect.runPromise(
  Effect.gen(function* () {
    const { book, vocabulary, tokens } = yield* runAll({ ...footing(null) })
    const ground = yield* groundOf(vocabulary, tokens)
    return { ground, tokenizer: yield* tokenizerOf(vocabulary), heldOut: yield* textOf(book.heldOut) }
  }).pipe(Effect.provide(Layer.merge(events, memory()))),
)

export const ground: Ground = made.ground
export const tokenizer: Tokenizer = made.tokenizer
/** The part of the book that no row is made of. */
export const heldOut: string = made.heldOut
