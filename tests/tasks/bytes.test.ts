import fc from "fast-check"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sha256 } from "../../core/graph/sha256.ts"
import { readWhole, sha256Of } from "../../tasks/bytes.ts"

const it = suite("tasks/bytes")

it("a digest is the same in parts of any size", () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 70 }), async (bytes, most) => {
      assert.is(await sha256Of(bytes, most), sha256(bytes))
      assert.is(await sha256Of(bytes), sha256(bytes))
    }),
  ))

it("a file is read whole in parts of any size; a folder is none, and what is not there rejects", async () => {
  const folder = await fs.mkdtemp(join(tmpdir(), "orrery-"))
  try {
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7)
    await fs.writeFile(join(folder, "a"), bytes)
    await fs.writeFile(join(folder, "empty"), new Uint8Array())
    for (const most of [1, 999, 1000, 5000]) assert.equal(await readWhole(fs, join(folder, "a"), most), bytes)
    assert.is((await readWhole(fs, join(folder, "empty"))).length, 0)
    const code = (path: string) => readWhole(fs, path).then(() => "", (e: { code: string }) => e.code)
    assert.is(await code(folder), "EISDIR")
    assert.is(await code(join(folder, "b")), "ENOENT")
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
})

it.run()
