/**
 * A compiled program as a picture. Time runs to the right, one column for each kernel that runs. Above: the work and the
 * bytes of each. Below: the arena, every buffer a box from the kernel that writes it first to the one that uses it last,
 * at its place in memory.
 * @module
 */
import { storesOf } from "../../core/kernel/expression.ts"
import type { Kernel } from "../../core/kernel/kernel.ts"
import { bytes as sizeText, describe, explain, short } from "../../core/plan/explain.ts"
import { flopsOf, trafficOf } from "../../core/plan/forecast.ts"
import { bufferBytes, type Program, type Step } from "../../core/plan/program.ts"
import { details, escape, page } from "../report/page.ts"

// ---- the program as columns --------------------------------------------------

/** One kernel that runs; `turns` is how often the loops around it repeat it. */
export interface Column {
  readonly kernel: Kernel
  readonly buffers: ReadonlyArray<number>
  readonly turns: number
  readonly flops: number
  readonly bytes: number
}

/** The kernels in the order in which they run, loops written once. */
export const columns = (p: Program, steps: ReadonlyArray<Step> = p.steps, turns = 1): ReadonlyArray<Column> =>
  steps.flatMap((s): ReadonlyArray<Column> => {
    if (s.tag === "repeat") return columns(p, s.steps, turns * s.times)
    const kernel = p.kernels[s.kernel]!
    const bound = s.buffers.map((b) => p.buffers[b]!)
    return [{ kernel, buffers: s.buffers, turns, flops: flopsOf(kernel), bytes: trafficOf(kernel, bound) }]
  })

/** A box of the arena. */
export interface Life {
  readonly buffer: number
  readonly offset: number
  readonly bytes: number
  /** First and last column that use it. */
  readonly first: number
  readonly last: number
}

/** How long each buffer of the arena is needed. */
export const lives = (p: Program, of: ReadonlyArray<Column>): ReadonlyArray<Life> => {
  const found = new Map<number, Life>()
  for (const [i, c] of of.entries()) {
    for (const b of c.buffers) {
      const { place, dtype, elements } = p.buffers[b]!
      if (place.tag !== "arena") continue
      const known = found.get(b)
      const first = known?.first ?? i
      found.set(b, { buffer: b, offset: place.offset, bytes: bufferBytes(dtype, elements), first, last: i })
    }
  }
  return [...found.values()]
}

// ---- drawing -----------------------------------------------------------------

const colours: { readonly [K in Kernel["tag"]]: string } = {
  contract: "var(--blue)",
  loop: "var(--green)",
  scatter: "var(--red)",
  cumulate: "var(--violet)",
  sort: "var(--mark)",
  attend: "var(--blue)",
  nearest: "var(--blue)",
}

const width = 1120
const left = 92

const box = (x: number, y: number, w: number, h: number, fill: string, title: string, more = ""): string =>
  `<rect x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${Math.max(0.6, w).toFixed(2)}" height="${
    Math.max(0.6, h).toFixed(2)
  }" fill="${fill}" ${more}><title>${escape(title)}</title></rect>`

const label = (x: number, y: number, text: string, anchor = "end"): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${escape(text)}</text>`

/** A row of bars with its scale. */
const bars = (
  top: number,
  height: number,
  name: string,
  most: string,
  values: ReadonlyArray<readonly [number, string, string]>,
): string => {
  const step = (width - left) / values.length
  const peak = Math.max(1, ...values.map(([v]) => v))
  return [
    label(left - 8, top + 10, most),
    label(left - 8, top + height, name),
    `<line x1="${left}" x2="${width}" y1="${top + height}" y2="${top + height}" stroke="var(--line)"/>`,
    ...values.map(([v, fill, title], i) =>
      box(left + i * step, top + height * (1 - v / peak), step * 0.86, height * v / peak, fill, title)
    ),
  ].join("\n")
}

const nameOf = (p: Program, b: number): string => {
  const { place, dtype, elements } = p.buffers[b]!
  const slot = place.tag === "input"
    ? p.inputs[place.index]?.path
    : place.tag === "output"
    ? p.outputs[place.index]?.path
    : undefined
  return `${slot ?? `${place.tag} ${b}`}: ${elements} ${dtype}, ${sizeText(bufferBytes(dtype, elements))}`
}

const titleOf = (p: Program, c: Column, i: number): string => {
  const written = new Set(
    c.kernel.tag === "scatter" || c.kernel.tag === "sort" ? [c.kernel.buffer] : storesOf(c.kernel).map((s) => s.buffer),
  )
  return [
    `${i + 1}. ${describe(c.kernel)}${c.turns > 1 ? `, ${c.turns} times` : ""}`,
    `${short(c.flops, "FLOP")}, ${sizeText(c.bytes)}`,
    ...c.buffers.map((b, k) => `${written.has(k) ? "writes" : "reads"} ${nameOf(p, b)}`),
  ].join("\n")
}

/** The picture as SVG text. */
const picture = (p: Program): string => {
  const all = columns(p)
  const step = (width - left) / Math.max(1, all.length)
  const boxes = lives(p, all)
  const top = 330
  const height = 380
  const scale = height / Math.max(1, p.arena)
  const kinds = [...new Set(all.map((c) => c.kernel.tag))]
  const most = (of: (c: Column) => number): number => Math.max(0, ...all.map(of))
  const row = (of: (c: Column) => number): ReadonlyArray<readonly [number, string, string]> =>
    all.map((c, i) => [of(c), colours[c.kernel.tag], titleOf(p, c, i)])
  return [
    `<svg viewBox="0 0 ${width} ${
      top + height + 30
    }" role="img" aria-label="the program" font-size="12" fill="currentColor">`,
    ...kinds.map((k, i) => box(left + i * 110, 4, 12, 12, colours[k], k) + label(left + 18 + i * 110, 14, k, "start")),
    bars(34, 110, "work", short(most((c) => c.flops), "FLOP"), row((c) => c.flops)),
    bars(174, 110, "traffic", sizeText(most((c) => c.bytes)), row((c) => c.bytes)),
    label(left - 8, top + 10, sizeText(p.arena)),
    label(left - 8, top + height, "arena"),
    `<rect x="${left}" y="${top}" width="${width - left}" height="${height}" fill="none" stroke="var(--line)"/>`,
    ...boxes.map((l) => {
      const writer = all[l.first]!
      const title = `${nameOf(p, l.buffer)}\nfrom kernel ${l.first + 1} to ${l.last + 1}, byte ${l.offset}`
      return box(
        left + l.first * step,
        top + height - (l.offset + l.bytes) * scale,
        (l.last - l.first + 1) * step,
        l.bytes * scale,
        colours[writer.kernel.tag],
        title,
        'fill-opacity="0.35" stroke="var(--paper)" stroke-width="0.7"',
      )
    }),
    label(left, top + height + 20, "first kernel", "start"),
    label(width, top + height + 20, `kernel ${all.length}`),
    "</svg>",
  ].join("\n")
}

const cell = (name: string, value: string): string =>
  `<div class="number"><b>${escape(value)}</b><span>${escape(name)}</span></div>`

/** A program and what it is. */
export interface Part {
  readonly title: string
  readonly program: Program
}

const section = ({ title, program: p }: Part): ReadonlyArray<string> => {
  const f = p.forecast
  return [
    `<h2>${escape(title)}</h2>`,
    `<section class="numbers">`,
    cell("at the peak of memory", sizeText(f.peak)),
    cell("of it arena", sizeText(f.arena)),
    cell("work", short(f.flops, "FLOP")),
    cell("read and written", sizeText(f.traffic)),
    cell(`kernel runs of ${p.kernels.length} kernels`, String(f.dispatches)),
    cell("longest chain", String(f.depth)),
    "</section>",
    `<figure>${picture(p)}<figcaption>Point at a box to read what it is.</figcaption></figure>`,
    details("In words", `<pre class="code">${escape(explain(p))}</pre>`),
  ]
}

/** The page: of each program numbers, picture, text. */
export const explanation = (title: string, parts: ReadonlyArray<Part>): string =>
  page(title, [`<h1>${escape(title)}</h1>`, ...parts.flatMap(section)])
