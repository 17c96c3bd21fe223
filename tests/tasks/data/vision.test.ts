/** LWM's vision form of JSON lines: exact tokens, masks and vision masks; lines that cannot be used, by file and line; writing. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { readFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Layout } from "../../../models/world/layout.ts"
import { jsonLines } from "../../../tasks/data/jsonl.ts"
import { type Fields, listed } from "../../../tasks/data/source.ts"
import { type Seen, visionLine, writeLines } from "../../../tasks/data/vision-lines.ts"
import { joinedIds, keepVision, partedIds } from "../../../tasks/data/vision-kept.ts"
import { visionExamples, type VisionReader } from "../../../tasks/data/vision.ts"
import { events } from "../../../tasks/events.ts"
import { memory } from "../../../tasks/store.ts"
import { faultOf, goesOn, inFolder, left, letters, readAll, right, said } from "./letters.ts"

const it = suite("tasks/data/vision")

const layout: Layout = { codes: 9, frame: 2 }
const [bos, eos, eof, eov] = [256, 257, 9, 10]
const ids = (text: string): ReadonlyArray<number> => Array.from(new TextEncoder().encode(text))
const marks = (n: number, of: 0 | 1): string => `${of}`.repeat(n)
const [open, close] = [ids("<vision>"), ids("</vision>")]

const lines = (...all: ReadonlyArray<Fields>) =>
  listed("lines", Effect.succeed(all.map((fields, i) => ({ id: `lines:${i + 1}`, fields }))))

/** What a reader makes of a line: tokens, which count, and which are vision tokens; or what is wrong. */
const made = async (reader: VisionReader, fields: Fields): Promise<unknown> => {
  const [reading] = await readAll(right(visionExamples(lines(fields), { layout, ...reader }, letters)))
  const [, value] = said(reading!)
  return typeof value === "string" ? value : [Array.from(value.tokens), value.counted.join(""), value.vision.join("")]
}

const line = { caption: "hi", question: "q?", answer: "no", vision: [1, 2, 3, 4, 8, 0] }
const block = [...open, 1, 2, eof, 3, 4, eof, 8, 0, eov, ...close]

// ---- tokens and masks -----------------------------------------------------------

it("reads a caption and a video: delimiters are text, ends of frames are not in the line", async () => {
  assert.equal(await made({ fields: "[caption],vision" }, line), [
    [bos, ...ids("hi"), ...block, eos],
    marks(3, 0) + marks(26, 1) + "1",
    marks(3 + 8, 0) + marks(9, 1) + marks(9, 0) + "0",
  ])
})

it("reads frames without loss, and what is said of them with loss", async () => {
  assert.equal(await made({ fields: "[vision],[question],answer", addBos: false, addEos: false }, line), [
    [...block, ...ids("q?"), ...ids("no")],
    marks(26, 0) + "00" + "11",
    marks(8, 0) + marks(9, 1) + marks(9, 0) + "0000",
  ])
})

it("takes the list of fields that a line names, and several fields of codes", async () => {
  const still = { first_vision: [5, 6], "vision 2": [7, 8], fields: "first_vision,[vision 2]" }
  assert.equal(await made({ fieldsFromExample: "fields", addBos: false, addEos: false }, still), [
    [...open, 5, 6, eov, ...close, ...open, 7, 8, eov, ...close],
    marks(20, 1) + marks(20, 0),
    marks(8, 0) + "111" + marks(9, 0) + marks(8, 0) + "111" + marks(9, 0),
  ])
})

it("samples the frames of a long video, and knows LWM's sizes", async () => {
  const bare = { addBos: false, addEos: false }
  assert.equal(await made({ fields: "vision", frames: 2, ...bare }, line), [
    [...open, 1, 2, eof, 8, 0, eov, ...close],
    marks(23, 1),
    marks(8, 0) + marks(6, 1) + marks(9, 0),
  ])
  const full = { vision: Array.from({ length: 256 * 30 }, (_, i) => i % 8192) }
  const [reading] = await readAll(right(visionExamples(lines(full), { fields: "vision", ...bare }, letters)))
  assert.is(right(reading!.value).tokens.length, 257 * 30 + open.length + close.length)
})

it("draws a document's list by its id: the same wherever it is read", async () => {
  const reader: VisionReader = { layout, fields: ["caption,vision", "vision,caption"], addBos: false, addEos: false }
  const many = Array.from({ length: 60 }, () => line)
  const sequence = right(visionExamples(lines(...many), reader, letters))
  const firsts = (await readAll(sequence)).map(({ value }) => right(value).tokens[0] === open[0])
  const swapped = firsts.filter((first) => first).length
  assert.ok(swapped > 15 && swapped < 45, `${swapped} of 60`)
  assert.equal((await readAll(sequence, 20)).map(({ value }) => right(value).tokens[0] === open[0]), firsts.slice(20))
})

// ---- what cannot be used ----------------------------------------------------------

it("defect f: codes joined to text by '+' are told at once, with what to write instead", async () => {
  const said =
    "'vision+question' joins 'vision', a list of codes, to others by '+', which is for text; write them one " +
    "after another: [vision],[question]"
  const fault = left(visionExamples(lines(line), { layout, fields: "[vision+question],answer" }, letters))
  assert.equal([fault.reason, fault.message], ["fields", said])
  assert.is(await made({ fieldsFromExample: "fields" }, { ...line, fields: "[vision+question],answer" }), said)
})

it("names what is wrong with codes", async () => {
  const table: ReadonlyArray<readonly [unknown, string]> = [
    [[1, 2, 9, 4], "field 'vision': code 0 of frame 1 is 9; expected a whole number from 0 to 8"],
    [[1, 2, 3], "field 'vision': 3 codes are no whole number of frames of 2; is a frame cut off"],
    [[], "field 'vision': expected codes of one frame at least (2), got none"],
    ["1,2", "field 'vision': expected a list of codes, got a string"],
    [[[1, 2], [3, 4]], "field 'vision': expected numbers, got a list at 0; codes are one flat list"],
    [[1, null], "field 'vision': expected numbers, got null at 1"],
    [[1, 1.5], "field 'vision': code 1 of frame 0 is 1.5"],
  ]
  for (const [vision, why] of table) {
    const got = await made({ fields: "vision" }, { vision: vision as ReadonlyArray<number> })
    assert.ok(typeof got === "string" && got.startsWith(why), `${got}`)
  }
  assert.is(await made({ fields: "vision" }, { caption: "hi" }), "it has no field 'vision'; its fields are caption")
})

it("says how many frames fit where a video goes beyond the context", async () => {
  const reader: VisionReader = { fields: "[caption],vision", context: 26 }
  assert.is(
    await made(reader, line),
    "3 frames and their text are 30 tokens, beyond the context of 26; take 2 frames at most (frames: 2), or a longer context",
  )
  assert.ok(Array.isArray(await made({ ...reader, frames: 2 }, line)))
  assert.ok(Array.isArray(await made({ ...reader, context: 29 }, line)))
  assert.match(String(await made({ ...reader, context: 9 }, line)), "its text alone is too long")
  assert.match(
    left(visionExamples(lines(line), { fields: "vision", frames: 0 }, letters)).message,
    "frames is 0; expected",
  )
})

it(
  "counts lines that cannot be used by file and line, and goes on from any of them",
  inFolder({
    "a.jsonl": [
      JSON.stringify({ vision: [1, 2] }),
      JSON.stringify({ vision: [1, 99] }),
      "{",
      JSON.stringify({ vision: [3, 4] }),
    ].join("\n"),
  }, async (path) => {
    const sequence = right(visionExamples(jsonLines(path("a.jsonl")), { layout, fields: "vision" }, letters))
    const all = (await readAll(sequence)).map((reading) => said(reading))
    assert.equal(all.map(([id, value]) => [id, typeof value === "string"]), [
      ["a.jsonl:1", false],
      ["a.jsonl:2", true],
      ["a.jsonl:3", true],
      ["a.jsonl:4", false],
    ])
    await goesOn(sequence)
  }),
)

it("has a digest of its layout, its frames and its context", async () => {
  const digest = (reader: VisionReader) =>
    Effect.runPromise(right(visionExamples(lines(line), { fields: "vision", ...reader }, letters)).digest)
  const all = await Promise.all([{}, { layout }, { layout: { ...layout, codes: 11 } }, { frames: 8 }, { context: 8 }]
    .map(digest))
  assert.is(new Set(all).size, 5)
  assert.is(await digest({}), all[0])
})

// ---- the store and files ---------------------------------------------------------

it("keeps both vocabularies in the store", async () => {
  const sequence = right(
    visionExamples(lines(line, { ...line, vision: [0, 0] }), { layout, fields: "caption,vision" }, letters),
  )
  const expected = (await readAll(sequence)).map(({ value }) => right(value))
  const kept = Effect.gen(function* () {
    const all = yield* keepVision(sequence, { vocab: letters.vocab, vision: 11 })
    return yield* Effect.forEach(all.lengths, (_, i) => all.at(i))
  })
  const got = await Effect.runPromise(Effect.provide(kept, Layer.merge(memory(new Map()), events)))
  assert.equal(got, expected)
  assert.equal(partedIds(joinedIds(expected[0]!, 258), 258), expected[0])
})

it(
  "writes lines that are read back",
  inFolder({}, async (path) => {
    const frame = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 2 })
    const seen = fc.record({
      frames: fc.array(frame, { minLength: 1, maxLength: 4 }),
      caption: fc.string({ minLength: 1 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(seen, { minLength: 1, maxLength: 5 }), async (all) => {
        const texts = all.map(({ frames, caption }) => right(visionLine(layout, { frames, fields: { caption } })))
        const { lines } = await Effect.runPromise(writeLines(path("out.jsonl"), Stream.fromArray(texts)))
        assert.is(lines, all.length)
        const back = await readAll(jsonLines(path("out.jsonl")))
        assert.equal(
          back.map(({ value }) => right(value).fields),
          all.map(({ frames, caption }) => ({
            caption,
            vision: frames.flat(),
          })),
        )
      }),
      { numRuns: 20 },
    )
  }),
)

it("writes nothing that could not be read", () => {
  const why = (seen: Partial<Seen>) => left(visionLine(layout, { frames: [[1, 2]], fields: {}, ...seen })).message
  assert.match(why({ frames: [[1, 2], [1]] }), "frame 1 has 1 codes; expected 2")
  assert.match(why({ frames: [] }), "expected codes of one frame at least")
  assert.match(why({ frames: [[1, 9]] }), "expected a whole number from 0 to 8")
  assert.match(why({ name: "codes" }), "does not hold 'vision'")
  assert.match(why({ fields: { vision: "a" } }), "is among the fields already")
})

it(
  "leaves what was there where writing fails",
  inFolder({ "out.jsonl": "old" }, async (path) => {
    const broken = Stream.concat(Stream.make("new"), Stream.fail("no more" as const))
    assert.is(await faultOf(writeLines(path("out.jsonl"), broken)), "no more")
    assert.is(await readFile(path("out.jsonl"), "utf8"), "old")
    const below = path("out.jsonl/a.jsonl")
    assert.match((await faultOf(writeLines(below, Stream.make("a")))).message, /cannot write .*may it be written there/)
  }),
)

it.run()
