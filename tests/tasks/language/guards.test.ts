/** The languages that guard a measure. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Ask } from "../../../tasks/language/language.ts"
import { oracleLanguage, randomLanguage } from "../../../tasks/language/guards.ts"
import { greedy } from "../../../tasks/language/sampling.ts"
import { outcome, promptsOf, tokenizer } from "./small.ts"

const it = suite("tasks/language/guards")
const ask: Ask = { sampling: greedy, limit: 20, stop: [] }
const said = (answers: ReadonlyArray<Int32Array>): ReadonlyArray<string> => answers.map((a) => tokenizer.decode(a))

it("the oracle knows what its function reads in the prompt, within what is asked", () =>
  Effect.runPromise(Effect.gen(function* () {
    const l = yield* oracleLanguage({ tokenizer, context: 64, answer: (text) => `${text.slice(-3)}. and more` })
    const prompts = ["needle is abc", "key is xyz"].map(tokenizer.encode)
    assert.equal(said(yield* l.answer(prompts, ask)), ["abc. and more", "xyz. and more"])
    assert.equal(said(yield* l.answer(prompts, { ...ask, until: [". "] })), ["abc", "xyz"])
    assert.equal(said(yield* l.answer(prompts, { ...ask, limit: 2 })), ["ab", "xy"])
    assert.equal([...(yield* l.nats(prompts))[0]!], new Array(12).fill(0))
    const long = yield* outcome(l.answer(prompts, { ...ask, limit: 60 }))
    assert.ok(E.isLeft(long) && long.left._tag === "AskFault")
  })))

it("the random one guesses the same for the same seed and prompt, whatever is asked together", () =>
  Effect.runPromise(Effect.gen(function* () {
    const letters = (random: (n: number) => number): string =>
      Array.from({ length: 7 }, () => "abcdefghij"[random(10)]).join("")
    const of = (seed: number) => randomLanguage({ tokenizer, context: 300, seed, guess: letters })
    const prompts = promptsOf([4, 5, 6, 7])
    const all = said(yield* (yield* of(1)).answer(prompts, ask))
    assert.is(new Set(all).size, 4)
    assert.ok(all.every((x) => /^[a-j]{7}$/.test(x)))
    assert.equal(said(yield* (yield* of(1)).answer([prompts[2]!], ask)), [all[2]])
    assert.not.equal(said(yield* (yield* of(2)).answer(prompts, ask)), all)
    const any = yield* (yield* randomLanguage({ tokenizer, context: 300, seed: 3 })).answer(prompts, ask)
    assert.ok(any.every((a) => a.length === 20) && new Set(any.flatMap((a) => [...a])).size > 20)
    assert.ok(Math.abs((yield* (yield* of(1)).nats(prompts))[0]![0]! - Math.log(29)) < 1e-6)
  })))

it.run()
