/** A model as a language: answers and losses are those of reading everything anew, whatever is asked together. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { DeviceFault } from "../../../core/device/backend.ts"
import type { Ask, AskFault, Language } from "../../../tasks/language/language.ts"
import { greedy } from "../../../tasks/language/sampling.ts"
import { config, language, onCpu, outcome, promptsOf, slow, tokenizer, type Whole, whole } from "./small.ts"

const it = suite("tasks/language/llama")

const ask: Ask = { sampling: greedy, limit: 12, stop: [] }
const hot: Ask = { ...ask, sampling: { temperature: 1, seed: 9 } }
const lists = (answers: ReadonlyArray<Int32Array>): ReadonlyArray<ReadonlyArray<number>> =>
  answers.map((a) => Array.from(a))

type Fault = DeviceFault | AskFault

/** Answers are the likeliest tokens one after another, for prompts of any lengths together. */
const likeliest = (l: Language, all: Whole): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const lengths = fc.array(fc.integer({ min: 1, max: 240 }), { minLength: 1, maxLength: 4 })
    const kinds = new Set<string>()
    for (
      const [n, sizes] of [[1, 2, 33, 34, 100, 130, 240], ...fc.sample(lengths, { numRuns: 2, seed: 4 })].entries()
    ) {
      const prompts = promptsOf(sizes, n)
      const got = lists(yield* l.answer(prompts, { ...ask, limit: 7 }))
      for (const [i, prompt] of prompts.entries()) {
        const want = Array.from(yield* slow(all, prompt, 7))
        assert.equal(got[i], want, `prompt of ${prompt.length} among ${sizes}`)
        kinds.add(want.join())
      }
    }
    assert.ok(kinds.size > 8, `the model says ${kinds.size} different things`)
  })

/** What is drawn does not depend on what is asked together either; the same prompt twice is drawn twice. */
const drawn = (l: Language): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const prompts = promptsOf([5, 70, 5, 140, 31])
    const twice = [...prompts, prompts[1]!]
    const together = lists(yield* l.answer(twice, hot))
    assert.equal([...lists(yield* l.answer([...twice].reverse().slice(1), hot))].reverse(), together.slice(0, -1))
    for (const [i, prompt] of prompts.entries()) assert.equal(lists(yield* l.answer([prompt], hot)), [together[i]])
    assert.not.equal(together[5], together[1])
    assert.not.equal(lists(yield* l.answer(prompts, { ...hot, sampling: { temperature: 1, seed: 8 } })), together)
  })

/** Rows that have ended do no harm, at an id, at a text across tokens or at the limit. */
const ended = (l: Language): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const prompts = promptsOf([3, 40, 41, 90, 120])
    const free = lists(yield* l.answer(prompts, ask))
    const [stop, text] = [free[0]![4]!, tokenizer.decode(free[1]!.slice(5, 8))]
    const heard = new Map<number, Array<number>>()
    const got = lists(
      yield* l.answer(prompts, {
        ...ask,
        stop: [stop],
        until: [text],
        heard: (row, token) => Effect.sync(() => void heard.set(row, [...heard.get(row) ?? [], token])),
      }),
    )
    for (const [i, whole] of free.entries()) {
      const said = whole.includes(stop) ? whole.slice(0, whole.indexOf(stop)) : whole
      const at = tokenizer.decode(said).indexOf(text)
      assert.equal(got[i], at < 0 ? said : said.slice(0, at))
      assert.equal((heard.get(i) ?? []).slice(0, got[i]!.length), got[i])
      assert.not((heard.get(i) ?? []).includes(stop))
    }
    assert.ok(got[0]!.length < 12 && got[1]!.length < 12)
    assert.equal(lists(yield* l.answer(prompts, { ...ask, limit: 3 })), free.map((a) => a.slice(0, 3)))
    assert.equal(lists(yield* l.answer(prompts, { ...ask, limit: 0 })), prompts.map(() => []))
    assert.equal(yield* l.answer([], ask), [])
  })

/** It tells how far it has read. */
const told = (l: Language): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const heard: Array<readonly [number, number]> = []
    const prompts = promptsOf([170, 20, 150, 1])
    yield* l.answer(prompts, {
      ...ask,
      limit: 1,
      read: (done, total) => Effect.sync(() => void heard.push([done, total])),
    })
    assert.ok(heard.length >= 3)
    assert.ok(heard.every(([done, total], i) => total === 341 && done <= total && done >= (heard[i - 1]?.[0] ?? 0)))
    assert.is(heard.at(-1)![0], 341)
  })

it("answers each prompt as if it were asked alone and read anew for each token", () =>
  onCpu(Effect.gen(function* () {
    const l = yield* language()
    yield* likeliest(l, yield* whole(256))
    yield* drawn(l)
    yield* ended(l)
    yield* told(l)
  })))

it("losses are those of the forward pass, row by row", () =>
  onCpu(Effect.gen(function* () {
    const l = yield* language()
    const all = yield* whole(300)
    const rows = promptsOf([300, 1, 2, 77, 64, 65, 0, 290])
    const got = yield* l.nats(rows)
    for (const [i, row] of rows.entries()) {
      assert.is(got[i]!.length, Math.max(0, row.length - 1))
      const logits = yield* all(row)
      for (let t = 0; t + 1 < row.length; t++) {
        const own = Array.from({ length: 29 }, (_, v) => logits[t * 29 + v]!)
        const want = Math.log(own.reduce((n, x) => n + Math.exp(x), 0)) - own[row[t + 1]!]!
        assert.ok(Math.abs(got[i]![t]! - want) <= 2e-4, `row ${i}, place ${t}: ${got[i]![t]}, not ${want}`)
      }
    }
  })))

it("a little memory, few rows or a cache of bytes or halves give the same answers", () =>
  onCpu(Effect.gen(function* () {
    const prompts = promptsOf([180, 200, 150, 10])
    const l = yield* language()
    const free = lists(yield* l.answer(prompts, ask))
    for (const more of [{ memory: 2 ** 20 }, { rows: 3 }, { storage: "f16" }] as const) {
      assert.equal(lists(yield* (yield* language(more)).answer(prompts, ask)), free)
    }
    const bytes = lists(yield* (yield* language({ storage: "int8" })).answer(prompts, ask))
    assert.ok(bytes.every((a) => a.length === ask.limit))
    assert.is((yield* language({ storage: "int8" })).digest, l.digest)
  })))

it("what cannot be asked is a fault with the numbers", () =>
  onCpu(Effect.gen(function* () {
    const l = yield* language({ name: "small" })
    const [short, long] = promptsOf([3, 290]) as [Int32Array, Int32Array]
    const cases: ReadonlyArray<readonly [ReadonlyArray<ArrayLike<number>>, Partial<Ask>, RegExp]> = [
      [
        [short, long],
        {},
        /prompt 1 has 290 tokens and asks for up to 12 more, but small has a context of 300: 2 too many/,
      ],
      [[[]], {}, /prompt 0 is empty/],
      [[[1, 29]], {}, /prompt 0: token 1 is 29, but the vocabulary of small is 0 to 28/],
      [[[1, 0.5]], {}, /token 1 is 0.5/],
      [[short], { limit: -1 }, /the limit is -1 tokens/],
      [[short], { sampling: { temperature: NaN, seed: 0 } }, /temperature is NaN/],
    ]
    for (const [prompts, more, message] of cases) {
      const got = yield* outcome(l.answer(prompts, { ...ask, ...more }))
      assert.ok(E.isLeft(got) && got.left._tag === "AskFault")
      assert.match((got as E.Left<AskFault>).left.message, message)
    }
    const losses = yield* outcome(l.nats([new Int32Array(301)]))
    assert.match((losses as E.Left<AskFault>).left.message, /row 0 has 301 tokens.* context of 300: 1 too many/)
    const poor = yield* outcome((yield* language({ memory: 1000 })).answer([short], ask))
    assert.match((poor as E.Left<AskFault>).left.message, /15 tokens of context take 1 MiB .*\(128 bytes a token/)
    const alien = yield* outcome(language({ config: { ...config, vocab: 20 } }))
    assert.match((alien as E.Left<AskFault>).left.message, /tokenizer 'letters' has 29 tokens, the model .* 20/)
  })))

it.run()
