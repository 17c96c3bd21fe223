/**
 * A test over a grid of lengths and depths: its trials are posed, put to a language in batches of one length, and scored. What
 * is answered is in the journal after every batch, so a run that was stopped goes on with what is left, whatever the test.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import { type FileFault, natural, positive } from "../../core/files/codec.ts"
import { type Events, say } from "../events.ts"
import { orFail } from "../known.ts"
import type { AskFault, Language } from "../language/language.ts"
import type { Journal } from "../stage/stage.ts"
import type { StoreFault } from "../store.ts"
import type { Haystack } from "./haystack.ts"
import { Probe, taskOf } from "./probe.ts"
import { count, counted, Outcome, type Result } from "./result.ts"
import { depths, Grid, linear, type PoseFault, poseFault, type Scene, type Task, type Trial } from "./task.ts"

// ---- settings ------------------------------------------------------------------

/** What an evaluation depends on, besides the language and the haystack. */
export interface Evaluation {
  readonly probe: Probe
  readonly grid: Grid
  readonly seed: number
  /** Tokens of each length that are left free for the answer; LWM leaves 200. */
  readonly buffer: number
  /** Tokens of an answer at most; not more than the buffer. */
  readonly limit: number
  /** Tokens that a needle may be moved back to follow a sentence's end. */
  readonly reach: number
  /** Tokens of all prompts that are asked together, with their answers. */
  readonly batch: number
  /** Texts that end an answer, besides the tokenizer's `eos`. */
  readonly until: ReadonlyArray<string>
}

/** The codec of evaluations. */
export const Evaluation: t.Type<Evaluation, unknown> = t.strict({
  probe: Probe,
  grid: Grid,
  seed: natural,
  buffer: natural,
  limit: positive,
  reach: natural,
  batch: positive,
  until: t.readonlyArray(t.string),
})

/** LWM's grid: 3 lengths from 1000 to 32,000 tokens, 3 depths, 2 rounds, 2 million tokens at once. */
export const lwmEvaluation = (probe: Probe): Evaluation => ({
  probe,
  grid: { lengths: linear(1000, 32_000, 3), depths: depths(3), rounds: 2 },
  seed: 1234,
  buffer: 200,
  limit: 200,
  reach: 2 ** 31,
  batch: 2_000_000,
  until: [],
})

/** What is wrong with settings; the first of it. */
export const settingsFault = ({ grid, buffer, limit }: Evaluation): string | undefined => {
  if (grid.lengths.length === 0 || grid.depths.length === 0) return "a grid needs a length and a depth at least"
  const outside = grid.depths.find((d) => d < 0 || d > 100)
  if (outside !== undefined) return `depths are 0 to 100 percent, not ${outside}`
  if (new Set(grid.lengths).size < grid.lengths.length) return "a length is in the grid twice; remove one"
  if (new Set(grid.depths).size < grid.depths.length) return "a depth is in the grid twice; remove one"
  return limit > buffer
    ? `answers of up to ${limit} tokens do not fit into a buffer of ${buffer}; raise the buffer, or lower the limit`
    : undefined
}

// ---- batches -------------------------------------------------------------------

const idOf = ({ length, depth, round }: Trial): string => `${length} ${depth} ${round}`

/** In batches of as many as the tokens allow, and one at least. */
export const batches = (trials: ReadonlyArray<Trial>, tokens: number): ReadonlyArray<ReadonlyArray<Trial>> => {
  const size = Math.max(1, ...trials.slice(0, 1).map(({ length }) => Math.floor(tokens / length)))
  return Array.from({ length: Math.ceil(trials.length / size) }, (_, i) => trials.slice(i * size, (i + 1) * size))
}

const shownAnswer = 240

/** Tokens from which on people wait for a batch to be read, and are told how far it is. */
const slowReading = 1 << 17

const answered = (task: Task, scene: Scene, language: Language, e: Evaluation, trials: ReadonlyArray<Trial>) =>
  Effect.gen(function* () {
    const posed = yield* Effect.forEach(trials, (trial) => orFail(task.pose(scene, trial)))
    const { eos } = language.tokenizer
    const context = yield* Effect.context<Events>()
    const tokens = posed.reduce((n, p) => n + p.tokens.length, 0)
    const read = (done: number, total: number): Effect.Effect<void> =>
      Effect.provideContext(say({ _tag: "Progress", what: "reading", done, total, unit: "tokens" }), context)
    const answers = yield* language.answer(posed.map((p) => p.tokens), {
      sampling: { temperature: 0, seed: e.seed },
      limit: e.limit,
      stop: eos === undefined ? [] : [eos],
      ...(e.until.length === 0 ? {} : { until: e.until }),
      ...(tokens < slowReading ? {} : { read }),
    })
    return posed.map(({ wanted }, i): Outcome => {
      const answer = language.tokenizer.decode(answers[i]!)
      const scores = task.score(wanted, answer)
      const said = wanted.map(({ key, value, depth, heldOut }, j) => ({ key, value, depth, heldOut, ...scores[j]! }))
      return { trial: trials[i]!, said, answer: answer.slice(0, shownAnswer) }
    })
  })

// ---- the run -------------------------------------------------------------------

/** Answers so far. */
interface State {
  readonly outcomes: ReadonlyArray<Outcome>
}

const State: t.Type<State, unknown> = t.strict({ outcomes: t.readonlyArray(Outcome) })

/** Why an evaluation can end without a result. */
export type EvaluationFault = DeviceFault | AskFault | PoseFault | StoreFault | FileFault

/** Puts a test to a language. With a journal, it goes on where it was stopped. */
export const evaluate = (
  language: Language,
  haystack: Haystack,
  e: Evaluation,
  journal?: Journal,
): Effect.Effect<Result, EvaluationFault, Events> =>
  Effect.gen(function* () {
    const fault = settingsFault(e)
    if (fault !== undefined) return yield* Effect.fail(poseFault(fault))
    const task = taskOf(e.probe)
    const { grid, seed, buffer, reach } = e
    const scene: Scene = { tokenizer: language.tokenizer, haystack, seed, depths: grid.depths, buffer, reach }
    const trials = task.trials(grid)
    const before = journal === undefined ? undefined : yield* journal.last(State)
    const ids = new Set(trials.map(idOf))
    const done = new Map((before?.outcomes ?? []).map((o) => [idOf(o.trial), o] as const).filter(([id]) => ids.has(id)))
    const found = (some: ReadonlyArray<Trial>) => some.map((trial) => done.get(idOf(trial))!)
    for (const length of grid.lengths) {
      const own = trials.filter((trial) => trial.length === length)
      for (const batch of batches(own.filter((trial) => !done.has(idOf(trial))), e.batch)) {
        const outcomes = yield* answered(task, scene, language, e, batch)
        for (const o of outcomes) done.set(idOf(o.trial), o)
        if (journal !== undefined) yield* journal.save(State, { outcomes: [...done.values()] })
        yield* say({ _tag: "Progress", what: task.name, done: done.size, total: trials.length, unit: "prompts" })
      }
      // told also of a length that an earlier run finished: the log of a run is whole
      yield* say({ _tag: "Scored", task: task.name, length, ...counted(found(own).flatMap((o) => o.said)) })
    }
    const { name, tokens, removed } = haystack
    return {
      task: task.name,
      language: language.name,
      digest: language.digest,
      haystack: { name, tokens: tokens.length, removed, repeatsAbove: tokens.length },
      // in the order of the trials, whatever order they were answered in
      ...count(grid, found(trials)),
    }
  })
