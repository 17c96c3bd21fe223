/**
 * A model that reads and goes on: programs for so many rows with so much room, made when they are first needed, and caches
 * that stay on the device. Every row has a place of its own, so rows of different lengths go on together, and what a row
 * says does not depend on the others.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import { Device, type Runnable, type Values } from "../../core/device/device.ts"
import { sentence } from "../../core/graph/fault.ts"
import { bufferBytes } from "../../core/plan/program.ts"
import { count } from "../../core/graph/node.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { type AnyHost, type Host, store } from "../../core/tensor/host.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { type Caches, cacheSpecs } from "../../models/llama/decode.ts"
import { emptyCache, type Storage } from "../../ops/cache.ts"
import { type OfText, programOf, type Ran, type Readable, type Shape } from "./programs.ts"
import { chunks } from "./rows.ts"

// ---- types -------------------------------------------------------------------

/** Rows on the device: so many, with room for so many tokens. Reading on consumes it and gives the next. */
export interface Desk {
  readonly rows: number
  readonly capacity: number
  readonly caches: Values<Caches>
}

/** What comes after the last token of each row: the likeliest token (`ids`), or logits. */
export interface Next {
  readonly desk: Desk
  readonly ids?: Int32Array
  /** Row by row, all of a vocabulary each. */
  readonly logits?: Float32Array | Float64Array
}

/** Reads rows of tokens, and says of what comes next what the model can say. */
export interface Reader<K extends string = OfText> {
  readonly config: Config
  /** Bytes of the caches of one row with room for one token. */
  readonly tokenBytes: number
  /** Bytes that reading takes beside the parameters, caches and arrays of the programs, where they are more than these. */
  readonly beyond: (rows: number, capacity: number, memory: number) => Effect.Effect<number | undefined, DeviceFault>
  /** Empty rows, for the life of the scope. */
  readonly open: (rows: number, capacity: number) => Effect.Effect<Desk, DeviceFault, Scope.Scope>
  /** The same rows with more room, for the life of the scope. What they hold goes by way of the host. */
  readonly grow: (desk: Desk, capacity: number) => Effect.Effect<Desk, DeviceFault, Scope.Scope>
  /** Reads each row's tokens from a place on, the same for all; `heard` is told the place that was read to. */
  readonly read: (
    desk: Desk,
    tokens: ReadonlyArray<ArrayLike<number>>,
    from: number,
    heard?: (place: number) => Effect.Effect<void>,
  ) => Effect.Effect<Desk, DeviceFault>
  /** Reads one token of each row at its own place. `scale` is heard where what is said hangs on it; 1. */
  readonly next: (
    desk: Desk,
    tokens: Int32Array,
    places: Int32Array,
    what: K,
    scale?: number,
  ) => Effect.Effect<Next, DeviceFault>
  /** Reads whole rows from the beginning, and gives the loss in nats of each token after the first. */
  readonly losses: (
    desk: Desk,
    rows: ReadonlyArray<ArrayLike<number>>,
  ) => Effect.Effect<ReadonlyArray<Float32Array>, DeviceFault>
}

// ---- programs ------------------------------------------------------------------

/** Tokens of all rows that are read at once at most, and of one row. */
const most = { tokens: 4096, time: 1024 } as const
/** Bytes that tables and scratch surely do not exceed. */
const spare = 2 ** 26
/** Programs that are kept, if their arrays take no more than this share of the memory. */
const kept = { programs: 24, share: 1 / 4 } as const

/** Compiles; what does not is a fault of the device. */
const compiled = <P, K extends string>(
  m: Readable<P, K>,
  storage: Storage,
  maxBindings: number,
  shape: Shape<K>,
) => {
  const made = programOf(m, storage, shape, maxBindings)
  return E.isLeft(made)
    ? Effect.fail(deviceFault("compile", made.left.map(sentence).join("\n")))
    : Effect.succeed(made.right)
}

/** A program that is ready. */
type Ready = (inputs: { readonly [name: string]: unknown }) => Effect.Effect<Ran, DeviceFault>

interface Slot {
  readonly ready: Ready
  /** Bytes of its own arrays. */
  readonly arena: number
  readonly scope: Scope.Closeable
}

// ---- constructors --------------------------------------------------------------

const hostOf = (rows: number, time: number, data: Int32Array): Host<"i32", ["batch", "time"]> => ({
  ...i32("batch time", { batch: rows, time }),
  data,
})

const placesOf = (places: Int32Array): Host<"i32", ["batch"]> => ({
  ...i32("batch", { batch: places.length }),
  data: places,
})

/** Places `from` up to `from + time` of rows; 0 where a row is shorter. */
const window = (rows: ReadonlyArray<ArrayLike<number>>, wide: number, from: number, time: number): Int32Array => {
  const data = new Int32Array(wide * time)
  rows.forEach((row, r) => {
    for (let t = 0; t < time && from + t < row.length; t++) data[r * time + t] = row[from + t]!
  })
  return data
}

/** What a cache holds, with more room along `key`. */
const widened = (from: AnyHost, to: AnySpec, old: number, capacity: number): AnyHost => {
  const inner = to.shape.slice(to.axes.indexOf("key") + 1).reduce((a, b) => a * b, 1)
  const data = store(to.dtype, new Uint8Array(count(to.shape)))
  const held = from.data instanceof Float64Array ? store(to.dtype, from.data) : from.data
  for (let row = 0; row < held.length / (old * inner); row++) {
    data.set(held.subarray(row * old * inner, (row + 1) * old * inner) as never, row * capacity * inner)
  }
  return { ...to, data }
}

/**
 * A reader of a model whose parameters are on the device. It uses programs one after another; the ones used last are kept,
 * as far as `memory` bytes allow.
 */
export const reader = <P, K extends string>(
  m: Readable<P, K>,
  parameters: Values<P>,
  storage: Storage,
  memory: number,
): Effect.Effect<Reader<K>, never, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const c = m.config
    const device = yield* Device
    const outer = yield* Effect.scope
    // the one used last stands last
    const shelf = new Map<string, Slot>()

    const program = (shape: Shape<K>): Effect.Effect<Ready, DeviceFault> =>
      Effect.gen(function* () {
        const key = JSON.stringify(shape)
        const found = shelf.get(key)
        if (found !== undefined) {
          shelf.delete(key)
          shelf.set(key, found)
          return found.ready
        }
        const made = yield* compiled(m, storage, device.info.maxBindings, shape)
        const { arena } = made.program.forecast
        const full = (): boolean =>
          shelf.size >= kept.programs ||
          [...shelf.values()].reduce((n, slot) => n + slot.arena, arena) > kept.share * memory
        for (const [oldest, slot] of [...shelf]) {
          if (!full()) break
          shelf.delete(oldest)
          yield* Scope.close(slot.scope, Exit.void)
        }
        const scope = yield* Scope.fork(outer)
        const run = yield* Effect.provideService(device.load(made), Scope.Scope, scope) as Effect.Effect<
          Runnable<unknown, unknown>,
          DeviceFault
        >
        const ready: Ready = (inputs) =>
          Effect.map(run({ ...inputs, parameters } as never), (out) => out as unknown as Ran)
        shelf.set(key, { ready, arena, scope })
        return ready
      })

    const timeFor = (rows: number): number => Math.max(1, Math.min(most.time, Math.floor(most.tokens / rows)))

    const tokenBytes = flatten(cacheSpecs(c, { batch: 1, capacity: 1, storage })).reduce((n, [, leaf]) => {
      const s: AnySpec = leaf
      return n + count(s.shape) * (bufferBytes(s.dtype, 4) / 4)
    }, 0)

    const read: Reader<K>["read"] = (desk, tokens, from, heard) =>
      Effect.gen(function* () {
        const { rows, capacity } = desk
        let caches = desk.caches
        const to = from + Math.max(0, ...tokens.map((row) => row.length))
        for (const { from: at, time } of chunks(from, to, capacity, timeFor(rows))) {
          const run = yield* program({ kind: "read", rows, capacity, time })
          const place = placesOf(new Int32Array(rows).fill(at))
          caches = (yield* run({ caches, tokens: hostOf(rows, time, window(tokens, rows, at - from, time)), place }))
            .caches
          if (heard !== undefined) yield* heard(Math.min(at + time, to))
        }
        return { rows, capacity, caches }
      })

    const next: Reader<K>["next"] = (desk, tokens, places, what, scale = 1) =>
      Effect.gen(function* () {
        const { rows, capacity } = desk
        const run = yield* program({ kind: what, rows, capacity, time: 1 })
        const heard = m.scaled?.includes(what) === true ? { scale: { ...f32(), data: Float32Array.of(scale) } } : {}
        const given = { caches: desk.caches, tokens: hostOf(rows, 1, tokens), place: placesOf(places), ...heard }
        const out = yield* run(given)
        const data = (yield* device.fetch(out.result!) as Effect.Effect<Host<"f32", Axes>, DeviceFault>).data
        return { desk: { rows, capacity, caches: out.caches }, [what === "ids" ? "ids" : "logits"]: data } as Next
      })

    const losses: Reader<K>["losses"] = (desk, list) =>
      Effect.gen(function* () {
        const { rows, capacity } = desk
        let caches = desk.caches
        const made = list.map((row) => new Float32Array(Math.max(0, row.length - 1)))
        const to = Math.max(0, ...made.map((own) => own.length))
        for (const { from, time } of chunks(0, to, capacity, timeFor(rows))) {
          const run = yield* program({ kind: "losses", rows, capacity, time })
          const out = yield* run({
            caches,
            tokens: hostOf(rows, time, window(list, rows, from, time)),
            targets: hostOf(rows, time, window(list, rows, from + 1, time)),
            place: placesOf(new Int32Array(rows).fill(from)),
          })
          caches = out.caches
          const data = (yield* device.fetch(out.result!) as Effect.Effect<Host<"f32", Axes>, DeviceFault>).data
          made.forEach((own, r) => {
            for (let t = 0; t < time && from + t < own.length; t++) own[from + t] = data[r * time + t]!
          })
        }
        return made
      })

    return {
      config: c,
      tokenBytes,
      beyond: (rows, capacity, memory) =>
        Effect.gen(function* () {
          const time = Math.min(timeFor(rows), capacity)
          const caches = rows * capacity * tokenBytes
          // what a token passes through, some of it at once; a program is only asked where this may not be enough
          const { model, hidden, groups, share, head } = c
          const passing = 4 * rows * time * (4 * model + 3 * hidden + 4 * groups * (share + 2) * head)
          if (2 * (caches + passing) + spare <= memory) return undefined
          const one = yield* compiled(m, storage, device.info.maxBindings, { kind: "read", rows, capacity, time })
          const { arena, workspace } = device.forecast(one)
          const bytes = caches + arena + workspace
          return bytes <= memory ? undefined : bytes
        }),
      open: (rows, capacity) =>
        Effect.map(
          device.place(cacheSpecs(c, { batch: rows, capacity, storage }).map((spec) => emptyCache(spec))),
          (caches) => ({ rows, capacity, caches: caches as unknown as Values<Caches> }),
        ),
      grow: ({ rows, capacity: old, caches }, capacity) =>
        Effect.gen(function* () {
          const specs = cacheSpecs(c, { batch: rows, capacity, storage })
          const home = new Map(flatten(yield* device.fetch(caches)) as ReadonlyArray<readonly [string, AnyHost]>)
          const larger = map(specs, (leaf, path) => widened(home.get(path)!, leaf as AnySpec, old, capacity))
          return { rows, capacity, caches: (yield* device.place(larger)) as unknown as Values<Caches> }
        }),
      read,
      next,
      losses,
    }
  })
