/**
 * Programs with collectives, on one rank: the parts of the program in their order, and between them what its exchanges
 * say, by the engine. Every rank does the same in the same order. A run that ends before its end takes its rank out of
 * the mesh, so that no other waits for it; what it has under way has ended when it ends.
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Collective } from "../graph/collective.ts"
import { storedBy } from "../plan/lives.ts"
import { boundaries, type Exchange, type Program } from "../plan/program.ts"
import type { HostArray } from "../tensor/dtype.ts"
import { type Allocation, type Backend, type DeviceFault, deviceFault, type Executable } from "./backend.ts"
import { type Engine, type MeshFault, shapeText } from "./engine.ts"

type Arrays = ReadonlyArray<Allocation>

/** What an exchange under way will do. */
interface Flight {
  readonly finish: Effect.Effect<void, DeviceFault>
}

const asDevice = (fault: MeshFault): DeviceFault => deviceFault("mesh", fault.message)

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const wanted = (c: Collective): string => `${plural(c.ranks, "rank")} over ${c.over.map((a) => `'${a}'`).join(", ")}`

/** What keeps a program from running with an engine, if anything. */
export const mismatch = (program: Program, engine: Engine | undefined): DeviceFault | undefined => {
  const [first] = program.exchanges
  if (first === undefined) return undefined
  if (engine === undefined) {
    const message = `the program has ${plural(program.exchanges.length, "collective")}, the first among ` +
      `${wanted(first.collective)}, but this device has no engine that reaches other ranks; make the device with the ` +
      `engine of a mesh, or compile the program for one rank`
    return deviceFault("mesh", message)
  }
  for (const { collective: c } of program.exchanges) {
    const lacking = c.over.find((a) => !Object.hasOwn(engine.shape, a))
    const there = c.over.reduce((n, a) => n * (engine.shape[a] ?? 1), 1)
    if (lacking === undefined && there === c.ranks) continue
    const got = lacking === undefined ? plural(there, "rank") : `no axis '${lacking}'`
    const message =
      `the program was compiled for ${wanted(c)}, but the mesh ${shapeText(engine.shape)} has ${got} there; ` +
      `compile it for this mesh, or start as many ranks as it wants`
    return deviceFault("mesh", message)
  }
  return undefined
}

/** Where an exchange that is no view of the device's memory arrives. */
const landing = (like: HostArray, elements: number): HostArray => {
  const bytes = new ArrayBuffer(elements * like.BYTES_PER_ELEMENT)
  return new (like.constructor as new (b: ArrayBuffer) => HostArray)(bytes)
}

/** What runs a loaded program needs. */
interface Scene {
  readonly backend: Backend
  readonly engine: Engine
  readonly ready: Executable
}

/** What a run has under way, and what is at home of buffers whose elements have come and are sent on. */
interface Journey {
  readonly inputs: Arrays
  readonly outputs: Arrays
  readonly flights: Map<number, Flight>
  readonly homes: Map<number, HostArray>
}

/** Starts an exchange: straight in the device's memory where that is the host's, else through arrays at home. */
const started = (
  { backend, engine, ready }: Scene,
  e: Exchange,
  { inputs, outputs, homes }: Journey,
): Effect.Effect<Flight, DeviceFault> =>
  Effect.gen(function* () {
    const [from, to] = [ready.buffer(e.from, inputs, outputs), ready.buffer(e.to, inputs, outputs)]
    const sent = from.data ?? homes.get(e.from) ?? (yield* backend.read(from))
    const filled = to.data ?? landing(sent, to.elements)
    const pending = yield* Effect.mapError(
      engine.start(e.collective, { dtype: from.dtype, data: sent }, { dtype: to.dtype, data: filled }),
      asDevice,
    )
    const arrived = Effect.mapError(pending.finish, asDevice)
    if (to.data !== undefined) return { finish: arrived }
    const written = Effect.tap(backend.write(to, filled), () => Effect.sync(() => homes.set(e.to, filled)))
    return { finish: Effect.andThen(arrived, written) }
  })

/** One part of a program: what is exchanged before it, and what need not be kept at home after that. */
interface Leg {
  readonly start: number
  readonly end: number | undefined
  readonly events: ReadonlyArray<readonly [number, Exchange]>
  readonly stale: ReadonlyArray<number>
}

const legsOf = (p: Program): ReadonlyArray<Leg> =>
  boundaries(p).map((start, i, all): Leg => {
    const events = [...p.exchanges.entries()].filter(([, e]) => e.start === start || e.finish === start)
    const later = p.exchanges.filter((e) => e.start > start).map((e) => e.from)
    const gone = p.exchanges.map((e) => e.to).filter((b) => !later.includes(b))
    const stale = new Set([...storedBy(p.steps.slice(start, all[i + 1]), p.kernels), ...gone])
    return { start, end: all[i + 1], events, stale: [...stale] }
  })

/** Lets an effect be interrupted again, as `uninterruptibleMask` gives it. */
export type Restore = <A, E>(e: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** Why a rank leaves. */
const reasonOf = (cause: Cause.Cause<DeviceFault>): string => {
  const failed = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (failed !== undefined) return failed.message
  return Cause.hasInterruptsOnly(cause) ? "its run of a program was interrupted" : Cause.pretty(cause)
}

/**
 * Runs a program with exchanges. It is run where it cannot be interrupted; `restore` lifts that, while it waits for other
 * ranks. Faults: those of the device; what ranks could not do together, as `mesh`.
 */
export const inParts = (
  program: Program,
  scene: Scene,
): (
  inputs: Arrays,
  outputs: Arrays,
  restore: Restore,
) => Effect.Effect<void, DeviceFault> => {
  const legs = legsOf(program)
  return (inputs, outputs, restore) => {
    const flights = new Map<number, Flight>()
    const journey: Journey = { inputs, outputs, flights, homes: new Map() }
    const walk = Effect.gen(function* () {
      for (const { start, end, events, stale } of legs) {
        for (const [i, e] of events) {
          if (e.start === start) flights.set(i, yield* started(scene, e, journey))
          if (e.finish !== start) continue
          yield* restore(flights.get(i)!.finish)
          flights.delete(i)
        }
        for (const b of stale) journey.homes.delete(b)
        if (end !== undefined) yield* scene.ready.part(inputs, outputs, start, end)
      }
    })
    // the arrays may be freed after this: nothing may be under way then
    const settled = Effect.suspend(() => Effect.forEach(flights.values(), ({ finish }) => Effect.ignore(finish)))
    return Effect.onError(walk, (cause) => Effect.andThen(scene.engine.leave(reasonOf(cause)), settled))
  }
}
