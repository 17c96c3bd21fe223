/**
 * What can be asked of a language, checked before anything runs.
 * @module
 */
import type { Ask, AskFault, Language } from "./language.ts"
import { samplingFaults } from "./sampling.ts"

/** A fault with its sentence. */
export const askFault = (message: string): AskFault => ({ _tag: "AskFault", message })

/** What the checks need to know of a language. */
export interface Limits {
  readonly name: Language["name"]
  readonly context: number
  readonly vocab: number
}

/** The first id that is none of the vocabulary. */
const stranger = (row: ArrayLike<number>, vocab: number): number => {
  for (let i = 0; i < row.length; i++) if (!Number.isInteger(row[i]) || row[i]! < 0 || row[i]! >= vocab) return i
  return -1
}

const rowFaults = (what: string, row: ArrayLike<number>, { name, vocab }: Limits): ReadonlyArray<AskFault> => {
  const at = stranger(row, vocab)
  return at < 0 ? [] : [askFault(
    `${what}: token ${at} is ${row[at]}, but the vocabulary of ${name} is 0 to ${
      vocab - 1
    }; was it encoded by another ` +
      "tokenizer?",
  )]
}

/** All that is wrong with a question. */
export const askFaults = (
  l: Limits,
  prompts: ReadonlyArray<ArrayLike<number>>,
  ask: Ask,
): ReadonlyArray<AskFault> => [
  ...samplingFaults(ask.sampling),
  ...(Number.isSafeInteger(ask.limit) && ask.limit >= 0
    ? []
    : [askFault(`the limit is ${ask.limit} tokens; expected a whole number from 0`)]),
  ...prompts.flatMap((row, i) => [
    ...(row.length > 0 ? [] : [askFault(`prompt ${i} is empty; give it one token at least, for instance bos`)]),
    ...rowFaults(`prompt ${i}`, row, l),
    ...(row.length + ask.limit <= l.context ? [] : [askFault(
      `prompt ${i} has ${row.length} tokens and asks for up to ${ask.limit} more, but ${l.name} has a context of ` +
        `${l.context}: ${row.length + ask.limit - l.context} too many; shorten the prompt, or ask for fewer`,
    )]),
  ]),
]

/** All that is wrong with rows whose losses are asked for. */
export const lossFaults = (l: Limits, rows: ReadonlyArray<ArrayLike<number>>): ReadonlyArray<AskFault> =>
  rows.flatMap((row, i) => [
    ...rowFaults(`row ${i}`, row, l),
    ...(row.length <= l.context ? [] : [askFault(
      `row ${i} has ${row.length} tokens, but ${l.name} has a context of ${l.context}: ${row.length - l.context} too ` +
        "many; cut it into rows",
    )]),
  ])

const mebibytes = (n: number): string => `${Math.ceil(n / 2 ** 20)} MiB`

/** That so much context takes more memory than there may be. */
export const memoryFault = (
  tokens: number,
  { bytes, perToken, memory }: { readonly bytes: number; readonly perToken: number; readonly memory: number },
): AskFault =>
  askFault(
    `${tokens} tokens of context take ${mebibytes(bytes)} beside the parameters (${perToken} bytes a token in the ` +
      `cache), more than the ${mebibytes(memory)} there may be; allow more memory, keep the cache as f16 or int8, or ` +
      "shorten the prompt",
  )
