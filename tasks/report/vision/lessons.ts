/**
 * How models that see have learned: what each training took, what eyes kept while they learned, and the loss of codes and of
 * text apart.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { duration, grouped, lengthText, short } from "../../numbers.ts"
import type { Point } from "../../train/training.ts"
import { drawn, smooth, thin } from "../draw.ts"
import { details, escape, figure, n, table } from "../page.ts"
import type { LessonFacts } from "./data.ts"

/** Trainings in a row, each with the unit that it counts. */
export const lessonTable = (all: ReadonlyArray<LessonFacts>): string =>
  `<div class="wide">${
    table(
      [
        "stage",
        "what it learns",
        n("tokens a row"),
        n("a step"),
        n("steps"),
        n("learned from"),
        n("time"),
        n("a second"),
      ],
      all.map((l) => [
        { text: l.stage, as: "w" },
        { text: l.about, as: "long" },
        n(l.context === null ? "–" : lengthText(l.context)),
        n(l.batch === null ? "–" : `${grouped(l.batch)} ${l.context === null ? l.unit : "rows"}`),
        n(grouped(l.steps)),
        n(`${short(l.counted)} ${l.unit}`),
        n(l.seconds === null ? (l.cached ? "cached" : "–") : duration(l.seconds)),
        n(l.perSecond === null ? (l.cached ? "cached" : "–") : `${grouped(l.perSecond)} ${l.unit}`),
      ]),
    )
  }</div>`

// ---- lines -------------------------------------------------------------------

/** A number that a step tells, over the steps. */
interface Line {
  readonly name: string
  readonly stroke: string
  readonly dash: string
  readonly points: ReadonlyArray<{ readonly step: number; readonly y: number }>
}

const lineOf = (
  name: string,
  curve: ReadonlyArray<Point>,
  of: (p: Point) => number | undefined,
  look: Pick<Line, "stroke" | "dash">,
): Line => {
  const known = thin(
    curve.flatMap((p) => {
      const y = of(p)
      return y === undefined || !Number.isFinite(y) ? [] : [{ step: p.step, y }]
    }),
    256,
  )
  const mean = smooth(known.map((p) => p.y), Math.max(1, Math.round(known.length / 40)))
  return { name, ...look, points: known.map((p, i) => ({ step: p.step, y: mean[i]! })) }
}

/** How values are shown: on which scale, and as which text. */
interface Scale {
  readonly domain: readonly [number, number]
  readonly text: (y: number) => string
  readonly unit: string
}

/** Lines over one axis of steps, each with its last value at its end. */
const panel = (title: string, steps: number, lines: ReadonlyArray<Line>, { domain, text, unit }: Scale): string => {
  const drawable = lines.filter((l) => l.points.length > 1)
  const ends = drawable.map((l) => ({ ...l.points.at(-1)!, name: l.name, stroke: l.stroke }))
  const alt = `${title} over ${steps} steps: ${
    drawable.map((l) => `${l.name} from ${text(l.points[0]!.y)} to ${text(l.points.at(-1)!.y)}`).join(", ")
  } ${unit}.`
  return drawn(alt, {
    ...{ width: 220, height: 140, marginLeft: 34, marginRight: 44, marginTop: 10, marginBottom: 34 },
    x: {
      ...{ domain: [0, Math.max(1, steps)], ticks: 3, label: "step", labelArrow: "none", tickFormat: short },
      labelOffset: 32,
    },
    y: { domain: [...domain], ticks: 4, tickFormat: String, label: null, grid: true },
    marks: [
      ...drawable.map((l) =>
        Plot.line(l.points, { x: "step", y: "y", stroke: l.stroke, strokeWidth: 2, strokeDasharray: l.dash })
      ),
      Plot.text(ends, {
        ...{ x: "step", y: "y", dx: 5, textAnchor: "start", fontWeight: 600, fill: "stroke" },
        text: (e: { readonly y: number }) => text(e.y),
      }),
    ],
  } as Plot.PlotOptions)
}

const rangeOf = (lines: ReadonlyArray<Line>): readonly [number, number] => {
  const ys = lines.flatMap((l) => l.points.map((p) => p.y))
  const [low, high] = [Math.min(...ys), Math.max(...ys)]
  const margin = Math.max(1e-6, (high - low) * 0.08)
  return [low - margin, high + margin]
}

// ---- eyes --------------------------------------------------------------------

const solid = { stroke: "var(--blue)", dash: "none" } as const

/** What eyes kept of the frames that they learned from, and how much of the codebook a batch used. */
export const eyesCurves = ({ stage, steps, curve }: LessonFacts): string => {
  const psnr = lineOf("PSNR", curve, (p) => p.more?.["psnr"], solid)
  const usage = lineOf("usage", curve, (p) => p.more?.["usage"] === undefined ? undefined : 100 * p.more["usage"], {
    ...{ stroke: "var(--green)", dash: "none" },
  })
  const round = (y: number): string => y.toFixed(0)
  const panels = [
    ...(psnr.points.length < 2 ? [] : [
      figure(
        "PSNR",
        "dB, of the frames of each step",
        panel("PSNR of the frames that it learned from", steps, [psnr], {
          ...{ domain: rangeOf([psnr]), text: (y) => y.toFixed(1), unit: "dB" },
        }),
      ),
    ]),
    ...(usage.points.length < 2 ? [] : [
      figure(
        "Use of the codebook",
        "percent of all codes, in one step",
        panel("Use of the codebook", steps, [usage], {
          ...{ domain: [0, Math.min(100, 1.15 * Math.max(...usage.points.map((p) => p.y)) + 1)], text: round },
          unit: "percent",
        }),
      ),
    ]),
  ]
  if (panels.length === 0) return ""
  const rows = thin(curve, 12).map((p) => [
    n(String(p.step)),
    n(p.loss.toFixed(3)),
    n(p.more?.["psnr"]?.toFixed(2) ?? "–"),
    n(p.more?.["usage"] === undefined ? "–" : `${(100 * p.more["usage"]).toFixed(1)} %`),
  ])
  return `<h3>${escape(`While ${stage} learned`)}</h3><div class="panels">${panels.join("\n")}</div>${
    details("The numbers", table([n("step"), n("loss"), n("PSNR, dB"), n("codes used")], rows))
  }`
}

// ---- world models ----------------------------------------------------------------

/** A modality of which nothing counts in a step has the loss 0 there: that is no loss. */
const positive = (value: number | undefined): number | undefined => value !== undefined && value > 0 ? value : undefined

const modes = [
  { name: "codes", key: "visionLoss", stroke: "var(--violet)", dash: "none" },
  { name: "text", key: "textLoss", stroke: "var(--mark)", dash: "5 3" },
] as const

/** A panel for each training of a world model: codes and text apart. */
export const worldCurves = (lessons: ReadonlyArray<LessonFacts>): string => {
  const all = lessons.filter((l) => l.learner === "world").map((l) => ({
    ...l,
    lines: modes.map((m) => lineOf(m.name, l.curve, (p) => positive(p.more?.[m.key]), m)),
  })).filter(({ lines }) => lines.some((l) => l.points.length > 1))
  if (all.length === 0) return ""
  const [, high] = rangeOf(all.flatMap(({ lines }) => lines))
  const scale: Scale = { domain: [0, high], text: (y) => y.toFixed(2), unit: "nats" }
  const panels = all.map(({ stage, context, steps, lines }) =>
    figure(
      stage,
      `${context === null ? "" : `${lengthText(context)} tokens a row, `}${grouped(steps)} steps`,
      panel(`Losses of ${stage}`, steps, lines, scale),
    )
  )
  const rows = all.flatMap(({ stage, curve }) =>
    thin(curve, 8).map((p) => [
      stage,
      n(String(p.step)),
      ...modes.map((m) => n(positive(p.more?.[m.key])?.toFixed(3) ?? "–")),
      n(p.loss.toFixed(3)),
    ])
  )
  const key = modes.map(({ name, stroke, dash }) =>
    `<span class="key"><i${dash === "none" ? "" : ' class="dashed"'} style="border-color:${stroke}"></i>${name}</span>`
  ).join("")
  return `<h3>Loss of codes and of text</h3><p class="soft">${
    escape(
      "Nats per token of each kind that counts; all panels share one scale. Each stage reads rows of its own kind.",
    )
  }</p><p class="soft">${key}</p><div class="panels">${panels.join("\n")}</div>${
    details("The numbers", table(["stage", n("step"), n("codes"), n("text"), n("loss")], rows))
  }`
}
