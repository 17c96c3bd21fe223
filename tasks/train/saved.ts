/**
 * The one state that a training is interrupted and gone on with: the step, the position of its rows, parameters and
 * optimiser by digest, and how it went so far. The loop itself draws no random numbers: those of the rows are a part of
 * their position.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import { Device } from "../../core/device/device.ts"
import { type FileFault, finite, natural } from "../../core/files/codec.ts"
import { exchange } from "../../core/graph/build.ts"
import type { Mesh } from "../../core/mesh/mesh.ts"
import { compileOn } from "../../core/mesh/spmd.ts"
import { i32 } from "../../core/tensor/spec.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import type { Position } from "../data/example.ts"
import { type Events, say } from "../events.ts"
import { orFirst } from "../known.ts"
import { FileRef, getTensors } from "../objects.ts"
import type { Journal } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { Curve, empty } from "./curve.ts"
import { treeOf } from "./parameters.ts"
import { JsonCodec } from "./settings.ts"
import type { Learning } from "./training.ts"

// ---- types -----------------------------------------------------------------

/** How far a training is, without its tensors. */
export interface Progress {
  /** Steps that are done. */
  readonly step: number
  /** Where the rows of the next step begin; null before the first. */
  readonly position: Position
  readonly curve: Curve
  /** Losses that say what is usual. */
  readonly recent: ReadonlyArray<number>
  /** Steps that gave no numbers and changed nothing: in a row up to the last, and in all. */
  readonly bad: number
  readonly skipped: number
}

/** What the journal keeps. */
export interface Saved extends Progress {
  readonly state: FileRef
}

/** The codec of what the journal keeps. */
export const Saved: t.Type<Saved, unknown> = t.strict({
  step: natural,
  position: JsonCodec,
  curve: Curve,
  recent: t.readonlyArray(finite),
  bad: natural,
  skipped: natural,
  state: FileRef,
})

/** What a training goes on from. */
export interface Beginning {
  /** A tree of values on the host. */
  readonly state: unknown
  readonly progress: Progress
  /** The file of the state, where it was saved. */
  readonly file: FileRef | undefined
}

const start: Progress = { step: 0, position: null, curve: empty, recent: [], bad: 0, skipped: 0 }

// ---- beginning -------------------------------------------------------------------

/** The last state that was saved, or the first: from given parameters, or drawn from the seed. */
export const beginning = <X, R, B>(
  { learner, seed, start: given }: Learning<X, R, B>,
  journal: Journal,
): Effect.Effect<Beginning, StoreFault | FileFault, Store | Events> =>
  Effect.gen(function* () {
    const last = yield* journal.last(Saved)
    if (last === undefined) return { state: yield* learner.first(seed, given), progress: start, file: undefined }
    const { state: file, ...progress } = last
    const state: unknown = yield* orFirst(treeOf(learner.inputs.state as object, yield* getTensors(file)))
    yield* say({ _tag: "Resumed", step: progress.step, digest: file.digest })
    return { state, progress, file }
  })

// ---- ranks ---------------------------------------------------------------------

const wordsOf = ({ progress, file }: Beginning): Int32Array =>
  Int32Array.of(progress.step, file === undefined ? 0 : parseInt(file.digest.slice(0, 6), 16))

/**
 * Fails where the ranks of a mesh of processes do not go on from the same state, as they would where one of them sees
 * another folder. No rank takes a step before all have read.
 */
export const together = (mesh: Mesh, from: Beginning): Effect.Effect<void, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    if (mesh.where !== "processes" || mesh.ranks === 1) return
    const device = yield* Device
    const { shape } = mesh.spread
    const over = Object.keys(shape)
    const spec = i32("word", { word: 2 })
    const sum = compileOn(
      { ...mesh.spread, map: {} },
      "processes",
      ({ own }: { readonly own: I32<"word"> }) => ({
        all: exchange(own, { kind: "allReduce", over, ranks: mesh.ranks, fn: "sum" }) as unknown as I32<"word">,
      }),
      { own: spec },
      { maxBindings: device.info.maxBindings },
    )
    if (E.isLeft(sum)) return yield* Effect.fail(deviceFault("compile", sum.left.map((f) => f.message).join("; ")))
    const own = wordsOf(from)
    const run = yield* mesh.load(sum.right)
    const { all } = yield* device.fetch(yield* run({ own: { ...spec, data: own } } as never))
    const total = (all as unknown as { readonly data: ArrayLike<number> }).data
    const differs = own.findIndex((x, i) => total[i] !== Math.imul(x, mesh.ranks))
    if (differs < 0) return
    const message = `rank ${mesh.rank} goes on from step ${from.progress.step}, other ranks from another state; ` +
      "let all ranks see the same --out folder"
    return yield* Effect.fail(deviceFault("mesh", message))
  })
