/** Examples in the store: made once, whole after any crash, found again, and put into bins by their length. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { type Event, type Events, events, heardBy } from "../../../tasks/events.ts"
import { counts, gathered, paper, within } from "../../../tasks/data/documents.ts"
import { keep, type Keeping, type Kept } from "../../../tasks/data/kept.ts"
import type { Example } from "../../../tasks/data/example.ts"
import { examples } from "../../../tasks/data/examples.ts"
import { jsonLines } from "../../../tasks/data/jsonl.ts"
import { shuffled } from "../../../tasks/data/order.ts"
import { pack, unpack, widthOf } from "../../../tasks/data/shelf.ts"
import { type Sequence, texts } from "../../../tasks/data/source.ts"
import { memory, Store, type StoreFault, storeFault } from "../../../tasks/store.ts"
import { faultOf, inFolder, letters, right } from "./letters.ts"

const it = suite("tasks/data/documents")

/** Counts how many texts are encoded. */
const counting = (): { readonly tokenizer: Tokenizer; readonly times: () => number } => {
  let times = 0
  return { tokenizer: { ...letters, encode: (text) => (times++, letters.encode(text)) }, times: () => times }
}
const all = Array.from({ length: 40 }, (_, i) => `text ${i} `.repeat(1 + i % 9))
const sequence = (tokenizer = letters, of = all): Sequence<Example> =>
  right(examples(texts(of), { fields: "[text],text" }, tokenizer))
const expected = async (s: Sequence<Example>): Promise<ReadonlyArray<Example>> =>
  (await Effect.runPromise(Stream.runCollect(s.read(undefined)))).map(({ value }) => right(value))

const keeping: Keeping = { vocab: letters.vocab, part: 300 }
const inStore = <A, X>(
  effect: Effect.Effect<A, X, Store | Events>,
  files: Map<string, Uint8Array>,
  store: Layer.Layer<Store> = memory(files),
): Effect.Effect<A, X> => Effect.provide(effect, Layer.merge(store, events))
const read = (kept: Kept, files: Map<string, Uint8Array>): Promise<ReadonlyArray<Example>> =>
  Effect.runPromise(inStore(Effect.forEach(kept.lengths, (_, i) => kept.at(i)), files))

it("examples are what they were after they were bytes", () =>
  fc.assert(
    fc.property(
      fc.constantFrom(2 as const, 4 as const),
      fc.array(fc.array(fc.tuple(fc.nat(65535), fc.nat(1)), { minLength: 1, maxLength: 20 }), { maxLength: 8 }),
      (width, lists) => {
        const own = lists.map((list): Example => ({
          tokens: Int32Array.from(list, ([id]) => width === 2 ? id : id * 1000),
          counted: Uint8Array.from(list, ([, counts]) => counts),
        }))
        const blob = pack(own, width)
        const tokens = own.reduce((n, e) => n + e.tokens.length, 0)
        let at = 0
        for (const example of own) {
          assert.equal(right(unpack(blob, width, { at, length: example.tokens.length, tokens })), example)
          at += example.tokens.length
        }
      },
    ),
    { seed: 1 },
  ))

it("two bytes a token up to 65536 ids, four above", () => {
  assert.equal([258, 65_536, 65_537, 32_000].map(widthOf), [2, 2, 4, 2])
})

it("examples are made once: later runs, and other bins, encode nothing", async () => {
  const files = new Map<string, Uint8Array>()
  const { tokenizer, times } = counting()
  const first = await Effect.runPromise(inStore(keep(sequence(tokenizer), keeping), files))
  assert.is(times(), 2 * all.length)
  assert.equal(await read(first, files), await expected(sequence()))
  const again = await Effect.runPromise(inStore(keep(sequence(tokenizer), keeping), files))
  assert.is(times(), 2 * all.length)
  assert.is(again.digest, first.digest)
  assert.equal(again.lengths, first.lengths)
  await Effect.runPromise(inStore(keep(sequence({ ...tokenizer, digest: "1".repeat(64) }), keeping), files))
  assert.is(times(), 4 * all.length)
})

/** A store whose n-th write fails, as on a full disk. */
const failing = (files: Map<string, Uint8Array>, n: number): Layer.Layer<Store> =>
  Layer.effect(
    Store,
    Effect.map(Store, (store) => {
      let writes = 0
      return {
        ...store,
        write: (path, bytes): Effect.Effect<void, StoreFault> =>
          ++writes === n ? Effect.fail(storeFault("write", path, { code: "ENOSPC" })) : store.write(path, bytes),
      }
    }),
  ).pipe(Layer.provide(memory(files)))

it("a disk that fills at any write is a fault, and the next run ends with the same bytes", async () => {
  const whole = new Map<string, Uint8Array>()
  const small: Keeping = { vocab: 258, part: 40 }
  const kept = await Effect.runPromise(inStore(keep(sequence(), small), whole))
  assert.ok(whole.size > 33, "lists are saved on the way")
  for (const n of [1, 5, 17, 18, 25, whole.size]) {
    const files = new Map<string, Uint8Array>()
    const fault = await faultOf(inStore(keep(sequence(), small), files, failing(files, n)))
    assert.is((fault as StoreFault).reason, "full")
    const { tokenizer, times } = counting()
    const after = await Effect.runPromise(inStore(keep(sequence(tokenizer), small), files))
    assert.is(after.digest, kept.digest, `write ${n}`)
    assert.equal(await read(after, files), await expected(sequence()))
    if (n > 17) assert.ok(times() < 2 * all.length, "what was saved is not made again")
  }
})

it("a list whose blobs are gone, or that is torn, is made anew; a torn blob is a fault", async () => {
  const files = new Map<string, Uint8Array>()
  const kept = await Effect.runPromise(inStore(keep(sequence(), keeping), files))
  const blob = [...files.keys()].find((path) => path.startsWith("examples/blobs/"))!
  const list = [...files.keys()].find((path) => path.endsWith(".json"))!
  files.delete(blob)
  assert.is((await Effect.runPromise(inStore(keep(sequence(), keeping), files))).digest, kept.digest)
  assert.ok(files.has(blob))
  files.set(list, files.get(list)!.slice(0, 50))
  const again = await Effect.runPromise(inStore(keep(sequence(), keeping), files))
  assert.is(again.digest, kept.digest)
  files.set(blob, files.get(blob)!.slice(1))
  assert.is((await Effect.runPromise(inStore(keep(sequence(), keeping), files))).digest, kept.digest)
  files.set(blob, files.get(blob)!.slice(1))
  const fault = await faultOf(inStore(Effect.forEach(again.lengths, (_, i) => again.at(i)), files))
  assert.match(fault.message, /it is torn/)
})

it(
  "malformed lines are counted and told by file and line, how far it is too; a limit makes them a fault",
  inFolder({ "a.jsonl": '{"text":"a"}\n{"txt":"b"}\n\n{"text":7}\n{broken\n{"text":"c"}\n' }, async (path) => {
    const lines = right(examples(jsonLines(path("a.jsonl")), { fields: "text" }, letters))
    const heard: Array<Event> = []
    const hear = (event: Event) => Effect.sync(() => void heard.push(event))
    const files = new Map<string, Uint8Array>()
    const kept = await Effect.runPromise(inStore(heardBy(keep(lines, keeping), [hear]), files))
    assert.equal(kept.malformed.first.map(({ id }) => id), ["a.jsonl:2", "a.jsonl:4", "a.jsonl:5"])
    assert.is(kept.malformed.count, 3)
    assert.equal(kept.lengths, [3, 3])
    const skipped = heard.flatMap((e) => e._tag === "Skipped" ? [`${e.path} ${e.why}`] : [])
    assert.is(skipped.length, 3)
    assert.match(skipped[0]!, /^a\.jsonl:2 it has no field 'text'/)
    assert.ok(heard.some((e) => e._tag === "Progress" && e.done === 6 && e.unit === "tokens"))
    assert.ok(
      heard.some((e) => e._tag === "Note" && e.text.startsWith("3 readings of a.jsonl cannot be used: a.jsonl:2")),
    )
    for (const there of [new Map(), files]) {
      const fault = await faultOf(inStore(keep(lines, { ...keeping, limit: 2 }), there))
      assert.match(
        fault.message,
        /^a\.jsonl has more than 2 readings that cannot be used: a\.jsonl:2 \(it has no field/,
      )
    }
    assert.is((await Effect.runPromise(gathered(lines, 3))).malformed.count, 3)
    assert.is((await faultOf(gathered(lines, 2))).reason, "malformed")
  }),
)

it("no more is held than was asked for, and each blob is read once while it is", async () => {
  const files = new Map<string, Uint8Array>()
  let reads = 0
  const store = Layer.effect(
    Store,
    Effect.map(Store, (s) => ({
      ...s,
      read: (path: string) => (reads += path.startsWith("examples/blobs/") ? 1 : 0, s.read(path)),
    })),
  ).pipe(Layer.provide(memory(files)))
  const blobs = (): number => [...files.keys()].filter((path) => path.startsWith("examples/blobs/")).length
  const readsWith = async (held: number): Promise<number> => {
    const kept = await Effect.runPromise(inStore(keep(sequence(), { ...keeping, held }), files))
    reads = 0
    const order = shuffled(kept, 1).from(undefined)
    await Effect.runPromise(inStore(Stream.runDrain(Stream.take(order, all.length)), files, store))
    return reads
  }
  assert.is(await readsWith(1 << 20), blobs())
  assert.ok(await readsWith(600) > blobs())
  assert.ok(blobs() > 5)
})

it("bins: the paper's, and what each stage reads", async () => {
  const lengths = [5, 9_999, 10_000, 99_999, 100_000, 250_000, 499_999, 500_000, 1_000_000, 3_000_000]
  assert.equal(counts({ lengths }, paper).map(({ examples, tokens }) => [examples, tokens]), [
    [2, 109_999],
    [1, 100_000],
    [2, 749_999],
    [1, 500_000],
    [2, 4_000_000],
  ])
  const memory = await Effect.runPromise(gathered(sequence()))
  const bins = [{ from: 0, below: 60 }, { from: 60, below: 120 }, { from: 120, below: Infinity }]
  const own = await Promise.all(bins.map((bin) => Effect.runPromise(within(memory, bin))))
  assert.is(own.reduce((n, { lengths }) => n + lengths.length, 0), all.length)
  assert.is(new Set(own.map(({ digest }) => digest)).size, 3)
  for (const [b, { lengths, at }] of own.entries()) {
    assert.ok(lengths.length > 0 && lengths.every((n) => n >= bins[b]!.from && n < bins[b]!.below))
    for (const [i, length] of lengths.entries()) assert.is((await Effect.runPromise(at(i))).tokens.length, length)
  }
})

it.run()
