/**
 * The main job from its flags to its exit code: where it goes, what it begins or goes on with, the run, the report.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { DeviceFault } from "../core/device/backend.ts"
import type { Device } from "../core/device/device.ts"
import { type FileFault, fileFault } from "../core/files/codec.ts"
import { type Options, parse, usage } from "./arguments.ts"
import { stepsWithin } from "./calibrate.ts"
import { mobyDick } from "./data.ts"
import { events, heardBy, history, logTo, mendLog, parseLog } from "./events.ts"
import { baselines } from "./baselines.ts"
import { printer, type Terminal } from "./progress.ts"
import { report } from "./report.ts"
import { checkSettings, decodeSettings, type Settings, standard, withSteps } from "./settings.ts"
import { digest, folder, Store, type StoreFault, storeFault, utf8 } from "./store.ts"
import { type Outcome, run, type TrainingFault } from "./training.ts"

const logFile = "log.jsonl"
const reportFile = "report.html"
const title = "A small Llama reads Moby-Dick"

/** All faults as one, a sentence a line. */
const orFail = <A>(e: E.Either<ReadonlyArray<FileFault>, A>): Effect.Effect<A, FileFault> =>
  E.isLeft(e)
    ? Effect.fail({ ...e.left[0]!, message: e.left.map((f) => f.message).join("\n") })
    : Effect.succeed(e.right)

// ---- where it goes -------------------------------------------------------------

const namesIn = (root: string): Effect.Effect<ReadonlyArray<string>, StoreFault> =>
  Effect.tryPromise({
    try: () => readdir(root).catch((e) => e?.code === "ENOENT" ? [] : Promise.reject(e)),
    catch: (cause) => storeFault("list", root, cause),
  })

const base = join("runs", "world")
const numbered = (n: number): string => n === 1 ? base : `${base}-${n}`

/** The folder of this run. A new one begins in a folder that holds none; the one to go on with is the newest. */
const choose = (options: Options): Effect.Effect<string, StoreFault | FileFault> =>
  Effect.gen(function* () {
    const holds = (root: string) => Effect.map(namesIn(root), (names) => names.includes("settings.json"))
    if (options.out !== undefined) {
      const there = yield* holds(options.out)
      if (there === options.resume) return options.out
      return yield* Effect.fail(fileFault(
        there ? "value" : "missing",
        options.out,
        there
          ? `${options.out} holds a run already: go on with it by --resume, or choose another --out`
          : `${options.out} holds no run to go on with: leave --resume out to begin one`,
      ))
    }
    let n = 1
    while (yield* holds(numbered(n))) n++
    if (!options.resume) return numbered(n)
    if (n > 1) return numbered(n - 1)
    return yield* Effect.fail(
      fileFault("missing", base, `${base} holds no run to go on with: leave --resume out to begin one`),
    )
  })

/** Faults that name the file they are in. */
const inFile = <A>(path: string, e: E.Either<ReadonlyArray<FileFault>, A>): E.Either<ReadonlyArray<FileFault>, A> =>
  E.mapLeft((faults: ReadonlyArray<FileFault>) => faults.map((f) => ({ ...f, message: `${path}: ${f.message}` })))(e)

const readText = (path: string): Effect.Effect<string, StoreFault> =>
  Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: (cause) => storeFault("read", path, cause) })

/** Settings of a run that begins or goes on, but for the number of steps that `--minutes` measures. */
const settingsOf = (options: Options, root: string): Effect.Effect<Settings, StoreFault | FileFault> =>
  Effect.gen(function* () {
    const path = options.resume ? join(root, "settings.json") : options.settings
    const given = path === undefined ? standard : yield* orFail(inFile(path, decodeSettings(yield* readText(path))))
    if (options.resume) return given
    const seeded = options.seed === undefined ? given : { ...given, seed: options.seed }
    return yield* orFail(checkSettings(options.steps === undefined ? seeded : withSteps(seeded, options.steps)))
  })

// ---- the job --------------------------------------------------------------------

const writeReport: Effect.Effect<void, StoreFault, Store> = Effect.gen(function* () {
  const store = yield* Store
  const log = yield* store.read(logFile)
  yield* store.write(reportFile, utf8(report(history(parseLog(new TextDecoder().decode(log))))))
})

type Mark = ReturnType<typeof baselines>[number]

const summary = (root: string, marks: ReadonlyArray<Mark>, o: Outcome): string => {
  const line = (name: string, bits: number, note: string): string => `${name.padEnd(11)} ${bits.toFixed(4)} ${note}`
  return [
    line("held-out", o.bits, "bits per byte"),
    ...marks.map((m) => line(m.tool, m.bits, `bits per byte: the model is ${o.bits < m.bits ? "" : "not "}below it`)),
    `checkpoint  ${o.digest}`,
    `report      ${join(root, reportFile)}`,
    "",
  ].join("\n")
}

/** What the job needs of the world around it. */
export interface Surroundings {
  /** Progress and results go there. */
  readonly terminal: Terminal
  /** What went wrong goes there, one sentence a line. */
  readonly complain: (text: string) => void
  /** The device that was asked for, or the best that works. */
  readonly device: (asked: Options["device"]) => Layer.Layer<Device, DeviceFault>
}

const job = (
  given: Settings,
  minutes: number | undefined,
  root: string,
  around: Surroundings,
): Effect.Effect<void, TrainingFault, Device | Store> =>
  Effect.gen(function* () {
    const corpus = yield* mobyDick
    const settings = minutes === undefined ? given : withSteps(given, yield* stepsWithin(given, corpus, minutes))
    yield* mendLog(logFile)
    const told = heardBy(run(settings, corpus, title), [printer(around.terminal), logTo(logFile)])
    const outcome = yield* Effect.onError(Effect.provide(told, events), () => Effect.ignore(writeReport))
    yield* writeReport
    const marks = baselines(yield* digest(corpus.heldOut))
    yield* Effect.sync(() => around.terminal.write(summary(root, marks, outcome)))
  })

const failure = (around: Surroundings) => (fault: { readonly message: string }): Effect.Effect<number> =>
  Effect.sync(() => {
    around.complain(`${fault.message}\n`)
    return 1
  })

/** Runs the job. 0: done. 1: something failed, and the sentence says what. 2: the flags are wrong; nothing was done. */
export const main = (args: ReadonlyArray<string>, around: Surroundings): Effect.Effect<number> => {
  const options = parse(args)
  if (E.isLeft(options)) {
    around.complain(`${options.left}\n\n${usage}`)
    return Effect.succeed(2)
  }
  if (options.right.help) {
    around.terminal.write(usage)
    return Effect.succeed(0)
  }
  return Effect.gen(function* () {
    const root = yield* choose(options.right)
    const given = yield* settingsOf(options.right, root)
    yield* job(given, options.right.minutes, root, around).pipe(
      Effect.provide(folder(root)),
      Effect.provide(around.device(options.right.device)),
    )
    return 0
  }).pipe(Effect.catch(failure(around)))
}
