/** The store: whole or not at all. */
import * as Effect from "effect/Effect"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { digest, folder, memory, Store, type StoreFault, storeFault, utf8 } from "../../tasks/store.ts"

const it = suite("tasks/store")

/** Runs the effect on a new folder, which is removed after it. */
const inFolder = async <A, X>(use: (root: string) => Effect.Effect<A, X, Store>): Promise<A> => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    return await Effect.runPromise(use(root).pipe(Effect.provide(folder(root))))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes)

/** The same claims for every kind of store. */
const claims = Effect.gen(function* () {
  const store = yield* Store
  assert.is(yield* store.read("a/b.txt"), undefined)
  assert.equal(yield* store.list("a"), [])
  yield* store.write("a/b.txt", utf8("one"))
  yield* store.write("a/b.txt", utf8("two"))
  yield* store.append("a/log", "1\n")
  yield* store.append("a/log", "2\n")
  assert.is(text(yield* store.read("a/b.txt")), "two")
  assert.is(text(yield* store.read("a/log")), "1\n2\n")
  assert.equal(yield* store.list("a"), ["b.txt", "log"])
  yield* store.remove("a/log")
  yield* store.remove("a/log")
  assert.equal(yield* store.list("a"), ["b.txt"])
})

it("a folder and a map keep the same claims", async () => {
  await inFolder(() => claims)
  await Effect.runPromise(claims.pipe(Effect.provide(memory())))
})

it("a write leaves no temporary file", () =>
  inFolder((root) =>
    Effect.gen(function* () {
      yield* (yield* Store).write("x", utf8("1"))
      assert.equal(yield* Effect.promise(() => readdir(root)), ["x"])
    })
  ))

it("a write that fails leaves the old file and is a sentence", () =>
  inFolder((root) =>
    Effect.gen(function* () {
      const store = yield* Store
      yield* store.write("x", utf8("old"))
      const fault = yield* Effect.flip(store.write("x/y", utf8("new")))
      assert.is(fault.reason, "path")
      assert.match(fault.message, /cannot write .*x\/y: a file stands where a folder is needed/)
      assert.is(text(yield* store.read("x")), "old")
      const folderFault = yield* Effect.flip(store.read("."))
      assert.is(folderFault.reason, "path")
      const outside = yield* Effect.flip(store.read("../other"))
      assert.match(outside.message, /leaves the folder/)
      assert.is(yield* Effect.promise(() => readFile(join(root, "x"), "utf8")), "old")
    })
  ))

it("what the system says becomes advice", () => {
  const codes: ReadonlyArray<readonly [string, StoreFault["reason"], RegExp]> = [
    ["ENOSPC", "full", /free some space/],
    ["EDQUOT", "full", /free some space/],
    ["EACCES", "permission", /owner and rights/],
    ["EROFS", "permission", /owner and rights/],
    ["EIO", "other", /input\/output error/],
  ]
  for (const [code, reason, sentence] of codes) {
    const fault = storeFault("write", "runs/a", Object.assign(new Error("input/output error"), { code }))
    assert.is(fault.reason, reason)
    assert.match(fault.message, sentence)
    assert.match(fault.message, /^cannot write runs\/a: /)
  }
})

it("digests are SHA-256", async () => {
  const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
  assert.is(await Effect.runPromise(digest(utf8("abc"))), expected)
})

it("a store that is read gives copies", async () => {
  const files = new Map([["x", utf8("abc")]])
  const read = await Effect.runPromise(Effect.flatMap(Store, (s) => s.read("x")).pipe(Effect.provide(memory(files))))
  read![0] = 0
  assert.is(text(files.get("x")), "abc")
})

it.run()
