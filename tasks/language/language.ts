/**
 * A language model as a service to those who ask it: evaluation, the writer of questions, chat. A trained Llama is one, and
 * so are the oracle that always knows and the one that guesses, which guard the harness.
 * @module
 */
import type * as Effect from "effect/Effect"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"

/** How the next token is chosen. Temperature 0 is greedy; then the rest says nothing. */
export interface Sampling {
  readonly temperature: number
  /** Only the k most likely. */
  readonly topK?: number
  /** Only the most likely that make up this share (Holtzman et al., 2020). */
  readonly topP?: number
  readonly seed: number
}

/** What is asked for. */
export interface Ask {
  readonly sampling: Sampling
  /** Tokens at most. */
  readonly limit: number
  /** Ids that end an answer; they are not part of it. */
  readonly stop: ReadonlyArray<number>
  /** Texts that end an answer; they are not part of it. */
  readonly until?: ReadonlyArray<string>
  /** Hears tokens as they come: the row and the token. */
  readonly heard?: (row: number, token: number) => Effect.Effect<void>
  /** Hears how many tokens of the prompts are read, of how many. */
  readonly read?: (done: number, total: number) => Effect.Effect<void>
}

/** A question that cannot be put: too long for the context, an id outside of the vocabulary. */
export interface AskFault {
  readonly _tag: "AskFault"
  readonly message: string
}

/** What answers. */
export interface Language {
  /** For people. */
  readonly name: string
  /** Digest of the parameters, or of what stands for them. */
  readonly digest: string
  readonly tokenizer: Tokenizer
  /** Tokens at most, prompt and answer together. */
  readonly context: number
  /** Continues each prompt. Answers do not depend on which prompts are asked together, nor on their padding. */
  readonly answer: (
    prompts: ReadonlyArray<ArrayLike<number>>,
    ask: Ask,
  ) => Effect.Effect<ReadonlyArray<Int32Array>, DeviceFault | AskFault>
  /** Negative log likelihood in nats of each token after the first, for each row. */
  readonly nats: (
    rows: ReadonlyArray<ArrayLike<number>>,
  ) => Effect.Effect<ReadonlyArray<Float32Array>, DeviceFault | AskFault>
}
