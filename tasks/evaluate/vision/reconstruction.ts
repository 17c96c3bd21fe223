/**
 * What a VQGAN keeps of frames that it has not learned from: stills and videos of held-out scans, and photographs, which are
 * told apart, for they are of another world than the one that it knows.
 *
 * ```ts
 * import type * as Effect from "effect/Effect"
 * import type * as Scope from "effect/Scope"
 * import type { Stage } from "../../stage/stage.ts"
 * import { type Eyes, photographed, reconstructionStage, scenes } from "./reconstruction.ts"
 *
 * declare const vqgan: Stage<{ readonly digest: string }>
 * declare const open: (model: { readonly digest: string }) => Effect.Effect<Eyes, never, Scope.Scope>
 * const reconstruction = reconstructionStage({
 *   name: "reconstruction",
 *   subject: { model: vqgan, open, as: {} },
 *   sets: [scenes("stills", { seed: 2, frames: 1 }, 200), scenes("videos", { seed: 3, frames: 5 }, 40), ...photographed(32)],
 *   samples: 8,
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as t from "io-ts"
import type { DeviceFault } from "../../../core/device/backend.ts"
import type { Device } from "../../../core/device/device.ts"
import { type FileFault, finite, natural } from "../../../core/files/codec.ts"
import type { DataFault } from "../../data/fault.ts"
import { type Events, say } from "../../events.ts"
import { type Json, type Stage, stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { framesOfScene, scans } from "../../vision/digits.ts"
import type { VisionFault } from "../../vision/fault.ts"
import type { Frame } from "../../vision/frame.ts"
import { cat, photographs } from "../../vision/photographs.ts"
import { square } from "../../vision/scale.ts"
import { type Drawing, sceneOf } from "../../vision/scene.ts"
import { Film, putFilm } from "./film.ts"
import { countsOf, type Likeness, likening, type Likens, usageOf } from "./likeness.ts"
import type { Opened, SightFault } from "./showing.ts"

// ---- types -------------------------------------------------------------------

/** What turns frames into codes and back. */
export interface Eyes {
  /** Digest of the parameters, or of what stands for them. */
  readonly digest: string
  /** Codes of its codebook. */
  readonly codes: number
  readonly encode: (frames: ReadonlyArray<Frame>) => Effect.Effect<ReadonlyArray<ArrayLike<number>>, SightFault>
  readonly decode: (codes: ReadonlyArray<ArrayLike<number>>) => Effect.Effect<ReadonlyArray<Frame>, SightFault>
}

/** Frames of one size that are not learned from. */
export interface FrameSet {
  readonly name: string
  /** Is it of the kind of frames that are learned from? The total is over these. */
  readonly known: boolean
  /** What the frames hang on; a part of the key. */
  readonly settings: Json
  readonly frames: Effect.Effect<ReadonlyArray<Frame>, DataFault | VisionFault | StoreFault | FileFault, Store>
}

/** What is kept of some frames. */
export interface Kept {
  readonly name: string
  readonly frames: number
  /** The mean over frames of the peak signal-to-noise ratio in dB; equal frames have 100. */
  readonly psnr: number
  /** The mean over frames of the structural similarity. */
  readonly ssim: number
  /** The share of the codebook that these frames use, and how many codes evenly used they use it like. */
  readonly usage: number
  readonly perplexity: number
}

/** What is kept of a set, and some of it to look at: a frame, what became of it, the next frame, what became of it. */
export interface KeptSet extends Kept {
  readonly known: boolean
  readonly samples: Film
}

/** What a VQGAN keeps. */
export interface Reconstruction {
  readonly digest: string
  /** Codes of its codebook. */
  readonly codes: number
  /** Over all sets of the kind that is learned from. */
  readonly total: Kept
  readonly sets: ReadonlyArray<KeptSet>
  /** Sets that could not be read on this machine, and why. */
  readonly absent: ReadonlyArray<{ readonly name: string; readonly why: string }>
}

const kept = {
  ...{ name: t.string, frames: natural, psnr: finite, ssim: finite, usage: finite, perplexity: finite },
}

/** The codec of what a VQGAN keeps. */
export const Reconstruction: t.Type<Reconstruction, unknown> = t.strict({
  digest: t.string,
  codes: natural,
  total: t.strict(kept),
  sets: t.readonlyArray(t.strict({ ...kept, known: t.boolean, samples: Film })),
  absent: t.readonlyArray(t.strict({ name: t.string, why: t.string })),
})

// ---- sets --------------------------------------------------------------------

/** All frames of `count` scenes of held-out scans. */
export const scenes = (name: string, drawing: Drawing, count: number): FrameSet => ({
  ...{ name, known: true, settings: { scenes: 1, drawing: { ...drawing }, count } },
  frames: Effect.map(
    scans,
    (all) => Array.from({ length: count }, (_, n) => framesOfScene(sceneOf(all, drawing, "heldOut", n))).flat(),
  ),
})

/** Photographs and the views of Muybridge's cat, cut to squares of `size` pixels: for eyes that have learned from none. */
export const photographed = (size: number): ReadonlyArray<FrameSet> => {
  const prepare = (frame: Frame): Frame => square(frame, size)
  return [
    {
      ...{ name: "photographs", known: false, settings: { photographs: 1, size } },
      frames: Effect.map(photographs(prepare), (all) => all.flatMap(({ clip }) => clip.frames)),
    },
    {
      ...{ name: "a cat of 1887", known: false, settings: { cat: 1, size } },
      frames: Effect.map(cat(prepare), ({ clip }) => clip.frames),
    },
  ]
}

// ---- the run -------------------------------------------------------------------

/** What is known of the frames of a set. */
interface Looked {
  readonly set: FrameSet
  readonly likeness: ReadonlyArray<Likeness>
  readonly codes: ReadonlyArray<ArrayLike<number>>
  readonly samples: Film
}

const meanOf = (all: ReadonlyArray<number>): number =>
  all.length === 0 ? 0 : all.reduce((a, b) => a + b, 0) / all.length

const keptOf = (name: string, looked: ReadonlyArray<Looked>, codes: number): Kept => {
  const likeness = looked.flatMap((one) => one.likeness)
  return {
    ...{ name, frames: likeness.length },
    psnr: meanOf(likeness.map((one) => one.psnr)),
    ssim: meanOf(likeness.map((one) => one.ssim)),
    ...usageOf(countsOf(looked.flatMap((one) => one.codes), codes)),
  }
}

/** So many of a list, evenly from the first on. */
const some = <A>(all: ReadonlyArray<A>, count: number): ReadonlyArray<A> => {
  const many = Math.min(count, all.length)
  return Array.from({ length: many }, (_, i) => all[Math.floor(i * all.length / many)]!)
}

/** What likens frames: for each size one program, made when it is first needed. */
const likeners = (): (size: Frame) => Effect.Effect<Likens, DeviceFault, Device | Scope.Scope> => {
  const made = new Map<string, Likens>()
  return ({ width, height }) =>
    Effect.gen(function* () {
      const size = `${width} x ${height}`
      const likens = made.get(size) ?? (yield* likening(width, height))
      made.set(size, likens)
      return likens
    })
}

const lookAt = (
  eyes: Eyes,
  likens: ReturnType<typeof likeners>,
  set: FrameSet,
  frames: ReadonlyArray<Frame>,
  samples: number,
): Effect.Effect<Looked, SightFault, Device | Store | Events | Scope.Scope> =>
  Effect.gen(function* () {
    const codes = yield* eyes.encode(frames)
    const again = yield* eyes.decode(codes)
    const likeness = frames.length === 0 ? [] : yield* (yield* likens(frames[0]!))(frames, again)
    const shown = some([...frames.keys()], samples).flatMap((i) => [frames[i]!, again[i]!])
    yield* say({ _tag: "Progress", what: set.name, done: frames.length, total: frames.length, unit: "frames" })
    return { set, likeness, codes, samples: yield* putFilm(shown) }
  })

/**
 * What a VQGAN keeps of sets of frames, with so many frames of each to look at. A set of foreign pictures whose package is
 * missing on this machine is left out, and told.
 */
export const reconstruction = (
  eyes: Eyes,
  sets: ReadonlyArray<FrameSet>,
  samples: number,
): Effect.Effect<Reconstruction, SightFault, Device | Store | Events> =>
  Effect.scoped(Effect.gen(function* () {
    const looked: Array<Looked> = []
    const likens = likeners()
    const absent: Array<{ readonly name: string; readonly why: string }> = []
    for (const set of sets) {
      const read = yield* Effect.result(set.frames)
      if (read._tag === "Success") {
        looked.push(yield* lookAt(eyes, likens, set, read.success, samples))
        continue
      }
      const { reason, message } = read.failure
      if (set.known || reason !== "missing") return yield* Effect.fail(read.failure)
      absent.push({ name: set.name, why: message })
      yield* say({ _tag: "Note", text: `${set.name} are left out: ${message}` })
    }
    return {
      ...{ digest: eyes.digest, codes: eyes.codes, absent },
      total: keptOf("all", looked.filter(({ set }) => set.known), eyes.codes),
      sets: looked.map((one) => ({
        ...keptOf(one.set.name, [one], eyes.codes),
        known: one.set.known,
        samples: one.samples,
      })),
    }
  }))

// ---- the stage -----------------------------------------------------------------

/** What a VQGAN keeps, declared. */
export interface ReconstructionStage<M, X, R, X2, R2, P = null, X3 = never, R3 = never> {
  readonly name: string
  readonly about?: string
  readonly subject: Opened<Eyes, M, X, R, X2, R2>
  readonly sets: ReadonlyArray<FrameSet>
  /** Further sets, of frames that another stage makes. */
  readonly made?: { readonly by: Stage<P, X3, R3>; readonly sets: (made: P) => ReadonlyArray<FrameSet> }
  /** Frames of each set that are kept to be looked at. */
  readonly samples: number
}

/** What a VQGAN keeps of frames that it has not learned from, as a stage. */
export const reconstructionStage = <M, X, R, X2, R2, P = null, X3 = never, R3 = never>(
  d: ReconstructionStage<M, X, R, X2, R2, P, X3, R3>,
): Stage<Reconstruction, X | X2 | X3 | SightFault, Exclude<R | R2 | R3, Scope.Scope> | Device | Store | Events> =>
  stage({
    name: d.name,
    version: "1",
    about: d.about ?? "what is kept of frames that were not learned from",
    codec: t.strict({ sets: t.readonlyArray(t.unknown), samples: natural, subject: t.unknown }),
    settings: {
      sets: d.sets.map(({ name, known, settings }): Json => ({ name, known, settings })),
      samples: d.samples,
      subject: d.subject.as,
    },
    ...(d.subject.graphs === undefined ? {} : { graphs: d.subject.graphs }),
    needs: { model: d.subject.model, ...(d.made === undefined ? {} : { made: d.made.by }) },
    output: Reconstruction,
    make: (given: { readonly model: M; readonly made?: P }) =>
      Effect.scoped(Effect.flatMap(d.subject.open(given.model), (eyes) => {
        const more = d.made === undefined ? [] : d.made.sets(given.made as P)
        return reconstruction(eyes, [...d.sets, ...more], d.samples)
      })),
  }) as never
