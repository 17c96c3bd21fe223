/**
 * The Device service: programs run on trees of values, at home or on the device. It checks what is given, moves what is
 * at home, hands arrays over where a program donates them, and frees everything with the scopes. A run allocates
 * nothing: an input given from home has one array for the life of the program, made when it is first given.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { either as E } from "fp-ts"
 * import { dot } from "../../ops/contraction.ts"
 * import { compile } from "../plan/compile.ts"
 * import { f32 } from "../tensor/spec.ts"
 * import { Device } from "./device.ts"
 *
 * const specs = { x: f32("row inner", { row: 2, inner: 3 }), y: f32("inner column", { inner: 3, column: 4 }) }
 * const product = compile(({ x, y }) => ({ z: dot(x, y, "inner") }), specs)
 * const ones = (n: number): Float32Array => new Float32Array(n).fill(1)
 * const run = Effect.scoped(Effect.gen(function* () {
 *   if (E.isLeft(product)) return yield* Effect.die(product.left)
 *   const device = yield* Device
 *   const multiply = yield* device.load(product.right)
 *   const { z } = yield* multiply({ x: { ...specs.x, data: ones(6) }, y: { ...specs.y, data: ones(12) } })
 *   return yield* device.fetch(z) // data: 3, 3, 3, ...
 * }))
 * ```
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { either as E } from "fp-ts"
import { count } from "../graph/node.ts"
import type { Compiled } from "../plan/compile.ts"
import type { Forecast, Slot } from "../plan/program.ts"
import type { DType, HostArray } from "../tensor/dtype.ts"
import type { AnyHost } from "../tensor/host.ts"
import { flatten, map } from "../tensor/tree.ts"
import { type Allocation, type Backend, type DeviceFault, deviceFault, type DeviceInfo } from "./backend.ts"
import type { Engine } from "./engine.ts"
import { inParts, mismatch, type Restore } from "./exchange.ts"
import { arranged, beyond, type Described, forBackend, isValue, misfit, shown } from "./given.ts"
import { type AnyValue, type Fetched, isResident, type Placed, type Resident, type Values } from "./resident.ts"

export {
  type AnyValue,
  type Fetched,
  isResident,
  type Placed,
  type Resident,
  type Value,
  type Values,
} from "./resident.ts"

// -----------------------------------------------------------------------------
// the service
// -----------------------------------------------------------------------------

/** A program on the device: a tree of values to a tree of values. */
export type Runnable<I, O> = (inputs: Values<I>) => Effect.Effect<Values<O>, DeviceFault>

/** What a program takes on one device. */
export interface DeviceForecast extends Forecast {
  /** Bytes beside the program's own arrays: scratch of kernels, tables. Part of `peak`. */
  readonly workspace: number
}

/** What programs run on. */
export interface Device {
  readonly info: DeviceInfo
  /** Why this device and no other. */
  readonly reason: string
  /** Bytes allocated now, and the most there ever were. */
  readonly memory: Effect.Effect<{ readonly bytes: number; readonly peak: number }>
  /**
   * The program's forecast on this device, before it is loaded: `peak` is what it will have allocated when it has run
   * with all inputs given, this device's workspace included.
   */
  readonly forecast: <I, O>(compiled: Compiled<I, O>) => DeviceForecast
  /**
   * Puts values (one, or a tree of them) on the device for the life of the scope; what is there already stays as it is.
   * Faults: data that is not what its spec says, not enough memory.
   */
  readonly place: <const T>(values: T) => Effect.Effect<Placed<T>, DeviceFault, Scope.Scope>
  /** Brings values (one, or a tree of them) home; what is at home stays. Faults: a handle that is consumed or foreign. */
  readonly fetch: <const T>(values: T) => Effect.Effect<Fetched<T>, DeviceFault>
  /**
   * Makes a program ready for the life of the scope. An output comes home, unless it takes over the array of an input
   * that was given as a `Resident`: then it is the new handle of that array, and the one given is consumed.
   *
   * Faults: a program beyond this device's limits, not enough memory, collectives that the device's mesh cannot do; on a
   * run, inputs that are not the program's (the first ten are named), handles that are consumed, of another device, or
   * given twice where one is taken over, and ranks that are lost: while a run waits for others it can be interrupted.
   */
  readonly load: <I, O>(compiled: Compiled<I, O>) => Effect.Effect<Runnable<I, O>, DeviceFault, Scope.Scope>
}

/** The service's key. */
export const Device: Context.Service<Device, Device> = Context.Service<Device>("orrery/core/device/Device")

// -----------------------------------------------------------------------------
// arrays and their handles
// -----------------------------------------------------------------------------

/** An array on the device that handles stand for, one after another. */
interface Home {
  readonly array: Allocation
  /** The handle that has it now. */
  holder: Resident | undefined
  ended: boolean
}

/** The handles of one device. */
interface Handles {
  readonly give: (like: Described, home: Home) => Resident
  /** Faults: a handle of another device, one that is consumed, one whose scope has ended. */
  readonly find: (value: Resident, path: string) => Effect.Effect<Home, DeviceFault>
  /** The handle's array is being taken over. */
  readonly consume: (value: Resident) => Home
}

const handlesOf = (info: DeviceInfo): Handles => {
  const homes = new WeakMap<object, Home>()
  const refused = (home: Home | undefined, value: Resident): readonly [DeviceFault["reason"], string] | undefined => {
    if (home === undefined) return ["input", `is of another device; fetch it there, then place it on this ${info.kind}`]
    if (home.ended) return ["consumed", "is gone: the scope that it was placed in has ended; place it in a longer one"]
    if (home.holder === value) return undefined
    return ["consumed", "is consumed: a run took over its array; use the handle that the run gave"]
  }
  return {
    give: ({ dtype, axes, shape }, home) => {
      const made: Resident = Object.freeze({ _tag: "Resident", dtype, axes, shape })
      homes.set(made, home)
      home.holder = made
      return made
    },
    find: (value, path) =>
      Effect.suspend(() => {
        const home = homes.get(value)
        const why = refused(home, value)
        return why === undefined
          ? Effect.succeed(home!)
          : Effect.fail(deviceFault(why[0], `${path === "" ? "the handle" : `'${path}'`} ${shown(value)} ${why[1]}`))
      }),
    consume: (value) => {
      const home = homes.get(value)!
      home.holder = undefined
      return home
    },
  }
}

const hostOf = ({ dtype, axes, shape }: Described, data: HostArray): AnyHost => ({ dtype, axes, shape, data })

/** What the parts of the service share. */
interface Machine {
  readonly backend: Backend
  /** What reaches other ranks, where there are any. */
  readonly engine: Engine | undefined
  readonly handles: Handles
  /** One thing at a time: arrays of a program are shared by its runs. */
  readonly alone: <A, R>(what: Effect.Effect<A, DeviceFault, R>) => Effect.Effect<A, DeviceFault, R>
}

const arrayOn = (
  { backend }: Machine,
  dtype: DType,
  elements: number,
): Effect.Effect<Allocation, DeviceFault, Scope.Scope> =>
  Effect.acquireRelease(backend.allocate(dtype, elements), backend.free)

// -----------------------------------------------------------------------------
// place and fetch
// -----------------------------------------------------------------------------

const place = (m: Machine) => (value: AnyValue, path: string): Effect.Effect<Resident, DeviceFault, Scope.Scope> =>
  Effect.gen(function* () {
    if (isResident(value)) return yield* Effect.as(m.handles.find(value, path), value)
    const { dtype, axes, shape } = value
    const wrong = misfit({ path, dtype, axes, shape }, value)
    if (wrong !== undefined) return yield* Effect.fail(deviceFault("input", `cannot be placed: ${wrong}`))
    const home: Home = { array: yield* arrayOn(m, dtype, count(shape)), holder: undefined, ended: false }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        home.ended = true
      })
    )
    yield* m.alone(m.backend.write(home.array, forBackend(m.backend.info, dtype, value.data)))
    return m.handles.give(value, home)
  })

const fetch = (m: Machine) => (value: AnyValue, path: string): Effect.Effect<AnyHost, DeviceFault> =>
  !isResident(value) ? Effect.succeed(value) : m.alone(
    Effect.flatMap(
      m.handles.find(value, path),
      ({ array }) => Effect.map(m.backend.read(array), (data) => hostOf(value, data)),
    ),
  )

/** Does `each` for every value of a tree and puts the results in their places. */
const traverse = <R, U>(
  values: unknown,
  what: string,
  each: (value: AnyValue, path: string) => Effect.Effect<U, DeviceFault, R>,
): Effect.Effect<unknown, DeviceFault, R> =>
  Effect.gen(function* () {
    const made = new Map<string, U>()
    for (const [path, leaf] of flatten(values) as ReadonlyArray<readonly [string, unknown]>) {
      if (!isValue(leaf)) {
        const message = `${path === "" ? "it" : `'${path}'`} cannot be ${what}: it is no tensor's values; give a Host`
        return yield* Effect.fail(deviceFault("input", message))
      }
      made.set(path, yield* each(leaf, path))
    }
    return map(values, (_, path) => made.get(path)!)
  })

// -----------------------------------------------------------------------------
// programs
// -----------------------------------------------------------------------------

const load =
  (m: Machine) =>
  <I, O>({ program, outputs: tree }: Compiled<I, O>): Effect.Effect<Runnable<I, O>, DeviceFault, Scope.Scope> =>
    Effect.gen(function* () {
      const { backend, engine, handles } = m
      const limit = beyond(program, backend.info)
      if (limit !== undefined) return yield* Effect.fail(deviceFault("limit", limit))
      const alien = mismatch(program, engine)
      if (alien !== undefined) return yield* Effect.fail(alien)
      const scope = yield* Effect.scope
      const ready = yield* Effect.acquireRelease(backend.prepare(program), (p) => p.dispose)
      const array = ({ dtype, buffer }: Slot): Effect.Effect<Allocation, DeviceFault, Scope.Scope> =>
        arrayOn(m, dtype, program.buffers[buffer]!.elements)
      const made: Array<Allocation | undefined> = []
      for (const o of program.outputs) made.push(o.donated === undefined ? yield* array(o) : undefined)
      const own: Array<Allocation | undefined> = program.inputs.map(() => undefined)
      const taken = new Set(program.outputs.flatMap((o) => o.donated ?? []))

      /** The array for one input: the handle's, or the program's own with the values written to it. */
      const bind = (value: AnyValue, i: number): Effect.Effect<Allocation, DeviceFault> =>
        Effect.gen(function* () {
          const slot = program.inputs[i]!
          if (isResident(value)) return (yield* handles.find(value, slot.path)).array
          const a = own[i] ??= yield* Effect.provideService(array(slot), Scope.Scope, scope)
          yield* backend.write(a, forBackend(backend.info, slot.dtype, value.data))
          return a
        })

      /** Two paths of one array, the first of which is taken over. */
      const twice = (given: ReadonlyArray<Allocation>): string | undefined => {
        const at = given.findIndex((a, i) => taken.has(i) && given.some((b, k) => k !== i && a === b))
        if (at < 0) return undefined
        const other = given.findIndex((a, i) => i !== at && a === given[at])
        return `'${program.inputs[at]!.path}' is taken over by an output, but the same array is given for ` +
          `'${program.inputs[other]!.path}'; place the values twice`
      }

      const execute = program.exchanges.length === 0 || engine === undefined
        ? ready.run
        : inParts(program, { backend, engine, ready })

      const once = (values: ReadonlyArray<AnyValue>, restore: Restore): Effect.Effect<Values<O>, DeviceFault> =>
        Effect.gen(function* () {
          const given: Array<Allocation> = []
          for (const [i, v] of values.entries()) given.push(yield* bind(v, i))
          const same = twice(given)
          if (same !== undefined) return yield* Effect.fail(deviceFault("input", same))
          // what fails halfway leaves these half written: they are consumed before
          const homes = values.map((v, i) => (isResident(v) && taken.has(i) ? handles.consume(v) : undefined))
          const arrays = program.outputs.map((o, i) => (o.donated === undefined ? made[i]! : given[o.donated]!))
          yield* execute(given, arrays, restore)
          const results = new Map<string, AnyValue>()
          for (const [i, slot] of program.outputs.entries()) {
            const home = slot.donated === undefined ? undefined : homes[slot.donated]
            const value = home === undefined ? hostOf(slot, yield* backend.read(arrays[i]!)) : handles.give(slot, home)
            results.set(slot.path, value)
          }
          return map(tree, (_, path) => results.get(path)!) as unknown as Values<O>
        })

      return (inputs) => {
        const values = arranged(program, inputs)
        return E.isLeft(values)
          ? Effect.fail(deviceFault("input", values.left))
          : m.alone(Effect.uninterruptibleMask((restore) => once(values.right, restore)))
      }
    })

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The service over an open backend; with an engine it runs programs with collectives, as one rank of the mesh. */
export const make = <H>(backend: Backend<H>, reason = "it was given", engine?: Engine): Effect.Effect<Device> =>
  Effect.map(Semaphore.make(1), (one) => {
    const handles = handlesOf(backend.info)
    const m: Machine = { backend: backend as Backend, engine, handles, alone: one.withPermits(1) }
    return {
      info: backend.info,
      reason,
      memory: backend.memory,
      forecast: ({ program }) => {
        const workspace = backend.workspace(program)
        return { ...program.forecast, workspace, peak: program.forecast.peak + workspace }
      },
      place: <const T>(values: T) =>
        traverse(values, "placed", place(m)) as Effect.Effect<Placed<T>, DeviceFault, Scope.Scope>,
      fetch: <const T>(values: T) => traverse(values, "fetched", fetch(m)) as Effect.Effect<Fetched<T>, DeviceFault>,
      load: load(m),
    }
  })

/** The service as a layer over a backend that is opened with it. */
export const layer = <H>(
  backend: Effect.Effect<Backend<H>, DeviceFault, Scope.Scope>,
  reason = "it was given",
  engine?: Engine,
): Layer.Layer<Device, DeviceFault> => Layer.effect(Device, Effect.flatMap(backend, (b) => make(b, reason, engine)))
