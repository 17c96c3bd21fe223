/** Sources: exact documents of files, what is malformed by file and line, and going on from any place. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { symlink, writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type LinePlace, lines } from "../../../tasks/data/files.ts"
import { folder } from "../../../tasks/data/folder.ts"
import { jsonLines } from "../../../tasks/data/jsonl.ts"
import { listed, texts, whole } from "../../../tasks/data/source.ts"
import { faultOf, goesOn, inFolder, readAll, said } from "./letters.ts"

const it = suite("tasks/data/source")
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const digestOf = (source: { readonly digest: Effect.Effect<string, unknown> }): Promise<string> =>
  Effect.runPromise(source.digest)

// ---- lines

it(
  "lines are those of the whole text, however it is cut into blocks, from any line on",
  inFolder({}, async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("a", "bc", "\n", "\r\n", "\r", "é", ""), { maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        async (parts, block) => {
          const text = parts.join("")
          await writeFile(path("t"), text)
          const all = await Effect.runPromise(Stream.runCollect(lines(path("t"), undefined, block)))
          const expected = text === "" ? [] : text.replace(/\n$/, "").split("\n").map((l) => l.replace(/\r$/, ""))
          assert.equal(all.map(({ bytes }) => new TextDecoder().decode(bytes)), expected)
          assert.equal(all.map(({ line }) => line), expected.map((_, i) => i + 1))
          for (const [i, { after }] of all.entries()) {
            const rest = await Effect.runPromise(Stream.runCollect(lines(path("t"), after as LinePlace, block)))
            assert.equal(rest, all.slice(i + 1))
          }
        },
      ),
      { seed: 1, numRuns: 60 },
    )
  }),
)

// ---- JSON lines

it(
  "JSON lines are documents; what is malformed is told by file and line, empty lines are nothing",
  inFolder({
    "a.jsonl": Uint8Array.of(
      ...[0xef, 0xbb, 0xbf],
      ...utf8('{"text":"one"}\r\n\n  \t\n{"text":\n[1]\nnull\n"text"\n7\n'),
      ...[0xff, 10],
      ...utf8('{"text":"two","n":[1,{"x":null}]}'),
    ),
    "more/b.jsonl": '{"text":"thr\\u00e9e"}\n\n',
    "empty.jsonl": "",
  }, async (path) => {
    const source = jsonLines([path("a.jsonl"), path("empty.jsonl"), path("more/b.jsonl")])
    const all = (await readAll(source)).map(said)
    assert.equal(all.map(([id]) => id), [1, 4, 5, 6, 7, 8, 9, 10].map((n) => `a.jsonl:${n}`).concat("more/b.jsonl:1"))
    assert.equal(all[0]![1], { id: "a.jsonl:1", fields: { text: "one" } })
    assert.match(String(all[1]![1]), /^broken JSON \(/)
    assert.equal(all.slice(2, 7).map(([, value]) => value), [
      "expected an object, got a list",
      "expected an object, got null",
      "expected an object, got a string",
      "expected an object, got a number",
      "byte 0 of the line is no UTF-8",
    ])
    assert.equal(all[7]![1], { id: "a.jsonl:10", fields: { text: "two", n: [1, { x: null }] } })
    assert.equal(all[8]![1], { id: "more/b.jsonl:1", fields: { text: "thrée" } })
    await goesOn(source)
  }),
)

it(
  "the digest is of names, sizes and contents, wherever the files lie",
  inFolder({
    "x/a.jsonl": "{}\n",
    "x/b.jsonl": "{}",
    "y/a.jsonl": "{}\n",
    "y/b.jsonl": "{}",
    "z/a.jsonl": "{ }",
    "z/b.jsonl": "{}",
  }, async (path) => {
    const of = (...names: ReadonlyArray<string>) => digestOf(jsonLines(names.map(path)))
    assert.is(await of("x/a.jsonl", "x/b.jsonl"), await of("y/a.jsonl", "y/b.jsonl"))
    assert.not.equal(await of("x/a.jsonl", "x/b.jsonl"), await of("z/a.jsonl", "z/b.jsonl"))
    assert.not.equal(await of("x/a.jsonl", "x/b.jsonl"), await of("x/b.jsonl", "x/a.jsonl"))
    assert.not.equal(await of("x/a.jsonl"), await of("x/b.jsonl"))
  }),
)

it(
  "files that are not there, are folders, are named twice or are gone when reading goes on are faults",
  inFolder({ "a.jsonl": "{}\n", "b.jsonl": "{}\n" }, async (path) => {
    const fault = (names: ReadonlyArray<string>, from?: Parameters<typeof readAll>[1]) =>
      faultOf(Stream.runCollect(jsonLines(names).read(from)))
    assert.match((await fault([path("none.jsonl")])).message, /none\.jsonl: there is no such file; check the path$/)
    assert.is((await fault([path("none.jsonl")])).reason, "missing")
    assert.match((await fault([path("")])).message, /it is a folder; name its files$/)
    assert.match((await fault([path("a.jsonl"), path("./a.jsonl")])).message, /is named twice/)
    assert.match((await fault([])).message, /no file is named/)
    const gone = await fault([path("a.jsonl")], { file: "b.jsonl", byte: 3, line: 1 })
    assert.match(gone.message, /has no file b\.jsonl any more/)
    const foreign = await fault([path("a.jsonl")], { file: "a.jsonl", row: 1 })
    assert.match(foreign.message, /the position is of another source; begin anew$/)
    assert.is(foreign.reason, "position")
  }),
)

// ---- folders

it(
  "a folder's texts are documents in the order of their names; marks, returns and empty files are gone",
  inFolder({
    "b.txt": "two\r\nlines\r\n",
    "a/z.txt": Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8("marked\n")),
    "a/B.TXT": "upper",
    "a/empty.txt": "",
    "a/notes.md": "no text of ours",
    "c.txt": Uint8Array.of(...utf8("good\nstill é "), 0xc3, 0x28),
    "d.txt": "last",
  }, async (path) => {
    const source = folder(path(""))
    assert.equal((await readAll(source)).map(said), [
      ["a/B.TXT:1", { id: "a/B.TXT:1", fields: { text: "upper" } }],
      ["a/z.txt:1", { id: "a/z.txt:1", fields: { text: "marked\n" } }],
      ["b.txt:1", { id: "b.txt:1", fields: { text: "two\nlines\n" } }],
      ["c.txt:2", "byte 15 is no UTF-8 (0x28); save the file as UTF-8"],
      ["d.txt:1", { id: "d.txt:1", fields: { text: "last" } }],
    ])
    await goesOn(source)
  }),
)

it(
  "a folder with no text is a fault with advice",
  inFolder({ "x/a.md": "text", "y/empty.txt": "" }, async (path) => {
    const none = await faultOf(Stream.runCollect(folder(path("x")).read(undefined)))
    assert.is(none.reason, "empty")
    assert.match(
      none.message,
      /holds no \.txt file, at any depth; put texts there as \.txt in UTF-8, or name JSON lines/,
    )
    assert.match((await faultOf(folder(path("y")).digest)).message, /holds 1 \.txt files, all of them empty/)
    assert.match((await faultOf(folder(path("nowhere")).digest)).message, /there is no such file; check the path$/)
  }),
)

it(
  "links to files are followed, links to folders are not; a link to nothing is a fault that names it",
  inFolder({ "real/a.txt": "linked", "x/b.txt": "own" }, async (path) => {
    await symlink(path("real/a.txt"), path("x/a.txt"))
    await symlink(path("x"), path("x/around"))
    assert.equal((await readAll(folder(path("x")))).map(({ id }) => id), ["a.txt:1", "b.txt:1"])
    await symlink(path("nowhere"), path("x/gone.txt"))
    assert.match((await faultOf(folder(path("x")).digest)).message, /gone\.txt: there is no such file/)
  }),
)

// ---- texts

it("texts, and all of them as one", async () => {
  const source = texts(["a", "b", "c"])
  assert.equal((await readAll(source)).map(said), [
    ["texts:1", { id: "texts:1", fields: { text: "a" } }],
    ["texts:2", { id: "texts:2", fields: { text: "b" } }],
    ["texts:3", { id: "texts:3", fields: { text: "c" } }],
  ])
  await goesOn(source)
  const one = whole(source)
  assert.equal((await readAll(one)).map(said), [["texts:1", { id: "texts:1", fields: { text: "a\n\nb\n\nc" } }]])
  await goesOn(one)
  const digests = await Promise.all([source, one, whole(source, "\n"), texts(["a", "b", "d"])].map(digestOf))
  assert.is(new Set(digests).size, 4)
  assert.is(await digestOf(texts(["a", "b", "c"])), digests[0])
})

it("a source whose documents cannot be brought fails as its effect does", async () => {
  const none = { _tag: "DataFault", reason: "missing", where: "x", message: "no x" } as const
  assert.equal(await faultOf(Stream.runCollect(listed("x", Effect.fail(none)).read(undefined))), none)
})

it.run()
