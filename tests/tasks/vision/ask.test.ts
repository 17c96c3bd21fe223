/** Answers about frames: those of reading everything anew, whatever is asked beside it and however long it is. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { DeviceFault } from "../../../core/device/backend.ts"
import { visionChatPrompt } from "../../../models/world/mod.ts"
import { textOf } from "../../../models/world/parameters.ts"
import { llamaLanguage } from "../../../tasks/language/llama.ts"
import { greedy } from "../../../tasks/language/sampling.ts"
import type { Asking, Question } from "../../../tasks/vision/ask.ts"
import { onCpu, outcome } from "../language/small.ts"
import { type After, after, blockOf, config, framesFor, parameters, tokenizer, wording, world } from "./small-world.ts"

const it = suite("tasks/vision/ask")

const ask: Asking = { sampling: greedy, limit: 6, stop: [], wording }
const lists = (answers: ReadonlyArray<Int32Array>): ReadonlyArray<ReadonlyArray<number>> =>
  answers.map((a) => Array.from(a))

const questions: ReadonlyArray<Question> = [
  { frames: framesFor(1, 1), text: "which?" },
  { frames: framesFor(2, 8), text: "how many of them are there?" },
  { frames: framesFor(3, 3), text: "" },
  { frames: framesFor(4, 1), text: "which?" },
]

/** The likeliest tokens one after another, everything read anew for each. */
const slowly = (all: After, { frames, text }: Question, limit: number) =>
  Effect.gen(function* () {
    const prompt = visionChatPrompt(tokenizer, blockOf(frames.map((f) => Int32Array.from(f))), text, wording)
    const said: Array<number> = []
    while (said.length < limit) {
      const tokens = Int32Array.from([...prompt.tokens, ...said])
      const vision = Uint8Array.from([...prompt.vision, ...said.map(() => 0)])
      const logits = (yield* all({ tokens, vision })).text
      said.push(logits.indexOf(Math.max(...logits)))
    }
    return said
  }) as Effect.Effect<ReadonlyArray<number>, DeviceFault>

it("answers are those of the layout read anew, for stills and videos of any lengths together", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const all = yield* after(128)
    const got = lists(yield* w.answer(questions, ask))
    for (const [i, question] of questions.entries()) assert.equal(got[i], yield* slowly(all, question, 6))
    assert.is(new Set(got.map(String)).size, questions.length)
  })))

it("padding and batching never change an answer, drawn ones neither", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const any = fc.array(
      fc.record({ n: fc.nat(50), count: fc.integer({ min: 1, max: 9 }), text: fc.string({ maxLength: 30 }) }),
      { minLength: 1, maxLength: 5 },
    )
    for (const temperature of [0, 1]) {
      const how = { ...ask, sampling: { temperature, seed: 3 } }
      const alone = new Map<Question, ReadonlyArray<number>>()
      for (const q of questions) alone.set(q, lists(yield* w.answer([q], how))[0]!)
      for (const others of fc.sample(any, { numRuns: 3, seed: 9 })) {
        const more = others.map(({ n, count, text }): Question => ({ frames: framesFor(n, count), text: `${text}!` }))
        const rows = [...more.slice(1), ...questions, ...more.slice(0, 1)]
        const got = lists(yield* w.answer(rows, how))
        for (const [i, q] of rows.entries()) if (alone.has(q)) assert.equal(got[i], alone.get(q))
      }
    }
  })))

it("of long videos so many frames are taken as are wanted, evenly", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const long = framesFor(6, 11)
    const [taken] = lists(yield* w.answer([{ frames: long, text: "which?" }], { ...ask, frames: 3 }))
    const three = [0, 5, 10].map((i) => long[i]!)
    assert.equal(taken, lists(yield* w.answer([{ frames: three, text: "which?" }], ask))[0])
  })))

it("texts alone are read as by the text model, to the bit", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const plain = yield* llamaLanguage({ config, parameters: textOf(parameters) as never, tokenizer })
    const rows = ["a text", "another, longer text", "x"].map((text) => tokenizer.encode(text))
    assert.equal(yield* w.text.nats(rows), yield* plain.nats(rows))
    assert.equal(yield* w.text.answer(rows, ask), yield* plain.answer(rows, ask))
    assert.is(w.text.digest, w.digest)
  })))

it("what cannot be asked is a fault that says why", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const cases: ReadonlyArray<readonly [Question, Partial<Asking>, string, RegExp]> = [
      [{ frames: [], text: "which?" }, {}, "empty", /question 0 is about no frames/],
      [{ frames: [[1, 2, 3]], text: "which?" }, {}, "codes", /question 0, frame 0: .*3 codes/],
      [{ frames: [[1, 2, 3, 11]], text: "which?" }, {}, "codes", /is 11; .*encode it with the model's VQGAN/],
      [{ frames: framesFor(1, 60), text: "which?" }, {}, "settings", /context of small, 200; take \d+ frames at most/],
      [{ frames: framesFor(1, 1), text: "which?" }, { frames: 0 }, "settings", /frames is 0/],
      [{ frames: framesFor(1, 1), text: "which?" }, { frames: 2.5 }, "settings", /frames is 2\.5; expected a whole/],
    ]
    for (const [question, more, reason, says] of cases) {
      const got = yield* outcome(w.answer([question], { ...ask, ...more }))
      assert.ok(E.isLeft(got))
      assert.is((got.left as { readonly reason?: string }).reason, reason)
      assert.match(got.left.message, says)
    }
  })))

it.run()
