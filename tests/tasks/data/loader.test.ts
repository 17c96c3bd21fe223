/**
 * The loader's laws: what follows a position is what would have followed, to the bit, over turns, windows, mixtures and
 * malformed lines; all ranks' rows together are one rank's; only so much is made ahead.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { parquetWriteBuffer } from "hyparquet-writer"
import { i32 } from "../../../core/tensor/spec.ts"
import type { Batch, Batches, Example, Packing, Position } from "../../../tasks/data/example.ts"
import { examples as read } from "../../../tasks/data/examples.ts"
import { folder } from "../../../tasks/data/folder.ts"
import { jsonLines } from "../../../tasks/data/jsonl.ts"
import { batches, rowsFault } from "../../../tasks/data/loader.ts"
import { type Examples, type Indexed, inOrder, mixture, shuffled, windowed } from "../../../tasks/data/order.ts"
import { masked, pad, stream } from "../../../tasks/data/packing.ts"
import { parquet } from "../../../tasks/data/parquet.ts"
import { digestOf, type Sequence, type Source, texts } from "../../../tasks/data/source.ts"
import { split } from "../../../tasks/data/split.ts"
import type { Malformed } from "../../../tasks/data/tally.ts"
import { faultOf, inFolder, letters, right } from "./letters.ts"

const it = suite("tasks/data/loader")
const alone = pad({ pad: 0 })
const packings: ReadonlyArray<Packing> = [stream, alone, masked({ pad: 0 })]

// ---- examples whose tokens tell which they are

const example = (n: number, length: number): Example => ({
  tokens: Int32Array.from({ length }, (_, i) => 1000 * (n + 1) + i),
  counted: Uint8Array.from({ length }, (_, i) => i > 0 ? 1 : 0),
})
const indexed = (count: number, name = "numbers"): Indexed => ({
  name,
  digest: name,
  lengths: Array.from({ length: count }, (_, n) => 2 + n % 7),
  at: (n) => Effect.succeed(example(n, 2 + n % 7)),
})
/** A sequence in which every fifth reading is of no use. */
const sequence = (count: number): Sequence<Example> => ({
  name: "lines",
  digest: digestOf("lines", count),
  read: (from) => {
    const first = from as number | undefined ?? 0
    return Stream.fromArray(Array.from({ length: count - first }, (_, i) => first + i)).pipe(Stream.map((n) => ({
      id: `lines:${n + 1}`,
      value: n % 5 === 3 ? E.left("it is a fifth one") : E.right(example(n, 2 + n % 7)),
      after: n + 1,
    })))
  },
})
const which = ({ example }: { readonly example: Example }): number => example.tokens[0]! / 1000 - 1

const some = <A, X>(stream: Stream.Stream<A, X>, n: number): Promise<ReadonlyArray<A>> =>
  Effect.runPromise(Stream.runCollect(Stream.take(stream, n)))
const copied = <A>(value: A): A => JSON.parse(JSON.stringify(value))
const first = <X>(all: Batches<X>, n: number, from?: Position): Promise<ReadonlyArray<Batch>> => some(all.from(from), n)
const asText = (all: ReadonlyArray<Batch>): string =>
  JSON.stringify(all.map(({ rows, after }) => [
    after,
    Object.entries(rows).map(([name, { shape, data }]) => [name, shape, Array.from(data)]),
  ]))

// ---- orders

it("every turn holds every example once, each turn in another order, which depends on the seed alone", async () => {
  const order = shuffled(indexed(20), 7)
  const all = (await some(order.from(undefined), 60)).map(which)
  const turns = [all.slice(0, 20), all.slice(20, 40), all.slice(40)]
  for (const turn of turns) assert.equal(turn.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i))
  assert.is(new Set(turns.map(String)).size, 3)
  assert.equal((await some(shuffled(indexed(20), 7).from(undefined), 60)).map(which), all)
  assert.not.equal((await some(shuffled(indexed(20), 8).from(undefined), 60)).map(which), all)
  assert.equal((await some(inOrder(indexed(3)).from(undefined), 7)).map(which), [0, 1, 2, 0, 1, 2, 0])
})

it("a window moves an example by less than its size, and a turn holds each that can be used once", async () => {
  const usable = Array.from({ length: 23 }, (_, n) => n).filter((n) => n % 5 !== 3)
  const all = (await some(windowed(sequence(23), { seed: 1, window: 6 }).from(undefined), 3 * usable.length)).map(which)
  for (const turn of [0, 1, 2]) {
    const own = all.slice(turn * usable.length, (turn + 1) * usable.length)
    assert.equal(own.toSorted((a, b) => a - b), usable)
    for (const [i, n] of own.entries()) assert.ok(Math.abs(usable.indexOf(n) - i) < 6)
  }
  assert.not.equal(all.slice(0, usable.length), usable)
  assert.not.equal(all.slice(usable.length, 2 * usable.length), all.slice(0, usable.length))
  assert.equal((await some(windowed(sequence(23), { seed: 1, window: 1 }).from(undefined), 19)).map(which), usable)
})

const goesOnAnywhere = async (order: Examples, n: number): Promise<void> => {
  const all = await some(order.from(undefined), n)
  for (const [i, { after }] of all.entries()) {
    assert.equal(copied(await some(order.from(copied(after)), n - 1 - i)), copied(all.slice(i + 1)), `after ${i}`)
  }
}

it("any order goes on from any place, over turns", async () => {
  await goesOnAnywhere(shuffled(indexed(5), 3), 17)
  await goesOnAnywhere(inOrder(indexed(4)), 13)
  await goesOnAnywhere(windowed(sequence(11), { seed: 2, window: 4 }), 31)
  await goesOnAnywhere(windowed(sequence(11), { seed: 2, window: 100 }), 25)
  const mixed = mixture([[shuffled(indexed(3), 1), 7], [windowed(sequence(7), { seed: 1, window: 2 }), 3]], 5)
  await goesOnAnywhere(mixed, 30)
})

it("a mixture keeps 7 : 3 within what chance allows, and begins each part anew by itself", async () => {
  const short: Indexed = { ...indexed(4), at: (n) => Effect.succeed(example(n, 1)) }
  const long: Indexed = { ...indexed(90, "more"), at: (n) => Effect.succeed(example(1000 + n, 1)) }
  const order = mixture([[shuffled(short, 1), 7], [shuffled(long, 1), 3]], 9)
  const all = (await some(order.from(undefined), 1000)).map(which)
  for (const n of [100, 1000]) {
    const got = all.slice(0, n).filter((k) => k < 1000).length
    assert.ok(Math.abs(got - 0.7 * n) <= 3 * Math.sqrt(n * 0.7 * 0.3), `${got} of ${n}`)
  }
  assert.is(new Set(all.filter((k) => k >= 1000).slice(0, 90)).size, 90)
})

it("nothing to learn from is a fault, not a loop without end", async () => {
  const fault = async (order: Examples) => (await faultOf(Stream.runHead(order.from(undefined)))).reason
  assert.is(await fault(shuffled(indexed(0), 1)), "empty")
  assert.is(await fault(windowed(sequence(0), { seed: 1, window: 3 })), "empty")
  const useless: Sequence<Example> = {
    ...sequence(1),
    read: () => Stream.make({ id: "lines:1", value: E.left("no"), after: 1 }),
  }
  assert.is(await fault(windowed(useless, { seed: 1, window: 3 })), "empty")
})

it("malformed readings are told once, by file and line; above the limit they are a fault that names the first", async () => {
  const told: Array<Malformed> = []
  const tell = (m: Malformed) => Effect.sync(() => void told.push(m))
  await some(windowed(sequence(23), { seed: 1, window: 4, tell, limit: 4 }).from(undefined), 60)
  assert.equal(told.map(({ id }) => id), ["lines:4", "lines:9", "lines:14", "lines:19"])
  const order = windowed(sequence(23), { seed: 1, window: 4, limit: 3 })
  const fault = await faultOf(Stream.runCollect(Stream.take(order.from(undefined), 60)))
  assert.is(fault.reason, "malformed")
  assert.match(
    fault.message,
    /^lines has more than 3 readings that cannot be used: lines:4 \(it is a fifth one\); lines:9/,
  )
  const good = await some(order.from(undefined), 12)
  for (const { after } of good) {
    assert.equal(await faultOf(Stream.runCollect(Stream.take(order.from(copied(after)), 60))), fault)
  }
})

it("a position of another order is a fault", async () => {
  const foreign = await faultOf(Stream.runHead(shuffled(indexed(5), 1).from({ drawn: 3, at: [] })))
  assert.is(foreign.reason, "position")
})

// ---- batches

const orders: ReadonlyArray<readonly [string, Examples]> = [
  ["a permutation", shuffled(indexed(9), 4)],
  ["a window", windowed(sequence(13), { seed: 4, window: 5 })],
  ["a mixture", mixture([[shuffled(indexed(3), 1), 1], [windowed(sequence(6), { seed: 4, window: 2 }), 1]], 2)],
]

for (const [name, order] of orders) {
  it(`rows of ${name} go on from any position as if they had not stopped, whatever the packing`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...packings),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(11),
        async (packing, batch, time, k) => {
          const loader = batches(order, packing, { batch, time })
          const all = await first(loader, 12)
          assert.is(asText(await first(loader, 11 - k, copied(all[k]!.after))), asText(all.slice(k + 1)))
        },
      ),
      { seed: 6, numRuns: 25 },
    ))
}

it("rows of all ranks, one after another, are the rows of one; each goes on by itself", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...packings),
      fc.constantFrom(1, 2, 3, 6),
      fc.integer({ min: 1, max: 7 }),
      fc.nat(5),
      async (packing, of, time, k) => {
        const order = windowed(sequence(13), { seed: 4, window: 5 })
        const whole = await first(batches(order, packing, { batch: 6, time }), 8)
        const ranks = Array.from({ length: of }, (_, rank) =>
          batches(order, packing, { batch: 6, time, shard: { rank, of } }))
        const parts = await Promise.all(ranks.map((loader) =>
          first(loader, 8)
        ))
        for (const [step, { rows, after }] of whole.entries()) {
          assert.ok(parts.every((own) => JSON.stringify(own[step]!.after) === JSON.stringify(after)))
          for (const name of Object.keys(rows) as ReadonlyArray<keyof typeof rows>) {
            const together = parts.flatMap((own) => Array.from(own[step]!.rows[name]!.data))
            assert.equal(together, Array.from(rows[name]!.data))
            assert.equal(parts[0]![step]!.rows[name]!.shape, [6 / of, time])
          }
        }
        const rank = ranks.at(-1)!
        assert.is(asText(await first(rank, 7 - k, copied(whole[k]!.after))), asText(parts.at(-1)!.slice(k + 1)))
      },
    ),
    { seed: 7, numRuns: 20 },
  ))

it("steps are made ahead up to twice what was asked for, and no further", async () => {
  for (const [ahead, most] of [[0, 1], [1, 3], [2, 5]] as const) {
    let made = 0
    const counting: Packing = { ...alone, pack: (...a) => (made++, alone.pack(...a)) }
    const loader = batches(inOrder(indexed(3)), counting, { batch: 1, time: 4, ahead })
    let given = 0
    let worst = 0
    await Effect.runPromise(
      Stream.runForEach(Stream.take(loader.from(undefined), 8), () =>
        Effect.gen(function* () {
          given++
          yield* Effect.sleep("4 millis")
          worst = Math.max(worst, Math.ceil(made / 2) - given + 1)
        })),
    )
    assert.ok(worst <= most, `${worst} held with ${ahead} ahead`)
    assert.ok(ahead === 0 || worst > 1, `nothing is made ahead with ${ahead}`)
  }
})

it("rows that break a law are not given out", async () => {
  const broken = (change: (rows: Batch["rows"]) => Batch["rows"]): Packing => ({
    name: "broken",
    pack: (...a) => {
      const packed = alone.pack(...a)
      return packed === undefined ? undefined : { ...packed, rows: change(packed.rows) }
    },
  })
  const fault = async (change: (rows: Batch["rows"]) => Batch["rows"]) =>
    (await faultOf(Stream.runHead(batches(inOrder(indexed(9)), broken(change), { batch: 2, time: 4 }).from(undefined))))
      .message
  const ids = (data: ReadonlyArray<number>) => ({
    ...i32("batch time", { batch: 2, time: 4 }),
    data: Int32Array.from(data),
  })
  assert.match(
    await fault((rows) => ({ ...rows, segments: ids([0, 0, 1, 1, 0, 1, 0, 2]) })),
    /batch 1, time 2 is 0 after 1/,
  )
  assert.match(await fault((rows) => ({ ...rows, positions: ids([0, 1, 2, 3, 0, -1, 0, 1]) })), /batch 1, time 1 is -1/)
  assert.match(await fault((rows) => ({ ...rows, targets: { ...rows.targets, shape: [4, 2] } })), /targets are 4 x 2/)
  assert.match(
    await fault((rows) => ({ ...rows, weights: { ...rows.weights, data: new Float32Array(8).fill(NaN) } })),
    /the weight of row 0, place 0 is NaN/,
  )
  const [{ rows }] = await first(batches(inOrder(indexed(9)), alone, { batch: 2, time: 4 }), 1) as [Batch]
  assert.is(rowsFault(rows, 2, 4), undefined)
})

it("settings that cannot be are faults", async () => {
  const fault = async (loading: Parameters<typeof batches>[2]) =>
    (await faultOf(Stream.runHead(batches(inOrder(indexed(3)), stream, loading).from(undefined)))).message
  assert.match(await fault({ batch: 0, time: 4 }), /rows are 0 x 4; expected whole numbers from 1/)
  assert.match(await fault({ batch: 4, time: 4, shard: { rank: 3, of: 3 } }), /rank 3 of 3 is no rank/)
  assert.match(await fault({ batch: 4, time: 4, shard: { rank: 0, of: 3 } }), /4 rows cannot be divided among 3 ranks/)
  assert.match(await fault({ batch: 4, time: 4, ahead: -1 }), /-1 steps cannot be made ahead/)
  const never: Packing = { name: "never", pack: () => undefined }
  const endless = batches(inOrder(indexed(3)), never, { batch: 2, time: 4 })
  assert.match(
    (await faultOf(Stream.runHead(endless.from(undefined)))).message,
    /\d{4} examples of \d+ tokens do not fill a step of 2 x 4 by the packing never/,
  )
})

// ---- the original's defects

const lines = Array.from({ length: 11 }, (_, i) => JSON.stringify({ text: `line ${i}` }))
const everySource = (path: (name: string) => string): ReadonlyArray<Source> => [
  texts(lines),
  folder(path("texts")),
  jsonLines(path("a.jsonl")),
  parquet(path("a.parquet")),
]
const files = {
  ...Object.fromEntries(lines.map((line, i) => [`texts/${i}.txt`, line])),
  "a.jsonl": ["{broken", ...lines].join("\n"),
}
const loaderOf = (source: Source, shard?: { rank: number; of: number }) =>
  batches(
    windowed(right(read(source, { fields: "text" }, letters)), { seed: 3, window: 4 }),
    alone,
    { batch: 2, time: 8, ...(shard === undefined ? {} : { shard }) },
  )

it(
  "defects b and c: every source is read for training and for evaluation, on one rank or more, and goes on",
  inFolder(files, async (path) => {
    const columns = [{ name: "text", data: lines, type: "STRING" as const }]
    await writeFile(path("a.parquet"), new Uint8Array(parquetWriteBuffer({ columnData: columns, rowGroupSize: 4 })))
    for (const source of everySource(path)) {
      const parts = right(split(source, { heldOut: 0.4, by: "document" }))
      for (const half of [parts.train, parts.heldOut]) {
        const all = await first(loaderOf(half), 9)
        assert.is(asText(await first(loaderOf(half), 4, copied(all[4]!.after))), asText(all.slice(5)))
        const ranks = await Promise.all([0, 1].map((rank) => first(loaderOf(half, { rank, of: 2 }), 9)))
        for (const [step, { rows }] of all.entries()) {
          const together = ranks.flatMap((own) => Array.from(own[step]!.rows.tokens.data))
          assert.equal(together, Array.from(rows.tokens.data), source.name)
        }
      }
    }
  }),
)

it("defect d: with one row a step no example is left out, and rows of a step begin where examples do", async () => {
  const order = inOrder(indexed(6))
  const firsts = (all: ReadonlyArray<Batch>, time: number): ReadonlyArray<number> =>
    all.flatMap(({ rows }) => Array.from(rows.tokens.data).filter((_, i) => i % time === 0))
  for (const batch of [1, 2, 3]) {
    const all = await first(batches(order, alone, { batch, time: 9 }), 12 / batch)
    assert.equal(firsts(all, 9), [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6].map((n) => 1000 * n))
  }
})

it("defect e: what counts stands beside the token before it, for examples longer than a row too", async () => {
  for (const packing of packings) {
    const all = await first(batches(inOrder(indexed(7)), packing, { batch: 4, time: 5 }), 6)
    const places = all.flatMap(({ rows: { tokens, targets, weights } }) =>
      Array.from(weights.data, (weight, i) => ({ weight, token: tokens.data[i]!, target: targets.data[i]! }))
    )
    const counted = places.filter(({ weight }) => weight > 0)
    assert.ok(counted.every(({ token, target }) => target === token + 1), packing.name)
    assert.ok(places.every(({ weight, token, target }) => weight > 0 || target !== token + 1), packing.name)
    const last = counted.flatMap(({ target }) => Math.floor(target / 1000) === 7 ? [target % 1000] : [])
    assert.equal([...new Set(last)].toSorted(), [1, 2, 3, 4, 5, 6, 7], "the longest is there with all its targets")
  }
})

it(
  "defect n: after going on, ranks and draws are those of the lines, malformed ones included",
  inFolder({}, async (path) => {
    const all = Array.from(
      { length: 24 },
      (_, i) => i % 5 === 2 ? "{broken" : JSON.stringify({ a: `a${i}`, b: `b${i}`, fields: ["a", "b"] }),
    )
    await writeFile(path("a.jsonl"), all.join("\n"))
    const sequence = right(read(jsonLines(path("a.jsonl")), { fieldsFromExample: "fields", seed: 2 }, letters))
    const loader = (rank: number) =>
      batches(windowed(sequence, { seed: 3, window: 1 }), alone, { batch: 2, time: 4, shard: { rank, of: 2 } })
    for (const rank of [0, 1]) {
      const straight = await first(loader(rank), 14)
      for (const k of [0, 1, 2, 3, 8, 10]) {
        assert.is(asText(await first(loader(rank), 13 - k, copied(straight[k]!.after))), asText(straight.slice(k + 1)))
      }
    }
  }),
)

it.run()
