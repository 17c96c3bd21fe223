/**
 * What eyes keep of frames that they never learned from: originals beside what became of them, and how like they are.
 * @module
 */
import { grouped } from "../../numbers.ts"
import { percentText } from "../numbers.ts"
import { details, escape, missing, n, table } from "../page.ts"
import type { KeptFacts, VisionData } from "./data.ts"
import { eyesCurves } from "./lessons.ts"
import { still } from "./picture.ts"

type Set = KeptFacts["result"]["sets"][number]

const measures = ({ psnr, ssim, usage }: Pick<Set, "psnr" | "ssim" | "usage">): string =>
  `PSNR ${psnr.toFixed(1)} dB, SSIM ${ssim.toFixed(3)}, ${percentText(usage)} of the codes used`

/** A set's frames: above as they are, below as they are made again out of their codes. */
const sheet = (set: Set, { pictures }: KeptFacts): string => {
  const pairs = pictures.find((p) => p.set === set.name)?.pairs ?? []
  const items = pairs.map(({ before, after }, i) =>
    `<li>${still(before, `${set.name}, ${i + 1}: the original`)}${
      still(after, `${set.name}, ${i + 1}: made again of its codes`)
    }</li>`
  )
  return `<figure><figcaption><b>${escape(set.name)}</b>${
    escape(`${grouped(set.frames)} frames: ${measures(set)}.`)
  }</figcaption>${
    items.length === 0 ? missing("Its pictures are gone.") : `<ul class="sheet tight">${items.join("\n")}</ul>`
  }</figure>`
}

const numbers = ({ result }: KeptFacts): string =>
  table(
    ["", n("frames"), n("PSNR, dB"), n("SSIM"), n("codes used"), n("as if evenly used")],
    [...result.sets, { ...result.total, name: "all of the first kind" }].map((s) => [
      s.name,
      n(grouped(s.frames)),
      n(s.psnr.toFixed(2)),
      n(s.ssim.toFixed(4)),
      n(percentText(s.usage)),
      n(s.perplexity.toFixed(1)),
    ]),
  )

const kept = (facts: KeptFacts): string => {
  const { result } = facts
  const groups = [
    { title: "What it was made for, held out", sets: result.sets.filter((s) => s.known) },
    { title: "Other pictures, held out as well", sets: result.sets.filter((s) => !s.known) },
  ]
  return [
    `<p>${
      escape(
        `A frame becomes a few of ${
          grouped(result.codes)
        } codes, and is made again of nothing else. Above are frames that ` +
          `no training has seen, below what became of them. Over the first kind: ${measures(result.total)}.`,
      )
    }</p>`,
    ...groups.filter(({ sets }) => sets.length > 0).map(({ title, sets }) =>
      `<h3>${escape(title)}</h3>${sets.map((s) => sheet(s, facts)).join("\n")}`
    ),
    ...result.absent.map(({ name, why }) => `<p class="note">${escape(`${name} could not be looked at: ${why}`)}</p>`),
    details("The numbers", numbers(facts)),
  ].join("\n")
}

/** What was kept, and how it was learned. */
export const seeing = (data: VisionData): string =>
  [...data.kept.map(kept), ...data.lessons.filter((l) => l.learner === "vqgan").map(eyesCurves)].join("\n")
