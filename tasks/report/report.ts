/**
 * The report page: one file that needs nothing else and opens by its path, a pure function of data. What is not known is
 * said in its place.
 * @module
 */
import type { Result } from "../evaluate/result.ts"
import { byLength } from "../evaluate/result.ts"
import { lengthText } from "../numbers.ts"
import { again, recipe } from "./again.ts"
import { costs } from "./costs.ts"
import type { Found, ReportData } from "./data.ts"
import { foretelling } from "./foretelling.ts"
import { byTask, headline } from "./headline.ts"
import { heatFigure, heatTable, lengthsOf, ramp } from "./heat.ts"
import { percent } from "./numbers.ts"
import { type Cell, details, escape, figure, missing, n, page, type Section, section, table } from "./page.ts"
import { losses, schedule, trainings } from "./training.ts"
import { visionSections } from "./vision/sections.ts"
import { visionStyle } from "./vision/style.ts"
import { words } from "./words.ts"

const paragraph = (text: string): string => `<p>${escape(text)}</p>`

// ---- sections ------------------------------------------------------------------

const needles = (data: ReportData): string => {
  const group = byTask(data.tests)[0]
  if (group === undefined) {
    return missing("No needles were looked for: the pipeline has no such stage, or it has not been made yet.")
  }
  const control = group.some((f) => f.lane === "control")
  return [
    paragraph(
      "A line with a name and a number is hidden in held-out text, and the number is asked for. Each cell is the share of " +
        `prompts, in percent, whose answer holds it${control ? "; all pictures have one scale." : "."}`,
    ),
    ramp,
    `<div class="pair">${group.map(heatFigure).join("\n")}</div>`,
    control ? "" : missing("There is no control to compare with."),
  ].join("\n")
}

const context = ({ stages }: ReportData): string => {
  const all = trainings(stages)
  if (all.length === 0) return missing("No training has been made yet.")
  const grows = new Set(all.filter((s) => s.training.lane === "model").map((s) => s.training.context)).size > 1
  return [
    paragraph(
      "Each stage goes on from the one before it with longer rows and a larger rotary base, theta, so that distances it has " +
        "never seen turn as slowly as those it knows.",
    ),
    grows
      ? figure(
        "Context over training",
        "Stages from left to right, each with its rotary base θ and the tokens that it learned from. Short ones are drawn wider than they are.",
        `<div class="broad">${schedule(stages, "broad")}</div><div class="slim">${schedule(stages, "slim")}</div>`,
      )
      : "",
    recipe(stages),
    losses(stages),
  ].join("\n")
}

/** A row for each who was asked, a cell for each length. */
const byLengths = (group: ReadonlyArray<Found<Result>>): string => {
  const lengths = [...new Set(group.flatMap((f) => lengthsOf(f.result)))].sort((a, b) => a - b)
  const row = (f: Found<Result>): ReadonlyArray<string | Cell> => {
    const means = byLength(f.result)
    const cells = lengths.map((l) => means.find((m) => m.length === l))
    return [f.name, ...cells.map((m) => m === undefined ? n("–") : { text: percent(m.share), heat: m.share })]
  }
  return table(["", ...lengths.map((l) => n(lengthText(l)))], group.map(row), "heat")
}

const headed = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`

const harder = (data: ReportData): string =>
  byTask(data.tests).slice(1).map((group) =>
    `<h3>${escape(headed(group[0]!.result.task))}</h3>${paragraph(group[0]!.says)}${byLengths(group)}${
      group.map((f) => details(`The numbers: ${f.name}`, heatTable(f))).join("")
    }`
  ).join("\n") || missing("No other tests were made.")

const sections = (data: ReportData): ReadonlyArray<Section> => [
  { id: "needles", title: "Needles in a haystack", inner: needles(data) },
  { id: "context", title: "How its context grew", inner: context(data) },
  { id: "text", title: "The text it knew", inner: foretelling(data) },
  { id: "tests", title: "Harder tests", inner: harder(data) },
  ...visionSections(data),
  { id: "costs", title: "Speed and memory", inner: costs(data.stages) },
  { id: "words", title: "In its own words", inner: words(data) },
  { id: "again", title: "The same again", inner: again(data) },
]

// ---- the page ------------------------------------------------------------------

const top = (data: ReportData, all: ReadonlyArray<Section>): string =>
  [
    `<header><p class="eyebrow">${escape(`pipeline ${data.pipeline}`)}</p><h1>${escape(data.title)}</h1>`,
    data.says === "" ? "" : `<p class="lead">${escape(data.says)}</p>`,
    data.device === "" ? "" : `<p class="soft">${escape(data.device)}</p>`,
    `<nav aria-label="Parts of this page">${
      all.map((s) => `<a href="#${escape(s.id)}">${escape(s.title)}</a>`).join("\n")
    }</nav></header>`,
    headline(data),
    ...data.notes.map((text) => `<p class="note">${escape(text)}</p>`),
  ].join("\n")

/** The page as HTML text. */
export const reportPage = (data: ReportData): string => {
  const all = sections(data)
  return page(
    data.title,
    [top(data, all), "<main>", ...all.map(section), "</main>"],
    data.vision === undefined ? "" : visionStyle,
  )
}
