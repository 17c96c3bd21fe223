/** Pairs in either order and kinds by shares: exact forms, counts within three standard deviations, and going on. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { block, delimitersOf } from "../../../models/world/layout.ts"
import { unconditionalPrompt } from "../../../models/world/prompt.ts"
import { type Examples, type Indexed, inOrder, type Placed, shuffled } from "../../../tasks/data/order.ts"
import type { VisionExample } from "../../../tasks/data/vision-example.ts"
import { type Kind, mixedKinds, ofText, paperMixes } from "../../../tasks/data/vision-mixture.ts"
import { drawTurned, lwmPairing, marksOf, shuffledPairs, turnedAs } from "../../../tasks/data/vision-pairs.ts"
import { letters } from "./letters.ts"

const it = suite("tasks/data/vision-mixture")

const layout = { codes: 9, frame: 2 }
const marks = marksOf(letters)
const [bos, eos] = [256, 257]
const frames = block(layout, delimitersOf(letters), [[1, 2], [3, 4]])
const list = (numbers: ArrayLike<number>): ReadonlyArray<number> => Array.from(numbers)

/** The pair of a text and two frames; the text does not count. */
const pair = (n: number): VisionExample => ({
  tokens: Int32Array.of(bos, 65 + n % 26, 97, ...frames.tokens, eos),
  vision: Uint8Array.of(0, 0, 0, ...frames.vision, 0),
  counted: Uint8Array.of(0, 0, 0, ...frames.tokens.map(() => 1), 1),
})
const numbered = (
  count: number,
  of: (n: number) => VisionExample,
  name = "pairs",
): Indexed<never, never, VisionExample> => ({
  ...{ name, digest: name, lengths: Array.from({ length: count }, (_, n) => of(n).tokens.length) },
  at: (n) => Effect.succeed(of(n)),
})
const first = (all: Examples<never, never, VisionExample>, n: number, from?: Placed["after"]) =>
  Effect.runPromise(Stream.runCollect(Stream.take(all.from(from), n)))

/** Is the number of hits what n draws of this share give, within three standard deviations? */
const within = (hits: number, n: number, share: number): void => {
  const slack = 3 * Math.sqrt(n * share * (1 - share))
  assert.ok(Math.abs(hits - n * share) <= slack, `${hits} of ${n}, expected ${n * share} +- ${slack}`)
}

// ---- pairs ---------------------------------------------------------------------

const shown = ({ tokens, vision, counted }: VisionExample) => [list(tokens), vision.join(""), counted.join("")]

it("turns a pair around between its beginning and its end, masks and all", () => {
  const [b, e] = [frames.tokens, frames.vision.join("")]
  const ones = "1".repeat(b.length)
  assert.equal(shown(turnedAs(pair(0), "text first", marks)), shown(pair(0)))
  assert.equal(shown(turnedAs(pair(0), "frames first", marks)), [
    [bos, ...b, 65, 97, eos],
    `0${e}000`,
    `0${ones}001`,
  ])
  assert.equal(shown(turnedAs(pair(0), "frames first", marks, "second")), [
    [bos, ...b, 65, 97, eos],
    `0${e}000`,
    `0${"0".repeat(b.length)}111`,
  ])
  assert.equal(shown(turnedAs(pair(0), "frames alone", marks)), [[bos, ...b, eos], `0${e}0`, `0${ones}1`])
  const turned = turnedAs(pair(0), "frames first", marks)
  assert.equal(shown(turnedAs(turned, "text first", marks)), shown(pair(0)))
})

it("without its text a pair begins as the unconditional prompt", () => {
  const alone = turnedAs(pair(0), "frames alone", marks)
  const prompt = unconditionalPrompt(letters, marks).tokens
  assert.equal(list(alone.tokens.subarray(0, prompt.length)), list(prompt))
})

it("leaves alone what is no pair of one text and one block", () => {
  const all = (...parts: ReadonlyArray<VisionExample>): VisionExample => ({
    tokens: Int32Array.from(parts.flatMap(({ tokens }) => list(tokens))),
    vision: Uint8Array.from(parts.flatMap(({ vision }) => list(vision))),
    counted: Uint8Array.from(parts.flatMap(({ counted }) => list(counted))),
  })
  const text: VisionExample = { ...pair(0), vision: new Uint8Array(pair(0).tokens.length) }
  const bare: VisionExample = { ...frames, counted: new Uint8Array(frames.tokens.length) }
  const word: VisionExample = { tokens: Int32Array.of(70), vision: Uint8Array.of(0), counted: Uint8Array.of(1) }
  for (const other of [all(pair(0), pair(1)), text, bare, all(word, bare, word)]) {
    assert.is(turnedAs(other, "frames first", marks), other)
  }
})

it("draws the order by the pair's number and the turn: half are swapped, some of the others lose their text", () => {
  const drawn = drawTurned(lwmPairing, 7)
  const n = 2000
  const of = (turn: number) => Array.from({ length: n }, (_, number) => drawn(number, turn))
  const [one, two] = [of(0), of(1)]
  for (const turn of [one, two]) {
    within(turn.filter((t) => t === "frames first").length, n, 0.5)
    within(turn.filter((t) => t === "frames alone").length, n, 0.05)
  }
  // in another turn it is another draw
  within(one.filter((t, i) => (t === "frames first") === (two[i] === "frames first")).length, n, 0.5)
  assert.equal(of(1), two)
  assert.ok(
    Array.from({ length: 50 }, (_, i) => drawTurned({ swap: 1, drop: 0, learn: "second" }, 7)(i, 0))
      .every((t) => t === "frames first"),
  )
})

it("goes on with the same pairs in the same order", async () => {
  const pairs = shuffledPairs(numbered(7, pair), letters, { swap: 0.4, drop: 0.5, learn: "as it is" }, 5)
  const all = await first(pairs, 30)
  for (const at of [0, 6, 7, 13, 20]) {
    assert.equal(await first(pairs, 29 - at, JSON.parse(JSON.stringify(all[at]!.after))), all.slice(at + 1))
  }
  // each turn has every pair once, whatever it comes as
  const plain = await first(shuffled(numbered(7, pair), 5), 14)
  const letter = ({ example }: Placed): number => example.tokens.find((id) => id >= 65 && id <= 90)!
  for (const [i, placed] of plain.entries()) {
    const [a, b] = [placed.example.tokens.length, all[i]!.example.tokens.length]
    assert.ok(a === b ? letter(placed) === letter(all[i]!) : b === a - 2)
  }
})

it("has a digest of how pairs come", async () => {
  const digest = (swap: number, seed: number) =>
    Effect.runPromise(shuffledPairs(numbered(3, pair), letters, { ...lwmPairing, swap }, seed).digest)
  const all = await Promise.all([digest(0.5, 1), digest(0.4, 1), digest(0.5, 2)])
  assert.is(new Set(all).size, 3)
})

// ---- kinds ---------------------------------------------------------------------

const kinds = (shares: { readonly [task: string]: number }): ReadonlyArray<Kind> =>
  Object.entries(shares).map(([task, share], i) => ({
    task,
    share,
    examples: inOrder(numbered(5 + i, (n) => pair(n + 3 * i), task)),
  }))

it("draws kinds by the paper's shares, within chance, and each says its task", async () => {
  const n = 1200
  for (const shares of Object.values(paperMixes)) {
    const drawn = (await first(mixedKinds(kinds(shares), 11), n)).map(({ example }) => example.task)
    for (const [task, share] of Object.entries(shares)) within(drawn.filter((t) => t === task).length, n, share)
    assert.is(Object.values(shares).reduce((a, b) => a + b, 0), 1)
  }
})

it("goes on in the mixture, each kind where it was", async () => {
  const mixed = mixedKinds(kinds(paperMixes.chat), 2)
  const all = await first(mixed, 40)
  for (const at of [3, 17, 31]) {
    assert.equal(await first(mixed, 39 - at, JSON.parse(JSON.stringify(all[at]!.after))), all.slice(at + 1))
  }
})

it("takes text among them", async () => {
  const text = { tokens: Int32Array.of(1, 2), counted: Uint8Array.of(0, 1) }
  const texts = ofText(inOrder({ name: "t", digest: "t", lengths: [2], at: () => Effect.succeed(text) }))
  const mixed = mixedKinds([...kinds({ "text-image": 1 }), { task: "text", share: 1, examples: texts }], 3)
  const some = await first(mixed, 12)
  const found = some.find(({ example }) => example.task === "text")!.example
  assert.equal(found, { ...text, vision: Uint8Array.of(0, 0), task: "text" })
})

it.run()
