/**
 * The frame of a page that stands alone: no script, no font, no picture from elsewhere; light and dark.
 * @module
 */

const entities: ReadonlyMap<string, string> = new Map([["&", "&amp;"], ["<", "&lt;"], [">", "&gt;"], ['"', "&quot;"]])

/** Text that is safe between tags and in attributes. */
export const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => entities.get(c)!)

/** A table; every cell is text. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const cells = (tag: string, row: ReadonlyArray<string>): string =>
    row.map((c) => `<${tag}>${escape(c)}</${tag}>`).join("")
  const body = rows.map((r) => `<tr>${cells("td", r)}</tr>`).join("\n")
  return `<table><thead><tr>${cells("th", head)}</tr></thead><tbody>${body}</tbody></table>`
}

const style = `
:root { --paper: #fcfbf8; --ink: #22252a; --soft: #667; --line: #dddad2; --blue: #2563b0; --red: #c2402f; --green: #2c7a4b;
  --violet: #7348a8; --mark: #8a6d1f; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --paper: #15171b; --ink: #e4e2dc; --soft: #9a9da6; --line: #33363d;
  --blue: #6ea8f0; --red: #f08070; --green: #6cc391; --violet: #b794ea; --mark: #d6b75a } }
body { background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; max-width: 60rem;
  margin: 2.5rem auto; padding: 0 1.25rem }
h1 { font-size: 1.7rem; margin: 0 0 .2rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem } p { margin: .6rem 0 }
.code { font: 12px/1.5 ui-monospace, monospace; white-space: pre; overflow-x: auto }
.soft, small, footer, figcaption { color: var(--soft); font-size: .85rem }
.numbers { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.6rem 0 }
.number { flex: 1 1 8.5rem; border-top: 3px solid var(--line); padding-top: .5rem }
.number:first-child { border-color: var(--red) }
.number b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; line-height: 1.25; white-space: nowrap }
.number span { display: block; font-size: .9rem }
figure { margin: 1.2rem 0 } figure svg { width: 100%; height: auto; color: var(--ink) }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 0 1.5rem }
.key { margin-left: 1rem; white-space: nowrap } .key i { display: inline-block; width: 1.1rem; height: 3px; margin-right: .35rem;
  vertical-align: middle }
table { border-collapse: collapse; width: 100%; font-size: .92rem }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere;
  vertical-align: top } th { color: var(--soft); font-weight: 500 } td { font-variant-numeric: tabular-nums }
blockquote { margin: 1rem 0; padding: .2rem 0 .2rem 1rem; border-left: 3px solid var(--line) }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 15px/1.5 ui-serif, Georgia, serif; margin: 0 }
`

/** The page as HTML text, of parts that are HTML already. */
export const page = (title: string, parts: ReadonlyArray<string>): string =>
  [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escape(title)}</title><style>${style}</style></head><body>`,
    ...parts,
    "</body></html>",
  ].join("\n")
