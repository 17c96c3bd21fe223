/**
 * The vision half of `world`: eyes, scenes as codes, a text model that opens its eyes, and stages in which rows grow.
 * @module
 */
import type { WorldConfig } from "../../../../models/world/mod.ts"
import { configOf, type Reach } from "../../extend.ts"
import type { Common, Learned } from "../training.ts"
import { type Codes, type Coding, coding, type Filming, filming } from "./codes.ts"
import { type Eyes, eyes, type Seeing, seeing } from "./eyes.ts"
import { type Ablating, ablating, ablations } from "./ablations.ts"
import { type Looking, looking, type Measured, measured } from "./measuring.ts"
import { photographing, type Photographs } from "./photographs.ts"
import { type Seer, seer } from "./speakers.ts"
import { opening, type Sight, sighted, type Studio } from "./worlds.ts"

export type { Codes, Coding, Eyes }

// ---- numbers -----------------------------------------------------------------

/** The numbers of the vision half. */
export interface Sighting {
  readonly seeing: Seeing
  readonly filming: Filming
  /** Parts of each photograph. */
  readonly parts: number
  /** What is learned, one after the other. */
  readonly sights: ReadonlyArray<Sight>
  readonly ablating: Ablating
  readonly looking: Looking
}

const common: Pick<Sight, "packing" | "shares" | "weighted"> = {
  packing: "masked",
  shares: { vision: 0.5, text: 0.5 },
  weighted: true,
}

/** The stages of `world`: stills, then videos, then questions; text among all of them, so that it is not forgotten. */
export const sights: ReadonlyArray<Sight> = [
  {
    ...common,
    name: "vision-256",
    about: "stills and their captions, in either order",
    ...{ time: 256, rows: 16, steps: 800, rate: { kind: "constant", peak: 4e-3, warmup: 30 } },
    mixing: {
      shares: { "text-image": 0.84, "text-video": 0, "image-chat": 0, "video-chat": 0, text: 0.16 },
      pairing: { swap: 0.5, drop: 0.1 },
      seed: 81,
    },
  },
  {
    ...common,
    name: "vision-512",
    about: "videos and their captions, stills among them",
    ...{ time: 512, rows: 8, steps: 500, rate: { kind: "constant", peak: 3e-3, warmup: 10 } },
    mixing: {
      shares: { "text-image": 0.42, "text-video": 0.42, "image-chat": 0, "video-chat": 0, text: 0.16 },
      pairing: { swap: 0.5, drop: 0.1 },
      seed: 82,
    },
  },
  {
    ...common,
    name: "vision-1k",
    about: "a quarter each: stills, questions about stills, videos, questions about videos",
    ...{ time: 1024, rows: 4, steps: 1800 },
    rate: { kind: "linear", peak: 3e-3, warmup: 10, decay: 1800, end: 1e-4 },
    mixing: {
      shares: { "text-image": 0.24, "text-video": 0.24, "image-chat": 0.24, "video-chat": 0.24, text: 0.04 },
      pairing: { swap: 0.3, drop: 0.1 },
      seed: 83,
    },
  },
]

/** The numbers of `world`. */
export const sighting: Sighting = { seeing, filming, parts: 64, sights, ablating, looking }

// ---- stages ------------------------------------------------------------------

/** What the half is made of. */
export interface Half {
  readonly photographs: Photographs
  readonly studio: Studio
  readonly eyesOpen: Learned
  readonly sights: ReadonlyArray<Learned>
  /** The model after all of it. */
  readonly last: Seer
  readonly ablations: ReadonlyArray<Learned>
  readonly measured: Measured
}

/** The stages, after a text model that looks over its last context. */
export const half = (
  text: Common,
  { seeing, filming, parts, sights, ablating, looking }: Sighting,
  learned: Learned,
  reach: Reach,
): Half => {
  const { codes } = seeing.config
  const world: WorldConfig = { ...configOf(text.model, reach), codes, vision: codes + 2 }
  const photographs = photographing(parts)
  const own = eyes(seeing, photographs)
  const studio: Studio = {
    ...text,
    ...{ eyes: own, codes: coding(own, seeing.config, filming), vqgan: seeing.config, filming, world },
  }
  const eyesOpen = opening(studio, learned)
  const chain = sights.reduce<ReadonlyArray<Learned>>(
    (made, sight) => [...made, sighted(studio, sight, made.at(-1) ?? eyesOpen)],
    [],
  )
  const last = seer(studio, "vision", "the model that reads, sees and shows", chain.at(-1) ?? eyesOpen)
  const variants = ablations(studio, ablating, chain.at(-2) ?? eyesOpen)
  const found = measured(studio, text, last, variants, looking, text.model.context)
  return { photographs, studio, eyesOpen, sights: chain, last, ablations: variants, measured: found }
}
