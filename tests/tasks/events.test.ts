/** Events: what they are on disk, how they are stamped, who hears them, and a log that a crash has torn. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import {
  Event,
  events,
  type Happening,
  heardBy,
  logTo,
  mendLog,
  parseLog,
  say,
  StageName,
  tell,
} from "../../tasks/events.ts"
import { memory, utf8 } from "../../tasks/store.ts"
import { happenings, of, stepped } from "./told.ts"

const it = suite("tasks/events")

const all = happenings.map((h) => of("a", h))
const lines = all.map((e) => JSON.stringify(e)).join("\n")

it("each goes into the log and out of it; lines that are torn or foreign are left out", () => {
  assert.equal(parseLog(lines), all)
  const last = of("a", stepped(3))
  const torn = `${lines.slice(0, -20)}\n{"_tag":"Stepped"}\n[]\nnonsense\n${JSON.stringify(last)}`
  assert.equal(parseLog(torn), [...all.slice(0, -1), last])
  assert.ok(E.isLeft(Event.decode({ ...last, loss: Infinity })))
  const { stage: _, ...bare } = all[0]!
  assert.ok(E.isLeft(Event.decode(bare)), "an event without a stage is foreign")
})

it("random text is a log or a part of one, never a crash", () =>
  fc.assert(fc.property(fc.string(), (text) => void parseLog(text)), { seed: 1 }))

it("a log whose last line is torn is closed, so that the next line begins on its own", async () => {
  const files = new Map([["log", utf8(lines.slice(0, -20))]])
  const next = of("a", stepped(4))
  await Effect.runPromise(Effect.andThen(mendLog("log"), logTo("log")(next)).pipe(Effect.provide(memory(files))))
  const text = new TextDecoder().decode(files.get("log"))
  assert.equal(parseLog(text), [...all.slice(0, -1), next])
  await Effect.runPromise(mendLog("log").pipe(Effect.provide(memory(files))))
  assert.is(new TextDecoder().decode(files.get("log")), text, "a whole log is left as it is")
})

it("are stamped with the stage that runs", async () => {
  const heard: Array<Event> = []
  const inside = Effect.provideService(say({ _tag: "Note", text: "x" }), StageName, "inner")
  const task = heardBy(Effect.andThen(inside, say({ _tag: "Note", text: "y" })), [
    (e) => Effect.sync(() => void heard.push(e)),
  ])
  await Effect.runPromise(Effect.provide(task, events))
  assert.equal(heard.map((e) => e.stage), ["inner", ""])
  assert.ok(heard[0]!.at > 1.6e12)
})

it("every listener hears every event, in order, and is done when the task is", async () => {
  const heard: Array<Event> = []
  const files = new Map<string, Uint8Array>()
  const slow = (e: Event) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void heard.push(e)))
  const task = Effect.as(Effect.forEach(all, tell), "done")
  const program = heardBy(task, [slow, logTo("log")]).pipe(Effect.provide(events), Effect.provide(memory(files)))
  assert.is(await Effect.runPromise(program), "done")
  assert.equal(heard, all)
  assert.equal(parseLog(new TextDecoder().decode(files.get("log"))), all)
})

it("a task that fails is heard to its end, and its fault comes through", async () => {
  const heard: Array<Happening> = []
  const listener = (e: Happening) => Effect.sync(() => void heard.push(e))
  const task = Effect.andThen(tell(all[0]!), Effect.fail("broken"))
  const fault = await Effect.runPromise(Effect.flip(heardBy(task, [listener])).pipe(Effect.provide(events)))
  assert.is(fault, "broken")
  assert.equal(heard, [all[0]!])
})

it("a listener that fails ends the task with its fault", async () => {
  const broken = () => Effect.fail("the log cannot be written")
  const task = Effect.forEach([1, 2, 3], (n) => tell(of("a", stepped(n))))
  const fault = await Effect.runPromise(Effect.flip(heardBy(task, [broken])).pipe(Effect.provide(events)))
  assert.is(fault, "the log cannot be written")
})

it.run()
