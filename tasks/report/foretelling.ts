/**
 * How well text is foretold: bits per byte before and after each extension, and nats by position.
 * @module
 */
import * as Plot from "@observablehq/plot"
import type { BitsPerByte, ByPosition } from "../evaluate/perplexity.ts"
import { grouped, lengthText } from "../numbers.ts"
import type { Found, Lane, ReportData } from "./data.ts"
import { doublings, drawn, strokes, word } from "./draw.ts"
import { change, listed } from "./numbers.ts"
import { details, escape, figure, missing, n, table } from "./page.ts"

type Bits = Found<BitsPerByte>

/** Dots and dashes that tell lines apart, as HTML. */
const keyOf = (lines: ReadonlyArray<{ readonly name: string; readonly lane: Lane }>): string =>
  lines.length < 2
    ? ""
    : `<p class="soft">${
      lines.map(({ name, lane }) =>
        `<span class="key"><i${lane === "control" ? ' class="dashed"' : ""} style="border-color:${
          strokes[lane].stroke
        }"></i>${escape(name)}</span>`
      ).join("")
    }</p>`

// ---- bits per byte ---------------------------------------------------------------

/** Those of the model, in the order of the stages. */
export const modelBits = (data: ReportData): ReadonlyArray<Bits> => data.bits.filter((b) => b.lane === "model")

/** The first and the last of the model's: what all extensions together did. */
export const bitsChange = (data: ReportData): { readonly before: Bits; readonly after: Bits } | undefined => {
  const own = modelBits(data)
  const [before, after] = [own[0], own.at(-1)]
  return before === undefined || after === undefined || own.length < 2 ? undefined : { before, after }
}

const bitsPicture = (data: ReportData): string => {
  const { bits, marks } = data
  const names = [...new Set(bits.map((b) => b.name))]
  const values = [...bits.map((b) => b.result.bits), ...marks.map((m) => m.bits)]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const margin = Math.max(0.02, (high - low) * 0.18)
  const own = modelBits(data)
  const others = bits.filter((b) => b.lane === "control")
  const dots = (rows: ReadonlyArray<Bits>, lane: Lane) => [
    Plot.dot(rows, { x: "name", y: (b: Bits) => b.result.bits, fill: strokes[lane].stroke, r: 4.5 }),
    word(rows, {
      x: "name",
      y: (b: Bits) => b.result.bits,
      text: (b: Bits) => b.result.bits.toFixed(3),
      dy: lane === "model" ? -8 : 20,
      fontWeight: 600,
      fill: strokes[lane].stroke,
    }),
  ]
  const alt = `Bits per byte of held-out text: ${
    listed([
      ...bits.map((b) => `${b.name} ${b.result.bits.toFixed(3)}`),
      ...marks.map((m) => `${m.tool} ${m.bits.toFixed(3)}`),
    ])
  }.`
  return drawn(alt, {
    height: 270,
    marginTop: 26,
    marginBottom: 34,
    marginLeft: 44,
    marginRight: 10,
    x: { type: "point", domain: names, label: null, padding: 0.5, tickSize: 0 },
    y: {
      domain: [low - margin, high + margin],
      label: "bits per byte",
      labelArrow: "none",
      grid: true,
      ticks: 5,
      tickSize: 0,
      labelOffset: 40,
    },
    marks: [
      ...marks.flatMap((m) => [
        Plot.ruleY([m.bits], { stroke: "var(--mark)", strokeDasharray: "5 4" }),
        word([m], {
          y: "bits",
          frameAnchor: "right",
          textAnchor: "end",
          text: () => `${m.tool} ${m.bits.toFixed(2)}`,
          fill: "var(--mark)",
        }),
      ]),
      Plot.line(own, { x: "name", y: (b: Bits) => b.result.bits, stroke: strokes.model.stroke, strokeWidth: 2 }),
      ...dots(own, "model"),
      ...dots(others, "control"),
    ],
  } as Plot.PlotOptions)
}

const bitsTable = ({ bits, marks }: ReportData): string => {
  const first = new Map<Lane, Bits>()
  const rows = bits.map((b, i) => {
    const before = bits.slice(0, i).findLast((x) => x.lane === b.lane)
    const start = first.get(b.lane) ?? first.set(b.lane, b).get(b.lane)!
    const than = (x: Bits | undefined) =>
      n(x === undefined || x === b ? "–" : change(b.result.bits / x.result.bits - 1))
    return [
      b.name,
      n(b.result.bits.toFixed(4)),
      than(before),
      than(start),
      n(String(b.result.context)),
      n(grouped(b.result.bytes)),
    ]
  })
  return table(
    ["", n("bits per byte"), n("than before"), n("than the first"), n("window"), n("bytes of text")],
    [...rows, ...marks.map((m) => [m.tool, n(m.bits.toFixed(4)), n("–"), n("–"), n("–"), n(grouped(m.bytes))])],
  )
}

const bits = (data: ReportData): string => {
  if (data.bits.length === 0) return missing("Bits per byte were not measured.")
  const window = [...new Set(data.bits.map((b) => b.result.context))]
  const says = `Held-out text in windows of ${listed(window.map(lengthText))} tokens; lower is better. ` +
    "An extension should not spoil what the base knew." +
    (data.marks.some((m) => data.bits.some((b) => Math.abs(m.bytes - b.result.bytes) > 0.01 * m.bytes))
      ? ` The compressors' marks are of all ${grouped(data.marks[0]!.bytes)} bytes.`
      : "")
  return figure("Bits per byte before and after", says, bitsPicture(data), details("The numbers", bitsTable(data)))
}

// ---- by position -----------------------------------------------------------------

interface Place {
  readonly at: number
  readonly nats: number
  readonly name: string
}

/** A bin stands at the middle of its places, on a scale of doublings. */
const placesOf = (f: Found<ByPosition>): ReadonlyArray<Place> =>
  f.result.bins.map((b) => ({ at: Math.sqrt(b.from * Math.max(b.from, b.to - 1)), nats: b.nats, name: f.name }))

const positionsPicture = (positions: ReadonlyArray<Found<ByPosition>>): string => {
  const all = positions.flatMap(placesOf)
  const far = Math.max(...positions.map((p) => p.result.context))
  const ys = all.map((p) => p.nats)
  const [low, high] = [Math.min(...ys), Math.max(...ys)]
  const margin = Math.max(0.05, (high - low) * 0.06)
  const reaches = [...new Set(positions.flatMap((p) => p.reach === null || p.reach >= far ? [] : [p.reach]))]
  const ends = positions.map((p) => `${p.name} ${p.result.bins.at(-1)?.nats.toFixed(2) ?? "unknown"}`)
  return drawn(`Nats per token by position; at the end of ${far} tokens: ${listed(ends)}.`, {
    height: 270,
    marginTop: 26,
    marginBottom: 42,
    marginLeft: 44,
    marginRight: 18,
    x: {
      ...{ type: "log", base: 2, domain: [Math.max(1, Math.min(...all.map((p) => p.at))), far] },
      ...{
        ticks: [...doublings(1, far, 7)],
        tickFormat: lengthText,
        label: "tokens before",
        labelAnchor: "center",
        labelArrow: "none",
      },
    },
    y: {
      domain: [low - margin, high + margin],
      label: "nats per token",
      labelArrow: "none",
      grid: true,
      ticks: 5,
      tickSize: 0,
      labelOffset: 40,
    },
    marks: [
      ...reaches.map((r) => Plot.ruleX([r], { stroke: "var(--soft)", strokeDasharray: "3 3" })),
      ...reaches.map((r) =>
        word([r], {
          x: r,
          frameAnchor: "top",
          textAnchor: "end",
          dx: -4,
          dy: 14,
          text: () => `learned rows of ${lengthText(r)}`,
          fill: "var(--soft)",
          fontSize: 11.5,
        })
      ),
      ...positions.map((p) =>
        Plot.line(placesOf(p), {
          x: "at",
          y: "nats",
          stroke: strokes[p.lane].stroke,
          strokeWidth: 2.2,
          strokeDasharray: strokes[p.lane].dash,
        })
      ),
    ],
  } as Plot.PlotOptions)
}

const positionsTable = (positions: ReadonlyArray<Found<ByPosition>>): string =>
  table(
    ["", n("from"), n("below"), n("tokens"), n("nats")],
    positions.flatMap((p) =>
      p.result.bins.map((b) => [p.name, n(String(b.from)), n(String(b.to)), n(grouped(b.tokens)), n(b.nats.toFixed(3))])
    ),
  )

const positions = ({ positions }: ReportData): string => {
  const drawable = positions.filter((p) => p.result.bins.length > 0)
  if (drawable.length === 0) return missing("Nats by position were not measured.")
  return figure(
    "Nats by position",
    "Held-out text again, by how much of it stands before a token. More context should help, and never hurt.",
    positionsPicture(drawable),
    keyOf(drawable) + details("The numbers", positionsTable(drawable)),
  )
}

/** Both pictures. */
export const foretelling = (data: ReportData): string => `<div class="pair">${bits(data)}${positions(data)}</div>`
