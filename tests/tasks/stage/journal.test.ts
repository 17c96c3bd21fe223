/** The journal: the last state or none, and only files that nobody names any more are removed. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { blobPath, FileRef, putBytes } from "../../../tasks/objects.ts"
import { journalOf } from "../../../tasks/stage/journal.ts"
import { keep, stagePath, writeKept } from "../../../tasks/stage/kept.ts"
import type { Journal } from "../../../tasks/stage/stage.ts"
import { memory, type Store, utf8 } from "../../../tasks/store.ts"

const it = suite("tasks/stage/journal")

const key = "ab".repeat(32)
const State = t.strict({ step: t.number, files: t.readonlyArray(FileRef) })
const path = stagePath("journal", "one", key)

/** Uses a journal in a store; gives what was told. */
const using = async (
  files: Map<string, Uint8Array>,
  use: (journal: Journal) => Effect.Effect<unknown, { readonly message: string }, Store>,
  desk: { readonly name?: string; readonly made?: string; readonly holds?: boolean } = {},
): Promise<ReadonlyArray<Event>> => {
  const told: Array<Event> = []
  const { name = "one", made = "", holds = true } = desk
  const program = Effect.flatMap(journalOf({ name, key, made, lock: { holds: Effect.succeed(holds) } }), use)
  await Effect.runPromise(
    heardBy(program, [(e) => Effect.sync(() => void told.push(e))]).pipe(
      Effect.provide(events),
      Effect.provide(memory(files)),
    ),
  )
  return told
}
const bytes = (text: string) => putBytes(utf8(text))
const blobs = (files: Map<string, Uint8Array>): ReadonlyArray<string> =>
  [...files].filter(([p]) => p.startsWith("blobs/")).map(([, b]) => new TextDecoder().decode(b)).sort()
const saveOf = (journal: Journal, step: number, ...texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    yield* journal.save(State, { step, files: yield* Effect.forEach(texts, bytes) })
  })

/** The sentence of what must fail. */
const refusedBy = <R>(act: Effect.Effect<unknown, { readonly message: string }, R>): Effect.Effect<string, never, R> =>
  Effect.match(act, { onFailure: (fault) => fault.message, onSuccess: () => "it did not fail" })

it("the last state is read back; there is none before the first", async () => {
  const files = new Map<string, Uint8Array>()
  await using(files, (journal) =>
    Effect.gen(function* () {
      assert.is(yield* journal.last(State), undefined)
      yield* saveOf(journal, 1, "a")
      yield* saveOf(journal, 2, "a", "b")
      assert.is((yield* journal.last(State))?.step, 2)
    }))
  await using(files, (journal) => Effect.map(journal.last(State), (s) => assert.is(s?.files.length, 2)))
})

it("files of older states go; those that outputs, other journals or the state itself name stay", async () => {
  const files = new Map<string, Uint8Array>()
  await using(files, (journal) => saveOf(journal, 1, "shared with a journal"), { name: "two" })
  await using(files, (journal) =>
    Effect.gen(function* () {
      const kept = yield* keep({ deep: [{ file: yield* bytes("shared with an output") }] }, "")
      if (E.isRight(kept)) yield* writeKept("output", "three", key, kept.right)
      yield* saveOf(journal, 1, "first", "shared with a journal", "shared with an output", "stays")
      yield* saveOf(journal, 2, "second", "stays")
      assert.equal(blobs(files), ["second", "shared with a journal", "shared with an output", "stays"])
      yield* saveOf(journal, 3, "third")
    }))
  assert.equal(blobs(files), ["shared with a journal", "shared with an output", "third"])
})

it("where anything cannot be read nothing is removed, and what was not removed goes later", async () => {
  const files = new Map<string, Uint8Array>()
  const torn = stagePath("output", "two", key)
  files.set(torn, utf8("{"))
  await using(files, (journal) =>
    Effect.gen(function* () {
      yield* saveOf(journal, 1, "first")
      yield* saveOf(journal, 2, "second")
      assert.equal(blobs(files), ["first", "second"])
    }))
  files.delete(torn)
  await using(files, (journal) => saveOf(journal, 3, "third"))
  assert.equal(blobs(files), ["third"])
})

it("a state whose file is torn is as none, and that is told", async () => {
  for (const harm of ["gone", "torn", "damaged", "form"] as const) {
    const files = new Map<string, Uint8Array>()
    await using(files, (journal) => saveOf(journal, 1, "state"))
    const blob = [...files.keys()].find((p) => p.startsWith("blobs/"))!
    if (harm === "gone") files.delete(blob)
    if (harm === "torn") files.set(blob, files.get(blob)!.slice(1))
    if (harm === "damaged") files.set(blob, utf8("stale"))
    const told = await using(files, (journal) =>
      Effect.gen(function* () {
        const other = harm === "form" ? journal.last(t.strict({ other: t.string })) : journal.last(State)
        assert.is(yield* other, undefined)
      }))
    assert.equal(told.map((e) => [e._tag, e.stage]), [["Note", "one"]], harm)
    await using(files, (journal) => saveOf(journal, 2, "new"))
    assert.equal(blobs(files), harm === "gone" ? ["new"] : ["new"], "what was torn is not kept")
  }
})

it("a state that names what is not there is refused, and so is one of a process that was taken over", async () => {
  const files = new Map<string, Uint8Array>()
  await using(files, (journal) => saveOf(journal, 1, "a"))
  const before = files.get(path)
  const loose = { step: 2, files: [{ digest: "cd".repeat(32), bytes: 2 }] }
  await using(files, (journal) =>
    Effect.gen(function* () {
      const fault = yield* refusedBy(journal.save(State, loose))
      assert.match(fault, /names what is not there: tensors\/cdcd.* is missing; run again/)
      assert.match(yield* refusedBy(journal.save(t.number, NaN)), /it is NaN/)
    }))
  await using(
    files,
    (journal) => Effect.map(refusedBy(saveOf(journal, 3, "b")), (fault) => assert.match(fault, /taken it over/)),
    { holds: false },
  )
  assert.is(files.get(path), before)
  assert.ok(files.has(blobPath([...files.keys()].find((p) => p.startsWith("blobs/"))!.slice(6))))
})

it("going on with another device is told", async () => {
  const files = new Map<string, Uint8Array>()
  await using(files, (journal) => saveOf(journal, 1), { made: "wasm" })
  assert.equal(await using(files, (journal) => journal.last(State), { made: "wasm" }), [])
  const told = await using(files, (journal) => journal.last(State), { made: "webgpu" })
  assert.match(told.map((e) => e._tag === "Note" ? e.text : "").join(), /it was begun on wasm/)
})

it.run()
