/**
 * Questions by a language model of our own: it reads the chunk and is asked for a pair, as LWM's short-context model was.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { hostBits, hostFold, type HostKey } from "../../core/random/host.ts"
import { chatEnds, chatPrompt } from "../language/chat.ts"
import type { Language } from "../language/language.ts"
import { parse, request, version } from "./asking.ts"
import { type Pair, Writer, type WriterFault, writerFault } from "./writer.ts"

/** How it is asked. */
export interface Patience {
  readonly temperature: number
  /** Tokens of a reply at most. */
  readonly limit: number
  /** Replies that are read before it is given up, each drawn anew. */
  readonly tries: number
}

/** A little chance, so that asking again helps. */
export const standardPatience: Patience = { temperature: 0.7, limit: 200, tries: 3 }

const attempt = (
  language: Language,
  p: Patience,
  text: string,
  key: HostKey,
  n: number,
): Effect.Effect<Pair, WriterFault> =>
  Effect.gen(function* () {
    const { tokenizer, name } = language
    const seed = hostBits(hostFold(key, n), 1)[0]!
    const ask = { sampling: { temperature: p.temperature, seed }, limit: p.limit, ...chatEnds(tokenizer) }
    const [reply] = yield* Effect.mapError(
      language.answer([chatPrompt(tokenizer, { question: request(text) })], ask),
      ({ message }) => writerFault("failed", `${name}: ${message}`),
    )
    const pair = parse(tokenizer.decode(reply!))
    if (E.isRight(pair)) return pair.right
    if (n + 1 < p.tries) return yield* attempt(language, p, text, key, n + 1)
    const many = `after ${p.tries} replies: ${pair.left}; use a model that was tuned to follow requests`
    return yield* Effect.fail(writerFault("malformed", `${name}: ${many}`))
  })

/** A model as a writer. */
export const own = (language: Language, p: Patience = standardPatience): Layer.Layer<Writer> =>
  Layer.succeed(Writer, {
    label: `model ${language.name} ${language.digest.slice(0, 12)}`,
    identity: `model ${language.digest} ${p.temperature} ${p.limit} ${version}`,
    write: ({ text }, key) => attempt(language, p, text, key, 0),
  })
