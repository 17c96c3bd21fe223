/**
 * Texts of any kind for properties of tokenizers, and what a test does with an Either.
 * @module
 */
import { either as E } from "fp-ts"
import * as fc from "fast-check"

/** What is right, or the test ends. */
export const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isRight(e)) return e.right
  throw new Error(JSON.stringify(e.left))
}

/** What is wrong, or the test ends. */
export const left = <A>(e: E.Either<A, unknown>): A => {
  if (E.isLeft(e)) return e.left
  throw new Error("expected a fault")
}

const words = [
  "a",
  "ab",
  " ",
  "  ",
  "\n",
  "\r\n",
  "\t",
  "the",
  " the",
  "7",
  "42",
  "321",
  "1234567",
  "Rome",
  "Dar es Salaam",
]
const odd = [
  "é",
  "e\u0301",
  "▁",
  "\uFEFF",
  "\u0000",
  "🦜",
  "👩‍🚀",
  "漢字",
  "<s>",
  "</s>",
  "<0x41>",
  "<|eos|>",
  "Ġ",
  "Ã©",
  "'s",
]

/** Texts of words that tokenizers trip over, and of any characters; no lone surrogates. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.oneof(fc.constantFrom(...words, ...odd), fc.string({ unit: "grapheme", maxLength: 4 })), {
    maxLength: 20,
  })
    .map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 40 }),
)
