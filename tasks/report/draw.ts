/**
 * Pictures as SVG text, drawn without a browser: Observable Plot into linkedom's document, which is small, without native
 * parts, and all that Plot asks of one. Colours are CSS variables of the page, so one picture serves light and dark; the
 * page's style sheet stands for Plot's own.
 * @module
 */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"
import { clean } from "./page.ts"

/** Width of a picture in half a page; it shrinks with the page, and its letters stay readable on a phone. */
export const half = 460

/** Colours of the two lanes, and how their lines are drawn. */
export const strokes = {
  model: { stroke: "var(--blue)", dash: "none" },
  control: { stroke: "var(--red)", dash: "6 4" },
} as const

/** A picture with the sentence that stands for it where it cannot be seen. */
export const drawn = (alt: string, options: Plot.PlotOptions): string => {
  const { document } = parseHTML("<!doctype html><html><body></body></html>")
  const svg = Plot.plot({
    document,
    width: half,
    marginLeft: 48,
    marginRight: 16,
    marginBottom: 42,
    ...options,
    style: { fontSize: "12.5px", fontFamily: "inherit", background: "transparent" },
  } as Plot.PlotOptions)
  for (const style of svg.querySelectorAll("style")) style.remove()
  for (const part of svg.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label")
  svg.removeAttribute("class")
  svg.setAttribute("role", "img")
  svg.setAttribute("aria-label", alt)
  return clean(svg.outerHTML)
}

/** A word on a line, kept apart from what is behind it. */
export const word = (
  data: Plot.Data,
  options: Plot.TextOptions,
): Plot.Text =>
  Plot.text(data, {
    fill: "currentColor",
    stroke: "var(--paper)",
    strokeWidth: 4,
    lineAnchor: "bottom",
    dy: -5,
    ...options,
  })

/** At most `most` points, evenly chosen, the last one always. */
export const thin = <A>(points: ReadonlyArray<A>, most: number): ReadonlyArray<A> => {
  const every = Math.max(1, Math.ceil(points.length / most))
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

/** Each value becomes the mean of the `span` values around it, of those that there are. */
export const smooth = (ys: ReadonlyArray<number>, span: number): ReadonlyArray<number> =>
  ys.map((_, i) => {
    const near = ys.slice(Math.max(0, i - span), i + span + 1)
    return near.reduce((a, b) => a + b, 0) / near.length
  })

/** Ticks of a scale of doublings, or a few of them. */
export const doublings = (low: number, high: number, most: number): ReadonlyArray<number> => {
  const all = Array.from(
    { length: Math.max(0, Math.floor(Math.log2(high)) - Math.ceil(Math.log2(low)) + 1) },
    (_, i) => 2 ** (Math.ceil(Math.log2(low)) + i),
  )
  const every = Math.max(1, Math.ceil(all.length / most))
  return all.filter((_, i) => (all.length - 1 - i) % every === 0)
}
