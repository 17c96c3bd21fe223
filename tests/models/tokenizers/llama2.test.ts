/** Llama-2's ids, which LWM's models read. */
import llama from "llama-tokenizer-js"
import * as fc from "fast-check"
import * as library from "@huggingface/tokenizers"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { llama2, llama2File } from "../../../models/tokenizers/llama2.ts"
import { left, right, texts } from "./texts.ts"

const it = suite("models/tokenizers/llama2")
const tokenizer = right(llama2(llama))

/** Texts and their ids. Delimiters, ids of special tokens: LWM's; the rest from the package's own tests. */
const table: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
  ["", []],
  ["<vision>", [529, 4924, 29958]],
  ["</vision>", [1533, 4924, 29958]],
  ["grabbed", [2646, 1327, 287]],
  [" grabbed", [29871, 2646, 1327, 287]],
  ["           grabbed", [9651, 2646, 1327, 287]],
  ["\n", [29871, 13]],
  [" \n", [259, 13]],
  ["\ttabs\t\t\t\tout here", [29871, 12, 21175, 12, 12, 12, 12, 449, 1244]],
  ["Hello  world\n\nA", [15043, 29871, 3186, 13, 13, 29909]],
  ["1234567", [29871, 29896, 29906, 29941, 29946, 29945, 29953, 29955]],
  ["ax\n####\nboo", [4853, 13, 4136, 13, 833, 29877]],
  ["镇", [29871, 30411]],
  ["🦙", [29871, 243, 162, 169, 156]],
  ["🦙Ꙋ", [29871, 243, 162, 169, 156, 237, 156, 141]],
  ["<s>", [529, 29879, 29958]],
]

it("has the ids that are known", () => {
  for (const [text, ids] of table) assert.equal(Array.from(tokenizer.encode(text)), ids, JSON.stringify(text))
  const { vocab, bos, eos, pad } = tokenizer
  assert.equal([vocab, bos, eos, pad], [32000, 1, 2, undefined])
})

it("puts no bos in front, of texts or of delimiters (LWM's vision text does since it changed its library)", () => {
  for (const [text] of table) assert.not.ok(tokenizer.encode(text).includes(1))
})

it("has the ids of both packages, for long texts too", () => {
  const theirs = new library.Tokenizer({ ...llama2File(llama), added_tokens: [] }, {})
  const long = table.map(([text]) => `${text} and then the ${text}\n`).join("").repeat(20)
  fc.assert(
    fc.property(fc.oneof({ weight: 1, arbitrary: fc.constant(long) }, { weight: 40, arbitrary: texts }), (text) => {
      const ids = Array.from(tokenizer.encode(text))
      assert.equal(ids, theirs.encode(text, { add_special_tokens: false }).ids)
      assert.equal(ids, llama.encode(text, false))
    }),
    { numRuns: 120 },
  )
})

it("gives every text back, but U+2581, which is a space to it", () => {
  const plain = texts.map((text) => text.replaceAll("▁", ""))
  fc.assert(fc.property(plain, (text) => tokenizer.decode(tokenizer.encode(text)) === text), { numRuns: 300 })
  assert.is(tokenizer.decode(tokenizer.encode("a▁b")), "a b")
  assert.is(tokenizer.decode([1, ...tokenizer.encode("a</s>"), 2, 0]), "a</s>")
})

it("is not what else goes by its name", () => {
  const other = { vocabById: [...llama.vocabById.slice(0, -1), "?"], merges: llama.merges }
  assert.match(left(llama2(other))[0]!.message, "another of 32000 tokens")
})

it.run()
