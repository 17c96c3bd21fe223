import * as Effect from "effect/Effect"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import { chunksOf } from "../../../tasks/questions/chunks.ts"
import { pairByRule, rules } from "../../../tasks/questions/rules.ts"
import { flat, namesIn, sentencesOf, wordsOf } from "../../../tasks/questions/sentences.ts"
import { keyOf, type Pair, Writer } from "../../../tasks/questions/writer.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/rules")

/** What the rules ask about a text, over many keys. */
const asked = (text: string): ReadonlyArray<Pair> => {
  const found = Array.from({ length: 60 }, (_, i) => pairByRule(text, hostKey(i))).flatMap((p) => p ?? [])
  return [...new Map(found.map((p) => [p.question, p])).values()].sort((a, b) => a.question < b.question ? -1 : 1)
}

it("cuts text into whole sentences, past abbreviations, without what is torn", () => {
  const text = 'and so on. Mr. Peleg met J. Bildad. "Why?" said he.  Then\nhe left. It was not yet'
  assert.equal(sentencesOf(flat(text)), ["Mr. Peleg met J. Bildad.", '"Why?" said he.', "Then he left."])
  assert.equal(wordsOf("a whale's look-out, 3 o’clock").map(({ text }) => text), [
    "a",
    "whale's",
    "look-out",
    "o’clock",
  ])
})

it("knows names by their capitals inside of sentences", () => {
  const names = namesIn('Once Queequeg, the son of a King, saw The Pequod; Ahab said, "Stubb is in Nantucket."')
  assert.equal(names.map(({ text }) => text), ["Queequeg", "King", "Pequod", "Nantucket"])
})

it("asks who did what, of somebody who is named elsewhere too", () => {
  const text = "Queequeg was a native of Rokovoko. It is an island. I liked old Queequeg."
  assert.ok(asked(text).some((p) => p.question === "Who or what was a native of Rokovoko?" && p.answer === "Queequeg"))
  const unknown = asked("There was a native of Rokovoko. It is an island. I liked him.")
  assert.ok(!unknown.some((p) => p.question.startsWith("Who")))
})

it("asks who said what", () => {
  const text = 'We heard him. "I will have no man in my boat," said Starbuck, "who is not afraid of a whale."'
  assert.ok(
    asked(text).some((p) =>
      p.question === 'Who said this: "I will have no man in my boat"?' && p.answer === "Starbuck"
    ),
  )
  assert.ok(
    !asked('We heard him. "I will have no man in my boat," said I, loudly enough.').some((p) => p.answer === "I"),
  )
})

it("asks for words that are missing, where the place is clear and nothing gives them away", () => {
  const questions = asked("Once we sailed along the Peruvian coast, and nobody on board had seen it before.")
  assert.equal(questions, [
    {
      question: 'Which word is missing in "Once we sailed along the ____ coast, and nobody on board had"?',
      answer: "Peruvian",
    },
  ])
  assert.equal(asked("The man saw the dog and the dog saw the man."), [])
  assert.equal(asked("Once we met Stubb and then we left Stubb behind us there."), [])
})

it("finds nothing in what is no prose, and says so", () => {
  for (
    const nothing of ["", "   ", "12 34 56", "CHAPTER 1. LOOMINGS. THE WHALE.", "no capitals and no stop", "鲸鱼。"]
  ) {
    assert.is(pairByRule(nothing, hostKey(1)), undefined)
  }
})

it("takes any text, and every answer is in it, and no question holds its answer", () => {
  const words = [
    "Ahab",
    "Stubb",
    "whale",
    "was",
    "said",
    "the",
    "harpooneer",
    '"',
    ".",
    ",",
    "!",
    "Mr",
    "\n",
    "leviathan",
  ]
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 80 }),
      fc.nat(),
      (parts, seed) => {
        const text = parts.join(" ")
        const pair = pairByRule(text, hostKey(seed))
        if (pair === undefined) return
        assert.ok(flat(text).includes(pair.answer))
        assert.is(pair.question, flat(pair.question))
      },
    ),
    { numRuns: 200 },
  )
})

it("is a writer that says what it is, and writes the same pair for the same chunk and key", () =>
  Effect.runPromise(
    Effect.gen(function* () {
      const writer = yield* Writer
      assert.is(writer.label, "rules")
      const chunks = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 300)
      const pairs = yield* Effect.forEach(chunks, (c) => writer.write(c, keyOf(7, c)))
      assert.equal(yield* Effect.forEach(chunks, (c) => writer.write(c, keyOf(7, c))), pairs)
      const other = yield* Effect.forEach(chunks, (c) => writer.write(c, keyOf(8, c)))
      assert.not.equal(other, pairs)
      assert.is(pairs.at(-1), undefined, "the rest of the passage holds nothing")
      for (const [i, p] of pairs.slice(0, -1).entries()) {
        assert.ok(p !== undefined && flat(chunks[i]!.text).includes(p.answer) && !p.question.includes(p.answer))
      }
    }).pipe(Effect.provide(rules())),
  ))

it.run()
