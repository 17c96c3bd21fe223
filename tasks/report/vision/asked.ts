/**
 * How questions about pictures were answered: by kind, beside what somebody would get who never looks, and which digits were
 * taken for which.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { type Answered, wilson } from "../../evaluate/vision/mod.ts"
import { grouped } from "../../numbers.ts"
import { names } from "../../vision/digits.ts"
import { drawn, half } from "../draw.ts"
import { listed, percentText } from "../numbers.ts"
import { details, escape, figure, missing, n, table } from "../page.ts"
import { stepOf } from "../palette.ts"
import type { Of } from "./data.ts"

type Kind = Answered["kinds"][number]

const about: { readonly [K in Kind["kind"]]: string } = {
  which: "Which digit is it?",
  count: "How many digits are there?",
  way: "Which way does it move?",
}

const brieflyOf: { readonly [K in Kind["kind"]]: string } = {
  which: "which digit",
  count: "how many",
  way: "which way",
}

const mediumText: { readonly [M in Kind["medium"]]: string } = { still: "stills", video: "videos" }

const share = ({ right, of }: Pick<Kind, "right" | "of">): number => of === 0 ? 0 : right / of

// ---- by kind -------------------------------------------------------------------

/** A bar for each kind, with a tick where the majority's answer would be. */
const bars = (kinds: ReadonlyArray<Kind>): string => {
  const rows = kinds.map((k) => ({
    ...{ name: `${mediumText[k.medium]}: ${k.kind}`, y: 100 * share(k), blind: 100 * k.majority.share },
    ...{ text: `${percentText(share(k))}`, said: `${k.right} of ${k.of}` },
  }))
  const alt = `Questions answered right: ${
    listed(rows.map((r) => `${r.name} ${r.said}, ${percentText(r.blind / 100)} without looking`))
  }.`
  return drawn(alt, {
    ...{ width: half, height: 24 + 34 * rows.length, marginTop: 6, marginBottom: 18, marginLeft: 100 },
    marginRight: 50,
    x: { axis: null, domain: [0, 100] },
    y: { type: "band", domain: rows.map((r) => r.name), label: null, tickSize: 0, padding: 0.25 },
    marks: [
      Plot.barX(rows, { x: "y", y: "name", fill: "var(--blue)", fillOpacity: 0.75, rx: 2 }),
      Plot.tickX(rows, { x: "blind", y: "name", stroke: "var(--red)", strokeWidth: 3, strokeDasharray: "4 2" }),
      Plot.text(rows, { x: "y", y: "name", text: "text", textAnchor: "start", dx: 5, fontWeight: 600 }),
      Plot.ruleX([0], { stroke: "var(--line)" }),
    ],
  } as Plot.PlotOptions)
}

const shares = (kinds: ReadonlyArray<Kind>) =>
  kinds.map((k) => [
    `${mediumText[k.medium]}, ${brieflyOf[k.kind]}`,
    n(grouped(k.of)),
    n(percentText(share(k))),
    n(percentText(k.majority.share)),
  ])

const kindTable = (kinds: ReadonlyArray<Kind>): string =>
  table(
    ["asked about", "question", n("n"), n("right"), n("19 of 20 such lie in"), n("without looking"), "by saying"],
    kinds.map((k) => [
      mediumText[k.medium],
      about[k.kind],
      n(grouped(k.of)),
      n(percentText(share(k))),
      n(wilson(k.right, k.of).map((x) => percentText(x)).join(" to ")),
      n(percentText(k.majority.share)),
      k.majority.answer,
    ]),
  )

// ---- confusion -------------------------------------------------------------------

/** Short names: digits as such. */
const brief = (answer: string): string => {
  const at = names.indexOf(answer)
  return at < 0 ? answer : String(at)
}

/** What was said (across) where what is right (down): shares of each row. */
const confusion = ({ confusion, medium, of }: Kind): string => {
  const answers = [...new Set(confusion.map((c) => c.answer))]
  const said = [...answers, ...new Set(confusion.map((c) => c.said).filter((s) => !answers.includes(s)))]
  const total = (answer: string): number =>
    confusion.filter((c) => c.answer === answer).reduce((sum, c) => sum + c.times, 0)
  const cells = answers.flatMap((answer) =>
    said.map((other) => {
      const times = confusion.find((c) => c.answer === answer && c.said === other)?.times ?? 0
      return { answer: brief(answer), said: brief(other), times, share: times / Math.max(1, total(answer)) }
    })
  )
  type Cell = (typeof cells)[number]
  const right = confusion.filter((c) => c.answer === c.said).reduce((sum, c) => sum + c.times, 0)
  const wrong = confusion.filter((c) => c.answer !== c.said).toSorted((a, b) => b.times - a.times).slice(0, 3)
  const alt = `Digits in ${mediumText[medium]} and what was said of them, ${right} of ${of} right${
    wrong.length === 0
      ? ""
      : `; most often taken for another: ${listed(wrong.map((c) => `${c.answer} for ${c.said}, ${c.times} times`))}`
  }.`
  return drawn(alt, {
    ...{ height: 66 + 27 * answers.length, marginTop: 40, marginBottom: 8, marginLeft: 40, marginRight: 4 },
    x: {
      ...{ type: "band", axis: "top", domain: said.map(brief), label: "said", labelAnchor: "center" },
      ...{ labelArrow: "none", labelOffset: 36, tickSize: 0, padding: 0 },
    },
    y: {
      ...{ type: "band", domain: answers.map(brief), label: "is", labelAnchor: "top", labelArrow: "none" },
      ...{ tickSize: 0, padding: 0 },
    },
    marks: [
      Plot.cell(cells, {
        ...{ x: "said", y: "answer", inset: 1.25, rx: 3, fill: (c: Cell) => `var(--h${stepOf(c.share)})` },
        title: (c: Cell) => `${c.answer}: ${c.times} times ${c.said}`,
      }),
      Plot.text(cells.filter((c) => c.times > 0), {
        ...{ x: "said", y: "answer", pointerEvents: "none", fill: (c: Cell) => `var(--i${stepOf(c.share)})` },
        text: (c: Cell) => String(c.times),
      }),
    ],
  } as Plot.PlotOptions)
}

const samples = (kinds: ReadonlyArray<Kind>): string =>
  table(
    ["scene", "asked", "right would be", "said", ""],
    kinds.flatMap((k) =>
      k.samples.map((
        s,
      ) => [
        s.caption,
        s.question,
        s.answer,
        s.said.trim() === "" ? "(nothing)" : s.said,
        s.right ? "✓ right" : "✗ wrong",
      ])
    ),
  )

/** How one model answered. */
export const asked = ({ result }: Of<Answered>): string => {
  const kinds = result.kinds.filter((k) => k.of > 0)
  if (kinds.length === 0) return missing("Nothing was asked.")
  const which = kinds.filter((k) => k.kind === "which")
  return [
    `<p>${
      escape(
        "The model is shown frames that no training has seen, as codes, and asked in words. Beside the share of right answers " +
          "is what somebody would get who never looks, and always says what is right most often.",
      )
    }</p>`,
    `<div class="pair">${
      figure(
        "Answered right, by kind",
        "The dashed mark is the answer that is right most often, said every time.",
        bars(kinds),
      )
    }${table(["question", n("n"), n("right"), n("without looking")], shares(kinds))}</div>`,
    details("The numbers", kindTable(kinds)),
    which.length === 0 ? "" : `<div class="pair">${
      which.map((k) =>
        figure(
          `Digits taken for others, in ${mediumText[k.medium]}`,
          "How often each was said; the darker or brighter, the larger its part of the row. “?” is no digit.",
          confusion(k),
        )
      ).join("\n")
    }</div>`,
    details("Some answers, wrong ones first", samples(kinds)),
  ].join("\n")
}
