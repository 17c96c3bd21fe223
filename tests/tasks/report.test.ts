/** Events, the log, the progress line, the report and the picture of a program. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { programs } from "../../tasks/programs.ts"
import { svg, thin } from "../../tasks/chart.ts"
import { Event, type Event as Happening, events, heardBy, history, logTo, parseLog, tell } from "../../tasks/events.ts"
import { columns, explanation, lives } from "../../tasks/picture.ts"
import {
  bytesText,
  describe,
  flopsText,
  grouped,
  hear,
  printer,
  quiet,
  speed,
  tame,
  timeText,
} from "../../tasks/progress.ts"
import { report } from "../../tasks/report.ts"
import { standard, withSteps } from "../../tasks/settings.ts"
import { memory, Store, utf8 } from "../../tasks/store.ts"

const it = suite("tasks/report")

const began: Happening = {
  _tag: "Began",
  at: 1000,
  stage: "world",
  task: "A <small> run",
  settings: [["layers", "2"], ["seed", "42"]],
  digest: "ab".repeat(32),
  device: "wasm: 2 threads",
  parameters: 461_440,
  expected: [{ program: "train", peak: 48e6, arena: 30e6, flops: 3.4e9, traffic: 1e9, dispatches: 140 }],
  baselines: [{ tool: "xz -9e", bits: 2.953 }, { tool: "bzip2 -9", bits: 2.652 }],
}
const stepped = (step: number, loss = 5 / step): Happening => ({
  _tag: "Stepped",
  at: 1000 + step * 100,
  stage: "world",
  step,
  steps: 40,
  loss,
  rate: 1e-3,
  norm: 1,
  tokens: step * 1000,
  memory: 50_000_000,
})
const evaluated = (step: number, bits: number, whole: boolean): Happening => (
  { _tag: "Evaluated", at: 1000 + step * 100, stage: "world", step, bits, bytes: 122_098, whole }
)
const saved = (step: number): Happening => ({
  _tag: "Saved",
  at: 9000,
  stage: "world",
  step,
  digest: "cd".repeat(32),
  bytes: 5_537_288,
})
const resumed = (step: number): Happening => ({
  _tag: "Resumed",
  at: 9000,
  stage: "world",
  step,
  digest: "cd".repeat(32),
})
const sampled: Happening = {
  _tag: "Sampled",
  at: 9000,
  stage: "world",
  step: 40,
  prompt: "Call me",
  text: " <b>Ish\x1b[31mmael",
  temperature: 0.7,
}
const finished: Happening = {
  _tag: "Finished",
  at: 9100,
  stage: "world",
  step: 40,
  digest: "cd".repeat(32),
  peak: 51_000_000,
}
const steps = (from: number, to: number): ReadonlyArray<Happening> =>
  Array.from({ length: to - from + 1 }, (_, i) => stepped(from + i))
const whole: ReadonlyArray<Happening> = [
  began,
  ...steps(1, 40),
  evaluated(20, 2.8, false),
  saved(40),
  evaluated(40, 2.345, true),
  sampled,
  finished,
]

it("the report holds all its parts and nothing from elsewhere", () => {
  const html = report(whole)
  for (
    const part of [
      "A &lt;small&gt; run",
      "2.345",
      "xz -9e",
      "bzip2 -9",
      "the model is below it",
      "10,000",
      "461,440",
      "48 MB",
      "51,000,000",
      "the forecast was 48,000,000",
      "ab".repeat(32),
      "cd".repeat(32),
      "<b>Call me</b> &lt;b&gt;Ish·[31mmael",
      "prefers-color-scheme",
      "Learning rate",
      "Throughput",
    ]
  ) assert.ok(html.includes(part), `the report lacks '${part}'`)
  assert.is(html.match(/<svg/g)!.length, 5)
  assert.not.match(html.replaceAll('"http://www.w3.org/2000/svg"', ""), /https?:|src=|<script|<link|@import|url\((?!#)/)
  const ids = html.match(/ id="[^"]*"/g) ?? []
  assert.is(new Set(ids).size, ids.length, "ids are unique in the page")
  assert.is(html.match(/<table/g)!.length, html.match(/<\/table>/g)!.length)
})

it("a run that has only begun, and none at all, give a page that says so", () => {
  assert.match(report([]), /does not say how the run began/)
  assert.match(report([began]), /No steps were taken/)
  assert.match(report([began, stepped(1)]), /not finished/)
})

it("marks that are not reached are said not to be", () => {
  const html = report([began, ...steps(1, 3), evaluated(3, 2.8, true)])
  assert.match(html, /the model is below it/)
  assert.match(html, /the model is not below it/)
})

it("events go into the log and out of it; torn and foreign lines are left out", () => {
  const text = whole.map((e) => JSON.stringify(e)).join("\n")
  assert.equal(parseLog(text), whole)
  assert.equal(parseLog(`${text.slice(0, -20)}\n{"_tag":"Stepped"}\n[]\nnonsense\n${JSON.stringify(stepped(3))}`), [
    ...whole.slice(0, -1),
    stepped(3),
  ])
  assert.ok(E.isLeft(Event.decode({ ...stepped(1), loss: Infinity })))
})

it("random text is a log or a part of one, never a crash", () =>
  fc.assert(fc.property(fc.string(), (text) => void parseLog(text)), { seed: 1 }))

it("what a run did after the checkpoint it was taken up from never was", () => {
  const log = [
    began,
    ...steps(1, 17),
    saved(10),
    began,
    resumed(10),
    ...steps(11, 40),
    evaluated(40, 2.4, true),
    finished,
  ]
  const told = history(log)
  assert.equal(told.filter((e) => e._tag === "Stepped").map((e) => e.step), Array.from({ length: 40 }, (_, i) => i + 1))
  assert.is(told.filter((e) => e._tag === "Began").length, 1)
  const again = history([...log, began, resumed(40), evaluated(40, 2.4, true), sampled, finished])
  assert.is(again.filter((e) => e._tag === "Finished").length, 1)
  assert.is(again.filter((e) => e._tag === "Evaluated").length, 1)
  assert.is(again.filter((e) => e._tag === "Stepped").length, 40)
})

it("every listener hears every event, in order, and is done when the task is", async () => {
  const heard: Array<Happening> = []
  const files = new Map<string, Uint8Array>()
  const slow = (e: Happening) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void heard.push(e)))
  const task = Effect.as(Effect.forEach(whole, tell), "done")
  const program = heardBy(task, [slow, logTo("log")]).pipe(Effect.provide(events), Effect.provide(memory(files)))
  assert.is(await Effect.runPromise(program), "done")
  assert.equal(heard, whole)
  assert.equal(parseLog(new TextDecoder().decode(files.get("log"))), whole)
})

it("a task that fails is heard to its end, and its fault comes through", async () => {
  const heard: Array<Happening> = []
  const listener = (e: Happening) => Effect.sync(() => void heard.push(e))
  const task = Effect.andThen(tell(began), Effect.fail("broken"))
  const fault = await Effect.runPromise(Effect.flip(heardBy(task, [listener])).pipe(Effect.provide(events)))
  assert.is(fault, "broken")
  assert.equal(heard, [began])
})

it("a listener that fails ends the task with its fault", async () => {
  const broken = () => Effect.fail("the log cannot be written")
  const task = Effect.forEach([1, 2, 3], (n) => tell(stepped(n)))
  const fault = await Effect.runPromise(Effect.flip(heardBy(task, [broken])).pipe(Effect.provide(events)))
  assert.is(fault, "the log cannot be written")
})

const printed = (interactive: boolean, list: ReadonlyArray<Happening>): string => {
  const out: Array<string> = []
  const listener = printer({ interactive, columns: 60, write: (text) => void out.push(text) }, 1)
  for (const e of list) Effect.runSync(listener(e))
  return out.join("")
}

it("a pipe gets a line every so often, a terminal one line written over", () => {
  const piped = printed(false, whole)
  assert.ok(!piped.includes("\r") && !piped.includes("\x1b"))
  assert.is(piped.split("\n").filter((l) => l.startsWith("world  step ") && l.includes("loss")).length, 5)
  assert.match(piped, /step 40\/40 {2}loss \d\.\d{3} bits {2}rate 1\.0e-3 {2}10,000 tokens\/s {2}0:00 left {2}50 MB/)
  const live = printed(true, whole)
  assert.is(live.split("\r\x1b[2K").length, 42, "one for each step, one that clears the line for what follows")
  for (const part of live.split("\r\x1b[2K")) {
    if (part.startsWith("world  step ")) assert.ok(part.split("\n")[0]!.length < 120)
  }
})

it("the speed is that of the last steps", () => {
  const view = whole.reduce(hear, quiet)
  assert.equal(speed(view), { steps: 10, tokens: 10_000 })
  assert.is(speed(quiet), undefined)
  assert.match(describe(quiet, began), /461,440 parameters/)
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

it("thinning keeps the last point and the order", () =>
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 50 }), (xs, n) => {
      const few = thin(xs.map((x, i) => [i, x] as const), n)
      assert.ok(few.length <= n + 1)
      assert.equal(few.at(-1)?.[0], xs.length === 0 ? undefined : xs.length - 1)
      assert.ok(few.every(([i], k) => k === 0 || i > few[k - 1]![0]))
    }),
    { seed: 1 },
  ))

it("a chart takes what is no number, one point, and none", () => {
  const chart = (points: ReadonlyArray<readonly [number, number]>): string =>
    svg({
      title: "t",
      x: "x",
      y: "y",
      series: [{ name: "s", colour: "red", form: "dots", points }],
      levels: [],
      include: [],
      width: 300,
      height: 200,
    })
  for (const points of [[], [[1, 2]], [[1, NaN], [2, Infinity]], [[1, 2], [2, NaN], [3, 4]]] as const) {
    assert.not.match(chart(points), /NaN|Infinity/)
  }
})

it("a program as a picture: every kernel a column, every buffer of the arena a box in its place", () => {
  const model = { ...standard.model, model: 16, hidden: 16, groups: 2, head: 8, layers: 1, context: 8 }
  const small = { ...withSteps(standard, 10), model }
  const made = programs({ ...small, recipe: { ...small.recipe, batch: 1, time: 8 } }, 256)
  if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
  const { program } = made.right.train
  const all = columns(program)
  assert.is(all.reduce((n, c) => n + c.turns, 0), program.forecast.dispatches)
  const boxes = lives(program, all)
  assert.is(boxes.length, program.buffers.filter((b) => b.place.tag === "arena").length)
  for (const box of boxes) assert.ok(box.offset + box.bytes <= program.arena && box.first <= box.last)
  // no two boxes overlap in time and place
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      const meet = a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
        b.offset < a.offset + a.bytes
      assert.ok(!meet, `buffers ${a.buffer} and ${b.buffer} lie on each other`)
    }
  }
  const html = explanation("Train", program)
  assert.is(
    html.match(/<rect/g)!.length,
    boxes.length + 2 * all.length + new Set(all.map((c) => c.kernel.tag)).size + 1,
  )
  assert.match(html, /state\.parameters\.embedding/)
})

it("a store that is read gives copies", async () => {
  const files = new Map([["x", utf8("abc")]])
  const program = Effect.flatMap(Store, (s) => s.read("x")).pipe(Effect.provide(memory(files)))
  const read = await Effect.runPromise(program)
  read![0] = 0
  assert.is(files.get("x")![0], 97)
})

it.run()
