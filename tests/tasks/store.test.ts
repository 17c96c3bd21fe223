/** The store: whole or not at all; checkpoints: the newest whole one is found. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Stored } from "../../core/files/safetensors.ts"
import { newest, save } from "../../tasks/checkpoint.ts"
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

const tensors = (
  x: number,
): ReadonlyArray<Stored> => [{ name: "w", dtype: "f32", shape: [3], data: Float32Array.of(x, 2, 3) }]
const settings = "0".repeat(64)

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

it("the newest checkpoint is found, older ones are removed, and equal tensors have equal digests", () =>
  inFolder((root) =>
    Effect.gen(function* () {
      for (const step of [1, 2, 3]) yield* save(step, settings, tensors(step), 2)
      const found = yield* newest(settings)
      assert.is(found.checkpoint?.manifest.step, 3)
      assert.equal(found.checkpoint?.tensors, tensors(3))
      assert.equal(found.skipped, [])
      assert.equal(yield* Effect.promise(() => readdir(join(root, "checkpoints"))), ["00000002.json", "00000003.json"])
      assert.is((yield* Effect.promise(() => readdir(join(root, "tensors")))).length, 2)
      const again = yield* save(4, settings, tensors(9), 2)
      const same = yield* save(4, settings, tensors(9), 2)
      assert.equal(again, same)
    })
  ))

/** What can befall the last of two checkpoints, and the reason that is given. */
const mishaps: ReadonlyArray<readonly [string, (files: Map<string, Uint8Array>, tensorPath: string) => void, RegExp]> =
  [
    ["its tensors are cut off", (f, p) => f.set(p, f.get(p)!.slice(0, -1)), /torn/],
    ["one bit is turned", (f, p) => f.set(p, f.get(p)!.map((b, i) => i === 90 ? b ^ 1 : b)), /damaged/],
    ["its tensors are gone", (f, p) => f.delete(p), /missing/],
    [
      "its manifest says another step",
      (f) => {
        const old = text(f.get("checkpoints/00000002.json"))!
        f.set("checkpoints/00000002.json", utf8(old.replace('"step": 2', '"step": 4000000')))
      },
      /says step 4000000, which its name does not/,
    ],
    [
      "its manifest is a copy of another step's",
      (f) => {
        const old = text(f.get("checkpoints/00000001.json"))!
        f.set("checkpoints/00000002.json", utf8(old.replace('"step": 1', '"step": 2')))
      },
      /says step 2, its tensors are of step 1/,
    ],
    ["its manifest is empty", (f) => f.set("checkpoints/00000002.json", new Uint8Array()), /not JSON/],
    [
      "its manifest is of another kind",
      (f) => f.set("checkpoints/00000002.json", utf8("{}")),
      /expected "orrery-checkpoint"/,
    ],
    [
      "its manifest names a path",
      (f, p) => {
        const old = text(f.get("checkpoints/00000002.json"))!
        f.set("checkpoints/00000002.json", utf8(old.replace(/"[0-9a-f]{64}",\n {4}"bytes"/, `"../${p}",\n    "bytes"`)))
      },
      /SHA-256/,
    ],
  ]

for (const [name, mishap, why] of mishaps) {
  it(`a torn checkpoint is passed over: ${name}`, () => {
    const files = new Map<string, Uint8Array>()
    const program = Effect.gen(function* () {
      yield* save(1, settings, tensors(1), 2)
      const last = yield* save(2, settings, tensors(2), 2)
      mishap(files, `tensors/${last.state.digest}.safetensors`)
      const found = yield* newest(settings)
      assert.is(found.checkpoint?.manifest.step, 1)
      assert.equal(found.checkpoint?.tensors, tensors(1))
      assert.is(found.skipped.length, 1)
      assert.match(found.skipped[0]!.why, why)
    })
    return Effect.runPromise(program.pipe(Effect.provide(memory(files))))
  })
}

it("a checkpoint of other settings is passed over and says so", () =>
  Effect.runPromise(
    Effect.gen(function* () {
      yield* save(1, "1".repeat(64), tensors(1), 2)
      const found = yield* newest(settings)
      assert.is(found.checkpoint, undefined)
      assert.match(found.skipped[0]!.why, /other settings/)
    }).pipe(Effect.provide(memory())),
  ))

it("a crash between any two writes leaves a whole checkpoint", () =>
  fc.assert(
    fc.asyncProperty(fc.nat(12), async (limit) => {
      const files = new Map<string, Uint8Array>()
      let writes = 0
      /** A store that loses power after `limit` changes. */
      const dying = Effect.gen(function* () {
        const store = yield* Store
        const change = (act: Effect.Effect<void, StoreFault>): Effect.Effect<void, StoreFault> =>
          Effect.suspend(() => ++writes > limit ? Effect.die("power") : act)
        const wrapped: Store = {
          ...store,
          write: (p, b) => change(store.write(p, b)),
          remove: (p) => change(store.remove(p)),
        }
        return yield* Effect.forEach([2, 3, 4], (step) => save(step, settings, tensors(step), 2)).pipe(
          Effect.provideService(Store, wrapped),
        )
      })
      const program = Effect.gen(function* () {
        yield* save(1, settings, tensors(1), 2)
        yield* Effect.exit(dying)
        const { checkpoint, skipped } = yield* newest(settings)
        assert.ok(checkpoint !== undefined && checkpoint.manifest.step >= 1)
        assert.equal(checkpoint.tensors, tensors(checkpoint.manifest.step))
        assert.equal(skipped, [])
      })
      await Effect.runPromise(program.pipe(Effect.provide(memory(files))))
    }),
    { seed: 1, numRuns: 30 },
  ))

it("a draft that a crash left behind is neither read nor kept", () =>
  inFolder((root) =>
    Effect.gen(function* () {
      yield* save(1, settings, tensors(1), 2)
      yield* Effect.promise(() => writeFile(join(root, "checkpoints", "00000002.json.partial"), "{"))
      yield* Effect.promise(() => writeFile(join(root, "tensors", "x.safetensors.partial"), "{"))
      assert.is((yield* newest(settings)).checkpoint?.manifest.step, 1)
      yield* save(3, settings, tensors(3), 2)
      assert.is((yield* Effect.promise(() => readdir(join(root, "tensors")))).length, 2)
    })
  ))

it.run()
