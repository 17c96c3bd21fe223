/** Making stages: once, in order, from the store where it is there; what is torn is made again and what fails costs nothing. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Event } from "../../../tasks/events.ts"
import { readWhole, stageFile } from "../../../tasks/stage/kept.ts"
import { runAll } from "../../../tasks/stage/run.ts"
import { type Stage, stage } from "../../../tasks/stage/stage.ts"
import { memory, Store, type StoreFault, storeFault, utf8 } from "../../../tasks/store.ts"
import { counter, made, tags, total } from "./counter.ts"

const it = suite("tasks/stage/run")

type Files = Map<string, Uint8Array>
const inMemory = <A, X>(files: Files, act: Effect.Effect<A, X, Store>): Promise<A> =>
  Effect.runPromise(Effect.provide(act, memory(files)))

/** A number that is made by counting how often. */
const numbered = (name: string, value: number, calls: Array<string>, needs = {}, version = "1"): Stage<number> =>
  stage({
    ...{ name, version, codec: t.null, settings: null, needs, output: t.number },
    make: (inputs) =>
      Effect.sync(() => {
        calls.push(name)
        return Object.values(inputs as Record<string, number>).reduce((a, b) => a + b, value)
      }),
  })

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

it("what is needed is made first, each once; then it is read", async () => {
  const calls: Array<string> = []
  const files: Files = new Map()
  const base = numbered("base", 1, calls)
  const left = numbered("left", 10, calls, { base })
  const other = numbered("other", 100, calls, { base })
  const top = numbered("top", 1000, calls, { left, other })
  const first = await inMemory(files, made(top))
  assert.is(right(first.value), 1112)
  assert.equal(calls, ["base", "left", "other", "top"])
  assert.equal(tags(first.told).slice(-2), ["top Started", "top Finished"])
  const before = new Map(files)
  const second = await inMemory(files, made(top))
  assert.is(right(second.value), 1112)
  assert.is(calls.length, 4)
  assert.equal(tags(second.told), ["base Cached", "left Cached", "other Cached", "top Cached"])
  assert.equal(files, before, "reading writes nothing")
})

it("an output that comes out the same leaves what follows alone", async () => {
  const calls: Array<string> = []
  const files: Files = new Map()
  const after = (base: Stage<number>) => numbered("after", 1, calls, { base })
  await inMemory(files, made(after(numbered("base", 1, calls))))
  await inMemory(files, made(after(numbered("base", 1, calls, {}, "2"))))
  assert.equal(calls, ["base", "after", "base"], "another version of the base, the same output")
  await inMemory(files, made(after(numbered("base", 2, calls, {}, "3"))))
  assert.equal(calls, ["base", "after", "base", "base", "after"])
})

it("side by side only where asked, and a shared need still once", async () => {
  const trail: Array<string> = []
  const slow = (name: string, needs = {}) =>
    stage({
      ...{ name, version: "1", codec: t.null, settings: null, needs, output: t.string },
      make: () =>
        Effect.gen(function* () {
          trail.push(`${name} begins`)
          yield* Effect.sleep(5)
          trail.push(`${name} ends`)
          return name
        }),
    })
  const base = slow("base")
  const both = { a: slow("a", { base }), b: slow("b", { base }) }
  const all = (together: number) => made(slow("all", both), { together })
  await inMemory(new Map(), all(1))
  const each = (name: string) => [`${name} begins`, `${name} ends`]
  assert.equal(trail.splice(0), ["base", "a", "b", "all"].flatMap(each))
  await inMemory(new Map(), all(2))
  assert.equal(trail.slice(0, 2), ["base begins", "base ends"])
  assert.equal(trail.slice(2, 4).sort(), ["a begins", "b begins"])
})

it("a stage that fails says so, is not kept, and does not keep others from being made", async () => {
  const files: Files = new Map()
  const calls: Array<string> = []
  const broken = stage({
    ...{ name: "broken", version: "1", codec: t.null, settings: null, needs: {}, output: t.number },
    make: () => Effect.fail({ _tag: "Odd" as const, message: "no luck" }),
  })
  const after = stage({
    ...{ name: "after", version: "1", codec: t.null, settings: null, needs: { broken }, output: t.number },
    make: ({ broken }) => Effect.succeed(broken),
  })
  const { value, told } = await inMemory(files, made(after))
  assert.ok(E.isLeft(value) && value.left._tag === "Odd" && value.left.message === "no luck")
  assert.equal(tags(told), ["broken Started", "broken Failed"])
  assert.equal([...files.keys()], [], "not even a lock")
  const program = Effect.match(runAll({ one: numbered("one", 1, calls), after }), {
    onFailure: (fault) => fault._tag,
    onSuccess: () => "made",
  })
  const told2 = made(stage({
    ...{ name: "outer", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
    make: () => program,
  }))
  assert.equal(right((await inMemory(files, told2)).value), "Odd")
  assert.equal(calls, ["one"])
})

it("a defect and an interruption release the lock and are told", async () => {
  const files: Files = new Map()
  const dies = stage({
    ...{ name: "dies", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    make: () => Effect.die(new Error("a bug")),
  })
  const hangs = stage({
    ...{ name: "hangs", version: "1", codec: t.null, settings: null, needs: {}, output: t.null },
    make: () => Effect.as(Effect.never, null),
  })
  const outcome = await inMemory(files, Effect.exit(made(dies)))
  assert.is(outcome._tag, "Failure")
  const late = await inMemory(files, Effect.timeoutOption(made(hangs), 20))
  assert.is(late._tag, "None")
  assert.equal([...files.keys()], [])
})

it("an output that its codec does not keep is a fault", async () => {
  const nan = numbered("nan", NaN, [])
  const { value } = await inMemory(new Map(), made(nan))
  assert.ok(E.isLeft(value))
  assert.match(value.left.message, /nan: in the output it is NaN, which JSON does not keep/)
})

it("an output that is too deep, or whose codec throws, is a fault; so is a `make` that gives no effect", async () => {
  const odd = (output: t.Type<unknown, unknown>, make: () => unknown) =>
    inMemory(
      new Map(),
      made(stage({
        ...{ name: "odd", version: "1", codec: t.null, settings: null, needs: {}, output },
        make: make as () => Effect.Effect<unknown>,
      })),
    )
  const deep = Array.from({ length: 20_000 }).reduce<unknown>((x) => [x], 1)
  const throws = new t.Type<unknown, unknown>("Throws", t.unknown.is, t.success, () => {
    throw new Error("no more")
  })
  const wrong = [
    [await odd(t.unknown, () => Effect.succeed(deep)), /^odd: in the output .* is more than 500 levels deep/],
    [await odd(throws, () => Effect.succeed(1)), /^odd: the output cannot be written: its codec threw Error: no more/],
    [await odd(t.unknown, () => 3), /^odd: its `make` gives no effect; wrap it/],
  ] as const
  for (const [{ value, told }, why] of wrong) {
    assert.ok(E.isLeft(value))
    assert.match(value.left.message, why)
    assert.equal(tags(told), ["odd Started", "odd Failed"])
  }
})

it("an output that names a file that is not there is a fault", async () => {
  const files: Files = new Map()
  const { value } = await inMemory(
    files,
    made(stage({
      ...{ name: "loose", version: "1", codec: t.null, settings: null, needs: {}, output: t.unknown },
      make: () => Effect.succeed({ file: { digest: "ab".repeat(32), bytes: 3 } } as unknown),
    })),
  )
  assert.ok(E.isLeft(value))
  assert.match(value.left.message, /names what is not there: tensors\/abab.* is missing/)
  assert.equal([...files.keys()], [])
})

it("made again when asked, and what was there stays until it is replaced", async () => {
  const files: Files = new Map()
  const calls: Array<string> = []
  const base = numbered("base", 1, calls)
  const top = numbered("top", 1, calls, { base })
  await inMemory(files, made(top))
  const { told } = await inMemory(files, made(top, { again: new Set(["base"]) }))
  assert.equal(tags(told), ["base Started", "base Finished", "top Cached"])
})

// ---- torn files ----------------------------------------------------------------

const counted = total(counter(2))
const whole = async (): Promise<Files> => {
  const files: Files = new Map()
  right((await inMemory(files, made(counted))).value)
  return files
}

it("no truncation of any file is believed", async () => {
  const good = await whole()
  const outputs = [...good.keys()].flatMap((path) => {
    const [, name, file] = path.split("/")
    return path.startsWith("stages/") ? [{ name: name!, key: stageFile(file!)!.key }] : []
  })
  assert.is(outputs.length, 2)
  const believed = (files: Files): Promise<number> =>
    inMemory(
      files,
      Effect.map(
        Effect.forEach(outputs, ({ name, key }) => readWhole("output", name, key, "bytes")),
        (all) => all.filter((e) => e !== undefined && E.isRight(e)).length,
      ),
    )
  assert.is(await believed(good), 2)
  for (const [path, bytes] of good) {
    for (let n = 0; n < bytes.length; n++) {
      const files = new Map(good).set(path, bytes.slice(0, n))
      assert.ok(await believed(files) < 2, `${path} cut off after ${n} of ${bytes.length} bytes`)
    }
  }
})

it("a truncation of any file, a flipped byte and a file that is gone are made good, and told", async () => {
  const good = await whole()
  assert.is(good.size, 4)
  for (const [path, bytes] of good) {
    const cuts = [...new Set([0, 1, 7, bytes.length >> 1, bytes.length - 2, bytes.length - 1])]
    const flipped = [0.2, 0.5, 0.8].map((share) => {
      const other = bytes.slice()
      other[Math.floor(share * bytes.length)]! ^= 1
      return other
    })
    for (const torn of [undefined, ...cuts.map((n) => bytes.slice(0, n)), ...flipped]) {
      const files = new Map(good)
      if (torn === undefined) files.delete(path)
      else files.set(path, torn)
      const { value, told } = await inMemory(files, made(counted))
      const what = `${path} ${torn === undefined ? "gone" : `of ${torn.length} bytes`}`
      assert.ok(E.isRight(value), what)
      assert.equal(files, good, what)
      const missing = torn === undefined && path.endsWith(".json")
      const again = told.flatMap((e) => e._tag === "Note" ? [`${e.stage} ${e.text}`] : [])
      if (!missing) assert.ok(again.length > 0, what)
      assert.is(new Set(again).size, again.length, `${what}: told once`)
    }
  }
})

// ---- a store that fails ----------------------------------------------------------

/** A store on which every change from the n-th on fails, as on a full disk. */
const failing = (store: Store, limit: number): Store => {
  let changes = 0
  const full = (path: string): StoreFault => storeFault("write", path, Object.assign(new Error(), { code: "ENOSPC" }))
  const change = <A>(path: string, act: Effect.Effect<A, StoreFault>): Effect.Effect<A, StoreFault> =>
    Effect.suspend(() => ++changes > limit ? Effect.fail(full(path)) : act)
  return {
    ...store,
    write: (p, b) => change(p, store.write(p, b)),
    claim: (p, b) => change(p, store.claim(p, b)),
    append: (p, x) => change(p, store.append(p, x)),
  }
}

it("a disk that is full at any moment is a typed fault, costs nothing, and is gone on from", async () => {
  const good = await whole()
  const other = total(counter(1))
  let finished = false
  for (let limit = 0; !finished; limit++) {
    assert.ok(limit < 100)
    const files: Files = new Map()
    right((await inMemory(files, made(other))).value)
    const before = new Map(files)
    const weak = Effect.flatMap(Store, (store) => Effect.provideService(made(counted), Store, failing(store, limit)))
    const { value } = await inMemory(files, weak)
    if (E.isLeft(value)) {
      assert.is(value.left._tag, "StoreFault")
      assert.is((value.left as StoreFault).reason, "full", `after ${limit} changes`)
      assert.match(value.left.message, /the disk is full: free some space/)
    } else finished = true
    for (const [path, bytes] of before) assert.equal(files.get(path), bytes, `${path} after ${limit} changes`)
    assert.not.ok([...files.keys()].some((path) => path.includes(".lock")), "no lock stays")
    right((await inMemory(files, made(counted))).value)
    for (const [path, bytes] of good) assert.equal(files.get(path), bytes, `${path} after ${limit} changes and again`)
    assert.is([...files.keys()].filter((path) => path.includes("journal")).length, 0)
  }
})

/** The same lock, as a process left it that had this one's number before. */
const orphaned = (bytes: Uint8Array): Uint8Array =>
  utf8(new TextDecoder().decode(bytes).replace(/"session":"[^"]*"/, '"session":"gone"'))

/** A store that loses all changes from the n-th on, as when the process ends there; what it did goes to `lost`. */
const dying = (store: Store, limit: number, lost: () => void): Store => {
  let changes = 0
  const change = <A>(act: Effect.Effect<A, StoreFault>, instead: A): Effect.Effect<A, StoreFault> =>
    Effect.suspend(() => {
      if (++changes <= limit) return act
      lost()
      return Effect.succeed(instead)
    })
  return {
    ...store,
    write: (p, b) => change(store.write(p, b), undefined),
    claim: (p, b) => change(store.claim(p, orphaned(b)), true),
    remove: (p) => change(store.remove(p), undefined),
  }
}

it("a process that ends between any two changes is gone on from, and what it left is taken over", async () => {
  const good = await whole()
  let ended = true
  for (let limit = 0; ended; limit++) {
    ended = false
    assert.ok(limit < 100)
    const files: Files = new Map()
    const program = Effect.flatMap(
      Store,
      (store) => Effect.provideService(made(counted), Store, dying(store, limit, () => ended = true)),
    )
    await inMemory(files, program)
    const lockOf = (name: string) =>
      [...files.keys()].some((p) => p.startsWith(`stages/${name}/`) && p.endsWith(".lock"))
    const locked = ["counter", "total"].filter(lockOf)
    const { value, told } = await inMemory(files, made(counted))
    right(value)
    for (const [path, bytes] of good) assert.equal(files.get(path), bytes, `${path} after ${limit} changes`)
    assert.not.ok([...files.keys()].some((p) => /journal/.test(p)), `after ${limit} changes`)
    // A lock that was left behind beside a whole output is in nobody's way; else it is taken over.
    const is = (name: string, tag: Event["_tag"]) => told.some((e) => e.stage === name && e._tag === tag)
    for (const name of locked) {
      assert.ok(is(name, "Note") || is(name, "StageCached"), `${name} after ${limit} changes`)
      assert.is(lockOf(name), !is(name, "Note"))
    }
  }
})

it.run()
