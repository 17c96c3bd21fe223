/** Rows are read ahead of the steps, but not far. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Batches } from "../../../tasks/data/example.ts"
import { reader } from "../../../tasks/train/rows.ts"
import { training } from "./tiny.ts"

const it = suite("tasks/train/rows")

it("batches are made while a step runs, a few of them and no more, in their order", () => {
  let made = 0
  const batches: Batches = {
    from: (position) => Stream.tap(training.batches.from(position), () => Effect.sync(() => void made++)),
  }
  return Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const next = yield* reader(batches, 5)
    const first = yield* next
    assert.is(first.after, 6)
    // what a step leaves the reader time for
    yield* Effect.sleep(20)
    assert.ok(made >= 3 && made <= 5, `${made} are made, 1 is taken`)
    const before = made
    yield* Effect.sleep(20)
    assert.is(made, before, "it waits")
    assert.equal([(yield* next).after, (yield* next).after], [7, 8])
    yield* Effect.sleep(20)
    assert.is(made, before + 2)
  })))
})

it.run()
