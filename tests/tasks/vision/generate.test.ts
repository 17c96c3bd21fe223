/** Pictures of wishes: what reading everything anew would draw, whatever is drawn beside it; whole frames of codes, always. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Pictured } from "../../../tasks/vision/generate.ts"
import type { Generating, Wish } from "../../../tasks/vision/wish.ts"
import { onCpu, outcome } from "../language/small.ts"
import { after, config, framesFor, layout, slowly, tokenizer, world } from "./small-world.ts"
import { wording } from "./small-world.ts"

const it = suite("tasks/vision/generate")

const lists = (all: ReadonlyArray<Pictured>): ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>> =>
  all.map((frames) => frames.map((codes) => Array.from(codes)))

const still: Generating = { frames: 1, guidance: 1, temperature: 0, seed: 0, wording }
const hot: Generating = { ...still, frames: 2, temperature: 1.5, seed: 5 }
const wishes: ReadonlyArray<Wish> = [{ text: "a cat" }, { text: "a dog that runs far away" }, { text: "" }]

it("draws what reading everything anew for each code gives: u + s (c - u), with and without guidance, from frames on", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const all = yield* after(64)
    const begun: ReadonlyArray<Wish> = [{ text: "on", frames: framesFor(1, 1) }, {
      text: "and on",
      frames: framesFor(2, 2),
    }]
    const cases: ReadonlyArray<readonly [ReadonlyArray<Wish>, number, number]> = [
      [wishes, 1, 1],
      [wishes, 1, 4],
      [[...begun, ...wishes], 3, 2.5],
      [wishes, 1, 0],
    ]
    const kinds = new Set<string>()
    for (const [some, frames, guidance] of cases) {
      const got = lists(yield* w.generate(some, { ...still, frames, guidance }))
      for (const [i, wish] of some.entries()) {
        const want = yield* slowly(all, wish, { frames, guidance })
        assert.equal(got[i], want, `'${wish.text}', ${frames} frames, guidance ${guidance}`)
        kinds.add(want.flat().join())
      }
    }
    assert.ok(kinds.size >= 8, `the model draws ${kinds.size} different things`)
  })))

it("neither the batch nor the order changes what is drawn; the seed does, and the same wish twice is drawn twice", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    for (const guidance of [1, 3]) {
      const how = { ...hot, guidance }
      const together = lists(yield* w.generate([...wishes, wishes[1]!], how))
      const turned = lists(yield* w.generate([...wishes].reverse(), how))
      assert.equal([...turned].reverse(), together.slice(0, 3))
      for (const [i, wish] of wishes.entries()) assert.equal(lists(yield* w.generate([wish], how)), [together[i]])
      assert.not.equal(together[3], together[1])
      assert.not.equal(lists(yield* w.generate(wishes, { ...how, seed: 6 })), together.slice(0, 3))
      const own = [{ ...wishes[1]!, seed: 5 }, wishes[0]!, { ...wishes[1]!, seed: 5 }, { ...wishes[1]!, seed: 9 }]
      const [first, , again, other] = lists(yield* w.generate(own, { ...how, seed: 77 }))
      assert.equal([first, again], [together[1], together[1]])
      assert.not.equal(other, first)
      assert.equal(lists(yield* (yield* world({ rows: 1 })).generate(wishes, how)), together.slice(0, 3))
    }
  })))

it("no id outside of the codebook, exact counts of frames: a property of all settings", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const settings = fc.record({
      frames: fc.integer({ min: 1, max: 4 }),
      guidance: fc.constantFrom(1, 2, 7),
      temperature: fc.constantFrom(0, 0.7, 1, 1e30),
      topK: fc.constantFrom(1, 3, layout.codes, 20),
      topP: fc.constantFrom(0.5, 1),
      seed: fc.nat(),
      texts: fc.array(fc.string({ maxLength: 12 }), { minLength: 1, maxLength: 3 }),
    })
    const seen = new Set<number>()
    for (const { texts, ...how } of fc.sample(settings, { numRuns: 7, seed: 3 })) {
      const got = yield* w.generate(texts.map((text) => ({ text })), { ...how, wording })
      assert.is(got.length, texts.length)
      for (const frames of got) {
        assert.is(frames.length, how.frames)
        for (const codes of frames) {
          assert.is(codes.length, layout.frame)
          codes.forEach((id) => seen.add(id))
        }
      }
    }
    assert.ok([...seen].every((id) => Number.isInteger(id) && id >= 0 && id < layout.codes), [...seen].join())
    assert.ok(seen.size === layout.codes, `of ${layout.codes} codes ${seen.size} were drawn`)
  })))

it("defect j of LWM: the id that ends a text ends no picture where it is a code", () =>
  onCpu(Effect.gen(function* () {
    assert.is(tokenizer.eos, 2)
    const [video] = lists(yield* (yield* world()).generate([{ text: "x" }], { ...hot, frames: 5, temperature: 1e6 }))
    assert.is(video!.length, 5)
    const first = video!.flat().indexOf(2)
    assert.ok(first >= 0 && first < 4 * layout.frame, "the id is among the codes, and frames follow it")
    assert.ok(video!.every((codes) => codes.length === layout.frame))
  })))

it("defect k of LWM: as many likeliest ids as there are codes are not the codes", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const all = yield* after(64)
    // the likeliest of all ids is none of the codebook: whoever draws of all of them draws it
    const { vision } = yield* all({
      tokens: Int32Array.from([tokenizer.bos!, ...tokenizer.encode("i x<vision>")]),
      vision: new Uint8Array(12),
    })
    assert.ok(vision.indexOf(Math.max(...vision)) >= config.codes)
    for (const temperature of [0, 1]) {
      const [frames] = yield* w.generate([{ text: "x" }], { ...still, temperature, topK: config.codes })
      assert.ok(frames![0]!.every((id) => id < config.codes))
    }
  })))

it("frames are told as they are whole, and how far it is", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const frames: Array<string> = []
    const far: Array<readonly [number, number]> = []
    const listening = {
      heard: (wish: number, frame: number, codes: Int32Array) =>
        Effect.sync(() => void frames.push(`${wish} ${frame} ${codes}`)),
      told: (done: number, total: number) => Effect.sync(() => void far.push([done, total])),
    }
    const some: ReadonlyArray<Wish> = [...wishes, { text: "on", frames: framesFor(3, 2) }]
    const got = lists(yield* w.generate(some, { ...hot, frames: 3, ...listening }))
    const want = got.flatMap((own, i) => own.flatMap((codes, f) => i === 3 && f < 2 ? [] : [`${i} ${f} ${codes}`]))
    assert.equal([...frames].sort(), want.sort())
    assert.equal(lists([got[3]!.slice(0, 2).map((c) => Int32Array.from(c))]), lists([framesFor(3, 2)]))
    assert.equal(far.at(-1), [50, 50])
    assert.ok(far.every(([done, total], i) => total === 50 && done > (far[i - 1]?.[0] ?? 0)))
  })))

it("LWM's order: the first frame as an image by itself, and the video goes on from it", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const first = { guidance: 5, temperature: 1 }
    const staged = lists(yield* w.generate(wishes, { ...hot, frames: 3, first }))
    const stills = yield* w.generate(wishes, { ...hot, ...first, frames: 1 })
    const begun = wishes.map((wish, i) => ({ ...wish, frames: stills[i]! }))
    assert.equal(lists(yield* w.generate(begun, { ...hot, frames: 3 })), staged)
    assert.not.equal(lists(yield* w.generate(wishes, { ...hot, frames: 3 })), staged)
  })))

it("what cannot be drawn is a fault with the numbers", () =>
  onCpu(Effect.gen(function* () {
    const w = yield* world()
    const cases: ReadonlyArray<readonly [ReadonlyArray<Wish>, Partial<Generating>, string, RegExp]> = [
      [wishes, { frames: 100 }, "settings", /the context of small, 200; ask for \d+ frames at most/],
      [[{ text: "x".repeat(250) }], {}, "settings", /ask for 0 frames at most: none fits/],
      [wishes, { frames: 0 }, "settings", /frames is 0; expected a whole number from 1/],
      [wishes, { guidance: NaN }, "settings", /guidance is NaN; expected a number from 0/],
      [wishes, { temperature: -1 }, "settings", /temperature is -1/],
      [wishes, { first: { guidance: 1, temperature: 1, topK: 0 } }, "settings", /topK is 0/],
      [[{ text: "x", seed: -1 }], {}, "settings", /seed is -1/],
      [[{ text: "x", frames: [[1, 2, 3]] }], { frames: 2 }, "codes", /frame 0 has 3 codes, a frame of this model 4/],
      [[{ text: "x", frames: [[1, 2, 3, 11]] }], { frames: 2 }, "codes", /is 11; expected a whole number from 0 to 10/],
      [
        [{ text: "x", frames: framesFor(1, 2) }],
        { frames: 2 },
        "settings",
        /begins with 2 frames, and 2 are asked for/,
      ],
    ]
    for (const [some, more, reason, says] of cases) {
      const got = yield* outcome(w.generate(some, { ...still, ...more }))
      assert.ok(E.isLeft(got), `${JSON.stringify(more)} is no fault`)
      assert.is((got.left as { readonly reason?: string }).reason, reason)
      assert.match(got.left.message, says)
    }
    const other = yield* outcome(world({ layout: { codes: 12, frame: 4 } }))
    assert.ok(E.isLeft(other) && /small knows a codebook of 11 codes, not of 12/.test(other.left.message))
    assert.equal(yield* w.generate([], still), [])
  })))

it.run()
