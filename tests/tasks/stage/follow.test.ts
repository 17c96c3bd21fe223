/** Ranks that are processes: the first writes, the others follow, and all have the same output. */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { together } from "../../../core/mesh/lanes.ts"
import { Mesh, processes } from "../../../core/mesh/mesh.ts"
import { layer } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { spreadOver } from "../../../models/llama/plan.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { FileRef, getBytes, putBytes } from "../../../tasks/objects.ts"
import { following } from "../../../tasks/stage/follow.ts"
import { run } from "../../../tasks/stage/run.ts"
import { stage } from "../../../tasks/stage/stage.ts"
import { memory, Store, utf8 } from "../../../tasks/store.ts"

const it = suite("tasks/stage/follow")

const spread = spreadOver({ ring: 3 })

it("all ranks make a stage, the first alone writes, and all read what it wrote", async () => {
  const files = new Map<string, Uint8Array>()
  const made: Array<number> = []
  const both = stage({
    ...{ name: "both", version: "1", codec: t.null, settings: null, needs: {} },
    output: t.strict({ file: FileRef, last: t.number }),
    make: (_, __, journal) =>
      Effect.gen(function* () {
        const { rank } = yield* Mesh
        made.push(rank)
        const last = (yield* journal.last(t.number)) ?? 0
        const file = yield* putBytes(utf8("the same on all ranks"))
        assert.is((yield* getBytes(file)).length, 21)
        yield* journal.save(t.number, last + 1)
        return { file, last }
      }),
  })
  const after = stage({
    ...{ name: "after", version: "1", codec: t.null, settings: null, needs: { both }, output: t.string },
    make: ({ both }) => Effect.map(getBytes(both.file), (b) => new TextDecoder().decode(b)),
  })
  const told: Array<ReadonlyArray<string>> = []
  const once = Effect.gen(function* () {
    const store = yield* Store
    const writes: Array<number> = []
    const outputs = yield* together(spread.shape, (engine) => {
      const heard: Array<Event> = []
      const own: Store = {
        ...store,
        write: (p, b) => Effect.andThen(Effect.sync(() => void writes.push(engine.rank)), store.write(p, b)),
      }
      return heardBy(run(after), [(e) => Effect.sync(() => void heard.push(e))]).pipe(
        Effect.provide(events),
        Effect.provideService(Store, own),
        Effect.provide(processes(spread, engine)),
        Effect.provide(layer(oracle, "a test", engine)),
        Effect.tap(() => Effect.sync(() => told.push(heard.map((e) => `${engine.rank} ${e.stage} ${e._tag}`)))),
      )
    }, { patience: 5000 })
    return { outputs, writes }
  }).pipe(Effect.provide(memory(files)))
  const first = await Effect.runPromise(once)
  assert.equal(first.outputs, Array.from({ length: 3 }, () => "the same on all ranks"))
  assert.equal([...made].sort(), [0, 1, 2])
  assert.equal([...new Set(first.writes)], [0])
  const second = await Effect.runPromise(once)
  assert.equal(second.outputs, first.outputs)
  assert.is(made.length, 3, "cached for all")
  assert.equal(second.writes, [])
  assert.ok(told.flat().includes("0 after StageCached"))
})

it("a follower changes nothing, and waits for what it has promised to have written", async () => {
  const files = new Map<string, Uint8Array>()
  const program = Effect.gen(function* () {
    const store = yield* Store
    const own = following(store)
    yield* own.write("a", utf8("a"))
    yield* own.append("log", "x")
    assert.not.ok(yield* own.claim("lock", utf8("x")))
    assert.equal([...files.keys()], [])
    assert.is(yield* own.read("b"), undefined, "nobody promised it")
    yield* Effect.forkChild(Effect.andThen(Effect.sleep(20), store.write("a", utf8("theirs"))))
    assert.equal(yield* own.read("a"), utf8("theirs"))
    yield* own.remove("a")
    assert.ok(files.has("a"))
  })
  await Effect.runPromise(program.pipe(Effect.provide(memory(files))))
})

it.run()
