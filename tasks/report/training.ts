/**
 * How the model came about: its context over the stages, and the loss of each.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { lengthText, short } from "../numbers.ts"
import type { Point } from "../train/training.ts"
import type { Lane, StageFacts, TrainingFacts } from "./data.ts"
import { doublings, drawn, smooth, strokes, thin, word } from "./draw.ts"
import { listed } from "./numbers.ts"
import { details, escape, figure, n, table } from "./page.ts"

/** A stage that is a training. */
export type Trained = StageFacts & { readonly training: TrainingFacts }

/** The trainings among the stages, in their order. */
export const trainings = (stages: ReadonlyArray<StageFacts>): ReadonlyArray<Trained> =>
  stages.filter((s): s is Trained => s.training !== null)

const lane = (all: ReadonlyArray<Trained>, which: Lane): ReadonlyArray<Trained> =>
  all.filter((s) => s.training.lane === which)

// ---- the schedule --------------------------------------------------------------

interface Stretch {
  readonly from: number
  readonly to: number
  readonly stage: Trained
}

/** How a picture is laid out for a wide page and for a phone: `least` is the least width of a stage, as a share. */
const layouts = {
  broad: { width: 940, least: 0.11, bottom: 50, rotate: 0 },
  slim: { width: 440, least: 1, bottom: 84, rotate: -40 },
} as const

/** Stages one after the other, each as wide as its tokens, but none narrower than so much. */
const stretches = (stages: ReadonlyArray<Trained>, least: number): ReadonlyArray<Stretch> => {
  const all = stages.reduce((sum, s) => sum + s.training.tokens, 0)
  const widths = stages.map((s) => Math.max(s.training.tokens / Math.max(1, all), least))
  const total = widths.reduce((a, b) => a + b, 0)
  let from = 0
  return stages.map((stage, i) => {
    const to = from + widths[i]! / total
    const stretch = { from, to, stage }
    from = to
    return stretch
  })
}

const told = (stages: ReadonlyArray<Trained>): string =>
  listed(
    stages.map(({ name, training: t }) =>
      `${name} ${lengthText(t.context)} tokens with theta ${short(t.theta)} for ${short(t.tokens)} tokens`
    ),
  )

/** Names and tokens of stages below the picture: straight where there is room. */
const feet = (steps: ReadonlyArray<Stretch>, { rotate }: { readonly rotate: number }): ReadonlyArray<Plot.Text> => {
  const x = (s: Stretch): number => (s.from + s.to) / 2
  const base = { x, frameAnchor: "bottom", fontSize: 11.5 } as const
  const name = (s: Stretch): string => s.stage.name
  const tokens = (s: Stretch): string => short(s.stage.training.tokens)
  return rotate === 0
    ? [
      Plot.text(steps, { ...base, dy: 16, text: name }),
      Plot.text(steps, { ...base, dy: 32, text: tokens, fill: "var(--soft)" }),
    ]
    : [Plot.text(steps, { ...base, dy: 10, dx: 6, rotate, textAnchor: "end", text: (s) => `${name(s)}, ${tokens(s)}` })]
}

/** Context over the tokens that were learned from, with theta at each step. */
export const schedule = (stages: ReadonlyArray<StageFacts>, kind: keyof typeof layouts): string => {
  const layout = layouts[kind]
  const steps = stretches(lane(trainings(stages), "model"), layout.least)
  const contexts = steps.map((s) => s.stage.training.context)
  const [low, high] = [Math.min(...contexts), Math.max(...contexts)]
  const middle = (s: Stretch): number => (s.from + s.to) / 2
  const stairs = steps.flatMap((s) => [s.from, s.to].map((x) => ({ x, y: s.stage.training.context })))
  return drawn(`Context over training: ${told(steps.map((s) => s.stage))}.`, {
    width: layout.width,
    height: 240 + layout.bottom,
    marginTop: 30,
    marginBottom: layout.bottom,
    marginLeft: 44,
    marginRight: 10,
    x: { axis: null, domain: [0, 1] },
    y: {
      ...{ type: "log", base: 2, domain: [low / 1.5, high * 1.1], ticks: [...doublings(low, high, 8)] },
      ...{
        label: "context in tokens",
        labelArrow: "none",
        tickFormat: lengthText,
        grid: true,
        tickSize: 0,
        labelOffset: 40,
      },
    },
    marks: [
      Plot.areaY(stairs, { x: "x", y1: low / 1.5, y2: "y", fill: "var(--blue)", fillOpacity: 0.13 }),
      Plot.ruleX(steps.slice(1), { x: "from", y1: low / 1.5, y2: high * 1.1, stroke: "var(--line)" }),
      Plot.line(stairs, { x: "x", y: "y", stroke: "var(--blue)", strokeWidth: 2.5, strokeLinejoin: "miter" }),
      word(steps, {
        x: middle,
        y: (s: Stretch) => s.stage.training.context,
        text: (s: Stretch) => `θ ${short(s.stage.training.theta)}`,
        fontWeight: 600,
      }),
      ...feet(steps, layout),
    ],
  } as Plot.PlotOptions)
}

// ---- losses ----------------------------------------------------------------------

const finitePoints = (curve: ReadonlyArray<Point>): ReadonlyArray<Point> =>
  curve.filter((p) => Number.isFinite(p.loss) && p.loss > 0)

/** Ticks from coarse to fine: the first with three of them in the range are taken. */
const scales: ReadonlyArray<ReadonlyArray<number>> = [[1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]].map((digits) =>
  [0.001, 0.01, 0.1, 1, 10].flatMap((power) => digits.map((d) => Number((d * power).toPrecision(2))))
)

const ticksIn = (low: number, high: number): ReadonlyArray<number> => {
  const inside = scales.map((ticks) => ticks.filter((x) => x >= low && x <= high))
  return inside.find((ticks) => ticks.length >= 3) ?? inside.at(-1)!
}

/** A range that begins at a tick, so that a line can be read where it is lowest. */
const rangeOf = (values: ReadonlyArray<number>): readonly [number, number] => {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return [scales[1]!.findLast((x) => x <= low) ?? low * 0.9, high * 1.1]
}

/** One stage's loss, on the scale that all stages share. */
const loss = (s: Trained, [low, high]: readonly [number, number]): string => {
  const points = thin(finitePoints(s.training.curve), 256)
  const mean = smooth(points.map((p) => p.loss), Math.max(1, Math.round(points.length / 40)))
  const line = points.map((p, i) => ({ step: p.step, loss: p.loss, mean: mean[i]! }))
  const { stroke } = strokes[s.training.lane]
  const [first, last] = [line[0], line.at(-1)]
  const alt = first === undefined || last === undefined
    ? `${s.name}: no loss is known.`
    : `Loss of ${s.name} over ${s.training.steps} steps: from ${first.mean.toFixed(2)} to ${last.mean.toFixed(2)} nats.`
  return drawn(alt, {
    width: 220,
    height: 140,
    marginLeft: 34,
    marginRight: 40,
    marginTop: 10,
    marginBottom: 34,
    x: {
      domain: [0, Math.max(1, s.training.steps)],
      ticks: 3,
      label: "step",
      labelArrow: "none",
      tickFormat: short,
      labelOffset: 32,
    },
    y: {
      type: "log",
      domain: [low, high],
      ticks: [...ticksIn(low, high)],
      tickFormat: String,
      label: null,
      grid: true,
    },
    marks: [
      Plot.line(line, { x: "step", y: "loss", stroke, strokeWidth: 1, strokeOpacity: 0.35 }),
      Plot.line(line, { x: "step", y: "mean", stroke, strokeWidth: 2 }),
      ...(last === undefined ? [] : [
        Plot.text([last], {
          x: "step",
          y: "mean",
          dx: 5,
          text: () => last.mean.toFixed(2),
          textAnchor: "start",
          fontWeight: 600,
        }),
      ]),
    ],
  } as Plot.PlotOptions)
}

const lossRows = (all: ReadonlyArray<Trained>): string =>
  table(
    ["stage", n("step"), n("loss"), n("rate"), n("gradient norm")],
    all.flatMap((s) =>
      thin(s.training.curve, 8).map((p) => [
        s.name,
        n(String(p.step)),
        n(p.loss.toFixed(3)),
        n(p.rate.toExponential(1)),
        n(p.norm.toFixed(2)),
      ])
    ),
  )

/** A panel for each training whose curve is known. */
export const losses = (stages: ReadonlyArray<StageFacts>): string => {
  const all = trainings(stages).filter((s) => finitePoints(s.training.curve).length > 1)
  const values = all.flatMap((s) => finitePoints(s.training.curve).map((p) => p.loss))
  if (values.length === 0) return ""
  const range = rangeOf(values)
  const panels = all.map((s) =>
    figure(s.name, `${lengthText(s.training.context)} tokens, θ ${short(s.training.theta)}`, loss(s, range))
  )
  return `<h3>Loss, stage by stage</h3><p class="soft">${
    escape("Nats per token that counts; all panels share one logarithmic scale. Each stage reads rows of its own kind.")
  }</p><div class="panels">${panels.join("\n")}</div>${details("The numbers", lossRows(all))}`
}
