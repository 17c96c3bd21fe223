/**
 * Heat maps: what was found at each length and depth, all on the same scale, with the share in each cell.
 * @module
 */
import * as Plot from "@observablehq/plot"
import type { Cell, Result } from "../evaluate/result.ts"
import { byLength, share } from "../evaluate/result.ts"
import { lengthText } from "../numbers.ts"
import type { Found } from "./data.ts"
import { drawn, half } from "./draw.ts"
import { listed, percent, percentText, shareOf } from "./numbers.ts"
import { details, escape, figure, n, table } from "./page.ts"
import { stepOf } from "./palette.ts"

/** Lengths of a result, shortest first. */
export const lengthsOf = ({ cells }: Result): ReadonlyArray<number> =>
  [...new Set(cells.map((c) => c.length))].sort((a, b) => a - b)

const depthsOf = ({ cells }: Result): ReadonlyArray<number> =>
  [...new Set(cells.map((c) => c.depth))].sort((a, b) => a - b)

const depthText = (depth: number): string => `${Number(depth.toFixed(1))} %`

const shared = (c: Cell): number => c.right / c.asked

/** What a result says, in a sentence, for who cannot see the picture. */
const told = ({ name, result }: Found<Result>): string =>
  `${name}: ${result.task}, share found by context length: ${
    listed(byLength(result).map((m) => `${lengthText(m.length)} tokens ${percentText(m.share)}`))
  }.`

const title = (c: Cell): string =>
  `${lengthText(c.length)} tokens, depth ${depthText(c.depth)}: ${c.right} of ${c.asked} found` +
  (c.sample.right ? "" : `\nasked for ${c.sample.value}, said: ${c.sample.answer.trim().slice(0, 80)}`)

/** The picture. Where it is known how long rows were in training, a line says so. */
const heat = (found: Found<Result>): string => {
  const { result, reach } = found
  const lengths = lengthsOf(result)
  const depths = depthsOf(result)
  const means = byLength(result)
  const margin = { left: 56, right: 4, top: 40, bottom: 44 }
  const width = (half - margin.left - margin.right) / Math.max(1, lengths.length)
  const seen = reach === null ? [] : lengths.filter((l) => l <= reach)
  const edge = seen.length > 0 && seen.length < lengths.length ? [{ length: seen.at(-1)! }] : []
  const level = (c: Cell): string => `var(--h${stepOf(shared(c))})`
  return drawn(told(found), {
    height: margin.top + margin.bottom + 27 * Math.max(1, depths.length),
    marginLeft: margin.left,
    marginRight: margin.right,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    x: {
      ...{ type: "band", domain: [...lengths], padding: 0, label: "context in tokens", labelAnchor: "center" },
      ...{ labelArrow: "none", labelOffset: 40, tickFormat: lengthText, tickSize: 0 },
    },
    y: {
      ...{ type: "band", domain: [...depths], padding: 0, label: "depth", labelAnchor: "top" },
      ...{ labelArrow: "none", tickFormat: depthText, tickSize: 0 },
    },
    marks: [
      Plot.cell(result.cells, { x: "length", y: "depth", fill: level, inset: 1.25, rx: 3, title }),
      Plot.text(result.cells, {
        x: "length",
        y: "depth",
        text: (c: Cell) => percent(shared(c)),
        fill: (c: Cell) => `var(--i${stepOf(shared(c))})`,
        pointerEvents: "none",
      }),
      Plot.text(means, {
        x: "length",
        frameAnchor: "top",
        dy: -16,
        text: (m: { share: number }) => percentText(m.share),
        fontWeight: 700,
        fontSize: 13.5,
      }),
      ...edge.map((e) =>
        Plot.ruleX([e], { x: "length", dx: width / 2, stroke: "var(--ink)", strokeWidth: 1.6, strokeDasharray: "3 3" })
      ),
      ...edge.map((e) =>
        Plot.text([e], {
          x: "length",
          frameAnchor: "top",
          dy: -34,
          dx: width / 2,
          text: () => `learned rows of ${lengthText(reach!)}`,
          fill: "var(--soft)",
          fontSize: 11.5,
        })
      ),
    ],
  } as Plot.PlotOptions)
}

/** The numbers behind a picture. */
export const heatTable = ({ result }: Found<Result>): string => {
  const lengths = lengthsOf(result)
  const at = (length: number, depth: number): string => {
    const cell = result.cells.find((c) => c.length === length && c.depth === depth)
    return cell === undefined ? "–" : `${cell.right}/${cell.asked}`
  }
  const of = (score: "right" | "strict") => byLength(result, score).map((m) => n(percentText(m.share)))
  const row = (name: string, cells: ReadonlyArray<ReturnType<typeof n>>) => [name, ...cells]
  return table(
    ["depth", ...lengths.map((l) => n(lengthText(l)))],
    [
      ...depthsOf(result).map((d) => row(depthText(d), lengths.map((l) => n(at(l, d))))),
      row("all", of("right")),
      row("said in its place", of("strict")),
    ],
  )
}

/** Who was asked, and how keys of training compare with those that were held out. */
const aside = ({ result }: Found<Result>): string => {
  const { trained, heldOut, haystack } = result
  const groups = trained.asked > 0 && heldOut.asked > 0
    ? ` Names of training ${percentText(share(trained))}, names never trained on ${percentText(share(heldOut))}.`
    : ""
  return `Answers of ${result.language}; haystack ${haystack.name}.${groups}`
}

/** The picture with its words and numbers. */
export const heatFigure = (found: Found<Result>): string => {
  const all = shareOf(found.result.cells)
  const numbers = details("The numbers", `<p class="soft">${escape(aside(found))}</p>${heatTable(found)}`)
  return figure(
    found.name,
    `${found.says}${all === undefined ? "" : ` ${percentText(all)} in all.`}`,
    heat(found),
    numbers,
  )
}

/** The scale, for the pictures that share it. */
export const ramp: string = `<p class="ramp">0 % found <span aria-hidden="true">${
  Array.from({ length: 11 }, (_, i) => `<i style="background:var(--h${i})"></i>`).join("")
}</span> 100 %</p>`
