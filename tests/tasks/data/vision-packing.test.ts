/** Text and pictures in rows: exact arrays, and weights with which a packed batch is the mean over its examples, each alone. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { batches, rowsFault, shardOf } from "../../../tasks/data/loader.ts"
import { type Indexed, shuffled } from "../../../tasks/data/order.ts"
import { masked, stream } from "../../../tasks/data/packing.ts"
import { textAlone, type VisionExample, type VisionRows } from "../../../tasks/data/vision-example.ts"
import {
  visionMasked,
  type VisionPacked,
  type VisionPacking,
  visionPad,
  visionStream,
} from "../../../tasks/data/vision-packing.ts"

const it = suite("tasks/data/vision-packing")

/** Tokens ..1, ..2, and so on; masks as texts. */
const example = (tens: number, counted: string, vision: string, task?: string): VisionExample => ({
  tokens: Int32Array.from(counted, (_, i) => 10 * tens + i + 1),
  counted: Uint8Array.from(counted, Number),
  vision: Uint8Array.from(vision.padEnd(counted.length, "0"), Number),
  ...(task === undefined ? {} : { task }),
})
const packed = (p: VisionPacked | undefined): VisionPacked => {
  if (p === undefined) throw new Error("the examples fill no batch")
  return p
}
const grids = (rows: VisionRows) =>
  Object.fromEntries(
    Object.entries(rows).map(([name, { data, shape: [, time] }]) => [
      name,
      Array.from({ length: data.length / time! }, (_, r) => Array.from(data.slice(r * time!, (r + 1) * time!))),
    ]),
  )
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)), `${a}, ${b}`)

// ---- arrays --------------------------------------------------------------------

const two = [example(1, "01111", "00110"), example(2, "011", "000")]

it("masked: masks lie where tokens and targets do; padding is text", () => {
  const { rows, tally } = packed(
    visionMasked({ pad: 9, together: 1 }).pack([...two, example(3, "0111111", "0")], 0, {
      batch: 1,
      time: 8,
    }),
  )
  const third = Math.fround(1 / 4)
  assert.equal(grids(rows), {
    tokens: [[11, 12, 13, 14, 21, 22, 9, 9]],
    targets: [[12, 13, 14, 15, 22, 23, 9, 9]],
    weights: [[third, third, third, third, third, third, 0, 0]],
    segments: [[0, 0, 0, 0, 1, 1, 2, 2]],
    positions: [[0, 1, 2, 3, 0, 1, 0, 1]],
    vision: [[0, 0, 1, 1, 0, 0, 0, 0]],
    visionTargets: [[0, 1, 1, 0, 0, 0, 0, 0]],
  })
  assert.is(tally!.placed, 2)
})

it("pad: one example a row", () => {
  const { rows } = packed(visionPad({ pad: 9 }).pack(two, 0, { batch: 2, time: 4 }))
  assert.equal(grids(rows), {
    tokens: [[11, 12, 13, 14], [21, 22, 9, 9]],
    targets: [[12, 13, 14, 15], [22, 23, 9, 9]],
    weights: [[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0, 0]],
    vision: [[0, 0, 1, 1], [0, 0, 0, 0]],
    visionTargets: [[0, 1, 1, 0], [0, 0, 0, 0]],
  })
})

it("stream: cut anywhere, each row a mean, as LWM's loss has it", () => {
  const { rows, used, skip } = packed(visionStream().pack(two, 0, { batch: 2, time: 3 }))
  assert.equal(grids(rows), {
    tokens: [[11, 12, 13], [14, 15, 21]],
    targets: [[12, 13, 14], [15, 21, 22]],
    weights: [[0.5, 0.25, 0.25], [0.25, 0, 0.25]],
    vision: [[0, 0, 1], [1, 0, 0]],
    visionTargets: [[0, 1, 1], [0, 0, 0]],
  })
  assert.equal([used, skip], [1, 1])
})

// ---- what weights mean -----------------------------------------------------------

const anExample = fc.integer({ min: 2, max: 9 }).chain((n) =>
  fc.record({
    tokens: fc.constant(Int32Array.from({ length: n }, (_, i) => i)),
    counted: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: n, maxLength: n }).map((c) => Uint8Array.from(c)),
    vision: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: n, maxLength: n }).map((c) => Uint8Array.from(c)),
    task: fc.constantFrom("a", "b"),
  })
)
const shape = { batch: 2, time: 12 }

/** The loss of a target that hangs on nothing but where its example has it. */
const lossAt = (place: number): number => 1 + place * place

/** What LWM's loss makes of examples, each in a row of its own: of each vocabulary the mean over rows of their means. */
const alone = (examples: ReadonlyArray<VisionExample>, tasks: { readonly [task: string]: number }) => {
  const weight = ({ task }: VisionExample): number => tasks[task!] ?? 1
  const all = examples.reduce((n, e) => n + weight(e), 0)
  return [0, 1].map((modality) =>
    examples.reduce((sum, e) => {
      const own = Array.from(e.counted, (c, i) => [c, i]).filter(([c, i]) =>
        c === 1 && i! > 0 && e.vision[i!] === modality
      )
      if (own.length === 0) return sum
      return sum + weight(e) / all * own.reduce((n, [, i]) => n + lossAt(i!), 0) / own.length
    }, 0)
  )
}

const ofRows = ({ weights, visionTargets, positions }: VisionRows): ReadonlyArray<number> =>
  [0, 1].map((modality) =>
    Array.from(weights.data as ArrayLike<number>).reduce(
      (sum, w, at) => visionTargets.data[at] === modality ? sum + w * lossAt(positions!.data[at]! + 1) : sum,
      0,
    )
  )

it("a packed batch is the mean over its examples, each alone and padded, for each vocabulary; tasks weigh", () =>
  fc.assert(fc.property(
    fc.array(anExample, { minLength: 6, maxLength: 14 }),
    fc.constantFrom({}, { a: 3 }, { a: 0.5, b: 2 }),
    (examples, tasks) => {
      const made = visionMasked({ pad: 0, together: 1 }, tasks).pack(examples, 0, shape)
      fc.pre(made !== undefined)
      assert.is(rowsFault(made!.rows, shape.batch, shape.time), undefined)
      const taken = examples.slice(0, made!.used).filter((e) => e.counted.subarray(1).includes(1))
      const expected = alone(taken, tasks)
      ofRows(made!.rows).forEach((got, modality) => near(got, expected[modality]!))
    },
  )))

it("V5: of segments with the losses 2, 4 and 1 six times, the mean is that of examples, 2, not that of tokens", () => {
  const examples = [example(1, "011", "011"), example(2, "0111111", "0111111"), example(3, "0111111", "0111111")]
  const { rows } = packed(visionMasked({ pad: 0, together: 1 }).pack(examples, 0, { batch: 1, time: 8 }))
  const nll = [2, 4, 1, 1, 1, 1, 1, 1]
  near(Array.from(rows.weights.data as ArrayLike<number>).reduce((sum, w, i) => sum + w * nll[i]!, 0), 2)
})

it("text alone keeps the rows of text, to the bit", () => {
  const texts = [example(1, "0101", ""), example(2, "011111", ""), example(3, "0001", ""), example(4, "01111111", "")]
  const asText = texts.map(textAlone)
  const own = masked({ pad: 9, together: 1 }).pack(texts, 0, { batch: 2, time: 8 })!
  const { vision, visionTargets, ...rest } =
    packed(visionMasked({ pad: 9, together: 1 }).pack(asText, 0, { batch: 2, time: 8 })).rows
  assert.equal(rest, own.rows)
  assert.ok([vision, visionTargets].every(({ data }) => data.every((v) => v === 0)))
  const { weights: _, ...streamed } = stream.pack(texts, 0, { batch: 2, time: 6 })!.rows
  const { weights: __, vision: ___, visionTargets: ____, ...seen } =
    packed(visionStream().pack(asText, 0, { batch: 2, time: 6 })).rows
  assert.equal(seen, streamed)
})

it("a task without weight is learned from by nobody, and what is left counts as if it were alone", () => {
  const examples = [example(1, "0111", "0110", "a"), example(2, "011", "001", "b"), example(3, "0111111", "0", "b")]
  const weights =
    packed(visionMasked({ pad: 0, together: 1 }, { b: 0 }).pack(examples, 0, { batch: 1, time: 6 })).rows.weights
  assert.equal(Array.from(weights.data), [0.5, 0.5, 1, 0, 0, 0])
})

// ---- batches -------------------------------------------------------------------

const indexed: Indexed<never, never, VisionExample> = {
  ...{ name: "examples", digest: "examples", lengths: Array.from({ length: 30 }, (_, n) => 3 + n % 6) },
  at: (n) => Effect.succeed(example(n, "0" + "1".repeat(2 + n % 6), "00" + "1".repeat(1 + n % 6), n % 2 ? "a" : "b")),
}

it("rows go on from any position, and all ranks' rows are one rank's", async () => {
  const packings: ReadonlyArray<VisionPacking> = [
    visionStream(),
    visionPad({ pad: 0 }),
    visionMasked({ pad: 0 }, { a: 2 }),
  ]
  for (const packing of packings) {
    const all = batches(shuffled(indexed, 3), packing, { batch: 4, time: 9, ahead: 0 })
    const first = await Effect.runPromise(Stream.runCollect(Stream.take(all.from(undefined), 8)))
    const rest = await Effect.runPromise(
      Stream.runCollect(Stream.take(all.from(JSON.parse(JSON.stringify(first[3]!.after))), 4)),
    )
    assert.equal(rest, first.slice(4))
    const half = batches(shuffled(indexed, 3), packing, {
      ...{ batch: 4, time: 9, ahead: 0, shard: { rank: 1, of: 2 } },
    })
    const own = await Effect.runPromise(Stream.runCollect(Stream.take(half.from(undefined), 8)))
    assert.equal(own.map(({ rows }) => rows), first.map(({ rows }) => shardOf(rows, { rank: 1, of: 2 })))
    assert.is(own[0]!.rows.visionTargets.shape[0], 2)
  }
})

it.run()
