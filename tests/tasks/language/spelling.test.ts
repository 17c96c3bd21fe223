/** Text as it comes: whole characters only, nothing that ends the answer, nothing lost. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { begun, grown } from "../../../tasks/language/ending.ts"
import { begin, rest, spell } from "../../../tasks/language/spelling.ts"

const it = suite("tasks/language/spelling")

/** Bytes. Like Llama's, it leaves out a blank at the very beginning. */
const tokenizer = (stripped: boolean): Tokenizer => ({
  ...{ name: "bytes", digest: "bytes", vocab: 256, bos: undefined, eos: undefined, pad: undefined },
  encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
  decode: (ids) => {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(Array.from(ids)))
    return stripped && text.startsWith(" ") ? text.slice(1) : text
  },
})
const texts = fc.string({ unit: fc.constantFrom("a", " ", "é", "漢", "😀", "U", "US", "USE", "\n"), maxLength: 20 })

it("a character of several tokens appears when it is whole", () => {
  const t = tokenizer(false)
  let s = begin([])
  const shown = [...t.encode("a😀é")].map((token) => (s = spell(t, s, token)).shown)
  assert.equal(shown, ["a", "a", "a", "a", "a😀", "a😀", "a😀é"])
  const broken = [0x61, 0xff, 0x62].reduce((x, token) => spell(t, x, token), begin([]))
  assert.is(broken.shown, "a\ufffdb", "a byte that begins nothing does not stop the rest")
})

it("what is shown only grows, and is the text at the end, whatever ends it", () => {
  for (const stripped of [false, true]) {
    const t = tokenizer(stripped)
    fc.assert(
      fc.property(texts, fc.constantFrom([], ["USER"], ["\n", "USE"]), fc.nat(30), (text, until, limit) => {
        const ask = { stop: [], until, limit: limit + 1 }
        let s = begin(until)
        let answer = begun(ask)
        for (const token of t.encode(text)) {
          if (answer.done) break
          const before = s.shown
          s = spell(t, s, token)
          answer = grown(t, ask, answer, token)
          assert.ok(s.shown.startsWith(before))
        }
        const whole = t.decode(answer.tokens)
        assert.is(s.shown + rest(s, whole), whole)
        const ended = until.some((end) => whole.includes(end))
        assert.not(ended, `${JSON.stringify(whole)} holds its end`)
      }),
      { seed: 5, numRuns: 400 },
    )
  }
})

it("an end inside of tokens leaves what stands before it", () => {
  const pairs: Tokenizer = {
    ...tokenizer(false),
    encode: (text) => Int32Array.from(text, (c) => c.charCodeAt(0)),
    decode: (ids) => Array.from(ids, (i) => i >= 1000 ? "42\nU" : String.fromCharCode(i)).join(""),
  }
  const ask = { stop: [], until: ["\n"], limit: 10 }
  const { tokens, done } = [52, 1000, 50].reduce((a, token) => grown(pairs, ask, a, token), begun(ask))
  assert.ok(done)
  assert.is(pairs.decode(tokens), "442")
})

it.run()
