/**
 * Languages that are no models and guard what is measured with languages: one that always knows, which must get
 * everything right, and one that guesses, which must get next to nothing right.
 * @module
 */
import * as Effect from "effect/Effect"
import { hostBits, hostFold, type HostKey } from "../../core/random/host.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { digest, utf8 } from "../store.ts"
import { askFaults, lossFaults } from "./asking.ts"
import { begun, grown } from "./ending.ts"
import type { Ask, Language } from "./language.ts"
import { promptKeys } from "./sampling.ts"

/** What both are made of. */
interface Guard {
  readonly name: string
  readonly tokenizer: Tokenizer
  readonly context: number
}

/** A whole number from 0 below n, another at each call. */
export type Random = (n: number) => number

/** How one answers: the tokens that it would go on with, whatever ends them. */
type Says = (prompt: ArrayLike<number>, key: HostKey, ask: Ask) => Iterable<number>

const guard = (
  { name, tokenizer, context }: Guard,
  says: Says,
  nats: number,
): Effect.Effect<Language> =>
  Effect.map(digest(utf8(`${name} ${tokenizer.digest} ${context}`)), (own) => {
    const limits = { name, context, vocab: tokenizer.vocab }
    const one = (prompt: ArrayLike<number>, row: number, key: HostKey, ask: Ask): Effect.Effect<Int32Array> =>
      Effect.gen(function* () {
        let answer = begun(ask)
        for (const token of says(prompt, key, ask)) {
          if (answer.done) break
          answer = grown(tokenizer, ask, answer, token)
          if (ask.heard !== undefined && !ask.stop.includes(token)) yield* ask.heard(row, token)
        }
        return Int32Array.from(answer.tokens)
      })
    return {
      ...{ name, digest: own, tokenizer, context },
      answer: (prompts, ask) =>
        Effect.gen(function* () {
          const faults = askFaults(limits, prompts, ask)
          if (faults.length > 0) return yield* Effect.fail(faults[0]!)
          const keys = promptKeys(prompts, ask.sampling.seed)
          const total = prompts.reduce((n, p) => n + p.length, 0)
          if (ask.read !== undefined) yield* ask.read(total, total)
          return yield* Effect.forEach(prompts, (prompt, i) => one(prompt, i, keys[i]!, ask))
        }),
      nats: (rows) => {
        const faults = lossFaults(limits, rows)
        return faults.length > 0
          ? Effect.fail(faults[0]!)
          : Effect.succeed(rows.map((row) => new Float32Array(Math.max(0, row.length - 1)).fill(nats)))
      },
    }
  })

/** Knows the answer to every prompt, for it reads it by a function. It is never surprised: its losses are 0. */
export const oracleLanguage = (
  { answer, ...g }: Omit<Guard, "name"> & { readonly name?: string; readonly answer: (prompt: string) => string },
): Effect.Effect<Language> =>
  guard({ name: "oracle", ...g }, (prompt) => g.tokenizer.encode(answer(g.tokenizer.decode(prompt))), 0)

/** Numbers that depend on the key alone. */
const randomOf = (key: HostKey): Random => {
  let at = 0
  return (n) => hostBits(hostFold(key, at++), 1)[0]! % n
}

/**
 * Guesses: any tokens, or what `guess` makes of random numbers, such as a number of the right length. It depends on the
 * seed, its own and the one asked with, and on the prompt. All tokens are as likely to it: its losses are log(vocab).
 */
export const randomLanguage = (
  { seed, guess, ...g }: Omit<Guard, "name"> & {
    readonly name?: string
    readonly seed: number
    readonly guess?: (random: Random, prompt: string) => string
  },
): Effect.Effect<Language> => {
  const { tokenizer } = g
  const says: Says = (prompt, key, { limit }) => {
    const random = randomOf(hostFold(key, seed))
    return guess === undefined
      ? Array.from({ length: limit }, () => random(tokenizer.vocab))
      : tokenizer.encode(guess(random, tokenizer.decode(prompt)))
  }
  return guard({ name: `random ${seed}`, ...g }, says, Math.log(tokenizer.vocab))
}
