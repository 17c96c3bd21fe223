/** The loop on the CPU device: it learns, tells, saves, and goes on as if nothing had happened. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { decode } from "../../../core/files/safetensors.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import type { Rows } from "../../../tasks/data/example.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { tensorPath } from "../../../tasks/objects.ts"
import { memory, Store, type StoreFault, storeFault } from "../../../tasks/store.ts"
import { train, type TrainingFault } from "../../../tasks/train/loop.ts"
import { givenBy } from "../../../tasks/train/llama.ts"
import { reader } from "../../../tasks/train/rows.ts"
import type { Trained, Training } from "../../../tasks/train/training.ts"
import type { Watch } from "../../../tasks/train/watch.ts"
import { config, counted, journalIn, recipe, rowsAt, training } from "./tiny.ts"

const it = suite("tasks/train/loop")

type Files = Map<string, Uint8Array>

interface Ran {
  readonly trained: Trained
  readonly told: ReadonlyArray<Event>
}

/** The training over whatever store there is. */
const ran = (t: Training<never, never>, threads: number, watch?: Watch): Effect.Effect<Ran, TrainingFault, Store> =>
  Effect.gen(function* () {
    const told: Array<Event> = []
    const journal = yield* journalIn
    const around = Layer.merge(events, layer(wasm({ memory: 2 ** 28, threads })))
    const trained = yield* heardBy(train(t, journal, watch), [(e) => Effect.sync(() => void told.push(e))]).pipe(
      Effect.provide(around),
    )
    return { trained, told }
  })

const on = (files: Files, t: Training<never, never> = training, threads = 1): Promise<Ran> =>
  Effect.runPromise(Effect.provide(ran(t, threads), memory(files)))

const fault = (files: Files, t: Training<never, never>, watch?: Watch): Promise<TrainingFault> =>
  Effect.runPromise(Effect.provide(Effect.flip(ran(t, 1, watch)), memory(files)))

const whole = await (async () => {
  const files: Files = new Map()
  return { files, ...await on(files) }
})()

it("learns, tells every step, and saves as often as it should", () => {
  const { told, trained, files } = whole
  assert.equal(told.map((e) => e._tag).filter((x) => x !== "Stepped"), ["Saved", "Saved", "Saved"])
  assert.equal(told.flatMap((e) => e._tag === "Stepped" ? [e.step] : []), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.ok(told.every((e) => e.stage === "tiny"))
  const losses = trained.curve.map((p) => p.loss)
  assert.ok(Math.abs(losses[0]! - Math.log(config.vocab)) < 0.1, `it begins with no idea: ${losses[0]}`)
  assert.ok(losses.at(-1)! < losses[0]! - 0.03, losses.join(" "))
  assert.is(trained.tokens, 9 * 4 * 16)
  assert.equal(told.flatMap((e) => e._tag === "Stepped" ? [e.tokens] : []).slice(0, 2), [64, 128])
  // three states, and the parameters
  assert.is([...files.keys()].filter((n) => n.startsWith("tensors/")).length, 4)
})

it("the device allocates nothing after the first step, and no more than was forecast", () => {
  const memories = whole.told.flatMap((e) => e._tag === "Stepped" ? [e.memory] : [])
  assert.is(new Set(memories).size, 1, `memory stands still: ${memories}`)
})

it("gives the same bytes with any number of threads", async () => {
  const files: Files = new Map()
  assert.equal((await on(files, training, 2)).trained, whole.trained)
  assert.equal([...files.keys()].sort(), [...whole.files.keys()].sort())
})

it("gives other bytes with another seed", async () => {
  const { trained } = await on(new Map(), { ...training, seed: 4 })
  assert.not.equal(trained.parameters.digest, whole.trained.parameters.digest)
})

/** The training with a store that fails at the n-th change: `die` is a machine that stops, a fault is a full disk. */
const weak = (files: Files, changes: number, act: Effect.Effect<never, StoreFault>, t = training) => {
  let left = changes
  const change = (write: Effect.Effect<void, StoreFault>): Effect.Effect<void, StoreFault> =>
    Effect.suspend(() => left-- > 0 ? write : act)
  return Effect.gen(function* () {
    const store = yield* Store
    const weakened: Store = {
      ...store,
      write: (p, b) => change(store.write(p, b)),
      remove: (p) => change(store.remove(p)),
    }
    return yield* ran(t, 1).pipe(Effect.provideService(Store, weakened))
  }).pipe(Effect.provide(memory(files)))
}

it("stopped at any change of the store, and begun again, it gives the same bytes", () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (changes) => {
      const files: Files = new Map()
      await Effect.runPromise(Effect.exit(weak(files, changes, Effect.die("power"))))
      assert.equal((await on(files)).trained, whole.trained)
    }),
    { seed: 1, numRuns: 3, examples: [[3], [6]] },
  ))

it("a full disk is a fault that says so; the state before it is whole, and is gone on from", async () => {
  // the first state took two changes; the tensors of the second find the disk full
  const files: Files = new Map()
  const full = storeFault("write", "tensors/x", { code: "ENOSPC" })
  const said = await Effect.runPromise(Effect.flip(weak(files, 2, Effect.fail(full))))
  assert.is(said._tag, "StoreFault")
  assert.match(said.message, /the disk is full: free some space/)
  const again = await on(files)
  assert.equal(again.told.flatMap((e) => e._tag === "Resumed" ? [e.step] : []), [3])
  assert.equal(again.trained, whole.trained)
})

it("a training that is finished gives its output again, without a step", async () => {
  const again = await on(new Map(whole.files))
  assert.equal(again.trained, whole.trained)
  assert.equal(again.told.map((e) => e._tag), ["Resumed"])
})

it("goes on from the parameters that it is given, under any of their names", async () => {
  const files: Files = new Map(whole.files)
  files.delete("journal.json")
  const state = whole.told.flatMap((e) => e._tag === "Saved" ? [{ digest: e.digest, bytes: e.bytes }] : []).at(-1)!
  const [own, saved] = [
    await on(new Map(files), { ...training, start: whole.trained.parameters }),
    await on(new Map(files), { ...training, start: state }),
  ]
  assert.ok(own.trained.curve[0]!.loss < whole.trained.curve[0]!.loss)
  assert.equal(own.trained, saved.trained)
})

it("parameters of another model are a fault that names the tensor and what to do", async () => {
  const files: Files = new Map(whole.files)
  files.delete("journal.json")
  const start = whole.trained.parameters
  const said = await fault(files, { ...training, config: { ...config, hidden: 24 }, start })
  assert.match(
    said.message,
    /^tensor 'blocks\.0\.gate': expected f32 \[16, 24\], got f32 \[16, 20\]: give parameters of this model/,
  )
  assert.match(said.message, /2 more like it/)
})

/** Rows that count infinitely much from the n-th on. */
const poisoned = (from: number, to = Infinity) =>
  counted(recipe, (n, r) => {
    const rows = rowsAt(n, r)
    const { weights } = rows
    return n < from || n >= to ? rows : { ...rows, weights: { ...weights, data: weights.data.map(() => Infinity) } }
  })

it("a loss that is no number ends it: the step is named, the last good state kept and gone on from", async () => {
  const files: Files = new Map()
  const said = await fault(files, { ...training, batches: poisoned(4) })
  assert.is(said._tag, "Diverged")
  assert.match(
    said.message,
    /^tiny: at step 5 the loss is NaN: training diverged\. The last good state is kept in tensors\/[0-9a-f]{64}\./,
  )
  assert.match(said.message, /Try a lower peak rate/)
  // with rows that are well it ends as if nothing had happened
  const again = await on(files)
  assert.equal(again.told.flatMap((e) => e._tag === "Resumed" ? [e.step] : []), [4])
  assert.equal(again.trained, whole.trained)
  assert.match((await fault(new Map(), { ...training, batches: poisoned(0) })).message, /No state was saved before it/)
})

it("where a loss scale is looked for, steps without numbers are passed over and told, also when it is interrupted", async () => {
  // with all that a state may have: a scale, a narrow momentum, an average
  const asked = { storage: "f16", scale: { first: 2 ** 20 }, momentum: "bf16", ema: 0.9 } as const
  const halves = { ...training, recipe: { ...recipe, ...asked } }
  const one = await on(new Map(), halves)
  const spikes = one.told.flatMap((e) => e._tag === "Spiked" ? [e] : [])
  assert.ok(spikes.length > 0 && spikes.length < 6, JSON.stringify(spikes))
  assert.is(one.told.filter((e) => e._tag === "Stepped").length + spikes.length, recipe.steps)
  assert.ok(one.trained.curve.length < recipe.steps && one.trained.curve.every((p) => Number.isFinite(p.norm)))
  const files: Files = new Map()
  await Effect.runPromise(Effect.exit(weak(files, 2, Effect.die("power"), halves)))
  assert.equal((await on(files, halves)).trained, one.trained)
  // what is given is the average
  const [, state] = [...files].find(([name]) => name === tensorPath(one.trained.parameters.digest))!
  const last = one.told.flatMap((e) => e._tag === "Saved" ? [files.get(tensorPath(e.digest))!] : []).at(-1)!
  const valuesOf = (bytes: Uint8Array, name: string): unknown => {
    const file = decode(bytes)
    return E.isRight(file) ? file.right.tensors.find((x) => x.name === name)?.data : undefined
  }
  assert.equal(valuesOf(state, "norm"), valuesOf(last, "average.norm"))
  assert.not.equal(valuesOf(state, "norm"), valuesOf(last, "parameters.norm"))
})

it("a training that does not fit is a fault before anything is drawn or read", async () => {
  const { batch, time } = { batch: 2_000_000, time: 16 }
  const large = {
    ...training,
    recipe: { ...recipe, batch, time },
    batches: { from: () => Stream.die(new Error("rows are read")) },
  }
  const said = await fault(new Map(), large)
  assert.is(said._tag === "DeviceFault" && said.reason, "memory")
  assert.match(
    said.message,
    /^the training needs \d+\.\d\d GiB on the device, which has \d+\.\d\d? [GM]iB: .*recipe\.batch, now 2000000/,
  )
})

it("rows of another size, packed rows that were not declared, and rows that end are faults", async () => {
  const said = (rows: Rows, packed = false): string => {
    const given = givenBy({ ...training, packed })(rows)
    return "_tag" in given ? String(given.message) : "they fit"
  }
  const rows = rowsAt(0, recipe)
  assert.is(said(rows), "they fit")
  assert.match(
    said(rowsAt(0, { batch: 4, time: 8 })),
    /rows have tokens of i32 \[4, 8\], the recipe asks for i32 \[4, 16\]/,
  )
  const packed = { ...rows, segments: rows.tokens, positions: rows.tokens }
  assert.match(said(packed), /declare .* packed: true/)
  assert.is(said(packed, true), "they fit")
  assert.match(said(rows, true), /the rows have no segments/)
  const ends = { from: () => Stream.take(training.batches.from(undefined), 1) }
  const second = Effect.scoped(Effect.gen(function* () {
    const next = yield* reader(ends, undefined)
    assert.is((yield* next).after, 1)
    return yield* Effect.flip(next)
  }))
  assert.match((await Effect.runPromise(second)).message, /the stream of rows ended/)
})

it("the fault of a reader is the training's", async () => {
  const broken = { from: () => Stream.concat(Stream.take(training.batches.from(undefined), 2), Stream.fail("torn")) }
  const said = await Effect.runPromise(Effect.provide(
    Effect.flip(ran({ ...training, batches: broken } as never, 1)),
    memory(new Map()),
  ))
  assert.is(said as unknown, "torn")
})

it.run()
