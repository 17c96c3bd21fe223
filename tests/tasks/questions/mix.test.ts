import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Host } from "../../../core/tensor/host.ts"
import type { Batch, Batches, Rows } from "../../../tasks/data/example.ts"
import { mixedRows, saying, stacked } from "../../../tasks/questions/mix.ts"

const it = suite("tasks/questions/mix")

const grid = (data: ReadonlyArray<number>): Host<"i32", ["batch", "time"]> => ({
  dtype: "i32",
  axes: ["batch", "time"],
  shape: [1, data.length],
  data: Int32Array.from(data),
})

const row = (tokens: ReadonlyArray<number>, packed?: ReadonlyArray<number>): Rows => ({
  tokens: grid(tokens),
  targets: grid(tokens.map((t) => t + 1)),
  weights: { ...grid([]), dtype: "f32", shape: [1, tokens.length], data: Float32Array.from(tokens, () => 0.5) },
  ...(packed === undefined ? {} : { segments: grid(packed), positions: grid(tokens.map(() => 0)) }),
})

/** Rows that say which stream they are of and their number: [stream, n]. */
const counted = (stream: number, end = Infinity): Batches => ({
  from: (position) =>
    Stream.unfold(
      (position ?? 0) as number,
      (n) => Effect.succeed(n >= end ? undefined : [{ rows: row([stream, n]), after: n + 1 } as Batch, n + 1] as const),
    ),
})

const taken = (batches: Batches<unknown>, n: number, from?: Batch["after"]) =>
  Effect.runPromise(Stream.runCollect(Stream.take(batches.from(from), n)))

it("puts rows below each other, and says of plain rows what packed ones say", () => {
  const { tokens, weights, segments, positions } = stacked([row([1, 2, 3]), row([4, 5, 6], [0, 0, 1])])
  assert.equal(tokens.shape, [2, 3])
  assert.equal(Array.from(tokens.data), [1, 2, 3, 4, 5, 6])
  assert.is(weights.data.length, 6)
  assert.equal(Array.from(segments!.data), [0, 0, 0, 0, 0, 1])
  assert.equal(Array.from(positions!.data), [0, 1, 2, 0, 0, 0])
  const plain = stacked([row([1, 2]), row([3, 4])])
  assert.equal([plain.segments, plain.positions], [undefined, undefined])
})

it("a batch of plain rows alone is packed, too, where the training was declared with packed rows", async () => {
  const packedRows: Batches = {
    from: (position) =>
      Stream.map(
        counted(1).from(position),
        ({ rows, after }) => ({ rows: { ...row([1, 2], [0, 1]), ...rows }, after }),
      ),
  }
  const all = await taken(mixedRows([[saying(counted(0)), 1], [packedRows, 1]], 1, 5), 20)
  assert.is(new Set(all.map(({ rows }) => rows.tokens.data[0])).size, 2)
  for (const { rows } of all) {
    const plain = rows.tokens.data[0] === 0
    assert.equal(Array.from(rows.segments!.data), plain ? [0, 0] : [0, 1])
    assert.equal(Array.from(rows.positions!.data), plain ? [0, 1] : [0, 0])
  }
  assert.equal(await taken(saying(counted(0)), 3, 4), (await taken(saying(counted(0)), 7)).slice(4))
})

it("draws 7 rows of chat to 3 of questions, within 3 sigma, and none is lost or comes twice", async () => {
  const all = await taken(mixedRows([[counted(0), 7], [counted(1), 3]], 8, 5), 150)
  const rows = all.flatMap(({ rows: { tokens } }) =>
    Array.from({ length: 8 }, (_, i) => [tokens.data[2 * i]!, tokens.data[2 * i + 1]!] as const)
  )
  const n = rows.length
  const chat = rows.filter(([stream]) => stream === 0).length
  assert.ok(Math.abs(chat - 0.7 * n) <= 3 * Math.sqrt(n * 0.7 * 0.3), `${chat} of ${n}`)
  for (const stream of [0, 1]) {
    const numbers = rows.filter(([s]) => s === stream).map(([, i]) => i)
    assert.equal(numbers, numbers.map((_, i) => i))
  }
})

it("goes on from any position with the same rows, and another seed draws others", async () => {
  const mix = (seed: number) => mixedRows([[counted(0), 7], [counted(1), 3]], 3, seed)
  const all = await taken(mix(5), 12)
  for (const i of [0, 4, 10]) {
    const position = JSON.parse(JSON.stringify(all[i]!.after))
    assert.equal(await taken(mix(5), 11 - i, position), all.slice(i + 1))
  }
  assert.not.equal((await taken(mix(6), 12)).map(({ rows }) => rows), all.map(({ rows }) => rows))
})

it("says what is wrong with shares, and when a stream ends", async () => {
  const fault = (batches: Batches<unknown>) => Effect.runPromise(Effect.flip(Stream.runDrain(batches.from(undefined))))
  assert.match(JSON.stringify(await fault(mixedRows([[counted(0), 0]], 1, 1))), "shares are numbers of 0 or more")
  assert.match(JSON.stringify(await fault(mixedRows([[counted(0, 3), 1]], 2, 1))), "a stream of rows has ended")
})

it.run()
