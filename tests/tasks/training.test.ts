/** A whole run on the WebAssembly device: the same bytes again, by any number of threads, and after any interruption. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Device, layer, make } from "../../core/device/device.ts"
import { oracle } from "../../core/device/oracle.ts"
import { decode } from "../../core/files/safetensors.ts"
import { hostKey } from "../../core/random/host.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { fromForeign } from "../../models/llama/config.ts"
import { fromHuggingFace } from "../../models/llama/names.ts"
import { stepsWithin } from "../../tasks/calibrate.ts"
import { newest } from "../../tasks/checkpoint.ts"
import { batches, type Corpus, divide } from "../../tasks/data.ts"
import { type Event, events, heardBy, history, logTo, parseLog } from "../../tasks/events.ts"
import { first, learner, place, restore } from "../../tasks/learner.ts"
import { report } from "../../tasks/report.ts"
import { type Settings, standard } from "../../tasks/settings.ts"
import { memory, Store, type StoreFault } from "../../tasks/store.ts"
import { type Outcome, run, type TrainingFault } from "../../tasks/training.ts"
import * as reference from "../models/reference.ts"

const it = suite("tasks/training")

const tiny: Settings = {
  ...standard,
  seed: 3,
  model: { ...standard.model, model: 16, hidden: 20, layers: 1, groups: 1, share: 2, head: 6, context: 12 },
  recipe: { ...standard.recipe, batch: 3, time: 12, steps: 9, warmup: 2, peak: 0.02, end: 0.002 },
  look: 4,
  glance: 40,
  save: 3,
}

/** A text with a rule to learn. */
const corpus: Corpus = divide(
  "counting",
  Uint8Array.from({ length: 1300 }, (_, i) => 97 + (i * i + (i >> 4)) % 7),
)

type Ran = Effect.Effect<Outcome, TrainingFault, Store>

const on = (threads: number, settings = tiny, text = corpus): Ran =>
  heardBy(run(settings, text, "test"), [logTo("log")]).pipe(
    Effect.provide(events),
    Effect.provide(layer(wasm({ threads }))),
  ) as Ran

const inMemory = (effect: Ran, files: Map<string, Uint8Array>): Promise<Outcome> =>
  Effect.runPromise(effect.pipe(Effect.provide(memory(files))))

const logOf = (files: Map<string, Uint8Array>): ReadonlyArray<Event> =>
  parseLog(new TextDecoder().decode(files.get("log")))

const whole = await (async () => {
  const files = new Map<string, Uint8Array>()
  return { files, outcome: await inMemory(on(1), files) }
})()

it("a run learns, and tells what it does", () => {
  const log = logOf(whole.files)
  const losses = log.flatMap((e) => e._tag === "Stepped" ? [e.loss] : [])
  assert.is(losses.length, 9)
  assert.ok(Math.abs(losses[0]! - Math.log(256)) < 0.1, `it begins with no idea: ${losses[0]}`)
  assert.ok(losses.at(-1)! < losses[0]! - 1, losses.map((l) => l.toFixed(2)).join(" "))
  assert.equal(log.map((e) => e._tag).filter((x) => x !== "Stepped"), [
    "Began",
    "Saved",
    "Evaluated",
    "Saved",
    "Evaluated",
    "Saved",
    "Evaluated",
    "Sampled",
    "Sampled",
    "Sampled",
    "Finished",
  ])
  assert.ok(whole.outcome.bits < 8)
  assert.match(report(history(log)), /bits per byte/)
})

it("the forecast is what the device allocates, and no step allocates more", () => {
  const log = logOf(whole.files)
  const memories = log.flatMap((e) => e._tag === "Stepped" ? [e.memory] : [])
  // the windows' arrays are made at the first look, after step 4
  assert.is(new Set(memories.slice(0, 4)).size, 1, `memory stands still: ${memories}`)
  assert.is(new Set(memories.slice(4)).size, 1, `memory stands still: ${memories}`)
  const peaks = log.flatMap((e) => e._tag === "Began" ? e.expected : []).filter((x) => x.program === "together")
  assert.equal(peaks.map((x) => x.peak), log.flatMap((e) => e._tag === "Finished" ? [e.peak] : []))
})

it("the score is that of the formulas in float64", async () => {
  const device = layer(wasm({ threads: 1 }))
  const text = corpus.heldOut.subarray(0, 30)
  const bits = await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const l = yield* learner(tiny)
      const state = yield* place(first(tiny))
      return yield* l.bits(state.parameters, text)
    })).pipe(Effect.provide(device)),
  )
  const { parameters } = first(tiny)
  const logits = (start: number): ReadonlyArray<ReadonlyArray<number>> =>
    reference.logits(tiny.model, parameters, Array.from(text.subarray(start, start + 12)))
  const nats = (scores: ReadonlyArray<number>, target: number): number =>
    Math.log(scores.reduce((s, x) => s + Math.exp(x), 0)) - scores[target]!
  let total = 8 * Math.LN2
  let next = 1
  for (const start of [0, 6, 12, 17]) {
    const rows = logits(start)
    for (; next <= start + 12; next++) total += nats(rows[next - 1 - start]!, text[next]!)
  }
  assert.ok(Math.abs(bits - total / Math.LN2 / text.length) < 1e-4, `${bits} is not ${total / Math.LN2 / text.length}`)
})

it("the same settings give the same bytes, by one thread or two", async () => {
  for (const threads of [1, 2]) {
    const files = new Map<string, Uint8Array>()
    assert.equal(await inMemory(on(threads), files), whole.outcome)
    const made = (f: Map<string, Uint8Array>) =>
      [...f].filter(([name]) => name !== "log").map(([name, b]) => [name, [...b]])
    assert.equal(made(files), made(whole.files))
  }
})

it("another seed gives other bytes", async () => {
  const other = await inMemory(on(1, { ...tiny, seed: 4 }), new Map())
  assert.not.equal(other.digest, whole.outcome.digest)
})

/** The run, whose store loses power after so many changes; then once more without harm. */
const interrupted = async (
  changes: number,
): Promise<{ readonly outcome: Outcome; readonly log: ReadonlyArray<Event> }> => {
  const files = new Map<string, Uint8Array>()
  let left = changes
  const dying = Effect.gen(function* () {
    const store = yield* Store
    const change = (act: Effect.Effect<void, StoreFault>): Effect.Effect<void, StoreFault> =>
      Effect.suspend(() => left-- > 0 ? act : Effect.die("power"))
    const weak: Store = {
      ...store,
      write: (p, b) => change(store.write(p, b)),
      append: (p, x) => change(store.append(p, x)),
      remove: (p) => change(store.remove(p)),
    }
    yield* Effect.exit(on(1).pipe(Effect.provideService(Store, weak)))
  })
  await Effect.runPromise(dying.pipe(Effect.provide(memory(files))))
  const outcome = await inMemory(on(1), files)
  return { outcome, log: logOf(files) }
}

it("interrupted at any change and taken up, a run gives the same bytes and one history", () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 34 }), async (changes) => {
      const { outcome, log } = await interrupted(changes)
      assert.equal(outcome, whole.outcome)
      const steps = history(log).flatMap((e) => e._tag === "Stepped" ? [e.step] : [])
      assert.equal(
        steps,
        Array.from({ length: 9 }, (_, i) => i + 1).filter((s) => steps.includes(s)),
        "in order, once each",
      )
      assert.ok(steps.length >= 6)
    }),
    { seed: 1, numRuns: 7 },
  ))

it("a finished run that is taken up is scored again and stays as it was", async () => {
  const files = new Map(whole.files)
  assert.equal(await inMemory(on(1), files), whole.outcome)
  assert.is(history(logOf(files)).filter((e) => e._tag === "Finished").length, 1)
})

it("a checkpoint that was damaged is passed over, and the run still ends as it would have", async () => {
  const files = new Map(whole.files)
  const { checkpoint } = await Effect.runPromise(newest().pipe(Effect.provide(memory(files))))
  const path = `tensors/${checkpoint!.manifest.state.digest}.safetensors`
  files.set(path, files.get(path)!.slice(0, 1000))
  assert.equal(await inMemory(on(1), files), whole.outcome)
  assert.ok(logOf(files).some((e) => e._tag === "Skipped" && /torn/.test(e.why)))
})

it("a checkpoint of another model is a fault that names the tensor", () => {
  const bigger = { ...tiny, model: { ...tiny.model, hidden: 24 } }
  const tensors = decode([...whole.files].find(([name]) => name.startsWith("tensors/"))![1])
  if (E.isLeft(tensors)) throw new Error("the file cannot be read")
  const restored = restore(bigger, tensors.right.tensors)
  assert.match(
    E.isLeft(restored) ? restored.left[0]!.message : "",
    /tensor 'parameters\.blocks\.0\.gate': expected f32 \[16, 24\], got f32 \[16, 20\]/,
  )
})

it("other settings or another text do not take up this run's checkpoints", async () => {
  for (const [settings, text] of [[{ ...tiny, seed: 9 }, corpus], [tiny, divide("other", corpus.train)]] as const) {
    const files = new Map(whole.files)
    const fault = await inMemory(
      Effect.flip(on(1, settings, text)) as unknown as Ran,
      files,
    ) as unknown as TrainingFault
    assert.match(fault.message, /none of the \d checkpoints in memory can be gone on with: .*other settings/)
    assert.ok(logOf(files).some((e) => e._tag === "Skipped" && /other settings/.test(e.why)))
    assert.not.ok(logOf(files).some((e) => e._tag === "Resumed"))
    for (const [name, bytes] of whole.files) if (name.startsWith("checkpoints/")) assert.equal(files.get(name), bytes)
  }
})

it("a run none of whose checkpoints is whole does not begin again by itself", async () => {
  const files = new Map(
    [...whole.files].map(([name, bytes]) =>
      [name, name.startsWith("tensors/") ? bytes.slice(0, 1000) : bytes] as const
    ),
  )
  const fault = await inMemory(Effect.flip(on(1)) as unknown as Ran, files) as unknown as TrainingFault
  assert.match(fault.message, /torn; restore one, remove the folder checkpoints to begin again/)
})

it("the model goes out as other programs read it", () => {
  const config = fromForeign(JSON.parse(new TextDecoder().decode(whole.files.get("model/config.json"))))
  assert.equal(config, E.right(tiny.model))
  const file = decode(whole.files.get("model/model.safetensors")!)
  if (E.isLeft(file)) throw new Error("the file cannot be read")
  const parameters = fromHuggingFace(tiny.model, file.right.tensors)
  if (E.isLeft(parameters)) throw new Error("the tensors cannot be read")
  const states = decode(whole.files.get(`tensors/${whole.outcome.digest}.safetensors`)!)
  const embedding = E.isRight(states) ? states.right.tensors.find((x) => x.name === "parameters.embedding")!.data : []
  assert.equal(parameters.right.embedding.data, embedding)
})

it("a run that diverges stops with a sentence and keeps what it saved", async () => {
  const wild: Settings = { ...tiny, recipe: { ...tiny.recipe, warmup: 0, peak: 1e30, end: 1e30 }, save: 1 }
  const files = new Map<string, Uint8Array>()
  const fault = await Effect.runPromise(Effect.flip(on(1, wild)).pipe(Effect.provide(memory(files))))
  assert.is(fault._tag, "Diverged")
  assert.match(fault.message, /the loss of step \d is .*: training diverged; try a lower peak rate/)
  const { checkpoint } = await Effect.runPromise(newest().pipe(Effect.provide(memory(files))))
  assert.ok(checkpoint !== undefined && checkpoint.manifest.step >= 1)
})

it("one step on the wasm device is that of the oracle", async () => {
  const losses = (device: typeof oracle | ReturnType<typeof wasm>) =>
    Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const made = yield* make((yield* device) as never)
        return yield* Effect.gen(function* () {
          const l = yield* learner(tiny)
          const read = batches(corpus.train, tiny.recipe.batch, tiny.recipe.time, hostKey(1))
          let state = yield* place(first(tiny))
          const out: Array<number> = []
          for (let n = 0; n < 4; n++) {
            const s = yield* l.step(state, read(n))
            state = s.state
            out.push(s.loss, s.norm)
          }
          return out
        }).pipe(Effect.provideService(Device, made))
      })),
    )
  const [fast, exact] = [await losses(wasm({ threads: 1 })), await losses(oracle)]
  fast.forEach((x, i) => assert.ok(Math.abs(x - exact[i]!) < 1e-4 * Math.abs(exact[i]!), `${x} is not ${exact[i]}`))
})

it("a time is turned into steps: more minutes, more steps, never fewer than ten", async () => {
  const steps = (minutes: number): Promise<number> =>
    Effect.runPromise(stepsWithin(tiny, corpus, minutes).pipe(Effect.provide(layer(wasm({ threads: 1 })))))
  assert.is(await steps(1e-9), 10)
  assert.ok(await steps(60) > 100)
})

it.run()
