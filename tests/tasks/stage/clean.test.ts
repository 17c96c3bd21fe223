/** What there is of stages, and removing it: what is used stays, what is running is left alone. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { ownerText, self } from "../../../tasks/owner.ts"
import { clean, removal } from "../../../tasks/stage/clean.ts"
import { hold } from "../../../tasks/stage/lock.ts"
import { stagePath } from "../../../tasks/stage/kept.ts"
import { survey } from "../../../tasks/stage/survey.ts"
import { memory, type Store, utf8 } from "../../../tasks/store.ts"
import { counter, made, total } from "./counter.ts"

const it = suite("tasks/stage/clean")

type Files = Map<string, Uint8Array>
const on = <A, X>(files: Files, act: Effect.Effect<A, X, Store>): Promise<A> =>
  Effect.runPromise(Effect.provide(act, memory(files)))
const counted = counter(3)
const all = { counted, total: total(counted) }
const whole = async (): Promise<Files> => {
  const files: Files = new Map()
  await on(files, made(all.total))
  return files
}
const states = (files: Files): Promise<ReadonlyArray<string>> =>
  on(files, Effect.map(survey(all), (seen) => seen.map((s) => `${s.stage.name} ${s.state}`)))

it("how stages stand is told, and nothing is changed by it", async () => {
  const files = await whole()
  const good = new Map(files)
  assert.equal(await states(new Map()), ["counter missing", "total unknown"])
  assert.equal(await states(files), ["counter cached", "total cached"])
  const seen = await on(files, survey(all))
  assert.is(seen.reduce((n, s) => n + s.bytes, 0), [...files.values()].reduce((n, b) => n + b.length, 0))
  assert.equal(files, good)
  const blob = [...files.keys()].find((p) => p.startsWith("blobs"))!
  files.set(blob, files.get(blob)!.slice(1))
  assert.equal(await states(files), ["counter cached", "total torn"])
  files.delete([...files.keys()].find((p) => p.startsWith("stages/counter"))!)
  assert.equal(await states(files), ["counter missing", "total unknown"])
  const key = (await on(files, survey(all)))[0]!.key!
  files.set(stagePath("journal", "counter", key), utf8("{}"))
  assert.equal(await states(files), ["counter interrupted", "total unknown"])
  const program = Effect.scoped(Effect.andThen(hold(stagePath("lock", "counter", key)), survey(all)))
  assert.is((await on(files, program))[0]!.state, "running")
})

it("a stage is removed with what it alone names; what others name stays", async () => {
  const files = await whole()
  const good = new Map(files)
  const dry = await on(files, removal((name) => name === "total"))
  assert.equal(files, good, "a look removes nothing")
  assert.equal(dry.files.map((f) => f.what), ["output", "file"])
  const gone = await on(files, clean((name) => name === "total"))
  assert.equal(gone, dry)
  assert.equal(await states(files), ["counter cached", "total missing"])
  assert.is([...files.keys()].filter((p) => p.startsWith("blobs")).length, 0)
  await on(files, made(all.total))
  assert.equal(files, good)
  await on(files, clean(() => true))
  assert.equal([...files.keys()], [])
})

it("what nobody names goes: files, drafts and locks of processes that are gone", async () => {
  const files = await whole()
  const good = new Map(files)
  const { host } = await self()
  files.set(`tensors/${"ef".repeat(32)}.safetensors`, utf8("nobody's"))
  files.set(`tensors/x.${ownerText({ host, pid: 2 ** 30 })}.abc.partial`, utf8("half"))
  const lock = [...files.keys()].find((p) => p.startsWith("stages/counter"))!.replace(".json", ".lock")
  files.set(
    lock,
    utf8(JSON.stringify({
      ...{ format: "orrery-lock", token: "x", since: 1 },
      owner: { pid: 2 ** 30, host, booted: (await self()).booted, session: "y" },
    })),
  )
  const live = `tensors/y.${ownerText({ host: "elsewhere", pid: 1 })}.abc.partial`
  files.set(live, utf8("another machine's"))
  files.set("tensors/notes.txt", utf8("a person's"))
  await on(files, clean(() => false))
  assert.equal([...files.keys()].filter((p) => !good.has(p)).sort(), ["tensors/notes.txt", live].sort())
})

it("what somebody makes now is left alone, and so are files that it may be about to name", async () => {
  const files = await whole()
  const loose = `blobs/${"ef".repeat(32)}`
  files.set(loose, utf8("about to be named"))
  const key = (await on(files, survey(all)))[1]!.key!
  const held = Effect.gen(function* () {
    yield* hold(stagePath("lock", "total", key))
    const fault = yield* Effect.flip(clean((name) => name === "total"))
    assert.is(fault._tag === "StageFault" && fault.reason, "held")
    assert.match(fault.message, /^total: process \d+ on .* makes it now; wait for it, or end it first/)
    yield* clean(() => false)
  })
  await on(files, Effect.scoped(held))
  assert.ok(files.has(loose))
  await on(files, clean(() => false))
  assert.not.ok(files.has(loose))
})

it("where something cannot be read its files and all others stay, and that is told", async () => {
  const files = await whole()
  const torn = [...files.keys()].find((p) => p.startsWith("stages/counter"))!
  files.set(torn, utf8("{"))
  const before = files.size
  const { notes } = await on(files, clean((name) => name === "total"))
  assert.match(notes.join(), /^files stay, for stages\/counter.* is torn/)
  assert.is(files.size, before - 1, "the output alone went")
})

it.run()
