/** Events of several stages: what they are on disk, how they are stamped, and the history of each. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Event, events, type Happening, heardBy, history, parseLog, say, StageName } from "../../tasks/events.ts"
import { describe, printer, quiet } from "../../tasks/progress.ts"

const it = suite("tasks/events")

const key = "ab".repeat(32)
const happenings: ReadonlyArray<Happening> = [
  { _tag: "StageCached", key },
  { _tag: "StageStarted", key },
  { _tag: "StageWaiting", key, pid: 12, host: "here", since: 3 },
  { _tag: "StageFinished", key, digest: key },
  { _tag: "StageFailed", key, why: "no disk" },
  { _tag: "Progress", what: "documents", done: 3, total: 10, unit: "files" },
  { _tag: "Scored", task: "needle", length: 512, asked: 9, right: 8, strict: 7 },
  { _tag: "Note", text: "it was torn" },
  { _tag: "Spiked", step: 4, loss: 9, usual: 3 },
  { _tag: "Spiked", step: 4, loss: null, usual: 3 },
]
const of = (stage: string, what: Happening, at = 0): Event => ({ ...what, at, stage })
const step = (n: number): Happening => ({
  ...{ _tag: "Stepped", step: n, steps: 9, loss: 1, rate: 1, norm: 1, tokens: n, memory: 1 },
})

it("each goes into the log and out of it, and can be told to people", () => {
  const all = happenings.map((h) => of("a", h))
  assert.equal(parseLog(all.map((e) => JSON.stringify(e)).join("\n")), all)
  for (const e of all) assert.not.match(describe(quiet, e), /undefined|NaN/)
  const { stage: _, ...bare } = all[0]!
  assert.ok(E.isLeft(Event.decode(bare)), "an event without a stage is foreign")
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

it("the history of one stage is not cut by the beginning of another", () => {
  const resumed: Happening = { _tag: "Resumed", step: 2, digest: key }
  const log = [
    of("a", { _tag: "StageStarted", key }),
    ...[1, 2, 3].map((n) => of("a", step(n))),
    of("a", { _tag: "StageFinished", key, digest: key }),
    of("b", { _tag: "StageStarted", key }),
    ...[1, 2, 3].map((n) => of("b", step(n))),
    of("b", { _tag: "StageFailed", key, why: "killed" }),
    of("a", { _tag: "StageCached", key }),
    of("b", { _tag: "StageStarted", key }),
    of("b", resumed),
    ...[3, 4].map((n) => of("b", step(n))),
  ]
  const told = history(log)
  const steps = (stage: string) => told.flatMap((e) => e.stage === stage && e._tag === "Stepped" ? [e.step] : [])
  assert.equal(steps("a"), [1, 2, 3])
  assert.equal(steps("b"), [1, 2, 3, 4])
  assert.equal(told.filter((e) => e._tag === "StageStarted").map((e) => e.stage), ["a", "b"])
  assert.not.ok(told.some((e) => e._tag === "StageFailed"))
  assert.equal(
    history([...log, of("b", { _tag: "StageStarted", key }), of("b", step(1))]).filter((e) =>
      e.stage === "b" && e._tag === "Stepped"
    ).length,
    1,
    "a stage that begins anew has no other past",
  )
})

it("progress of what has no steps is told like steps: now and then into a pipe, over itself on a terminal", () => {
  const out: Array<string> = []
  const tell = printer({ interactive: false, columns: 80, write: (text) => void out.push(text) }, 1)
  for (let n = 0; n < 100; n++) {
    Effect.runSync(tell(of("a", { _tag: "Progress", what: "needles", done: n, total: 100, unit: "rows" }, 100 * n)))
  }
  assert.is(out.length, 10)
})

it.run()
