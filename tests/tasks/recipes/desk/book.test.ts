/** The desk recipe's ground: what it holds out is the text that its marks were measured on. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { events } from "../../../../tasks/events.ts"
import { footing } from "../../../../tasks/recipes/desk/book.ts"
import { measured } from "../../../../tasks/report/baselines.ts"
import { run } from "../../../../tasks/stage/run.ts"
import { memory } from "../../../../tasks/store.ts"

const it = suite("tasks/recipes/desk/book")

it("the last tenth of the book is held out, and is what compressors were measured on", async () => {
  const { book } = footing(null)
  const made = await Effect.runPromise(run(book).pipe(Effect.provide(events), Effect.provide(memory())))
  assert.equal(made.heldOut, { digest: measured[0]!.digest, bytes: measured[0]!.bytes })
  assert.is(made.train.bytes, 1_220_986 - made.heldOut.bytes)
})

it("the marks in bits per byte", () => {
  const [{ bytes, compressed }] = measured as readonly [typeof measured[0]]
  assert.equal(compressed.map((c) => [c.tool, (8 * c.bytes / bytes).toFixed(3)]), [
    ["xz -9e", "2.953"],
    ["bzip2 -9", "2.652"],
  ])
})

it.run()
