/**
 * What choices are worth: the same questions put to models that were made with them and without, by sign and interval.
 * @module
 */
import * as Plot from "@observablehq/plot"
import type { Ablation, Difference } from "../../evaluate/vision/mod.ts"
import { grouped } from "../../numbers.ts"
import { drawn, half } from "../draw.ts"
import { percentText } from "../numbers.ts"
import { details, escape, figure, n, table } from "../page.ts"
import type { Of } from "./data.ts"

/** Points of a hundred with their sign: `+1.2`. */
const points = (share: number): string => {
  const text = Math.abs(100 * share).toFixed(1)
  return Number(text) === 0 ? "±0.0" : `${share < 0 ? "−" : "+"}${text}`
}

/** What a difference says, in words. */
export const verdictOf = ({ sign, certain }: Pick<Difference, "sign" | "certain">): string => {
  if (!certain) return "may be chance"
  return sign > 0 ? "better" : "worse"
}

/** A stage of answers by what answered. */
const plainName = (name: string): string => name.replace(/^answers-/, "")

const picture = (reference: string, name: string, differences: ReadonlyArray<Difference>): string => {
  const rows = differences.map((d) => ({
    ...d,
    ...{ at: 100 * d.difference, from: 100 * d.low, to: 100 * d.high, text: points(d.difference) },
    stroke: !d.certain ? "var(--soft)" : d.sign > 0 ? "var(--green)" : "var(--red)",
  }))
  const far = Math.max(5, ...rows.flatMap((r) => [Math.abs(r.from), Math.abs(r.to)]))
  const alt = `${name} less ${reference}, in points of a hundred: ${
    rows.map((r) => `${r.of} ${r.text} (${points(r.low)} to ${points(r.high)})`).join(", ")
  }.`
  return drawn(alt, {
    ...{ width: half, height: 46 + 26 * rows.length, marginTop: 6, marginBottom: 40, marginLeft: 92, marginRight: 52 },
    x: {
      ...{ domain: [-far, far], ticks: 5, label: "points of a hundred", labelAnchor: "center", labelArrow: "none" },
      ...{ grid: true, tickSize: 0 },
    },
    y: { type: "point", domain: rows.map((r) => r.of), label: null, tickSize: 0, padding: 0.6 },
    marks: [
      Plot.ruleX([0], { stroke: "var(--ink)", strokeOpacity: 0.6 }),
      Plot.ruleY(rows, { y: "of", x1: "from", x2: "to", stroke: "stroke", strokeWidth: 2 }),
      Plot.dot(rows, { x: "at", y: "of", r: 4.5, fill: "stroke" }),
      Plot.text(rows, { y: "of", frameAnchor: "right", textAnchor: "start", dx: 5, text: "text", fontWeight: 600 }),
    ],
  } as Plot.PlotOptions)
}

const rows = ({ reference, variants }: Ablation): string =>
  table(
    [
      ...[
        "variant",
        "questions",
        n("n"),
        n(plainName(reference)),
        n("variant"),
        n("difference"),
        n("19 of 20 such lie in"),
      ],
      "",
    ],
    variants.flatMap(({ name, differences }) =>
      differences.map((d) => [
        name,
        d.of,
        n(grouped(d.asked)),
        n(percentText(d.asked === 0 ? 0 : d.reference / d.asked)),
        n(percentText(d.asked === 0 ? 0 : d.variant / d.asked)),
        n(points(d.difference)),
        n(`${points(d.low)} to ${points(d.high)}`),
        verdictOf(d),
      ])
    ),
  )

/** The comparison. */
export const worth = ({ result }: Of<Ablation>): string => {
  const reference = plainName(result.reference)
  const all = result.variants.flatMap(({ name, differences }) =>
    differences.filter((d) => d.of === "all").map((d) => `${name} ${points(d.difference)} (${verdictOf(d)})`)
  )
  return [
    `<p>${
      escape(
        `Models that learned as long, from the same parameters and examples, each but for one choice. The reference is “${reference}”; ` +
          `a difference is the variant's share of right answers less the reference's, in points of a hundred, with the interval ` +
          `that holds 95 of 100 such differences. Over all questions: ${all.join("; ")}.`,
      )
    }</p>`,
    `<div class="pair">${
      result.variants.map(({ name, differences }) =>
        figure(
          `${name} less ${reference}`,
          "Right of the line the variant is better.",
          picture(reference, name, differences),
        )
      ).join("\n")
    }</div>`,
    details("The numbers", rows(result)),
  ].join("\n")
}
