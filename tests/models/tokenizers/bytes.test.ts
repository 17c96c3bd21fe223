import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import { texts } from "./texts.ts"

const it = suite("models/tokenizers/bytes")

it("are UTF-8, and what is special comes after them", () => {
  assert.equal(Array.from(bytes.encode("é\n")), [0xc3, 0xa9, 10])
  assert.equal([bytes.vocab, bytes.bos, bytes.eos, bytes.pad], [259, 256, 257, 258])
})

it("come back as they were; special tokens are left out, and broken bytes are marked", () => {
  fc.assert(fc.property(texts, (text) => bytes.decode(bytes.encode(text)) === text))
  assert.is(bytes.decode([256, 104, 105, 257, 258, 300, -1]), "hi")
  assert.is(bytes.decode([0xc3]), "\uFFFD")
})

it.run()
