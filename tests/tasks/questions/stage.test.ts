/** Questions as a stage, and the rows that come of them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import type { Batch, Rows } from "../../../tasks/data/example.ts"
import { texts } from "../../../tasks/data/source.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { type Pairs, standardAsking } from "../../../tasks/questions/pairs.ts"
import { rules } from "../../../tasks/questions/rules.ts"
import { composedOf, documentsOf, inventedOf } from "../../../tasks/questions/sequences.ts"
import { questionsStage, standardShares, tuningRows, writtenOf } from "../../../tasks/questions/stage.ts"
import { run } from "../../../tasks/stage/run.ts"
import type { Stage } from "../../../tasks/stage/stage.ts"
import { memory, type Store } from "../../../tasks/store.ts"
import type { Events } from "../../../tasks/events.ts"
import { passage } from "./passage.ts"

const it = suite("tasks/questions/stage")

const documents = documentsOf(texts([passage, passage.replaceAll("Starbuck", "Flask")]), bytes)

const stageOf = (size: number): Stage<Pairs, unknown, Store | Events> =>
  questionsStage({
    name: "questions",
    material: { of: ["passage", "bytes"], open: Effect.succeed({ documents, tokenizer: bytes }) },
    size,
    asking: standardAsking,
    writer: { as: "rules", about: "rules over the text", layer: () => rules() },
    needs: {},
  })

const files = new Map<string, Uint8Array>()
const told: Array<Event> = []
const made = (size: number): Promise<Pairs> =>
  Effect.runPromise(
    heardBy(run(stageOf(size)), [(e) => Effect.sync(() => void told.push(e))]).pipe(
      Effect.mapError((fault) => new Error(JSON.stringify(fault))),
      Effect.provide(Layer.merge(memory(files), events)),
    ) as Effect.Effect<Pairs>,
  )

it("asks about all chunks, says who wrote the pairs and what part of the text answers are", async () => {
  const pairs = await made(200)
  assert.is(pairs.by, "rules")
  assert.is(pairs.pairs + pairs.nothing, pairs.chunks)
  const note = told.flatMap((e) => e._tag === "Note" ? [e.text] : []).at(-1)!
  assert.ok(
    note.startsWith(`${pairs.pairs} pairs by rules for ${pairs.chunks} chunks`) &&
      /answers are \d+\.\d\d % of the text/.test(note),
    note,
  )
  const before = told.length
  assert.equal(await made(200), pairs)
  assert.ok(told.slice(before).every((e) => e._tag === "StageCached"))
  assert.not.equal((await made(300)).file, pairs.file)
})

const [batch, time] = [10, 700]

const rowsOf = async (seed: number) => {
  const pairs = await made(200)
  const open = Effect.map(writtenOf(pairs, 200), (written) => ({
    questions: composedOf(documents, bytes, written, time),
    chat: inventedOf(documents, bytes, { seed: 1, size: 250, turns: 2 }),
    tokenizer: bytes,
  }))
  return tuningRows(open, { batch, time, seed, shares: standardShares })
}

const taken = async (n: number, from?: Batch["after"], seed = 1): Promise<ReadonlyArray<Batch>> => {
  const rows = await rowsOf(seed)
  return Effect.runPromise(
    Stream.runCollect(Stream.take(rows.from(from), n)).pipe(Effect.provide(memory(files))) as Effect.Effect<
      Array<Batch>
    >,
  )
}

/** The tokens of a row by its segments, and how much each segment counts. */
const segmentsOf = ({ tokens, segments, weights, positions }: Rows, row: number) => {
  const at = Array.from({ length: time }, (_, i) => row * time + i)
  return [...new Set(at.map((i) => segments!.data[i]!))].map((segment) => {
    const own = at.filter((i) => segments!.data[i] === segment)
    return {
      text: bytes.decode(own.map((i) => tokens.data[i]!)),
      weight: own.reduce((sum, i) => sum + weights.data[i]!, 0),
      positions: own.map((i) => positions!.data[i]!),
    }
  })
}

it("packs chat apart from questions; in a row all examples weigh the same, and padding nothing", async () => {
  const [{ rows }] = await taken(1) as [Batch]
  assert.equal(rows.tokens.shape, [batch, time])
  for (let row = 0; row < batch; row++) {
    const parts = segmentsOf(rows, row).filter(({ weight }) => weight > 0)
    assert.ok(parts.length >= 1)
    const each = 1 / parts.length
    for (const { text, weight, positions } of parts) {
      assert.ok(text.startsWith("You are a helpful assistant. USER: "), text)
      assert.ok(Math.abs(weight - each) < 1e-5, `${weight} of ${each}`)
      assert.equal(positions, positions.map((_, i) => i))
    }
    const long = parts.filter(({ text }) => text.length > 600).length
    assert.ok(long === 0 || parts.length === 1, "a row of questions holds no chat")
  }
})

it("goes on from any position with the same rows", async () => {
  const all = await taken(5)
  for (const i of [0, 2]) assert.equal(await taken(4 - i, JSON.parse(JSON.stringify(all[i]!.after))), all.slice(i + 1))
  assert.not.equal((await taken(1, undefined, 2))[0]!.rows, all[0]!.rows)
})

it.run()
