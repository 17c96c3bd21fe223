/**
 * Charts as SVG text, drawn without a browser: Observable Plot into linkedom's document, which is small, without native
 * parts, and all that Plot asks of one. Colours are CSS variables of the page, so one chart serves light and dark.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"

/** One curve. */
export interface Series {
  readonly name: string
  /** A CSS colour. */
  readonly colour: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
  /** How it is drawn: a line, a faint line behind the others, or a line with dots. */
  readonly form: "line" | "faint" | "dots"
}

/** A level to compare with. */
export interface Level {
  readonly name: string
  readonly y: number
}

/** What to draw. */
export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: ReadonlyArray<Series>
  readonly levels: ReadonlyArray<Level>
  /** Where the y axis must reach, beside all points and levels. */
  readonly include: ReadonlyArray<number>
  /** In pixels, where the page gives it as many. */
  readonly width: number
  readonly height: number
}

/** At most `n` points, evenly chosen, the last one always. */
export const thin = <A>(points: ReadonlyArray<A>, n: number): ReadonlyArray<A> => {
  const every = Math.max(1, Math.ceil(points.length / n))
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

/** The 2nd and 98th percentile of the faint curves do for the axis: one spike must not flatten the rest. */
const extent = (chart: Chart): readonly [number, number] => {
  const firm = chart.series.flatMap((s) => {
    const ys = s.points.map(([, y]) => y).filter(Number.isFinite).sort((a, b) => a - b)
    return s.form === "faint" ? [ys[Math.floor(ys.length * 0.02)]!, ys[Math.floor(ys.length * 0.98)]!] : ys
  })
  const all = [...firm, ...chart.levels.map((l) => l.y), ...chart.include].filter(Number.isFinite)
  if (all.length === 0) return [0, 1]
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const margin = (high - low || Math.abs(high) || 1) * 0.05
  return [low === 0 ? 0 : low - margin, high + margin]
}

const curve = (s: Series): ReadonlyArray<Plot.Markish> => {
  const points = thin(s.points.filter(([, y]) => Number.isFinite(y)), 700).map(([x, y]) => ({ x, y }))
  const line = Plot.line(points, {
    x: "x",
    y: "y",
    stroke: s.colour,
    strokeWidth: s.form === "faint" ? 1 : 2,
    strokeOpacity: s.form === "faint" ? 0.35 : 1,
    clip: true,
  })
  return s.form === "dots" ? [line, Plot.dot(points, { x: "x", y: "y", fill: s.colour, r: 3, clip: true })] : [line]
}

/** The SVG element as text. */
export const svg = (chart: Chart): string => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>")
  const last = Math.max(1, ...chart.series.flatMap((s) => s.points.map(([x]) => x)))
  const figure = Plot.plot({
    document,
    width: chart.width,
    height: chart.height,
    marginLeft: 56,
    marginRight: 24,
    marginBottom: 46,
    style: { fontSize: "12px", background: "transparent" },
    ariaLabel: chart.title,
    x: { label: chart.x, labelOffset: 40, ticks: Math.round(chart.width / 110), domain: [0, last] },
    y: { label: chart.y, domain: [...extent(chart)], grid: true, tickFormat: Math.abs(last) > 0 ? "~s" : undefined },
    marks: [
      ...chart.levels.flatMap((l) => [
        Plot.ruleY([l.y], { stroke: "var(--mark)", strokeDasharray: "5 4" }),
        Plot.text([l], {
          x: last,
          y: "y",
          text: "name",
          textAnchor: "end",
          dy: -8,
          dx: -4,
          fill: "var(--mark)",
          stroke: "var(--paper)",
          strokeWidth: 4,
        }),
      ]),
      ...chart.series.flatMap(curve),
    ],
  } as Plot.PlotOptions)
  return figure.outerHTML
}
