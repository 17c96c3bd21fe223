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
import { sentence } from "../../core/graph/fault.ts"
import { local, Mesh } from "../../core/mesh/mesh.ts"
import type { Spread } from "../../core/mesh/shape.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { number, type State } from "../../models/llama/train.ts"
import type { Batch } from "../data/example.ts"
import { type Events, say, StageName } from "../events.ts"
import { type FileRef, putTensors, tensorPath } from "../objects.ts"
import type { Journal } from "../stage/stage.ts"
import { Store, type StoreFault } from "../store.ts"
import { grown } from "./curve.ts"
import { mustFit } from "./memory.ts"
import { nameTensors, tensorsOf } from "./parameters.ts"
import { givenBy, reader } from "./rows.ts"
import { type Beginning, beginning, type Progress, Saved, together } from "./saved.ts"
import { donated, rateAt, type StepInputs, stepInputs, stepOf, type StepOutputs, type StepProgram } from "./step.ts"
import type { Trained, Training } from "./training.ts"
import { type Diverged, diverged, isSpike, remembered, usual, type Watch, watch as standard } from "./watch.ts"

// ---- types -----------------------------------------------------------------

/** What can go wrong in a training besides its rows; each has a sentence in `message`. */
export type TrainingFault = DeviceFault | MeshFault | StoreFault | FileFault | Diverged

/** Between two steps. */
interface Going {
  readonly values: Values<State>
  readonly progress: Progress
  /** The file of the state that was saved last. */
  readonly file: FileRef | undefined
}

/** What the parts of the loop share. */
interface Loop {
  readonly training: Training<unknown, unknown>
  readonly journal: Journal
  readonly watch: Watch
  readonly mesh: Mesh
  readonly device: Device
  readonly run: Runnable<Tensors<StepInputs>, StepOutputs>
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

const programOn = (training: Training<unknown, unknown>, mesh: Mesh): Effect.Effect<StepProgram, DeviceFault> => {
  const compiled = mesh.compile(stepOf(training), stepInputs(training), donated) as E.Either<
    Parameters<typeof sentence>[0][],
    StepProgram
  >
  return E.isRight(compiled)
    ? Effect.succeed(compiled.right)
    : Effect.fail(deviceFault("compile", `${training.stage}: ${compiled.left.map(sentence).join("\n")}`))
}

// ---- saving ------------------------------------------------------------------

/** Saves the state; then the file of the state before it is nobody's. Only the first rank writes. */
const saved = ({ training: { stage }, journal, mesh, device }: Loop, going: Going) =>
  Effect.gen(function* () {
    if (mesh.rank !== 0) return going
    const { progress, file } = going
    const metadata = new Map([["stage", stage], ["step", String(progress.step)]])
    const state = yield* putTensors(tensorsOf(yield* device.fetch(going.values)), metadata)
    yield* journal.save(Saved, { ...progress, state })
    yield* say({ _tag: "Saved", step: progress.step, digest: state.digest, bytes: state.bytes })
    if (file !== undefined && file.digest !== state.digest) yield* (yield* Store).remove(tensorPath(file.digest))
    return { ...going, file: state }
  })

// ---- steps -------------------------------------------------------------------

/** One step. A loss that is a spike is told; a step that gave no numbers changes nothing, and too many of them end it. */
const stepped = (loop: Loop, going: Going, batch: Batch, given: ReturnType<typeof givenBy>) =>
  Effect.gen(function* () {
    const { training: { recipe, stage }, watch, mesh, device, run } = loop
    const { progress, values } = going
    const inputs = given(batch.rows)
    if ("_tag" in inputs) return yield* Effect.fail(inputs as FileFault)
    const out = yield* run({ state: values, batch: inputs } as never)
    const metrics = yield* device.fetch(out.metrics)
    const told = { loss: number(metrics.loss as never), norm: number(metrics.norm as never) }
    const step = progress.step + 1
    const rate = rateAt(recipe, progress.step)
    const good = Number.isFinite(told.loss) && Number.isFinite(told.norm)
    const bad = good ? 0 : progress.bad + 1
    if (mesh.rank === 0) {
      if (!good || isSpike(told.loss, progress.recent, watch)) {
        const known = usual(progress.recent, watch)?.loss ?? progress.recent.at(-1) ?? 0
        yield* say({ _tag: "Spiked", step, loss: Number.isFinite(told.loss) ? told.loss : null, usual: known })
      }
      const { bytes: memory } = yield* device.memory
      const tokens = step * recipe.batch * recipe.time
      if (good) yield* say({ _tag: "Stepped", step, steps: recipe.steps, ...told, rate, tokens, memory })
    }
    if (bad >= watch.bad) {
      const kept = going.file === undefined
        ? "No state was saved before it"
        : `The last good state is kept in ${
          tensorPath(going.file.digest)
        }: a training with other numbers may start from it`
      return yield* Effect.fail(diverged(stage, step, told, watch, kept))
    }
    return {
      ...going,
      values: out.state as unknown as Values<State>,
      progress: {
        step,
        position: batch.after,
        curve: grown(progress.curve, { step, ...told, rate }, recipe.steps),
        recent: remembered(progress.recent, told.loss, watch),
        bad,
      },
    }
  })

/** All steps that are left, from the state on the device. */
const steps = (loop: Loop, from: Beginning) =>
  Effect.gen(function* () {
    const { training } = loop
    const next = yield* reader(training.batches, from.progress.step === 0 ? undefined : from.progress.position)
    const given = givenBy(training)
    const values = (yield* loop.device.place(from.state)) as unknown as Values<State>
    let going: Going = { values, progress: from.progress, file: from.file }
    while (going.progress.step < training.recipe.steps) {
      going = yield* stepped(loop, going, yield* next, given)
      const { step } = going.progress
      if (step % training.save === 0 || step === training.recipe.steps) going = yield* saved(loop, going)
    }
    const parameters = yield* loop.device.fetch(going.values.parameters)
    return { parameters: parameters as unknown, progress: going.progress }
  })

// ---- the loop ------------------------------------------------------------------

/**
 * Trains. It begins where the journal's last state ends, reads the rows from its position, saves every `save` steps and
 * at the end, and gives the parameters by digest. On a mesh all ranks run this; only the first writes and tells.
 *
 * Faults: a training that the device or the machine has no memory for (before anything runs), a checkpoint of another
 * shape, rows of another size or that end, a loss that is no number (`Diverged`), a store that is full.
 */
export const train = <X, R>(
  given: Training<X, R>,
  journal: Journal,
  watch: Watch = standard,
): Effect.Effect<Trained, TrainingFault | X, Device | Store | Events | R> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* Device
    const mesh = yield* meshFor(given.plan.spread)
    const training = { ...given, plan: { ...given.plan, spread: mesh.spread } }
    const program = yield* programOn(training as Training<unknown, unknown>, mesh)
    yield* mustFit(training, device, program)
    const from = yield* beginning(training, journal)
    yield* together(mesh, from)
    const { batch, time, steps: all } = training.recipe
    const end = from.progress.step >= all
      ? { parameters: from.state.parameters as unknown, progress: from.progress }
      : yield* Effect.flatMap(
        mesh.load(program),
        (run) => steps({ training, journal, watch, mesh, device, run } as unknown as Loop, from),
      )
    const tensors = tensorsOf(end.parameters)
    const parameters = yield* mesh.rank === 0 ? putTensors(tensors) : nameTensors(tensors)
    return { parameters, steps: all, tokens: all * batch * time, curve: end.progress.curve.points }
  })).pipe(Effect.provideService(StageName, given.stage)) as Effect.Effect<
    Trained,
    TrainingFault | X,
    Device | Store | Events | R
  >
