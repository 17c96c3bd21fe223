/** The page's half of models that see: what is on it, that right and wrong are said in words, and what is not there. */
import { either as E } from "fp-ts"
import { parseHTML } from "linkedom"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { wilson } from "../../../../tasks/evaluate/vision/mod.ts"
import { nothing, ReportData } from "../../../../tasks/report/data.ts"
import { percentText } from "../../../../tasks/report/numbers.ts"
import { reportPage } from "../../../../tasks/report/report.ts"
import type { Standing, VisionData } from "../../../../tasks/report/vision/data.ts"
import { targets } from "../../../../tasks/report/vision/targets.ts"
import { visionStyle } from "../../../../tasks/report/vision/style.ts"
import { run } from "../fixture.ts"
import { answeredBy, judged, kept, seeingRun, vision } from "./fixture.ts"

const it = suite("tasks/report/vision/page")
const html = reportPage(seeingRun)
const { document } = parseHTML(html)

const plain = (text: string | null): string => (text ?? "").replace(/\s+/g, " ").trim()
const textOf = (page: string, selector: string): string =>
  plain(parseHTML(page).document.querySelector(selector)?.textContent ?? null)
const of = (part: Partial<VisionData>): string =>
  reportPage({ ...nothing("world"), tests: run.tests.slice(0, 1), vision: { ...vision, ...part } })
const ids = (page: string): ReadonlyArray<string> =>
  [...parseHTML(page).document.querySelectorAll("main > section")].map((s) => s.id)
const unstyled = (page: string): string => page.replace(/<style>[\s\S]*?<\/style>/, "")

const own = ["seeing", "showing", "asked", "worth", "sight"]

it("data with pictures go into a file and out of it, and make the same page; a picture that is no base64 is none", () => {
  const read = ReportData.decode(JSON.parse(JSON.stringify(seeingRun)))
  if (E.isLeft(read)) throw new Error(JSON.stringify(read.left.map((e) => e.context.map((c) => c.key))))
  assert.is(reportPage(read.right), html)
  const picture = { width: 1, height: 1, frames: 1, png: `"><script>` }
  const pictures = [{ number: 0, picture }]
  const evil = { ...seeingRun, vision: { ...vision, shown: [{ ...vision.shown[0]!, pictures }] } }
  assert.ok(E.isLeft(ReportData.decode(JSON.parse(JSON.stringify(evil)))))
})

it("stands between the language half's parts, which stay as they are; without vision nothing of it is there", () => {
  const alone = reportPage(run)
  assert.equal(ids(alone).filter((id) => own.includes(id)), [])
  assert.equal(ids(html), [...ids(alone).slice(0, 4), ...own, ...ids(alone).slice(4)])
  for (const id of ids(alone)) {
    assert.is(textOf(html, `#${id}`), textOf(alone, `#${id}`))
  }
  assert.not.match(alone, /Vision in short|class="clip"|@keyframes/)
})

it("needs nothing from elsewhere: pictures are in it, with words in their stead", () => {
  const images = [...document.querySelectorAll("img")]
  assert.ok(images.length > 80)
  for (const image of images) {
    assert.match(image.getAttribute("src")!, /^data:image\/png;base64,[A-Za-z0-9+/]+=*$/)
    assert.ok((image.getAttribute("alt") ?? "").length > 10)
  }
  assert.not.match(html.replaceAll('"http://www.w3.org/2000/svg"', ""), /https?:|<script|<link|<iframe|@import|url\(/)
  for (const svg of document.querySelectorAll("svg")) {
    assert.ok((svg.getAttribute("aria-label") ?? "").length > 20)
    assert.not.match(svg.outerHTML, /NaN|undefined|Infinity/)
  }
})

it("originals lie above what became of them; photographs are told apart", () => {
  const figures = [...document.querySelectorAll("#seeing ul.sheet")]
  assert.is(figures.length, kept.sets.length)
  const alts = [...figures[1]!.querySelector("li")!.querySelectorAll("img")].map((i) => i.getAttribute("alt"))
  assert.equal(alts, ["moving digits, 1: the original", "moving digits, 1: made again of its codes"])
  const text = textOf(html, "#seeing")
  assert.match(text, /a cat of 1887 ?8 frames: PSNR 17\.3 dB, SSIM 0\.520, 40 % of the codes used/)
  assert.ok(text.indexOf("Other pictures, held out as well") > text.indexOf("moving digits"))
  const labels = [...document.querySelectorAll("#seeing svg")].map((s) => s.getAttribute("aria-label")!)
  assert.match(labels[0]!, /PSNR .* over 400 steps: PSNR from 12\.\d to 21\.\d dB/)
  assert.match(labels[1]!, /Use of the codebook/)
  const absent = of({
    kept: [{ ...vision.kept[0]!, result: { ...kept, absent: [{ name: "moons", why: "no package" }] } }],
  })
  assert.match(textOf(absent, "#seeing"), /moons could not be looked at: no package/)
})

it("under each picture is what was asked, what was seen, and in words whether that is the same", () => {
  const items = [...document.querySelectorAll("#showing li")]
  assert.is(items.length, vision.shown[0]!.pictures.length)
  items.forEach((item, i) => {
    const made = judged.made[vision.shown[0]!.pictures[i]!.number]!
    const right = made.shown && (made.frames === 1 || made.moved)
    const text = plain(item.textContent)
    assert.ok(text.startsWith(made.caption))
    assert.match(text, right ? /✓ right$/ : /✗ wrong( digit| way)?$/)
    assert.is(
      item.querySelector("img")!.getAttribute("alt")!.startsWith(`Asked for ${made.caption}; the judge saw `),
      true,
    )
  })
  const clips = [...document.querySelectorAll("#showing .clip")]
  assert.ok(clips.length >= 2)
  assert.match(clips[0]!.getAttribute("style")!, /--n:5;--w:32;--h:32;--t:2\.0s/)
  assert.match(items.at(-8)!.textContent!, /saw: \d in 5 of 5 frames, moving (left|right|up|down) by 8 px/)
  for (const rule of ["prefers-reduced-motion: reduce", "steps(var(--n))", "image-rendering: pixelated"]) {
    assert.ok(visionStyle.includes(rule), rule)
  }
})

it("a bar for each digit, beside real scenes and chance", () => {
  const single = judged.parts.find((p) => p.kind === "single")!
  const label = document.querySelector("#showing svg")!.getAttribute("aria-label")!
  for (const d of single.byDigit) assert.ok(label.includes(`${d.digit} ${d.shown} of ${d.of}`))
  assert.ok(
    label.includes(`the judge finds ${percentText(single.real.shown / single.real.of)}, chance would have 10 %`),
  )
  assert.match(textOf(html, "#showing"), /videos of one digit ?both/)
})

it("questions by kind with n and the answer of who never looks; digits taken for others as a map", () => {
  const text = textOf(html, "#asked")
  for (const k of answeredBy("world", 0.93).kinds) {
    assert.ok(text.includes(`${k.of}${percentText(k.right / k.of)}`), `${k.medium} ${k.kind}`)
    assert.ok(text.includes(wilson(k.right, k.of).map((x) => percentText(x)).join(" to ")))
  }
  const maps = [...document.querySelectorAll("#asked svg")].slice(1)
  assert.is(maps.length, 2)
  assert.match(maps[0]!.getAttribute("aria-label")!, /Digits in stills .* \d+ of 160 right/)
  assert.ok(maps[0]!.querySelectorAll("rect").length >= 100)
})

it("choices have signs and intervals, and what may be chance is said to be", () => {
  const text = textOf(html, "#worth")
  assert.match(text, /The reference is “masked”/)
  assert.match(text, /naive −\d+\.\d \(worse\); unweighted [−+±]\d+\.\d \(may be chance\)/)
  assert.match(
    document.querySelector("#worth svg")!.getAttribute("aria-label")!,
    /all −\d+\.\d \(−\d+\.\d to −\d+\.\d\)/,
  )
})

it("trainings have their own unit; codes and text have a loss each; a loss of nothing is none", () => {
  const rows = [...document.querySelectorAll("#sight table")[0]!.querySelectorAll("tr")].map((r) =>
    plain(r.textContent)
  )
  assert.match(rows.find((r) => r.startsWith("vqgan"))!, /–16 frames4006\.4K frames.*800 frames$/)
  assert.match(rows.find((r) => r.startsWith("vision-1k"))!, /1K16 rows90014\.7M tokens.*800 tokens$/)
  const label = document.querySelector("#sight svg")!.getAttribute("aria-label")!
  assert.match(label, /codes from 5\.\d\d to 3\.\d\d, text from 1\.\d\d to 1\.5\d nats/)
  assert.match(textOf(html, "#sight"), /world, after vision2\.2070\+2\.6 %/)
  const needles = { ...run.tests[0]!, stage: "needles-vision" }
  assert.match(
    textOf(of({ tests: [needles] }), "#sight"),
    /needle, after vision ?Before frames were learned: 97 % in all/i,
  )
})

// ---- targets -------------------------------------------------------------------

it("targets are beside what was reached; what is missed is said, and what was not measured", () => {
  const tiles = (page: string): ReadonlyArray<string> =>
    [...parseHTML(page).document.querySelectorAll('[aria-label="Vision in short"] .number')].map((t) =>
      plain(t.textContent)
    )
  const good = tiles(html)
  assert.is(good.length, targets.length)
  assert.match(good[0]!, /^22\.0 dBPSNR of held-out moving digits✓ reached; the target is at least 20 dB/)
  assert.not.match(html, />Missed:/)
  const worse = of({
    answered: [{ stage: "answers", about: "", result: answeredBy("world", 0.6) }],
    kept: [{ ...vision.kept[0]!, result: { ...kept, total: { ...kept.total, usage: 0.5 } } }],
  })
  assert.equal(tiles(worse).map((t) => /✓ reached|✗ missed|not measured/.exec(t)![0]), [
    ...["✓ reached", "✗ missed", "✓ reached", "✗ missed", "✗ missed"],
  ])
  assert.match(worse, />Missed: 50 % of the codebook used \(the target is more than 50 %\); \d+ % of digit questions/)
  const none = of({ answered: [], shown: [], kept: [] })
  assert.ok(tiles(none).every((t) => t.startsWith("–") && t.includes("not measured")))
  assert.not.match(none, />Missed:/)
})

// ---- what is missing -------------------------------------------------------------

it("what has failed is said with its reason, what is not made yet as such, and of what has no stage there is nothing", () => {
  const state = (stage: string, purpose: Standing["purpose"], failed: boolean): Standing => ({
    ...{ stage, purpose },
    ...(failed ? { state: "failed" as const, why: "out of <memory>" } : { state: "missing" as const, why: "" }),
  })
  const page = of({
    stages: [state("vqgan", "eyes", true), state("pictures", "shown", false)],
    ...{ lessons: [], kept: [], shown: [], answered: [], ablations: [], bits: [] },
  })
  assert.equal(ids(page).filter((id) => own.includes(id)), ["seeing", "showing"])
  assert.match(textOf(page, "#seeing"), /vqgan failed: out of <memory>/)
  assert.match(textOf(page, "#showing"), /pictures has not been made yet/)
})

it("holds with empty curves, films that are gone, and nothing asked", () => {
  const hollow: ReadonlyArray<Partial<VisionData>> = [
    { lessons: vision.lessons.map((l) => ({ ...l, curve: l.curve.slice(0, 1) })) },
    { lessons: vision.lessons.map((l) => ({ ...l, curve: l.curve.map(({ more: _, ...p }) => p), seconds: null })) },
    { shown: [{ ...vision.shown[0]!, pictures: [] }], kept: [{ ...vision.kept[0]!, pictures: [] }] },
    { shown: [{ ...vision.shown[0]!, result: { ...judged, parts: [], made: [] } }] },
    { answered: [{ ...vision.answered[0]!, result: { ...answeredBy("x", 1), kinds: [] } }] },
    { ablations: [{ ...vision.ablations[0]!, result: { reference: "x", variants: [] } }] },
  ]
  for (const [i, part] of hollow.entries()) {
    assert.not.match(unstyled(of(part)), /NaN|undefined|Infinity/, `case ${i}`)
  }
})

it("shows hostile text as text", () => {
  const evil = `"><script>alert(1)</script>'&<img src=x onerror=alert(2)>\x00`
  const page = of({
    stages: vision.stages.map((s) => ({ ...s, stage: evil, state: "failed", why: evil })),
    lessons: vision.lessons.map((l) => ({ ...l, stage: evil, about: evil, unit: evil })),
    kept: vision.kept.map((k) => ({
      ...k,
      result: {
        ...k.result,
        sets: k.result.sets.map((s) => ({ ...s, name: evil })),
        absent: [{ name: evil, why: evil }],
      },
      pictures: k.pictures.map((p) => ({ ...p, set: evil })),
    })),
    shown: vision.shown.map((s) => ({
      ...s,
      result: { ...s.result, model: evil, made: s.result.made.map((m) => ({ ...m, caption: evil })) },
    })),
    answered: vision.answered.map((a) => ({
      ...a,
      result: {
        ...a.result,
        kinds: a.result.kinds.map((k) => ({
          ...k,
          majority: { ...k.majority, answer: evil },
          confusion: [{ answer: evil, said: evil, times: 3 }],
          samples: [{ caption: evil, question: evil, answer: evil, said: evil, right: false }],
        })),
      },
    })),
    ablations: vision.ablations.map((a) => ({
      ...a,
      result: {
        reference: evil,
        variants: a.result.variants.map((v) => ({
          ...v,
          name: evil,
          differences: v.differences.map((d) => ({ ...d, of: evil })),
        })),
      },
    })),
  })
  const { document } = parseHTML(page)
  assert.is(document.querySelectorAll("script").length, 0)
  assert.ok(
    [...document.querySelectorAll("img")].every((i) => i.getAttribute("src")!.startsWith("data:image/png;base64,")),
  )
  assert.not.ok(page.includes("\x00"))
})

it.run()
