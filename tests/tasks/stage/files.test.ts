import { suite } from "uvu"
import * as assert from "uvu/assert"
import { filesIn } from "../../../tasks/stage/files.ts"

const it = suite("tasks/stage/files")

const digest = "a".repeat(64)

it("finds the files that a value names, wherever they are, each once", () => {
  const file = { digest, bytes: 3 }
  assert.equal(filesIn({ a: [file, { b: file }], c: { digest: "b".repeat(64), bytes: 4 } }), [
    file,
    { digest: "b".repeat(64), bytes: 4 },
  ])
  assert.equal(filesIn([null, 1, "a", { digest: "short", bytes: 3 }, { digest, bytes: -1 }]), [])
})

it("takes no measure for a file: bits per byte of a model tell its digest and how many bytes of text they are of", () => {
  assert.equal(filesIn({ language: "llama", digest, context: 64, tokens: 299, bytes: 300, bits: 8 }), [])
})

it.run()
