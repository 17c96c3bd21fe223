/**
 * `deno task ask`: questions about pictures and videos in files, all in one batch. The answer to one question about one file
 * is shown as it comes.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { samplingFaults } from "../language/sampling.ts"
import type { Sampling } from "../language/language.ts"
import { begin, rest, spell } from "../language/spelling.ts"
import { several, tame } from "../numbers.ts"
import type { Told } from "../recipes/registry.ts"
import { another, none, type Tally, tallyText } from "../data/tally.ts"
import { answerEnds, type Asking, type Question } from "../vision/ask.ts"
import type { Coder } from "../vision/codes.ts"
import type { Look } from "../vision/file.ts"
import { visionFault } from "../vision/fault.ts"
import type { Captioned } from "../vision/frame.ts"
import type { WorldLanguage } from "../vision/world-language.ts"
import { failure, provided, type Surroundings } from "./around.ts"
import { passing, programs, sequenceOf } from "./encode.ts"
import { type Asked, type Command, count, type Flag, number, texts } from "./flags.ts"
import { clashes, cuts, modelFor, ready, seeing, type SeeingFlags } from "./seeing.ts"

// ---- flags -----------------------------------------------------------------

type AskFlags = SeeingFlags & {
  readonly file: Flag<ReadonlyArray<string>>
  readonly frames: Flag<number>
  readonly rate: Flag<number>
  readonly "max-tokens": Flag<number>
}

/** What may be asked of it. */
export const command: Command<AskFlags> = {
  call: 'deno task ask --file=picture.png "How many digits are there?" ... [flags]',
  about: "Asks a world model about pictures and videos: every question of every file.",
  names: Infinity,
  flags: {
    file: texts("FILE|FOLDER", "a picture, a video, or a folder of them; may be said several times"),
    frames: count("N", "frames of a video at most, evenly from the first to the last (8)", 1),
    rate: number("N", "frames a second that are looked at (4)"),
    "max-tokens": count("N", "tokens of an answer at most (32)", 1),
    ...seeing("draws answers instead of always taking the likeliest (0)"),
  },
  more: "The answer alone goes to the output; of several, a line each: file, question, answer, with tabs between.\n" +
    "Files that cannot be read are told and passed over.",
}

// ---- what is wanted ----------------------------------------------------------------

type Values = Asked<AskFlags>["values"]

/** How tokens are drawn: who restricts what is drawn wants something drawn. */
const samplingOf = (v: Values): Sampling => {
  const restricted = v["top-k"] !== undefined || v["top-p"] !== undefined
  return { temperature: v.temperature ?? (restricted ? 1 : 0), ...cuts(v), seed: v.seed ?? 0 }
}

/** What is wrong before anything is read. */
const wrong = ({ names, values }: Asked<AskFlags>): string | undefined => {
  const { rate, file = [] } = values
  const [fault] = samplingFaults(samplingOf(values))
  return names.length === 0
    ? 'no question: say what to ask, as in deno task ask --file=picture.png "Which digit is this?"'
    : names.some((words) => words.trim() === "")
    ? `question ${names.findIndex((words) => words.trim() === "") + 1} is empty: say what to ask`
    : file.length === 0
    ? "no file: name a picture, a video or a folder by --file"
    : fault !== undefined
    ? fault.message
    : rate !== undefined && !(rate > 0 && rate <= 1000)
    ? `--rate is ${rate}; expected frames a second above 0, 1000 at most`
    : clashes(values)
}

// ---- the work ------------------------------------------------------------------

/** A file's frames as codes. */
interface Seen {
  readonly id: string
  readonly frames: ReadonlyArray<Int32Array>
}

/** What files hold; what cannot be read is told and counted. */
const seenOf = (
  around: Surroundings,
  coder: Coder,
  files: ReadonlyArray<string>,
  look: Look,
): Effect.Effect<readonly [ReadonlyArray<Seen>, Tally], Told> =>
  Effect.gen(function* () {
    const sequences = yield* Effect.forEach(files, (name) => sequenceOf(name, look, true))
    const readings = yield* Stream.runCollect(Stream.flatMap(Stream.fromIterable(sequences), (s) => s.read(undefined)))
    let passed: Tally = none
    const good: Array<readonly [string, Captioned]> = []
    for (const { id, value } of readings) {
      if (E.isRight(value)) good.push([id, value.right])
      else {
        passed = another(passed, { id, why: value.left })
        around.complain(`${tame(`${id}: ${value.left}`)}\n`)
      }
    }
    const codes = yield* coder.encode(good.flatMap(([, { clip }]) => clip.frames))
    let at = 0
    return [good.map(([id, { clip }]) => ({ id, frames: codes.slice(at, at += clip.frames.length) })), passed] as const
  })

/** One answer, as it comes. */
const streamed = (around: Surroundings, world: WorldLanguage, question: Question, ask: Asking) =>
  Effect.gen(function* () {
    let spelling = begin(ask.until ?? [])
    let shown = ""
    const show = (text: string): void => {
      const part = shown === "" ? text.trimStart() : text
      shown += part
      around.terminal.write(tame(part))
    }
    const heard: Asking["heard"] = (_, token) =>
      Effect.sync(() => {
        const next = spell(world.tokenizer, spelling, token)
        show(next.shown.slice(spelling.shown.length))
        spelling = next
      })
    const [answer] = yield* world.answer([question], { ...ask, heard })
    show(rest(spelling, world.tokenizer.decode(answer!)))
    if (!shown.endsWith("\n")) around.terminal.write("\n")
  })

const answered = (around: Surroundings, { names, values: v }: Asked<AskFlags>): Effect.Effect<number, Told> =>
  Effect.gen(function* () {
    const model = yield* modelFor(around, v)
    const look: Look = {
      ...{ size: model.vqgan.config.resolution, frames: v.frames ?? 8, ...programs(v.ffmpeg) },
      ...(v.rate === undefined ? {} : { rate: v.rate }),
    }
    const work = Effect.scoped(Effect.gen(function* () {
      const { world, coder } = yield* ready(model, v, v.frames ?? 8)
      const [seen, passed] = yield* seenOf(around, coder, v.file ?? [], look)
      if (seen.length === 0) {
        const message = "no file could be read, and nothing is asked; the sentences before say why"
        return yield* Effect.fail(visionFault("empty", "files", message))
      }
      const ask: Asking = { sampling: samplingOf(v), limit: v["max-tokens"] ?? 32, ...answerEnds(model.tokenizer) }
      const questions = seen.flatMap(({ frames }) => names.map((text): Question => ({ frames, text })))
      if (questions.length === 1) yield* streamed(around, world, questions[0]!, ask)
      else {
        let done = 0
        const read: Asking["read"] = (tokens, total) =>
          Effect.sync(() => passing(around, `read ${done = tokens} of ${total} tokens`))
        const answers = yield* world.answer(questions, { ...ask, read })
        if (done > 0) passing(around, "")
        seen.forEach(({ id }, i) =>
          names.forEach((question, k) => {
            const answer = model.tokenizer.decode(answers[i * names.length + k]!).trim()
            around.terminal.write(
              [id, question, answer].map((part) => tame(part).replaceAll("\n", " ")).join("\t") + "\n",
            )
          })
        )
      }
      if (passed.count > 0) {
        around.complain(`${several(passed.count, "file")} passed over: ${tame(tallyText(passed))}\n`)
      }
    }))
    yield* provided(work, around, { device: v.device })
    return 0
  })

/** Runs it; gives the exit code. */
export const ask = (around: Surroundings, asked: Asked<AskFlags>): Effect.Effect<number> => {
  const why = wrong(asked)
  if (why === undefined) return answered(around, asked).pipe(Effect.catch(failure(around)))
  around.complain(`${why}\n`)
  return Effect.succeed(2)
}
