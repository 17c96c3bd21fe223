/** What rows are composed of, token for token, is what the harness asks: a model is asked in the words that it learned. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import { cities } from "../../../../tasks/evaluate/cities.ts"
import { haystack } from "../../../../tasks/evaluate/haystack.ts"
import { multiNeedle, type Probe, singleNeedle, taskOf } from "../../../../tasks/evaluate/probe.ts"
import { continued } from "../../../../tasks/evaluate/prompt.ts"
import { depths, type Scene } from "../../../../tasks/evaluate/task.ts"
import { chat, fill, framed, lwmMulti, lwmSingle, type Pair, type Wording } from "../../../../tasks/evaluate/wording.ts"
import { needleRow } from "../../../../tasks/recipes/desk/curriculum.ts"
import { ground, heldOut, tokenizer } from "./ground.ts"

const it = suite("tasks/recipes/desk/phrases")

const { phrases: p } = ground
type Ids = ReadonlyArray<number>
const ids = (text: string): Ids => Array.from(tokenizer.encode(text))

// ---- what rows are composed of -----------------------------------------------

const said = ({ key, value }: Pair): Ids => [...ids(key), ...p.is, ...ids(value)]
const line = (pair: Pair): Ids => [...p.line, ...p.needle, ...said(pair), ...p.line]

const answer = (w: Wording, asked: ReadonlyArray<Pair>): Ids =>
  asked.flatMap((pair, i) => [...(i > 0 ? [...p.line, ...p.needle] : w === chat ? p.reply : p.needle), ...said(pair)])

const question = (w: Wording, asked: ReadonlyArray<Pair>): Ids => {
  const names = asked.flatMap(({ key }, i) => [
    ...(i === 0 ? [] : i < asked.length - 1 ? p.comma : p.and),
    ...ids(key),
  ])
  const call = asked.length === 1 ? p.brief : p.outside
  const end = w === chat ? p.assistant : [...call, ...p.assistant, ...p.space]
  return asked.length === 1
    ? [...p.question, ...names, ...p.ask, ...end]
    : [...p.questions, ...names, ...p.asks, ...end]
}

// ---- tests -------------------------------------------------------------------

const value = (i: number): string => String(1_000_000 + (i * 7_654_321) % 9_000_000)
const pairs = cities.map((key, i): Pair => ({ key, value: value(i) }))
const groups = [1, 2, 3].flatMap((n) =>
  pairs.map((_, i) => Array.from({ length: n }, (_, j) => pairs[(i + 7 * j) % pairs.length]!))
)

it("a city is one token, and a needle at most ten, lines included", () => {
  for (const city of cities) assert.is(ids(city).length, 1, city)
  for (const pair of pairs) {
    assert.ok(line(pair).length <= 10, `${pair.key} ${pair.value}: ${line(pair).length}`)
    assert.is(tokenizer.decode(line(pair)), fill(lwmSingle.needle, { ...pair }))
  }
  for (const [name, phrase] of Object.entries(p)) assert.ok(phrase.length <= (name === "opening" ? 3 : 1), name)
})

it("needles, questions and answers are encoded as they are composed, whatever stands in them", () => {
  for (const pair of pairs) {
    assert.equal(Array.from(continued(tokenizer, fill(lwmSingle.needle, { ...pair }))), line(pair))
  }
  for (const asked of groups) {
    const wordings = [asked.length === 1 ? lwmSingle : lwmMulti, chat]
    for (const w of wordings) {
      const { head, tail, reply } = framed(w, asked)
      assert.equal(ids(head), p.opening)
      assert.equal(tail.flatMap(ids), question(w, asked), tail.join("|"))
      assert.equal(ids(reply), answer(w, asked), reply)
      assert.equal(ids(tail.join("")), question(w, asked), "and all at once")
    }
  }
})

it("prompts of the harness are a row of the curriculum up to the answer", () => {
  const hay = haystack("the held-out part", tokenizer, heldOut.slice(0, 20_000))
  const scene: Scene = { tokenizer, haystack: hay, seed: 1, depths: depths(9), buffer: 32, reach: 64 }
  const asks: ReadonlyArray<readonly [Probe, Wording]> = [
    [singleNeedle(lwmSingle), lwmSingle],
    [singleNeedle(chat), chat],
    [multiNeedle(4, 2, lwmMulti), lwmMulti],
  ]
  for (const [probe, w] of asks) {
    const task = taskOf(probe)
    for (const trial of task.trials({ lengths: [256, 512], depths: [0, 37, 100], rounds: 3 })) {
      const posed = task.pose(scene, trial)
      if (E.isLeft(posed)) throw new Error(posed.left.message)
      const { tokens, wanted, reply } = posed.right
      assert.is(tokens.length, trial.length - 32)
      const head = [ground.bos, ...p.opening]
      assert.equal(Array.from(tokens.subarray(0, head.length)), head)
      for (const { at, ...pair } of wanted) {
        assert.equal(Array.from(tokens.subarray(at, at + line(pair).length)), line(pair))
      }
      const tail = question(w, wanted)
      assert.equal(Array.from(tokens.subarray(tokens.length - tail.length)), tail)
      assert.equal(ids(reply), answer(w, wanted))
    }
  }
})

it("rows of needles hold just these questions and answers, in LWM's words and in a chat's", () => {
  const known = new Map(cities.map((city) => [ids(city)[0]!, city]))
  const counts = { lwm: 0, chat: 0, several: 0 }
  for (let n = 0; n < 300; n++) {
    const { tokens, counted } = needleRow(ground, hostFold(hostKey(n), 0), 257)
    for (
      let at = counted.indexOf(1);
      at >= 0;
      at = counted.indexOf(1, counted.indexOf(0, at) < 0 ? 257 : counted.indexOf(0, at))
    ) {
      const end = tokens.indexOf(ground.eos, at)
      const found = [...tokenizer.decode(tokens.subarray(at, end)).matchAll(/magic ([^\n]+?) number is: (\d+)/g)]
      const asked = found.map(([, key, value]): Pair => ({ key: key!, value: value! }))
      // a word of the book may be read otherwise than it is put there: it is a token, and no text
      if (!asked.every(({ key }) => known.has(ids(key)[0]!))) continue
      const w = tokens[at] === p.reply[0] ? chat : asked.length === 1 ? lwmSingle : lwmMulti
      const whole = [...question(w, asked), ...answer(w, asked), ground.eos]
      assert.equal(Array.from(tokens.subarray(end + 1 - whole.length, end + 1)), whole)
      counts[w === chat ? "chat" : "lwm"]++
      if (asked.length > 1) counts.several++
    }
  }
  assert.ok(Object.values(counts).every((c) => c > 20), JSON.stringify(counts))
})

it.run()
