/** Tables and prompts: NumPy's roundings, LWM's words, and prompts of exactly as many tokens as asked, for any tokenizer. */
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { cities, divideCities } from "../../../tasks/evaluate/cities.ts"
import { cleaned, endsSentence, haystack, noise, passage } from "../../../tasks/evaluate/haystack.ts"
import {
  multiKey,
  multiNeedle,
  type Probe,
  singleNeedle,
  taskOf,
  trackVariables,
} from "../../../tasks/evaluate/probe.ts"
import { roundKey } from "../../../tasks/evaluate/draws.ts"
import {
  depths,
  lesson,
  linear,
  type Posed,
  roundEven,
  type Scene,
  sigmoidDepths,
} from "../../../tasks/evaluate/task.ts"
import {
  chat,
  desk,
  framed,
  listed,
  lwmMulti,
  lwmSingle,
  ruler,
  type Wording,
} from "../../../tasks/evaluate/wording.ts"
import { chatExample, chatPrompt } from "../../../tasks/language/chat.ts"
import { byteTokenizer, piecesTokenizer, story, wordTokenizer } from "./fakes.ts"

const it = suite("tasks/evaluate/prompt")

const must = <A>(e: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(e)) throw new Error(e.left.message)
  return e.right
}

const sceneOf = (tokenizer: Tokenizer, text = story, more: Partial<Scene> = {}): Scene => ({
  tokenizer,
  haystack: haystack("story", tokenizer, text),
  seed: 7,
  depths: depths(5),
  buffer: 16,
  reach: 2 ** 31,
  ...more,
})

it("halves go to the even number, as NumPy rounds", () => {
  assert.equal([0.5, 1.5, 2.5, 12.5, 37.5, -0.5, 2.4, 2.6, 3].map(roundEven), [0, 2, 2, 12, 38, -0 + 0, 2, 3, 3])
})

it("depths and lengths are those of the original's tables", () => {
  assert.equal(depths(20), [0, 5, 11, 16, 21, 26, 32, 37, 42, 47, 53, 58, 63, 68, 74, 79, 84, 89, 95, 100])
  assert.equal(depths(10), [0, 11, 22, 33, 44, 56, 67, 78, 89, 100])
  assert.equal(depths(9), [0, 12, 25, 38, 50, 62, 75, 88, 100])
  assert.equal(depths(41).slice(0, 9), [0, 2, 5, 8, 10, 12, 15, 18, 20])
  assert.equal(depths(35).slice(8, 12), [24, 26, 29, 32])
  assert.equal(
    linear(1000, 10_000, 20),
    [
      1000,
      1474,
      1947,
      2421,
      2895,
      3368,
      3842,
      4316,
      4789,
      5263,
      5737,
      6211,
      6684,
      7158,
      7632,
      8105,
      8579,
      9053,
      9526,
      10_000,
    ],
  )
  assert.equal(linear(1000, 32_000, 3), [1000, 16_500, 32_000])
  assert.equal(linear(5, 9, 1), [5])
  assert.equal(sigmoidDepths(11), [0, 1.799, 4.743, 11.92, 26.894, 50, 73.106, 88.08, 95.257, 98.201, 100])
})

it("cities are many, different, and none is a part of another", () => {
  assert.ok(cities.length >= 96)
  assert.is(new Set(cities).size, cities.length)
  for (const a of cities) for (const b of cities) assert.ok(a === b || !b.includes(a), `${a} is in ${b}`)
  const { trained, heldOut } = divideCities(32)
  assert.equal([...trained, ...heldOut], cities)
  assert.is(heldOut.length, 32)
})

it("words are the original's", () => {
  const pair = { key: "Paris", value: "1234567" }
  const said = framed(lwmSingle, [pair])
  assert.is(said.head, "You are a helpful assistant. USER: ")
  assert.is(
    said.tail.join(""),
    " What is the special magic Paris number? Don't give information outside the document or repeat your findings. " +
      "Keep your response short and direct. ASSISTANT: ",
  )
  assert.is(
    framed(lwmMulti, [pair]).tail.join(""),
    " What is the special magic number for Paris? Don't give information outside the document. ASSISTANT: ",
  )
  const three = ["A", "B", "C"].map((key) => ({ key, value: "1" }))
  assert.equal(framed(desk, three).tail, [" What are the special magic numbers for A, B, and C?", " ASSISTANT: "])
  assert.is(listed(["A", "B"]), "A, and B")
  assert.is(framed(desk, [pair]).reply, "The special magic Paris number is: 1234567")
  const prefix = framed({ ...desk, prefix: "The special magic {key} number is: " }, [pair])
  assert.equal(prefix.tail, [
    ...[" What is the special magic Paris number?", " ASSISTANT: ", "The special magic Paris number is: "],
  ])
  assert.is(prefix.reply, "1234567")
  assert.is(framed(chat, [pair]).reply, " The special magic Paris number is: 1234567")
  const { tokens } = must(taskOf(singleNeedle()).pose(sceneOf(byteTokenizer), { length: 700, depth: 50, round: 0 }))
  assert.match(byteTokenizer.decode(tokens), /\nThe special magic [\w ]+ number is: [1-9]\d{6}\n/)
})

it("a haystack holds nothing that looks like an answer", () => {
  const text = "In 1851 a VAR AB = 12345 cost 12 pounds. The spec12345ial magic 99 was 1,000,000 and 12VAR A = 134."
  const clean = cleaned(text)
  assert.is(clean.text, "In  a  cost 12 pounds. The  99 was 1,000,000 and 12VAR A = 134.")
  assert.is(clean.removed, 4)
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("12", "345", "special", " ", "magic", "6789", "x", "VAR A = "), { maxLength: 30 }),
      (parts) => {
        assert.not.match(cleaned(parts.join("")).text, /\d{4}|special magic|\bVAR [A-Z]+ = \w/)
      },
    ),
    { seed: 1 },
  )
})

it("a passage begins a sentence, goes around the end, and depends on the round alone", () => {
  for (const tokenizer of [byteTokenizer, wordTokenizer]) {
    const hay = haystack("story", tokenizer, story)
    for (const round of [0, 1, 2, 3]) {
      const long = passage(hay, roundKey(7, round), 3 * hay.tokens.length)
      const text = tokenizer.decode(long)
      assert.match(text, /^[\u201d\s]*(Then|\u201cIn)/)
      assert.equal(passage(hay, roundKey(7, round), 50), long.slice(0, 50))
      assert.equal(long.slice(0, 40), long.slice(hay.tokens.length, hay.tokens.length + 40))
    }
    assert.not.equal(passage(hay, roundKey(7, 0), 50), passage(hay, roundKey(8, 0), 50))
  }
  assert.is(haystack("x", byteTokenizer, "One. Two. Half a sen").tokens.length, "One. Two.".length)
})

const probes: ReadonlyArray<Probe> = [
  singleNeedle(),
  singleNeedle({ ...desk, prefix: "The special magic {key} number is: " }),
  multiNeedle(4, 2),
  multiKey("fill"),
  trackVariables(),
]

it("a prompt has exactly the length less the buffer, whatever the tokenizer, and is whole", () => {
  const pieces = fc.array(
    fc.tuple(fc.nat(story.length - 9), fc.integer({ min: 2, max: 8 })).map(([at, n]) => story.slice(at, at + n)),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(
      pieces,
      fc.constantFrom(...probes),
      fc.integer({ min: 900, max: 1500 }),
      fc.constantFrom(0, 25, 50, 75, 100),
      fc.nat(40),
      fc.constantFrom(2 ** 31, 20, 0),
      (list, probe, length, depth, buffer, reach) => {
        const tokenizer = piecesTokenizer("any", [...list, "The special magic ", " number"])
        const task = taskOf(probe)
        const scene = sceneOf(tokenizer, story, { buffer, reach })
        const [trial] = task.trials({ lengths: [length], depths: [depth], rounds: 1 })
        const posed = must(task.pose(scene, trial!))
        assert.is(posed.tokens.length, length - buffer)
        const text = tokenizer.decode(posed.tokens)
        // nothing was lost or cut: who reads the prompt can answer it, and says what the task expects
        assert.is(posed.tokens.filter((id) => id === tokenizer.bos).length, 1)
        assert.ok(task.score(posed.wanted, task.solve(text)!).every((s) => s.right && s.strict), text)
        assert.ok(task.score(posed.wanted, posed.reply).every((s) => s.right && s.strict))
        assert.equal(must(task.pose(scene, trial!)), posed)
      },
    ),
    { seed: 3, numRuns: 60 },
  )
})

/** Where the needle stands: tokens of the haystack before it, and of the haystack in all. */
const measured = (scene: Scene, { tokens, wanted }: Posed, wording: Wording, needle: string) => {
  const [head = ""] = wording.template.split("{context}")
  const { tokenizer } = scene
  const { tail } = framed(wording, [{ key: wanted[0]!.key, value: wanted[0]!.value }])
  const before = wanted[0]!.at - 1 - tokenizer.encode(head).length
  const size = tokenizer.encode(needle).length
  const hay = tokens.length - 1 - tokenizer.encode(head).length -
    tail.reduce((n, part) => n + tokenizer.encode(part).length, 0) -
    size
  return { before, hay }
}

it("a needle stands at its depth, moved back to the end of a sentence, and no further", () => {
  const task = taskOf(singleNeedle())
  for (const tokenizer of [byteTokenizer, wordTokenizer]) {
    const scene = sceneOf(tokenizer)
    for (const depth of depths(20)) {
      const posed = must(task.pose(scene, { length: 1200, depth, round: 1 }))
      const { key, value, at } = posed.wanted[0]!
      const needle = `\nThe special magic ${key} number is: ${value}\n`
      assert.is(tokenizer.decode(posed.tokens.slice(at, at + tokenizer.encode(needle).length)), needle)
      const { before, hay } = measured(scene, posed, lwmSingle, needle)
      if (depth === 100) assert.is(before, hay)
      else {
        const exact = Math.trunc(hay * (depth / 100))
        const own = passage(scene.haystack, roundKey(7, 1), hay)
        assert.ok(before <= exact)
        assert.ok(before === 0 || endsSentence(tokenizer, own[before - 1]!))
        for (let i = before; i < exact; i++) {
          assert.not.ok(endsSentence(tokenizer, own[i]!), "a nearer end was passed over")
        }
      }
    }
  }
})

it("where no sentence ends within reach, a needle follows a word, or stands where it should", () => {
  const text = "there is no end to this sentence of many words which goes on and on without a stop ".repeat(40)
  const at = (hay: string, reach: number): string => {
    const scene = sceneOf(byteTokenizer, hay, { reach })
    const posed = must(taskOf(singleNeedle()).pose(scene, { length: 900, depth: 50, round: 0 }))
    const { key, value } = posed.wanted[0]!
    const { before } = measured(scene, posed, lwmSingle, `\nThe special magic ${key} number is: ${value}\n`)
    const own = byteTokenizer.decode(passage(scene.haystack, roundKey(7, 0), before + 1))
    return before === 0 ? "beginning" : own.slice(-3)
  }
  assert.is(at(text, 2 ** 31), "beginning")
  assert.match(at(text, 20), /\s.$|.\s$/)
  assert.is(at("x".repeat(4000), 20), "xxx")
})

it("several needles are all there, at depths of the grid, none twice", () => {
  const task = taskOf(multiNeedle(4, 3))
  for (let round = 0; round < 12; round++) {
    const posed = must(task.pose(sceneOf(wordTokenizer), { length: 1200, depth: null, round }))
    const text = wordTokenizer.decode(posed.tokens)
    assert.is([...text.matchAll(/\nThe special magic [\w ]+ number is: \d{7}\n/g)].length, 4)
    assert.is(posed.wanted.length, 3)
    assert.is(new Set(posed.wanted.map((w) => w.key)).size, 3)
    assert.is(new Set(posed.wanted.map((w) => w.depth)).size, 3)
    for (const w of posed.wanted) assert.ok(depths(5).includes(w.depth))
    const inDepth = [...posed.wanted].sort((a, b) => a.depth - b.depth)
    assert.equal(inDepth.map((w) => w.at), posed.wanted.map((w) => w.at).sort((a, b) => a - b))
  }
})

it("in the form of our chats, a prompt is token for token what a chat is, and so is the lesson", () => {
  const task = taskOf(singleNeedle(chat))
  for (const tokenizer of [byteTokenizer, wordTokenizer]) {
    const posed = must(task.pose(sceneOf(tokenizer), { length: 900, depth: 50, round: 0 }))
    const question = `What is the special magic ${posed.wanted[0]!.key} number?`
    const opening = 1 + tokenizer.encode("You are a helpful assistant. USER: ").length
    const asked = tokenizer.encode(` ${question}`).length + tokenizer.encode(" ASSISTANT:").length
    const context = posed.tokens.slice(opening, posed.tokens.length - asked)
    assert.equal(posed.tokens, chatPrompt(tokenizer, { context, question }))
    const turn = { user: question, assistant: posed.reply.trim() }
    assert.equal(lesson(tokenizer, posed), chatExample(tokenizer, [turn], { context }))
  }
})

it("all that fit leaves no room for one pair more", () => {
  for (const tokenizer of [byteTokenizer, wordTokenizer]) {
    const posed = must(taskOf(multiKey("fill")).pose(sceneOf(tokenizer), { length: 2000, depth: 50, round: 0 }))
    const text = tokenizer.decode(posed.tokens)
    const pairs = [...text.matchAll(/ One of the special magic numbers for \w+ is: \d{7}\./g)].map(([pair]) => pair)
    const taken = pairs.reduce((n, pair) => n + tokenizer.encode(pair).length, 0)
    const frame = ruler.template.replace("{context}", "").replace("{question}", ruler.one)
    assert.ok(posed.tokens.length - taken - tokenizer.encode(frame).length < 0.2 * posed.tokens.length)
    const rank = pairs.findIndex((pair) => pair.includes(posed.wanted[0]!.value))
    assert.ok(Math.abs(rank - pairs.length / 2) <= pairs.length / 5, "it stands in the middle")
  }
})

it("what cannot be posed is said, with what to do", () => {
  const refuse = (probe: Probe, scene: Scene, length: number): string => {
    const posed = taskOf(probe).pose(scene, { length, depth: 0, round: 0 })
    return E.isLeft(posed) ? posed.left.message : "posed"
  }
  const scene = sceneOf(byteTokenizer)
  assert.match(refuse(singleNeedle(), scene, 200), /a context of 200 tokens is too short.*longer contexts/)
  assert.match(refuse(multiNeedle(200, 1), scene, 9000), /not 200 different keys/)
  assert.match(refuse(multiNeedle(2, 3), scene, 9000), /3 keys are asked for, but only 2/)
  assert.match(refuse(singleNeedle(), sceneOf(byteTokenizer, ""), 900), /no text/)
  const short = { ...multiNeedle(60, 1), kind: "pairs" } as Extract<Probe, { readonly kind: "pairs" }>
  assert.match(refuse({ ...short, pairs: { ...short.pairs, digits: 2 } }, scene, 9000), /more digits/)
  assert.is(refuse(singleNeedle(), sceneOf(byteTokenizer, noise.repeat(3)), 900), "posed")
})

it.run()
