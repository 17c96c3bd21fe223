/**
 * What a desk's vision half should reach on held-out data, beside what it reached: a table, so that a page can say of each
 * target whether it was reached, missed or not measured.
 * @module
 */
import { escape, figureOf } from "../page.ts"
import { percentText } from "../numbers.ts"
import type { VisionData } from "./data.ts"

/** What is aimed at. */
export interface Target {
  readonly name: string
  /** In words: "at least 20 dB". */
  readonly aim: string
  /** What was reached; undefined where it was not measured. */
  readonly found: (data: VisionData) => number | undefined
  readonly reached: (value: number) => boolean
  readonly text: (value: number) => string
  /** What to hold it against; empty where there is nothing. */
  readonly beside: (data: VisionData) => string
}

type Kind = VisionData["answered"][number]["result"]["kinds"][number]

const part = (data: VisionData) => data.shown[0]?.result.parts.find((p) => p.kind === "single")

const kind = (data: VisionData, medium: Kind["medium"], kind: Kind["kind"]): Kind | undefined =>
  data.answered[0]?.result.kinds.find((k) => k.medium === medium && k.kind === kind && k.of > 0)

/** Frames of videos, where they are told apart from stills; else all that are of the kind that was learned. */
const moving = (data: VisionData) => {
  const result = data.kept[0]?.result
  return result?.sets.find((s) => s.known && /moving|video/i.test(s.name)) ?? result?.total
}

const percents = { text: percentText } as const

const blind = (k: Kind | undefined): string =>
  k === undefined ? "" : `${percentText(k.majority.share)} without looking, n = ${k.of}`

/** The targets. */
export const targets: ReadonlyArray<Target> = [
  {
    name: "PSNR of held-out moving digits",
    aim: "at least 20 dB",
    found: (data) => moving(data)?.psnr,
    reached: (x) => x >= 20,
    text: (x) => `${x.toFixed(1)} dB`,
    beside: (data) => {
      const set = moving(data)
      return set === undefined ? "" : `SSIM ${set.ssim.toFixed(3)}`
    },
  },
  {
    name: "of the codebook used",
    aim: "more than 50 %",
    found: (data) => data.kept[0]?.result.total.usage,
    reached: (x) => x > 0.5,
    ...percents,
    beside: () => "",
  },
  {
    name: "of generated stills show the asked digit",
    aim: "at least 70 %",
    found: (data) => {
      const model = part(data)?.model
      return model === undefined || model.of === 0 ? undefined : model.shown / model.of
    },
    reached: (x) => x >= 0.7,
    ...percents,
    beside: (data) => {
      const p = part(data)
      return p === undefined || p.real.of === 0
        ? ""
        : `${percentText(p.real.shown / p.real.of)} of real scenes, ${percentText(p.chance.shown)} by chance`
    },
  },
  {
    name: "of digit questions on stills right",
    aim: "at least 80 %",
    found: (data) => {
      const k = kind(data, "still", "which")
      return k === undefined ? undefined : k.right / k.of
    },
    reached: (x) => x >= 0.8,
    ...percents,
    beside: (data) => blind(kind(data, "still", "which")),
  },
  {
    name: "of motion questions on videos right",
    aim: "at least 80 %",
    found: (data) => {
      const k = kind(data, "video", "way")
      return k === undefined ? undefined : k.right / k.of
    },
    reached: (x) => x >= 0.8,
    ...percents,
    beside: (data) => blind(kind(data, "video", "way")),
  },
]

const tile = (data: VisionData, { name, aim, found, reached, text, beside }: Target): string => {
  const value = found(data)
  const state = value === undefined ? "not measured" : reached(value) ? "✓ reached" : "✗ missed"
  const more = beside(data)
  return figureOf(
    name,
    value === undefined ? "–" : text(value),
    `${state}; the target is ${aim}${more === "" ? "" : `. ${more}`}`,
    value === undefined ? "" : reached(value) ? "first" : "control",
  )
}

/** Tiles of all targets, and what was missed in a sentence. */
export const visionHeadline = (data: VisionData): string => {
  const missed = targets.flatMap(({ name, aim, found, reached, text }) => {
    const value = found(data)
    return value === undefined || reached(value) ? [] : [`${text(value)} ${name} (the target is ${aim})`]
  })
  return `<section class="numbers" aria-label="Vision in short">${
    targets.map((t) => tile(data, t)).join("")
  }</section>${missed.length === 0 ? "" : `<p class="note">${escape(`Missed: ${missed.join("; ")}.`)}</p>`}`
}
