/** Chat token by token: what is asked is exactly what was learned. */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { chatEnds, chatExample, chatPrompt, chatTurn, type Turn } from "../../../tasks/language/chat.ts"

const it = suite("tasks/language/chat")

/** Bytes, and pairs of equal letters as one token, so that a cut between texts can be seen. */
const tokenizer: Tokenizer = {
  ...{ name: "pairs", digest: "pairs", vocab: 600, bos: 256, eos: 257, pad: undefined },
  encode: (text) => {
    const bytes = [...new TextEncoder().encode(text)]
    const ids: Array<number> = []
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] === bytes[i + 1]) ids.push(300 + bytes[i++]!)
      else ids.push(bytes[i]!)
    }
    return Int32Array.from(ids)
  },
  decode: (ids) =>
    new TextDecoder().decode(
      Uint8Array.from(Array.from(ids).flatMap((i) => i >= 300 ? [i - 300, i - 300] : i < 256 ? [i] : [])),
    ),
}

it("is LWM's form, and counts what the assistant says with its end", () => {
  const { tokens, counted } = chatExample(
    tokenizer,
    [{ user: "Who?", assistant: "Ishmael." }, { user: "Why?", assistant: "No." }],
    { context: "Call me Ishmael." },
  )
  const text = "You are a helpful assistant. USER: Call me Ishmael. Who? ASSISTANT: Ishmael. USER: Why? ASSISTANT: No."
  assert.is(tokenizer.decode(tokens), text)
  assert.equal([tokens[0], tokens.at(-1)], [256, 257])
  const said = Array.from(tokens).filter((_, i) => counted[i] === 1)
  assert.equal(said, [...tokenizer.encode(" Ishmael."), 257, ...tokenizer.encode(" No."), 257])
  const [own] = [chatExample(tokenizer, [{ user: "a", assistant: "b" }], { system: "Be brief." })]
  assert.is(tokenizer.decode(own.tokens), "Be brief. USER: a ASSISTANT: b")
  assert.equal(chatExample(tokenizer, []), { tokens: new Int32Array(0), counted: new Uint8Array(0) })
})

it("asks exactly what was learned, at every turn, with a text or without", () => {
  const words = fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "😀"), maxLength: 12 })
  const turns = fc.array(fc.record({ user: words, assistant: words }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(turns, fc.option(words, { nil: undefined }), (list: ReadonlyArray<Turn>, context) => {
      const beginning = context === undefined ? {} : { context }
      const { tokens, counted } = chatExample(tokenizer, list, beginning)
      const read = list.flatMap(({ user, assistant }, i) => [
        ...(i === 0 ? chatPrompt(tokenizer, { question: user, ...beginning }) : chatTurn(tokenizer, user)),
        ...tokenizer.encode(` ${assistant}`),
      ])
      assert.equal([...read, 257], [...tokens])
      const asked = list.reduce((n, { assistant }) => n + tokenizer.encode(` ${assistant}`).length + 1, 0)
      assert.is(counted.reduce((a, b) => a + b, 0), asked)
      if (context !== undefined) {
        assert.equal(
          chatPrompt(tokenizer, { question: "q", context: tokenizer.encode(context) }),
          chatPrompt(tokenizer, {
            question: "q",
            context,
          }),
        )
      }
    }),
    { seed: 3, numRuns: 100 },
  )
})

it("knows no token that its tokenizer lacks", () => {
  const bare: Tokenizer = { ...tokenizer, bos: undefined, eos: undefined }
  assert.is(tokenizer.decode(chatPrompt(bare, { question: "a" })), "You are a helpful assistant. USER: a ASSISTANT:")
  assert.ok(chatExample(bare, [{ user: "a", assistant: "b" }]).tokens.every((id) => id !== 256 && id !== 257))
  assert.equal(chatEnds(bare), { stop: [], until: [" USER:"] })
  assert.equal(chatEnds(tokenizer).stop, [257])
})

it.run()
