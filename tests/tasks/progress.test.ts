/** Progress for people: one line on a terminal, what lasts into a pipe, and numbers as they are written. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Event } from "../../tasks/events.ts"
import { bytesText, flopsText, grouped, tame, timeText } from "../../tasks/numbers.ts"
import { describe, hear, printer, quiet, speed } from "../../tasks/progress.ts"
import { happenings, of, stepped } from "./told.ts"

const it = suite("tasks/progress")

const key = "ab".repeat(32)
const begins = of("base", { _tag: "StageStarted", key }, 1000)
const whole: ReadonlyArray<Event> = [
  begins,
  ...Array.from({ length: 40 }, (_, i) => of("base", stepped(i + 1), 1000 + 100 * (i + 1))),
  of("base", { _tag: "Saved", step: 40, digest: key, bytes: 1 }, 5000),
  of("base", { _tag: "Evaluated", bits: 2.345, bytes: 122_098 }, 5100),
  of("base", { _tag: "StageFinished", key, digest: key }, 6000),
]

const printed = (interactive: boolean, list: ReadonlyArray<Event>, columns = 60): string => {
  const out: Array<string> = []
  const listener = printer({ interactive, columns, write: (text) => void out.push(text) })
  for (const e of list) Effect.runSync(listener(e))
  return out.join("")
}

it("everything can be told to people", () => {
  for (const e of happenings.map((h) => of("a", h))) assert.not.match(describe(quiet, e), /undefined|NaN/)
})

it("into a pipe goes what lasts, and no colours", () => {
  assert.is(
    printed(false, whole),
    `base  2.3450 bits per byte of 122,098 bytes\nbase  done in 0:05  ${key.slice(0, 12)}\n`,
  )
})

it("a terminal has one line that is written over, no longer than it is wide, and lines for what lasts", () => {
  const live = printed(true, whole)
  const parts = live.split("\r\x1b[2K")
  assert.is(parts.length - 1, 42, "one for the beginning and each step, one that clears the line for what follows")
  for (const part of parts.slice(0, -1)) assert.ok(part.length < 60 && !part.includes("\n"), part)
  assert.match(printed(true, whole, 200), /base {2}step 40\/40 {2}loss \d\.\d{3} bits {2}rate 1\.0e-3 {2}10,000 tokens/)
  assert.match(parts.at(-1)!, /^base {2}2\.3450 bits per byte of 122,098 bytes\nbase {2}done in 0:05 .*\n$/)
})

it("where steps follow each other faster than anybody reads, some are not shown", () => {
  const fast = Array.from({ length: 100 }, (_, n) => of("a", stepped(n + 1), 1000 + n))
  const shown = printed(true, fast).split("\r\x1b[2K").length - 1
  assert.ok(shown >= 2 && shown <= 3, `${shown}`)
})

it("the speed is that of the last steps of one stage", () => {
  const view = whole.reduce(hear, quiet)
  assert.equal(speed(view), { steps: 10, tokens: 10_000 })
  assert.is(speed(quiet), undefined)
  assert.is(speed(hear(view, of("other", stepped(1)))), undefined)
  assert.is(speed(hear(view, of("base", { _tag: "Resumed", step: 2, digest: key }))), undefined)
})

it("numbers for people", () => {
  assert.is(grouped(1_234_567.4), "1,234,567")
  assert.is(bytesText(0), "0 B")
  assert.is(bytesText(1536), "1.5 kB")
  assert.is(bytesText(48_200_000), "48 MB")
  assert.is(flopsText(3.4e9), "3.40 GFLOP")
  assert.is(timeText(65), "1:05")
  assert.is(timeText(7384), "2:03:04")
  assert.is(tame("a\tb\x07\x1b[2Jc\nd"), "a·b··[2Jc\nd")
})

it.run()
