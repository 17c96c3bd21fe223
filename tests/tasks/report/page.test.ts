/** The report page: a pure function of data. What is on it, what is safe, and what it says of what is missing. */
import { either as E } from "fp-ts"
import fc from "fast-check"
import { parseHTML } from "linkedom"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { duration, short } from "../../../tasks/numbers.ts"
import { nothing, ReportData } from "../../../tasks/report/data.ts"
import { doublings, smooth, thin } from "../../../tasks/report/draw.ts"
import { change, listed, percent } from "../../../tasks/report/numbers.ts"
import { escape } from "../../../tasks/report/page.ts"
import { contrast, dark, inkOn, light, luminance, stepOf } from "../../../tasks/report/palette.ts"
import { reportPage } from "../../../tasks/report/report.ts"
import { lengths, run } from "./fixture.ts"

const it = suite("tasks/report/page")
const html = reportPage(run)
const { document } = parseHTML(html)
const text = (selector: string): ReadonlyArray<string> =>
  [...document.querySelectorAll(selector)].map((e) => (e.textContent ?? "").replace(/\s+/g, " ").trim())

/** Elements that are never closed. */
const empty: ReadonlySet<string> = new Set(["meta", "br", "link", "img", "input", "hr"])

/** What is wrong with the nesting of tags; linkedom, as browsers do, would forgive it. */
const nesting = (page: string): string | undefined => {
  const open: Array<string> = []
  const body = page.replace(/<style>[\s\S]*?<\/style>/g, "").replace(/<!doctype html>/, "")
  for (
    const [whole, end, name, , own] of body.matchAll(
      /<(\/?)([a-z][a-zA-Z0-9]*)((?:\s[^<>"]*(?:"[^"]*"[^<>"]*)*)?)(\/?)>/g,
    )
  ) {
    if (own === "/" || whole.endsWith("/>") || empty.has(name!)) continue
    if (end === "") open.push(name!)
    else if (open.pop() !== name) return `${whole} closes nothing that is open: ${open.slice(-3)}`
  }
  return open.length === 0 ? undefined : `never closed: ${open}`
}

/** What a page that stands alone may not hold. */
const elsewhere = (page: string): ReadonlyArray<string> =>
  page.replaceAll('"http://www.w3.org/2000/svg"', "").match(/https?:|src=|<script|<link|<iframe|@import|url\(/g) ?? []

// ---- what is there -------------------------------------------------------------

it("is what its data are, each time the same, and the data go into a file and out of it", () => {
  assert.is(reportPage(run), html)
  const read = ReportData.decode(JSON.parse(JSON.stringify(run)))
  if (E.isLeft(read)) throw new Error(JSON.stringify(read.left.map((e) => e.context.map((c) => c.key))))
  assert.is(reportPage(read.right), html)
  assert.ok(E.isLeft(ReportData.decode({ ...run, version: 2 })))
  assert.ok(E.isLeft(ReportData.decode({ ...run, marks: [{ tool: "xz", bits: NaN, bytes: 1 }] })))
})

it("has all its parts, which its links lead to, and nothing from elsewhere", () => {
  assert.equal(text("h2"), [
    "Needles in a haystack",
    "How its context grew",
    "The text it knew",
    "Harder tests",
    "Speed and memory",
    "In its own words",
    "The same again",
  ])
  for (const a of document.querySelectorAll("nav a")) {
    assert.ok(document.querySelector(a.getAttribute("href")!) !== null, `${a.getAttribute("href")} leads nowhere`)
  }
  assert.equal(elsewhere(html), [])
  assert.is(nesting(html), undefined)
  const ids = html.match(/ id="[^"]*"/g) ?? []
  assert.is(new Set(ids).size, ids.length)
  assert.is(document.querySelector("html")!.getAttribute("lang"), "en")
  assert.match(html, /<meta name="viewport"/)
  assert.match(html, /prefers-color-scheme: dark/)
})

it("says the numbers on top", () => {
  const model = run.tests[0]!.result
  const share = (cells: typeof model.cells): string =>
    `${Math.floor(100 * cells.reduce((n, c) => n + c.right, 0) / cells.reduce((n, c) => n + c.asked, 0))} %`
  const control = run.tests[1]!.result
  const at = (cells: typeof model.cells) => cells.filter((c) => c.length === lengths.at(-1))
  assert.equal(text(".number b"), [
    share(model.cells),
    share(at(model.cells)),
    share(at(control.cells)),
    "2.11 → 2.15",
    duration(run.stages.reduce((n, s) => n + (s.seconds ?? 0), 0)),
  ])
  assert.match(text(".number small").join("|"), /\+1\.8 % on held-out text/)
  assert.match(text(".number small").join("|"), /1 cached, whose time is not known/)
})

it("draws a cell for each length and depth, with its share in it, the control beside the model on the same scale", () => {
  const maps = [...document.querySelectorAll("#needles svg")]
  assert.is(maps.length, 2)
  for (const [i, map] of maps.entries()) {
    const cells = run.tests[i]!.result.cells
    const rects = [...map.querySelectorAll("rect")]
    assert.equal(
      rects.map((r) => r.getAttribute("fill")),
      cells.map((c) => `var(--h${stepOf(c.right / c.asked)})`),
    )
    const shown = [...map.querySelectorAll("text")].map((t) => t.textContent)
    for (const c of cells) assert.ok(shown.includes(percent(c.right / c.asked)))
    assert.match(rects[0]!.textContent!, /256 tokens, depth 0 %: \d of 8 found/)
  }
})

it("every picture has a sentence in its stead, and numbers are in tables", () => {
  for (const svg of document.querySelectorAll("svg")) {
    assert.is(svg.getAttribute("role"), "img")
    assert.ok((svg.getAttribute("aria-label") ?? "").length > 20)
    assert.not.match(svg.outerHTML, /NaN|undefined|Infinity/)
  }
  assert.match(document.querySelector("#needles svg")!.getAttribute("aria-label")!, /256 tokens 100 %.*4K tokens \d+ %/)
  assert.ok(document.querySelectorAll("details table").length >= 8)
  const row = text("#context table tr").find((r) => r.startsWith("extend-1K"))!
  assert.match(row, /1K ?200K ?4 x 120 ?492K ?1\.0e-3 ?78 s ?6,776/)
  assert.match(text("#context table tr").find((r) => r.startsWith("base"))!, /cached ?cached$/)
})

it("says what makes it again: commands, digests, settings, where the base came from", () => {
  const again = document.querySelector("#again")!.textContent!
  for (const command of run.commands) assert.ok(again.includes(command))
  for (const s of run.stages) assert.ok(again.includes(s.key!) && again.includes(s.digest!), s.name)
  assert.ok(again.includes(run.base!.digest) && again.includes("deno task run base"))
  assert.ok(again.includes("Its digest was compared"))
  assert.match(reportPage({ ...run, base: { ...run.base!, verified: false } }), /Its digest was not compared/)
  assert.ok(again.includes('"layers": 3'))
  assert.match(document.querySelector("#words")!.textContent!, /241 questions about 284 chunks, written by rules/)
})

it("a control that never read such lengths has a line where its rows ended", () => {
  const tests = run.tests.map((f) => f.lane === "control" ? { ...f, reach: 512 } : f)
  const [model, control] = [...parseHTML(reportPage({ ...run, tests })).document.querySelectorAll("#needles svg")]
  assert.match(control!.textContent!, /learned rows of 512/)
  assert.not.match(model!.textContent!, /learned rows of/)
})

// ---- what is missing -------------------------------------------------------------

it("of nothing it makes a page that says what is missing, and where a part is missing that this is so", () => {
  const bare = reportPage(nothing("world"))
  for (
    const said of [
      "No needles were looked for",
      "No training has been made yet",
      "Bits per byte were not measured",
      "Nats by position were not measured",
      "No other tests were made",
      "No samples",
      "No commands are known",
      "The pipeline has no stages",
    ]
  ) assert.ok(bare.includes(said), `the page does not say '${said}'`)
  assert.is(nesting(bare), undefined)
  assert.not.match(bare.replace(/<style>[\s\S]*?<\/style>/, ""), /NaN|undefined|Infinity|null/)
})

it("holds with any part left out, and with curves, cells and bins that are empty", () => {
  const parts = ["stages", "tests", "bits", "marks", "positions"] as const
  const without = parts.map((p): ReportData => ({ ...run, [p]: [] }))
  const training = (t: NonNullable<ReportData["stages"][number]["training"]>) => ({ ...t, curve: t.curve.slice(0, 1) })
  const hollow: ReadonlyArray<ReportData> = [
    { ...run, stages: run.stages.map((s) => s.training === null ? s : { ...s, training: training(s.training) }) },
    { ...run, tests: run.tests.map((f) => ({ ...f, result: { ...f.result, cells: [] } })) },
    { ...run, tests: run.tests.filter((f) => f.lane === "control") },
    { ...run, tests: run.tests.filter((f) => f.lane === "model") },
    { ...run, positions: run.positions.map((p) => ({ ...p, result: { ...p.result, bins: [] } })) },
    { ...run, stages: run.stages.filter((s) => s.name === "base") },
    { ...run, stages: run.stages.map((s) => ({ ...s, seconds: null, cached: true })) },
  ]
  for (const [i, data] of [...without, ...hollow].entries()) {
    const page = reportPage(data)
    assert.is(nesting(page), undefined, `case ${i}`)
    assert.not.match(page.replace(/<style>[\s\S]*?<\/style>/, ""), /NaN|undefined|Infinity/, `case ${i}`)
  }
})

// ---- hostile text ----------------------------------------------------------------

it("shows hostile text as text, wherever it comes from", () => {
  const evil = `"><script>alert(1)</script>'&<img src=x onerror=alert(2)>\x00\x1b[31m`
  const found = <A>(f: A): A => ({ ...f, name: evil, says: evil })
  const page = reportPage({
    ...run,
    ...{ pipeline: evil, title: evil, says: evil, device: evil, notes: [evil], remarks: [evil], commands: [evil] },
    stages: run.stages.map((s) => ({
      ...s,
      name: s.name + evil,
      about: evil,
      made: evil,
      needs: [evil],
      settings: { [evil]: evil },
    })),
    tests: run.tests.map((f) =>
      found({
        ...f,
        result: {
          ...f.result,
          ...{ task: evil, language: evil, haystack: { ...f.result.haystack, name: evil } },
          cells: f.result.cells.map((c) => ({ ...c, sample: { key: evil, value: evil, answer: evil, right: false } })),
        },
      })
    ),
    ...{
      bits: run.bits.map(found),
      positions: run.positions.map(found),
      marks: run.marks.map((m) => ({ ...m, tool: evil })),
    },
    samples: [{ prompt: evil, answer: evil, label: evil }],
    questions: run.questions.map((q) => ({
      ...q,
      by: evil,
      stage: evil,
      some: [{ question: evil, answer: evil, by: evil }],
    })),
    base: { ...run.base!, name: evil, madeBy: evil, says: evil },
  })
  const { document } = parseHTML(page)
  assert.is(document.querySelectorAll("script, img").length, 0)
  assert.is(nesting(page), undefined)
  // deno-lint-ignore no-control-regex
  assert.not.match(page, /[\x00\x1b]/)
  assert.ok(document.querySelector("h1")!.textContent!.startsWith(`"><script>alert(1)</script>'&<img`))
})

it("escapes so that nothing ends a tag or an attribute", () =>
  fc.assert(fc.property(fc.string(), (s) => assert.not.match(escape(s), /[<>"']|&(?!(amp|lt|gt|quot|#39);)/)), {
    seed: 1,
  }))

// ---- colours and numbers -----------------------------------------------------------

it("numbers in cells stand out from every step of the scale, which runs one way in brightness", () => {
  for (const scale of [light, dark]) {
    const values = scale.steps.map(luminance)
    for (const c of scale.steps) assert.ok(contrast(inkOn(scale, c), c) >= 4.5, `${c}: ${contrast(inkOn(scale, c), c)}`)
    const way = Math.sign(values.at(-1)! - values[0]!)
    values.slice(1).forEach((v, i) => assert.is(Math.sign(v - values[i]!), way, `step ${i + 1}`))
  }
  assert.equal([0, 1e-9, 0.5, 0.999, 1].map(stepOf), [0, 1, 5, 9, 10])
})

it("numbers for people", () => {
  assert.equal([0, 0.001, 0.5, 0.999, 1].map(percent), ["0", "1", "50", "99", "100"])
  assert.equal([0.4, 48, 200, 3900].map(duration), ["under 1 s", "48 s", "3 min 20 s", "1 h 5 min"])
  assert.equal([250, 10_000, 1_500_000, 3.28e7].map(short), ["250", "10K", "1.5M", "32.8M"])
  assert.equal([0.018, -0.002].map(change), ["+1.8 %", "−0.2 %"])
  assert.equal([[], ["a"], ["a", "b", "c"]].map(listed), ["", "a", "a, b and c"])
  assert.equal(doublings(200, 4096, 9), [256, 512, 1024, 2048, 4096])
  assert.equal(smooth([1, 2, 6], 1), [1.5, 3, 4])
  assert.equal(thin([0, 1, 2, 3, 4], 2), [0, 3, 4])
})

it.run()
