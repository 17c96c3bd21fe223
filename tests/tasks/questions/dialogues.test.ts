import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import type { Example } from "../../../tasks/data/example.ts"
import { chunksOf } from "../../../tasks/questions/chunks.ts"
import { dialogueByRule, dialogueOf, exampleOf } from "../../../tasks/questions/dialogues.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/dialogues")

/** What counts in an example, one piece for each stretch; the end of an answer shows as a bar. */
const counting = ({ tokens, counted }: Example): ReadonlyArray<string> =>
  Array.from(tokens, (id, i) => counted[i] === 0 ? "\n" : id === 257 ? "|" : bytes.decode([id])).join("")
    .split(/\n+/).filter((s) => s !== "")

const read = (record: Parameters<typeof dialogueOf>[0]) => dialogueOf(record)
const told = (record: Parameters<typeof dialogueOf>[0]): string => {
  const found = read(record)
  return E.isLeft(found) ? found.left : "a dialogue"
}

it("reads UltraChat's records, and makes chat of them in which the assistant's words count", () => {
  const messages = [
    { role: "user", content: "Hello \n" },
    { role: "assistant", content: " Good day." },
    { role: "user", content: "And now?" },
    { role: "assistant", content: "Sleep." },
  ]
  const dialogue = read({ messages })
  if (E.isLeft(dialogue)) throw new Error(dialogue.left)
  const example = exampleOf(bytes, dialogue.right)
  const text = "You are a helpful assistant. USER: Hello ASSISTANT: Good day. USER: And now? ASSISTANT: Sleep."
  assert.is(bytes.decode(example.tokens), text)
  assert.equal(counting(example), [" Good day.|", " Sleep.|"])
  assert.is(example.tokens[0], 256)
  assert.equal(read({ data: ["Hello \n", " Good day.", "And now?", "Sleep."] }), dialogue)
})

it("takes a system's word, and leaves out what nobody answers", () => {
  const dialogue = read({
    messages: [
      { role: "system", content: "You are a whale." },
      { role: "user", content: "Who?" },
      { role: "assistant", content: "I." },
      { role: "user", content: "Why?" },
    ],
  })
  if (E.isLeft(dialogue)) throw new Error(dialogue.left)
  assert.is(bytes.decode(exampleOf(bytes, dialogue.right).tokens), "You are a whale. USER: Who? ASSISTANT: I.")
})

it("says what a record lacks", () => {
  assert.match(told({}), "expected the field messages, with role and content, or data, with texts in turn")
  assert.match(told({ data: ["a", 7] }), "data.1: expected string, got 7")
  assert.match(told({ messages: [{ role: "bot", content: "a" }] }), "messages.0.role")
  assert.is(told({ data: ["a"] }), "a dialogue needs a user's message and an assistant's")
  const twice = [{ role: "user", content: "a" }, { role: "user", content: "b" }]
  assert.is(told({ messages: twice }), "message 2 is the user's; user and assistant take turns")
})

it("makes short dialogues of a text by rule, with different questions", () => {
  const [chunk] = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 500)
  const example = dialogueByRule(bytes, chunk!, 3, hostKey(5))!
  assert.equal(dialogueByRule(bytes, chunk!, 3, hostKey(5)), example)
  const text = bytes.decode(example.tokens)
  assert.ok(text.startsWith(`You are a helpful assistant. USER: ${chunk!.text} `))
  const questions = text.slice(text.indexOf(chunk!.text) + chunk!.text.length).split("USER:")
  assert.is(questions.length, 3)
  assert.is(new Set(questions).size, 3)
  assert.is(counting(example).length, 3)
  const [nothing] = chunksOf(bytes, { name: "x", tokens: bytes.encode("12 34") })
  assert.is(dialogueByRule(bytes, nothing!, 3, hostKey(5)), undefined)
})

it.run()
