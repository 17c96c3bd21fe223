/** Books of packages, parquet files, and sources in parts: split by documents or at the tail, and mixed by shares. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { parquetWriteBuffer } from "hyparquet-writer"
import { writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { mobyDick, speeches } from "../../../tasks/data/books.ts"
import { mixed } from "../../../tasks/data/mixed.ts"
import { parquet } from "../../../tasks/data/parquet.ts"
import { type Document, type Reading, type Source, texts, whole } from "../../../tasks/data/source.ts"
import { split } from "../../../tasks/data/split.ts"
import { measured } from "../../../tasks/report/baselines.ts"
import { digest, utf8 } from "../../../tasks/store.ts"
import { faultOf, goesOn, inFolder, left, readAll, right, said } from "./letters.ts"

const it = suite("tasks/data/books")

const textOf = ({ value }: Reading<Document>): string => E.isRight(value) ? String(value.right.fields["text"]) : ""
const textsOf = async (source: Source): Promise<ReadonlyArray<string>> => (await readAll(source)).map(textOf)

// ---- books

it("Moby-Dick's chapters, with headings, are the book; its tail is what has always been held out", async () => {
  const chapters = await textsOf(mobyDick)
  assert.is(chapters.length, 139)
  assert.ok(chapters.some((chapter) => chapter.startsWith("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago")))
  const { train, heldOut } = right(split(whole(mobyDick), { heldOut: 1 / 10, by: "tail" }))
  const tail = utf8((await textsOf(heldOut)).join(""))
  assert.is(tail.length, measured[0]!.bytes)
  assert.is(await Effect.runPromise(digest(tail)), measured[0]!.digest)
  assert.is(utf8((await textsOf(train)).join("")).length, 1_220_986 - tail.length)
})

it("233 speeches, with who held them and when", async () => {
  const all = await readAll(speeches)
  assert.is(all.length, 233)
  assert.is(all.map(textOf).reduce((n, text) => n + new TextEncoder().encode(text).length, 0), 10_761_202)
  const first = right(all[0]!.value)
  assert.equal({ ...first.fields, text: undefined }, {
    ...{ year: 1790, name: "George Washington", party: "none" },
    text: undefined,
  })
})

// ---- parquet

it(
  "rows of parquet are documents, group by group, from any row on",
  inFolder({}, async (path) => {
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: "text", data: ["a", "b", null, "d", "é"], type: "STRING" },
        { name: "n", data: [1n, 2n, 3n, 4n, 2n ** 60n], type: "INT64" },
        { name: "raw", data: [1, 2, 3, 4, 5].map((n) => Uint8Array.of(0x41, n < 2 ? 0xff : 0x42)), type: "BYTE_ARRAY" },
      ],
      rowGroupSize: 2,
    })
    await writeFile(path("a.parquet"), new Uint8Array(bytes))
    await writeFile(path("b.parquet"), new Uint8Array(bytes))
    const source = parquet([path("a.parquet"), path("b.parquet")], ["text", "n"])
    const one = (file: string): ReadonlyArray<unknown> => [
      { id: `${file}:1`, fields: { text: "a", n: 1 } },
      { id: `${file}:2`, fields: { text: "b", n: 2 } },
      { id: `${file}:3`, fields: { n: 3 } },
      { id: `${file}:4`, fields: { text: "d", n: 4 } },
      { id: `${file}:5`, fields: { text: "é", n: "1152921504606846976" } },
    ]
    assert.equal((await readAll(source)).map((r) => said(r)[1]), [...one("a.parquet"), ...one("b.parquet")])
    await goesOn(source)
    const raw = (await readAll(parquet(path("a.parquet"), ["raw"]))).map(said)
    assert.equal(raw.slice(0, 2), [
      ["a.parquet:1", "column raw: byte 1 is no UTF-8"],
      ["a.parquet:2", { id: "a.parquet:2", fields: { raw: "AB" } }],
    ])
  }),
)

it(
  "what is no parquet, or lacks a column, is a fault",
  inFolder({ "a.parquet": "no parquet at all, only text" }, async (path) => {
    const fault = (columns?: ReadonlyArray<string>) =>
      faultOf(Stream.runCollect(parquet(path("a.parquet"), columns).read(undefined)))
    assert.match((await fault()).message, /a\.parquet cannot be read as parquet: /)
    const bytes = parquetWriteBuffer({ columnData: [{ name: "text", data: ["a"], type: "STRING" }] })
    await writeFile(path("a.parquet"), new Uint8Array(bytes))
    assert.match((await fault(["body"])).message, /has no column 'body'; its columns are text$/)
    await writeFile(path("a.parquet"), new Uint8Array(bytes).slice(0, -9))
    assert.match((await fault()).message, /cannot be read as parquet: /)
  }),
)

// ---- splits

it("by document: every tenth is held out, nothing is lost or shared, from any place on", async () => {
  const all = Array.from({ length: 57 }, (_, i) => `text ${i}`)
  const { train, heldOut } = right(split(texts(all), { heldOut: 1 / 10, by: "document" }))
  assert.equal(await textsOf(heldOut), [9, 19, 29, 39, 49].map((i) => `text ${i}`))
  assert.equal(await textsOf(train), all.filter((_, i) => i % 10 !== 9))
  await goesOn(train)
  await goesOn(heldOut)
  const digests = await Promise.all([train, heldOut].map(({ digest }) => Effect.runPromise(digest)))
  assert.not.equal(digests[0], digests[1])
})

it("by tail: both parts together are the text, cut between characters, and the tail has its share", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom("a", "é", "語", "🐋", "\n"), maxLength: 20 }), { maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (all, part) => {
        const { train, heldOut } = right(split(texts(all), { heldOut: part, by: "tail" }))
        const [first, last] = [(await textsOf(train)).join(""), (await textsOf(heldOut)).join("")]
        assert.is(first + last, all.join(""))
        const bytes = (text: string): number => new TextEncoder().encode(text).length
        const wanted = Math.floor(bytes(all.join("")) * part)
        assert.ok(bytes(last) <= wanted && bytes(last) > wanted - 4, `${bytes(last)} of ${wanted}`)
        await goesOn(train)
        await goesOn(heldOut)
      },
    ),
    { seed: 3, numRuns: 60 },
  ))

it("a part that is none is a fault", () => {
  for (const heldOut of [-0.1, 1.1, NaN]) {
    assert.match(left(split(texts(["a"]), { heldOut, by: "tail" })).message, /expected a part of all, from 0 to 1/)
  }
})

// ---- mixtures

const named = (name: string, n: number): Source => texts(Array.from({ length: n }, (_, i) => `${name}${i}`), name)

it("a mixture keeps its shares over every beginning, the order of each source, and goes on from any place", async () => {
  const shares = [0.7, 0.2, 0.1]
  const source = mixed([[named("a", 900), 7], [named("b", 900), 2], [named("c", 900), 1]], 11)
  const all = await textsOf(source)
  assert.ok(all.length > 1000)
  for (const n of [50, 100, 500, 1000]) {
    for (const [i, p] of shares.entries()) {
      const got = all.slice(0, n).filter((text) => text[0] === "abc"[i]).length
      assert.ok(Math.abs(got - n * p) <= 3 * Math.sqrt(n * p * (1 - p)), `${got} of ${n} at ${p}`)
    }
  }
  for (const letter of "abc") {
    const own = all.filter((text) => text[0] === letter)
    assert.equal(own, own.map((_, i) => `${letter}${i}`))
  }
  await goesOn(mixed([[named("a", 12), 7], [named("b", 12), 3]], 4))
  assert.not.equal(await textsOf(mixed([[named("a", 900), 7], [named("b", 900), 2], [named("c", 900), 1]], 12)), all)
})

it("a share of 0 is never drawn, and shares that are none are a fault", async () => {
  assert.equal(await textsOf(mixed([[named("a", 3), 1], [named("b", 3), 0]], 0)), ["a0", "a1", "a2"])
  for (const share of [-1, NaN, Infinity]) {
    const fault = await faultOf(Stream.runCollect(mixed([[named("a", 3), share]], 0).read(undefined)))
    assert.match(fault.message, /shares are numbers of 0 or more/)
  }
  assert.is((await faultOf(Stream.runCollect(mixed([[named("a", 3), 0]], 0).read(undefined)))).reason, "settings")
})

it.run()
