/**
 * A run of the world task: from settings and a text to checkpoints, scores and samples. It goes on from the newest whole
 * checkpoint; what it does depends on the settings and the text alone, so interrupted or not it gives the same bytes.
 * @module
 */
import * as Effect from "effect/Effect"
import type { DeviceFault } from "../core/device/backend.ts"
import { Device, type Values } from "../core/device/device.ts"
import { type FileFault, fileFault } from "../core/files/codec.ts"
import { hostFold, hostKey } from "../core/random/host.ts"
import { parameterCount } from "../models/llama/config.ts"
import type { Hosts, Parameters } from "../models/llama/parameters.ts"
import { schedule, type State } from "../models/llama/train.ts"
import * as bytes from "../models/tokenizers/bytes.ts"
import { rateAt } from "../ops/schedule.ts"
import { baselines } from "./baselines.ts"
import { newest, save, type Skipped } from "./checkpoint.ts"
import { batches, type Corpus } from "./data.ts"
import { type Events, say, StageName } from "./events.ts"
import { first, type Learner, learner, place, restore, tensorsOf } from "./learner.ts"
import { draw } from "./language/sampling.ts"
import { encodeSettings, listed, type Settings } from "./settings.ts"
import { orFail, publish } from "./train/parameters.ts"
import { digest, Store, type StoreFault, utf8 } from "./store.ts"

// ---- types -----------------------------------------------------------------

/** The loss is no number any more; the last checkpoint is from before. */
export interface Diverged {
  readonly _tag: "Diverged"
  readonly message: string
}

/** What can go wrong in a run; each has a sentence in `message`. */
export type TrainingFault = DeviceFault | StoreFault | FileFault | Diverged

/** How a run ended. */
export interface Outcome {
  readonly step: number
  /** Bits per byte of all held-out text. */
  readonly bits: number
  /** SHA-256 of the last checkpoint's tensors. */
  readonly digest: string
}

/** Streams of random numbers, each a fold of the seed's key, beside that of the parameters. */
const streams = { rows: 1_000_001, samples: 1_000_002 } as const

const keptCheckpoints = 3

/** What the model goes on from at the end, and how boldly. */
const prompts: ReadonlyArray<{ readonly prompt: string; readonly temperature: number; readonly length: number }> = [
  { prompt: "Call me Ishmael. ", temperature: 0.7, length: 300 },
  { prompt: "The whale ", temperature: 0.7, length: 300 },
  { prompt: "CHAPTER 136. ", temperature: 0.9, length: 300 },
]

// ---- parts -------------------------------------------------------------------

/** The digest of all that must be the same to go on: settings and text. */
export const identity = (s: Settings, corpus: Corpus): Effect.Effect<string> =>
  Effect.gen(function* () {
    const parts = [encodeSettings(s), yield* digest(corpus.train), yield* digest(corpus.heldOut)]
    return yield* digest(utf8(parts.join("\n")))
  })

/** Going on from nothing would write over what was learned, so where checkpoints lie, one must be whole and ours. */
const noneWhole = (root: string, skipped: ReadonlyArray<Skipped>): FileFault =>
  fileFault(
    "missing",
    "checkpoints",
    `none of the ${skipped.length} checkpoints in ${root} can be gone on with: ` +
      `of the newest, ${skipped[0]?.path}, ${skipped[0]?.why}; ` +
      `restore one, remove the folder checkpoints to begin again, or choose another --out`,
  )

/** The state to begin with: of the newest whole checkpoint, or the first where there are none at all. */
const start = (s: Settings, id: string): Effect.Effect<
  { readonly state: Hosts<State>; readonly step: number; readonly saved: string },
  StoreFault | FileFault,
  Store | Events
> =>
  Effect.gen(function* () {
    const { checkpoint, skipped } = yield* newest(id)
    for (const { path, why } of skipped) {
      yield* say({ _tag: "Skipped", path, why })
    }
    if (checkpoint === undefined && skipped.length > 0) {
      return yield* Effect.fail(noneWhole((yield* Store).root, skipped))
    }
    if (checkpoint === undefined) return { state: first(s), step: 0, saved: "" }
    const { step, state } = checkpoint.manifest
    yield* say({ _tag: "Resumed", step, digest: state.digest })
    return { state: yield* orFail(restore(s, checkpoint.tensors)), step, saved: state.digest }
  })

/** Scores the first `length` held-out bytes, or all of them. */
const look = (
  l: Learner,
  parameters: Values<Parameters>,
  text: Uint8Array,
  step: number,
  whole: boolean,
): Effect.Effect<number, DeviceFault, Events> =>
  Effect.gen(function* () {
    const bits = yield* l.bits(parameters, text)
    yield* say({ _tag: "Evaluated", step, bits, bytes: text.length, whole })
    return bits
  })

const samples = (
  s: Settings,
  l: Learner,
  parameters: Values<Parameters>,
  step: number,
): Effect.Effect<void, DeviceFault, Events> =>
  Effect.gen(function* () {
    for (const [i, { prompt, temperature, length }] of prompts.entries()) {
      const key = hostFold(hostFold(hostKey(s.seed), streams.samples), i)
      const tokens = [...bytes.encode(prompt)]
      const given = tokens.length
      for (let n = 0; n < length; n++) tokens.push(draw(yield* l.next(parameters, tokens), { temperature }, key, n))
      const text = bytes.decode(tokens.slice(given))
      yield* say({ _tag: "Sampled", step, prompt, text, temperature })
    }
  })

// ---- the run -----------------------------------------------------------------

/** All of it. Checkpoints of the same settings and text that lie in the store are taken up. */
export const run = (
  s: Settings,
  corpus: Corpus,
  title: string,
): Effect.Effect<Outcome, TrainingFault, Device | Store | Events> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* Device
    const l = yield* learner(s)
    const id = yield* identity(s, corpus)
    const { steps, batch, time } = s.recipe
    yield* say({
      _tag: "Began",
      task: title,
      settings: listed(s),
      digest: id,
      device: `${device.info.description}; ${device.reason}`,
      parameters: parameterCount(s.model),
      expected: l.expected,
      baselines: baselines(yield* digest(corpus.heldOut)),
    })
    yield* (yield* Store).write("settings.json", utf8(encodeSettings(s)))
    const from = yield* start(s, id)
    let state = yield* place(from.state)
    let saved = from.saved
    const read = batches(corpus.train, batch, time, hostFold(hostKey(s.seed), streams.rows))
    const glance = corpus.heldOut.subarray(0, s.glance)
    for (let n = from.step; n < steps; n++) {
      const out = yield* l.step(state, read(n))
      state = out.state
      const done = n + 1
      if (!Number.isFinite(out.loss) || !Number.isFinite(out.norm)) return yield* Effect.fail(diverged(done, out.loss))
      yield* say({
        _tag: "Stepped",
        step: done,
        steps,
        loss: out.loss,
        rate: rateAt(schedule(s.recipe), n),
        norm: out.norm,
        tokens: done * batch * time,
        memory: (yield* device.memory).bytes,
      })
      if (done % s.look === 0 && done < steps) yield* look(l, state.parameters, glance, done, false)
      if (done % s.save === 0 || done === steps) saved = yield* store(state, done, id)
    }
    const bits = yield* look(l, state.parameters, corpus.heldOut, steps, true)
    yield* samples(s, l, state.parameters, steps)
    yield* publish(s.model, (yield* device.fetch(state.parameters)) as unknown as Hosts<Parameters>)
    const { peak } = yield* device.memory
    yield* say({ _tag: "Finished", step: steps, digest: saved, peak })
    return { step: steps, bits, digest: saved }
  })).pipe(Effect.provideService(StageName, "world"))

const diverged = (step: number, loss: number): Diverged => ({
  _tag: "Diverged",
  message:
    `the loss of step ${step} is ${loss}: training diverged; try a lower peak rate in the settings, or a longer warm-up`,
})

/** Saves the state; gives the digest of its tensors. */
const store = (
  state: Values<State>,
  step: number,
  id: string,
): Effect.Effect<string, DeviceFault | StoreFault | FileFault, Device | Store | Events> =>
  Effect.gen(function* () {
    const manifest = yield* save(step, id, yield* tensorsOf(state), keptCheckpoints)
    const { digest, bytes } = manifest.state
    yield* say({ _tag: "Saved", step, digest, bytes })
    return digest
  })
