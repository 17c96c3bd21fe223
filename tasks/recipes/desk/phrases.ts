/**
 * The fixed texts of needles, questions and dialogues: the tokenizer learns them whole, rows are made of them, and the
 * harness (`tasks/evaluate/wording.ts`) says the same.
 * @module
 */
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { names, ways } from "../../vision/digits.ts"
import type { Phrases } from "./curriculum.ts"

/** Texts that are one token each, wherever they stand: so what stands before a name or an answer never joins it. */
export const marks: ReadonlyArray<string> = [" USER:", " ASSISTANT:"]

/** Likewise what stands around frames, what is asked of scenes, and what is said of them: see `tasks/vision/digits.ts`. */
export const sights: ReadonlyArray<string> = [
  ...["<vision>", "</vision>", "Generate an image of", "Generate a video of"],
  ...["What is there?", "Which digit is this?", "How many digits are there?", "Which way does the", " move?"],
  ...names.map((name) => ` ${name}`),
  ...[" moving", ...ways.map((way) => ` ${way}`)],
]

const texts: { readonly [K in keyof Phrases]: string } = {
  opening: "You are a helpful assistant. USER: ",
  needle: "The special magic ",
  is: " number is: ",
  line: "\n",
  question: " What is the special magic ",
  questions: " What are the special magic numbers for ",
  comma: ", ",
  and: ", and ",
  ask: " number?",
  asks: "?",
  brief: " Don't give information outside the document or repeat your findings. Keep your response short and direct.",
  outside: " Don't give information outside the document.",
  assistant: " ASSISTANT:",
  space: " ",
  reply: " The special magic ",
  user: " USER:",
}

/** What the tokenizer is to learn as wholes, beside the book: each as often as a common word of the book. */
export const phraseTexts: ReadonlyArray<string> = Object.values(texts)

/** All numbers of two digits, a line each: a number of seven takes four tokens, of which there are few to learn. */
export const pairsOfDigits = (times: number): string =>
  Array.from({ length: times * 100 }, (_, i) => String(i % 100).padStart(2, "0")).join("\n")

/** Where texts are cut: at numbers, two digits at a time, and at newlines. */
export const pattern = "[0-9]{1,2}|\\n"

/** The phrases in tokens. */
export const phrasesOf = ({ encode }: Tokenizer): Phrases =>
  Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, Array.from(encode(text))]),
  ) as unknown as Phrases
