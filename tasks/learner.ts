/**
 * The world task's programs made ready on a device: a step of training, the score of a text, the next byte. The state
 * stays on the device; a step takes over its buffers.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import type { DeviceFault } from "../core/device/backend.ts"
import { Device, type Values } from "../core/device/device.ts"
import { type FileFault, fileFault } from "../core/files/codec.ts"
import type { Stored } from "../core/files/safetensors.ts"
import { sentence } from "../core/graph/fault.ts"
import { hostKey } from "../core/random/host.ts"
import type { Host } from "../core/tensor/host.ts"
import type { Hosts, Parameters } from "../models/llama/parameters.ts"
import { begin, number, type State, stateSpecs } from "../models/llama/train.ts"
import { type Batch, windows } from "./data.ts"
import type { Expected } from "./events.ts"
import { expected, programs, windowRows } from "./programs.ts"
import type { Settings } from "./settings.ts"
import { tensorsOf as named, treeOf } from "./train/parameters.ts"

// ---- types -----------------------------------------------------------------

/** What a step gives. */
export interface Stepped {
  readonly state: Values<State>
  readonly loss: number
  readonly norm: number
}

/** Programs that are loaded. */
export interface Learner {
  readonly expected: ReadonlyArray<Expected>
  /** One step; the handles given are consumed. */
  readonly step: (state: Values<State>, batch: Batch) => Effect.Effect<Stepped, DeviceFault>
  /** Bits per byte of a text, its first byte counted as 8 bits. */
  readonly bits: (parameters: Values<Parameters>, text: Uint8Array) => Effect.Effect<number, DeviceFault>
  /** Logits of the token after the last of these (at most as many as fit into a row). */
  readonly next: (
    parameters: Values<Parameters>,
    tokens: ReadonlyArray<number>,
  ) => Effect.Effect<ArrayLike<number>, DeviceFault>
}

// ---- state and files -----------------------------------------------------------

/** The state before the first step. */
export const first = (s: Settings): Hosts<State> => begin(s.model, hostKey(s.seed))

/** Puts a state on the device. */
export const place = (state: Hosts<State>): Effect.Effect<Values<State>, DeviceFault, Device | Scope.Scope> =>
  Effect.flatMap(Device, (device) => device.place(state))

/** Brings a state home, as a file wants it. */
export const tensorsOf = (state: Values<State>): Effect.Effect<ReadonlyArray<Stored>, DeviceFault, Device> =>
  Effect.map(Effect.flatMap(Device, (device) => device.fetch(state)), named)

/** The state that a file's tensors are. Faults: one that is missing, or of another shape or dtype. */
export const restore = (
  s: Settings,
  tensors: ReadonlyArray<Stored>,
): E.Either<ReadonlyArray<FileFault>, Hosts<State>> => treeOf<State>(stateSpecs(s.model), tensors)

// ---- programs ------------------------------------------------------------------

const rowOf = (tokens: ReadonlyArray<number>, time: number): Host<"i32", ["batch", "time"]> => {
  const data = new Int32Array(time)
  data.set(tokens)
  return { dtype: "i32", axes: ["batch", "time"], shape: [1, time], data }
}

/** Compiles and loads. Faults: programs that cannot be (a fault of the code), or that the device cannot hold. */
export const learner = (
  s: Settings,
): Effect.Effect<Learner, DeviceFault | FileFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const compiled = programs(s, device.info.maxBindings)
    if (E.isLeft(compiled)) {
      return yield* Effect.fail(fileFault("value", "program", compiled.left.map(sentence).join("\n")))
    }
    const train = yield* device.load(compiled.right.train)
    const score = yield* device.load(compiled.right.score)
    const next = yield* device.load(compiled.right.next)
    const time = s.recipe.time
    return {
      expected: expected(compiled.right, device.forecast),
      step: (state, batch) =>
        Effect.gen(function* () {
          const out = yield* train({ state, batch })
          const { loss, norm } = yield* device.fetch(out.metrics)
          return { state: out.state, loss: number(loss), norm: number(norm) }
        }),
      bits: (parameters, text) =>
        Effect.gen(function* () {
          let nats = 0
          for (const w of windows(text, windowRows, time)) {
            const out = yield* device.fetch(yield* score({ parameters, ...w }))
            nats += number(out.nats)
          }
          return (8 + nats / Math.LN2) / text.length
        }),
      next: (parameters, tokens) => {
        const seen = tokens.slice(-time)
        const at: Host<"i32", []> = { dtype: "i32", axes: [], shape: [], data: Int32Array.of(seen.length - 1) }
        return next({ parameters, tokens: rowOf(seen, time), place: at }).pipe(
          Effect.flatMap(device.fetch),
          Effect.map(({ logits }) => logits.data),
        )
      },
    }
  })
