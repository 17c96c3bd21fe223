/**
 * A world model as a service to those who generate with it, ask it, and measure either: evaluation, the commands.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { greedy } from "../language/sampling.ts"
 * import { answerEnds } from "./ask.ts"
 *
 * // the codes of a still that is wished for, and what the model says of it
 * const look = (w: WorldLanguage) =>
 *   Effect.gen(function* () {
 *     const [frames] = yield* w.generate([{ text: "a seven" }], { frames: 1, guidance: 3, temperature: 1, seed: 1 })
 *     const ask = { sampling: greedy, limit: 8, ...answerEnds(w.tokenizer) }
 *     const [answer] = yield* w.answer([{ frames: frames!, text: "Which digit is this?" }], ask)
 *     return w.tokenizer.decode(answer!)
 *   })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Device, Values } from "../../core/device/device.ts"
import type { Parameters as TextParameters } from "../../models/llama/parameters.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { WorldConfig } from "../../models/world/config.ts"
import type { Layout } from "../../models/world/layout.ts"
import { type Parameters, textOf } from "../../models/world/parameters.ts"
import { orFail } from "../known.ts"
import type { AskFault, Language } from "../language/language.ts"
import { answering, llamaLanguage, openedAs, type Parts } from "../language/llama.ts"
import { type Asking, type Question, questionTokens } from "./ask.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { type Generate, generating } from "./generate.ts"
import { readableWorld } from "./reading.ts"
import type { Seer } from "./wish.ts"

// ---- types -------------------------------------------------------------------

/** What a world model is made of. */
export interface WorldParts extends Parts<Parameters> {
  readonly config: WorldConfig
  /** Codes of its VQGAN, and of a frame: `layoutOf`. */
  readonly layout: Layout
}

/** What generates and answers. */
export interface WorldLanguage extends Seer {
  /** Digest of the parameters. */
  readonly digest: string
  readonly tokenizer: Tokenizer
  /** Tokens at most: prompt, frames and answer together. */
  readonly context: number
  /** Pictures and videos of wishes, as codes. */
  readonly generate: Generate
  /** Answers as tokens of text. They do not depend on which questions are asked together, nor on their padding. */
  readonly answer: (
    questions: ReadonlyArray<Question>,
    ask: Asking,
  ) => Effect.Effect<ReadonlyArray<Int32Array>, DeviceFault | AskFault | VisionFault>
  /** The same model as a language of texts alone: the Llama that it holds, by the same programs as any. */
  readonly text: Language
}

// ---- constructors --------------------------------------------------------------

/** A model that was made for other codes than these. */
const apart = ({ config, layout, name = "the model" }: WorldParts): VisionFault | undefined =>
  config.codes === layout.codes ? undefined : visionFault(
    "model",
    name,
    `${name} knows a codebook of ${config.codes} codes, not of ${layout.codes}; give the VQGAN that its frames were encoded with`,
  )

/**
 * A world model that is ready, for the life of the scope; it does one thing at a time. Faults: codes of another codebook, a
 * tokenizer of another model, not enough memory.
 */
export const worldLanguage = (
  parts: WorldParts,
): Effect.Effect<WorldLanguage, DeviceFault | AskFault | VisionFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { config, layout, tokenizer } = parts
    const wrong = apart(parts)
    if (wrong !== undefined) return yield* Effect.fail(wrong)
    const { parameters, ...open } = yield* openedAs(readableWorld(config), parts)
    const { digest, limits } = open
    const name = parts.name ?? `world ${digest.slice(0, 8)}`
    const seer: Seer = { name, config, layout, tokenizer }
    const mixed = answering({ ...open, limits: { ...limits, name, vocab: config.vocab + config.vision } })
    const placed = textOf(parameters) as unknown as Values<TextParameters>
    const text = yield* llamaLanguage({ ...parts, name, digest, parameters: placed })
    const answer: WorldLanguage["answer"] = (questions, ask) =>
      Effect.gen(function* () {
        const rows = yield* Effect.forEach(
          questions,
          (q, i) => orFail(questionTokens(seer, q, ask, `question ${i}`)),
        )
        return yield* mixed.answer(rows, ask)
      })
    return { ...seer, digest, context: config.context, generate: generating(open, seer), answer, text }
  })
