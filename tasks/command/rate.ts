/**
 * How fast this device trains: floating-point operations a second of a small Llama's steps, measured once for each device
 * and kept for a day. Estimates of time come from it; a model of another shape may be half or twice as fast.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type DeviceFault, deviceFault, type DeviceInfo } from "../../core/device/backend.ts"
import { Device } from "../../core/device/device.ts"
import { decodeJson, finite } from "../../core/files/codec.ts"
import { sentence } from "../../core/graph/fault.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import type { Config } from "../../models/llama/config.ts"
import { begin, examples, type Recipe, stateSpecs, step } from "../../models/llama/train.ts"
import { digest, Store, type StoreFault, utf8 } from "../store.ts"

// ---- what is measured ------------------------------------------------------------

/** The small Llama of a kind of device: enough work to keep it busy, little enough for a second or two. */
const sizes: { readonly [K in DeviceInfo["kind"]]: readonly [model: number, time: number, batch: number] } = {
  wasm: [256, 256, 2],
  webgpu: [1024, 1024, 4],
  oracle: [16, 16, 1],
}

/** Steps that warm up, rounds that are measured, steps of one at most, and milliseconds after which it ends. */
const warm = 2
const rounds = 5
const most = 4
const limit = 300

const small = (kind: DeviceInfo["kind"]): { readonly config: Config; readonly recipe: Recipe } => {
  const [model, time, batch] = sizes[kind]
  return {
    config: {
      ...{ vocab: 512, model, hidden: 2 * model, layers: 2, groups: 4, share: 1, head: model / 4 },
      ...{ theta: 1e4, epsilon: 1e-6, context: time },
    },
    recipe: {
      ...{ batch, time, steps: 100, warmup: 10, peak: 1e-3, end: 1e-4 },
      ...{ clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
    },
  }
}

/** Steps of the small Llama on the device: operations a second. */
const measured: Effect.Effect<number, DeviceFault, Device> = Effect.scoped(Effect.gen(function* () {
  const device = yield* Device
  const { config, recipe } = small(device.info.kind)
  const specs = { state: stateSpecs(config), batch: examples(recipe) }
  const compiled = compile(step(config, recipe), specs, { donate: ["state"], maxBindings: device.info.maxBindings })
  if (E.isLeft(compiled)) return yield* Effect.fail(deviceFault("compile", compiled.left.map(sentence).join("\n")))
  const run = yield* device.load(compiled.right)
  const tokens = Int32Array.from({ length: recipe.batch * recipe.time }, (_, i) => (i * i) % config.vocab)
  const batch = { tokens: { ...specs.batch.tokens, data: tokens }, targets: { ...specs.batch.targets, data: tokens } }
  let state: unknown = yield* device.place(begin(config, hostKey(1)))
  const once = Effect.gen(function* () {
    const out = yield* run({ state, batch } as never)
    state = out.state
    yield* device.fetch(out.metrics)
  })
  for (let n = 0; n < warm; n++) yield* once
  // what else the machine does makes a round slower, never faster: the best one tells what the device can do
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const before = yield* Clock.currentTimeMillis
    let [steps, took] = [0, 0]
    while (steps < most && took < limit) {
      yield* once
      steps++
      took = (yield* Clock.currentTimeMillis) - before
    }
    best = Math.min(best, Math.max(1, took) / 1000 / steps)
  }
  return compiled.right.program.forecast.flops / best
}))

// ---- what is kept ----------------------------------------------------------------

const Kept = t.strict({ format: t.literal("orrery-rate"), device: t.string, flops: finite, at: finite })

/** How fast, and when that was measured, in milliseconds since 1970. */
export interface Rate {
  readonly flops: number
  readonly at: number
}

/** Milliseconds that a measurement is believed: a day. */
const believed = 86_400_000

/** Operations a second of this device, measured where nobody has done so in this store in the last day, or `anew`. */
export const rate = (anew: boolean): Effect.Effect<Rate, DeviceFault | StoreFault, Device | Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const { description } = (yield* Device).info
    const path = `rates/${(yield* digest(utf8(description))).slice(0, 16)}.json`
    const bytes = yield* store.read(path)
    const kept = decodeJson(Kept, new TextDecoder().decode(bytes))
    const before = yield* Clock.currentTimeMillis
    const age = E.isRight(kept) ? before - kept.right.at : NaN
    if (!anew && E.isRight(kept) && age >= 0 && age < believed) return { flops: kept.right.flops, at: kept.right.at }
    const flops = yield* measured
    const at = yield* Clock.currentTimeMillis
    const file = { format: "orrery-rate", device: description, flops, at }
    yield* Effect.ignore(store.write(path, utf8(JSON.stringify(file) + "\n")))
    return { flops, at }
  })
