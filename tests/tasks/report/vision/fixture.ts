/**
 * The vision half of a run as it may come out: eyes that keep digits and blur photographs, stills of which most are
 * recognised, questions, and two choices. What is drawn are bars whose place says which digit they stand for.
 * @module
 */
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import { below } from "../../../../tasks/evaluate/draws.ts"
import { ablation } from "../../../../tasks/evaluate/vision/ablation.ts"
import type { Answered, Judged, Reconstruction } from "../../../../tasks/evaluate/vision/mod.ts"
import { askedOf } from "../../../../tasks/evaluate/vision/asked.ts"
import { made, partsOf } from "../../../../tasks/evaluate/vision/judged.ts"
import type { Seen } from "../../../../tasks/evaluate/vision/seen.ts"
import type { ReportData } from "../../../../tasks/report/data.ts"
import type { LessonFacts, ShownFacts, Standing, VisionData } from "../../../../tasks/report/vision/data.ts"
import { pictureOf } from "../../../../tasks/report/vision/picture.ts"
import { names } from "../../../../tasks/vision/digits.ts"
import type { Frame } from "../../../../tasks/vision/frame.ts"
import { run } from "../fixture.ts"

const noise = (...at: ReadonlyArray<number>): number => below(at.reduce(hostFold, hostKey(11)), 10_000) / 10_000

const digest = "ab".repeat(32)
const file = { digest, bytes: 12 }

/** A bar on black: the larger the digit, the longer; `at` moves it. */
export const frameOf = (digit: number, at: number, colour = 0): Frame => {
  const [width, height] = [32, 32]
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 8; y < 20; y++) {
    for (let x = 4 + at; x < 6 + at + 2 * digit; x++) {
      for (let c = 0; c < 3; c++) pixels[(y * width + x % width) * 3 + c] = 220 - colour * (c + 1) * 20
    }
  }
  return { width, height, pixels }
}

// ---- seeing --------------------------------------------------------------------

const set = (name: string, known: boolean, frames: number, psnr: number, ssim: number, usage: number) => ({
  ...{ name, known, frames, psnr, ssim, usage, perplexity: 512 * usage * 0.6 },
  samples: { file, width: 32, height: 32, count: 16 },
})

export const kept: Reconstruction = {
  ...{ digest, codes: 512 },
  total: { name: "all", frames: 450, psnr: 22.4, ssim: 0.931, usage: 0.62, perplexity: 180 },
  sets: [
    set("stills of digits", true, 200, 22.9, 0.94, 0.55),
    set("moving digits", true, 250, 22.0, 0.92, 0.6),
    set("photographs", false, 16, 16.1, 0.41, 0.7),
    set("a cat of 1887", false, 8, 17.3, 0.52, 0.4),
  ],
  absent: [],
}

// ---- showing -------------------------------------------------------------------

const drawing = { seed: 1, frames: 1 }
const asked = askedOf({ each: 4, pairs: 6, videos: 8, seed: 1, still: drawing, video: { ...drawing, frames: 5 } })
const towards = { left: [0, -8], right: [0, 8], up: [-8, 0], down: [8, 0] } as const

const seenOf = (right: (i: number) => boolean): ReadonlyArray<Seen> =>
  asked.map(({ said, frames }, i) => {
    const [down, across] = said.moving === null ? [0, 0] : towards[said.moving.way]
    const digits = right(i) ? said.digits : said.digits.map((d) => (d + 1) % 10)
    return { found: Array.from({ length: frames }, () => i % 9 === 8 ? [null] : digits), down, right: across }
  })

const own = made(asked, seenOf((i) => noise(i) < 0.85), 8)

export const judged: Judged = {
  ...{ model: "world", digest, drawn: { guidance: 4, temperature: 0.9, seed: 3 }, judge: { right: 982, of: 1000 } },
  parts: partsOf(asked, own, made(asked, seenOf((i) => noise(i, 1) < 0.97), 8), null),
  ...{ made: own, film: { file, width: 32, height: 32, count: 86 } },
}

export const shown: ShownFacts = {
  ...{ stage: "pictures", result: judged },
  pictures: asked.filter(({ number }) => number < 20 || number >= 40).map(({ number, said, frames }) => ({
    number,
    picture: pictureOf(Array.from({ length: frames }, (_, f) => frameOf(said.digits[0]!, 2 * f))),
  })),
}

// ---- questions -----------------------------------------------------------------

const kindOf = (
  medium: "still" | "video",
  kind: "which" | "count" | "way",
  of: number,
  share: number,
  answers: ReadonlyArray<string>,
): Answered["kinds"][number] => {
  const all = Array.from({ length: of }, (_, i) => ({
    answer: answers[i % answers.length]!,
    said: noise(i, of) < share ? answers[i % answers.length]! : [...answers, "?"][(i * 7 + 1) % (answers.length + 1)]!,
  }))
  const right = all.map((a) => a.answer === a.said)
  return {
    ...{ medium, kind, of, right: right.filter(Boolean).length, exact: right.filter(Boolean).length },
    majority: { answer: answers[0]!, share: 1 / answers.length },
    marks: right.map(Number).join(""),
    confusion: answers.flatMap((answer) =>
      [...answers, "?"].flatMap((said) => {
        const times = all.filter((a) => a.answer === answer && a.said === said).length
        return times === 0 ? [] : [{ answer, said, times }]
      })
    ),
    samples: all.slice(0, 2).map((a, i) => ({
      ...{ caption: `a ${a.answer}`, question: "Which digit is this?", answer: a.answer, said: a.said },
      right: right[i]!,
    })),
  }
}

/** Answers of a model that is right so often. */
export const answeredBy = (model: string, share: number): Answered => ({
  ...{ model, digest, questions: digest },
  kinds: [
    kindOf("still", "which", 160, share, names),
    kindOf("still", "count", 120, share, ["one", "two", "three"]),
    kindOf("video", "which", 80, share - 0.1, names),
    kindOf("video", "way", 80, share - 0.2, ["left", "right", "up", "down"]),
  ],
})

const named = (name: string, share: number) => ({ name, answered: answeredBy(name, share) })
const compared = ablation(named("answers-masked", 0.8), [named("naive", 0.6), named("unweighted", 0.79)])
if (compared._tag === "Left") throw new Error(compared.left.message)

// ---- learning ------------------------------------------------------------------

const lesson = (
  stage: string,
  learner: string,
  unit: string,
  context: number | null,
  steps: number,
  more: (done: number) => { readonly [name: string]: number },
): LessonFacts => ({
  ...{ stage, about: `learns ${unit}`, learner, unit, steps, batch: 16, context, counted: 16 * steps * (context ?? 1) },
  curve: Array.from({ length: 60 }, (_, i) => {
    const done = (i + 1) / 60
    return { step: Math.round(steps * done), loss: 4 - 3 * done, rate: 1e-3, norm: 1, more: more(done) }
  }),
  ...{ seconds: 60, cached: false, perSecond: 800 },
})

const losses = (done: number) => ({
  visionLoss: 6 - 3 * done,
  textLoss: done > 0.5 ? 0 : 2 - done,
  visionAccuracy: 0.3,
})

const standing = (stage: string, purpose: Standing["purpose"]): Standing => ({ stage, purpose, state: "made", why: "" })

/** What the half found. */
export const vision: VisionData = {
  stages: [
    ...[standing("vqgan", "eyes"), standing("vision-256", "world"), standing("reconstructions", "kept")],
    ...[standing("pictures", "shown"), standing("answers-pictures", "answered"), standing("ablation", "ablation")],
  ],
  lessons: [
    lesson("vqgan", "vqgan", "frames", null, 400, (done) => ({ psnr: 12 + 10 * done, usage: 0.1 + 0.6 * done })),
    lesson("vision-256", "world", "tokens", 256, 900, losses),
    lesson("vision-1k", "world", "tokens", 1024, 900, losses),
    lesson("judge", "classifier", "scans", null, 200, () => ({ accuracy: 0.9 })),
  ],
  kept: [{
    ...{ stage: "reconstructions", result: kept },
    pictures: kept.sets.map(({ name, known }) => ({
      set: name,
      pairs: Array.from({ length: 10 }, (_, i) => ({
        before: pictureOf([frameOf(i, i, known ? 0 : 2)]),
        after: pictureOf([frameOf(i, i, 1)]),
      })),
    })),
  }],
  shown: [shown],
  answered: [{ stage: "answers-pictures", about: "asked", result: answeredBy("world", 0.93) }],
  ablations: [{ stage: "ablation", about: "choices", result: compared.right }],
  bits: [{
    ...run.bits[0]!,
    stage: "bits-vision",
    name: "world",
    result: { ...run.bits[0]!.result, bits: 2.207 },
  }],
  tests: [],
}

/** A run with both halves. */
export const seeingRun: ReportData = { ...run, vision }
