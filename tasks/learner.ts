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
import { type AnyHost, type Host, store } from "../core/tensor/host.ts"
import type { AnySpec } from "../core/tensor/spec.ts"
import { flatten, unflatten } from "../core/tensor/tree.ts"
import type { Hosts, Parameters } from "../models/llama/parameters.ts"
import { begin, number, type State } from "../models/llama/train.ts"
import { type Batch, windows } from "./data.ts"
import type { Expected } from "./events.ts"
import { expected, programs, windowRows } from "./programs.ts"
import type { Settings } from "./settings.ts"

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

/** Brings a state home, as a file wants it: tensors named by their paths; the oracle's float64 is rounded. */
export const tensorsOf = (state: Values<State>): Effect.Effect<ReadonlyArray<Stored>, DeviceFault, Device> =>
  Effect.map(Effect.flatMap(Device, (device) => device.fetch(state)), (home) => {
    const leaves = flatten(home) as ReadonlyArray<readonly [string, AnyHost]>
    return leaves.map(([name, { dtype, shape, data }]) => (
      { name, dtype, shape, data: data instanceof Float64Array ? store(dtype, data) : data }
    ))
  })

/** The state that a file's tensors are. Faults: one that is missing, or of another shape or dtype. */
export const restore = (
  s: Settings,
  tensors: ReadonlyArray<Stored>,
): E.Either<ReadonlyArray<FileFault>, Hosts<State>> => {
  const like = first(s)
  const wanted = flatten(like) as ReadonlyArray<readonly [string, AnySpec]>
  const found = new Map(tensors.map((x) => [x.name, x]))
  const text = (x: { readonly dtype: string; readonly shape: ReadonlyArray<number> }): string =>
    `${x.dtype} [${x.shape.join(", ")}]`
  const faults = wanted.flatMap(([path, spec]) => {
    const got = found.get(path)
    return got === undefined
      ? [fileFault("missing", path, `the checkpoint has no tensor '${path}'`)]
      : text(got) === text(spec)
      ? []
      : [fileFault("size", path, `tensor '${path}': expected ${text(spec)}, got ${text(got)}`)]
  })
  if (faults.length > 0) return E.left(faults)
  const leaves = Object.fromEntries(wanted.map(([path, spec]) => [path, { ...spec, data: found.get(path)!.data }]))
  return E.mapLeft(() => [fileFault("missing", "state", "the checkpoint is of another model")])(
    unflatten(like, leaves),
  ) as E.Either<ReadonlyArray<FileFault>, Hosts<State>>
}

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
