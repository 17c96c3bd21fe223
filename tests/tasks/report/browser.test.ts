/**
 * The report page in headless Chromium, opened by its path as people do: no complaint, no request but for itself, nothing
 * wider than the window, and heat maps whose cells are seen. Chromium is driven from Deno only.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inflateSync } from "node:zlib"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { chromium } from "../../browser/chromium.ts"
import { type Look, type Tab, withPage } from "../../browser/devtools.ts"
import { reportPage } from "../../../tasks/report/report.ts"
import { needs } from "../../skip.ts"
import { run } from "./fixture.ts"
import { seeingRun } from "./vision/fixture.ts"

const it = suite("tasks/report in a browser")
const binary = chromium()

const looks: ReadonlyArray<Look> = [
  { width: 1280, height: 900, scheme: "light" },
  { width: 1280, height: 900, scheme: "dark" },
  { width: 390, height: 844, scheme: "light" },
  { width: 390, height: 844, scheme: "dark" },
]

/** Of the bytes of a PNG's rows, filtered by their neighbours, the share that is not 0: what is blank has almost none. */
const drawn = (png: Uint8Array): number => {
  const view = new DataView(png.buffer, png.byteOffset, png.length)
  const parts: Array<Uint8Array> = []
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at)
    if (String.fromCharCode(...png.subarray(at + 4, at + 8)) === "IDAT") {
      parts.push(png.subarray(at + 8, at + 8 + length))
    }
    at += 12 + length
  }
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  parts.reduce((at, p) => (all.set(p, at), at + p.length), 0)
  const rows = inflateSync(all)
  return rows.filter((b) => b !== 0).length / rows.length
}

/** Boxes of all cells of the heat maps, and how far the page is wider than its window. */
const measure = `(() => {
  const cells = [...document.querySelectorAll("#needles svg rect")].map((r) => {
    const b = r.getBoundingClientRect()
    return [b.left, b.right, b.width, b.height]
  })
  const letters = [...document.querySelectorAll("#needles svg text")].map((t) => t.getBoundingClientRect().height)
  const seen = [...document.querySelectorAll("svg")].filter((s) => s.getBoundingClientRect().width > 0).length
  const { scrollWidth, clientWidth } = document.documentElement
  return { cells, letters, seen, over: scrollWidth - clientWidth, width: clientWidth }
})()`

interface Measured {
  readonly cells: ReadonlyArray<readonly [left: number, right: number, width: number, height: number]>
  readonly letters: ReadonlyArray<number>
  readonly seen: number
  readonly over: number
  readonly width: number
}

const check = async (tab: Tab, look: Look): Promise<void> => {
  const at = `${look.width} px, ${look.scheme}`
  await tab.look(look)
  const { cells, letters, seen, over, width } = await tab.value(measure) as Measured
  assert.is(width, look.width)
  assert.ok(over <= 0, `${at}: the page is ${over} px wider than its window`)
  assert.is(cells.length, run.tests[0]!.result.cells.length + run.tests[1]!.result.cells.length)
  for (const [left, right, wide, high] of cells) {
    assert.ok(wide > 30 && high > 14 && left >= 0 && right <= width, `${at}: a cell at ${left} of ${wide} x ${high} px`)
  }
  assert.ok(Math.min(...letters) > 8, `${at}: letters of ${Math.min(...letters)} px`)
  assert.ok(seen >= 12, `${at}: only ${seen} pictures are seen`)
  const share = drawn(await tab.picture(false))
  assert.ok(share > 0.01, `${at}: the screenshot is blank: ${share}`)
}

if ("Deno" in globalThis) {
  const browser = needs(
    it,
    binary !== undefined,
    "Chromium was not found",
    "apt-get install chromium, or set CHROMIUM to its path",
  )
  browser(
    "opens by its path, asks for nothing else, and is seen on a phone and on a wide screen, light and dark",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "orrery-report-"))
      const path = join(folder, "report.html")
      writeFileSync(path, reportPage(run))
      try {
        await withPage(binary!, path, async (tab) => {
          for (const look of looks) await check(tab, look)
          const colours = `getComputedStyle(document.body).backgroundColor`
          await tab.look(looks[0]!)
          const light = await tab.value(colours)
          await tab.look(looks[1]!)
          assert.is.not(await tab.value(colours), light)
          await tab.value("for (const d of document.querySelectorAll('details')) d.open = true")
          for (const look of looks) {
            await tab.look(look)
            const { over } = await tab.value(measure) as Measured
            assert.ok(over <= 0, `unfolded, at ${look.width} px, the page is ${over} px too wide`)
          }
          assert.equal(tab.complaints, [])
          assert.equal(tab.requests, [new URL(`file://${path}`).href])
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )

  browser(
    "pictures are seen on a phone, none wider than it; clips move until they are told to stand still",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "orrery-report-"))
      const path = join(folder, "report.html")
      writeFileSync(path, reportPage(seeingRun))
      const clip = `(() => {
      const [box, strip] = [document.querySelector(".clip"), document.querySelector(".clip img")]
      const [b, s] = [box.getBoundingClientRect(), strip.getBoundingClientRect()]
      return { ratio: b.width / b.height, strip: s.width / b.width, moving: strip.getAnimations().length }
    })()`
      try {
        await withPage(binary!, path, async (tab) => {
          for (const width of [360, 1280]) {
            await tab.look({ width, height: 900, scheme: "dark" })
            const { over } = await tab.value(measure) as Measured
            assert.ok(over <= 0, `at ${width} px the page is ${over} px too wide`)
            const sides = await tab.value(
              "[...document.querySelectorAll('.still img')].map((i) => [i.complete ? i.naturalWidth : 0, i.clientWidth])",
            ) as ReadonlyArray<readonly [number, number]>
            assert.ok(sides.length > 80 && sides.every(([own, shown]) => own === 32 && shown >= 48), `${sides[0]}`)
            const moving = await tab.value(clip) as {
              readonly ratio: number
              readonly strip: number
              readonly moving: number
            }
            assert.equal([moving.ratio, moving.strip, moving.moving].map(Math.round), [1, 5, 1])
            await tab.value("document.querySelector('.halt input').checked = true")
            const still = await tab.value(clip) as typeof moving
            assert.equal([still.ratio, still.strip, still.moving].map(Math.round), [5, 1, 0])
            await tab.value("document.querySelector('.halt input').checked = false")
          }
          assert.equal(tab.complaints, [])
          assert.equal(tab.requests.filter((r) => !r.startsWith("data:")), [new URL(`file://${path}`).href])
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
}

it.run()
