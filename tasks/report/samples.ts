/**
 * What a model says to some prompts, as a stage: its output is shown in the report of whatever pipeline it is in.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import type { Language } from "../language/language.ts"
 * import type { Stage } from "../stage/stage.ts"
 * import { samplesStage } from "./samples.ts"
 *
 * declare const model: Stage<{ readonly digest: string }>
 * declare const open: (model: { readonly digest: string }) => Effect.Effect<Language>
 * const samples = samplesStage({
 *   name: "samples",
 *   subject: { model, open, as: null },
 *   prompts: [{ text: "Call me", limit: 40, sampling: { temperature: 0.7, seed: 1 } }],
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import { finite, natural, positive } from "../../core/files/codec.ts"
import type { Subject } from "../evaluate/stage.ts"
import type { AskFault, Language, Sampling } from "../language/language.ts"
import { type Stage, stage } from "../stage/stage.ts"
import { type Sample, Samples } from "./data.ts"

// ---- types -------------------------------------------------------------------

/** A text to be gone on with. `bos` stands before it where the tokenizer has one. */
export interface Prompt {
  readonly text: string
  /** Tokens at most. */
  readonly limit: number
  readonly sampling: Sampling
  /** Texts that end the answer. */
  readonly until?: ReadonlyArray<string>
}

/** Prompts for a model. */
export interface SamplesDeclaration<M, X, R, X2, R2> {
  readonly name: string
  readonly about?: string
  readonly subject: Subject<M, X, R, X2, R2>
  readonly prompts: ReadonlyArray<Prompt>
}

const Sampling: t.Type<Sampling, unknown> = t.intersection([
  t.strict({ temperature: finite, seed: natural }),
  t.partial({ topK: positive, topP: finite }),
]) as t.Type<Sampling, unknown>

const Prompts: t.Type<ReadonlyArray<Prompt>, unknown> = t.readonlyArray(
  t.intersection([
    t.strict({ text: t.string, limit: positive, sampling: Sampling }),
    t.partial({ until: t.readonlyArray(t.string) }),
  ]),
) as t.Type<ReadonlyArray<Prompt>, unknown>

// ---- asking ------------------------------------------------------------------

/** How a token is chosen, for people. */
const samplingText = ({ temperature, topK, topP, seed }: Sampling): string =>
  temperature === 0 ? "greedy" : [
    `temperature ${temperature}`,
    ...(topK === undefined ? [] : [`top-k ${topK}`]),
    ...(topP === undefined ? [] : [`top-p ${topP}`]),
    `seed ${seed}`,
  ].join(", ")

/** What a language says to a prompt. */
const sampled = (
  language: Language,
  { text, limit, sampling, until }: Prompt,
): Effect.Effect<Sample, DeviceFault | AskFault> => {
  const { tokenizer, name } = language
  const { bos, eos } = tokenizer
  const tokens = [...(bos === undefined ? [] : [bos]), ...tokenizer.encode(text)]
  const ask = { sampling, limit, stop: eos === undefined ? [] : [eos], ...(until === undefined ? {} : { until }) }
  return Effect.map(language.answer([tokens], ask), ([answer]) => ({
    prompt: text,
    answer: tokenizer.decode(answer!),
    label: `${name}, ${samplingText(sampling)}`,
  }))
}

// ---- the stage -----------------------------------------------------------------

/** Declares it; nothing runs. */
export const samplesStage = <M, X, R, X2, R2>(
  { name, about, subject, prompts }: SamplesDeclaration<M, X, R, X2, R2>,
): Stage<ReadonlyArray<Sample>, X | X2 | DeviceFault | AskFault, R | R2> =>
  stage({
    name,
    version: "1",
    about: about ?? `what ${subject.model.name} says to ${prompts.length} prompts`,
    codec: t.strict({ prompts: Prompts, subject: t.unknown }),
    settings: { prompts, subject: subject.as },
    seeds: prompts.map((p) => p.sampling.seed),
    ...(subject.graphs === undefined ? {} : { graphs: subject.graphs }),
    needs: { model: subject.model },
    output: Samples,
    expects: () => E.right({ tokens: prompts.reduce((n, p) => n + p.limit, 0), steps: prompts.length }),
    make: ({ model }, settings) =>
      Effect.scoped(
        Effect.flatMap(
          subject.open(model),
          (language) => Effect.forEach(settings.prompts, (p) => sampled(language, p)),
        ),
      ) as Effect.Effect<ReadonlyArray<Sample>, X2 | DeviceFault | AskFault, R2>,
  })
