/**
 * How pages look: light and dark, on a phone and on a wide screen, and on paper. No font and no picture from elsewhere.
 * @module
 */
import { dark, light, variables } from "./palette.ts"

const serif = `"Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", Charter, Georgia, ui-serif, serif`

/** The style sheet. */
export const style: string = `
:root { --paper: #fcfbf8; --card: #ffffff; --ink: #1f242b; --soft: #5b6470; --line: #e0dcd3; --blue: #175892; --red: #b2501f;
  --green: #2c7a4b; --violet: #7348a8; --mark: #80641a; ${variables(light)}; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1b1f24; --ink: #e6e4de; --soft: #a0a6af;
  --line: #333840; --blue: #7dbfe6; --red: #eb9565; --green: #6cc391; --violet: #b794ea; --mark: #d6b75a;
  ${variables(dark)} } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
  max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; overflow-wrap: break-word }
h1, h2, h3, .number b { font-family: ${serif}; font-weight: 600; line-height: 1.2; text-wrap: balance }
h1 { font-size: clamp(1.75rem, 1.2rem + 2.4vw, 2.6rem); margin: .2rem 0 .6rem; letter-spacing: -.01em }
h2 { font-size: 1.5rem; margin: 3.2rem 0 .4rem; padding-top: 1.1rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .3rem } p { margin: .5rem 0; max-width: 44rem }
a { color: var(--blue) }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; font-size: .9rem; margin: 1rem 0 0 }
nav a { text-decoration: none; padding: .15rem 0 }
nav a:hover { text-decoration: underline }
code, .code { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.code { white-space: pre; overflow-x: auto; margin: .6rem 0; padding: .8rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px }
.soft, small, footer, figcaption { color: var(--soft); font-size: .88rem }
.eyebrow { color: var(--soft); font-size: .82rem; letter-spacing: .06em; text-transform: uppercase; margin: 0 }
.lead { font-size: 1.08rem }
.missing { color: var(--soft); border-left: 3px solid var(--line); padding: .2rem 0 .2rem .9rem }
.note { border-left: 3px solid var(--mark); padding: .2rem 0 .2rem .9rem; margin: .6rem 0 }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1.1rem 1.4rem; margin: 1.8rem 0 .5rem }
.number { border-top: 3px solid var(--line); padding-top: .55rem }
.number.first { border-color: var(--blue) } .number.control { border-color: var(--red) }
.number b { display: block; font-size: 2rem; font-variant-numeric: lining-nums tabular-nums; white-space: nowrap }
.number span { display: block; font-size: .92rem; line-height: 1.35 } .number small { display: block; line-height: 1.35 }
figure { margin: 1.2rem 0; min-width: 0 } figure svg { display: block; width: 100%; height: auto; color: var(--ink); margin-top: .4rem }
svg text { white-space: pre }
figcaption b { display: block; color: var(--ink); font-size: 1rem; font-weight: 600 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2.2rem; align-items: start }
.pair > figure > figcaption { min-height: 3.2rem }
.slim { display: none } @media (max-width: 44rem) { .slim { display: block } .broad { display: none } }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .4rem 1.4rem }
.panels figure { margin: .4rem 0 }
.key { margin-left: 1rem; white-space: nowrap } .key:first-child { margin-left: 0 }
.key i { display: inline-block; width: 1.4rem; height: 0; border-top: 3px solid; margin-right: .4rem; vertical-align: middle }
.key i.dashed { border-top-style: dashed }
.ramp { display: flex; align-items: center; gap: .5rem; font-size: .82rem; color: var(--soft); margin: .5rem 0 0; flex-wrap: wrap }
.ramp span { display: inline-flex; border-radius: 3px; overflow: hidden } .ramp i { width: 1.05rem; height: .75rem }
details { margin: .4rem 0 } summary { cursor: pointer; color: var(--soft); font-size: .88rem; padding: .2rem 0 }
summary:hover { color: var(--ink) } details[open] > summary { margin-bottom: .3rem }
.scroll { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; font-size: .88rem; min-width: 60% } .wide table { width: 100% }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--soft); font-weight: 500; vertical-align: bottom } td { font-variant-numeric: tabular-nums }
td.n, th.n { text-align: right; white-space: nowrap } td.w { white-space: nowrap } td:last-child, th:last-child { padding-right: .2rem }
td.long { min-width: 14rem } td.hash { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .8rem }
table.heat { border-collapse: separate; border-spacing: 2px } table.heat td.c { text-align: center; padding: .3rem .5rem; border: 0;
  border-radius: 3px; min-width: 3.2rem } table.heat th, table.heat td { border: 0; vertical-align: middle } table.heat th.n { text-align: center }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem 1.4rem; margin: .8rem 0 }
blockquote { margin: 0; padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 6px }
blockquote pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 1rem/1.5 ${serif}; margin: 0; max-height: 18rem; overflow-y: auto }
blockquote pre + pre { margin-top: .5rem; padding-top: .5rem; border-top: 1px dashed var(--line) }
blockquote footer { margin-top: .5rem } mark { background: none; color: var(--blue); font-weight: 600 } mark.no { color: var(--red) }
@media (max-width: 30rem) { .panels { grid-template-columns: 1fr 1fr; gap: .2rem .8rem } body { padding: 1.4rem 1rem 3rem } h2 { margin-top: 2.4rem } .pair > figure > figcaption { min-height: 0 }
  .numbers { grid-template-columns: repeat(auto-fit, minmax(8.6rem, 1fr)) } .number b { font-size: 1.6rem } }
@media print { body { max-width: none; padding: 0 } nav, summary { display: none } figure, blockquote { break-inside: avoid } }
`
