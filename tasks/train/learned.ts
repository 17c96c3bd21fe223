/**
 * What a training learned, put to use: a language for those who ask and measure.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { bitsPerByte } from "../evaluate/perplexity.ts"
 *
 * const bits = (model: Model, text: string) =>
 *   Effect.scoped(Effect.flatMap(learnedLanguage(model), (l) => bitsPerByte(l, text, { context: 256, batch: 4096 })))
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Device } from "../../core/device/device.ts"
import type { FileFault } from "../../core/files/codec.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { AskFault, Language } from "../language/language.ts"
import { llamaLanguage } from "../language/llama.ts"
import type { FileRef } from "../objects.ts"
import type { Store, StoreFault } from "../store.ts"
import { readParameters } from "./parameters.ts"

/** Learned parameters, and what they are the parameters of. */
export interface Model {
  /** For people. */
  readonly name: string
  readonly config: Config
  /** Of a training, a saved state or a Hugging Face file. */
  readonly parameters: FileRef
  readonly tokenizer: Tokenizer
}

/** The language of learned parameters, for the life of the scope. Faults: those of `readParameters` and `llamaLanguage`. */
export const learnedLanguage = (
  { parameters: ref, ...model }: Model,
): Effect.Effect<Language, DeviceFault | AskFault | StoreFault | FileFault, Device | Store | Scope.Scope> =>
  Effect.flatMap(
    readParameters(model.config, ref),
    (parameters) => llamaLanguage({ ...model, parameters, digest: ref.digest }),
  )
