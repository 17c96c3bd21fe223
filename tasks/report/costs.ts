/**
 * What the stages took: tokens a second, and memory as it was forecast and as it was.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { bytesText, duration, grouped } from "../numbers.ts"
import type { StageFacts } from "./data.ts"
import { drawn, half, strokes } from "./draw.ts"
import { change, listed } from "./numbers.ts"
import { details, figure, missing, n, table } from "./page.ts"
import { type Trained, trainings } from "./training.ts"

interface Bar {
  readonly name: string
  readonly kind: string
  readonly value: number
  readonly fill: string
}

/** Bars from left to right, one row a stage and kind, with the numbers at their ends. */
const bars = (alt: string, rows: ReadonlyArray<Bar>, text: (b: Bar) => string): string => {
  const names = [...new Set(rows.map((r) => r.name))]
  const kinds = [...new Set(rows.map((r) => r.kind))]
  const most = Math.max(...rows.map((r) => r.value))
  const left = Math.min(170, 14 + 7 * Math.max(...names.map((x) => x.length)))
  const [room, taken] = [half - left - 10, 12 + 6.8 * Math.max(...rows.map((r) => text(r).length))]
  return drawn(alt, {
    height: 12 + names.length * (kinds.length === 1 ? 30 : 46),
    marginTop: 6,
    marginBottom: 6,
    marginLeft: left,
    marginRight: 10,
    x: { axis: null, domain: [0, most * room / Math.max(room / 4, room - taken)] },
    y: { axis: null, domain: kinds, padding: 0.12 },
    fy: { domain: names, padding: 0.16, label: null, axis: "left", tickSize: 0 },
    marks: [
      Plot.barX(rows, {
        x: "value",
        y: "kind",
        fy: "name",
        fill: "fill",
        rx: 2,
        title: (b: Bar) => `${b.name}: ${b.kind}`,
      }),
      Plot.text(rows, { x: "value", y: "kind", fy: "name", text, textAnchor: "start", dx: 5, fontSize: 12 }),
    ],
  } as Plot.PlotOptions)
}

const speeds = (all: ReadonlyArray<Trained>): string => {
  const known = all.filter((s) => s.training.tokensPerSecond !== null)
  if (known.length === 0) return missing("No speeds: no training ran while this log was written.")
  const rows = known.map((s) => ({
    name: s.name,
    kind: "tokens/s",
    value: s.training.tokensPerSecond!,
    fill: strokes[s.training.lane].stroke,
  }))
  const alt = `Tokens a second: ${listed(rows.map((r) => `${r.name} ${grouped(r.value)}`))}.`
  const numbers = table(
    ["stage", n("tokens"), n("tokens/s")],
    known.map((s) => [s.name, n(grouped(s.training.tokens)), n(grouped(s.training.tokensPerSecond!))]),
  )
  return figure(
    "Tokens a second",
    "Mean of all steps that ran here. Longer rows cost more per token: attention grows with the context.",
    bars(alt, rows, (b) => grouped(b.value)),
    details("The numbers", numbers),
  )
}

const memories = (all: ReadonlyArray<Trained>): string => {
  const known = all.filter((s) => s.training.forecast !== null || s.training.measured !== null)
  if (known.length === 0) return missing("No memory is known: nothing was forecast, and no training ran.")
  const rows = known.flatMap(({ name, training: { forecast, measured } }): ReadonlyArray<Bar> => [
    ...(forecast === null ? [] : [{ name, kind: "forecast", value: forecast, fill: "var(--mark)" }]),
    ...(measured === null ? [] : [{ name, kind: "measured", value: measured, fill: "var(--green)" }]),
  ])
  const alt = `Memory: ${listed(rows.map((r) => `${r.name} ${r.kind} ${bytesText(r.value)}`))}.`
  const numbers = table(
    ["stage", n("forecast, bytes"), n("measured, bytes"), n("difference")],
    known.map(({ name, training: { forecast, measured } }) => [
      name,
      n(forecast === null ? "–" : grouped(forecast)),
      n(measured === null ? "–" : grouped(measured)),
      n(forecast === null || measured === null ? "–" : change(measured / forecast - 1)),
    ]),
  )
  return figure(
    "Memory, forecast and measured",
    "The forecast is computed before anything runs: all arrays of the compiled step. Measured is the most that the device held after a step, its workspace with it.",
    bars(alt, rows, (b) => `${bytesText(b.value)} ${b.kind}`),
    details("The numbers", numbers),
  )
}

/** All stages and how long each took. */
const times = (stages: ReadonlyArray<StageFacts>): string =>
  details(
    "How long each stage took",
    table(
      ["stage", n("time"), ""],
      stages.map((s) => [
        s.name,
        n(s.seconds === null ? "–" : duration(s.seconds)),
        s.digest === null ? "not made yet" : s.cached ? "cached: it was there already" : "made in the last run",
      ]),
    ),
  )

/** Speed and memory. */
export const costs = (stages: ReadonlyArray<StageFacts>): string => {
  const all = trainings(stages)
  if (all.length === 0) return missing("No training has been made yet.")
  return `<div class="pair">${speeds(all)}${memories(all)}</div>${times(stages)}`
}
