/**
 * The loop of a training: rows to steps to saved states. What it gives depends on the training alone: killed at any
 * moment and run again with its journal, it gives the same bytes as if nothing had happened, on the same kind of device.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { either as E } from "fp-ts"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import { Device, type Runnable, type Values } from "../../core/device/device.ts"
import type { MeshFault } from "../../core/device/engine.ts"
import type { FileFault } from "../../core/files/codec.ts"
import { type Faults, sentence } from "../../core/graph/fault.ts"
import { local, Mesh } from "../../core/mesh/mesh.ts"
import type { Spread } from "../../core/mesh/shape.ts"
import { number } from "../../models/learn/step.ts"
import type { Batch } from "../data/example.ts"
import { type Events, say, StageName } from "../events.ts"
import { type FileRef, putTensors, tensorPath } from "../objects.ts"
import type { Journal } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { grown } from "./curve.ts"
import { donated, type Learner, type StepInputs, type StepOutputs, type StepProgram } from "./learner.ts"
import { llamaLearner } from "./llama.ts"
import { mustFit } from "./memory.ts"
import { nameTensors, tensorsOf } from "./parameters.ts"
import { type Given, reader } from "./rows.ts"
import { type Beginning, beginning, type Progress, Saved, together } from "./saved.ts"
import type { Learning, Point, Trained, Training } from "./training.ts"
import { type Diverged, diverged, isSpike, remembered, usual, type Watch, watchOf } from "./watch.ts"

// ---- types -----------------------------------------------------------------

/** What can go wrong in a training besides its rows; each has a sentence in `message`. */
export type TrainingFault = DeviceFault | MeshFault | StoreFault | FileFault | Diverged

/** Between two steps. */
interface Going {
  readonly values: Values<unknown>
  readonly progress: Progress
  /** The file of the state that was saved last. */
  readonly file: FileRef | undefined
}

/** What the parts of the loop share. */
interface Loop {
  readonly training: Learning<unknown, unknown>
  readonly journal: Journal
  readonly watch: Watch
  readonly mesh: Mesh
  readonly device: Device
  readonly run: Runnable<StepInputs, StepOutputs>
}

// ---- before ------------------------------------------------------------------

/** The mesh that there is; else all ranks of the plan in one program on the device. */
const meshFor = (spread: Spread): Effect.Effect<Mesh, MeshFault, Device> =>
  Effect.flatMap(
    Effect.serviceOption(Mesh),
    (there) =>
      Option.isSome(there)
        ? Effect.succeed(there.value)
        : Effect.provide(Effect.map(Mesh, (mesh) => mesh), local(spread)),
  )

const programOn = (
  stage: string,
  { faults, step, inputs }: Learner<never>,
  mesh: Mesh,
): Effect.Effect<StepProgram, DeviceFault> => {
  const compiled = (faults.length > 0 ? E.left(faults) : mesh.compile(step as never, inputs, donated)) as E.Either<
    Faults,
    StepProgram
  >
  return E.isRight(compiled)
    ? Effect.succeed(compiled.right)
    : Effect.fail(deviceFault("compile", `${stage}: ${compiled.left.map(sentence).join("\n")}`))
}

// ---- saving ------------------------------------------------------------------

/** Saves the state; the journal removes what only older states named. Only the first rank writes. */
const saved = ({ training: { stage }, journal, mesh, device }: Loop, going: Going) =>
  Effect.gen(function* () {
    if (mesh.rank !== 0) return going
    const { progress } = going
    const metadata = new Map([["stage", stage], ["step", String(progress.step)]])
    const state = yield* putTensors(tensorsOf(yield* device.fetch(going.values)), metadata)
    yield* journal.save(Saved, { ...progress, state })
    yield* say({ _tag: "Saved", step: progress.step, digest: state.digest, bytes: state.bytes })
    return { ...going, file: state }
  })

// ---- steps -------------------------------------------------------------------

/** What every learner tells; what else it tells is further. */
const common: ReadonlySet<string> = new Set(["loss", "norm", "skipped", "scale"])

/** What a step told: its numbers as the device gave them, by name, those first that matter first. */
const toldOf = (step: number, rate: number, metrics: unknown, shown: ReadonlyArray<string> = []): Point => {
  const numbers = Object.entries(metrics as { readonly [name: string]: never }).map(([k, h]) => [k, number(h)] as const)
  const { loss, norm } = Object.fromEntries(numbers) as { readonly loss: number; readonly norm: number }
  const further = numbers.filter(([name]) => !common.has(name))
  const more = [
    ...shown.flatMap((name) => further.filter(([own]) => own === name)),
    ...further.filter(([name]) => !shown.includes(name)),
  ]
  return { step, loss, norm, rate, ...(more.length === 0 ? {} : { more: Object.fromEntries(more) }) }
}

/** Further numbers that an event can carry: those that are numbers. */
const sayable = ({ more }: Point): Pick<Point, "more"> =>
  more === undefined ? {} : { more: Object.fromEntries(Object.entries(more).filter(([, x]) => Number.isFinite(x))) }

/** What is counted, where it is not tokens. */
const unitOf = ({ counted: { unit } }: Pick<Learner, "counted">): Pick<Trained, "unit"> =>
  unit === "tokens" ? {} : { unit }

/** Tells of a step; of one that gave no numbers, or of a loss far from the usual, also that. */
const tellOf = ({ training: { learner }, watch, device }: Loop, { recent }: Progress, told: Point, good: boolean) =>
  Effect.gen(function* () {
    const { step, loss } = told
    if (!good || isSpike(loss, recent, watch)) {
      const known = usual(recent, watch)?.loss ?? recent.at(-1) ?? 0
      yield* say({ _tag: "Spiked", step, loss: Number.isFinite(loss) ? loss : null, usual: known })
    }
    if (!good) return
    const { bytes: memory } = yield* device.memory
    yield* say({
      ...{ _tag: "Stepped", ...told, ...sayable(told), steps: learner.steps, memory },
      tokens: step * learner.counted.each,
      ...unitOf(learner),
    })
  })

/**
 * Ends it: the state on the device is that of the last good step, for bad ones change nothing. It is saved as that, so that
 * this training ends here again, and one with other numbers may start from it. A loss scale has changed: then what was
 * saved before stays the last.
 */
const ended = (loop: Loop, before: Going, values: Values<unknown>, told: Point) =>
  Effect.gen(function* () {
    const { training: { learner, stage }, watch } = loop
    const exact = learner.exact && watch.bad === 1 && before.progress.step > 0
    const { file } = exact ? yield* saved(loop, { ...before, values }) : before
    const kept = file === undefined
      ? "No state was saved before it"
      : `The last good state is kept in ${tensorPath(file.digest)}: a training with other numbers may start from it`
    return yield* Effect.fail(diverged(stage, told.step, told, watch, kept))
  })

/** One step. What gave no numbers changed nothing, and too many such steps in a row end it. */
const stepped = (loop: Loop, going: Going, batch: Batch<Given>) =>
  Effect.gen(function* () {
    const { training: { learner }, watch, mesh, device, run } = loop
    const { progress } = going
    const inputs = learner.given(batch.rows)
    if ("_tag" in inputs) return yield* Effect.fail(inputs as FileFault)
    const out = yield* run({ state: going.values, batch: inputs } as never)
    const metrics = yield* device.fetch(out.metrics)
    const told = toldOf(progress.step + 1, learner.rateAt(progress.step - progress.skipped), metrics, learner.shown)
    const good = Number.isFinite(told.loss) && Number.isFinite(told.norm)
    const values = out.state as unknown as Values<unknown>
    if (mesh.rank === 0) yield* tellOf(loop, progress, told, good)
    if (!good && progress.bad + 1 >= watch.bad) return yield* ended(loop, going, values, told)
    return {
      ...going,
      values,
      progress: {
        step: told.step,
        position: batch.after,
        curve: grown(progress.curve, told, learner.steps),
        recent: remembered(progress.recent, told.loss, watch),
        bad: good ? 0 : progress.bad + 1,
        skipped: progress.skipped + (good ? 0 : 1),
      },
    }
  })

/** All steps that are left, from the state on the device. */
const steps = (loop: Loop, from: Beginning) =>
  Effect.gen(function* () {
    const { training } = loop
    const next = yield* reader(training.batches, from.progress.step === 0 ? undefined : from.progress.position)
    const values = (yield* loop.device.place(from.state)) as unknown as Values<unknown>
    let going: Going = { values, progress: from.progress, file: from.file }
    while (going.progress.step < training.learner.steps) {
      going = yield* stepped(loop, going, yield* next)
      const { step } = going.progress
      if (step % training.save === 0 || step === training.learner.steps) going = yield* saved(loop, going)
    }
    return {
      learned: (yield* loop.device.fetch(training.learner.learned(going.values) as never)) as unknown,
      progress: going.progress,
    }
  })

// ---- the loop ------------------------------------------------------------------

/**
 * Trains. It begins where the journal's last state ends, reads the rows from its position, saves every `save` steps and
 * at the end, and gives the parameters by digest (their average where the recipe keeps one). On a mesh all ranks run this; only the first writes and tells.
 *
 * Faults: a training that the device or the machine has no memory for (before anything runs), a checkpoint of another
 * shape, rows of another size or that end, a loss that is no number (`Diverged`), a store that is full.
 */
export const learn = <X, R, B>(
  given: Learning<X, R, B>,
  journal: Journal,
  watch: Watch = given.learner.watch,
): Effect.Effect<Trained, TrainingFault | X, Device | Store | Events | R> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* Device
    const mesh = yield* meshFor(given.learner.spread)
    const learner = given.learner.on(mesh.spread)
    const training = { ...given, learner }
    const program = yield* programOn(training.stage, learner, mesh)
    yield* mustFit(learner.advice, device, program)
    const from = yield* beginning(training, journal)
    yield* together(mesh, from)
    const end = from.progress.step >= learner.steps
      ? { learned: learner.learned(from.state), progress: from.progress }
      : yield* Effect.flatMap(
        mesh.load(program),
        (run) => steps({ training, journal, watch, mesh, device, run } as unknown as Loop, from),
      )
    const tensors = tensorsOf(end.learned)
    const parameters = yield* mesh.rank === 0 ? putTensors(tensors) : nameTensors(tensors)
    const tokens = learner.steps * learner.counted.each
    return { parameters, steps: learner.steps, tokens, ...unitOf(learner), curve: end.progress.curve.points }
  })).pipe(Effect.provideService(StageName, given.stage)) as Effect.Effect<
    Trained,
    TrainingFault | X,
    Device | Store | Events | R
  >

/** Trains a Llama: `learn` with its learner. */
export const train = <X, R>(
  { config, recipe, plan, packed, ...given }: Training<X, R>,
  journal: Journal,
  watch: Watch = watchOf(recipe),
): Effect.Effect<Trained, TrainingFault | X, Device | Store | Events | R> => {
  const stepping = { config, recipe, plan, ...(packed === undefined ? {} : { packed }) }
  return learn({ ...given, learner: llamaLearner(stepping) }, journal, watch)
}
