/** Ranks of one process: they conform, and none waits for one that is gone. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Block, type Engine, type MeshFault, meshFault } from "../../../core/device/engine.ts"
import type { Collective } from "../../../core/graph/collective.ts"
import { lanes, together } from "../../../core/mesh/lanes.ts"
import { conforms } from "./engine.ts"

conforms("lanes", together)

const it = suite("lanes")

const floats = (...values: ReadonlyArray<number>): Block => ({ dtype: "f32", data: Float32Array.from(values) })
const sum = (ranks: number, over = ["ring"]): Collective => ({ kind: "allReduce", over, ranks, fn: "sum" })
const reduce = (e: Engine, c: Collective, to = floats(0)): Effect.Effect<Block, MeshFault> =>
  Effect.gen(function* () {
    yield* (yield* e.start(c, floats(e.rank + 1), to)).finish
    return to
  })

/** What each rank ends with. */
const ends = <A>(
  engines: ReadonlyArray<Engine>,
  body: (e: Engine) => Effect.Effect<A, MeshFault>,
): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(
    Effect.forEach(
      engines,
      (e) => Effect.match(body(e), { onFailure: (f) => `${f.reason}: ${f.message}`, onSuccess: () => "it was done" }),
      { concurrency: "unbounded" },
    ),
  )

it("a rank that leaves ends what others wait for and what they start, with its name and why", async () => {
  const said = await ends(lanes({ ring: 3 }), (e) =>
    Effect.gen(function* () {
      yield* reduce(e, sum(3))
      if (e.rank === 1) yield* e.leave("the disk is full")
      if (e.rank === 2) yield* Effect.sleep(5)
      return yield* reduce(e, sum(3))
    }))
  for (const text of said) {
    assert.match(text, /^lost: rank 1 left the mesh, so allReduce over 'ring' cannot be done; the disk is full/)
  }
})

it("a rank that leaves takes the groups with it that it is not in", async () => {
  const said = await ends(lanes({ data: 2, ring: 2 }), (e) =>
    Effect.gen(function* () {
      if (e.rank === 0) return yield* e.leave("it was asked to")
      yield* Effect.sleep(5)
      yield* reduce(e, sum(2))
    }))
  assert.is(said[0], "it was done")
  for (const text of said.slice(1)) assert.match(text, /rank 0 left the mesh/)
})

it("after a fault nothing is filled any more", async () => {
  const engines = lanes({ ring: 2 })
  const to = floats(7)
  const said = await ends(engines, (e) => e.rank === 0 ? reduce(e, sum(2), to) : Effect.as(e.leave("enough"), to))
  assert.match(said[0]!, /rank 1 left/)
  assert.equal(Array.from(to.data), [7])
})

it("a rank that has ended leaves what it has brought", async () => {
  const got = await Effect.runPromise(together({ ring: 2 }, (e) =>
    Effect.gen(function* () {
      const to = floats(0)
      const pending = yield* e.start(sum(2), floats(e.rank + 1), to)
      if (e.rank === 1) yield* Effect.sleep(10)
      yield* pending.finish
      return to.data[0]
    })))
  assert.equal(got, [3, 3])
})

it("a rank that has ended is not waited for", async () => {
  const exit = await Effect.runPromiseExit(together(
    { ring: 2 },
    (e) => e.rank === 0 ? Effect.void : Effect.asVoid(reduce(e, sum(2))),
  ))
  assert.ok(Exit.isFailure(exit))
  assert.match(JSON.stringify(exit), /rank 0 left the mesh.*it had ended/)
})

it("a body that fails fails all, by its own fault", async () => {
  const error = await Effect.runPromise(
    Effect.flip(
      together(
        { ring: 4 },
        (e) => e.rank === 2 ? Effect.fail(meshFault("input", "no book to read")) : reduce(e, sum(4)),
      ),
    ),
  )
  assert.is(error.message, "no book to read")
})

it("patience ends a wait, and names who is awaited", async () => {
  const said = await ends(
    lanes({ ring: 3 }, { patience: 20 }),
    (e) => e.rank === 1 ? Effect.sleep(60) : Effect.asVoid(reduce(e, sum(3))),
  )
  assert.match(said[0]!, /^lost: rank 0 waited 20 ms for rank 1 in its allReduce over 'ring'/)
  assert.match(said[2]!, /^lost: rank 2 waited 20 ms for rank 1/)
})

it("says what does not fit the mesh, or what others do", async () => {
  const said = async (c: Collective, from = floats(1), to = floats(1)): Promise<string> =>
    (await ends(lanes({ ring: 2 }).slice(0, 1), (e) => e.start(c, from, to)))[0]!
  assert.match(await said(sum(3)), /^shape: allReduce over 'ring' in the mesh \{ ring: 2 \} is among 2 ranks, not 3/)
  assert.match(await said(sum(2, ["data"])), /^shape: allReduce over 'data': the mesh \{ ring: 2 \} has no axis 'data'/)
  assert.match(await said(sum(2, ["ring", "ring"])), /the axis 'ring' is named twice/)
  assert.match(
    await said(sum(2), floats(1), floats(1, 2)),
    /^input: .* of 1 f32 in a Float32Array gives 1 .* fill 2 f32/,
  )
  assert.match(
    await said(sum(2), floats(1), { dtype: "f32", data: new Float64Array(1) }),
    /fill 1 f32 in a Float64Array/,
  )
  const [, other] = await ends(
    lanes({ ring: 2 }),
    (e) => e.start(e.rank === 0 ? sum(2) : { ...sum(2), fn: "max" } as Collective, floats(1), floats(1)),
  )
  assert.match(other!, /^shape: rank 1 starts allReduce over 'ring' where others start .*the same program/)
})

it.run()
