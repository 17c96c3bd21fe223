/** Chunks, what a model is asked and how its reply is read, and the writer that is a model of ours. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Ask, Language } from "../../../tasks/language/language.ts"
import { parse, request } from "../../../tasks/questions/asking.ts"
import { chunksOf, standardSize } from "../../../tasks/questions/chunks.ts"
import { own } from "../../../tasks/questions/own.ts"
import { keyOf, Writer } from "../../../tasks/questions/writer.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/writer")

it("cuts exactly, and loses nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 70 }), fc.integer({ min: 1, max: 20 }), (tokens, size) => {
      const chunks = chunksOf(bytes, { name: "d", tokens: Int32Array.from(tokens) }, size)
      assert.equal(chunks.flatMap((c) => Array.from(c.tokens)), tokens)
      assert.ok(chunks.every((c, i) => c.index === i && (c.tokens.length === size || i === chunks.length - 1)))
    }),
  )
  assert.is(standardSize, 1000)
  const [first, second] = chunksOf(bytes, { name: "d", tokens: bytes.encode("x".repeat(2000)) })
  assert.is(first!.digest, second!.digest, "what is asked is known by the text alone")
  assert.equal(keyOf(1, first!), keyOf(1, second!))
})

it("reads pairs out of what models reply", () => {
  const pair = { question: "Who was the mate?", answer: "Starbuck" }
  const good = [
    "Question: Who was the mate?\nAnswer: Starbuck",
    "Here you are:\n\n**Question:** Who was\n the mate?\n**Answer:** Starbuck\n\nI hope this helps!",
    "question : Who was the mate?\r\nANSWER : Starbuck\r\nQuestion: another?\nAnswer: no",
  ]
  for (const reply of good) assert.equal(parse(reply), E.right(pair), reply)
  const bad: ReadonlyArray<readonly [string, string]> = [
    ["", 'expected the lines "Question: ..." and "Answer: ...", got ""'],
    ["Answer: Starbuck\nQuestion: Who?", "expected the lines"],
    ["Question:\nAnswer: Starbuck", "is empty"],
    ["Question: Who?\nAnswer:", "is empty"],
    [`Question: Who?\nAnswer: ${"x".repeat(401)}`, "longer than 400 characters"],
  ]
  for (const [reply, why] of bad) {
    const read = parse(reply)
    assert.match(E.isLeft(read) ? read.left : "a pair", why)
  }
})

/** A model that gives these replies, one after another. */
const speaking = (replies: ReadonlyArray<string>) => {
  const asks: Array<{ readonly prompt: string; readonly ask: Ask }> = []
  const language: Language = {
    name: "mouse",
    digest: "0123456789abcdef",
    tokenizer: bytes,
    context: 4096,
    answer: ([prompt], ask) =>
      Effect.sync(() => {
        asks.push({ prompt: bytes.decode(prompt!), ask })
        return [bytes.encode(replies[Math.min(asks.length, replies.length) - 1]!)]
      }),
    nats: () => Effect.succeed([]),
  }
  return { language, asks }
}

const [chunk] = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 400)
const written = (language: Language) =>
  Effect.gen(function* () {
    const writer = yield* Writer
    return { label: writer.label, pair: yield* writer.write(chunk!, keyOf(3, chunk!)) }
  }).pipe(Effect.provide(own(language)))

it("asks our own model, and again with another draw where the reply is no pair", async () => {
  const { language, asks } = speaking(["I am a mouse.", "Question: Who was the mate?\nAnswer: Starbuck"])
  const { label, pair } = await Effect.runPromise(written(language))
  assert.is(label, "model mouse 0123456789ab")
  assert.equal(pair, { question: "Who was the mate?", answer: "Starbuck" })
  assert.is(asks[0]!.prompt, `You are a helpful assistant. USER: ${request(chunk!.text)} ASSISTANT:`)
  assert.is(new Set(asks.map(({ ask }) => ask.sampling.seed)).size, 2)
  assert.equal(asks[0]!.ask.stop, [257])
})

it("says when a model writes no pairs at all", async () => {
  const { language, asks } = speaking(["squeak"])
  const fault = await Effect.runPromise(Effect.flip(written(language)))
  assert.is(fault.reason, "malformed")
  assert.match(fault.message, 'mouse: after 3 replies: expected the lines "Question: ..."')
  assert.is(asks.length, 3)
})

it.run()
