/** A dialogue that goes on from its cache says what a model says that reads the whole dialogue anew. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Ask, AskFault } from "../../../tasks/language/language.ts"
import { greedy } from "../../../tasks/language/sampling.ts"
import { session } from "../../../tasks/language/session.ts"
import { config, language, onCpu, outcome, parameters, promptsOf, tokenizer } from "./small.ts"

const it = suite("tasks/language/session")

const ask: Ask = { sampling: greedy, limit: 9, stop: [] }
const trained = { config, parameters, tokenizer, name: "small" }

it("every answer is that to all before it, however it ended and whatever room there was", () =>
  onCpu(Effect.gen(function* () {
    // bytes have two tensors a side, which both go along when the room grows
    const storage = "int8"
    const l = yield* language({ storage })
    const s = yield* session({ ...trained, storage })
    const whole: Array<number> = []
    const asks: ReadonlyArray<Partial<Ask>> = [
      {},
      { until: ["x"] },
      { limit: 0 },
      { stop: [3, 7, 12, 20] },
      { limit: 30 },
      {},
    ]
    for (const [n, prompt] of promptsOf([70, 1, 80, 25, 28, 3], 2).entries()) {
      const own = { ...ask, ...asks[n] }
      whole.push(...prompt)
      const heard: Array<number> = []
      const got = yield* s.reply(prompt, { ...own, read: (done) => Effect.sync(() => void heard.push(done)) })
      const [want] = yield* l.answer([whole], own)
      assert.equal([...got], [...want!], `answer ${n}`)
      whole.push(...got)
      assert.is(yield* s.used, whole.length)
      // what was said but not read when the last answer ended is read first
      assert.ok(own.limit === 0 || heard.at(-1)! - prompt.length <= 2, `${heard} of ${prompt.length}`)
    }
    assert.ok(whole.length > 256, "the room grew")
  })))

it("interrupted, it keeps what it has read and said, and goes on from there", () =>
  onCpu(Effect.gen(function* () {
    const l = yield* language()
    const s = yield* session(trained)
    const [first, second] = promptsOf([30, 12]) as [Int32Array, Int32Array]
    const heard: Array<number> = []
    const fiber = yield* Effect.forkChild(
      s.reply(first, { ...ask, limit: 200, heard: (_, token) => Effect.sync(() => void heard.push(token)) }),
    )
    while (heard.length < 4) yield* Effect.promise(() => new Promise((go) => setTimeout(go, 1)))
    yield* Fiber.interrupt(fiber)
    const used = yield* s.used
    const said = used - first.length
    assert.ok(said >= 4 && said < 200)
    const [want] = yield* l.answer([first], { ...ask, limit: said })
    assert.equal(heard.slice(0, said), [...want!].slice(0, heard.length))
    const [next] = yield* l.answer([[...first, ...want!, ...second]], ask)
    assert.equal([...yield* s.reply(second, ask)], [...next!])
  })))

it("drawn answers depend on the seed and the place", () =>
  onCpu(Effect.gen(function* () {
    const hot = (seed: number): Ask => ({ ...ask, sampling: { temperature: 1, seed } })
    const say = (seed: number) =>
      Effect.scoped(Effect.flatMap(session(trained), (s) => s.reply(promptsOf([9])[0]!, hot(seed))))
    assert.equal([...yield* say(1)], [...yield* say(1)])
    assert.not.equal([...yield* say(1)], [...yield* say(2)])
  })))

it("too much is a fault with the numbers, and costs nothing that was said", () =>
  onCpu(Effect.gen(function* () {
    const s = yield* session(trained)
    yield* s.reply(promptsOf([100])[0]!, ask)
    const got = yield* outcome(s.reply(promptsOf([190])[0]!, ask))
    assert.ok(E.isLeft(got))
    const message = /109 tokens so far, 190 more and up to 9 of an answer are 8 more than the context of small, 300/
    assert.match((got as E.Left<AskFault>).left.message, message)
    assert.is(yield* s.used, 109)
    assert.is((yield* s.reply(promptsOf([10])[0]!, ask)).length, 9)
    const poor = yield* outcome(Effect.flatMap(session({ ...trained, memory: 1e4 }), (x) => x.reply([1], ask)))
    assert.ok(E.isLeft(poor) && poor.left.message.includes("10 tokens of context take"))
  })))

it.run()
