/**
 * Scenes as codes: what the eyes make of stills and videos, once for all trainings and tests. Which scene it is, its number
 * says, so that only codes are kept.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { natural, positive } from "../../../../core/files/codec.ts"
import type { FileFault } from "../../../../core/files/codec.ts"
import type { VqganConfig } from "../../../../models/vqgan/mod.ts"
import { tokensOf } from "../../../../models/vqgan/mod.ts"
import { FileRef, getBytes, putBytes } from "../../../objects.ts"
import { type Stage, stage } from "../../../stage/stage.ts"
import type { Store, StoreFault } from "../../../store.ts"
import { coder } from "../../../vision/codes.ts"
import {
  type Drawing,
  framesOfScene,
  type Scans,
  scans,
  type Scene,
  sceneOf,
  type Split,
} from "../../../vision/digits.ts"
import { vqganOf } from "../../../vision/model.ts"
import type { Around, DeskFault } from "../training.ts"
import type { Eyes } from "./eyes.ts"

// ---- types -------------------------------------------------------------------

/** Scenes 0 up to `count` of a drawing. */
export interface Filmed {
  readonly drawing: Drawing
  readonly split: Split
  readonly count: number
}

/** Which scenes are coded. */
export interface Filming {
  readonly stills: Filmed
  readonly videos: Filmed
  readonly heldStills: Filmed
  readonly heldVideos: Filmed
}

/** Their codes, scene after scene, frame after frame. */
export interface Codes {
  readonly stills: FileRef
  readonly videos: FileRef
  readonly heldStills: FileRef
  readonly heldVideos: FileRef
}

/** The codec of codes. */
export const Codes: t.Type<Codes, unknown> = t.strict({
  ...{ stills: FileRef, videos: FileRef, heldStills: FileRef, heldVideos: FileRef },
})

/** A stage that makes codes. */
export type Coding = Stage<Codes, DeskFault, Around>

// ---- numbers -----------------------------------------------------------------

const stills: Drawing = { seed: 72, frames: 1, grid: 4 }
/** Digits go 12 of 16 pixels, from either of two places: of one digit alone, the first frame leaves more ways than one. */
const videos: Drawing = { seed: 73, frames: 4, step: 4, grid: 4, most: 2 }

/** What `world` learns from, and is asked about. */
export const filming: Filming = {
  stills: { drawing: stills, split: "train", count: 60_000 },
  videos: { drawing: videos, split: "train", count: 8_000 },
  heldStills: { drawing: stills, split: "heldOut", count: 1_000 },
  heldVideos: { drawing: videos, split: "heldOut", count: 400 },
}

const DrawingCodec = t.intersection([
  t.strict({ seed: natural, frames: positive }),
  t.partial({ least: positive, most: positive, step: positive, grid: positive }),
])
const FilmedCodec = t.strict({
  drawing: DrawingCodec,
  split: t.keyof({ train: null, heldOut: null }),
  count: positive,
})

// ---- the stage -----------------------------------------------------------------

/** Scene `n`. */
export const sceneIn = (all: Scans, { drawing, split }: Filmed, n: number): Scene => sceneOf(all, drawing, split, n)

/** What the eyes make of the scenes. */
export const coding = (eyes: Eyes, config: VqganConfig, f: Filming): Coding =>
  stage({
    name: "codes",
    version: "1",
    about: "scenes as codes, for training and for tests",
    codec: t.strict({ stills: FilmedCodec, videos: FilmedCodec, heldStills: FilmedCodec, heldVideos: FilmedCodec }),
    settings: { ...f },
    seeds: [f.stills.drawing.seed, f.videos.drawing.seed],
    needs: { eyes },
    output: Codes,
    make: ({ eyes }, f) =>
      Effect.scoped(Effect.gen(function* () {
        const all = yield* scans
        const { encode } = yield* coder(yield* vqganOf({ config, parameters: eyes.parameters }))
        const coded = (of: Filmed) =>
          Effect.gen(function* () {
            const ids = new Int32Array(of.count * of.drawing.frames * tokensOf(config))
            const [scenes, per] = [256, of.drawing.frames * tokensOf(config)]
            for (let from = 0; from < of.count; from += scenes) {
              const many = Math.min(scenes, of.count - from)
              const frames = Array.from({ length: many }, (_, i) => framesOfScene(sceneIn(all, of, from + i))).flat()
              const codes = yield* encode(frames)
              codes.forEach((own, i) => ids.set(own, from * per + i * tokensOf(config)))
            }
            return yield* putBytes(new Uint8Array(ids.buffer))
          })
        return {
          stills: yield* coded(f.stills as Filmed),
          videos: yield* coded(f.videos as Filmed),
          heldStills: yield* coded(f.heldStills as Filmed),
          heldVideos: yield* coded(f.heldVideos as Filmed),
        }
      })),
  })

/** The codes of a file. */
export const codesIn = (ref: FileRef): Effect.Effect<Int32Array, StoreFault | FileFault, Store> =>
  Effect.map(getBytes(ref), (bytes) => new Int32Array(bytes.slice().buffer))
