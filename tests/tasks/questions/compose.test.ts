import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Chunk, chunksOf } from "../../../tasks/questions/chunks.ts"
import { answerShare, type Asked, compose } from "../../../tasks/questions/compose.ts"
import { pairByRule } from "../../../tasks/questions/rules.ts"
import { keyOf, type Pair } from "../../../tasks/questions/writer.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/compose")

const asking = (text: string, size: number, pair: (chunk: Chunk) => Pair | undefined): ReadonlyArray<Asked> =>
  chunksOf(bytes, { name: "a book", tokens: bytes.encode(text) }, size).map((chunk) => ({
    chunk,
    pairs: [pair(chunk) ?? []].flat(),
  }))

const numbered = ({ index }: Chunk): Pair => ({ question: `What is ${index}?`, answer: `It is ${index}.` })

it("puts all pairs behind the text, and counts answers alone", () => {
  const [example, ...more] = compose(bytes, asking("One. Two. Three.", 6, numbered), 1000)
  assert.equal(more, [])
  const whole = "You are a helpful assistant. USER: One. Two. Three. What is 0? ASSISTANT: It is 0. USER: What is 1? " +
    "ASSISTANT: It is 1. USER: What is 2? ASSISTANT: It is 2."
  assert.is(bytes.decode(example!.tokens), whole)
  const { tokens, counted } = example!
  assert.is(tokens[0], 256)
  assert.is(counted[0], 0)
  assert.is(Array.from(tokens).filter((id) => id === 257).length, 3, "each answer is ended")
  const said = Array.from(tokens).filter((_, i) => counted[i] === 1)
  assert.equal(said, [0, 1, 2].flatMap((i) => [...bytes.encode(` It is ${i}.`), 257]))
  assert.equal([example!.document, example!.first, example!.chunks], ["a book", 0, 3])
})

it("knows no token that its tokenizer lacks", () => {
  const bare = { ...bytes, bos: undefined, eos: undefined }
  const [example] = compose(bare, asking("One. Two.", 9, numbered), 1000)
  assert.ok(example!.tokens.every((id) => id < 256))
})

it("keeps what nothing was asked about, among what was", () => {
  const asked = asking("One. Two. Three.", 6, (c) => c.index === 1 ? numbered(c) : undefined)
  const [example] = compose(bytes, asked, 1000)
  assert.match(bytes.decode(example!.tokens), "USER: One. Two. Three. What is 1? ASSISTANT: It is 1.")
  assert.equal(compose(bytes, asking("One. Two.", 6, () => undefined), 1000), [])
})

it("fills examples up to the length and never over it, chunk after chunk, leaving out only what cannot fit", () => {
  const shape = fc.record({
    text: fc.string({ minLength: 1, maxLength: 400, unit: fc.constantFrom("a", "b", " ") }),
    size: fc.integer({ min: 5, max: 60 }),
    target: fc.integer({ min: 40, max: 300 }),
    skip: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(shape, ({ text, size, target, skip }) => {
      const asked = asking(text, size, (c) => c.index % skip === 0 ? numbered(c) : undefined)
      const examples = compose(bytes, asked, target)
      for (const e of examples) {
        assert.ok(e.tokens.length <= target)
        assert.is(e.pairs.length, asked.slice(e.first, e.first + e.chunks).flatMap(({ pairs }) => pairs).length)
        const inside = asked.slice(e.first, e.first + e.chunks).flatMap(({ chunk }) => Array.from(chunk.tokens))
        const from = 1 + "You are a helpful assistant. USER: ".length
        assert.equal(Array.from(e.tokens.slice(from, from + inside.length)), inside)
        const longer = asked.slice(e.first, e.first + e.chunks + 1)
        if (longer.length > e.chunks) assert.ok(compose(bytes, longer, Infinity)[0]!.tokens.length > target)
      }
      assert.ok(examples.every((e, i) => i === 0 || e.first >= examples[i - 1]!.first + examples[i - 1]!.chunks))
      const used = new Set(examples.flatMap((e) => Array.from({ length: e.chunks }, (_, i) => e.first + i)))
      for (const a of asked.filter(({ chunk, pairs }) => pairs.length > 0 && !used.has(chunk.index))) {
        assert.equal(compose(bytes, [a], target), [], "it does not even fit alone")
      }
    }),
    { numRuns: 100 },
  )
})

it("has answers that are less than a hundredth of the tokens at LWM's lengths", () => {
  const book = Array.from({ length: 120 }, (_, i) => passage.replaceAll("Starbuck", `Mate${i}`)).join("\n\n")
  const size = 4000 // bytes of about 1000 tokens
  const examples = compose(bytes, asking(book, size, (c) => pairByRule(c.text, keyOf(1, c))), 4 * 32768)
  assert.is(examples.length, 2)
  assert.ok(examples.every(({ pairs }) => pairs.length > 5))
  const share = answerShare(examples)
  assert.ok(share > 0 && share < 0.01, `${share}`)
  assert.is(answerShare([]), 0)
})

it.run()
