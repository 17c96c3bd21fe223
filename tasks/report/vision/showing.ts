/**
 * What a model shows when it is asked: pictures with what was asked for under each, what a judge saw in them, and how often
 * that was the same.
 * @module
 */
import * as Plot from "@observablehq/plot"
import type { Made, Part } from "../../evaluate/vision/mod.ts"
import { wilson } from "../../evaluate/vision/mod.ts"
import { grouped } from "../../numbers.ts"
import { drawn, half, word } from "../draw.ts"
import { listed, percentText } from "../numbers.ts"
import { details, escape, figure, missing, n, table } from "../page.ts"
import type { ShownFacts } from "./data.ts"
import { clip, type Picture, still } from "./picture.ts"

// ---- what was seen ---------------------------------------------------------------

const digitText = (found: ReadonlyArray<number | null>): string =>
  found.length === 0 ? "nothing" : listed(found.map((d) => d === null ? "no digit" : String(d)))

/** What was seen most often in the frames of a clip, and in how many of them. */
const mostly = ({ seen, frames }: Made): string => {
  const texts = seen.found.map(digitText)
  const times = (text: string): number => texts.filter((one) => one === text).length
  const most = texts.toSorted((a, b) => times(b) - times(a))[0] ?? "nothing"
  return `${most} in ${times(most)} of ${frames} frames`
}

/** Which way ink went, and how far; a pixel or less is no way. */
const wayText = ({ down, right }: Made["seen"]): string => {
  const far = Math.max(Math.abs(down), Math.abs(right))
  if (far <= 1) return "standing still"
  const way = Math.abs(right) >= Math.abs(down) ? (right > 0 ? "right" : "left") : down > 0 ? "down" : "up"
  return `moving ${way} by ${Math.round(far)} px`
}

const seenText = (made: Made): string =>
  made.frames > 1 ? `${mostly(made)}, ${wayText(made.seen)}` : digitText(made.seen.found[0] ?? [])

const right = (made: Made): boolean => made.shown && (made.frames === 1 || made.moved)

/** In words and with a mark, so that no colour need be seen. */
const verdict = (made: Made): string => {
  if (right(made)) return "✓ right"
  if (made.frames === 1) return "✗ wrong"
  return made.shown ? "✗ wrong way" : made.moved ? "✗ wrong digit" : "✗ wrong"
}

const item = (made: Made, picture: Picture): string => {
  const seen = seenText(made)
  const alt = `Asked for ${made.caption}; the judge saw ${seen}`
  const yes = right(made)
  return `<li class="${yes ? "yes" : "no"}">${
    made.frames > 1 ? clip(picture, `${alt}. ${made.frames} frames.`) : still(picture, `${alt}.`)
  }<span class="asked">${escape(made.caption)}</span><span class="seen">${
    escape(`saw: ${seen}`)
  }</span><span class="verdict ${yes ? "yes" : "no"}">${verdict(made)}</span></li>`
}

const items = ({ result, pictures }: ShownFacts, kinds: ReadonlyArray<Made["kind"]>): ReadonlyArray<string> =>
  pictures.flatMap(({ number, picture }) => {
    const made = result.made[number]
    return made !== undefined && kinds.includes(made.kind) ? [item(made, picture)] : []
  })

// ---- shares ------------------------------------------------------------------

const share = (right: number, of: number): number => of === 0 ? 0 : right / of

/** A bar for each digit, and lines for what the judge finds in real scenes and what chance would have it. */
const byDigit = (part: Part): string => {
  const real = share(part.real.shown, part.real.of)
  const rows = part.byDigit.map((d) => ({ ...d, share: 100 * share(d.shown, d.of) }))
  const marks = [
    { name: "real scenes", y: 100 * real, stroke: "var(--green)", dash: "none", anchor: -5 },
    { name: "chance", y: 100 * part.chance.shown, stroke: "var(--red)", dash: "5 4", anchor: -5 },
  ]
  const alt = `Stills that show the digit that was asked for: ${
    listed(rows.map((r) => `${r.digit} ${r.shown} of ${r.of}`))
  }. In real scenes the judge finds ${percentText(real)}, chance would have ${percentText(part.chance.shown)}.`
  return drawn(alt, {
    ...{ width: half, height: 230, marginTop: 24, marginBottom: 38, marginLeft: 36, marginRight: 84 },
    x: { type: "band", domain: rows.map((r) => r.digit), label: "digit that was asked for", labelAnchor: "center" },
    y: { domain: [0, 105], ticks: [0, 25, 50, 75, 100], label: "percent", labelArrow: "none", grid: true, tickSize: 0 },
    marks: [
      Plot.barY(rows, {
        ...{ x: "digit", y: "share", fill: "var(--blue)", fillOpacity: 0.75, rx: 2, inset: 2 },
        title: (r: (typeof rows)[number]) => `${r.digit}: ${r.shown} of ${r.of}`,
      }),
      ...marks.map((m) => Plot.ruleY([m.y], { stroke: m.stroke, strokeWidth: 2, strokeDasharray: m.dash })),
      Plot.text(marks, {
        ...{ y: "y", frameAnchor: "right", textAnchor: "start", dx: 5, fill: "stroke", fontWeight: 600 },
        text: (m: (typeof marks)[number]) => `${m.name}\n${percentText(m.y / 100)}`,
      }),
      word(rows, {
        ...{ x: "digit", y: "share", fontSize: 11.5 },
        text: (r: (typeof rows)[number]) => percentText(r.share / 100).replace(" %", ""),
      }),
    ],
  } as Plot.PlotOptions)
}

const names: { readonly [K in Part["kind"]]: string } = {
  single: "stills of one digit",
  pair: "stills of two digits",
  video: "videos of one digit",
}

/** What is wanted of each kind. */
const wanted = ({ kind }: Part) =>
  kind === "video" ? [["digit", "shown"], ["way", "moved"], ["both", "both"]] as const : [["digits", "shown"]] as const

const shares = (parts: ReadonlyArray<Part>) =>
  parts.flatMap((p) =>
    wanted(p).map(([name, key]) => [
      names[p.kind],
      name,
      n(percentText(share(p.model[key], p.model.of))),
      n(percentText(share(p.real[key], p.real.of))),
      n(percentText(p.chance[key])),
    ])
  )

const numbers = (parts: ReadonlyArray<Part>): string => {
  const between = (right: number, of: number): string => wilson(right, of).map((x) => percentText(x)).join(" to ")
  const count = (right: number, of: number) => n(`${right} of ${of}`)
  return table(
    ["asked for", "right", n("by the model"), n("19 of 20 such lie in"), n("real scenes"), n("these after its eyes")],
    parts.flatMap((p) =>
      wanted(p).map(([name, key]) => [
        names[p.kind],
        name,
        count(p.model[key], p.model.of),
        n(between(p.model[key], p.model.of)),
        count(p.real[key], p.real.of),
        p.again === null ? n("–") : count(p.again[key], p.again.of),
      ])
    ),
  )
}

// ---- all of it -----------------------------------------------------------------

const grid = (title: string, says: string, list: ReadonlyArray<string>, more = "", kind = ""): string =>
  list.length === 0
    ? ""
    : `<figure><figcaption><b>${escape(title)}</b>${escape(says)}</figcaption>${more}<ul class="sheet${kind}">${
      list.join("\n")
    }</ul></figure>`

const halt = `<label class="halt"><input type="checkbox"> Stand still, all frames side by side</label>`

const rule =
  "Right are those that show the digit in more than half of their frames, and whose ink goes the asked way, " +
  "at least half as far as it should."

/** What a model shows. */
export const showing = (facts: ShownFacts): string => {
  const { result } = facts
  const single = result.parts.find((p) => p.kind === "single")
  const first = "The first that were asked for; none was chosen."
  return [
    `<p>${
      escape(
        `The model is given a caption and draws codes (guidance ${result.drawn.guidance}, temperature ${result.drawn.temperature}` +
          `${
            result.drawn.topK === undefined ? "" : `, top ${result.drawn.topK}`
          }, seed ${result.drawn.seed}), which its eyes turn ` +
          "into pixels. A judge looks at them that was trained apart, on scans alone: it is right about " +
          `${percentText(share(result.judge.right, result.judge.of))} of ${grouped(result.judge.of)} held-out scans.`,
      )
    }</p>`,
    facts.pictures.length === 0 ? missing("The pictures are gone; what the judge saw is known.") : "",
    grid("Stills", first, items(facts, ["single", "pair"])),
    grid("Videos", `${first} ${rule}`, items(facts, ["video"]), halt, " wider"),
    `<div class="pair">${
      single === undefined || single.byDigit.length === 0 ? "" : figure(
        "Asked for, and recognised",
        "Share of stills of one digit in which the judge sees that digit and nothing else, in percent.",
        byDigit(single),
      )
    }${
      table(
        ["asked for", "right", n("by the model"), n("in real scenes"), n("by chance")],
        shares(result.parts),
      )
    }</div>`,
    details("The numbers", numbers(result.parts)),
    details(
      "All that was asked for",
      table(["asked for", "seen", ""], result.made.map((m) => [m.caption, seenText(m), verdict(m)])),
    ),
  ].join("\n")
}
