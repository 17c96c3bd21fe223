/**
 * The frame of a page that stands alone, and the parts that pages are made of. Text becomes safe where it becomes HTML:
 * `escape` for text, and every other function here takes HTML or escapes what it is given, as it says.
 * @module
 */
import { stepOf } from "./palette.ts"
import { style } from "./style.ts"

const entities: ReadonlyMap<string, string> = new Map([
  ...[["&", "&amp;"], ["<", "&lt;"], [">", "&gt;"], ['"', "&quot;"], ["'", "&#39;"]] as const,
])

/** Without the control characters that no HTML may hold. */
// deno-lint-ignore no-control-regex
export const clean = (html: string): string => html.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, "\ufffd")

/** Text that is safe between tags and in attributes. */
export const escape = (text: string): string => clean(text.replace(/[&<>"']/g, (c) => entities.get(c)!))

// ---- tables ------------------------------------------------------------------

/** A cell with a class: `n` for numbers, `hash` for digests, `long` for sentences. */
export interface Cell {
  readonly text: string
  readonly as?: "n" | "w" | "hash" | "long"
  /** 0 to 1: the cell is coloured as one of a heat map. */
  readonly heat?: number
}

/** A number's cell. */
export const n = (text: string): Cell => ({ text, as: "n" })

const cell = (tag: "th" | "td", given: string | Cell): string => {
  const { text, as, heat } = typeof given === "string" ? { text: given } : given
  const names = [...(as === undefined ? [] : [as]), ...(heat === undefined ? [] : ["c"])].join(" ")
  const step = heat === undefined ? 0 : stepOf(heat)
  const look = heat === undefined ? "" : ` style="background:var(--h${step});color:var(--i${step})"`
  return `<${tag}${names === "" ? "" : ` class="${names}"`}${look}>${escape(text)}</${tag}>`
}

/** A table that scrolls by itself where it is too wide; every cell is text. */
export const table = (
  head: ReadonlyArray<string | Cell>,
  rows: ReadonlyArray<ReadonlyArray<string | Cell>>,
  kind?: "heat",
): string => {
  const line = (tag: "th" | "td", row: ReadonlyArray<string | Cell>): string => row.map((c) => cell(tag, c)).join("")
  const body = rows.map((r) => `<tr>${line("td", r)}</tr>`).join("\n")
  const name = kind === undefined ? "" : ` class="${kind}"`
  return `<div class="scroll"><table${name}><thead><tr>${
    line("th", head)
  }</tr></thead><tbody>${body}</tbody></table></div>`
}

// ---- parts -------------------------------------------------------------------

/** Something to unfold; the title is text, the rest HTML. */
export const details = (title: string, inner: string): string =>
  `<details><summary>${escape(title)}</summary>${inner}</details>`

/** What is not there, and why: a sentence. */
export const missing = (sentence: string): string => `<p class="missing">${escape(sentence)}</p>`

/** A number that stands out. All of it is text. */
export const figureOf = (label: string, value: string, note: string, kind = ""): string =>
  `<div class="number${kind === "" ? "" : ` ${kind}`}"><b>${escape(value)}</b><span>${escape(label)}</span>${
    note === "" ? "" : `<small>${escape(note)}</small>`
  }</div>`

/** A picture with a title and a sentence (text), and what belongs to it (HTML). */
export const figure = (title: string, says: string, picture: string, more = ""): string =>
  `<figure><figcaption><b>${escape(title)}</b>${escape(says)}</figcaption>${picture}${more}</figure>`

/** A part of the page that can be linked to: the title is text, the rest HTML. */
export interface Section {
  readonly id: string
  readonly title: string
  readonly inner: string
}

/** A section as HTML. */
export const section = ({ id, title, inner }: Section): string =>
  `<section id="${escape(id)}"><h2>${escape(title)}</h2>\n${inner}\n</section>`

// ---- the page ------------------------------------------------------------------

/** The page as HTML text, of parts that are HTML already; some pages have more of style. */
export const page = (title: string, parts: ReadonlyArray<string>, more = ""): string =>
  [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escape(title)}</title><style>${style}${more}</style></head><body>`,
    ...parts,
    "</body></html>\n",
  ].join("\n")
