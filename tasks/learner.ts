/**
 * The world task's programs made ready on a device: a step of training, the score of a text, the next byte. The state
 * stays on the device; a step takes over its buffers.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import type { DeviceFault } from "../core/device/backend.ts"
import { Device, type Resident } from "../core/device/device.ts"
import { type FileFault, fileFault } from "../core/files/codec.ts"
import type { Stored } from "../core/files/safetensors.ts"
import { sentence } from "../core/graph/fault.ts"
import { hostKey } from "../core/random/host.ts"
import { type AnyHost, type Host, store } from "../core/tensor/host.ts"
import type { AnySpec } from "../core/tensor/spec.ts"
import { flatten, map, unflatten } from "../core/tensor/tree.ts"
import type { Hosts } from "../models/llama/parameters.ts"
import { begin, number, type State } from "../models/llama/train.ts"
import { type Batch, windows } from "./data.ts"
import type { Expected } from "./events.ts"
import { expected, programs, windowRows } from "./programs.ts"
import type { Settings } from "./settings.ts"

// ---- types -----------------------------------------------------------------

/** The tree `T` of tensors, with a handle on the device for each. */
export type Held<T> = T extends { readonly dtype: string } ? Resident
  : { readonly [K in keyof T]: Held<T[K]> }

/** What a step gives. */
export interface Stepped {
  readonly state: Held<State>
  readonly loss: number
  readonly norm: number
}

/** Programs that are loaded. */
export interface Learner {
  readonly expected: ReadonlyArray<Expected>
  /** One step; the handles given are consumed. */
  readonly step: (state: Held<State>, batch: Batch) => Effect.Effect<Stepped, DeviceFault>
  /** Bits per byte of a text, its first byte counted as 8 bits. */
  readonly bits: (parameters: Held<State>["parameters"], text: Uint8Array) => Effect.Effect<number, DeviceFault>
  /** Logits of the token after the last of these (at most as many as fit into a row). */
  readonly next: (
    parameters: Held<State>["parameters"],
    tokens: ReadonlyArray<number>,
  ) => Effect.Effect<ArrayLike<number>, DeviceFault>
}

// ---- state and files -----------------------------------------------------------

/** The state before the first step. */
export const first = (s: Settings): Hosts<State> => begin(s.model, hostKey(s.seed))

/** Puts a state on the device. */
export const place = (state: Hosts<State>): Effect.Effect<Held<State>, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const placed = new Map<string, Resident>()
    for (const [path, leaf] of flatten(state)) placed.set(path, yield* device.place(leaf as AnyHost))
    return map(state, (_, path) => placed.get(path)!) as unknown as Held<State>
  })

/** Brings a state home, as a file wants it: tensors named by their paths; the oracle's float64 is rounded. */
export const tensorsOf = (state: Held<State>): Effect.Effect<ReadonlyArray<Stored>, DeviceFault, Device> =>
  Effect.gen(function* () {
    const device = yield* Device
    const leaves = flatten(state) as unknown as ReadonlyArray<readonly [string, Resident]>
    return yield* Effect.forEach(
      leaves,
      ([name, handle]) =>
        Effect.map(device.fetch(handle), ({ dtype, shape, data }: AnyHost): Stored => ({
          name,
          dtype,
          shape,
          data: data instanceof Float64Array ? store(dtype, data) : data,
        })),
    )
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
      expected: expected(compiled.right),
      step: (state, batch) =>
        Effect.map(train({ state, batch }), (out) => {
          const { state: after, metrics } = out as unknown as {
            readonly state: Held<State>
            readonly metrics: { readonly loss: Host<"f32", []>; readonly norm: Host<"f32", []> }
          }
          return { state: after, loss: number(metrics.loss), norm: number(metrics.norm) }
        }),
      bits: (parameters, text) =>
        Effect.gen(function* () {
          let nats = 0
          for (const w of windows(text, windowRows, time)) {
            const out = yield* score({ parameters, ...w })
            nats += number((out as unknown as { readonly nats: Host<"f32", []> }).nats)
          }
          return (8 + nats / Math.LN2) / text.length
        }),
      next: (parameters, tokens) => {
        const seen = tokens.slice(-time)
        const at: Host<"i32", []> = { dtype: "i32", axes: [], shape: [], data: Int32Array.of(seen.length - 1) }
        return Effect.map(
          next({ parameters, tokens: rowOf(seen, time), place: at }),
          (out) => (out as unknown as { readonly logits: AnyHost }).logits.data,
        )
      },
    }
  })
