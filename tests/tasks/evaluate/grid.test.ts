/**
 * The guards of the harness: who reads the prompt is right everywhere, who guesses is right as often as chance has it, who
 * sees a half is right exactly there; and a run that was stopped ends as one that was not.
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { divideCities } from "../../../tasks/evaluate/cities.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { batches, evaluate, type Evaluation, lwmEvaluation, settingsFault } from "../../../tasks/evaluate/grid.ts"
import { haystack } from "../../../tasks/evaluate/haystack.ts"
import { heatmap } from "../../../tasks/evaluate/heatmap.ts"
import {
  multiKey,
  multiNeedle,
  multiQuery,
  multiValue,
  type Probe,
  singleNeedle,
  taskOf,
  trackVariables,
} from "../../../tasks/evaluate/probe.ts"
import { byLength, nearest, Result, rows, share } from "../../../tasks/evaluate/result.ts"
import { depths, type Scene } from "../../../tasks/evaluate/task.ts"
import { desk } from "../../../tasks/evaluate/wording.ts"
import { oracleLanguage, type Random, randomLanguage } from "../../../tasks/language/guards.ts"
import type { Language } from "../../../tasks/language/language.ts"
import { lengthText } from "../../../tasks/numbers.ts"
import type { Journal, Json } from "../../../tasks/stage/stage.ts"
import { failing, reader, story, wordTokenizer } from "./fakes.ts"

const it = suite("tasks/evaluate/grid")

const hay = haystack("story", wordTokenizer, story)
const of = (probe: Probe, more: Partial<Evaluation> = {}): Evaluation => ({
  probe,
  grid: { lengths: [1300, 1800], depths: depths(5), rounds: 2 },
  seed: 5,
  buffer: 300,
  limit: 300,
  reach: 2 ** 31,
  batch: 6700,
  until: [],
  ...more,
})

const run = (language: Language, e: Evaluation, journal?: Journal, heard: (event: Event) => void = () => {}) =>
  Effect.runPromise(
    heardBy(evaluate(language, hay, e, journal), [(event) => Effect.sync(() => heard(event))]).pipe(
      Effect.provide(events),
      Effect.mapError((fault) => new Error(`${fault._tag}: ${fault.message}`)),
    ),
  )

/** Reads all of the prompt. */
const oracle = (probe: Probe, context = 2000): Promise<Language> => {
  const { solve } = taskOf(probe)
  const answer = (text: string): string => solve(text) ?? ""
  return Effect.runPromise(oracleLanguage({ tokenizer: wordTokenizer, context, answer }))
}

/** Says a number of so many digits. */
const guesser = (digits: number): Promise<Language> => {
  const least = 10 ** (digits - 1)
  const guess = (random: Random): string => String(least + random(9 * least))
  return Effect.runPromise(randomLanguage({ tokenizer: wordTokenizer, context: 2000, seed: 1, guess }))
}

const all: ReadonlyArray<Probe> = [
  singleNeedle(),
  singleNeedle({ ...desk, prefix: "The special magic {key} number is: " }),
  multiNeedle(4, 4),
  multiNeedle(4, 1),
  multiKey(12),
  multiKey("fill"),
  multiValue(3),
  multiQuery(2, 6),
  trackVariables(),
]

it("who reads the prompt is right everywhere, also in its place", async () => {
  for (const probe of all) {
    const result = await run(await oracle(probe), of(probe))
    assert.is(share(result.total), 1, probe.name)
    assert.is(share(result.total, "strict"), 1, probe.name)
    assert.ok(result.whole.every((w) => w.prompts > 0 && w.right === w.prompts))
    assert.ok(rows(result).every((row) => row.share === 1))
    assert.equal(Result.decode(JSON.parse(JSON.stringify(result))), E.right(result))
    assert.equal(result.trained.asked + result.heldOut.asked, result.total.asked)
  }
})

/** Is a count of hits within five standard deviations of what chance gives? One more is granted. */
const byChance = (hits: number, asked: number, p: number): boolean =>
  Math.abs(hits - asked * p) <= 5 * Math.sqrt(asked * p * (1 - p)) + 1

it("who guesses is right as often as chance has it: never of seven digits, one time in 90 of two", async () => {
  const none = await run(await guesser(7), of(singleNeedle()))
  assert.equal([none.total.right, none.total.strict, none.total.asked], [0, 0, 20])
  const single = singleNeedle() as Extract<Probe, { readonly kind: "pairs" }>
  const two: Probe = { ...single, pairs: { ...single.pairs, digits: 2 } }
  const e = of(two, { grid: { lengths: [400], depths: depths(10), rounds: 60 }, buffer: 20, limit: 20, batch: 1e6 })
  const guessed = await run(await guesser(2), e)
  assert.is(guessed.total.asked, 600)
  assert.ok(byChance(guessed.total.right, 600, 1 / 90), `${guessed.total.right} of 600`)
  assert.not.ok(byChance(60, 600, 1 / 90), "the bound can be broken")
})

it("who knows all but speaks it in the wrong place is right, but not strictly", async () => {
  const probe = singleNeedle()
  const { solve } = taskOf(probe)
  const late = await run(reader(wordTokenizer, (text) => `7777777 or ${solve(text)}`), of(probe))
  assert.equal([share(late.total), share(late.total, "strict")], [1, 0])
})

it("who sees the last half fails exactly on what stands before it", async () => {
  const probe = singleNeedle()
  const task = taskOf(probe)
  const e = of(probe, { grid: { lengths: [1100, 1700], depths: depths(9), rounds: 2 } })
  const half = (length: number): number => Math.floor(length / 2)
  const result = await run(reader(wordTokenizer, task.solve, half), e)
  const { seed, buffer, reach } = e
  const scene: Scene = { tokenizer: wordTokenizer, haystack: hay, seed, buffer, reach, depths: e.grid.depths }
  for (const cell of result.cells) {
    const seen = [0, 1].filter((round) => {
      const posed = task.pose(scene, { length: cell.length, depth: cell.depth, round })
      return E.isRight(posed) && posed.right.wanted[0]!.at >= half(posed.right.tokens.length)
    })
    assert.is(cell.right, seen.length, `length ${cell.length}, depth ${cell.depth}`)
  }
  for (const { depth, share } of rows(result)) {
    if (depth <= 25) assert.is(share, 0)
    if (depth >= 88) assert.is(share, 1)
  }
  assert.is(result.cells[0]!.sample.right, false)
})

it("who sees the last half of several needles finds those that stand in it, and only those", async () => {
  for (const probe of [multiNeedle(4, 4), multiQuery(4), trackVariables()]) {
    const task = taskOf(probe)
    const e = of(probe, { grid: { lengths: [1700], depths: depths(5), rounds: 8 } })
    const result = await run(reader(wordTokenizer, task.solve, (length) => Math.floor(length / 2)), e)
    const right = (depth: number): number => rows(result).find((row) => row.depth === depth)!.share
    assert.is(right(0), 0, probe.name)
    // a chain is lost with its first link
    assert.is(right(100), probe.kind === "variables" ? 0 : 1, probe.name)
    assert.is(result.whole[0]!.right, 0)
  }
})

/** A journal in a variable. */
const journalOf = (): { readonly journal: Journal; readonly saves: () => number } => {
  let last: Json | undefined
  let saves = 0
  const journal: Journal = {
    last: <A>(codec: t.Type<A, unknown>) =>
      Effect.sync(() => {
        const state = last === undefined ? undefined : codec.decode(last)
        return state !== undefined && E.isRight(state) ? state.right : undefined
      }),
    save: (codec, state) =>
      Effect.sync(() => {
        saves++
        last = JSON.parse(JSON.stringify(codec.encode(state))) as Json
      }),
  }
  return { journal, saves: () => saves }
}

it("a run that was stopped goes on with what is left and ends as if it had not been, whatever the test", async () => {
  for (const probe of [singleNeedle(), multiNeedle(4, 2), multiKey("fill"), trackVariables()]) {
    const e = of(probe, { batch: 2000 })
    const language = reader(wordTokenizer, taskOf(probe).solve, (length) => Math.floor(length / 3))
    let asked = 0
    const whole = await run(failing(language, 1e9, (n) => asked += n), e)
    const every = asked
    for (const calls of [0, 1, 3]) {
      const { journal, saves } = journalOf()
      asked = 0
      const stopped = failing(language, calls, (n) => asked += n)
      assert.match(String(await run(stopped, e, journal).catch((x) => x)), /pulled the plug/)
      assert.is(saves(), calls)
      const scored: Array<number> = []
      const resumed = await run(failing(language, 1e9, (n) => asked += n), e, journal, (event) => {
        if (event._tag === "Scored") scored.push(event.length)
      })
      assert.is(asked, every, "nothing is asked twice")
      assert.equal(resumed, whole)
      assert.equal(scored, e.grid.lengths)
    }
  }
})

it("answers do not depend on the batch, nor trials on what else is in the grid", async () => {
  const probe = singleNeedle()
  const language = reader(wordTokenizer, taskOf(probe).solve, (length) => Math.floor(length / 2))
  const one = await run(language, of(probe, { batch: 1 }))
  assert.equal(await run(language, of(probe, { batch: 1e6 })), one)
  const wider = await run(language, of(probe, { grid: { lengths: [1300, 1500, 1800], depths: depths(9), rounds: 2 } }))
  const shared = (r: Result) => r.cells.filter((c) => c.length !== 1500 && c.depth % 25 === 0)
  assert.equal(
    shared(wider).filter((c) => [0, 50, 100].includes(c.depth)),
    one.cells.filter((c) => [0, 50, 100].includes(c.depth)),
  )
  assert.equal(batches([], 100), [])
  const trials = Array.from({ length: 5 }, (_, round) => ({ length: 30, depth: 0, round }))
  assert.equal(batches(trials, 70).map((b) => b.length), [2, 2, 1])
  assert.equal(batches(trials, 1).map((b) => b.length), [1, 1, 1, 1, 1])
})

it("keys that were held out from training are told apart", async () => {
  const probe = singleNeedle() as Extract<Probe, { readonly kind: "pairs" }>
  const { solve } = taskOf(probe)
  const grid = { lengths: [900], depths: depths(10), rounds: 4 }
  const first = await run(reader(wordTokenizer, solve), of(probe, { grid }))
  assert.ok(first.trained.asked > 10 && first.heldOut.asked > 3)
  const { heldOut } = divideCities(32)
  const forgets = (text: string): string | undefined => {
    const said = solve(text)
    return heldOut.some((city) => said?.includes(city)) ? "No idea." : said
  }
  const learned = await run(reader(wordTokenizer, forgets), of(probe, { grid }))
  assert.equal([share(learned.trained), share(learned.heldOut)], [1, 0])
  assert.is(learned.total.right, learned.trained.asked)
  const none: Probe = { ...probe, pairs: { ...probe.pairs, heldOut: 0 } }
  assert.is((await run(reader(wordTokenizer, solve), of(none, { grid }))).heldOut.asked, 0)
})

it("progress is told, and a length when all of it is scored", async () => {
  const heard: Array<Event> = []
  const probe = singleNeedle()
  await run(reader(wordTokenizer, taskOf(probe).solve), of(probe), undefined, (event) => heard.push(event))
  const done = heard.flatMap((e) => e._tag === "Progress" ? [`${e.done}/${e.total} ${e.unit}`] : [])
  assert.equal(done, [
    "5/20 prompts",
    "10/20 prompts",
    "13/20 prompts",
    "16/20 prompts",
    "19/20 prompts",
    "20/20 prompts",
  ])
  assert.equal(heard.flatMap((e) => e._tag === "Scored" ? [[e.length, e.asked, e.right, e.strict]] : []), [
    [1300, 10, 10, 10],
    [1800, 10, 10, 10],
  ])
})

it("of a long prompt it is told how far it is read", async () => {
  const e = of(singleNeedle(), { grid: { lengths: [1 << 18], depths: [50], rounds: 1 } })
  const heard: Array<string> = []
  const language = await oracle(e.probe, 1 << 20)
  const result = await run(language, e, undefined, (event) => {
    if (event._tag === "Progress" && event.what === "reading") heard.push(`${event.done}/${event.total} ${event.unit}`)
  })
  assert.equal(heard, ["261844/261844 tokens"])
  assert.is(share(result.total), 1)
  assert.ok(result.haystack.repeatsAbove < 1 << 18, "the story is shorter and was repeated")
})

it("settings that make no sense are refused", async () => {
  assert.is(settingsFault(lwmEvaluation(singleNeedle())), undefined)
  const wrong = (more: Partial<Evaluation>): string => settingsFault(of(singleNeedle(), more)) ?? "fine"
  assert.match(wrong({ limit: 301 }), /do not fit into a buffer of 300/)
  assert.match(wrong({ grid: { lengths: [], depths: [0], rounds: 1 } }), /a length and a depth/)
  assert.match(wrong({ grid: { lengths: [9], depths: [0, 101], rounds: 1 } }), /not 101/)
  assert.match(wrong({ grid: { lengths: [9, 9], depths: [0], rounds: 1 } }), /twice/)
  assert.match(wrong({ grid: { lengths: [9], depths: [0, 0], rounds: 1 } }), /twice/)
  const run1 = run(reader(wordTokenizer, () => ""), of(singleNeedle(), { limit: 301 }))
  assert.match(String(await run1.catch((x) => x)), /PoseFault/)
})

it("a result is drawn in blocks or in numbers", async () => {
  const probe = singleNeedle()
  const language = reader(wordTokenizer, taskOf(probe).solve, (length) => Math.floor(length / 2))
  const result = await run(language, of(probe, { grid: { lengths: [1024, 1500], depths: depths(3), rounds: 2 } }))
  assert.equal(byLength(result).map(({ length, asked }) => [length, asked]), [[1024, 6], [1500, 6]])
  const plain = heatmap(result, { blocks: false }).split("\n")
  assert.match(plain[0]!, /^needle, reader: \d+ of 12 \(\d+ %\), keys of training \d+ %, held out \d+ %$/)
  assert.is(plain[1], " depth    1K  1500")
  assert.is(plain[2], "    0%     0     0")
  assert.is(plain[4], "  100%   100   100")
  assert.is(plain.length, 6)
  const drawn = heatmap(result, { blocks: true }).split("\n")
  assert.is(drawn[2], "    0%   ···   ···")
  assert.is(drawn[4], "  100%   ███   ███")
  assert.equal([512, 1000, 1024, 16384, 32_000, 1 << 20, 1_000_000, 1500].map(lengthText), [
    ...["512", "1K", "1K", "16K", "32K", "1M", "1M", "1500"],
  ])
  assert.equal([0, 12, 13, 60, 100].map((d) => nearest([0, 25, 50, 100], d)), [0, 0, 25, 50, 100])
})

it.run()
