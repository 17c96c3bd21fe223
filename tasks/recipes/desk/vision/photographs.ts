/**
 * Real pictures for the eyes: photographs and Muybridge's running cat, which ship as packages, small as frames of 32 x 32.
 * Two photographs and the last third of the cat's run are held out.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { type FileFault, natural, positive } from "../../../../core/files/codec.ts"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import type { DataFault } from "../../../data/fault.ts"
import type { FrameSet } from "../../../evaluate/vision/mod.ts"
import { FileRef, getBytes, putBytes } from "../../../objects.ts"
import { type Stage, stage } from "../../../stage/stage.ts"
import type { Store, StoreFault } from "../../../store.ts"
import type { VisionFault } from "../../../vision/fault.ts"
import type { Frame } from "../../../vision/frame.ts"
import { cat, photographs } from "../../../vision/photographs.ts"
import { cut, resized, square } from "../../../vision/scale.ts"
import { dice } from "../dice.ts"

/** Frames one after another, as bytes. */
export interface Photographed {
  readonly train: FileRef
  readonly heldOut: FileRef
}

const Photographed: t.Type<Photographed, unknown> = t.strict({ train: FileRef, heldOut: FileRef })

/** A stage that makes small frames of real pictures. */
export type Photographs = Stage<Photographed, DataFault | VisionFault | StoreFault | FileFault, Store>

/** Pixels of a frame's side. */
const side = 32

/** Square parts of a picture, each at least half as wide as it, as frames. */
const parts = (frame: Frame, count: number, seed: number): ReadonlyArray<Frame> =>
  Array.from({ length: count }, (_, i) => {
    const d = dice(hostFold(hostKey(seed), i))
    const whole = Math.min(frame.width, frame.height)
    const size = Math.ceil(whole / 2) + d.below(Math.floor(whole / 2) + 1)
    const [row, col] = [d.below(frame.height - size + 1), d.below(frame.width - size + 1)]
    return resized(cut(frame, row, col, size, size), side, side)
  })

const joined = (frames: ReadonlyArray<Frame>): Uint8Array => {
  const bytes = new Uint8Array(frames.length * side * side * 3)
  frames.forEach(({ pixels }, i) => bytes.set(pixels, i * side * side * 3))
  return bytes
}

/** Frames out of a file. */
export const photographedIn = (ref: FileRef): Effect.Effect<ReadonlyArray<Frame>, StoreFault | FileFault, Store> =>
  Effect.map(getBytes(ref), (bytes) =>
    Array.from({ length: bytes.length / (side * side * 3) }, (_, i) => ({
      width: side,
      height: side,
      pixels: bytes.slice(i * side * side * 3, (i + 1) * side * side * 3),
    })))

/** Real frames: parts of photographs, and of the cat's run; what is learned from, and what is not. */
interface Divided {
  readonly photographs: readonly [learned: ReadonlyArray<Frame>, heldOut: ReadonlyArray<Frame>]
  readonly cat: readonly [learned: ReadonlyArray<Frame>, heldOut: ReadonlyArray<Frame>]
}

/** Parts of a photograph that is held out. */
const few = 8

const seed = 75

const divided = (each: number, seed: number): Effect.Effect<Divided, DataFault | VisionFault> =>
  Effect.gen(function* () {
    const stills = yield* photographs()
    const run = (yield* cat((frame) => square(frame, side))).clip.frames
    const [learned, kept] = [stills.slice(0, -2), stills.slice(-2)]
    const views = Math.floor((run.length * 2) / 3)
    return {
      photographs: [
        learned.flatMap(({ clip }, i) => parts(clip.frames[0]!, each, seed + i)),
        kept.flatMap(({ clip }, i) => parts(clip.frames[0]!, few, seed + 100 + i)),
      ],
      cat: [run.slice(0, views), run.slice(views)],
    }
  })

/** What is held out, for tests. */
export const heldOutPhotographs: ReadonlyArray<FrameSet> = (["photographs", "cat"] as const).map((kind) => ({
  name: kind === "cat" ? "Muybridge's cat, its last eight views" : "two photographs, in parts",
  known: false,
  settings: { kind, few, seed },
  frames: Effect.map(divided(1, seed), (all) => all[kind][1]),
}))

/** So many parts of each photograph, and the cat. */
export const photographing = (each: number): Photographs =>
  stage({
    name: "photographs",
    version: "1",
    about: "parts of eight photographs and Muybridge's cat, 32 x 32",
    codec: t.strict({ each: positive, seed: natural }),
    settings: { each, seed },
    seeds: [seed],
    needs: {},
    output: Photographed,
    make: (_, { each, seed }) =>
      Effect.gen(function* () {
        const { photographs, cat } = yield* divided(each, seed)
        return {
          train: yield* putBytes(joined([...photographs[0], ...cat[0]])),
          heldOut: yield* putBytes(joined([...photographs[1], ...cat[1]])),
        }
      }),
  })
