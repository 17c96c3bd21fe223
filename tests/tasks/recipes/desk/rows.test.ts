/** Rows for steps: what is said next counts, and any position is gone on from. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostFold, hostKey } from "../../../../core/random/host.ts"
import type { Batch } from "../../../../tasks/data/example.ts"
import { rowOf } from "../../../../tasks/recipes/desk/curriculum.ts"
import { curriculum, rowsOfExamples } from "../../../../tasks/recipes/desk/rows.ts"
import { ground } from "./ground.ts"

const it = suite("tasks/recipes/desk/rows")

const stretch = { mixture: { text: 1, repeats: 1, pairs: 1, needles: 1 }, seed: 3, batch: 3, time: 96 }

const taken = (n: number, from?: Batch["after"], more: Partial<typeof stretch> = {}): Promise<ReadonlyArray<Batch>> =>
  Effect.runPromise(Stream.runCollect(Stream.take(curriculum(ground, { ...stretch, ...more }).from(from), n)))

it("targets and their weights are the tokens one place later", () => {
  const example = (n: number) => ({
    tokens: Int32Array.from([0, 1, 2, 3, 4], (i) => 10 * n + i),
    counted: Uint8Array.of(1, 0, 1, 1, n),
  })
  const { tokens, targets, weights, segments, positions } = rowsOfExamples([example(0), example(1)], 4)
  assert.equal([tokens.shape, targets.shape, weights.shape], [[2, 4], [2, 4], [2, 4]])
  assert.equal(Array.from(tokens.data), [0, 1, 2, 3, 10, 11, 12, 13])
  assert.equal(Array.from(targets.data), [1, 2, 3, 4, 11, 12, 13, 14])
  assert.equal(Array.from(weights.data), [0, 1, 1, 0, 0, 1, 1, 1])
  assert.equal([segments, positions], [undefined, undefined])
})

it("row n is made of the seed and n alone, whatever the batch", async () => {
  const all = await taken(4)
  assert.equal(all.map(({ after }) => after), [3, 6, 9, 12])
  const row = (n: number) => rowOf(ground, stretch.mixture, hostFold(hostKey(stretch.seed), n), stretch.time + 1)
  assert.equal(all[1]!.rows, rowsOfExamples([3, 4, 5].map(row), stretch.time))
  const wide = await taken(2, undefined, { batch: 6 })
  const flat = (batches: ReadonlyArray<Batch>) => batches.flatMap(({ rows }) => Array.from(rows.tokens.data))
  assert.equal(flat(wide), flat(all))
  assert.not.equal(flat(await taken(4, undefined, { seed: 4 })), flat(all))
})

it("goes on from any position with the same bits, and from no other", async () => {
  const all = await taken(6)
  for (const i of [0, 3]) {
    const position = JSON.parse(JSON.stringify(all[i]!.after))
    assert.equal(await taken(5 - i, position), all.slice(i + 1))
  }
  for (const foreign of ["3", -1, 1.5, { drawn: 3 }]) {
    const fault = await Effect.runPromise(Effect.flip(Stream.runDrain(curriculum(ground, stretch).from(foreign))))
    assert.match(fault.message, "the position is of another source; begin anew")
  }
})

it.run()
