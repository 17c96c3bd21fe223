/**
 * Evaluations as stages: what a needle grid, nats by position and bits per byte are declared by, over any stage that makes a
 * model and any that makes held-out text.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as t from "io-ts"
 * import type { Language } from "../language/language.ts"
 * import type { Stage } from "../stage/stage.ts"
 * import { lwmEvaluation } from "./grid.ts"
 * import { singleNeedle } from "./probe.ts"
 * import { needleStage } from "./stage.ts"
 *
 * declare const model: Stage<{ readonly digest: string }>
 * declare const book: Stage<string>
 * declare const open: (model: { readonly digest: string }) => Effect.Effect<Language>
 * const needles = needleStage({
 *   name: "needles",
 *   subject: { model, open, as: { theta: 1e6 } },
 *   text: { from: book, read: Effect.succeed },
 *   evaluation: lwmEvaluation(singleNeedle()),
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import { positive } from "../../core/files/codec.ts"
import type { Faults as GraphFaults } from "../../core/graph/fault.ts"
import type { Events } from "../events.ts"
import type { AskFault, Language } from "../language/language.ts"
import { type Expectation, type Json, type Stage, stage } from "../stage/stage.ts"
import { evaluate, Evaluation, type EvaluationFault } from "./grid.ts"
import { haystack } from "./haystack.ts"
import { BitsPerByte, bitsPerByte, ByPosition, perplexityByPosition, Regression, regression } from "./perplexity.ts"
import { taskOf } from "./probe.ts"
import { Result } from "./result.ts"
import type { PoseFault } from "./task.ts"

// ---- types -------------------------------------------------------------------

/** Whose answers are asked for. */
export interface Subject<M, X, R, X2, R2> {
  readonly model: Stage<M, X, R>
  /** Opens what the stage made as a language, for as long as the evaluation lasts. */
  readonly open: (model: M) => Effect.Effect<Language, X2, R2 | Scope.Scope>
  /** What `open` depends on besides the model: its config, theta, precision. It is a part of the key. */
  readonly as: Json
  /** Digests of the graphs that it runs. */
  readonly graphs?: () => E.Either<GraphFaults, ReadonlyArray<string>>
}

/** Held-out text. */
export interface HeldOut<T, X, R, X2, R2> {
  readonly from: Stage<T, X, R>
  readonly read: (made: T) => Effect.Effect<string, X2, R2>
}

interface Named {
  readonly name: string
  readonly about?: string
}

/** An evaluation over a grid. */
export interface NeedleStage<M, X, R, X2, R2, T, X3, R3, X4, R4> extends Named {
  readonly subject: Subject<M, X, R, X2, R2>
  readonly text: HeldOut<T, X3, R3, X4, R4>
  readonly evaluation: Evaluation
}

/** How much text is foretold, and how. */
export interface Foretelling {
  /** Tokens of a row or window. */
  readonly context: number
  /** Tokens of all rows that are read together. */
  readonly batch: number
  /** Rows at most, for nats by position. */
  readonly rows: number
  /** Bins in each doubling of the position. */
  readonly bins: number
  /** Characters of the text at most, from its beginning. */
  readonly characters: number
}

/** The codec of these settings. */
export const Foretelling: t.Type<Foretelling, unknown> = t.strict({
  context: positive,
  batch: positive,
  rows: positive,
  bins: positive,
  characters: positive,
})

/** Nats by position, or bits per byte. */
export interface TextStage<M, X, R, X2, R2, T, X3, R3, X4, R4> extends Named {
  readonly subject: Subject<M, X, R, X2, R2>
  readonly text: HeldOut<T, X3, R3, X4, R4>
  readonly foretelling: Foretelling
}

// ---- constructors --------------------------------------------------------------

/** Opens the language, reads the text, and does something with both. */
const opened = <M, X, R, X2, R2, T, X3, R3, X4, R4, A, X5, R5>(
  subject: Subject<M, X, R, X2, R2>,
  text: HeldOut<T, X3, R3, X4, R4>,
  use: (language: Language, text: string) => Effect.Effect<A, X5, R5>,
) =>
({ model, text: made }: { readonly model: M; readonly text: T }): Effect.Effect<A, X2 | X4 | X5, R2 | R4 | R5> =>
  Effect.scoped(Effect.gen(function* () {
    const language = yield* subject.open(model)
    return yield* use(language, yield* text.read(made))
  })) as Effect.Effect<A, X2 | X4 | X5, R2 | R4 | R5>

const graphsOf = (subject: { readonly graphs?: () => E.Either<GraphFaults, ReadonlyArray<string>> }) =>
  subject.graphs === undefined ? {} : { graphs: subject.graphs }

/** What a grid will read. */
export const expected = ({ probe, grid, batch }: Evaluation): Expectation => {
  const trials = taskOf(probe).trials(grid)
  const calls = grid.lengths.map((length) => {
    const own = trials.filter((trial) => trial.length === length).length
    return Math.ceil(own / Math.max(1, Math.floor(batch / length)))
  })
  return {
    tokens: trials.reduce((n, { length }) => n + length, 0),
    steps: calls.reduce((n, c) => n + c, 0),
    context: Math.max(0, ...grid.lengths),
    notes: [`${trials.length} prompts: ${probe.name}, ${grid.lengths.length} lengths x ${grid.depths.length} depths`],
  }
}

/** A needle grid, or any other probe over a grid, as a stage; it goes on where it was stopped. */
export const needleStage = <M, X, R, X2, R2, T, X3, R3, X4, R4>(
  d: NeedleStage<M, X, R, X2, R2, T, X3, R3, X4, R4>,
): Stage<Result, X | X2 | X3 | X4 | EvaluationFault, R | R2 | R3 | R4 | Events> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? `${d.evaluation.probe.name} over lengths and depths`,
    codec: t.strict({ evaluation: Evaluation, subject: t.unknown }),
    settings: { evaluation: d.evaluation, subject: d.subject.as },
    seeds: [d.evaluation.seed],
    ...graphsOf(d.subject),
    needs: { model: d.subject.model, text: d.text.from },
    output: Result,
    expects: () => E.right(expected(d.evaluation)),
    make: (made, { evaluation }, journal) =>
      opened(d.subject, d.text, (language, text) =>
        evaluate(language, haystack(d.text.from.name, language.tokenizer, text), evaluation, journal))(made),
  })

const textStage = <A, M, X, R, X2, R2, T, X3, R3, X4, R4>(
  d: TextStage<M, X, R, X2, R2, T, X3, R3, X4, R4>,
  about: string,
  output: t.Type<A, unknown>,
  use: (l: Language, text: string, f: Foretelling) => Effect.Effect<A, DeviceFault | AskFault | PoseFault, Events>,
): Stage<A, X | X2 | X3 | X4 | DeviceFault | AskFault | PoseFault, R | R2 | R3 | R4 | Events> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? about,
    codec: t.strict({ foretelling: Foretelling, subject: t.unknown }),
    settings: { foretelling: d.foretelling, subject: d.subject.as },
    ...graphsOf(d.subject),
    needs: { model: d.subject.model, text: d.text.from },
    output,
    expects: () => E.right({ context: d.foretelling.context }),
    make: (made, { foretelling }) =>
      opened(d.subject, d.text, (l, text) => use(l, text.slice(0, foretelling.characters), foretelling))(made),
  })

/** Nats by position over held-out text, as a stage. */
export const positionStage = <M, X, R, X2, R2, T, X3, R3, X4, R4>(
  d: TextStage<M, X, R, X2, R2, T, X3, R3, X4, R4>,
): Stage<ByPosition, X | X2 | X3 | X4 | DeviceFault | AskFault | PoseFault, R | R2 | R3 | R4 | Events> =>
  textStage(d, "nats by position", ByPosition, (l, text, f) => perplexityByPosition(l, [text], f))

/** Bits per byte of held-out text, as a stage. */
export const bitsStage = <M, X, R, X2, R2, T, X3, R3, X4, R4>(
  d: TextStage<M, X, R, X2, R2, T, X3, R3, X4, R4>,
): Stage<BitsPerByte, X | X2 | X3 | X4 | DeviceFault | AskFault | PoseFault, R | R2 | R3 | R4 | Events> =>
  textStage(d, "bits per byte", BitsPerByte, bitsPerByte)

/** Bits per byte before and after an extension, side by side, as a stage. */
export const regressionStage = <X, R, X2, R2>(
  d: Named & { readonly before: Stage<BitsPerByte, X, R>; readonly after: Stage<BitsPerByte, X2, R2> },
): Stage<Regression, X | X2, R | R2> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? "bits per byte before and after",
    codec: t.null,
    settings: null,
    needs: { before: d.before, after: d.after },
    output: Regression,
    make: ({ before, after }) => Effect.succeed(regression(before, after)),
  })
