/**
 * The Mesh service: where the ranks are, and programs on all of them. A function written for one rank is compiled for the
 * mesh, loaded once, and takes and gives whole values: what is spread over ranks is cut and joined by the names of axes.
 *
 * - `single`: one rank; collectives vanish at compile time.
 * - `local`: all ranks in one program on one device; a permute is the neighbour's node. So a sequence may be longer than
 *   the largest buffer.
 * - `processes`: one rank a process, with an engine that reaches the others (`lanes` in one process, `mpi`).
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { either as E } from "fp-ts"
import { Device, type Runnable, type Values } from "../device/device.ts"
import type { DeviceFault } from "../device/backend.ts"
import { type Engine, type MeshFault, meshFault } from "../device/engine.ts"
import type { Faults } from "../graph/fault.ts"
import type { CompileOptions } from "../plan/compile.ts"
import type { AnyHost } from "../tensor/host.ts"
import { map, type Tensors } from "../tensor/tree.ts"
import { cutHost } from "./cut.ts"
import { alone, ranksOf, type Spread, spreadFaults } from "./shape.ts"
import { compileOn, type MeshCompiled, type Where } from "./spmd.ts"

/** The ranks, and what runs on them. */
export interface Mesh {
  readonly spread: Spread
  readonly where: Where
  /** This process's rank; 0 where all ranks are in one program. */
  readonly rank: number
  /** Ranks in all. */
  readonly ranks: number
  /** One line for people: "local: 4 ranks (ring 4), zigzag". */
  readonly description: string
  /** `compileOn` for this mesh. */
  readonly compile: <const S, O>(
    f: (inputs: Tensors<S>) => O,
    specs: S,
    options?: CompileOptions,
  ) => E.Either<Faults, MeshCompiled<Tensors<S>, O>>
  /**
   * Makes a program of this mesh ready: it takes whole values, of which each process keeps its part, and gives whole
   * values. All processes run the same programs in the same order.
   */
  readonly load: <I, O>(compiled: MeshCompiled<I, O>) => Effect.Effect<Runnable<I, O>, DeviceFault, Scope.Scope>
  /** Waits until every rank is here. */
  readonly barrier: Effect.Effect<void, MeshFault>
}

/** The service's key. */
export const Mesh: Context.Service<Mesh, Mesh> = Context.Service<Mesh>("orrery/core/mesh/Mesh")

const isHost = (x: unknown): x is AnyHost => typeof x === "object" && x !== null && "data" in x && "axes" in x

const describe = (name: string, { shape, layout }: Spread, ranks: number): string => {
  const axes = Object.entries(shape).filter(([, n]) => n > 1).map(([a, n]) => `${a} ${n}`)
  if (ranks === 1) return `${name}: one rank`
  return `${name}: ${ranks} ranks (${axes.join(" x ")})${(shape["ring"] ?? 1) > 1 ? `, ${layout}` : ""}`
}

/** Waits for all ranks by a sum that needs them all. */
const meet = (engine: Engine): Effect.Effect<void, MeshFault> => {
  const over = Object.keys(engine.shape)
  const [from, to] = [Float32Array.of(1), new Float32Array(1)]
  const ranks = ranksOf(engine.shape)
  return ranks === 1 ? Effect.void : Effect.flatMap(
    engine.start(
      { kind: "allReduce", over, ranks, fn: "sum" },
      { dtype: "f32", data: from },
      { dtype: "f32", data: to },
    ),
    (pending) => pending.finish,
  )
}

const meshOn = (device: Device, spread: Spread, where: Where, name: string, engine: Engine | undefined): Mesh => {
  const ranks = ranksOf(spread.shape)
  const rank = engine?.rank ?? 0
  const parts = where === "processes" && ranks > 1
  return {
    spread,
    where,
    rank,
    ranks,
    description: describe(name, spread, ranks),
    compile: (f, specs, options) =>
      compileOn(spread, where, f, specs, { maxBindings: device.info.maxBindings, ...options }),
    load: <I, O>(compiled: MeshCompiled<I, O>) =>
      Effect.map(
        device.load(compiled),
        (run): Runnable<I, O> => (inputs) =>
          run(!parts ? inputs : map(inputs, (v) => isHost(v) ? cutHost(v, spread, rank) : v) as unknown as Values<I>),
      ),
    barrier: engine === undefined ? Effect.void : meet(engine),
  }
}

const refused = (faults: Faults): MeshFault => meshFault("shape", faults.map((f) => f.message).join("; "))

const open = (
  spread: Spread,
  where: Where,
  name: string,
  engine?: Engine,
): Effect.Effect<Mesh, MeshFault, Device> => {
  const wrong = spreadFaults(spread)
  return wrong.length > 0
    ? Effect.fail(refused(wrong))
    : Effect.map(Device, (device) => meshOn(device, spread, where, name, engine))
}

/** One rank, on the device that there is. */
export const single: Layer.Layer<Mesh, never, Device> = Layer.effect(
  Mesh,
  Effect.map(Device, (device) => meshOn(device, alone, "local", "single", undefined)),
)

/** All ranks on the device that there is. Faults: a shape that is none. */
export const local = (spread: Spread): Layer.Layer<Mesh, MeshFault, Device> =>
  Layer.effect(Mesh, open(spread, "local", "local"))

/**
 * This process as one rank of many; the Device must have been made with the same engine. Faults: a shape that is none,
 * or that is not the engine's.
 */
export const processes = (spread: Spread, engine: Engine, name = "processes"): Layer.Layer<Mesh, MeshFault, Device> =>
  Layer.effect(Mesh, openWith(spread, engine, name))

const openWith = (spread: Spread, engine: Engine, name: string): Effect.Effect<Mesh, MeshFault, Device> => {
  const [ours, theirs] = [spread.shape, engine.shape].map((s) =>
    Object.entries(s).filter(([, n]) => n > 1).map(([a, n]) => `${a} ${n}`).join(" x ")
  )
  return ours === theirs ? open(spread, "processes", name, engine) : Effect.fail(
    meshFault(
      "shape",
      `the mesh is ${ours || "one rank"}, but its engine joins ${theirs || "one rank"}; use one shape`,
    ),
  )
}
