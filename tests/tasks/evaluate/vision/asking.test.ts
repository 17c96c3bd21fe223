/** Questions about scenes: who knows is right, who guesses is as good as the majority, and differences have their intervals. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import {
  Ablation,
  ablation,
  ablationStage,
  differenceInterval,
  wilson,
} from "../../../../tasks/evaluate/vision/ablation.ts"
import { Answered, answersOf, bare, posedOf } from "../../../../tasks/evaluate/vision/answered.ts"
import {
  answered,
  answeredStage,
  type Asks,
  type Questions,
  questionsFault,
  type Seer,
} from "../../../../tasks/evaluate/vision/asking.ts"
import { events } from "../../../../tasks/events.ts"
import { type Journal, stage } from "../../../../tasks/stage/stage.ts"
import { framesOfScene, majority, names, type Scan, type Scans } from "../../../../tasks/vision/digits.ts"
import { failing, remembering } from "./fakes.ts"

const it = suite("tasks/evaluate/vision/asking")

/** Scans whose ink says which they are. */
const scan = (digit: number, number: number): Scan => ({
  ...{ digit, number },
  ink: new Uint8Array(256).fill(digit * 20 + number + 1),
})
const all: Scans = {
  train: Array.from({ length: 10 }, (_, d) => [0, 1].map((n) => scan(d, n))),
  heldOut: Array.from({ length: 10 }, (_, d) => [2, 3].map((n) => scan(d, n))),
  digest: "",
}
const questions: Questions = {
  stills: { drawing: { seed: 1, frames: 1 }, count: 40 },
  videos: { drawing: { seed: 2, frames: 3, most: 2 }, count: 60 },
  batch: 8,
}
const posed = [...posedOf(all, questions.stills), ...posedOf(all, questions.videos)]

/** Answers by looking up the scene that has these frames. */
const knowing = (say: (answer: string, asks: Asks) => string, name = "knowing"): Seer => {
  const key = ({ frames, question }: Asks): string => [question, ...frames.map(({ pixels }) => pixels.join())].join()
  const right = new Map(posed.map((p) => [key({ frames: framesOfScene(p.scene), question: p.question }), p.answer]))
  return {
    ...{ name, digest: name.padEnd(64, "0") },
    answer: (asked) => Effect.succeed(asked.map((one) => say(right.get(key(one))!, one))),
  }
}

const told = (seer: Seer, q: Questions = questions, journal?: Journal): Promise<Answered> =>
  Effect.runPromise(Effect.provide(answered(all, seer, q, journal), events))
const kind = ({ kinds }: Answered, medium: string, of: string) =>
  kinds.find((one) => one.medium === medium && one.kind === of)!

it("all questions of all scenes are asked; who knows is right in all of them, to the letter", async () => {
  const result = await told(knowing((answer) => answer))
  assert.equal(
    result.kinds.map(({ medium, kind }) => `${medium} ${kind}`).toSorted(),
    ["still count", "still which", "video count", "video way", "video which"],
  )
  assert.is(result.kinds.reduce((n, { of }) => n + of, 0), posed.length)
  for (const { of, right, exact, marks } of result.kinds) {
    assert.ok(of > 0 && right === of && exact === of && marks === "1".repeat(of))
  }
  const { confusion } = kind(result, "still", "which")
  assert.ok(confusion.every(({ answer, said }) => answer === said))
  assert.equal(
    confusion.map(({ answer }) => names.indexOf(answer)),
    confusion.map(({ answer }) => names.indexOf(answer)).toSorted((a, b) => a - b),
  )
  assert.equal(Answered.decode(JSON.parse(JSON.stringify(Answered.encode(result)))), E.right(result))
})

it("who says what is right most often is as good as the majority answer, and no better", async () => {
  const often = majority(posed.filter(({ medium }) => medium === "still"))
  const parrot = await told(
    knowing((_, { question }) => question.startsWith("How many") ? often.count!.answer : often.which!.answer),
  )
  for (const name of ["count", "which"] as const) {
    const found = kind(parrot, "still", name)
    assert.equal(found.majority, often[name])
    assert.is(found.right / found.of, often[name]!.share)
  }
  assert.is(kind(parrot, "video", "way").right, 0)
  assert.ok(kind(parrot, "video", "way").confusion.every(({ said }) => said === "?"))
})

it("case, spaces around and a full stop do not matter, but for the letter; wrong answers are shown first", async () => {
  const result = await told(knowing((answer) => answer === "left" ? "right" : ` ${answer.toUpperCase()} .`))
  const way = kind(result, "video", "way")
  const lefts = posed.filter(({ answer }) => answer === "left").length
  assert.ok(lefts > 0)
  assert.equal([way.right, way.exact], [way.of - lefts, 0])
  assert.equal(way.confusion.find(({ answer, said }) => answer === "left" && said === "right")!.times, lefts)
  assert.equal(way.samples.map(({ right }) => right), way.samples.map((_, i) => i >= lefts))
  assert.is(bare(" Two.\n"), "two")
  assert.is.not(bare("two three"), "two")
})

it("batches change nothing; what was stopped goes on, and no question is asked twice", async () => {
  const seer = knowing((answer, { question }) => question.startsWith("How") ? "two" : answer)
  const whole = await told(seer)
  assert.equal(await told(seer, { ...questions, batch: 1 }), whole)
  assert.equal(await told(seer, { ...questions, batch: 1000 }), whole)
  const journal = remembering()
  const heard: Array<number> = []
  const counting = (s: Seer): Seer => ({
    ...s,
    answer: (asked) => Effect.suspend(() => (heard.push(asked.length), s.answer(asked))),
  })
  const pulled = { ...seer, answer: failing(3, counting(seer).answer) }
  const fault = await Effect.runPromise(
    Effect.flip(Effect.provide(answered(all, pulled, questions, journal), events)),
  )
  assert.match(fault.message, /pulled the plug/)
  assert.equal(await told(counting(seer), questions, journal), whole)
  assert.is(heard.reduce((a, b) => a + b, 0), posed.length)
})

it("scenes are told apart by their digest; settings that fit no question are told, and answers that are too few", async () => {
  const seer = knowing((answer) => answer ?? "")
  const other = await told(seer, { ...questions, stills: { ...questions.stills, drawing: { seed: 9, frames: 1 } } })
  assert.is.not(other.questions, (await told(seer)).questions)
  const change = (more: Partial<Questions>) => questionsFault({ ...questions, ...more })
  assert.is(change({}), undefined)
  assert.match(change({ stills: questions.videos })!, /a still has one frame, not 3/)
  assert.match(change({ videos: questions.stills })!, /a video has two frames at least, not 1/)
  const silent = { ...seer, answer: () => Effect.succeed([]) }
  const fault = await Effect.runPromise(Effect.flip(Effect.provide(answered(all, silent, questions), events)))
  assert.match(fault.message, /was asked 8 questions and gave 0 answers/)
})

// ---- ablations -----------------------------------------------------------------

const answeredBy = (say: (answer: string, i: number) => string, questions = "q"): Answered => ({
  ...{ model: "m", digest: "d", questions },
  kinds: answersOf(posed, posed.map(({ answer }, i) => say(answer, i))),
})

it("Wilson's and Newcombe's intervals are those of their papers", () => {
  const close = (found: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
    found.forEach((x, i) => assert.ok(Math.abs(x - expected[i]!) < 5e-5, `${x}, expected ${expected[i]}`))
  // Newcombe 1998, two-sided confidence intervals for the single proportion, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29
  close(wilson(81, 263), [0.2553, 0.3662])
  close(wilson(15, 148), [0.0624, 0.1605])
  close(wilson(0, 20), [0, 0.1611])
  close(wilson(1, 29), [0.0061, 0.1718])
  close(differenceInterval(10, 0, 10), [0.6075, 1])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(500), fc.nat(500), (of, a, b) => {
      const [x, y] = [Math.min(a, of), Math.min(b, of)]
      const [low, high] = differenceInterval(x, y, of)
      assert.ok(low <= (x - y) / of && (x - y) / of <= high && low >= -1 - 1e-12 && high <= 1 + 1e-12)
      const [back, forth] = differenceInterval(y, x, of)
      assert.ok(Math.abs(low + forth) < 1e-12 && Math.abs(high + back) < 1e-12)
    }),
    { numRuns: 50 },
  )
})

it("a variant has the sign of its difference, in all questions and in each kind; too little to tell is said", () => {
  const good = { name: "masked", answered: answeredBy((answer) => answer) }
  const bad = { name: "naive", answered: answeredBy((answer) => answer === "left" ? answer : "no") }
  const near = { name: "near", answered: answeredBy((answer, i) => i === 0 ? "no" : answer) }
  const found = ablation(good, [bad, near, { name: "same", answered: good.answered }])
  assert.ok(E.isRight(found))
  const [naive, almost, same] = found.right.variants
  const total = naive!.differences[0]!
  const lefts = posed.filter(({ answer }) => answer === "left").length
  assert.equal([total.of, total.asked, total.variant, total.better, total.worse], [
    ...["all", posed.length, lefts, 0, posed.length - lefts],
  ])
  assert.ok(total.sign === -1 && total.certain && total.high < 0)
  assert.equal([almost!.differences[0]!.sign, almost!.differences[0]!.certain], [-1, false])
  for (const one of same!.differences) assert.ok(one.sign === 0 && !one.certain && one.difference === 0)
  assert.equal(Ablation.decode(JSON.parse(JSON.stringify(Ablation.encode(found.right)))), found)
  const back = ablation(bad, [good])
  assert.ok(E.isRight(back) && back.right.variants[0]!.differences[0]!.sign === 1)
  const apart = ablation(good, [{ name: "apart", answered: answeredBy((answer) => answer, "other") }])
  assert.ok(E.isLeft(apart) && /answered other questions/.test(apart.left.message))
})

it("questions and ablations are stages", async () => {
  const model = stage({
    ...{ name: "world", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
    make: () => Effect.succeed("w"),
  })
  const asked = (name: string, batch: number) =>
    answeredStage({
      name,
      subject: { model, as: null, open: () => Effect.succeed(knowing((answer) => answer)) },
      questions: { ...questions, batch },
    })
  const [one, two] = [asked("masked", 8), asked("naive", 9)]
  assert.equal([one.faults, one.seeds], [[], [1, 2]])
  assert.is.not(JSON.stringify(one.settings), JSON.stringify(two.settings))
  const compared = ablationStage({ name: "ablations", reference: one, variants: { "naive packing": two } })
  assert.equal(compared.faults, [])
  assert.equal(Object.values(compared.needs), [one, two])
  const given = answeredBy((answer) => answer)
  const result = await Effect.runPromise(
    compared.make({ reference: given, variant0: given } as never, remembering()) as Effect.Effect<Ablation>,
  )
  assert.is(result.reference, "masked")
  assert.equal(result.variants.map(({ name }) => name), ["naive packing"])
})

it.run()
