/** Pairs are asked for once, whatever happens; sequences of examples go on from any place. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Sequence } from "../../../tasks/data/source.ts"
import { texts } from "../../../tasks/data/source.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { type Chunk, chunksOf } from "../../../tasks/questions/chunks.ts"
import { answerShare } from "../../../tasks/questions/compose.ts"
import { askAll, type Asking, logPath, readPairs, standardAsking } from "../../../tasks/questions/pairs.ts"
import { rules } from "../../../tasks/questions/rules.ts"
import { chunksIn, composedOf, dialoguesOf, documentsOf, inventedOf } from "../../../tasks/questions/sequences.ts"
import { Writer, type WriterFault, writerFault } from "../../../tasks/questions/writer.ts"
import { memory } from "../../../tasks/store.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/pairs")

const chunks = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 100)

type Kind = "pair" | "nothing" | WriterFault["reason"]

/** A writer that counts, and does with the n-th question what it is told to. */
const counting = (kind: (n: number) => Kind = () => "pair") => {
  const asked: Array<string> = []
  const layer = Layer.succeed(Writer, {
    label: "a counter",
    identity: "counter 1",
    write: (chunk: Chunk) =>
      Effect.suspend(() => {
        const what = kind(asked.length)
        if (what !== "pair" && what !== "nothing" && what !== "malformed") return Effect.fail(writerFault(what, "away"))
        asked.push(chunk.digest)
        if (what === "malformed") return Effect.fail(writerFault(what, "a counter: gibberish"))
        return Effect.succeed(what === "nothing" ? undefined : { question: `What is ${chunk.index}?`, answer: "It." })
      }),
  })
  return { asked, layer }
}

const run = (
  writer: Layer.Layer<Writer>,
  files: Map<string, Uint8Array>,
  settings: Partial<Asking> = {},
  of: ReadonlyArray<Chunk> = chunks,
) =>
  Effect.runPromiseExit(
    askAll(Stream.fromArray(of), bytes, { ...standardAsking, ...settings }).pipe(
      Effect.flatMap((pairs) => Effect.map(readPairs(pairs), (all) => ({ pairs, all }))),
      Effect.provide(Layer.mergeAll(writer, memory(files), events)),
    ),
  )

const right = <A>(exit: Exit.Exit<A, unknown>): A => {
  if (Exit.isFailure(exit)) throw new Error(String(exit.cause))
  return exit.value
}

it("asks about each different chunk once, and never again", async () => {
  const files = new Map<string, Uint8Array>()
  const first = counting((n) => n === 2 ? "nothing" : "pair")
  const made = right(await run(first.layer, files, {}, [...chunks, chunks[0]!]))
  assert.equal(first.asked, chunks.map(({ digest }) => digest))
  const { by, chunks: many, pairs, nothing, malformed } = made.pairs
  assert.equal([by, many, pairs, nothing, malformed], ["a counter", chunks.length, chunks.length - 1, 1, 0])
  assert.equal([made.pairs.tokens, made.pairs.answers], [bytes.encode(passage).length, 4 * (chunks.length - 1)])
  assert.equal(made.all.get(chunks[1]!.digest), { question: "What is 1?", answer: "It." })
  assert.is(made.all.get(chunks[2]!.digest), undefined)
  const again = counting()
  assert.equal(right(await run(again.layer, files, { together: 4 }, [...chunks, chunks[0]!])), made)
  assert.equal(again.asked, [])
  const text = new TextDecoder().decode(files.get(logPath("counter 1", 0)))
  assert.is(text.split("\n").length, chunks.length + 1)
  assert.ok(text.split("\n").slice(0, -1).every((line) => JSON.parse(line).by === "a counter"), "who wrote it is there")
  const other = counting()
  right(await run(other.layer, files, { seed: 1 }))
  assert.is(other.asked.length, chunks.length, "another seed asks for other pairs")
})

it("goes on where it was stopped: by a writer that is away, and by a crash in the middle of a line", async () => {
  const whole = right(await run(counting().layer, new Map()))
  await fc.assert(
    fc.asyncProperty(fc.nat(chunks.length - 1), fc.nat(60), async (stop, torn) => {
      const files = new Map<string, Uint8Array>()
      const first = counting((n) => n === stop ? "unreachable" : "pair")
      const failed = await run(first.layer, files)
      assert.ok(Exit.isFailure(failed))
      assert.is(first.asked.length, stop)
      const path = logPath("counter 1", 0)
      const log = files.get(path)
      const cut = Math.min(torn, log?.length ?? 0)
      if (log !== undefined) files.set(path, log.slice(0, log.length - cut))
      const second = counting()
      assert.equal(right(await run(second.layer, files)), whole)
      assert.is(
        second.asked.length,
        chunks.length - stop + (cut > 1 ? 1 : 0),
        "what was torn is asked again, nothing else; a line that lacks its end alone is whole",
      )
      const third = counting()
      assert.equal(right(await run(third.layer, files)), whole)
      assert.equal(third.asked, [])
    }),
    { numRuns: 30 },
  )
})

it("says how far it is at most once a second, of how many, and the end", async () => {
  const progress = async (files: Map<string, Uint8Array>, total?: number) => {
    const heard: Array<Event> = []
    const asked = askAll(Stream.fromArray(chunks), bytes, standardAsking, total)
    await Effect.runPromise(
      heardBy(asked, [(e) => Effect.sync(() => void heard.push(e))]).pipe(
        Effect.provide(Layer.mergeAll(counting().layer, memory(files), events)),
      ),
    )
    return heard.flatMap((e) => e._tag === "Progress" ? [{ done: e.done, total: e.total }] : [])
  }
  const before = performance.now()
  const known = await progress(new Map(), chunks.length)
  const seconds = (performance.now() - before) / 1000
  assert.ok(chunks.length > 5)
  assert.equal([known[0]!.done, known.at(-1)!.done], [1, chunks.length])
  assert.ok(known.every(({ total }) => total === chunks.length))
  assert.ok(known.length <= 2 + seconds, `${known.length} in ${seconds} s`)
  assert.ok((await progress(new Map())).every(({ total }) => total === 0))
  const files = new Map<string, Uint8Array>()
  right(await run(counting().layer, files, {}, chunks.slice(0, 3)))
  assert.is((await progress(files, chunks.length))[0]!.done, 4, "what was asked before is done")
})

it("bears some replies that are no pairs, and not many", async () => {
  const many = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 40)
  const some = right(await run(counting((n) => n % 10 === 9 ? "malformed" : "pair").layer, new Map(), {}, many))
  assert.is(some.pairs.malformed, Math.floor(many.length / 10))
  const all = counting(() => "malformed")
  const failed = await run(all.layer, new Map(), {}, many)
  assert.ok(Exit.isFailure(failed))
  assert.match(
    String(Exit.isFailure(failed) && failed.cause),
    "20 of 20 replies are no pairs, more than 0.2 of all; a counter",
  )
  assert.is(all.asked.length, 20)
})

// ---- sequences -------------------------------------------------------------------

const source = texts([passage, "12 34", passage.replaceAll("Starbuck", "Flask")])
const documents = documentsOf(source, bytes)

const all = <A>(sequence: Sequence<A>) => Effect.runPromise(Stream.runCollect(sequence.read(undefined)))

/** Reading on from any place gives what follows it. */
const goesOn = async <A>(sequence: Sequence<A>): Promise<void> => {
  const readings = await all(sequence)
  for (const [i, { after }] of readings.entries()) {
    const place = JSON.parse(JSON.stringify(after))
    assert.equal(await Effect.runPromise(Stream.runCollect(sequence.read(place))), readings.slice(i + 1))
  }
}

it("makes long examples of documents and their pairs, from any place on", async () => {
  const asked = askAll(chunksIn(documents, bytes, 200), bytes).pipe(
    Effect.flatMap((pairs) =>
      Effect.map(readPairs(pairs), (map) => ({ pairs: map, digest: pairs.file.digest, size: 200 }))
    ),
    Effect.provide(Layer.mergeAll(rules(), memory(), events)),
  )
  const written = await Effect.runPromise(asked)
  const long = composedOf(documents, bytes, written, 1200)
  const examples = (await all(long)).map(({ value }) => {
    if (E.isLeft(value)) throw new Error(value.left)
    return value.right
  })
  assert.ok(examples.length >= 4 && examples.every(({ tokens }) => tokens.length <= 1200))
  assert.ok(answerShare(examples) > 0.01)
  await goesOn(long)
  const digest = (target: number, map = written) => Effect.runPromise(composedOf(documents, bytes, map, target).digest)
  assert.is(await digest(1200), await Effect.runPromise(long.digest))
  assert.is.not(await digest(1100), await Effect.runPromise(long.digest))
  assert.is.not(await digest(1200, { ...written, digest: "0".repeat(64) }), await Effect.runPromise(long.digest))
})

it("makes short dialogues by rule, and of records", async () => {
  const invented = inventedOf(documents, bytes, { seed: 1, size: 300, turns: 2 })
  const made = await all(invented)
  assert.ok(made.length >= 8)
  await goesOn(invented)
  const records = dialoguesOf(
    {
      name: "records",
      digest: Effect.succeed("0"),
      read: () =>
        Stream.fromArray([
          { id: "a:1", value: E.right({ id: "a:1", fields: { data: ["Hello", "Good day."] } }), after: 1 },
          { id: "a:2", value: E.right({ id: "a:2", fields: { data: ["Hello"] } }), after: 2 },
        ]),
    },
    bytes,
  )
  const [good, bad] = await all(records)
  assert.ok(E.isRight(good!.value))
  assert.equal(bad!.value, E.left("a dialogue needs a user's message and an assistant's"))
})

it.run()
