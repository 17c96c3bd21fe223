/** Locks: one at a time, dead owners' are taken over once, and real processes wait for each other and survive kills. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { isGone, self } from "../../../tasks/owner.ts"
import { hold, type Holder, holderOf } from "../../../tasks/stage/lock.ts"
import { folder, memory, utf8 } from "../../../tasks/store.ts"
import { child, type Ended } from "./counter.ts"

const it = suite("tasks/stage/lock")

const inFolder = async (use: (root: string) => Promise<void>): Promise<void> => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    await use(root)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
const link = (token: string, owner: object): Uint8Array =>
  utf8(JSON.stringify({ format: "orrery-lock", token, owner, since: 1 }))
const owner = async (other: object = {}) => ({ ...(await self()), ...other })

it("of many who want it one has it at a time, in memory and in a folder", () =>
  inFolder(async (root) => {
    for (const layer of [memory(), folder(root)]) {
      let inside = 0
      let most = 0
      const work = Effect.scoped(Effect.gen(function* () {
        yield* hold("a/x.lock", { pause: 1 })
        most = Math.max(most, ++inside)
        yield* Effect.sleep(1)
        inside--
      }))
      await Effect.runPromise(
        Effect.forEach(Array.from({ length: 12 }), () => work, { concurrency: "unbounded" }).pipe(
          Effect.provide(layer),
        ),
      )
      assert.is(most, 1)
    }
    assert.equal(await readdir(join(root, "a")), [])
  }))

it("a dead owner's is taken over by one of many, through any number of dead ones", async () => {
  const files = new Map<string, Uint8Array>()
  const dead = await owner({ session: "before" })
  files.set("x.lock", link("one", dead))
  files.set("x.lock.after-one", link("two", { ...dead, booted: 0 }))
  assert.is(await Effect.runPromise(holderOf("x.lock").pipe(Effect.provide(memory(files)))), undefined)
  const taken: Array<Holder> = []
  let inside = 0
  const work = Effect.scoped(Effect.gen(function* () {
    const lock = yield* hold("x.lock", { pause: 1, takes: (h) => Effect.sync(() => void taken.push(h)) })
    assert.is(++inside, 1)
    assert.ok(yield* lock.holds)
    yield* Effect.sleep(1)
    inside--
  }))
  await Effect.runPromise(
    Effect.forEach(Array.from({ length: 8 }), () => work, { concurrency: "unbounded" }).pipe(
      Effect.provide(memory(files)),
    ),
  )
  assert.equal(taken.map((h) => h.token), ["two"])
  assert.equal([...files.keys()], [])
})

it("an owner on another machine is believed as long as it gives signs of life", async () => {
  const files = new Map<string, Uint8Array>()
  files.set("x.lock", link("far", await owner({ host: "elsewhere", pid: 1 })))
  const waited: Array<Holder> = []
  let beats = 0
  const program = Effect.scoped(Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.scoped(
      hold("x.lock", { patience: 200, pause: 10, waits: (h) => Effect.sync(() => void waited.push(h)) }),
    ))
    for (; beats < 30; beats++) {
      files.set("x.lock.beat-far", utf8(String(beats)))
      yield* Effect.sleep(10)
      assert.is(fiber.pollUnsafe(), undefined)
    }
    yield* Fiber.join(fiber)
  }))
  await Effect.runPromise(program.pipe(Effect.provide(memory(files))))
  assert.is(beats, 30)
  assert.equal(waited.map((h) => h.owner?.host), ["elsewhere"])
})

it("who was taken over knows it", async () => {
  const files = new Map<string, Uint8Array>()
  const program = Effect.scoped(Effect.gen(function* () {
    const lock = yield* hold("x.lock")
    assert.ok(yield* lock.holds)
    const token = JSON.parse(new TextDecoder().decode(files.get("x.lock"))).token
    files.set(`x.lock.after-${token}`, link("other", yield* Effect.promise(() => owner())))
    assert.not.ok(yield* lock.holds)
  }))
  await Effect.runPromise(program.pipe(Effect.provide(memory(files))))
})

it("a lock that cannot be read has an unknown owner, and is waited for", async () => {
  const files = new Map([["x.lock", new Uint8Array()]])
  const program = Effect.scoped(hold("x.lock", { patience: 5, pause: 1 }))
  await Effect.runPromise(program.pipe(Effect.provide(memory(files))))
  assert.equal([...files.keys()].filter((p) => !p.startsWith("x.lock")), [])
})

it("this process lives, one of another session does not, one far away is not known to be gone", async () => {
  assert.not.ok(await isGone(await owner()))
  assert.ok(await isGone(await owner({ session: "before" })))
  assert.ok(await isGone(await owner({ pid: 2 ** 30 })))
  assert.not.ok(await isGone(await owner({ pid: 2 ** 30, host: "elsewhere" })))
})

// ---- processes -----------------------------------------------------------------

const all = async (root: string): Promise<ReadonlyMap<string, string>> => {
  const names = await readdir(root, { recursive: true, withFileTypes: true })
  const files = names.filter((f) => f.isFile()).map((f) => join(f.parentPath, f.name)).sort()
  return new Map(
    await Promise.all(
      files.map(async (f) => [f.slice(root.length), await readFile(f, "latin1")] as const),
    ),
  )
}

const digestOf = ({ out, err, code }: Ended): string => {
  assert.is(code, 0, err)
  return /^digest (\w+)$/m.exec(out)![1]!
}

it("of two processes on one key one makes it and the other waits, says so, and reads it", () =>
  inFolder(async (root) => {
    const both = await Promise.all([child([root, "12", "30"]).ended, child([root, "12", "30"]).ended])
    assert.is(digestOf(both[0]), digestOf(both[1]))
    const outs = both.map((e) => e.out).sort((a, b) => a.indexOf("Waiting") - b.indexOf("Waiting"))
    assert.match(outs[0]!, /^counter Started\ncounter Finished/)
    assert.match(outs[1]!, /^counter Waiting\ncounter Cached/)
    assert.equal([...(await all(root)).keys()].filter((p) => /lock|journal|partial/.test(p)), [])
  }))

/** Kills a run at random moments and resumes it, so often; gives how often it went on from a journal. */
const killed = async (root: string, times: number): Promise<number> => {
  let [kills, resumed, span] = [0, 0, 80]
  for (let n = 0; kills < times; n++) {
    assert.ok(n < 6 * times, `only ${kills} of ${n} were killed in time`)
    const { kill, begins, ended } = child([root, "24", "10"])
    await begins
    setTimeout(kill, span * Math.random())
    const { code, out } = await ended
    span *= code === null ? 1.3 : 0.5 // a busy machine saves its first step late: nothing is gone on from what is killed before
    if (code === null) kills++
    else await rm(root, { recursive: true, force: true })
    if (/^counter Resumed/m.test(out)) resumed++
  }
  return resumed
}

it("killed at ten random moments and resumed, it gives the same bytes as undisturbed", () =>
  inFolder(async (root) => {
    const [good, ...bad] = ["good", "one", "two"].map((name) => join(root, name)) as [string, string, string]
    const [undisturbed, ...resumed] = await Promise.all([
      child([good, "24"]).ended,
      ...bad.map((folder) => killed(folder, 5)),
    ])
    assert.ok(resumed.some((n) => n > 0), "one at least went on")
    const ends = await Promise.all(bad.map((folder) => child([folder, "24"]).ended))
    const whole = await all(good)
    for (const [i, end] of ends.entries()) {
      assert.is(digestOf(end), digestOf(undisturbed))
      const found = await all(bad[i]!)
      for (const [path, bytes] of whole) assert.is(found.get(path), bytes, path)
      const more = [...found.keys()].filter((p) => !whole.has(p))
      assert.ok(more.length <= 5, `a kill leaves a file at most: ${more.join()}`)
      assert.ok(more.every((p) => /^.tensors.[0-9a-f]{64}\.safetensors$|\.lock/.test(p)), more.join())
    }
  }))

it.run()
